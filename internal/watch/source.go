package watch

import (
	"context"
	"time"

	"berth/internal/fleet"
)

// Source is one cluster as the watcher asks it. Each method but Answering and
// Close is one request to Proxmox, so that the budget counts what Proxmox sees.
// Errors carry a *problem.Problem that says what went wrong. A Source is used by
// a few goroutines at once.
type Source interface {
	// Resources is GET /cluster/resources without a type.
	Resources(ctx context.Context) (Resources, error)
	// Status is GET /cluster/status; it needs Sys.Audit on /.
	Status(ctx context.Context) (Status, error)
	// Tasks is GET /cluster/tasks; it is empty without Sys.Audit on /.
	Tasks(ctx context.Context) ([]Task, error)
	// Permissions is GET /access/permissions of the token itself.
	Permissions(ctx context.Context) (fleet.Permissions, error)
	// Current is GET /nodes/{node}/lxc/{vmid}/status/current, which does not lag.
	Current(ctx context.Context, node string, id fleet.VMID) (Guest, error)
	// NodeGuests is GET /nodes/{node}/lxc: the containers of one node, not lagging.
	NodeGuests(ctx context.Context, node string) ([]Guest, error)
	// Addresses is GET /nodes/{node}/lxc/{vmid}/interfaces, without loopback and
	// link-local ones and without prefix length; empty when the container is stopped.
	Addresses(ctx context.Context, node string, id fleet.VMID) ([]string, error)
	// Version is the PVE version ("9.2.11") of a node: GET /nodes/{node}/version,
	// or GET /version for the empty name, which means the one that answers.
	Version(ctx context.Context, node string) (string, error)
	CloseSource
	// Answering is the address that gave the last answer, as people write it.
	Answering() string
	// Close ends kept-alive connections. No call follows.
	Close()
}

// CloseSource is what looking closely at one container asks; the same holds as for Source.
type CloseSource interface {
	// CurrentDetail is GET /nodes/{node}/lxc/{vmid}/status/current in full.
	CurrentDetail(ctx context.Context, node string, id fleet.VMID) (fleet.Live, error)
	// Config is GET …/config?current=1, Pending GET …/pending without what is in force.
	Config(ctx context.Context, node string, id fleet.VMID) (fleet.Config, error)
	Pending(ctx context.Context, node string, id fleet.VMID) ([]fleet.PendingChange, error)
	// Interfaces is GET …/interfaces with everything in it; nil when the container does not run.
	Interfaces(ctx context.Context, node string, id fleet.VMID) ([]fleet.Interface, error)
	// History is GET …/rrddata, the oldest sample first.
	History(ctx context.Context, node string, id fleet.VMID, frame fleet.Frame) ([]fleet.Sample, error)
	// GuestTasks is GET /nodes/{node}/tasks of one guest: the newest 50, running ones too.
	GuestTasks(ctx context.Context, node string, id fleet.VMID) ([]fleet.Task, error)
	// TaskLog is GET /nodes/{node}/tasks/{upid}/log, as Berth shows lines. A UPID that is none is refused.
	TaskLog(ctx context.Context, upid string) ([]string, error)
}

// Resources is one answer of /cluster/resources. Rows that could not be read at
// all are left out by the Source, and counted; what is odd inside a row is the
// watcher's to judge.
type Resources struct {
	Guests []Guest   // containers only
	Nodes  []NodeRow // every member, for any login
	VMs    int       // how many rows were virtual machines
	Cut    bool      // rows beyond a limit were left out
	Unread int       // rows that made no sense and were left out
}

// Guest is a container as one answer tells of it. What was not told is zero.
type Guest struct {
	VMID          fleet.VMID
	Node          string
	Name          string
	Status        string // Proxmox's own word
	Template      bool
	Lock          string
	Tags          []string
	Pool          string
	HA            string
	CPU           float64 // fraction of CPUs
	CPUs          float64
	Mem, MaxMem   int64
	Disk, MaxDisk int64
	Uptime        time.Duration
}

// NodeRow is a node as /cluster/resources tells of it.
type NodeRow struct {
	Name   string
	Status string // "online", "offline", "unknown"
	// Numbers is false when cpu and memory were not told, as without Sys.Audit on the node.
	Numbers     bool
	CPU         float64
	CPUs        int
	Mem, MaxMem int64
	Uptime      time.Duration
}

// Status is one answer of /cluster/status.
type Status struct {
	Cluster bool // false for a standalone host
	Quorate bool
	Nodes   []Member
}

// Member is a node as /cluster/status tells of it.
type Member struct {
	Name    string
	Address string
	Online  bool
	Local   bool // the node that answers
}

// Task is one line of /cluster/tasks.
type Task struct {
	UPID    string
	Node    string
	Type    string // "vzstart", …
	ID      string // mostly a VMID; may be empty
	User    string // user@realm
	Token   string // name of the token that started it; empty for a person's login
	Start   time.Time
	End     time.Time
	Running bool
	Status  string // "OK", or the error's text; empty while it runs
}
