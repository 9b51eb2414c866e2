package pvesim

import (
	"slices"
	"strings"
)

// standardRoles are the built-in roles of PVE 9.
func standardRoles() map[string]map[string]bool {
	vmUser := "VM.Audit VM.Backup VM.Config.CDROM VM.Config.Cloudinit VM.Console VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite VM.PowerMgmt"
	vmAdmin := vmUser + " VM.Allocate VM.Clone VM.Config.CPU VM.Config.Disk VM.Config.HWType VM.Config.Memory VM.Config.Network VM.Config.Options VM.GuestAgent.Unrestricted VM.Migrate VM.Replicate VM.Snapshot VM.Snapshot.Rollback"
	datastore := "Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit"
	admin := vmAdmin + " " + datastore + " Group.Allocate Mapping.Audit Mapping.Use Pool.Allocate Pool.Audit Realm.AllocateUser SDN.Allocate SDN.Audit SDN.Use Sys.Audit Sys.Console Sys.Syslog User.Modify"
	roles := map[string]string{
		"Administrator":     admin + " Mapping.Modify Permissions.Modify Realm.Allocate Sys.AccessNetwork Sys.Incoming Sys.Modify Sys.PowerMgmt",
		"NoAccess":          "",
		"PVEAdmin":          admin,
		"PVEAuditor":        "Datastore.Audit Mapping.Audit Pool.Audit SDN.Audit Sys.Audit VM.Audit VM.GuestAgent.Audit",
		"PVEDatastoreAdmin": datastore,
		"PVEDatastoreUser":  "Datastore.AllocateSpace Datastore.Audit",
		"PVEMappingAdmin":   "Mapping.Audit Mapping.Modify Mapping.Use",
		"PVEMappingUser":    "Mapping.Audit Mapping.Use",
		"PVEPoolAdmin":      "Pool.Allocate Pool.Audit",
		"PVEPoolUser":       "Pool.Audit",
		"PVESDNAdmin":       "SDN.Allocate SDN.Audit SDN.Use",
		"PVESDNUser":        "SDN.Audit SDN.Use",
		"PVESysAdmin":       "Sys.Audit Sys.Console Sys.Syslog",
		"PVETemplateUser":   "VM.Audit VM.Clone",
		"PVEUserAdmin":      "Group.Allocate Realm.AllocateUser User.Modify",
		"PVEVMAdmin":        vmAdmin,
		"PVEVMUser":         vmUser,
	}
	set := map[string]map[string]bool{}
	for role, privs := range roles {
		set[role] = map[string]bool{}
		for _, p := range strings.Fields(privs) {
			set[role][p] = true
		}
	}
	return set
}

// eightDiffers turns the roles into those of PVE 8, which knew VM.Monitor and
// no VM.GuestAgent.*.
func eightDiffers(roles map[string]map[string]bool) {
	for _, privs := range roles {
		agent := privs["VM.GuestAgent.Audit"]
		for p := range privs {
			if strings.HasPrefix(p, "VM.GuestAgent.") || p == "VM.Replicate" {
				delete(privs, p)
			}
		}
		if agent && privs["VM.Console"] && privs["VM.Allocate"] {
			privs["VM.Monitor"] = true
		}
	}
}

func listRoles(cl *call) (any, error) {
	standard := standardRoles()
	list := []obj{}
	for role, privs := range cl.cluster.roles {
		names := make([]string, 0, len(privs))
		for p := range privs {
			names = append(names, p)
		}
		slices.Sort(names)
		o := obj{{"roleid", role}, {"privs", strings.Join(names, ",")}}
		_, special := standard[role]
		list = append(list, o.withIf(special, "special", 1))
	}
	return list, nil
}

func createRole(cl *call) (any, error) {
	c, role := cl.cluster, cl.args["roleid"]
	if strings.HasPrefix(strings.ToUpper(role), "PVE") {
		return nil, badParam("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
	}
	if err := c.needQuorum("create role failed"); err != nil {
		return nil, err
	}
	if c.roles[role] != nil {
		return nil, failed("create role failed: role '%s' already exists", role)
	}
	privs := map[string]bool{}
	for _, p := range splitList(cl.args["privs"]) {
		if !c.roles["Administrator"][p] {
			return nil, failed("create role failed: invalid privilege '%s'", p)
		}
		privs[p] = true
	}
	c.roles[role], c.aclCache = privs, nil
	return nil, nil
}

func readRole(cl *call) (any, error) {
	privs, there := cl.cluster.roles[cl.args["roleid"]]
	if !there {
		return nil, failed("role '%s' does not exist", cl.args["roleid"])
	}
	o := obj{}
	for p := range privs {
		o = o.with(p, 1)
	}
	return o, nil
}

// deleteRole takes a role away, and the ACL lines that gave it.
func deleteRole(cl *call) (any, error) {
	c, role := cl.cluster, cl.args["roleid"]
	if _, special := standardRoles()[role]; special {
		return nil, failed("auto-generated role '%s' cannot be deleted", role)
	}
	if err := c.needQuorum("delete role failed"); err != nil {
		return nil, err
	}
	if c.roles[role] == nil {
		return nil, failed("delete role failed: role '%s' does not exist", role)
	}
	delete(c.roles, role)
	c.acl = slices.DeleteFunc(c.acl, func(e aclEntry) bool { return e.role == role })
	c.aclCache = nil
	return nil, nil
}
