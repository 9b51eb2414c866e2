package pvesim

import (
	"net/url"
	"strings"
	"testing"
)

// TestRefusalsOfWrites is the table of what the access calls refuse, and in
// which words.
func TestRefusalsOfWrites(t *testing.T) {
	_, _, _, who := people(t)
	root := who.asRoot()
	anna, _ := who.login("anna@pve", "pw-anna")
	acl := func(path, role, user string) url.Values {
		return url.Values{"path": {path}, "roles": {role}, "users": {user}}
	}
	cases := []struct {
		name         string
		as           *caller
		method, path string
		form         url.Values
		status       int
		words        string
	}{
		{"a path of nobody's", root, "PUT", "/access/acl", acl("/foo", "PVEAuditor", "anna@pve"), 400, "invalid ACL path '/foo'"},
		{"a path that climbs", root, "PUT", "/access/acl", acl("/vms/../access", "PVEAuditor", "anna@pve"), 400, "invalid ACL path"},
		{"a small VMID", root, "PUT", "/access/acl", acl("/vms/5", "PVEAuditor", "anna@pve"), 400, "invalid ACL path"},
		{"odd letters", root, "PUT", "/access/acl", acl("/vms/<b>", "PVEAuditor", "anna@pve"), 403, "Permission check failed"},
		{"slashes are tidied", root, "PUT", "/access/acl", acl("//vms//100/", "PVEAuditor", "anna@pve"), 200, ""},
		{"no such role", root, "PUT", "/access/acl", acl("/", "Boss", "anna@pve"), 500, "role 'Boss' does not exist"},
		{"no such user", root, "PUT", "/access/acl", acl("/", "PVEAuditor", "zoe@pve"), 500, "user 'zoe@pve' does not exist"},
		{"for nobody", root, "PUT", "/access/acl", url.Values{"path": {"/"}, "roles": {"PVEAuditor"}}, 400, "either 'users', 'groups' or 'tokens' is required."},
		{"without the right", anna, "PUT", "/access/acl", acl("/vms/100", "PVEAuditor", "anna@pve"), 403, "Permission check failed (/vms/100, Permissions.Modify|VM.Allocate)"},
		{"a role of Proxmox's own", root, "POST", "/access/roles", url.Values{"roleid": {"pveMine"}}, 400, "namespace"},
		{"a role", root, "POST", "/access/roles", url.Values{"roleid": {"Berth"}, "privs": {"VM.Audit,Sys.Audit"}}, 200, ""},
		{"the role again", root, "POST", "/access/roles", url.Values{"roleid": {"Berth"}}, 500, "role 'Berth' already exists"},
		{"a privilege that is none", root, "POST", "/access/roles", url.Values{"roleid": {"Other"}, "privs": {"VM.Fly"}}, 500, "invalid privilege 'VM.Fly'"},
		{"a role by an auditor", anna, "POST", "/access/roles", url.Values{"roleid": {"Mine"}}, 403, "Permission check failed (/access, Sys.Modify)"},
		{"what a role holds", anna, "GET", "/access/roles/Berth", nil, 200, `"VM.Audit":1`},
		{"a role away by an auditor", anna, "DELETE", "/access/roles/Berth", nil, 403, "Permission check failed (/access, Sys.Modify)"},
		{"a role away", root, "DELETE", "/access/roles/Berth", nil, 200, ""},
		{"the role away again", root, "DELETE", "/access/roles/Berth", nil, 500, "role 'Berth' does not exist"},
		{"a role of Proxmox's away", root, "DELETE", "/access/roles/PVEAuditor", nil, 500, "cannot be deleted"},
		{"a bad token id", anna, "POST", "/access/users/anna@pve/token/1x", url.Values{}, 400, "value does not match the regex pattern"},
		{"one's own token", anna, "POST", "/access/users/anna@pve/token/mine", url.Values{"privsep": {"1"}}, 200, ""},
		{"privsep in words", anna, "POST", "/access/users/anna@pve/token/more", url.Values{"privsep": {"true"}}, 400, "type check ('boolean') failed - got 'true'"},
		{"another's token", anna, "POST", "/access/users/emil@pve/token/x", url.Values{}, 403, "Permission check failed"},
		{"a new secret", anna, "PUT", "/access/users/anna@pve/token/mine", url.Values{"regenerate": {"1"}}, 200, `"value":"`},
		{"no such token", anna, "PUT", "/access/users/anna@pve/token/none", url.Values{"comment": {"x"}}, 500, "no such token 'none' for user 'anna@pve'"},
		{"a broken UPID", root, "GET", "/nodes/pve1/tasks/UPID:pve1:1/status", nil, 400, "unable to parse worker upid"},
		{"a parameter twice", root, "GET", "/nodes/pve1/version?node=pve2", nil, 400, "duplicate parameter (already defined in URI)"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := *tc.as
			c.t = t
			res := c.do(tc.method, tc.path, tc.form)
			if res.status != tc.status || !strings.Contains(res.body, tc.words) {
				t.Errorf("%d %q %s, want %d with %q", res.status, res.reason, res.body, tc.status, tc.words)
			}
		})
	}
}

func TestStandaloneHostOfEight(t *testing.T) {
	s := quick(t, Config{Seed: 1})
	n := s.Cluster("attic").Node("attic")
	root := ask(t, n).asRoot()
	if res := root.get("/cluster/config/join"); res.status != 424 {
		t.Errorf("join: %d %s", res.status, res.reason)
	}
	var members []map[string]any
	root.get("/cluster/status").data(t, &members)
	if len(members) != 1 || members[0]["type"] != "node" || members[0]["local"] != 1.0 {
		t.Errorf("status %v", members)
	}
	var list []map[string]any
	root.get("/nodes/attic/lxc").data(t, &list)
	if _, isText := list[0]["vmid"].(string); !isText {
		t.Errorf("vmid %T, want a string as PVE 8 has it", list[0]["vmid"])
	}
	for k := range list[0] {
		if strings.HasPrefix(k, "pressure") {
			t.Errorf("8.4 has no %s", k)
		}
	}
	if res := root.do("PUT", "/access/users/root@pam/token/x", url.Values{"regenerate": {"1"}}); res.status == 200 {
		t.Error("8.4 knows no regenerate")
	}
	if res := root.get("/access/roles"); strings.Contains(res.body, "VM.GuestAgent") || !strings.Contains(res.body, "VM.Monitor") {
		t.Error("the roles are not those of 8.4")
	}
}
