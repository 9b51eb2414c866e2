package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"berth/internal/audit"
	"berth/internal/job"
	"berth/internal/problem"
)

// Work is what a kind of step does. It may be run again for the same step after
// a crash: whatever must not be done twice is noted before it is done
// (Handle.Memo), and looked up first (Handle.Recall).
//
// ctx ends when this Berth stops or loses the group to another replica; Run
// then returns at once with the zero Outcome, and whoever goes on runs it again.
type Work interface {
	Run(ctx context.Context, h *Handle) Outcome
}

// WorkFunc is a Work of one function.
type WorkFunc func(ctx context.Context, h *Handle) Outcome

// Run calls the function.
func (f WorkFunc) Run(ctx context.Context, h *Handle) Outcome { return f(ctx, h) }

// Outcome is how a step ended. The zero Outcome is no end: the step is taken up again later.
type Outcome struct {
	State  job.StepState
	Detail string       // one sentence
	Kind   problem.Kind // of a bad end
	// Lines, the last of its log, and Entry, for the trail, are kept in one piece with the end: all or none.
	Lines []string
	Entry *audit.Entry
	// Hold is how long later waves of the job in the group still wait. A crash or a change of the replica ends the wait.
	Hold time.Duration
}

// Ended makes the outcome of an error: a Problem says its sentence, anything
// else is logged by the engine's caller and said to be Berth's own fault.
func Ended(state job.StepState, err error) Outcome {
	if p := problem.Of(err); p != nil {
		return Outcome{State: state, Detail: p.Sentence(), Kind: p.Kind}
	}
	return Outcome{State: state, Detail: "Something went wrong in Berth; its log says what."}
}

// Handle is what a Work knows of its step, and how it keeps what it knows. All that it
// keeps is durable when the method returns. An error is job.ErrTaken when the
// step is another replica's by now, and means that the Work must return.
type Handle struct {
	crew      *crew
	ctx       context.Context
	open      job.Open
	cancelled chan struct{}
	once      sync.Once
	hold      time.Duration // as Outcome.Hold; written before the crew is told
	settled   bool          // nothing more is to be done; written before the crew is told

	mu   sync.Mutex
	step job.Step
}

// Step is the step as it is now.
func (h *Handle) Step() job.Step {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.step
}

// Address is that of the person who had the job begun.
func (h *Handle) Address() string { return h.open.Address }

// Cancelled is closed when the job's person asked that the rest be left undone.
func (h *Handle) Cancelled() <-chan struct{} { return h.cancelled }

func (h *Handle) cancel() { h.once.Do(func() { close(h.cancelled) }) }

// Held reports whether this replica surely has the step: no other can have taken
// its group over yet.
func (h *Handle) Held() bool { return h.crew.left() > 0 }

// Guard gives a context for what must not be sent once another replica may have
// the step. It ends when Held does, however often the lease is prolonged until then.
func (h *Handle) Guard(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for left := h.crew.left(); left > 0; left = h.crew.left() {
			timer := time.NewTimer(left)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
		cancel(job.ErrTaken)
	}()
	return ctx, func() { cancel(nil) }
}

// Memo keeps what whoever goes on after a crash needs, in place of what was kept before.
func (h *Handle) Memo(ctx context.Context, v any) error { return h.Task(ctx, "", v) }

// Task keeps the id of Proxmox's task together with a memo; empty: the id stays what it was.
func (h *Handle) Task(ctx context.Context, upid string, memo any) error {
	data, err := json.Marshal(memo)
	if err != nil {
		return fmt.Errorf("writing a step's memo: %w", err)
	}
	s := h.Step()
	if err := h.store().NoteStep(ctx, s.Job, s.N, h.holder(), data, upid); err != nil {
		return err
	}
	h.mu.Lock()
	h.step.Memo = data
	if upid != "" {
		h.step.UPID = upid
	}
	h.mu.Unlock()
	if upid != "" {
		h.crew.e.boards.tell(s.Owner)
	}
	return nil
}

// Intend is Memo of what is about to be done, in one piece with the trail's entry of it.
func (h *Handle) Intend(ctx context.Context, memo any, intent audit.Entry) error {
	data, err := json.Marshal(memo)
	if err != nil {
		return fmt.Errorf("writing a step's memo: %w", err)
	}
	s := h.Step()
	if err := h.store().IntendStep(ctx, s.Job, s.N, h.holder(), data, intent); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step.Memo = data
	return nil
}

// Recall reads the memo into v; false when there is none.
func (h *Handle) Recall(v any) bool {
	memo := h.Step().Memo
	return len(memo) > 0 && json.Unmarshal(memo, v) == nil
}

// Say keeps what the step is doing, one sentence. It is for people only: a failure is logged.
func (h *Handle) Say(ctx context.Context, detail string) {
	s := h.Step()
	if s.Detail == detail {
		return
	}
	if err := h.store().SayStep(ctx, s.Job, s.N, h.holder(), detail); err != nil {
		if ctx.Err() == nil && !errors.Is(err, job.ErrTaken) {
			h.crew.e.log.Warn("jobs: what a step does was not kept", "err", err)
		}
		return
	}
	h.mu.Lock()
	h.step.Detail = detail
	h.mu.Unlock()
	h.crew.e.boards.tell(s.Owner)
}

// Log adds lines to the step's log; all or none are kept.
func (h *Handle) Log(ctx context.Context, lines ...string) error {
	s := h.Step()
	if err := h.store().AddStepLines(ctx, s.Job, s.N, h.holder(), h.crew.e.now(), lines); err != nil {
		return err
	}
	h.crew.e.boards.tell(s.Owner)
	return nil
}

// Order gives steps of the same job and group that wait, by their number, another wave.
// It holds for what begins after it returns: a step of an early wave may find
// out in which order the later ones are to go.
func (h *Handle) Order(ctx context.Context, waves map[int]int) error {
	s := h.Step()
	if err := h.store().OrderSteps(ctx, s.Job, s.N, h.holder(), waves); err != nil {
		return err
	}
	h.crew.order(s.Job, waves)
	return nil
}

// Enter waits for a place in a further lane of the group, such as a storage,
// through which at most limit steps go at once. leave gives the place back and may be called twice.
func (h *Handle) Enter(ctx context.Context, name string, limit int) (leave func(), err error) {
	return h.crew.lane(name).enter(ctx, limit)
}

func (h *Handle) store() Store   { return h.crew.e.store }
func (h *Handle) holder() string { return h.crew.e.options.Holder }

// run takes the step up, does its work and keeps how it ended.
func (h *Handle) run(ctx context.Context) {
	e := h.crew.e
	s, err := e.store.TakeStep(ctx, h.open.Job, h.open.N, e.options.Holder, e.now())
	if err != nil {
		h.settled = errors.Is(err, job.ErrTaken)
		h.failed(ctx, "taken up", err)
		return
	}
	h.mu.Lock()
	h.step = s
	h.mu.Unlock()
	e.boards.tellStep(s, false)
	outcome := h.do(ctx)
	if outcome.State == "" || !outcome.State.Ended() {
		return // it goes on after the next start, or on another replica
	}
	h.hold = outcome.Hold
	h.settled = h.end(context.WithoutCancel(ctx), outcome)
}

// do runs the work; a panic in one step is not the end of all others.
func (h *Handle) do(ctx context.Context) (outcome Outcome) {
	e := h.crew.e
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("jobs: a step panicked", "kind", h.Step().Kind, "panic", r, "stack", string(debug.Stack()))
			outcome = Ended(job.Failed, errors.New("panic"))
		}
	}()
	work, ok := e.options.Works[h.step.Kind]
	if !ok {
		return Outcome{State: job.Failed, Detail: "This Berth does not know how to do it; a newer one began it."}
	}
	return work.Run(ctx, h)
}

// end keeps how the step ended. It tries again while the database is away, since what was done must be known.
func (h *Handle) end(ctx context.Context, o Outcome) (settled bool) {
	e := h.crew.e
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		end := job.End{State: o.State, Detail: o.Detail, Problem: string(o.Kind), At: e.now(), Lines: o.Lines, Entry: o.Entry}
		err := e.store.EndStep(ctx, h.open, e.options.Holder, end)
		if err == nil {
			h.mu.Lock()
			h.step.State, h.step.Detail, h.step.Problem, h.step.EndedAt = o.State, o.Detail, string(o.Kind), end.At
			s := h.step
			h.mu.Unlock()
			e.boards.tellStep(s, h.open.Chain && s.State.Bad())
			e.options.Ended(s)
			return true
		}
		h.failed(ctx, "ended", err)
		if errors.Is(err, job.ErrTaken) {
			return true
		}
		select {
		case <-time.After(wait):
		case <-h.ctx.Done():
			return false // whoever takes it up finds how far it went
		}
	}
}

func (h *Handle) failed(ctx context.Context, what string, err error) {
	if ctx.Err() == nil && !errors.Is(err, job.ErrTaken) {
		h.crew.e.log.Error("jobs: a step could not be "+what, "job", h.open.Job, "step", h.open.N, "err", err)
	}
}
