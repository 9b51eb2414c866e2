package pvesim

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// Config says what to simulate. The same Seed gives the same fleet, values
// included; keys, certificates and listening ports are new each time.
type Config struct {
	Seed      int64
	Clusters  []ClusterSpec                     // nil: DefaultFleet()
	AuthDelay time.Duration                     // before each 401; 0: 3 s as PVE does; negative: none
	TaskTime  float64                           // factor on the time that tasks and PVE's own waits (595, 596, no quorum) take; 0: 1
	Listen    func(cluster, node string) string // address of each node; nil: 127.0.0.1:0
	CallTime  float64                           // factor on the time that calls themselves take on a real node; 0: they take none
	Now       func() time.Time                  // nil: time.Now
	Life      time.Duration                     // about so often something happens by itself: backups, reboots, moves; 0: never
	LagTime   time.Duration                     // how far /cluster/resources may lag behind; 0: 10 s as PVE does; negative: not at all
}

// ClusterSpec is one PVE authority: a cluster, or a host by itself.
type ClusterSpec struct {
	Name       string // of the cluster; for a standalone host only the name within the simulator
	Standalone bool   // one node, no corosync
	Version    string // "9.2.11" (default) or "8.4.5"
	Nodes      []NodeSpec
	Users      []UserSpec  // root@pam is added where missing, with a password of its own
	Realms     []RealmSpec // nil: pam and pve
	Pools      []string    // further pools without members
	Storages   []StorageSpec
}

// StorageSpec is a storage that the members have, each for itself unless it is
// shared. Without any there are local, a directory, and local-lvm, a thin pool.
type StorageSpec struct {
	ID      string
	Type    string   // "dir", "lvmthin", "btrfs", "nfs"
	Content []string // such as "rootdir", "vztmpl", "backup"
	Path    string   // of one with files
	Shared  bool
	Nodes   []string // only these have it
	SizeGiB int      // 0: as large as the node's disk
}

// NodeSpec is one member.
type NodeSpec struct {
	Name       string
	CPUs       int             // default 8
	MemGiB     int             // default 32
	Containers int             // so many generated ones
	CTs        []ContainerSpec // and exactly these
	VMs        int             // generated virtual machines
}

// ContainerSpec is a container that a caller wants exactly so; what is zero is
// filled with something plausible.
type ContainerSpec struct {
	VMID        int
	Name        string // hostname; "-" for none
	Running     bool
	Template    bool
	Lock        string
	Pool        string
	Tags        []string
	Cores       int     // default 1
	CPULimit    float64 // 0: none
	MemMiB      int     // default 512
	SwapMiB     int
	DiskGiB     int     // default 8
	CPU         float64 // mean load as a fraction of what is allotted; 0: by the seed
	MemUsed     float64 // mean fraction in use; 0: by the seed
	DiskUsed    float64 // fraction in use; 0: by the seed
	Description string
	Protection  bool
	Uptime      time.Duration // of a running one; 0: by the seed
	Address     string        // IPv4 with prefix; "" by the seed, "-" for none

	Config    map[string]string // further lines of the configuration, as in mp0 or startup
	Pending   map[string]string // what waits for the next start; "" is a removal
	HA        string            // state in the HA manager; "" for not managed
	Suspended bool              // a checkpoint is on disk
	Docker    bool              // has Docker's bridges inside
	History   time.Duration     // so far back reaches its rrddata; default 400 days
}

// RealmSpec is a line of GET /access/domains.
type RealmSpec struct {
	Realm, Type, Comment, TFA string
	Default                   bool
}

// UserSpec is an account with its second factors, tokens and rights.
type UserSpec struct {
	ID         string // "anna@pve"
	Password   string
	TOTPSecret string   // base32; "" for no second factor
	Recovery   []string // recovery keys, each good once
	WebAuthn   bool     // a factor that only PVE's own page can answer
	Comment    string
	Email      string
	Disabled   bool
	Expire     int64 // Unix seconds; 0 never
	Groups     []string
	Tokens     []TokenSpec
	ACL        []ACLSpec
}

// TokenSpec is an API token of a user.
type TokenSpec struct {
	ID      string
	Secret  string // "": made by the simulator
	PrivSep bool
	Expire  int64
	Comment string
	ACL     []ACLSpec // for privilege-separated ones
}

// ACLSpec gives a role on a path.
type ACLSpec struct {
	Path        string
	Role        string
	NoPropagate bool
}

// DefaultFleet is a living home lab: the cluster "lab" of three nodes and the
// older standalone host "attic", with some sixty containers in every state.
func DefaultFleet() []ClusterSpec {
	return []ClusterSpec{
		{
			Name: "lab", Version: "9.2.11",
			Nodes: []NodeSpec{
				{Name: "pve1", CPUs: 16, MemGiB: 64, Containers: 17, VMs: 1, CTs: oddContainers()},
				{Name: "pve2", CPUs: 8, MemGiB: 32, Containers: 17, VMs: 1},
				{Name: "pve3", CPUs: 4, MemGiB: 16, Containers: 10},
			},
		},
		{
			Name: "attic", Standalone: true, Version: "8.4.5",
			Nodes: []NodeSpec{{Name: "attic", CPUs: 4, MemGiB: 16, Containers: 11}},
		},
	}
}

// oddContainers are the ones that show what a page has to cope with.
func oddContainers() []ContainerSpec {
	return []ContainerSpec{
		{VMID: 900, Name: "debian-12-base", Template: true, Tags: []string{"template"}},
		{VMID: 901, Name: "alpine-base", Template: true, DiskGiB: 2, MemMiB: 128, Tags: []string{"template"}},
		{VMID: 910, Name: "archive-of-photographs-and-scanned-documents-of-the-whole-family", Running: true, DiskGiB: 2000, MemMiB: 4096, DiskUsed: 0.94, Cores: 4, Tags: []string{"media", "prod"}},
		{VMID: 911, Name: "-", Running: true, MemMiB: 64, DiskGiB: 1},
		{VMID: 912, Name: "stuck-in-backup", Running: true, Lock: "backup", MemMiB: 1024},
		{VMID: 914, Name: "well-furnished", Running: true, MemMiB: 2048, SwapMiB: 512, Cores: 4, CPULimit: 2.5, DiskGiB: 20, Protection: true, Docker: true, HA: "started",
			Tags: []string{"prod", "watch"}, Description: "# Well furnished\n\nHas *everything*: disks, addresses, a change that waits.\n\n- [x] backups\n- [ ] tidy up <script>alert(1)</script>",
			Config: map[string]string{"startup": "order=1,up=30,down=60", "hookscript": "local:snippets/notify.sh", "timezone": "host", "nameserver": "10.77.0.53",
				"net1": "name=eth1,bridge=vmbr1,ip=dhcp,ip6=auto,tag=20", "net2": "name=eth2,bridge=vmbr1,ip=manual,link_down=1", "dev0": "/dev/dri/renderD128,gid=104",
				"mp0": "local-lvm:vm-914-disk-1,mp=/srv/data,backup=1,size=100G", "mp1": "local-lvm:vm-914-disk-2,mp=/var/lib/docker,backup=0,size=40G", "mp2": "/mnt/tank/media,mp=/media,ro=1"},
			Pending: map[string]string{"features": "nesting=1,keyctl=1", "mp1": "", "tty": "1", "searchdomain": "lan"}},
		{VMID: 915, Name: "asleep", MemMiB: 512, Suspended: true, Description: "Suspended: resume brings it back."},
		{VMID: 913, Name: "nearly-full", Running: true, MemUsed: 0.96, MemMiB: 512, Cores: 2, CPU: 0.8, Tags: []string{"prod", "watch"}},
	}
}

// OwnAddresses gives each node a loopback address of its own, counted up after
// base (127.77.0.0 when empty), all on one port (a free one when 0), as the
// members of a cluster have it: a member list then leads to members. It fails
// where the system has no such addresses.
func OwnAddresses(base string, port int) (func(cluster, node string) string, error) {
	if base == "" {
		base = "127.77.0.0"
	}
	next := net.ParseIP(base).To4()
	if next == nil || next[0] != 127 {
		return nil, fmt.Errorf("%q is no IPv4 loopback address", base)
	}
	count := func() string {
		next[3]++
		if next[3] == 0 || next[3] == 255 {
			next[2], next[3] = next[2]+1, 1
		}
		return net.JoinHostPort(next.String(), strconv.Itoa(port))
	}
	probe := net.IPv4(127, next[1], next[2], next[3]+1)
	l, err := net.Listen("tcp", net.JoinHostPort(probe.String(), strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("try an address of a node's own: %w", err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	return func(string, string) string { return count() }, nil
}
