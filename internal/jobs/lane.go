package jobs

import (
	"context"
	"sync"
)

// lane is a narrow place within a group.
type lane struct {
	mu    sync.Mutex
	in    int
	moved chan struct{} // closed when somebody leaves
}

func (c *crew) lane(name string) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.lanes[name]
	if !ok {
		l = &lane{moved: make(chan struct{})}
		c.lanes[name] = l
	}
	return l
}

func (l *lane) enter(ctx context.Context, limit int) (leave func(), err error) {
	for {
		l.mu.Lock()
		moved := l.moved
		if l.in < max(limit, 1) {
			l.in++
			l.mu.Unlock()
			return sync.OnceFunc(l.leave), nil
		}
		l.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return func() {}, ctx.Err()
		}
	}
}

func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in--
	close(l.moved)
	l.moved = make(chan struct{})
}
