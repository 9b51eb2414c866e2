package signin

import (
	"context"
	"fmt"
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

type lane struct {
	turn    chan struct{} // holds one token
	waiting int
}

const (
	laneQueue = 20               // who comes later is asked to try again
	laneWait  = 15 * time.Second // longest wait for one's turn
	laneLease = time.Minute      // longer than any whole answer may take
	lanePoll  = 100 * time.Millisecond
)

func busy() *problem.Problem {
	return problem.New(problem.TooMany, "Many people are signing in right now.", "Try again in a moment.")
}

// enter waits for one's turn at the host; leave gives it on.
func (s *Service) enter(ctx context.Context, host account.HostID) (leave func(), err error) {
	l, ok := s.lanes.join(host)
	if !ok {
		return nil, busy()
	}
	defer s.lanes.part(l)
	ctx, cancel := context.WithTimeout(ctx, laneWait)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, busy()
	}
	name := "sign-in:" + string(host)
	for {
		now := s.now()
		won, err := s.store.Claim(ctx, name, s.holder, now.Add(laneLease), now)
		if err != nil {
			<-l.turn
			return nil, fmt.Errorf("claiming the sign-in host: %w", err)
		}
		if won {
			break
		}
		select {
		case <-time.After(lanePoll):
		case <-ctx.Done():
			<-l.turn
			return nil, busy()
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := s.store.Release(ctx, name, s.holder); err != nil {
			s.log.Warn("a sign-in host's lease was not given back; it ends by itself", "error", err)
		}
		<-l.turn
	}, nil
}

func (m *lanes) join(host account.HostID) (*lane, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil {
		m.byID = map[account.HostID]*lane{}
	}
	l := m.byID[host]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		m.byID[host] = l
	}
	if l.waiting >= laneQueue {
		return nil, false
	}
	l.waiting++
	return l, true
}

// part counts one out of the queue. Lanes are as few as sign-in hosts, so they are kept.
func (m *lanes) part(l *lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.waiting--
}
