package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/problem"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// yard is a store with one person, in which engines run.
type yard struct {
	*testing.T
	store *store.Store
	owner string
}

func newYard(t *testing.T) *yard {
	s := storetest.New(t, nil)
	u := storetest.User(t, s, storetest.Host(t, s, "home").ID, "ann@pve")
	return &yard{t, s, string(u.ID)}
}

// engine starts an engine; the function stops it and waits.
func (y *yard) engine(o jobs.Options) (*jobs.Engine, func()) { return y.engineOn(y.store, o) }

func (y *yard) engineOn(s jobs.Store, o jobs.Options) (*jobs.Engine, func()) {
	o.Store = s
	if o.Holder == "" {
		o.Holder = storetest.ID()
	}
	o.Log = slog.New(slog.DiscardHandler)
	e := jobs.New(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			y.Error(err)
		}
	}()
	end := sync.OnceFunc(func() { stop(); <-done })
	y.Cleanup(end)
	return e, end
}

func (y *yard) submit(e *jobs.Engine, j job.Job, steps ...job.Step) job.ID {
	y.Helper()
	j.Owner, j.Kind, j.Actor = y.owner, "work", "ann@pve"
	id, err := e.Submit(y.Context(), j, steps)
	if err != nil {
		y.Fatal(err)
	}
	return id
}

// finished waits until the job is, and returns its steps' states in order.
func (y *yard) finished(e *jobs.Engine, id job.ID) []job.Step {
	y.Helper()
	signal, leave := e.Subscribe(y.owner)
	defer leave()
	late := time.After(30 * time.Second)
	for {
		j, err := y.store.Job(y.Context(), y.owner, id)
		if err != nil {
			y.Fatal(err)
		}
		if j.State == job.Finished {
			steps, err := y.store.Steps(y.Context(), job.Filter{Owner: y.owner, Job: id})
			if err != nil {
				y.Fatal(err)
			}
			return steps
		}
		select {
		case <-signal:
		case <-late:
			y.Fatalf("the job did not finish: %+v", j.Tally)
		}
	}
}

func steps(n int, change func(i int, s *job.Step)) []job.Step {
	all := make([]job.Step, n)
	for i := range all {
		all[i] = job.Step{Group: "lab", Lane: "pve1", Subject: fmt.Sprint("lab/", 100+i), Title: fmt.Sprint("CT ", 100+i)}
		if change != nil {
			change(i, &all[i])
		}
	}
	return all
}

func works(f jobs.WorkFunc) map[string]jobs.Work { return map[string]jobs.Work{"work": f} }

func done(context.Context, *jobs.Handle) jobs.Outcome {
	return jobs.Outcome{State: job.Done, Detail: "Done."}
}

func TestNoLaneHasMoreThanItsLimit(t *testing.T) {
	y := newYard(t)
	var mu sync.Mutex
	in, most := map[string]int{}, map[string]int{}
	full := map[string]chan struct{}{"pve0": make(chan struct{}), "pve1": make(chan struct{})} // closed when three are in
	e, _ := y.engine(jobs.Options{LaneLimit: func(string, string) int { return 3 }, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		lane := h.Step().Lane
		mu.Lock()
		in[lane]++
		if in[lane] == 3 && most[lane] < 3 {
			close(full[lane])
		}
		most[lane] = max(most[lane], in[lane])
		mu.Unlock()
		<-full[lane]
		_ = h.Log(ctx, "a line") // long enough for a fourth to come in, if it could
		mu.Lock()
		in[lane]--
		mu.Unlock()
		return done(ctx, h)
	})})
	id := y.submit(e, job.Job{}, steps(40, func(i int, s *job.Step) { s.Lane = fmt.Sprint("pve", i%2) })...)
	for _, s := range y.finished(e, id) {
		if s.State != job.Done {
			t.Errorf("step %d: %s", s.N, s.State)
		}
	}
	for lane, n := range most {
		if n != 3 {
			t.Errorf("%s had %d at once at most, want 3", lane, n)
		}
	}
}

func TestWavesGoOneAfterTheOther(t *testing.T) {
	y := newYard(t)
	var mu sync.Mutex
	var order []int
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		mu.Lock()
		order = append(order, h.Step().Wave)
		mu.Unlock()
		if h.Step().Wave == 1 {
			return jobs.Ended(job.Failed, problem.New(problem.Failed, "It broke.", ""))
		}
		return done(ctx, h)
	})})
	id := y.submit(e, job.Job{}, steps(6, func(i int, s *job.Step) { s.Wave = i % 3 })...)
	all := y.finished(e, id)
	if got := fmt.Sprint(order); got != "[0 0 1 1 2 2]" {
		t.Errorf("waves went %s", got)
	}
	if all[1].State != job.Failed || all[1].Detail != "It broke." || all[1].Problem != string(problem.Failed) || all[2].State != job.Done {
		t.Errorf("a failure ends only itself: %+v", all[1])
	}
}

// The first step finds out the order of the others.
func TestAStepOrdersThoseAfterIt(t *testing.T) {
	y := newYard(t)
	var mu sync.Mutex
	var order []int
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		mu.Lock()
		order = append(order, h.Step().N)
		mu.Unlock()
		if h.Step().N == 0 {
			if err := h.Order(ctx, map[int]int{1: 5, 2: 4, 3: 3, 4: 2}); err != nil {
				t.Error(err)
			}
		}
		return done(ctx, h)
	})})
	y.finished(e, y.submit(e, job.Job{}, steps(5, func(i int, s *job.Step) { s.Wave = min(i, 1) })...))
	if got := fmt.Sprint(order); got != "[0 4 3 2 1]" {
		t.Errorf("steps went %s", got)
	}
}

func TestAChainEndsWithItsFirstBadEnd(t *testing.T) {
	y := newYard(t)
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		if h.Step().N == 1 {
			return jobs.Outcome{State: job.Unknown, Detail: "Who knows."}
		}
		return done(ctx, h)
	})})
	id := y.submit(e, job.Job{Chain: true}, steps(4, func(i int, s *job.Step) { s.Wave, s.Subject = i, "lab/100" })...)
	var got []job.StepState
	for _, s := range y.finished(e, id) {
		got = append(got, s.State)
	}
	if fmt.Sprint(got) != "[done unknown skipped skipped]" {
		t.Errorf("states: %v", got)
	}
}

func TestOneContainerDoesNotWaitForFiveHundred(t *testing.T) {
	y := newYard(t)
	began, open := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var mu sync.Mutex
	var order []string
	e, _ := y.engine(jobs.Options{LaneLimit: func(string, string) int { return 1 }, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		once.Do(func() { close(began) })
		<-open
		mu.Lock()
		order = append(order, h.Step().Subject)
		mu.Unlock()
		return done(ctx, h)
	})})
	many := y.submit(e, job.Job{}, steps(9, nil)...)
	<-began
	one := y.submit(e, job.Job{}, job.Step{Group: "lab", Lane: "pve1", Subject: "lab/999"})
	close(open)
	y.finished(e, one)
	y.finished(e, many)
	if len(order) != 10 || order[1] != "lab/999" && order[2] != "lab/999" {
		t.Errorf("order: %v", order)
	}
}

func TestWhatRunsIsTakenUpAfterAStop(t *testing.T) {
	y := newYard(t)
	calls := 0
	began := make(chan struct{})
	first, stop := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		calls++ // what must not happen twice
		if err := h.Task(ctx, "UPID:pve1:1:", map[string]bool{"called": true}); err != nil {
			t.Error(err)
		}
		close(began)
		<-ctx.Done()
		return jobs.Outcome{}
	})})
	id := y.submit(first, job.Job{}, steps(1, nil)...)
	<-began
	stop()
	second, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		var memo map[string]bool
		if !h.Recall(&memo) || !memo["called"] || h.Step().UPID != "UPID:pve1:1:" {
			calls++
		}
		return done(ctx, h)
	})})
	all := y.finished(second, id)
	if calls != 1 || all[0].Attempt != 2 || all[0].State != job.Done {
		t.Errorf("called %d times, attempt %d, %s", calls, all[0].Attempt, all[0].State)
	}
}

func TestCancelLeavesTheRestUndone(t *testing.T) {
	y := newYard(t)
	began := make(chan struct{})
	e, _ := y.engine(jobs.Options{LaneLimit: func(string, string) int { return 1 }, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		close(began)
		<-h.Cancelled()
		return jobs.Outcome{State: job.Done, Detail: "It could not be ended any more."}
	})})
	id := y.submit(e, job.Job{}, steps(3, nil)...)
	<-began
	if err := e.Cancel(t.Context(), y.owner, id, nil); err != nil {
		t.Fatal(err)
	}
	var got []job.StepState
	for _, s := range y.finished(e, id) {
		got = append(got, s.State)
	}
	if fmt.Sprint(got) != "[done cancelled cancelled]" {
		t.Errorf("states: %v", got)
	}
}

// What a step holds back begins when the time is over, and what is beside it does not wait.
func TestLaterWavesWaitAsLongAsAStepSays(t *testing.T) {
	y := newYard(t)
	const wait = 300 * time.Millisecond
	e, _ := y.engine(jobs.Options{LaneLimit: func(string, string) int { return 1 }, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		out := done(ctx, h)
		if h.Step().N == 0 {
			out.Hold = wait
		}
		return out
	})})
	waves := []int{1, 1, 2, 3}
	all := y.finished(e, y.submit(e, job.Job{}, steps(4, func(i int, s *job.Step) { s.Wave = waves[i] })...))
	if d := all[1].StartedAt.Sub(all[0].EndedAt); d >= wait {
		t.Errorf("the one of the same wave waited %s", d)
	}
	if d := all[2].StartedAt.Sub(all[0].EndedAt); d < wait || d > wait+2*time.Second {
		t.Errorf("the next wave waited %s", d)
	}
	if d := all[3].StartedAt.Sub(all[2].EndedAt); d >= wait {
		t.Errorf("the last wave waited %s", d)
	}
}

// What must not leave once another replica may go on is bound to the lease.
func TestWhatIsNotHeldAnyMoreIsToldAtOnce(t *testing.T) {
	y := newYard(t)
	var ahead atomic.Int64 // of the clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	e, _ := y.engine(jobs.Options{Now: now, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		guarded, stop := h.Guard(ctx)
		defer stop()
		if !h.Held() || guarded.Err() != nil {
			t.Error("it is not held although the lease was just taken")
		}
		ahead.Store(int64(14 * time.Second)) // frozen; another replica's clock may be ahead
		late, stop := h.Guard(ctx)
		defer stop()
		if <-late.Done(); h.Held() || !errors.Is(context.Cause(late), job.ErrTaken) {
			t.Errorf("held: %v; %v", h.Held(), context.Cause(late))
		}
		return done(ctx, h)
	})})
	y.finished(e, y.submit(e, job.Job{}, steps(1, nil)...))
}

func TestAPlanWaitsForItsPerson(t *testing.T) {
	y := newYard(t)
	e, _ := y.engine(jobs.Options{Works: works(done)})
	plan := y.submit(e, job.Job{State: job.Planned}, steps(2, nil)...)
	y.finished(e, y.submit(e, job.Job{}, steps(1, nil)...)) // the engine works, and leaves the plan alone
	if j, err := y.store.Job(t.Context(), y.owner, plan); err != nil || j.State != job.Planned || j.Tally.Waiting != 2 {
		t.Fatalf("the plan: %+v, %v", j, err)
	}
	if err := e.Start(t.Context(), y.owner, plan, "198.51.100.9", nil); err != nil {
		t.Fatal(err)
	}
	y.finished(e, plan)
}

func TestAPanicEndsOneStep(t *testing.T) {
	y := newYard(t)
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		if h.Step().N == 0 {
			panic("a bug")
		}
		return done(ctx, h)
	})})
	all := y.finished(e, y.submit(e, job.Job{}, steps(2, nil)...))
	if all[0].State != job.Failed || all[1].State != job.Done {
		t.Errorf("%s, %s", all[0].State, all[1].State)
	}
}

func TestAFurtherLane(t *testing.T) {
	y := newYard(t)
	var mu sync.Mutex
	in, most := 0, 0
	e, _ := y.engine(jobs.Options{LaneLimit: func(string, string) int { return 8 }, Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		leave, err := h.Enter(ctx, "storage/local", 2)
		if err != nil {
			return jobs.Outcome{}
		}
		defer leave()
		mu.Lock()
		in++
		most = max(most, in)
		mu.Unlock()
		_ = h.Log(ctx, "a line")
		mu.Lock()
		in--
		mu.Unlock()
		return done(ctx, h)
	})})
	y.finished(e, y.submit(e, job.Job{}, steps(20, nil)...))
	if most > 2 || most == 0 {
		t.Errorf("%d at once in the storage", most)
	}
}

func TestBoard(t *testing.T) {
	y := newYard(t)
	began, open := make(chan struct{}), make(chan struct{})
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		close(began)
		<-open
		return jobs.Outcome{State: job.Failed, Detail: "No."}
	})})
	if b := e.Board(y.owner); b.Jobs != 0 {
		t.Fatalf("before: %+v", b)
	}
	signal, leave := e.Subscribe(y.owner)
	defer leave()
	id := y.submit(e, job.Job{}, steps(1, nil)...)
	<-began
	for e.Board(y.owner).Busy["lab/100"].State != job.Active {
		<-signal
	}
	close(open)
	for e.Board(y.owner).Bad["lab/100"].Detail != "No." {
		<-signal
	}
	if b := e.Board(y.owner); b.Jobs != 0 || len(b.Busy) != 0 {
		t.Errorf("after: %+v", b)
	}
	if err := e.Dismiss(t.Context(), y.owner, id, 0); err != nil {
		t.Fatal(err)
	}
	for len(e.Board(y.owner).Bad) != 0 {
		<-signal
	}
}

// TestTwoReplicas: a group is run by one of them, and the other goes on when that one is gone.
func TestTwoReplicas(t *testing.T) {
	y := newYard(t)
	var mu sync.Mutex
	by := map[string]int{}
	work := func(name string) map[string]jobs.Work {
		return works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
			mu.Lock()
			by[name]++
			mu.Unlock()
			_ = h.Log(ctx, name)
			return done(ctx, h)
		})
	}
	one, stop := y.engine(jobs.Options{Works: work("one"), LaneLimit: func(string, string) int { return 1 }})
	two, _ := y.engine(jobs.Options{Works: work("two"), LaneLimit: func(string, string) int { return 1 }})
	first := y.submit(one, job.Job{}, steps(20, nil)...)
	y.finished(two, first)
	mu.Lock()
	if len(by) != 1 {
		t.Errorf("both worked on one group at once: %v", by)
	}
	mu.Unlock()
	stop()
	y.finished(two, y.submit(two, job.Job{}, steps(1, nil)...))
	if by["two"] == 0 {
		t.Errorf("the other did not go on: %v", by)
	}
}

func TestMemoIsJSON(t *testing.T) {
	y := newYard(t)
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		if err := h.Memo(ctx, func() {}); err == nil {
			t.Error("a memo that cannot be written was taken")
		}
		if err := h.Memo(ctx, json.RawMessage(`{"a":1}`)); err != nil {
			t.Error(err)
		}
		var v struct{ A int }
		if !h.Recall(&v) || v.A != 1 {
			t.Errorf("recalled %+v", v)
		}
		return done(ctx, h)
	})})
	y.finished(e, y.submit(e, job.Job{}, steps(1, nil)...))
}

// TestWorkBeginsAtOnce: no nudge is lost while a crew is about to leave. The
// ticks, every five seconds, would find what was.
func TestWorkBeginsAtOnce(t *testing.T) {
	y := newYard(t)
	began := make(chan struct{}, 1)
	e, _ := y.engine(jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		began <- struct{}{}
		return done(ctx, h)
	})})
	start := time.Now()
	for range 200 {
		y.submit(e, job.Job{}, job.Step{Group: "lab", Lane: "pve1"})
		<-began
	}
	if took := time.Since(start); took > 200*time.Second {
		t.Errorf("200 jobs one after the other took %v", took)
	}
}
