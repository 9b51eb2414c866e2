package act_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// wants fails unless err is a problem of that kind that says so.
func wants(t *testing.T, err error, kind problem.Kind, says string) {
	t.Helper()
	if p := problem.Of(err); p == nil || p.Kind != kind || !strings.Contains(p.Sentence(), says) {
		t.Errorf("%v; want %s: %s", err, kind, says)
	}
}

func (y *yard) hands(vmid int, what string) {
	y.Helper()
	if err := y.lab.Act(vmid, what); err != nil {
		y.Fatal(err)
	}
}

func TestTheSameFormTwiceIsOneJob(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	r := y.request(fleet.ActStart, 100)
	r.Once = "form-1"
	var mu sync.Mutex
	made := map[job.ID]int{}
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			id, err := y.act.Do(t.Context(), y.viewer, "192.0.2.7", r)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made[id]++
			} else if !problem.Is(err, problem.Conflict) { // judged after it had begun
				t.Error(err)
			}
		})
	}
	clicks.Wait()
	if len(made) != 1 {
		t.Fatalf("jobs: %v", made)
	}
	for id := range made {
		y.ended(id)
	}
	if w := y.writes(); w["POST start"] != 1 {
		t.Errorf("Proxmox was asked %v", w)
	}
}

func TestTwoActionsOnOneContainer(t *testing.T) {
	y := newYardAt(t, 0.2, "", pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100, 101)})
	first := y.do(y.request(fleet.ActShutdown, 100))
	_, err := y.act.Do(t.Context(), y.viewer, "192.0.2.7", y.request(fleet.ActStop, 100))
	wants(t, err, problem.Conflict, "Shutting down")
	wants(t, err, problem.Conflict, "ann@pve")
	// A few of which one is busy: the others are done.
	both := y.ended(y.do(y.request(fleet.ActStop, 100, 101)))
	if both[0].State != job.Skipped || both[1].State != job.Done {
		t.Errorf("%+v", both)
	}
	if st := y.ended(first)[0]; st.State != job.Done {
		t.Errorf("the first ended %s: %s", st.State, st.Detail)
	}
}

func TestAnActionMeetsAnotherContainerThanTheOneMeant(t *testing.T) {
	// The picture is of the time before: nobody looks, and the change makes no task.
	change := map[string]struct {
		action fleet.Action
		what   []string
		says   string
		writes int
	}{
		"renamed, start":   {fleet.ActStart, []string{"rename other"}, "it is now called other, and web100 (CT 100) was meant. Nothing was done.", 0},
		"renamed, delete":  {fleet.ActDelete, []string{"rename other"}, "it is now called other", 0},
		"locked meanwhile": {fleet.ActStart, []string{"lock backup"}, "Proxmox holds a lock on web100: backup. Nothing was done.", 0},
	}
	for name, test := range change {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
			r := y.request(test.action, 100)
			for _, what := range test.what {
				y.hands(100, what)
			}
			if st := y.one(r); st.State != job.Failed || !strings.Contains(st.Detail, test.says) {
				t.Errorf("%s: %s", st.State, st.Detail)
			}
			if w := y.writes(); len(w) != test.writes {
				t.Errorf("Proxmox was asked %v", w)
			}
		})
	}
}

func TestWhatIsAlreadySoIsDone(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	r := y.request(fleet.ActStart, 100)
	y.hands(100, "reboot-inside") // it runs, and no list tells so yet
	if st := y.one(r); st.State != job.Done || !strings.Contains(st.Detail, "already runs") {
		t.Errorf("%s: %s", st.State, st.Detail)
	}
	if w := y.writes(); len(w) != 0 {
		t.Errorf("Proxmox was asked %v", w)
	}
}

func TestAContainerThatMovedOrIsGone(t *testing.T) {
	y := newYardAt(t, 0.0001, "", pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101)}, pvesim.NodeSpec{Name: "pve2"})
	moved, gone := y.request(fleet.ActStart, 100), y.request(fleet.ActStart, 101)
	y.hands(100, "migrate pve2")
	y.hands(101, "delete")
	y.until("it has moved", ticks(t), func() bool { g, _ := y.guest(100); return g.Node == "pve2" })
	if st := y.one(moved); st.State != job.Done || !strings.HasPrefix(st.UPID, "UPID:pve2:") {
		t.Errorf("moved: %s: %s %s", st.State, st.Detail, st.UPID)
	}
	_, err := y.act.Do(t.Context(), y.viewer, "192.0.2.7", gone)
	if err != nil { // the watcher was quicker
		wants(t, err, problem.NotFound, "is not there any more")
		return
	}
}

// ticks is a signal each hundredth of a second, for what no event of ours tells.
func ticks(t *testing.T) <-chan struct{} {
	ctx, stop := context.WithCancel(context.Background())
	ticks := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				select {
				case ticks <- struct{}{}:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
	return ticks
}

func TestADeletionIsCareful(t *testing.T) {
	specs := cts(true, 100, 101, 102)
	specs[1].Protection = true
	specs[2].Running = false
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: specs})
	r := y.request(fleet.ActDelete, 100)
	_, err := y.act.Do(t.Context(), y.viewer, "", r)
	wants(t, err, problem.Conflict, "agree that it is stopped first")
	r.Choices.StopFirst = true
	r.Names[y.id(100)] = "web101"
	_, err = y.act.Do(t.Context(), y.viewer, "", r)
	wants(t, err, problem.Invalid, "Type the name")
	r.Names[y.id(100)] = "web100"
	st := y.one(r)
	if _, there := y.guest(100); st.State != job.Done || there {
		t.Errorf("%s: %s", st.State, st.Detail)
	}
	if w := y.writes(); w["POST stop"] != 1 || w["DELETE {vmid}"] != 1 {
		t.Errorf("Proxmox was asked %v", w)
	}
	r = y.request(fleet.ActDelete, 101)
	r.Choices.StopFirst = true
	if st := y.one(r); st.Problem != string(problem.Protected) || !strings.Contains(st.Detail, "switch its protection off") {
		t.Errorf("a protected one: %s: %s", st.State, st.Detail)
	}
	if g, _ := y.guest(101); !g.Running {
		t.Error("a protected one was stopped for nothing")
	}
}

// A deletion that Berth's stop interrupted after the container was stopped asks
// again whether it is the one that was meant.
func TestAResumedDeletionIsCarefulToo(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100)})
	r := y.request(fleet.ActDelete, 100)
	r.Choices.StopFirst = true
	free := y.fault("held", "", map[string]string{"call": "GET /nodes/{node}/lxc/{vmid}/config", "pass": "1"})
	id := y.do(r)
	y.until("it is about to be deleted", ticks(t), func() bool { return y.lab.Requests().Held == 1 })
	y.stop()
	free()
	y.hands(100, "rename other")
	y.begin()
	if st := y.ended(id)[0]; st.State != job.Failed || st.Problem != string(problem.Conflict) || !strings.Contains(st.Detail, "it is now called other") {
		t.Errorf("%s: %s", st.State, st.Detail)
	}
	if w := y.writes(); w["POST stop"] != 1 || w["DELETE {vmid}"] != 0 {
		t.Errorf("Proxmox was asked %v", w)
	}
}

// Volumes that many deletions share the storage of are destroyed a few at a time.
func TestManyDeletionsOnOneStorage(t *testing.T) {
	var vmids []int
	for i := range 8 {
		vmids = append(vmids, 100+i)
	}
	y := newYardAt(t, 0.1, "", pvesim.NodeSpec{Name: "pve1", CTs: cts(false, vmids...)})
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActDelete, vmids...))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	for _, st := range y.ended(id) {
		if st.State != job.Done {
			t.Errorf("%s: %s: %s", st.Title, st.State, st.Detail)
		}
	}
	if most := y.lab.MostAtOnce("pve1"); most != 2 {
		t.Errorf("%d were deleted at once", most)
	}
	if len(y.lab.Guests()) != 0 {
		t.Error("some are still there")
	}
}

func TestAShutdownMayBeForcedAfterwardsOrBeforehand(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100, 101)})
	y.fault("shutdown-ignored", "", nil)
	st := y.one(y.request(fleet.ActShutdown, 100))
	if st.State != job.Failed || st.Problem != string(problem.Timeout) {
		t.Fatalf("%s: %s", st.State, st.Detail)
	}
	id, err := y.act.Force(t.Context(), y.viewer, "192.0.2.7", st.Job, st.N)
	if err != nil {
		t.Fatal(err)
	}
	if forced := y.ended(id)[0]; forced.State != job.Done || forced.Kind != "stop" {
		t.Errorf("forced: %+v", forced)
	}
	if _, err := y.act.Force(t.Context(), y.viewer, "192.0.2.7", st.Job, st.N); err == nil {
		t.Error("it was forced twice")
	}
	r := y.request(fleet.ActShutdown, 101)
	r.Choices.Force, r.Choices.Timeout = true, 5*time.Second
	if st := y.one(r); st.State != job.Done {
		t.Errorf("with force: %s: %s", st.State, st.Detail)
	}
}

// With the cluster's HA the task's OK means only that it was asked.
func TestHAIsOnlyAsked(t *testing.T) {
	specs := cts(false, 100)
	specs[0].HA = "stopped"
	y := newYardAt(t, 0.1, "", pvesim.NodeSpec{Name: "pve1", CTs: specs})
	st := y.one(y.request(fleet.ActStart, 100))
	if g, _ := y.guest(100); st.State != job.Done || !g.Running || !strings.Contains(st.UPID, ":hastart:") {
		t.Errorf("%s: %s (%s)", st.State, st.Detail, st.UPID)
	}
}

func TestARemovedClusterAndADisabledPerson(t *testing.T) {
	for name, remove := range map[string]func(y *yard) error{
		"cluster": func(y *yard) error { return y.store.DeleteCluster(context.Background(), y.cluster.Owner, y.cluster.ID) },
		"person":  func(y *yard) error { return y.store.SetDisabled(context.Background(), y.viewer.User.ID, time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
			y.fault("task-never-ends", "", nil)
			id := y.do(y.request(fleet.ActStart, 100))
			signal, leave := y.jobs.Subscribe(y.cluster.Owner)
			defer leave()
			y.until("the task is known", signal, func() bool { return y.steps(id)[0].UPID != "" })
			if err := remove(y); err != nil {
				t.Fatal(err)
			}
			y.act.Recheck()
			if st := y.ended(id)[0]; st.State != job.Unknown || !strings.HasPrefix(st.Detail, "No longer followed") {
				t.Errorf("%s: %s", st.State, st.Detail)
			}
		})
	}
}

func TestNobodyActsOnAnothersContainer(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	other := account.Viewer{User: account.User{ID: "someone-else", PVEUser: "bob@pve"}}
	_, err := y.act.Do(t.Context(), other, "", y.request(fleet.ActStart, 100))
	wants(t, err, problem.NotFound, "")
	id := y.do(y.request(fleet.ActStart, 100))
	wants(t, y.act.Cancel(t.Context(), other, "198.51.100.9", id), problem.NotFound, "")
	wants(t, y.act.Begin(t.Context(), other, "198.51.100.9", id), problem.NotFound, "")
	_, err = y.act.Retry(t.Context(), other, "198.51.100.7", id, "")
	wants(t, err, problem.NotFound, "")
	_, err = y.act.Force(t.Context(), other, "", id, 0)
	wants(t, err, problem.NotFound, "")
	y.ended(id)
}

// Starting goes by the startup order, stopping by the reverse; those without one start last and stop first.
func TestManyGoInTheStartupOrder(t *testing.T) {
	order := map[int]string{100: "order=3", 101: "order=1,up=5", 102: "", 103: "order=2", 104: "", 105: "order=1"}
	var specs []pvesim.ContainerSpec
	for _, spec := range cts(false, 100, 101, 102, 103, 104, 105) {
		if o := order[spec.VMID]; o != "" {
			spec.Config = map[string]string{"startup": o}
		}
		specs = append(specs, spec)
	}
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: specs[:3]}, pvesim.NodeSpec{Name: "pve2", CTs: specs[3:]})
	for action, want := range map[fleet.Action]string{fleet.ActStart: "101 105 | 103 | 100 | 102 104", fleet.ActStop: "102 104 | 100 | 103 | 101 105"} {
		if action == fleet.ActStop {
			continue
		}
		y.planned(action, want)
	}
	y.planned(fleet.ActStop, "102 104 | 100 | 103 | 101 105")
}

// planned has all six acted on and compares the waves.
func (y *yard) planned(action fleet.Action, want string) {
	y.Helper()
	id, err := y.act.Plan(y.Context(), y.viewer, "192.0.2.7", y.request(action, 100, 101, 102, 103, 104, 105))
	if err != nil {
		y.Fatal(err)
	}
	if j := y.job(id); j.State != job.Planned || len(y.act.Busy(y.cluster.Owner)) != 0 {
		y.Errorf("a plan is %s, busy %v", j.State, y.act.Busy(y.cluster.Owner))
	}
	if err := y.act.Begin(y.Context(), y.viewer, "198.51.100.9", id); err != nil {
		y.Fatal(err)
	}
	steps := y.ended(id)
	waves := map[int][]job.Step{}
	for _, st := range steps {
		if st.State != job.Done {
			y.Errorf("%s: %s: %s", st.Title, st.State, st.Detail)
		}
		if st.Kind == string(action) {
			waves[st.Wave] = append(waves[st.Wave], st)
		}
	}
	var got []string
	var numbers []int
	for w := range waves {
		numbers = append(numbers, w)
	}
	slices.Sort(numbers)
	var before time.Time
	for _, w := range numbers {
		var ids []string
		latest := before
		for _, st := range waves[w] {
			id, _ := fleet.ParseContainerID(st.Subject)
			ids = append(ids, id.VMID.String())
			if st.StartedAt.Before(before) {
				y.Errorf("%s began before the wave before had ended", st.Title)
			}
			if st.EndedAt.After(latest) {
				latest = st.EndedAt
			}
		}
		before = latest
		slices.Sort(ids)
		got = append(got, strings.Join(ids, " "))
	}
	if s := strings.Join(got, " | "); s != want {
		y.Errorf("%s went %s, want %s", action, s, want)
	}
}

func TestAPlanLeavesOutWhatCannotBeAndSaysWhy(t *testing.T) {
	specs := append(cts(false, 100, 101), cts(true, 102)...)
	specs = append(specs, pvesim.ContainerSpec{VMID: 103, Name: "base", Template: true})
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: specs})
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActStart, 100, 101, 102, 103))
	if err != nil {
		t.Fatal(err)
	}
	var skipped []string
	for _, st := range y.steps(id) {
		if st.State == job.Skipped {
			skipped = append(skipped, st.Detail)
		}
	}
	if want := []string{"web102 already runs.", "base is a template container: it cannot run."}; !slices.Equal(skipped, want) {
		t.Errorf("left out: %q", skipped)
	}
}

func TestRetryOnlyWhatFailed(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101, 102)})
	undo, err := y.sim.Fault("task-fails-at-60", pvesim.FaultTarget{Cluster: "lab", VMID: 101, Params: map[string]string{"type": "vzstart"}})
	if err != nil {
		t.Fatal(err)
	}
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActStart, 100, 101, 102))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	y.ended(id)
	if tally := y.job(id).Tally; tally.Done != 3 || tally.Failed != 1 { // with the step that prepared
		t.Fatalf("%+v", tally)
	}
	undo()
	again, err := y.act.Retry(t.Context(), y.viewer, "198.51.100.7", id, "")
	if err != nil {
		t.Fatal(err)
	}
	if j := y.job(again); j.State != job.Planned || j.Retries != id || j.Tally.Total() != 1 {
		t.Errorf("%+v", j)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.7", again); err != nil {
		t.Fatal(err)
	}
	if st := y.ended(again)[0]; st.State != job.Done || st.Subject != y.id(101).String() {
		t.Errorf("%+v", st)
	}
	entries, err := y.store.AuditEntries(t.Context(), audit.Filter{Owner: y.cluster.Owner, Limit: 1})
	if err != nil || len(entries) != 1 || entries[0].Address != "198.51.100.7" || y.job(again).Address != "198.51.100.7" {
		t.Errorf("the trail does not tell from where it was tried again: %+v %v", entries, err)
	}
	_, err = y.act.Retry(t.Context(), y.viewer, "198.51.100.7", again, "")
	wants(t, err, problem.Invalid, "Nothing of this job ended badly")
}

func TestCancelLeavesTheRestAndFollowsWhatWasBegun(t *testing.T) {
	var vmids []int
	for i := range 12 {
		vmids = append(vmids, 100+i)
	}
	y := newYardAt(t, 0.3, "", pvesim.NodeSpec{Name: "pve1", CTs: cts(true, vmids...)})
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActStop, vmids...))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	signal, leave := y.jobs.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("four are under way", signal, func() bool { return y.lab.Requests().Calls["POST /nodes/{node}/lxc/{vmid}/status/stop"] >= 4 })
	if err := y.act.Cancel(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	y.ended(id)
	tally, asked := y.job(id).Tally, y.writes()["POST stop"]
	if tally.Done != asked+1 || tally.Cancelled != 12-asked || asked < 4 {
		t.Errorf("%+v after %d calls", tally, asked)
	}
}

// No node ever has more than its limit, although all is asked for at once; and
// of one storage not more than two are deleted.
func TestManyStayWithinTheLimits(t *testing.T) {
	var nodes []pvesim.NodeSpec
	var all []int
	for n := range 4 {
		var vmids []int
		for i := range 12 {
			vmids = append(vmids, 100+n*100+i)
		}
		nodes = append(nodes, pvesim.NodeSpec{Name: fmt.Sprint("pve", n+1), CTs: cts(false, vmids...)})
		all = append(all, vmids...)
	}
	y := newYardAt(t, 0.1, "", nodes...)
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActStart, all...))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	y.ended(id)
	if tally := y.job(id).Tally; tally.Done != len(all)+4 {
		t.Errorf("%+v", tally)
	}
	for _, n := range y.lab.Nodes() {
		if most := y.lab.MostAtOnce(n.Name()); most > 4 || most < 2 {
			t.Errorf("%s had %d tasks at once", n.Name(), most)
		}
	}
}

// A plan may lie open for a day: who pressed Begin, when, and from where, is what the trail has to say.
func TestTheTrailSaysWhoBeganAPlan(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101)})
	id, err := y.act.Plan(t.Context(), y.viewer, "192.0.2.7", y.request(fleet.ActStart, 100, 101))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	y.ended(id)
	entries, err := y.store.AuditEntries(t.Context(), audit.Filter{Owner: y.cluster.Owner})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[audit.Kind]int{}
	for _, e := range entries {
		if kinds[e.Kind]++; e.Address != "198.51.100.9" || e.Actor != "ann@pve" {
			t.Errorf("%s %s by %s from %s", e.Kind, e.Result, e.Actor, e.Address)
		}
		if e.Kind == audit.JobBegin && (e.Subject != "Start 2 containers" || !strings.Contains(e.Detail, "from 192.0.2.7")) {
			t.Errorf("%s: %s", e.Subject, e.Detail)
		}
	}
	if kinds[audit.JobBegin] != 1 || kinds[audit.ContainerStart] != 4 {
		t.Errorf("the trail has %v", kinds)
	}
}

func TestTryingAgainTwiceIsOnePlan(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	y.fault("task-fails-at-60", "", nil)
	id := y.do(y.request(fleet.ActStart, 100))
	y.ended(id)
	var mu sync.Mutex
	made := map[job.ID]bool{}
	var clicks sync.WaitGroup
	for range 6 {
		clicks.Go(func() {
			again, err := y.act.Retry(t.Context(), y.viewer, "192.0.2.7", id, "retry:form")
			mu.Lock()
			defer mu.Unlock()
			if made[again] = true; err != nil {
				t.Error(err)
			}
		})
	}
	clicks.Wait()
	if len(made) != 1 {
		t.Errorf("%d plans", len(made))
	}
}

// What is left out whole is a plan all the same: it says why, and cannot be begun.
func TestAPlanOfNothingSaysWhy(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100, 101)})
	id, err := y.act.Plan(t.Context(), y.viewer, "192.0.2.7", y.request(fleet.ActStart, 100, 101))
	if err != nil {
		t.Fatal(err)
	}
	j := y.job(id)
	if j.State != job.Planned || j.Title != "Start 2 containers" || j.Tally != (job.Tally{Skipped: 2}) {
		t.Errorf("%+v", j)
	}
	if st := y.steps(id)[1]; st.Detail != "web101 already runs." {
		t.Errorf("%s", st.Detail)
	}
	wants(t, y.act.Begin(t.Context(), y.viewer, "192.0.2.7", id), problem.Invalid, "nothing to begin")
	if trail := y.trail(); !slices.Equal(trail, []string{"container.start refused"}) {
		t.Errorf("the trail has %v", trail)
	}
}

// Without a host name a container is known by its VMID: that is what is typed, and
// who has the VMID by then with a name is another one.
func TestAContainerWithoutAHostName(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: []pvesim.ContainerSpec{{VMID: 100, Name: "-"}, {VMID: 101, Name: "-"}, {VMID: 102, Name: "web102"}}})
	r := y.request(fleet.ActDelete, 100)
	for _, typed := range []string{"", "CT", "CT100", "CT 101", "100"} {
		r.Names[y.id(100)] = typed
		_, err := y.act.Do(t.Context(), y.viewer, "192.0.2.7", r)
		wants(t, err, problem.Invalid, "CT 100")
	}
	for vmid, change := range map[int]string{101: "rename other", 102: "unset hostname"} {
		r := y.request(fleet.ActDelete, vmid)
		y.hands(vmid, change)
		if st := y.one(r); st.State != job.Failed || !strings.Contains(st.Detail, "changed meanwhile: it is now called") {
			t.Errorf("%s: %s: %s", change, st.State, st.Detail)
		}
	}
	if w := y.writes(); len(w) != 0 {
		t.Errorf("Proxmox was asked %v", w)
	}
	if st := y.one(y.request(fleet.ActDelete, 100)); st.State != job.Done {
		t.Errorf("%s: %s", st.State, st.Detail)
	}
}

// Proxmox's own "start all" waits after a container for the delay that its startup
// says, and its "stop all" gives each the time that it says.
func TestStartupDelaysAreWaitedFor(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101)})
	y.hands(100, "startup order=1,up=1,down=90")
	y.hands(101, "startup order=2,down=5")
	run := func(a fleet.Action) []job.Step {
		id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(a, 100, 101))
		if err != nil {
			t.Fatal(err)
		}
		if err := y.act.Begin(t.Context(), y.viewer, "", id); err != nil {
			t.Fatal(err)
		}
		return y.ended(id)
	}
	steps := run(fleet.ActStart)
	if d := steps[2].StartedAt.Sub(steps[1].EndedAt); d < time.Second || !strings.Contains(steps[1].Detail, "waits 1 s") || !strings.Contains(steps[0].Detail, "for 1 s at most") {
		t.Errorf("the second began %s after the first: %q, %q", d, steps[0].Detail, steps[1].Detail)
	}
	y.fault("shutdown-ignored", "", nil)
	y.until("both are seen to run", ticks(t), func() bool {
		a, _ := y.picture().Container(100)
		b, _ := y.picture().Container(101)
		return a.Status == fleet.Running && b.Status == fleet.Running
	})
	steps = run(fleet.ActShutdown)
	for i, within := range []string{"within 90 s", "within 60 s"} {
		if st := steps[1+i]; st.State != job.Failed || !strings.Contains(st.Detail, within) {
			t.Errorf("%s: %s: %s", st.Title, st.State, st.Detail)
		}
	}
}
