package act

import (
	"context"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// Connection is a way to one cluster with its token. Errors are problems.
type Connection interface {
	// Current is a container's own status on that node, which does not lag; a Gone problem when it is not there.
	Current(ctx context.Context, node string, id fleet.VMID) (State, error)
	// Where is the node that the cluster has the container on; empty: nowhere.
	Where(ctx context.Context, id fleet.VMID) (node string, err error)
	Config(ctx context.Context, node string, id fleet.VMID) (Config, error)
	// Quorate asks whether the cluster has quorum; a standalone host always has.
	Quorate(ctx context.Context) (bool, error)
	// Do asks Proxmox for one thing, once, and returns the UPID of the task that it became.
	Do(ctx context.Context, node string, id fleet.VMID, c Call) (upid string, err error)
	// Task is how far a task is; a Forgotten problem when Proxmox does not know it any more.
	Task(ctx context.Context, upid string) (Task, error)
	// TaskLog gives the lines of a task's log after the first so many.
	TaskLog(ctx context.Context, upid string, after int) ([]string, error)
	// Tasks tells of the cluster's tasks whether they run; those that ended long ago are left out.
	// It is empty without Sys.Audit on /.
	Tasks(ctx context.Context) (running map[string]bool, err error)
	// TasksOf lists a container's tasks on a node that began at or after a time and were started by this connection's token.
	TasksOf(ctx context.Context, node string, id fleet.VMID, since time.Time) ([]Task, error)
	Close()
}

// State is a container as its own status tells of it.
type State struct {
	fleet.Container
	Managed bool // by the cluster's HA: what Proxmox is asked for is only a request
}

// Config is what an action wants to know of a container's configuration.
type Config struct {
	Name      string
	Root      string // its root volume: "local-lvm:vm-104-disk-0"
	Storage   string // of the root volume
	Protected bool
	Order     int // in the startup order; negative: none
	// Up is the wait after its start before the next ones, Down how long its shutdown may take; 0: not said.
	Up, Down time.Duration
}

// Call is one thing that Proxmox is asked for.
type Call struct {
	Action  fleet.Action
	Timeout time.Duration // of shutdown
	Force   bool          // stop it when the time is over
	Purge   bool          // of delete: out of HA and replication too
	// UnreferencedDisks destroys volumes with its VMID that its configuration does not name.
	UnreferencedDisks bool
}

// Task is a task as its node tells of it.
type Task struct {
	UPID      string
	Type      string
	StartedAt time.Time
	Running   bool
	Warnings  int
	// Problem is why it did not end well; nil while it runs and after OK or WARNINGS.
	Problem *problem.Problem
}
