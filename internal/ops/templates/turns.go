package templates

import (
	"context"
	"sync"

	"berth/internal/problem"
)

// turns bounds reading of imports: each may take up to 100 MiB for half a
// minute, so a person has one at a time, and Berth two.
type turns struct {
	mu   sync.Mutex
	busy map[string]bool
	room chan struct{}
}

func newTurns() *turns { return &turns{busy: map[string]bool{}, room: make(chan struct{}, 2)} }

// take waits for room and returns how to leave it; a second one of the same person is refused.
func (t *turns) take(ctx context.Context, owner string) (leave func(), err error) {
	t.mu.Lock()
	if t.busy[owner] {
		t.mu.Unlock()
		return nil, problem.New(problem.TooMany, "Another import of yours is being read.", "Wait until it is done.")
	}
	t.busy[owner] = true
	t.mu.Unlock()
	done := func() {
		t.mu.Lock()
		delete(t.busy, owner)
		t.mu.Unlock()
	}
	select {
	case t.room <- struct{}{}:
		return func() { <-t.room; done() }, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}
