package jobs

import (
	"context"
	"sync"
	"time"

	"berth/internal/job"
)

// boardPause is how long a board is at most behind while much happens, so that
// five hundred steps do not read it five hundred times.
const boardPause = 100 * time.Millisecond

// boards has what goes on for each owner that somebody asked about.
type boards struct {
	e *Engine

	mu     sync.Mutex
	owners map[string]*board
	dirty  chan struct{} // holds at most one
}

type board struct {
	loading   sync.Mutex // held while it is read, so that what was read earlier is not shown later
	now       *job.Board
	stale     bool // the store has another one
	signalled bool // something else of the owner's jobs changed: a log, a detail
	announce  bool // other replicas are to be told
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
	loading := &b.owner(owner).loading
	b.mu.Unlock()
	loading.Lock()
	defer loading.Unlock()
	read, err := b.e.store.Board(ctx, owner, b.e.now().Add(-badFor))
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.owner(owner)
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
	if o.now != nil {
		read.Rev = o.now.Rev + 1
	}
	o.now = &read
	return o.now
}

// tell says that a log or a sentence of the owner's jobs is new.
func (b *boards) tell(owner string) { b.mark(owner, false, true) }

// tellBoard says that a step of the owner's began or ended.
func (b *boards) tellBoard(owner string) { b.mark(owner, true, true) }

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
		for _, owner := range b.signalled() {
			b.show(ctx, owner)
		}
		pause.Reset(boardPause)
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
		if err := b.e.store.Announce(ctx, topicBoard, owner); err != nil && ctx.Err() == nil {
			b.e.log.Warn("jobs: other replicas were not told of a change", "err", err)
		}
	}
}
