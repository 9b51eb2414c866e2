package act

import (
	"context"
	"errors"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// Handle is what the engine lets a work know and keep of its step. All that it
// keeps is durable when the method returns.
type Handle interface {
	Step() job.Step
	// Address is that of the person who had the job begun.
	Address() string
	Memo(ctx context.Context, v any) error
	// Intend is Memo of what is about to be done, in one piece with the trail's entry of it.
	Intend(ctx context.Context, memo any, intent audit.Entry) error
	Recall(v any) bool
	// Task keeps the id of Proxmox's task together with a memo.
	Task(ctx context.Context, upid string, memo any) error
	Say(ctx context.Context, detail string)
	Log(ctx context.Context, lines ...string) error
	// Order gives steps of the same job and group that wait another wave, by their number.
	Order(ctx context.Context, waves map[int]int) error
	Cancelled() <-chan struct{}
	// Held reports whether no other replica can have taken the step up.
	Held() bool
	// Guard gives a context that ends, at the latest, when Held does.
	Guard(ctx context.Context) (context.Context, context.CancelFunc)
	// Enter waits for a place in a further lane of the group.
	Enter(ctx context.Context, lane string, limit int) (leave func(), err error)
}

// Outcome is how a step ended. The zero Outcome is no end: it is taken up again
// later. Lines, the last of its log, and Entry, for the trail, are kept in one piece with the end.
type Outcome struct {
	State  job.StepState
	Detail string
	Kind   problem.Kind
	Lines  []string
	Entry  *audit.Entry
	// Hold is how long the next waves of the job in the group still wait.
	Hold time.Duration
}

// Kinds are the kinds of steps that Run carries out.
func Kinds() []string {
	kinds := []string{prepareKind}
	for _, rule := range fleet.ActionRules() {
		kinds = append(kinds, string(rule.Action))
	}
	return kinds
}

// memo is what whoever goes on after a crash needs.
type memo struct {
	Intent string `json:"intent,omitempty"` // its id in the trail; the result is still to be written
	// Verb is what Proxmox was about to be asked for, at At on Node: kept before
	// the call. UPID is the task that it became; without one the call's outcome is not known.
	Verb fleet.Action `json:"verb,omitempty"`
	Node string       `json:"node,omitempty"`
	At   time.Time    `json:"at,omitzero"`
	UPID string       `json:"upid,omitempty"`
	Read int          `json:"read,omitempty"` // lines of that task's log that the step's log has
	Boot time.Time    `json:"boot,omitzero"`  // when the container had started, of a reboot
	// Of a deletion: that it was stopped for it, and the root volume as noted when it was accepted.
	Stopped bool   `json:"stopped,omitempty"`
	Root    string `json:"root,omitempty"`
}

// run is one step being carried out.
type run struct {
	s     *Service
	h     Handle
	step  job.Step
	args  stepArgs
	rule  fleet.ActionRule
	id    fleet.ContainerID
	title string
	link  *link
	memo  memo
	// unkept are lines of the task's log that are still to be kept.
	unkept []string
	// node is where the container is; state what it said last.
	node  string
	state State
	// suspended: it was suspended just now, which Proxmox calls stopped.
	suspended bool
}

// What ends a step from outside. Neither is a failure of what it does.
var (
	errLeft   = errors.New("act: Berth stops, or another replica goes on")
	errOrphan = errors.New("act: the cluster or the person is gone")
)

// Run carries out one step of one of Kinds. When ctx ends it returns the zero
// Outcome, and goes on where it was when it is run again.
func (s *Service) Run(ctx context.Context, h Handle) Outcome {
	r := &run{s: s, h: h, step: h.Step()}
	r.title = r.step.Title
	decode(r.step.Args, &r.args)
	h.Recall(&r.memo)
	r.node = r.step.Lane
	err := r.openPatiently(ctx)
	if err == nil {
		defer func() { r.link.leave() }()
	}
	var out Outcome
	switch {
	case err != nil:
	case r.step.Kind == prepareKind:
		out, err = r.prepare(ctx)
	default:
		out, err = r.act(ctx)
	}
	return r.end(ctx, out, err)
}

// act does what the step is for.
func (r *run) act(ctx context.Context) (Outcome, error) {
	var ok, known bool
	r.rule, known = fleet.RuleOf(fleet.Action(r.step.Kind))
	r.id, ok = targetOf(r.step)
	if !ok || !known {
		return Outcome{}, nothingDone(problem.Invalid, "This step cannot be read.")
	}
	if r.rule.Action == fleet.ActDelete {
		return r.delete(ctx)
	}
	return r.power(ctx)
}

// open makes sure that cluster and person are still there, and has a link to the cluster.
func (r *run) open(ctx context.Context) error {
	c, err := r.s.followed(ctx, r.step)
	if err != nil {
		return err
	}
	r.link, err = r.s.links.get(ctx, c)
	return err
}

// openPatiently tries for a while: a store that is away for a moment ends no
// step. A cluster that cannot be asked at all leaves what was begun unknown.
func (r *run) openPatiently(ctx context.Context) error {
	err := r.open(ctx)
	for tries := 0; tries < 10 && err != nil && problem.Of(err) == nil && !errors.Is(err, errOrphan); tries++ {
		if err := r.pause(ctx, time.Second); err != nil {
			return err
		}
		err = r.open(ctx)
	}
	if p := problem.Of(err); p != nil && r.memo.Verb != "" {
		return &problem.Problem{Kind: problem.OutcomeUnknown, What: "What became of it cannot be learned. " + p.What, Remedy: "Look at " + r.title + " in Proxmox.", Err: err}
	}
	return err
}

// end makes of how it went what the engine keeps, and closes the intent in the trail.
func (r *run) end(ctx context.Context, out Outcome, err error) Outcome {
	p := problem.Of(err)
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.Is(err, errLeft), errors.Is(err, job.ErrTaken):
		return Outcome{}
	case errors.Is(err, errOrphan):
		out = Outcome{State: job.Cancelled, Detail: "No longer followed: the cluster was removed from Berth, or its person may not sign in any more."}
		if r.memo.Verb != "" {
			out.State = job.Unknown
			out.Detail += " Proxmox may go on with it."
		}
	case p == nil:
		r.s.log.Error("a step failed", "job", string(r.step.Job), "step", r.step.N, "kind", r.step.Kind, "err", err)
		out = Outcome{State: job.Failed, Detail: "Something went wrong in Berth; its log says what."}
	case p.Kind == problem.OutcomeUnknown:
		out = Outcome{State: job.Unknown, Detail: p.Sentence(), Kind: p.Kind}
	default:
		out = Outcome{State: job.Failed, Detail: p.Sentence(), Kind: p.Kind}
	}
	if r.step.Kind != prepareKind {
		e := r.result(out)
		out.Entry = &e
	}
	out.Lines = r.unkept
	return out
}

// followed reads the step's cluster anew; errOrphan when it, or who asked for the step, is gone.
func (s *Service) followed(ctx context.Context, st job.Step) (fleet.Cluster, error) {
	c, err := s.store.Cluster(ctx, st.Owner, fleet.ClusterID(st.Group))
	if problem.Is(err, problem.NotFound) {
		return c, errOrphan
	}
	if err != nil {
		return c, err
	}
	u, err := s.store.User(ctx, accountID(st.Owner))
	if err == nil && !u.DisabledAt.IsZero() || problem.Is(err, problem.NotFound) {
		return c, errOrphan
	}
	return c, err
}

// recheck looks whether cluster and person are still there, and takes a new
// link when the cluster's secret, pin or addresses were changed.
func (r *run) recheck(ctx context.Context) error {
	c, err := r.s.followed(ctx, r.step)
	if errors.Is(err, errOrphan) {
		return err
	}
	if err != nil || r.link == nil || c.Version == r.link.cluster.Version {
		return nil // the store's trouble is not the step's
	}
	fresh, err := r.s.links.get(ctx, c)
	if err != nil {
		return nil
	}
	r.link.leave()
	r.link = fresh
	return nil
}

// pause waits; it ends early when the step is to look whether it is still wanted.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	changed := r.s.changes()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-changed:
		return r.recheck(ctx)
	case <-ctx.Done():
		return errLeft
	}
}

func (r *run) cancelled() bool {
	select {
	case <-r.h.Cancelled():
		return true
	default:
		return false
	}
}
