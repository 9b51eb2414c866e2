package watch_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"berth/cmd/berth/source"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/pve"
	"berth/internal/pvesim"
	"berth/internal/secret"
	"berth/internal/watch"
)

// story is a watcher over the real client and a simulated cluster, at thirty
// times the usual pace, with somebody looking.
type story struct {
	*watch.Watcher
	t       *testing.T
	store   *watch.MemoryStore
	sim     *pvesim.Sim
	cluster *pvesim.Cluster
	signal  <-chan struct{}
}

const hurry = 30

func tell(t *testing.T, acl ...pvesim.ACLSpec) *story {
	t.Helper()
	if acl == nil {
		acl = []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}
	}
	ct := func(id int, name string) pvesim.ContainerSpec {
		return pvesim.ContainerSpec{VMID: id, Name: name, Running: true, MemUsed: 0.5, DiskUsed: 0.5}
	}
	sim, err := pvesim.Start(pvesim.Config{Seed: 1, TaskTime: 0.05, AuthDelay: -1, LagTime: time.Second, Clusters: []pvesim.ClusterSpec{{
		Name: "lab", Nodes: []pvesim.NodeSpec{
			{Name: "pve1", CTs: []pvesim.ContainerSpec{ct(100, "web"), ct(101, "db")}},
			{Name: "pve2", CTs: []pvesim.ContainerSpec{ct(110, "mail")}},
			{Name: "pve3", CTs: []pvesim.ContainerSpec{ct(120, "files"), ct(121, "dns")}, VMs: 1},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	sc := sim.Cluster("lab")
	sc.AddUser(pvesim.UserSpec{ID: "eyes@pve", Password: "secret", ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	key := sc.AddToken("eyes@pve", "berth", pvesim.TokenSpec{PrivSep: true, ACL: acl})

	a := authority.Authority{Trust: authority.Trust{Mode: authority.LeafPin}}
	for _, n := range sc.Nodes()[:1] {
		host, port, _ := net.SplitHostPort(n.Addr())
		p, _ := strconv.Atoi(port)
		a.Addresses = append(a.Addresses, authority.Address{Host: host, Port: p, Node: n.Name(), Leaf: n.Fingerprint()})
		a.Trust.Fingerprint = n.Fingerprint()
	}
	c := fleet.Cluster{ID: "c1", Owner: "ann", Name: "lab", TokenID: "eyes@pve!berth", Version: 1, Authority: a,
		Members: []fleet.Member{{Name: "pve1"}, {Name: "pve2"}, {Name: "pve3"}}}
	guard := pve.NewGuard(pve.GuardOptions{Allow: []pve.Rule{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}}})
	s := &story{t: t, store: watch.NewMemoryStore(c), sim: sim, cluster: sc}
	s.Watcher = watch.New(watch.Options{Store: s.store, Alone: true, Holder: "r1", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Dial: func(_ context.Context, c fleet.Cluster) (watch.Source, error) {
			client, err := pve.New(pve.Options{Authority: c.Authority, Guard: guard, Auth: pve.Token{ID: c.TokenID, Secret: secret.New(key)}})
			if err != nil {
				return nil, err
			}
			return source.Of(client), nil
		}})
	s.Hasten(hurry)
	s.run()
	return s
}

func (s *story) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	release := s.Watching("ann")
	signal, unsubscribe := s.Subscribe("ann")
	s.signal = signal
	go func() { done <- s.Watcher.Run(ctx) }()
	s.t.Cleanup(sync.OnceFunc(func() {
		release()
		unsubscribe()
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	}))
}

// until waits for a picture that is as wanted, and fails after a generous time.
func (s *story) until(what string, ok func(p *fleet.ClusterPicture) bool) *fleet.ClusterPicture {
	s.t.Helper()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	for {
		if picture := s.Picture("ann"); len(picture.Clusters) == 1 && ok(picture.Clusters[0]) {
			return picture.Clusters[0]
		}
		select {
		case <-s.signal:
		case <-patience.C:
			p := s.Picture("ann").Clusters[0]
			s.t.Fatalf("%s: not seen; trouble %+v, nodes %+v, notices %v", what, p.Trouble, p.Nodes, p.Notices)
		}
	}
}

func (s *story) fault(name, node string, params map[string]string) (undo func()) {
	s.t.Helper()
	undo, err := s.sim.Fault(name, pvesim.FaultTarget{Cluster: "lab", Node: node, Params: params})
	if err != nil {
		s.t.Fatal(err)
	}
	return undo
}

func whole(p *fleet.ClusterPicture) bool {
	return p.Trouble == nil && len(p.Containers) == 5 && p.Version != "" &&
		!slices.ContainsFunc(p.Nodes, func(n fleet.Node) bool { return n.State != fleet.Online }) &&
		!slices.ContainsFunc(p.Containers, func(c fleet.Container) bool { return c.Stale })
}

func status(id fleet.VMID, want fleet.Status) func(*fleet.ClusterPicture) bool {
	return func(p *fleet.ClusterPicture) bool {
		c, ok := p.Container(id)
		return ok && c.Status == want
	}
}

func nodeState(name string, want fleet.NodeState) func(*fleet.ClusterPicture) bool {
	return func(p *fleet.ClusterPicture) bool {
		n, ok := p.Node(name)
		return ok && n.State == want
	}
}

func TestSimulatedCluster(t *testing.T) {
	t.Parallel()
	s := tell(t)
	p := s.until("the whole cluster", whole)
	if c, _ := p.Container(100); c.Hostname != "web" || c.Node != "pve1" || c.MaxMem == 0 {
		t.Errorf("container 100 is %+v", c)
	}
	if p.Guests != 6 || !p.Quorate || p.Standalone || len(p.Notices) != 0 {
		t.Errorf("%d guests, quorate %v, notices %v", p.Guests, p.Quorate, p.Notices)
	}
	s.until("an address", func(p *fleet.ClusterPicture) bool {
		return slices.ContainsFunc(p.Containers, func(c fleet.Container) bool { return len(c.Addresses) > 0 })
	})
}

func TestChangesByOtherHands(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.until("the whole cluster", whole)
	for _, step := range []struct {
		id   int
		act  string
		want func(*fleet.ClusterPicture) bool
	}{
		{101, "stop", status(101, fleet.Stopped)},
		{101, "start", status(101, fleet.Running)},
		{300, "create fresh pve2", func(p *fleet.ClusterPicture) bool {
			c, ok := p.Container(300)
			return ok && c.Node == "pve2" && c.Hostname == "fresh"
		}},
		{110, "migrate pve1", func(p *fleet.ClusterPicture) bool {
			c, _ := p.Container(110)
			return c.Node == "pve1" && c.Status == fleet.Running
		}},
		{300, "delete", func(p *fleet.ClusterPicture) bool { _, there := p.Container(300); return !there }},
		{100, "tag shiny", func(p *fleet.ClusterPicture) bool { c, _ := p.Container(100); return slices.Contains(c.Tags, "shiny") }},
		{100, "lock backup", func(p *fleet.ClusterPicture) bool {
			c, _ := p.Container(100)
			return c.Lock == "backup" && !c.LockedAt.IsZero()
		}},
		{121, "crash", status(121, fleet.Stopped)},
	} {
		if err := s.cluster.Act(step.id, step.act); err != nil {
			t.Fatal(err)
		}
		s.until(step.act, step.want)
	}
}

func TestSimulatedDeadNode(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"frozen", "stopped", "unknown"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			s := tell(t)
			s.until("the whole cluster", whole)
			undo := s.fault("node-dead", "pve3", map[string]string{"shape": shape})
			s.until("the dead node", nodeState("pve3", fleet.Unreachable))
			p := s.until("another look", func(p *fleet.ClusterPicture) bool { n, _ := p.Node("pve3"); return p.SeenAt.After(n.DownSeen) })
			for _, id := range []fleet.VMID{120, 121} {
				if c, ok := p.Container(id); !ok || !c.Stale || c.Hostname == "" || c.Status != fleet.Running || c.MaxMem == 0 {
					t.Errorf("container %d is not as last seen: %+v", id, c)
				}
			}
			if n, _ := p.Node("pve3"); n.Trouble == nil || n.Trouble.What == "" || n.Trouble.RetryAt.IsZero() {
				t.Errorf("the trouble of pve3 is %+v", n.Trouble)
			}
			undo()
			s.until("its return", whole)
			if got := s.store.Kinds(); !slices.Equal(got, []string{"node.unreachable", "node.back"}) {
				t.Errorf("events %v", got)
			}
		})
	}
}

func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	trouble := func(kind string) func(p *fleet.ClusterPicture) bool {
		return func(p *fleet.ClusterPicture) bool {
			return p.Trouble != nil && p.Trouble.Kind == kind && len(p.Containers) == 5
		}
	}
	for _, f := range []struct {
		name, node string
		params     map[string]string
		want       func(*fleet.ClusterPicture) bool
		halts      bool
	}{
		{"token-revoked", "", nil, trouble("unauthorized"), true},
		{"leaf-foreign-ca", "pve1", nil, trouble("untrusted"), true},
		{"node-daemon-down", "pve1", nil, trouble("refused"), false},
		{"garbage-json", "pve1", map[string]string{"path": "/cluster/resources"}, trouble("garbled"), false},
		{"half-answer", "pve1", map[string]string{"path": "/cluster/resources"}, func(p *fleet.ClusterPicture) bool { return p.Trouble != nil }, false},
		{"huge-answer", "pve1", map[string]string{"path": "/cluster/resources"}, func(p *fleet.ClusterPicture) bool {
			return p.Trouble != nil && len(p.Containers) == 5 || slices.ContainsFunc(p.Notices, func(n fleet.Notice) bool { return n.Code == "truncated" })
		}, false},
		{"gzip-bomb", "pve1", map[string]string{"path": "/cluster/resources"}, trouble("too-large"), false},
		{"redirect", "pve1", nil, trouble("redirected"), false},
		{"error-500", "pve1", map[string]string{"path": "/cluster/tasks", "message": "got timeout"}, func(p *fleet.ClusterPicture) bool {
			return p.Trouble == nil && slices.ContainsFunc(p.Notices, func(n fleet.Notice) bool { return n.Code == "partial-tasks" })
		}, false},
		{"dotdot-names", "", nil, func(p *fleet.ClusterPicture) bool {
			return p.Trouble == nil && slices.ContainsFunc(p.Notices, func(n fleet.Notice) bool { return n.Code == "unread-rows" })
		}, false},
		{"permission-lost", "", nil, func(p *fleet.ClusterPicture) bool {
			return slices.ContainsFunc(p.Notices, func(n fleet.Notice) bool { return n.Code == "no-containers-visible" })
		}, false},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := tell(t)
			s.until("the whole cluster", whole)
			undo := s.fault(f.name, f.node, f.params)
			s.until(f.name, f.want)
			undo()
			if !f.halts {
				s.until("the end of it", whole)
				return
			}
			if err := s.TryNow(t.Context(), "ann", "c1"); err != nil {
				t.Errorf("the try ended with %v", err)
			}
			s.until("after the try", whole)
		})
	}
}

func TestOddAnswersLoseNothing(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.until("the whole cluster", whole)
	undo := s.fault("odd-rows", "", nil)
	p := s.Picture("ann").Clusters[0]
	p = s.until("two odd answers", func(q *fleet.ClusterPicture) bool { return q.SeenAt.Sub(p.SeenAt) > 2*time.Second })
	if len(p.Containers) != 5 || p.Trouble != nil {
		t.Errorf("%d containers, trouble %+v", len(p.Containers), p.Trouble)
	}
	undo()
	s.fault("markup-names", "", nil)
	s.until("markup", func(p *fleet.ClusterPicture) bool {
		for _, c := range p.Containers {
			for _, r := range c.Hostname {
				if r < ' ' || r == 0x202e {
					t.Fatalf("a steering character in %q", c.Hostname)
				}
			}
		}
		c, ok := p.Container(100)
		return ok && c.Hostname != "web"
	})
}

func TestTokenThatMayFollowNoTasks(t *testing.T) {
	t.Parallel()
	s := tell(t, pvesim.ACLSpec{Path: "/vms", Role: "PVEVMAdmin"})
	p := s.until("the containers", func(p *fleet.ClusterPicture) bool { return len(p.Containers) == 5 && len(p.Notices) > 0 })
	if !slices.ContainsFunc(p.Notices, func(n fleet.Notice) bool { return n.Code == "slow-updates" && n.Privilege == "Sys.Audit on /" }) {
		t.Errorf("notices %v", p.Notices)
	}
	if err := s.cluster.Act(101, "stop"); err != nil {
		t.Fatal(err)
	}
	s.until("the change", status(101, fleet.Stopped))
	calls := s.cluster.Requests().Calls
	if calls["GET /cluster/tasks"]+calls["GET /cluster/status"] > 2 {
		t.Errorf("lists that it may not read were asked: %v", calls)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.until("the whole cluster", whole)
	s.cluster.ResetRequests()
	s.until("sixty requests", func(*fleet.ClusterPicture) bool { return s.cluster.Requests().Total >= 60 })
	n := s.cluster.Requests()
	if n.TLS > 2 {
		t.Errorf("%d connections for %d requests: %v", n.TLS, n.Total, n.Calls)
	}
}
