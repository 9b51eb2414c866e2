package act

import (
	"context"
	"sync"
	"time"
)

const (
	// crowd is how many tasks of one cluster are followed one by one; more are followed by the cluster's list.
	crowd = 4
	// listEvery is how often that list is read.
	listEvery = time.Second
	// slowest is how long a task in a crowd is not asked for itself.
	slowest = 15 * time.Second
	// untold is how many tasks that the list does not tell of are asked for after each reading.
	untold = 20
)

// pulse says when a task is worth asking for. A few are asked one by one; when
// many are followed, one list of the cluster's tasks a second serves them all.
type pulse struct {
	conn    Connection
	mu      sync.Mutex
	follows int
	waiting map[string]chan struct{} // by UPID
	listing bool
	ctx     context.Context // of the connection
	end     context.CancelFunc
}

func newPulse(c Connection) *pulse {
	p := &pulse{conn: c, waiting: map[string]chan struct{}{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// join counts one more task that is followed, until leave.
func (p *pulse) join() (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follows++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.follows--
	})
}

// wait returns when the task should be asked for: after pace while few are
// followed, else when the list says that it ended or does not tell of it.
func (p *pulse) wait(ctx context.Context, upid string, pace time.Duration) error {
	told, crowded := p.enter(upid)
	if crowded {
		pace = slowest
		defer p.exit(upid)
	}
	timer := time.NewTimer(pace)
	defer timer.Stop()
	select {
	case <-told:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (p *pulse) enter(upid string) (told chan struct{}, crowded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.follows <= crowd {
		return nil, false
	}
	told = make(chan struct{}, 1)
	p.waiting[upid] = told
	if !p.listing {
		p.listing = true
		go p.list()
	}
	return told, true
}

func (p *pulse) exit(upid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, upid)
}

// list reads the cluster's tasks while anybody waits.
func (p *pulse) list() {
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return
		}
		p.mu.Lock()
		if len(p.waiting) == 0 {
			p.listing = false
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		running, err := p.conn.Tasks(p.ctx)
		if err != nil {
			continue // each is asked for by itself after a while
		}
		p.tell(running)
	}
}

// tell wakes those whose task has ended, and some of those of whose task nothing is told.
func (p *pulse) tell(running map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := untold
	for upid, told := range p.waiting {
		runs, listed := running[upid]
		if runs || !listed && left == 0 {
			continue
		}
		if !listed {
			left--
		}
		select {
		case told <- struct{}{}:
		default:
		}
	}
}
