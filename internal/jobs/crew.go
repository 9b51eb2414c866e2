package jobs

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"berth/internal/job"
)

// crew runs one group's steps while this replica holds the group's lease.
type crew struct {
	e      *Engine
	group  string
	nudged chan struct{} // holds at most one

	mu      sync.Mutex
	until   time.Time        // when the lease ends by itself
	open    map[key]job.Open // what waits or is active, as read last
	running map[key]*Handle
	later   map[key]bool // what came back without an end: looked at again with the next tick
	lanes   map[string]*lane
	holds   map[job.ID]hold
}

// hold keeps what comes after a wave of a job back until then.
type hold struct {
	wave  int
	until time.Time
}

type key struct {
	job job.ID
	n   int
}

func newCrew(e *Engine, group string) *crew {
	return &crew{e: e, group: group, nudged: make(chan struct{}, 1), running: map[key]*Handle{}, later: map[key]bool{}, lanes: map[string]*lane{}, holds: map[job.ID]hold{}}
}

// nudge has the crew read its steps anew.
func (c *crew) nudge() {
	select {
	case c.nudged <- struct{}{}:
	default:
	}
}

func (c *crew) lease() string { return "jobs/" + c.group }

// run takes the lease and works until nothing is left, the lease is lost, or ctx ends.
func (c *crew) run(ctx context.Context) {
	for ctx.Err() == nil {
		until, ok := c.hold(ctx)
		if ok {
			c.work(ctx, until)
		}
		if c.e.dismissed(c) {
			return
		}
	}
	c.e.dismissed(c)
}

// hold takes or prolongs the lease; until is when it ends by itself.
func (c *crew) hold(ctx context.Context) (until time.Time, ok bool) {
	now := c.e.now()
	until = now.Add(leaseFor)
	won, err := c.e.store.Claim(ctx, c.lease(), c.e.options.Holder, until, now)
	if err != nil && ctx.Err() == nil {
		c.e.log.Error("jobs: the lease of a group could not be had", "err", err)
	}
	if !won || err != nil {
		return until, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = until
	return until, true
}

// left is for how long the lease is surely this replica's. Both clocks are asked: the
// monotonic one stands still while a machine sleeps, the other may be set back.
func (c *crew) left() time.Duration {
	c.mu.Lock()
	until := c.until
	c.mu.Unlock()
	now := c.e.now()
	return min(until.Sub(now), until.Round(0).Sub(now.Round(0))) - leaseSlack
}

// work runs the group's steps until none is left, and gives the lease back.
func (c *crew) work(ctx context.Context, until time.Time) {
	ctx, stop := context.WithCancel(ctx)
	var steps sync.WaitGroup
	ended := make(chan key)
	renew := time.NewTicker(leaseRenew)
	defer func() {
		renew.Stop()
		stop()
		go func() { // those that still run report their end to nobody
			for range ended {
			}
		}()
		steps.Wait()
		close(ended)
		if err := c.e.store.Release(context.WithoutCancel(ctx), c.lease(), c.e.options.Holder); err != nil {
			c.e.log.Warn("jobs: a group's lease was not given back; it ends by itself", "err", err)
		}
	}()
	if !c.read(ctx) {
		return
	}
	for {
		for _, o := range c.due() {
			c.begin(ctx, o, &steps, ended)
		}
		if c.idle() {
			return
		}
		select {
		case <-c.nudged:
			c.read(ctx)
		case k := <-ended:
			c.took(k)
		case <-renew.C:
			renewed, ok := c.hold(ctx)
			if ok {
				until = renewed
			} else if !c.e.now().Before(until.Add(-leaseRenew)) {
				c.e.log.Error("jobs: a group's lease is lost, its steps go on elsewhere or later", "group", c.group)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// read reads what is to be done, and tells steps whose job is to stop.
func (c *crew) read(ctx context.Context) bool {
	open, err := c.e.store.OpenSteps(ctx, c.group)
	if err != nil {
		if ctx.Err() == nil {
			c.e.log.Error("jobs: a group's steps could not be read", "err", err)
		}
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.later)
	c.open = make(map[key]job.Open, len(open))
	for _, o := range open {
		k := key{o.Job, o.N}
		c.open[k] = o
		if h := c.running[k]; h != nil && o.Stopping {
			h.cancel()
		}
	}
	return true
}

// order moves steps to other waves, as the store has it by now.
func (c *crew) order(id job.ID, waves map[int]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, wave := range waves {
		if o, ok := c.open[key{id, n}]; ok && c.running[key{id, n}] == nil {
			o.Wave = wave
			c.open[key{id, n}] = o
		}
	}
}

// due lists the steps that may begin now, in the order in which they should:
// what was begun before a crash first, then small jobs before large ones, so
// that one container does not wait for five hundred others.
func (c *crew) due() []job.Open {
	c.mu.Lock()
	defer c.mu.Unlock()
	front := map[job.ID]int{} // the lowest wave of each job that is not done
	for _, o := range c.open {
		if w, ok := front[o.Job]; !ok || o.Wave < w {
			front[o.Job] = o.Wave
		}
	}
	now := c.e.now()
	var ready []job.Open
	for k, o := range c.open {
		held := c.holds[o.Job]
		if c.running[k] == nil && !c.later[k] && o.Wave == front[o.Job] && (o.Wave <= held.wave || !now.Before(held.until)) {
			ready = append(ready, o)
		}
	}
	slices.SortFunc(ready, func(a, b job.Open) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), min(a.Siblings, 2)-min(b.Siblings, 2), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Job, b.Job), a.N-b.N)
	})
	taken := map[string]int{}
	for _, h := range c.running {
		taken[h.open.Lane]++
	}
	var due []job.Open
	for _, o := range ready {
		// What was begun before a crash is followed at once: Proxmox works on it already.
		if o.State != job.Active && taken[o.Lane] >= c.e.options.LaneLimit(c.group, o.Lane) {
			continue
		}
		taken[o.Lane]++
		due = append(due, o)
	}
	return due
}

func rank(s job.StepState) int {
	if s == job.Active {
		return 0
	}
	return 1
}

func (c *crew) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0 && len(c.running) == 0
}

// begin takes a step up and runs its work beside the others.
func (c *crew) begin(ctx context.Context, o job.Open, steps *sync.WaitGroup, ended chan<- key) {
	k := key{o.Job, o.N}
	h := &Handle{crew: c, ctx: ctx, open: o, step: o.Step, cancelled: make(chan struct{})}
	if o.Stopping {
		h.cancel()
	}
	c.mu.Lock()
	c.running[k] = h
	c.mu.Unlock()
	steps.Go(func() {
		h.run(ctx)
		ended <- k
	})
}

// took forgets a step that ended. One that came back without an end stays, and holds up what comes after it.
func (c *crew) took(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.running[k]
	delete(c.running, k)
	if !h.settled {
		c.later[k] = true
		return
	}
	delete(c.open, k)
	c.keepBack(h.open, h.hold)
	if !h.open.Chain || !h.Step().State.Bad() {
		return
	}
	for other := range c.open { // they were left out when it ended
		if other.job == k.job && c.running[other] == nil {
			delete(c.open, other)
		}
	}
}

// keepBack lets the waves after a step's wait, and forgets waits that are over. The caller holds c.mu.
func (c *crew) keepBack(o job.Open, d time.Duration) {
	now := c.e.now()
	for id, held := range c.holds {
		if held.until.Before(now) {
			delete(c.holds, id)
		}
	}
	if until := now.Add(d); d > 0 && until.After(c.holds[o.Job].until) {
		c.holds[o.Job] = hold{max(o.Wave, c.holds[o.Job].wave), until}
		time.AfterFunc(d, c.nudge)
	}
}
