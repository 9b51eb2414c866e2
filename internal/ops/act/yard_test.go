package act_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth/cmd/berth/reach"
	"berth/cmd/berth/source"
	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/ops/act"
	"berth/internal/pve"
	"berth/internal/pvesim"
	"berth/internal/secret"
	"berth/internal/store"
	"berth/internal/store/storetest"
	"berth/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// yard is the verbs over the real store, engine, watcher and client, before a simulated Proxmox.
type yard struct {
	*testing.T
	sim     *pvesim.Sim
	lab     *pvesim.Cluster
	store   *store.Store
	guard   *pve.Guard
	watcher *watch.Watcher
	jobs    *jobs.Engine
	writing *writing
	act     *act.Service
	viewer  account.Viewer
	cluster fleet.Cluster
	stop    func() // Berth
	saw     func(owner string, c fleet.Container)
}

type seer struct{ y *yard }

func (s seer) Picture(owner string) *fleet.Picture { return s.y.watcher.Picture(owner) }
func (s seer) Saw(ctx context.Context, owner string, c fleet.Container) {
	if s.y.saw != nil {
		s.y.saw(owner, c)
	}
	s.y.watcher.Saw(ctx, owner, c.ID, watch.Guest{Node: c.Node, Name: c.Hostname, Status: string(c.Status), Template: c.Template, Lock: c.Lock})
}

// quick is how much faster tasks are than Proxmox's.
const quick = 0.01

func newYard(t *testing.T, nodes ...pvesim.NodeSpec) *yard {
	t.Helper()
	return newYardAt(t, quick, "", nodes...)
}

// newYardAt begins a Berth on SQLite, or on the database of that address.
func newYardAt(t *testing.T, speed float64, database string, nodes ...pvesim.NodeSpec) *yard {
	t.Helper()
	sim, err := pvesim.Start(pvesim.Config{Seed: 1, AuthDelay: -1, TaskTime: speed, LagTime: -1,
		Clusters: []pvesim.ClusterSpec{{Name: "lab", Nodes: nodes}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	y := &yard{T: t, sim: sim, lab: sim.Cluster("lab")}
	o := store.Options{Keyring: storetest.Keyring(t), Now: time.Now}
	if o.Database = database; database == "" {
		o.Dir = t.TempDir()
	}
	y.store = storetest.Open(t, o)
	y.guard = pve.NewGuard(pve.GuardOptions{Allow: []pve.Rule{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}}})
	user := storetest.User(t, y.store, storetest.Host(t, y.store, "home").ID, "ann@pve")
	y.viewer = account.Viewer{User: user}
	y.cluster = y.add("berth", "Administrator")
	y.begin()
	return y
}

// add keeps the lab as a cluster of the person, with a token of that role.
func (y *yard) add(token, role string) fleet.Cluster {
	y.Helper()
	n := y.lab.Nodes()[0]
	a, err := authority.Parse(n.Addr())
	if err != nil {
		y.Fatal(err)
	}
	a.Node, a.Leaf = n.Name(), n.Fingerprint()
	words := y.lab.AddToken("root@pam", token, pvesim.TokenSpec{ID: token, PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: role}}})
	c := fleet.Cluster{ID: fleet.ClusterID(storetest.ID()), Owner: string(y.viewer.User.ID), Name: "lab with " + token, TokenID: "root@pam!" + token,
		Authority: authority.Authority{Addresses: []authority.Address{a}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: a.Leaf}}}
	for _, n := range y.lab.Nodes() {
		c.Members = append(c.Members, fleet.Member{Name: n.Name()})
	}
	if err := y.store.CreateCluster(context.Background(), c, secret.New(words)); err != nil {
		y.Fatal(err)
	}
	if c, err = y.store.Cluster(context.Background(), c.Owner, c.ID); err != nil {
		y.Fatal(err)
	}
	return c
}

func (y *yard) log() *slog.Logger {
	if os.Getenv("BERTH_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

func (y *yard) client(ctx context.Context, c fleet.Cluster) (*pve.Client, error) {
	token, err := y.store.ClusterSecret(ctx, c.Owner, c.ID)
	if err != nil {
		return nil, err
	}
	return pve.New(pve.Options{Authority: c.Authority, Guard: y.guard, Auth: pve.Token{ID: c.TokenID, Secret: token}})
}

// begin starts Berth, and returns when it sees all that is there.
func (y *yard) begin() {
	y.Helper()
	holder := storetest.ID()
	y.watcher = watch.New(watch.Options{Store: y.store, Log: y.log(), Holder: holder, Alone: true, Dial: func(ctx context.Context, c fleet.Cluster) (watch.Source, error) {
		client, err := y.client(ctx, c)
		if err != nil {
			return nil, err
		}
		return source.Of(client), nil
	}})
	y.writing = &writing{Store: y.store}
	y.act = act.New(act.Options{Store: y.writing, Watcher: seer{y}, Log: y.log(), Dial: func(ctx context.Context, c fleet.Cluster) (act.Connection, error) {
		client, err := y.client(ctx, c)
		if err != nil {
			return nil, err
		}
		return reach.Act(client, c.TokenID), nil
	}, Refused: func(ctx context.Context, e audit.Entry) {
		e.ID, e.At, e.Result = storetest.ID(), time.Now(), audit.Refused
		if _, err := y.store.Audit(ctx, e); err != nil {
			y.Error(err)
		}
	}})
	works := map[string]jobs.Work{}
	for _, kind := range act.Kinds() {
		works[kind] = jobs.WorkFunc(func(ctx context.Context, h *jobs.Handle) jobs.Outcome { return jobs.Outcome(y.act.Run(ctx, h)) })
	}
	y.jobs = jobs.New(jobs.Options{Store: y.writing, Works: works, Taken: act.Taken, Holder: holder, Log: y.log()})
	y.act.Use(y.jobs)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = y.watcher.Run(ctx) })
	running.Go(func() { _ = y.jobs.Run(ctx) })
	y.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	y.Cleanup(y.stop)
	y.look()
}

// look waits for a picture of everything.
func (y *yard) look() {
	y.Helper()
	y.watcher.Look(y.cluster.Owner)
	var want []pvesim.GuestState
	for _, g := range y.lab.Guests() {
		if g.Kind == "lxc" {
			want = append(want, g)
		}
	}
	signal, leave := y.watcher.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("the fleet is seen", signal, func() bool {
		p := y.picture()
		return p != nil && !p.SeenAt.IsZero() && len(p.Containers) == len(want) && p.Rights != nil
	})
}

// until waits for a condition that a signal may bring about.
func (y *yard) until(what string, signal <-chan struct{}, done func() bool) {
	y.Helper()
	late := time.NewTimer(60 * time.Second)
	defer late.Stop()
	for !done() {
		select {
		case <-signal:
		case <-late.C:
			y.Fatalf("not within a minute: %s", what)
		}
	}
}

func (y *yard) picture() *fleet.ClusterPicture {
	for _, p := range y.watcher.Picture(y.cluster.Owner).Clusters {
		if p.Cluster == y.cluster.ID {
			return p
		}
	}
	return nil
}

func (y *yard) id(vmid int) fleet.ContainerID {
	return fleet.ContainerID{Cluster: y.cluster.ID, VMID: fleet.VMID(vmid)}
}

// request is for some containers, with the names typed.
func (y *yard) request(a fleet.Action, vmids ...int) fleet.ActionRequest {
	r := fleet.ActionRequest{Action: a, Names: map[fleet.ContainerID]string{}}
	for _, vmid := range vmids {
		r.Targets = append(r.Targets, y.id(vmid))
		if c, ok := y.picture().Container(fleet.VMID(vmid)); ok {
			r.Names[c.ID] = c.Name()
		}
	}
	return r
}

func (y *yard) do(r fleet.ActionRequest) job.ID {
	y.Helper()
	id, err := y.act.Do(y.Context(), y.viewer, "192.0.2.7", r)
	if err != nil {
		y.Fatalf("%s: %v", r.Action, err)
	}
	return id
}

// ended waits for the end of a job and returns its steps.
func (y *yard) ended(id job.ID) []job.Step {
	y.Helper()
	signal, leave := y.jobs.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("the job ends", signal, func() bool { return y.job(id).State == job.Finished })
	return y.steps(id)
}

func (y *yard) job(id job.ID) job.Job {
	y.Helper()
	j, err := y.store.Job(context.Background(), y.cluster.Owner, id)
	if err != nil {
		y.Fatal(err)
	}
	return j
}

func (y *yard) steps(id job.ID) []job.Step {
	y.Helper()
	steps, err := y.store.Steps(context.Background(), job.Filter{Owner: y.cluster.Owner, Job: id, Limit: 100_000})
	if err != nil {
		y.Fatal(err)
	}
	return steps
}

// one carries out one action on one container and returns how it ended.
func (y *yard) one(r fleet.ActionRequest) job.Step {
	y.Helper()
	return y.ended(y.do(r))[0]
}

// guest is what is true of a container; ok is false when it is gone.
func (y *yard) guest(vmid int) (g pvesim.GuestState, ok bool) {
	all := y.lab.Guests()
	i := slices.IndexFunc(all, func(g pvesim.GuestState) bool { return g.VMID == vmid })
	if i < 0 {
		return g, false
	}
	return all[i], true
}

// writes counts the calls that change something, by "METHOD last word".
func (y *yard) writes() map[string]int {
	n := map[string]int{}
	for call, times := range y.lab.Requests().Calls {
		method, path, _ := strings.Cut(call, " ")
		if method != "GET" {
			n[method+" "+path[strings.LastIndexByte(path, '/')+1:]] += times
		}
	}
	return n
}

// trail is kind, result and whether there is a UPID, of the entries about containers, oldest first.
func (y *yard) trail() []string {
	y.Helper()
	entries, err := y.store.AuditEntries(context.Background(), audit.Filter{Owner: y.cluster.Owner, Limit: 1 << 16})
	if err != nil {
		y.Fatal(err)
	}
	var lines []string
	for _, e := range slices.Backward(entries) {
		if !strings.HasPrefix(string(e.Kind), "container.") {
			continue
		}
		line := string(e.Kind) + " " + string(e.Result)
		if e.UPID != "" {
			line += " task"
		}
		lines = append(lines, line)
	}
	return lines
}

// fault lasts until the test ends or undo is called.
func (y *yard) fault(name, node string, params map[string]string) (undo func()) {
	y.Helper()
	undo, err := y.sim.Fault(name, pvesim.FaultTarget{Cluster: "lab", Node: node, Params: params})
	if err != nil {
		y.Fatal(err)
	}
	undo = sync.OnceFunc(undo)
	y.Cleanup(undo)
	return undo
}

func cts(running bool, vmids ...int) []pvesim.ContainerSpec {
	var specs []pvesim.ContainerSpec
	for _, id := range vmids {
		specs = append(specs, pvesim.ContainerSpec{VMID: id, Name: fmt.Sprint("web", id), Running: running})
	}
	return specs
}
