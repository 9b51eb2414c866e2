package pvesim

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestPrivileges is the table of Proxmox's role logic.
func TestPrivileges(t *testing.T) {
	type line struct{ path, who, role string }
	deep, flat := true, false
	cases := []struct {
		name      string
		lines     []line
		propagate *bool
		who, path string
		want      string // privileges out of those asked about
	}{
		{"root may everything", nil, nil, "root@pam", "/vms/100", "VM.Audit VM.PowerMgmt Sys.Modify"},
		{"nobody has nothing", nil, nil, "anna@pve", "/", ""},
		{"inherited from the root", []line{{"/", "anna@pve", "PVEAuditor"}}, &deep, "anna@pve", "/vms/100", "VM.Audit"},
		{"not inherited without propagate", []line{{"/", "anna@pve", "PVEAuditor"}}, &flat, "anna@pve", "/vms/100", ""},
		{"but there itself", []line{{"/vms", "anna@pve", "PVEAuditor"}}, &flat, "anna@pve", "/vms", "VM.Audit"},
		{"a deeper path replaces", []line{{"/", "anna@pve", "PVEAuditor"}, {"/vms", "anna@pve", "PVEDatastoreUser"}}, &deep, "anna@pve", "/vms/101", ""},
		{"but a pool inherits from the root and hands it on", []line{{"/", "anna@pve", "PVEAuditor"}, {"/vms", "anna@pve", "PVEDatastoreUser"}}, &deep, "anna@pve", "/vms/100", "VM.Audit"},
		{"two roles on one path add up", []line{{"/vms", "anna@pve", "PVEAuditor"}, {"/vms", "anna@pve", "PVEVMUser"}}, &deep, "anna@pve", "/vms/100", "VM.Audit VM.PowerMgmt"},
		{"NoAccess wins on its path", []line{{"/", "anna@pve", "PVEAdmin"}, {"/vms/101", "anna@pve", "NoAccess"}}, &deep, "anna@pve", "/vms/101", ""},
		{"a sibling keeps", []line{{"/", "anna@pve", "PVEAuditor"}, {"/vms/101", "anna@pve", "NoAccess"}}, &deep, "anna@pve", "/vms/100", "VM.Audit"},
		{"by group", []line{{"/vms", "@crew", "PVEVMUser"}}, &deep, "anna@pve", "/vms/100", "VM.Audit VM.PowerMgmt"},
		{"the user's own line beats the group's", []line{{"/vms", "@crew", "PVEVMUser"}, {"/vms", "anna@pve", "PVEAuditor"}}, &deep, "anna@pve", "/vms/100", "VM.Audit"},
		{"from a pool", []line{{"/pool/team", "anna@pve", "PVEVMUser"}}, &deep, "anna@pve", "/vms/100", "VM.Audit VM.PowerMgmt"},
		{"a pool says nothing of others", []line{{"/pool/team", "anna@pve", "PVEVMUser"}}, &deep, "anna@pve", "/vms/101", ""},
		{"a pool beats NoAccess", []line{{"/", "anna@pve", "NoAccess"}, {"/pool/team", "anna@pve", "PVEVMUser"}}, &deep, "anna@pve", "/vms/100", "VM.Audit VM.PowerMgmt"},
		{"a separated token starts with nothing", []line{{"/", "anna@pve", "PVEAdmin"}}, &deep, "anna@pve!sep", "/vms/100", ""},
		{"and has the smaller of two", []line{{"/", "anna@pve", "PVEAuditor"}, {"/", "anna@pve!sep", "PVEVMUser"}}, &deep, "anna@pve!sep", "/vms/100", "VM.Audit"},
		{"a full token is its user", []line{{"/", "anna@pve", "PVEVMUser"}}, &deep, "anna@pve!full", "/vms/100", "VM.Audit VM.PowerMgmt"},
		{"root's separated token has only its own", []line{{"/vms", "root@pam!sep", "PVEAuditor"}}, &deep, "root@pam!sep", "/vms/100", "VM.Audit"},
		{"a disabled user has nothing", []line{{"/", "gone@pve", "PVEAdmin"}}, &deep, "gone@pve", "/vms/100", ""},
	}
	asked := []string{"VM.Audit", "VM.PowerMgmt", "Sys.Modify"}
	s := quick(t, Config{Clusters: []ClusterSpec{{
		Name: "lab", Nodes: []NodeSpec{{Name: "pve1", CTs: []ContainerSpec{{VMID: 100, Pool: "team"}, {VMID: 101}}}},
		Users: []UserSpec{
			{ID: "root@pam", Tokens: []TokenSpec{{ID: "sep", PrivSep: true}}},
			{ID: "anna@pve", Groups: []string{"crew"}, Tokens: []TokenSpec{{ID: "sep", PrivSep: true}, {ID: "full"}}},
			{ID: "gone@pve", Disabled: true},
		},
	}}})
	c := s.Cluster("lab")
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c.acl, c.aclCache = nil, nil
			for _, l := range tc.lines {
				c.SetACL(l.path, l.who, l.role, *tc.propagate)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			var has []string
			got := c.privileges(tc.who, tc.path)
			for _, p := range asked {
				if _, ok := got[p]; ok {
					has = append(has, p)
				}
			}
			slices.Sort(has)
			want := strings.Fields(tc.want)
			slices.Sort(want)
			if !slices.Equal(has, want) {
				t.Errorf("%s on %s has %v, want %v (all: %v)", tc.who, tc.path, has, want, slices.Sorted(maps.Keys(got)))
			}
		})
	}
}

func TestPoolRolesDoNotPropagate(t *testing.T) {
	s := quick(t, Config{Clusters: []ClusterSpec{{
		Name: "lab", Nodes: []NodeSpec{{Name: "pve1", CTs: []ContainerSpec{{VMID: 100, Pool: "team"}}}},
		Users: []UserSpec{{ID: "anna@pve", Password: "pw", ACL: []ACLSpec{{Path: "/pool/team", Role: "PVEAuditor"}}}},
	}}})
	anna, _ := ask(t, s.Cluster("lab").Node("pve1")).login("anna@pve", "pw")
	var paths map[string]map[string]int
	anna.get("/access/permissions").data(t, &paths)
	if flag, there := paths["/vms/100"]["VM.Audit"]; !there || flag != 0 {
		t.Errorf("/vms/100 from the pool: %v, want VM.Audit with 0", paths["/vms/100"])
	}
	if paths["/pool/team"]["VM.Audit"] != 1 {
		t.Errorf("/pool/team: %v", paths["/pool/team"])
	}
	if _, there := paths["/"]; there {
		t.Errorf("a path without privileges is listed: %v", paths["/"])
	}
}
