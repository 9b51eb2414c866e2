package fleet

import "slices"

// Tier is how much a token is meant for.
type Tier string

const (
	TierLook   Tier = "look"   // see everything, change nothing
	TierManage Tier = "manage" // all of look, and change containers
)

// Role is the name of the Proxmox role that holds the tier's privileges.
func (t Tier) Role() string {
	if t == TierManage {
		return "BerthManage"
	}
	return "BerthLook"
}

// Proxmox's access paths that the needs are on.
const (
	pathRoot    = "/"
	pathGuests  = "/vms"
	pathNodes   = "/nodes"
	pathStorage = "/storage"
	pathPools   = "/pool"
	pathBridges = "/sdn/zones/localnetwork"
)

// Need is one privilege on one path; any one of AnyOf is enough.
type Need struct {
	AnyOf []string
	Path  string
}

// Thing is something that Berth does, and what Proxmox wants for it.
type Thing struct {
	Code  string // stable
	Title string
	Tier  Tier
	Now   bool   // this Berth does it; the others are asked for beforehand, so that a token need be made only once
	Loss  string // what is missing without it, one sentence; for things of now
	Needs []Need
}

func on(path string, privileges ...string) []Need {
	needs := make([]Need, len(privileges))
	for i, privilege := range privileges {
		needs[i] = Need{AnyOf: []string{privilege}, Path: path}
	}
	return needs
}

func either(path string, privileges ...string) []Need {
	return []Need{{AnyOf: privileges, Path: path}}
}

// things is the one table of what Berth does with a token. It follows the
// permission checks of Proxmox's API (apischema, "permissions") and of
// PVE::LXC::check_ct_modify_config_perm.
var things = []Thing{
	{Code: "containers", Title: "See containers", Tier: TierLook, Now: true,
		Loss:  "Containers that it may not see are left out.",
		Needs: on(pathGuests, "VM.Audit")},
	{Code: "node-numbers", Title: "See the load of nodes", Tier: TierLook, Now: true,
		Loss:  "Nodes are shown without CPU, memory and version.",
		Needs: on(pathNodes, "Sys.Audit")},
	{Code: "cluster-state", Title: "See members, addresses and quorum", Tier: TierLook, Now: true,
		Loss:  "Members are known by name only, and a dead node is noticed later.",
		Needs: on(pathRoot, "Sys.Audit")},
	{Code: "changes", Title: "Notice changes at once", Tier: TierLook, Now: true,
		Loss:  "Changes are noticed with the next look, not with the task that makes them.",
		Needs: on(pathRoot, "Sys.Audit")},
	{Code: "pools", Title: "See pools", Tier: TierLook, Now: true,
		Loss:  "Containers are shown without their pool.",
		Needs: on(pathPools, "Pool.Audit")},
	{Code: "storages", Title: "See storages and OS templates", Tier: TierLook,
		Needs: either(pathStorage, "Datastore.Audit", "Datastore.AllocateSpace")},
	{Code: "bridges", Title: "See bridges", Tier: TierLook,
		Needs: either(pathBridges, "SDN.Audit", "SDN.Use")},

	{Code: "power", Title: "Start, shut down, stop, reboot", Tier: TierManage, Now: true,
		Loss:  "Containers can be looked at, but not started or stopped.",
		Needs: on(pathGuests, "VM.PowerMgmt")},
	{Code: "console", Title: "Console", Tier: TierManage,
		Needs: on(pathGuests, "VM.Console")},
	{Code: "snapshots", Title: "Take and delete snapshots", Tier: TierManage,
		Needs: on(pathGuests, "VM.Snapshot")},
	{Code: "rollback", Title: "Roll back to a snapshot", Tier: TierManage,
		Needs: either(pathGuests, "VM.Snapshot", "VM.Snapshot.Rollback")},
	{Code: "create", Title: "Create containers", Tier: TierManage,
		Needs: slices.Concat(
			on(pathGuests, "VM.Allocate", "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"),
			on(pathStorage, "Datastore.AllocateSpace"),
			on(pathBridges, "SDN.Use"))},
	{Code: "configure", Title: "Change configuration", Tier: TierManage,
		Needs: on(pathGuests, "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options")},
	{Code: "resize", Title: "Grow and move disks", Tier: TierManage,
		Needs: slices.Concat(on(pathGuests, "VM.Config.Disk"), on(pathStorage, "Datastore.AllocateSpace"))},
	{Code: "delete", Title: "Delete containers", Tier: TierManage, Now: true,
		Loss:  "Containers cannot be deleted from here.",
		Needs: on(pathGuests, "VM.Allocate")},
	{Code: "clone", Title: "Clone", Tier: TierManage,
		Needs: slices.Concat(on(pathGuests, "VM.Clone", "VM.Allocate"), on(pathStorage, "Datastore.AllocateSpace"), on(pathBridges, "SDN.Use"))},
	{Code: "migrate", Title: "Move to another node", Tier: TierManage,
		Needs: on(pathGuests, "VM.Migrate")},
	{Code: "backup", Title: "Back up", Tier: TierManage,
		Needs: slices.Concat(on(pathGuests, "VM.Backup"), on(pathStorage, "Datastore.AllocateSpace"))},
	{Code: "restore", Title: "Restore a backup", Tier: TierManage,
		Needs: slices.Concat(on(pathGuests, "VM.Backup", "VM.Allocate"), on(pathStorage, "Datastore.AllocateSpace"), on(pathBridges, "SDN.Use"))},
	{Code: "os-templates", Title: "Download OS templates", Tier: TierManage,
		Needs: on(pathStorage, "Datastore.AllocateTemplate")},
}

// Things is the table of what Berth does with a token, in the order in which people read it.
func Things() []Thing { return slices.Clone(things) }

// Privileges lists what the tier's role holds, sorted: all that its things
// need. Manage holds look's too, since a role on a deeper path replaces the
// one above it.
func (t Tier) Privileges() []string {
	var all []string
	for _, thing := range things {
		if thing.Tier != TierLook && t == TierLook {
			continue
		}
		for _, need := range thing.Needs {
			all = append(all, need.AnyOf[0])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Grant is one line of Proxmox's access control list.
type Grant struct {
	Path string
	Role string
}

// Grants lists where the tier's roles are put, so that the token may do all
// the tier's things in the whole cluster, or, when pools are named, look at
// the whole and manage only what is in those.
func (t Tier) Grants(pools []string) []Grant {
	look, manage := TierLook.Role(), TierManage.Role()
	if len(pools) > 0 {
		var grants []Grant
		for _, pool := range pools {
			grants = append(grants, Grant{"/pool/" + pool, t.Role()})
		}
		return grants
	}
	grants := []Grant{{pathRoot, look}}
	if t == TierManage {
		for _, path := range []string{pathGuests, pathStorage, pathBridges} {
			grants = append(grants, Grant{path, manage})
		}
	}
	return grants
}
