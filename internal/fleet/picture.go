package fleet

import (
	"slices"
	"time"
)

// Status is a container's state in one word.
type Status string

const (
	Running   Status = "running"
	Stopped   Status = "stopped"
	Suspended Status = "suspended" // frozen or "paused", where PVE says so
	Unknown   Status = "unknown"   // PVE itself does not know
)

// ParseStatus reads Proxmox's word for a guest's state; one that it does not know is Unknown.
func ParseStatus(word string) Status {
	switch word {
	case "running":
		return Running
	case "stopped":
		return Stopped
	case "suspended", "paused", "frozen", "freezing":
		return Suspended
	}
	return Unknown
}

// Container is an LXC guest as last seen. Sizes are bytes; a value that was not
// told is zero, and Max… of zero means that no ratio can be given.
type Container struct {
	ID       ContainerID
	Node     string // PVE name of the node that it is on
	Hostname string // may be empty
	Status   Status
	Template bool // a template container: it cannot run
	Lock     string
	// LockedAt is when Berth first saw the present lock.
	LockedAt  time.Time
	Tags      []string // as PVE keeps them: sorted, lower-case, no duplicates
	CPU       float64  // fraction of CPUs, 0 to about 1
	CPUs      float64  // allotted; may be fractional
	Mem       int64
	MaxMem    int64
	Disk      int64 // zero when stopped
	MaxDisk   int64
	Uptime    time.Duration
	Pool      string
	HA        string
	Addresses []string // filled in lazily; nil when not asked yet
	// SeenAt is when Proxmox last told something about it that Berth believes.
	SeenAt time.Time
	// Stale: its node or cluster does not answer; everything above is as last seen.
	Stale bool
}

// Name is the hostname, else "CT 100". Proxmox itself calls a container without
// a hostname "CT100" (PVE::LXC::vmstatus).
func (c Container) Name() string {
	if id := c.ID.VMID.String(); c.Hostname == "" || c.Hostname == "CT"+id {
		return "CT " + id
	}
	return c.Hostname
}

// NodeID is the identity of the node that the container is on.
func (c Container) NodeID() NodeID { return NodeID{c.ID.Cluster, c.Node} }

// MemRatio and DiskRatio are 0 to 1 or more; ok is false when no ratio can be given.
func (c Container) MemRatio() (r float64, ok bool)  { return ratio(c.Mem, c.MaxMem) }
func (c Container) DiskRatio() (r float64, ok bool) { return ratio(c.Disk, c.MaxDisk) }

func ratio(part, whole int64) (float64, bool) {
	if whole <= 0 {
		return 0, false
	}
	return float64(part) / float64(whole), true
}

// NodeState is whether a node answers.
type NodeState string

const (
	Online      NodeState = "online"
	Unreachable NodeState = "unreachable" // offline by its cluster's word, or by a failed call to it
	NotSeen     NodeState = "not-seen"    // never heard of since it was added
)

// Node is a PVE node as last seen.
type Node struct {
	ID       NodeID
	Label    string
	Default  bool // the owner's default node
	State    NodeState
	CPU      float64 // fraction of CPUs
	CPUs     int
	Mem      int64
	MaxMem   int64
	Uptime   time.Duration
	Version  string // PVE version, "9.2.11"; empty when not known
	Trouble  *Trouble
	SeenAt   time.Time
	DownSeen time.Time // when it was first found unreachable; zero when online
}

// Title is what people call the node: the label, else the PVE name.
func (n Node) Title() string {
	if n.Label != "" {
		return n.Label
	}
	return n.ID.Name
}

// Trouble is what is wrong with a node or a cluster, in sentences for people.
type Trouble struct {
	Kind    string    `json:"kind"` // a problem.Kind
	What    string    `json:"what"` // "pve3 cannot be reached."
	Remedy  string    `json:"remedy,omitempty"`
	Proxmox string    `json:"proxmox,omitempty"` // Proxmox's own words
	Since   time.Time `json:"since"`
	// RetryAt is when Berth tries again by itself; zero when only a person can make it try.
	RetryAt time.Time `json:"retryAt,omitzero"`
}

// Notice is something that limits what can be seen, and is no failure: a missing privilege.
type Notice struct {
	Code string `json:"code"` // stable: "no-containers-visible", "slow-updates", "no-node-numbers", "truncated", "unread-rows", …
	Text string `json:"text"`
	// Privilege is the missing one, with its path, when that is the reason: "Sys.Audit on /".
	Privilege string `json:"privilege,omitempty"`
}

// Spend is what watching the cluster costs Proxmox.
type Spend struct {
	PerMinute int           // requests in the last 60 s
	P95       time.Duration // of the answers of the last few minutes
}

// ClusterPicture is one cluster as last seen. It is never changed after it was
// published; the watcher swaps whole ones.
type ClusterPicture struct {
	Cluster    ClusterID
	Owner      string
	Name       string
	Standalone bool
	Rev        uint64      // grows with each published picture of this cluster in this process
	Nodes      []Node      // sorted by name
	Containers []Container // sorted by VMID
	Guests     int         // VMs and containers that PVE told of, to tell "empty" from "may see nothing"
	Quorate    bool
	Version    string    // of the node that answers
	SeenAt     time.Time // last whole answer; zero: never
	Trouble    *Trouble  // the cluster as a whole cannot be seen
	Notices    []Notice
	Spend      Spend
	// Rights is what the token may do, as read at add, after a 403 and hourly; nil while that is not known.
	Rights    *Rights
	Answering string // address that answers now
}

// Node finds a node by its PVE name; ok is false when there is none.
func (p *ClusterPicture) Node(name string) (Node, bool) {
	i, ok := slices.BinarySearchFunc(p.Nodes, name, func(n Node, name string) int {
		switch {
		case n.ID.Name < name:
			return -1
		case n.ID.Name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return Node{}, false
	}
	return p.Nodes[i], true
}

// Container finds a container by VMID; ok is false when there is none.
func (p *ClusterPicture) Container(id VMID) (Container, bool) {
	i, ok := slices.BinarySearchFunc(p.Containers, id, func(c Container, id VMID) int { return int(c.ID.VMID) - int(id) })
	if !ok {
		return Container{}, false
	}
	return p.Containers[i], true
}

// Picture is the whole fleet of one owner as last seen: its clusters' pictures
// in the order in which they were added. Immutable.
type Picture struct {
	Owner    string
	Rev      uint64 // grows whenever any part changed
	Clusters []*ClusterPicture
}

// Nodes counts the nodes of all clusters.
func (p *Picture) Nodes() (n int) {
	for _, c := range p.Clusters {
		n += len(c.Nodes)
	}
	return n
}

// Containers counts the containers of all clusters.
func (p *Picture) Containers() (n int) {
	for _, c := range p.Clusters {
		n += len(c.Containers)
	}
	return n
}
