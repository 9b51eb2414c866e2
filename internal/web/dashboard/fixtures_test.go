package dashboard

import (
	"fmt"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
)

// noon is the moment at which all fixtures are looked at.
var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

const gib = int64(1) << 30

// eyes is a watcher that shows what a test gives it.
type eyes struct {
	mu       sync.Mutex
	pictures map[string]*fleet.Picture
	signals  map[string][]chan struct{}
	looks    int
	watching int
}

func newEyes(p ...*fleet.Picture) *eyes {
	e := &eyes{pictures: map[string]*fleet.Picture{}, signals: map[string][]chan struct{}{}}
	for _, one := range p {
		e.pictures[one.Owner] = one
	}
	return e
}

func (e *eyes) Picture(owner string) *fleet.Picture {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.pictures[owner]; p != nil {
		return p
	}
	return &fleet.Picture{Owner: owner}
}

func (e *eyes) Subscribe(owner string) (<-chan struct{}, func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := make(chan struct{}, 1)
	e.signals[owner] = append(e.signals[owner], c)
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		for i, other := range e.signals[owner] {
			if other == c {
				e.signals[owner] = append(e.signals[owner][:i:i], e.signals[owner][i+1:]...)
			}
		}
	}
}

func (e *eyes) Look(string) { e.mu.Lock(); e.looks++; e.mu.Unlock() }

func (e *eyes) Watching(string) func() {
	e.mu.Lock()
	e.watching++
	e.mu.Unlock()
	return func() { e.mu.Lock(); e.watching--; e.mu.Unlock() }
}

// show publishes a picture as the watcher would.
func (e *eyes) show(p *fleet.Picture) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if old := e.pictures[p.Owner]; old != nil {
		p.Rev = old.Rev + 1
	}
	e.pictures[p.Owner] = p
	for _, c := range e.signals[p.Owner] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// change publishes a copy of the owner's picture in which one cluster was altered.
func (e *eyes) change(owner string, cluster int, alter func(*fleet.ClusterPicture)) {
	old := e.Picture(owner)
	p := *old
	p.Clusters = append([]*fleet.ClusterPicture(nil), old.Clusters...)
	c := *p.Clusters[cluster]
	c.Rev++
	c.Nodes = append([]fleet.Node(nil), c.Nodes...)
	c.Containers = append([]fleet.Container(nil), c.Containers...)
	alter(&c)
	p.Clusters[cluster] = &c
	e.show(&p)
}

func node(cluster, name string) fleet.Node {
	return fleet.Node{ID: fleet.NodeID{Cluster: fleet.ClusterID(cluster), Name: name}, State: fleet.Online, CPU: .23, CPUs: 16,
		Mem: 39 * gib, MaxMem: 64 * gib, Uptime: 900 * time.Hour, Version: "9.2.11", SeenAt: noon.Add(-4 * time.Second)}
}

func container(cluster, node string, vmid int, name string) fleet.Container {
	return fleet.Container{ID: fleet.ContainerID{Cluster: fleet.ClusterID(cluster), VMID: fleet.VMID(vmid)}, Node: node, Hostname: name, Status: fleet.Running,
		CPU: .12, CPUs: 2, Mem: 8 * gib / 10, MaxMem: 2 * gib, Disk: 65 * gib / 10, MaxDisk: 16 * gib, Uptime: 72 * time.Hour, SeenAt: noon.Add(-4 * time.Second)}
}

func clusterOf(id, name string, nodes []fleet.Node, cts ...fleet.Container) *fleet.ClusterPicture {
	return &fleet.ClusterPicture{Cluster: fleet.ClusterID(id), Owner: "ann", Name: name, Standalone: len(nodes) == 1, Rev: 1, Nodes: nodes, Containers: cts,
		Guests: len(cts), Quorate: true, Version: "9.2.11", SeenAt: noon.Add(-4 * time.Second)}
}

func pictureOf(c ...*fleet.ClusterPicture) *fleet.Picture {
	return &fleet.Picture{Owner: "ann", Rev: 1, Clusters: c}
}

// one is a standalone host with two containers.
func one() *fleet.Picture {
	n := node("c1", "pve")
	n.Default = true
	stopped := container("c1", "pve", 120, "")
	stopped.Status, stopped.Mem, stopped.Disk, stopped.CPU, stopped.Uptime = fleet.Stopped, 0, 0, 0, 0
	return pictureOf(clusterOf("c1", "attic", []fleet.Node{n}, container("c1", "pve", 101, "gitea"), stopped))
}

// full is a cluster of three nodes and a standalone host, with containers in all states and a hostile name.
func full() *fleet.Picture {
	pve1, pve2, pve3, attic := node("c1", "pve1"), node("c1", "pve2"), node("c1", "pve3"), node("c2", "pve1")
	pve1.Default = true
	pve2.CPU, pve2.Mem = .08, 28*gib
	attic.Label, attic.CPU, attic.Mem, attic.MaxMem, attic.Version = "attic", .71, 13*gib, 16*gib, "8.4.5"
	gitea := container("c1", "pve1", 101, "gitea")
	gitea.Tags, gitea.Addresses = []string{"dev"}, []string{"10.0.0.101", "fd00::101"}
	jelly := container("c1", "pve1", 104, "jellyfin")
	jelly.CPU, jelly.Mem, jelly.MaxMem, jelly.Tags = .64, 3*gib, 4*gib, []string{"media"}
	pg := container("c1", "pve2", 110, "postgres-main")
	pg.Mem, pg.MaxMem, pg.Tags, pg.Pool = 75*gib/10, 8*gib, []string{"db", "prod"}, "shop"
	locked := container("c1", "pve2", 111, "web-staging")
	locked.Lock, locked.LockedAt = "backup", noon.Add(-2*time.Hour)
	vault := container("c1", "pve3", 115, "vaultwarden")
	mould := container("c1", "pve3", 900, "debian-base")
	mould.Template, mould.Status, mould.Uptime, mould.CPU, mould.Mem, mould.Disk = true, fleet.Stopped, 0, 0, 0, 0
	ad := container("c2", "pve1", 101, "adguard")
	ad.Tags = []string{"net"}
	odd := container("c2", "pve1", 666, `<img src=x onerror="alert(1)">`)
	odd.Status, odd.Tags = fleet.Unknown, []string{`"><script>`}
	frozen := container("c2", "pve1", 140, "docs-old")
	frozen.Status = fleet.Suspended
	return pictureOf(
		clusterOf("c1", "lab", []fleet.Node{pve1, pve2, pve3}, gitea, jelly, pg, locked, vault, mould),
		clusterOf("c2", "attic", []fleet.Node{attic}, ad, frozen, odd))
}

// failing is full with pve3 dead.
func failing() *fleet.Picture {
	p := full()
	c := p.Clusters[0]
	seen := noon.Add(-4 * time.Minute)
	n := &c.Nodes[2]
	n.State, n.SeenAt, n.DownSeen = fleet.Unreachable, seen, seen
	n.Trouble = &fleet.Trouble{Kind: "node-down", What: "pve3 cannot be reached through pve1.", Remedy: "Check that the machine is on and its network works.",
		Proxmox: "No route to host", Since: seen, RetryAt: noon.Add(5 * time.Second)}
	for i := range c.Containers {
		if ct := &c.Containers[i]; ct.Node == "pve3" {
			ct.Stale, ct.SeenAt = true, seen
		}
	}
	return p
}

// dark is full with nothing reachable: one cluster silent, the other's token refused.
func dark() *fleet.Picture {
	p := failing()
	seen := noon.Add(-4 * time.Minute)
	p.Clusters[0].SeenAt, p.Clusters[1].SeenAt = seen, seen
	p.Clusters[0].Trouble = &fleet.Trouble{Kind: "timeout", What: "lab does not answer.", Remedy: "Check the network.", Since: seen, RetryAt: noon}
	p.Clusters[1].Trouble = &fleet.Trouble{Kind: "unauthorized", What: "Proxmox refuses the token.", Remedy: "Enter a new token secret.", Since: seen}
	for _, c := range p.Clusters {
		for i := range c.Containers {
			c.Containers[i].Stale, c.Containers[i].SeenAt = true, seen
		}
		for i := range c.Nodes {
			c.Nodes[i].State, c.Nodes[i].SeenAt = fleet.Unreachable, seen
		}
	}
	return p
}

// blind is a node whose token may see nothing.
func blind() *fleet.Picture {
	c := clusterOf("c1", "attic", []fleet.Node{node("c1", "pve")})
	c.Notices = []fleet.Notice{
		{Code: "no-containers-visible", Text: "This token may see 0 containers: it lacks VM.Audit.", Privilege: "VM.Audit on /vms"},
		{Code: "slow-updates", Text: "Slower updates: the token lacks Sys.Audit on /.", Privilege: "Sys.Audit on /"},
	}
	return pictureOf(c)
}

// many is n containers on clusters of three nodes.
func many(n, clusters int) *fleet.Picture {
	p := pictureOf()
	tags := [][]string{nil, {"prod"}, {"prod", "web"}, {"dev"}, {"db", "prod"}}
	for c := range clusters {
		id := fmt.Sprintf("0192f0c4-7b2e-7d10-8f00-%012d", c)
		var nodes []fleet.Node
		for i := range 3 {
			nodes = append(nodes, node(id, fmt.Sprintf("pve%d-%d", c, i+1)))
		}
		var cts []fleet.Container
		for i := range n / clusters {
			ct := container(id, nodes[i%3].ID.Name, 100+i, fmt.Sprintf("svc-%d-%d", c, i))
			ct.CPU, ct.Mem, ct.Disk = float64(i*37%100)/100, int64(i*53%100)*ct.MaxMem/100, int64(i*71%100)*ct.MaxDisk/100
			ct.Tags, ct.Uptime = tags[i%len(tags)], time.Duration(i%9000)*time.Minute
			ct.Addresses = []string{fmt.Sprintf("10.%d.%d.%d", c, i/250, i%250)}
			if i%7 == 0 {
				ct.Status, ct.CPU, ct.Mem, ct.Disk, ct.Uptime = fleet.Stopped, 0, 0, 0, 0
			}
			cts = append(cts, ct)
		}
		p.Clusters = append(p.Clusters, clusterOf(id, fmt.Sprintf("site-%02d", c), nodes, cts...))
	}
	return p
}

// idle is jobs that do nothing.
type idle struct{}

func (idle) Board(string) *job.Board                      { return &job.Board{} }
func (idle) Busy(string) map[fleet.ContainerID]fleet.Busy { return nil }
func (idle) Subscribe(string) (<-chan struct{}, func())   { return nil, func() {} }

func nothing() work { return work{board: &job.Board{}} }

// working is full's jobs: one starts, one waits, one failed, one's outcome is not known.
func working() work {
	step := func(n int, kind string, s job.StepState, detail string) job.Step {
		return job.Step{Job: "j1", N: n, Kind: kind, State: s, Detail: detail, Actor: "kim@pve"}
	}
	return work{board: &job.Board{Rev: 1, Jobs: 2,
		Busy: map[string]job.Step{"c1/101": step(0, "reboot", job.Active, "Proxmox is at it."), "c1/104": step(1, "shutdown", job.Waiting, "")},
		Bad:  map[string]job.Step{"c1/110": step(2, "stop", job.Failed, "Proxmox says: “can't lock <file>”."), "c2/140": step(3, "resume", job.Unknown, "")}},
		busy: map[fleet.ContainerID]fleet.Busy{{Cluster: "c1", VMID: 101}: {Doing: "Rebooting", By: "kim@pve"}, {Cluster: "c1", VMID: 104}: {Doing: "Shutting down", By: "kim@pve", Waiting: true}}}
}
