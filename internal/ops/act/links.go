package act

import (
	"context"
	"sync"
	"time"

	"berth/internal/fleet"
)

// links share one connection to a cluster among all steps under way there.
type links struct {
	dial func(ctx context.Context, c fleet.Cluster) (Connection, error)
	mu   sync.Mutex
	open map[fleet.ClusterID]*link
}

// link is a connection with what its users share.
type link struct {
	Connection
	links   *links
	cluster fleet.Cluster
	pulse   *pulse
	users   int // guarded by links.mu

	mu       sync.Mutex
	quorate  bool
	askedAt  time.Time
	askedErr error
}

// get gives a link to the cluster as it is in the store now: a changed secret,
// pin or address makes a new one. leave gives it back.
func (l *links) get(ctx context.Context, c fleet.Cluster) (*link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.open[c.ID]; k != nil && k.cluster.Version == c.Version {
		k.users++
		return k, nil
	}
	conn, err := l.dial(ctx, c)
	if err != nil {
		return nil, err
	}
	k := &link{Connection: conn, links: l, cluster: c, users: 1, pulse: newPulse(conn)}
	l.open[c.ID] = k
	return k, nil
}

// leave closes the connection with its last user.
func (k *link) leave() {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	if k.users--; k.users > 0 {
		return
	}
	if k.links.open[k.cluster.ID] == k {
		delete(k.links.open, k.cluster.ID)
	}
	k.pulse.end()
	k.Close()
}

// quorumFor is how long an answer about quorum serves others: many actions begin at once.
const quorumFor = 2 * time.Second

// Quorate implements Connection; those who ask at one moment share one answer.
func (k *link) Quorate(ctx context.Context) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.askedAt.IsZero() && time.Since(k.askedAt) < quorumFor && k.askedErr == nil {
		return k.quorate, nil
	}
	k.quorate, k.askedErr = k.Connection.Quorate(ctx)
	k.askedAt = time.Now()
	return k.quorate, k.askedErr
}
