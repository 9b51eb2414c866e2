package jobs

import (
	"cmp"
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"berth/internal/job"
)

// boardPause is how long a board is at most behind while much happens, so that
// five hundred steps do not read it five hundred times.
const boardPause = 100 * time.Millisecond

// boardShare bounds what boards of very many steps cost: after each there is a pause of so many times as long as it took.
const boardShare = 4

// drawAtOnce is how long drawing a board may take for it to be drawn when somebody looks: what ended here a moment ago
// is then free for the next action. A longer one is drawn with the next pause.
const drawAtOnce = time.Millisecond

// boards has what goes on for each owner that somebody asked about.
type boards struct {
	e *Engine

	mu     sync.Mutex
	owners map[string]*board
	dirty  chan struct{} // holds at most one
}

type board struct {
	loading sync.Mutex // held while it is read, so that what was read earlier is not shown later
	now     *job.Board
	// open and bad are what the store has, kept current with what the crews here do; nil before the first reading.
	open map[key]job.Step
	bad  map[string]job.Step // by subject
	// meanwhile is what the crews did since a reading began; nil while nothing is read.
	meanwhile []job.Step
	altered   bool          // open or bad are newer than now
	took      time.Duration // to draw it last
	stale     bool          // the store has what is not in open and bad
	signalled bool          // something else of the owner's jobs changed: a log, a detail
	announce  bool          // other replicas are to be told
	told      map[chan struct{}]bool
}

func newBoards(e *Engine) boards {
	return boards{e: e, owners: map[string]*board{}, dirty: make(chan struct{}, 1)}
}

// Board is what goes on for an owner. It is never nil and never changed; it is
// read from the store once, and then kept current.
func (e *Engine) Board(owner string) *job.Board {
	b := &e.boards
	b.mu.Lock()
	o := b.owner(owner)
	if o.altered && o.took < drawAtOnce {
		o.draw()
	}
	now := o.now
	b.mu.Unlock()
	if now != nil {
		return now
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return b.load(ctx, owner)
}

// Subscribe gives a channel that signals when the owner's board, a step or a
// log of one of its jobs is new. Signals are joined, never waited for. The function ends it.
func (e *Engine) Subscribe(owner string) (<-chan struct{}, func()) {
	b := &e.boards
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owner(owner).told[ch] = true
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.owner(owner).told, ch)
	}
}

// owner finds or makes an owner's board. The caller holds b.mu.
func (b *boards) owner(id string) *board {
	o, ok := b.owners[id]
	if !ok {
		o = &board{told: map[chan struct{}]bool{}}
		b.owners[id] = o
	}
	return o
}

// load reads an owner's board from the store and shows it.
func (b *boards) load(ctx context.Context, owner string) *job.Board {
	b.mu.Lock()
	o := b.owner(owner)
	b.mu.Unlock()
	o.loading.Lock()
	defer o.loading.Unlock()
	b.mu.Lock()
	o.meanwhile = []job.Step{}
	b.mu.Unlock()
	open, bad, err := b.e.store.Goings(ctx, owner, b.e.now().Add(-badFor))
	b.mu.Lock()
	defer b.mu.Unlock()
	meanwhile := o.meanwhile
	o.meanwhile = nil
	if err != nil {
		if ctx.Err() == nil {
			b.e.log.Error("jobs: what goes on could not be read", "err", err)
		}
		o.stale = true
		if o.now == nil {
			return &job.Board{}
		}
		return o.now
	}
	o.open, o.bad = make(map[key]job.Step, len(open)), make(map[string]job.Step, len(bad))
	for _, s := range open {
		o.open[key{s.Job, s.N}] = s
	}
	for _, s := range bad {
		o.bad[s.Subject] = s
	}
	for _, s := range meanwhile {
		o.take(s)
	}
	return o.draw()
}

// take puts in what became of a step that a crew here took up or ended.
func (o *board) take(s job.Step) {
	s.Args, s.Memo = nil, nil
	o.altered = true
	if !s.State.Ended() {
		o.open[key{s.Job, s.N}] = s
	} else {
		delete(o.open, key{s.Job, s.N})
	}
	switch {
	case s.State.Bad():
		o.bad[s.Subject] = s
	case s.State == job.Active, s.State == job.Done, s.State == job.Warned: // it is not the last one any more
		delete(o.bad, s.Subject)
	}
}

// draw makes what is shown from what is known.
func (o *board) draw() *job.Board {
	began := time.Now()
	defer func() { o.took = time.Since(began) }()
	b := &job.Board{Busy: make(map[string]job.Step, len(o.open)), Bad: maps.Clone(o.bad)}
	delete(b.Bad, "")
	if o.now != nil {
		b.Rev = o.now.Rev + 1
	}
	jobs := map[job.ID]bool{}
	for _, s := range o.open {
		jobs[s.Job] = true
		if s.Subject == "" {
			continue
		}
		if had, ok := b.Busy[s.Subject]; !ok || sooner(s, had) < 0 {
			b.Busy[s.Subject] = s
		}
	}
	b.Jobs = len(jobs)
	o.now, o.altered = b, false
	return b
}

// sooner puts what is active before what waits.
func sooner(a, b job.Step) int {
	return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), cmp.Compare(a.Job, b.Job), a.N-b.N)
}

// tell says that a log or a sentence of the owner's jobs is new.
func (b *boards) tell(owner string) { b.mark(owner, false, true) }

// tellStep says that a crew here took a step up or ended it; more: others of its job changed with it.
func (b *boards) tellStep(s job.Step, more bool) {
	b.mu.Lock()
	o := b.owner(s.Owner)
	if o.meanwhile != nil {
		o.meanwhile = append(o.meanwhile, s)
	}
	if o.open != nil {
		o.take(s)
	}
	b.mu.Unlock()
	b.mark(s.Owner, more, true)
}

// heard says that another replica changed something of an owner's.
func (b *boards) heard(id string) {
	owner, holder, _ := strings.Cut(id, "/")
	if holder != b.e.options.Holder {
		b.changed(owner)
	}
}

// announce tells the other replicas.
func (b *boards) announce(ctx context.Context, owner string) {
	if err := b.e.store.Announce(ctx, topicBoard, owner+"/"+b.e.options.Holder); err != nil && ctx.Err() == nil {
		b.e.log.Warn("jobs: other replicas were not told of a change", "err", err)
	}
}

// changed says that the store has something new of an owner; empty: of anybody.
func (b *boards) changed(owner string) {
	if owner != "" {
		b.mark(owner, true, false)
		return
	}
	b.mu.Lock()
	owners := make([]string, 0, len(b.owners))
	for id := range b.owners {
		owners = append(owners, id)
	}
	b.mu.Unlock()
	for _, id := range owners {
		b.mark(id, true, false)
	}
}

func (b *boards) mark(owner string, stale, announce bool) {
	b.mu.Lock()
	o := b.owner(owner)
	o.signalled = true
	o.stale = o.stale || stale
	o.announce = o.announce || announce
	b.mu.Unlock()
	select {
	case b.dirty <- struct{}{}:
	default:
	}
}

// run shows what changed, to subscribers here and to other replicas, until ctx ends.
func (b *boards) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-b.dirty:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		for _, owner := range b.signalled() {
			b.show(ctx, owner)
		}
		pause.Reset(max(boardPause, boardShare*time.Since(began)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

func (b *boards) signalled() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var owners []string
	for id, o := range b.owners {
		if o.signalled {
			owners = append(owners, id)
		}
	}
	return owners
}

func (b *boards) show(ctx context.Context, owner string) {
	b.mu.Lock()
	o := b.owner(owner)
	load := o.stale && (o.now != nil || len(o.told) > 0)
	announce := o.announce
	o.signalled, o.stale, o.announce = false, false, false
	if !load && o.altered {
		o.draw()
	}
	b.mu.Unlock()
	if load {
		b.load(ctx, owner)
	}
	b.mu.Lock()
	for ch := range o.told {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
	b.mu.Unlock()
	if announce {
		b.announce(ctx, owner)
	}
}
