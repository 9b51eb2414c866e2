package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// fakePVE is a cluster that answers from its fields and counts what it is asked.
type fakePVE struct {
	mu          sync.Mutex
	res         Resources
	status      Status
	tasks       []Task
	permissions fleet.Permissions
	current     map[fleet.VMID]Guest
	addresses   map[fleet.VMID][]string
	fail        map[string]error         // call, or call and node, to its error
	delay       map[string]time.Duration // likewise
	calls       []seenCall
	dials       int
	closed      int
	close       closeFake
}

type seenCall struct {
	at   time.Time
	what string
}

func (f *fakePVE) begin(ctx context.Context, what, node string) error {
	f.mu.Lock()
	f.calls = append(f.calls, seenCall{time.Now(), what})
	delay := max(f.delay[what], f.delay[what+" "+node])
	err := f.fail[what]
	if err == nil {
		err = f.fail[what+" "+node]
	}
	if err == nil {
		err = f.fail["*"]
	}
	f.mu.Unlock()
	if delay == 0 {
		delay = 5 * time.Millisecond
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return &problem.Problem{Kind: problem.Timeout, What: "No answer in time.", Err: ctx.Err()}
	}
	return err
}

func (f *fakePVE) set(change func(f *fakePVE)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// count is how many calls of some kinds were made since a time; of all kinds when none is given.
func (f *fakePVE) count(since time.Time, kinds ...string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if !c.at.Before(since) && (len(kinds) == 0 || slices.Contains(kinds, c.what)) {
			n++
		}
	}
	return n
}

// most is the greatest number of calls within any minute since a time.
func (f *fakePVE) most(since time.Time) (most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.calls {
		if c.at.Before(since) {
			continue
		}
		n := 0
		for _, d := range f.calls[i:] {
			if d.at.Sub(c.at) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func locked[T any](f *fakePVE, read func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return read()
}

func (f *fakePVE) Resources(ctx context.Context) (Resources, error) {
	if err := f.begin(ctx, "resources", ""); err != nil {
		return Resources{}, err
	}
	return locked(f, func() Resources {
		r := f.res
		r.Guests, r.Nodes = slices.Clone(r.Guests), slices.Clone(r.Nodes)
		return r
	}), nil
}

func (f *fakePVE) Status(ctx context.Context) (Status, error) {
	err := f.begin(ctx, "status", "")
	return locked(f, func() Status { s := f.status; s.Nodes = slices.Clone(s.Nodes); return s }), err
}

func (f *fakePVE) Tasks(ctx context.Context) ([]Task, error) {
	err := f.begin(ctx, "tasks", "")
	return locked(f, func() []Task { return slices.Clone(f.tasks) }), err
}

func (f *fakePVE) Permissions(ctx context.Context) (fleet.Permissions, error) {
	err := f.begin(ctx, "permissions", "")
	return locked(f, func() fleet.Permissions { return maps.Clone(f.permissions) }), err
}

func (f *fakePVE) Current(ctx context.Context, node string, id fleet.VMID) (Guest, error) {
	if err := f.begin(ctx, "current", node); err != nil {
		return Guest{}, err
	}
	g, ok := locked(f, func() Guest { return f.current[id] }), locked(f, func() bool { _, ok := f.current[id]; return ok })
	if !ok {
		return Guest{}, &problem.Problem{Kind: problem.Failed, What: "Proxmox could not answer.",
			Proxmox: fmt.Sprintf("Configuration file 'nodes/%s/lxc/%d.conf' does not exist", node, id)}
	}
	return g, nil
}

func (f *fakePVE) NodeGuests(ctx context.Context, node string) ([]Guest, error) {
	if err := f.begin(ctx, "guests", node); err != nil {
		return nil, err
	}
	return locked(f, func() (list []Guest) {
		for _, g := range f.res.Guests {
			if g.Node == node {
				if now, ok := f.current[g.VMID]; ok {
					g = now
				}
				list = append(list, g)
			}
		}
		return list
	}), nil
}

func (f *fakePVE) Addresses(ctx context.Context, node string, id fleet.VMID) ([]string, error) {
	err := f.begin(ctx, "addresses", node)
	return locked(f, func() []string { return f.addresses[id] }), err
}

func (f *fakePVE) Version(ctx context.Context, node string) (string, error) {
	return "9.2.11", f.begin(ctx, "version", node)
}

func (f *fakePVE) Answering() string { return "10.0.0.1" }

func (f *fakePVE) Close() { f.set(func(f *fakePVE) { f.closed++ }) }

// fakeStore keeps everything in memory and announces to its listeners.
type fakeStore struct {
	mu        sync.Mutex
	clusters  []fleet.Cluster
	defaults  map[string]fleet.NodeID
	pictures  map[fleet.ClusterID][]byte
	saves     int
	halts     []*fleet.Halt
	entries   []audit.Entry
	leases    map[string]fakeLease
	cut       string // the holder whose way to the store is cut
	listeners map[int]func(topic, id string)
	nextID    int

	details     map[fleet.ContainerID][]byte
	detailSaves int
	guestTasks  map[fleet.ContainerID]map[string]fleet.Task
	taskWrites  int
	mostTasks   int // kept at once
	logs        map[string][]string
}

type fakeLease struct {
	holder string
	until  time.Time
}

func newFakeStore(clusters ...fleet.Cluster) *fakeStore {
	return &fakeStore{clusters: clusters, defaults: map[string]fleet.NodeID{}, pictures: map[fleet.ClusterID][]byte{},
		leases: map[string]fakeLease{}, listeners: map[int]func(string, string){},
		details: map[fleet.ContainerID][]byte{}, guestTasks: map[fleet.ContainerID]map[string]fleet.Task{}, logs: map[string][]string{}}
}

func (s *fakeStore) AllClusters(context.Context) ([]fleet.Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.clusters), nil
}

func (s *fakeStore) change(id fleet.ClusterID, change func(*fleet.Cluster)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.clusters {
		if s.clusters[i].ID == id {
			change(&s.clusters[i])
		}
	}
}

func (s *fakeStore) SetHalt(_ context.Context, id fleet.ClusterID, h *fleet.Halt) error {
	s.change(id, func(c *fleet.Cluster) { c.Halt = h })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halts = append(s.halts, h)
	return nil
}

func (s *fakeStore) SetMembers(_ context.Context, id fleet.ClusterID, m []fleet.Member) error {
	s.change(id, func(c *fleet.Cluster) { c.Members = m })
	return nil
}

func (s *fakeStore) Default(_ context.Context, owner string) (fleet.NodeID, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.defaults[owner]
	return d, ok, nil
}

func (s *fakeStore) SetDefault(_ context.Context, owner string, n fleet.NodeID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.defaults[owner] = n
	return nil
}

func (s *fakeStore) SavePicture(_ context.Context, id fleet.ClusterID, data []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pictures[id], s.saves = data, s.saves+1
	return nil
}

func (s *fakeStore) LoadPictures(context.Context) (map[fleet.ClusterID][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.pictures), nil
}

func (s *fakeStore) LoadPicture(_ context.Context, id fleet.ClusterID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pictures[id], nil
}

func (s *fakeStore) Audit(_ context.Context, e audit.Entry) (audit.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	return e, nil
}

func (s *fakeStore) kinds() (kinds []audit.Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (s *fakeStore) Claim(_ context.Context, name, holder string, until, now time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if holder == s.cut {
		return false, errors.New("the database does not answer")
	}
	if l, ok := s.leases[name]; ok && l.holder != holder && now.Before(l.until) {
		return false, nil
	}
	s.leases[name] = fakeLease{holder, until}
	return true, nil
}

func (s *fakeStore) Release(_ context.Context, name, holder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[name].holder == holder {
		delete(s.leases, name)
	}
	return nil
}

func (s *fakeStore) Announce(_ context.Context, topic, id string) error {
	s.mu.Lock()
	heard := slices.Collect(maps.Values(s.listeners))
	s.mu.Unlock()
	for _, hear := range heard {
		hear(topic, id)
	}
	return nil
}

func (s *fakeStore) Listen(ctx context.Context, hear func(topic, id string)) error {
	s.mu.Lock()
	s.nextID++
	id := s.nextID
	s.listeners[id] = hear
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, id)
	return ctx.Err()
}

// lab is a healthy cluster of three nodes with two containers on each.
func lab() (fleet.Cluster, *fakePVE) {
	c := fleet.Cluster{ID: "c1", Owner: "ann", Name: "lab", TokenID: "root@pam!berth", Version: 1, CreatedAt: time.Unix(1000, 0),
		Authority: authority.Authority{Addresses: []authority.Address{{Host: "10.0.0.1", Port: 8006}}},
		Members:   []fleet.Member{{Name: "pve1"}, {Name: "pve2", Label: "attic"}, {Name: "pve3"}}}
	f := &fakePVE{
		permissions: auditor(),
		status: Status{Cluster: true, Quorate: true, Nodes: []Member{
			{Name: "pve1", Online: true, Local: true}, {Name: "pve2", Online: true}, {Name: "pve3", Online: true}}},
		current: map[fleet.VMID]Guest{}, addresses: map[fleet.VMID][]string{},
		fail: map[string]error{}, delay: map[string]time.Duration{},
	}
	for i, node := range []string{"pve1", "pve2", "pve3"} {
		f.res.Nodes = append(f.res.Nodes, NodeRow{Name: node, Status: "online", Numbers: true, CPUs: 8, MaxMem: 32 << 30, Mem: 8 << 30})
		for j := range 2 {
			id := fleet.VMID(100 + 10*i + j)
			g := Guest{VMID: id, Node: node, Name: fmt.Sprintf("ct%d", id), Status: "running", CPUs: 2, MaxMem: 1 << 30, Mem: 1 << 29,
				MaxDisk: 8 << 30, Disk: 1 << 30, Uptime: 5000 * time.Second, Tags: []string{"web", "Prod"}}
			f.res.Guests = append(f.res.Guests, g)
			f.current[id] = g
		}
	}
	return c, f
}

// auditor is what a token with PVEAuditor on / is told of itself.
func auditor() fleet.Permissions {
	p := fleet.Permissions{}
	for _, path := range []string{"/", "/nodes", "/vms", "/pool", "/storage", "/access", "/access/groups", "/sdn"} {
		p[path] = map[string]bool{"Sys.Audit": true, "VM.Audit": true}
	}
	return p
}

// guest changes a container in the list of resources.
func (f *fakePVE) guest(id fleet.VMID, change func(*Guest)) {
	f.set(func(f *fakePVE) {
		for i := range f.res.Guests {
			if f.res.Guests[i].VMID == id {
				change(&f.res.Guests[i])
			}
		}
	})
}

func (f *fakePVE) really(id fleet.VMID, change func(*Guest)) {
	f.set(func(f *fakePVE) { g := f.current[id]; change(&g); f.current[id] = g })
}

func (f *fakePVE) offline(node string, off bool) {
	f.set(func(f *fakePVE) {
		for i := range f.status.Nodes {
			if f.status.Nodes[i].Name == node {
				f.status.Nodes[i].Online = !off
			}
		}
		for i := range f.res.Nodes {
			if f.res.Nodes[i].Name == node {
				f.res.Nodes[i].Status = map[bool]string{true: "offline", false: "online"}[off]
			}
		}
	})
}

// bench runs a watcher over fakes in a synctest bubble.
type bench struct {
	*Watcher
	store *fakeStore
	stop  func()
}

func (b *bench) cluster() *fleet.ClusterPicture { return b.Picture("ann").Clusters[0] }

func startWatcher(t *testing.T, store *fakeStore, dial func(fleet.Cluster) Source, change ...func(*Options)) *bench {
	t.Helper()
	o := Options{Store: store, Alone: true, Holder: "r1", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Jitter: func() float64 { return 0.5 },
		Dial:   func(_ context.Context, c fleet.Cluster) (Source, error) { return dial(c), nil }}
	for _, f := range change {
		f(&o)
	}
	w := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	b := &bench{Watcher: w, store: store, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})}
	t.Cleanup(b.stop)
	synctest.Wait()
	return b
}

// watched runs a test on a healthy lab that is looked at.
func watched(t *testing.T, test func(t *testing.T, b *bench, f *fakePVE)) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		store := newFakeStore(c)
		b := startWatcher(t, store, func(fleet.Cluster) Source { f.set(func(f *fakePVE) { f.dials++ }); return f })
		release := b.Watching("ann")
		defer release()
		pass(time.Second)
		test(t, b, f)
		b.stop()
	})
}

// pass lets time go by until everything has come to rest.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func container(t *testing.T, b *bench, id fleet.VMID) fleet.Container {
	t.Helper()
	c, ok := b.cluster().Container(id)
	if !ok {
		t.Fatalf("container %d is not in the picture", id)
	}
	return c
}

func node(t *testing.T, b *bench, name string) fleet.Node {
	t.Helper()
	n, ok := b.cluster().Node(name)
	if !ok {
		t.Fatalf("node %s is not in the picture", name)
	}
	return n
}
