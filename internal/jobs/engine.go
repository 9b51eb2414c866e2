// Package jobs carries out durable work: jobs of steps that are stored before
// and after they are done, so that a crash loses nothing and repeats nothing
// by itself. It knows no container: what a step does is a Work that it was given.
//
// A group's steps (a cluster's) are run by the one replica that holds the
// group's lease, so that limits hold and what one replica did, another goes on with.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"berth/internal/audit"
	"berth/internal/job"
)

const (
	leaseFor   = 15 * time.Second
	leaseRenew = 5 * time.Second
	// leaseSlack is how far the replicas' clocks may be from each other.
	leaseSlack = 2 * time.Second
	// keepFor is how long finished jobs are kept.
	keepFor = 90 * 24 * time.Hour
	// planFor is how long a plan that nobody begins is kept.
	planFor = 24 * time.Hour
	// badFor is how long a bad end is told on other pages when nobody dismisses it.
	badFor = 7 * 24 * time.Hour

	topicWork  = "jobs.work"  // a group has something new to do
	topicBoard = "jobs.board" // an owner's board, steps or logs changed
	// topicResync is the store's own: announcements may have been lost.
	topicResync = "resync"
)

// Store is what the engine keeps and reads.
type Store interface {
	SubmitJob(ctx context.Context, j job.Job, steps []job.Step, taken func(job.Step) string) (job.ID, error)
	BeginJob(ctx context.Context, owner string, id job.ID, by job.Begin, taken func(job.Step) string) error
	StopJob(ctx context.Context, owner string, id job.ID, at time.Time, entry *audit.Entry) error
	OpenGroups(ctx context.Context) ([]string, error)
	OpenSteps(ctx context.Context, group string) ([]job.Open, error)
	TakeStep(ctx context.Context, id job.ID, n int, holder string, at time.Time) (job.Step, error)
	IntendStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, intent audit.Entry) error
	NoteStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, upid string) error
	OrderSteps(ctx context.Context, id job.ID, by int, holder string, waves map[int]int) error
	SayStep(ctx context.Context, id job.ID, n int, holder, detail string) error
	EndStep(ctx context.Context, o job.Open, holder string, end job.End) error
	AddStepLines(ctx context.Context, id job.ID, n int, holder string, at time.Time, texts []string) error
	// Goings are the steps that wait or are active, and the last bad end of each subject.
	Goings(ctx context.Context, owner string, since time.Time) (open, bad []job.Step, err error)
	GroupsOfJob(ctx context.Context, owner string, id job.ID) ([]string, error)
	DismissStep(ctx context.Context, owner string, id job.ID, n int, at time.Time) error
	PruneJobs(ctx context.Context, before, plansBefore time.Time) error
	Claim(ctx context.Context, name, holder string, until, now time.Time) (won bool, err error)
	Release(ctx context.Context, name, holder string) error
	Announce(ctx context.Context, topic, id string) error
	// Listen calls what for each announcement of any replica, this one included, until ctx ends.
	Listen(ctx context.Context, what func(topic, id string)) error
}

// Options are what an Engine stands on.
type Options struct {
	Store Store
	// Works has what is done, by a step's kind.
	Works map[string]Work
	// LaneLimit is how many steps go through a lane of a group at once; nil: 4.
	LaneLimit func(group, lane string) int
	// Taken says in one sentence what another job does to a subject, for who is refused because of it.
	Taken func(other job.Step) string
	// Ended is told of each step that ended here, after that was stored; nil: nobody is.
	Ended func(job.Step)
	// Holder names this replica; it is different in each process.
	Holder string
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: slog.Default
}

// Engine carries out jobs. Its methods may be called from any goroutine,
// before and while Run runs; none of them waits for a step.
type Engine struct {
	options Options
	store   Store
	now     func() time.Time
	log     *slog.Logger
	boards  boards

	mu    sync.Mutex
	ctx   context.Context // of Run; nil before and after
	crews map[string]*crew
	group sync.WaitGroup
}

// New makes an engine; nothing is done before Run.
func New(o Options) *Engine {
	e := &Engine{options: o, store: o.Store, now: o.Now, log: o.Log, crews: map[string]*crew{}}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.options.LaneLimit == nil {
		e.options.LaneLimit = func(string, string) int { return 4 }
	}
	if e.options.Taken == nil {
		e.options.Taken = func(s job.Step) string { return s.Title + " is busy with another job." }
	}
	if e.options.Ended == nil {
		e.options.Ended = func(job.Step) {}
	}
	e.boards = newBoards(e)
	return e
}

// Run carries out what the store has to be done, until ctx ends. Steps that
// run then are told to return, and go on with the next start.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	e.ctx = ctx
	e.mu.Unlock()
	e.group.Go(func() { e.listen(ctx) })
	e.group.Go(func() { e.boards.run(ctx) })
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	var pruned time.Time
	for ctx.Err() == nil {
		e.lookForWork(ctx)
		if now := e.now(); now.Sub(pruned) > time.Hour {
			pruned = now
			if err := e.store.PruneJobs(ctx, now.Add(-keepFor), now.Add(-planFor)); err != nil && ctx.Err() == nil {
				e.log.Error("jobs: old ones were not forgotten", "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	e.mu.Lock()
	e.ctx = nil
	e.mu.Unlock()
	e.group.Wait()
	return nil
}

// lookForWork begins, or wakes, the crew of each group in which something is to be done.
func (e *Engine) lookForWork(ctx context.Context) {
	groups, err := e.store.OpenGroups(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("jobs: what is to be done could not be read", "err", err)
		}
		return
	}
	for _, g := range groups {
		e.wake(g)
	}
}

// listen hears what other replicas, and this one's callers, have to be done.
func (e *Engine) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := e.store.Listen(ctx, func(topic, id string) {
			switch topic {
			case topicWork:
				e.wake(id)
			case topicBoard:
				e.boards.heard(id)
			case topicResync:
				e.lookForWork(ctx)
				e.boards.changed("")
			}
		})
		if ctx.Err() == nil {
			e.log.Warn("jobs: hearing of other replicas again", "err", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

// wake sees to it that a crew looks at the group's steps, if this replica may have it.
func (e *Engine) wake(group string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil || e.ctx.Err() != nil {
		return
	}
	if c, ok := e.crews[group]; ok {
		c.nudge()
		return
	}
	c := newCrew(e, group)
	e.crews[group] = c
	ctx := e.ctx
	e.group.Go(func() { c.run(ctx) })
}

// dismissed takes a crew that found nothing more to do out, unless it was nudged meanwhile: then it looks again.
func (e *Engine) dismissed(c *crew) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-c.nudged:
		return false
	default:
	}
	delete(e.crews, c.group)
	return true
}

// Submit stores a job and has it begun, if it is not a planned one. The steps'
// subjects are claimed: a step whose subject another job works on is skipped,
// with the reason; when that leaves nothing, it is a problem.Conflict with the first
// reason, and nothing is stored. The same owner's same Once is one job: the id is that one's.
func (e *Engine) Submit(ctx context.Context, j job.Job, steps []job.Step) (job.ID, error) {
	if j.ID == "" {
		j.ID = job.ID(uuid.Must(uuid.NewV7()).String())
	}
	j.CreatedAt = e.now()
	if j.State != job.Planned {
		j.State, j.StartedAt = job.Running, j.CreatedAt
	}
	id, err := e.store.SubmitJob(ctx, j, steps, e.options.Taken)
	if err != nil {
		return "", fmt.Errorf("submitting a job: %w", err)
	}
	e.tell(ctx, j.Owner, groupsOf(steps))
	return id, nil
}

// Start begins a planned job for somebody at an address, and writes the entry
// (nil: none) with it; begun already, it is left as it is. Claims are as with Submit.
func (e *Engine) Start(ctx context.Context, owner string, id job.ID, address string, entry *audit.Entry) error {
	if err := e.store.BeginJob(ctx, owner, id, job.Begin{At: e.now(), Address: address, Entry: entry}, e.options.Taken); err != nil {
		return fmt.Errorf("beginning a job: %w", err)
	}
	return e.tellOf(ctx, owner, id)
}

// Cancel leaves the rest of a job undone: what has not begun is cancelled, and
// what is active is told by Handle.Cancelled and ends as it can. The entry (nil:
// none) is written with it, unless that was so before.
func (e *Engine) Cancel(ctx context.Context, owner string, id job.ID, entry *audit.Entry) error {
	if err := e.store.StopJob(ctx, owner, id, e.now(), entry); err != nil {
		return fmt.Errorf("cancelling a job: %w", err)
	}
	return e.tellOf(ctx, owner, id)
}

// Dismiss notes that its owner has seen a bad end.
func (e *Engine) Dismiss(ctx context.Context, owner string, id job.ID, n int) error {
	if err := e.store.DismissStep(ctx, owner, id, n, e.now()); err != nil {
		return fmt.Errorf("dismissing a step: %w", err)
	}
	e.tell(ctx, owner, nil)
	return nil
}

// tellOf tells of a change of a stored job.
func (e *Engine) tellOf(ctx context.Context, owner string, id job.ID) error {
	groups, err := e.store.GroupsOfJob(ctx, owner, id)
	if err != nil {
		return fmt.Errorf("telling of a job: %w", err)
	}
	e.tell(ctx, owner, groups)
	return nil
}

// tell has groups looked at, here at once and by whichever replica has them,
// and the owner's pages drawn anew. What was stored is not undone when nobody could be told.
func (e *Engine) tell(ctx context.Context, owner string, groups []string) {
	ctx = context.WithoutCancel(ctx)
	for _, g := range groups {
		e.wake(g)
		if err := e.store.Announce(ctx, topicWork, g); err != nil {
			e.log.Warn("jobs: other replicas were not told of work", "err", err)
		}
	}
	e.boards.changed(owner)
	e.boards.announce(ctx, owner)
}

func groupsOf(steps []job.Step) []string {
	var groups []string
	seen := map[string]bool{}
	for _, s := range steps {
		if !seen[s.Group] {
			seen[s.Group] = true
			groups = append(groups, s.Group)
		}
	}
	return groups
}
