package signin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
)

// lanes let one login at a time through to a sign-in host: within this process
// by a lane, between replicas by a lease. PAM and LDAP checks occupy one of
// Proxmox's three workers for as long as they last.
type lanes struct {
	mu   sync.Mutex
	byID map[account.HostID]*lane
}

// lane is the queue before one host. Who is known there (a browser that signed
// in before, or that has given the password already) goes before strangers, so
// that a crowd of those keeps nobody out.
type lane struct {
	busy             bool
	known, strangers []chan struct{}
}

const (
	laneQueue = 20               // of each kind; who comes later is asked to try again
	laneWait  = 15 * time.Second // longest wait for one's turn
	// The lease between replicas is short and prolonged while it is held: one of
	// a Berth that died ends before those who wait for it give up.
	laneLease   = 6 * time.Second
	laneProlong = 2 * time.Second
	lanePoll    = 100 * time.Millisecond
)

func busy() *problem.Problem {
	return problem.New(problem.TooMany, "Many people are signing in right now.", "Try again in a moment.")
}

// enter waits for one's turn at the host; leave gives it on.
func (s *Service) enter(ctx context.Context, host account.HostID, known bool) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, laneWait)
	defer cancel()
	if !s.lanes.wait(ctx, host, known) {
		return nil, busy()
	}
	name := "sign-in:" + string(host)
	if err := s.claim(ctx, name); err != nil {
		s.lanes.leave(host)
		return nil, err
	}
	stop := s.prolong(ctx, name)
	return func() {
		defer s.lanes.leave(host)
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := s.store.Release(ctx, name, s.holder); err != nil {
			s.log.Warn("a sign-in host's lease was not given back; it ends by itself", "error", err)
		}
	}, nil
}

// claim takes the lease between replicas, looking again until ctx ends.
func (s *Service) claim(ctx context.Context, name string) error {
	for {
		now := s.now()
		won, err := s.store.Claim(ctx, name, s.holder, now.Add(laneLease), now)
		if err != nil {
			return fmt.Errorf("claiming the sign-in host: %w", err)
		}
		if won {
			return nil
		}
		select {
		case <-time.After(lanePoll):
		case <-ctx.Done():
			return busy()
		}
	}
}

// prolong keeps the lease until stop, which returns when nothing of it is under way any more.
func (s *Service) prolong(ctx context.Context, name string) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the wait for one's turn is over, the turn is not
	var keeping sync.WaitGroup
	keeping.Go(func() {
		tick := time.NewTicker(laneProlong)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := s.now()
			if _, err := s.store.Claim(ctx, name, s.holder, now.Add(laneLease), now); err != nil && ctx.Err() == nil {
				s.log.Warn("a sign-in host's lease was not prolonged", "error", err)
			}
		}
	})
	return func() {
		cancel()
		keeping.Wait()
	}
}

// wait is true when it is the caller's turn, who must leave then; false when the queue is full or ctx ended first.
func (m *lanes) wait(ctx context.Context, host account.HostID, known bool) bool {
	m.mu.Lock()
	if m.byID == nil {
		m.byID = map[account.HostID]*lane{}
	}
	l := m.byID[host]
	if l == nil { // kept from then on: lanes are as few as sign-in hosts
		l = &lane{}
		m.byID[host] = l
	}
	if !l.busy {
		l.busy = true
		m.mu.Unlock()
		return true
	}
	queue := &l.strangers
	if known {
		queue = &l.known
	}
	if len(*queue) >= laneQueue {
		m.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	*queue = append(*queue, turn)
	m.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	m.mu.Lock()
	at := slices.Index(*queue, turn)
	if at >= 0 {
		*queue = slices.Delete(*queue, at, at+1)
	}
	m.mu.Unlock()
	if at < 0 { // the turn came at the same moment, and somebody else may have it
		m.leave(host)
	}
	return false
}

// leave gives the turn to the next.
func (m *lanes) leave(host account.HostID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.byID[host]
	for _, queue := range []*[]chan struct{}{&l.known, &l.strangers} {
		if len(*queue) > 0 {
			close((*queue)[0])
			*queue = slices.Delete(*queue, 0, 1)
			return
		}
	}
	l.busy = false
}
