package watch

import (
	"context"
	"hash/maphash"
	"time"

	"berth/internal/fleet"
)

const (
	keepEvery   = 30 * time.Second // at most, when something changed
	keepNumbers = 5 * time.Minute  // when only numbers moved and no replica reads them
	keepAway    = time.Second      // when more than numbers changed and somebody looks at another replica
	leaseFor    = 15 * time.Second
	leaseRenew  = 5 * time.Second
	storeTime   = 3 * time.Second // how long the store may take before the loop goes on
)

// keeping is what of a cluster's picture is in the store.
type keeping struct {
	picture *fleet.ClusterPicture // drawn last; nil when it is kept already
	mark    uint64                // of the drawn one's structure
	kept    uint64
	at      time.Time
}

var markSeed = maphash.MakeSeed()

// changed notes a new picture.
func (k *keeping) changed(p *fleet.ClusterPicture) {
	k.picture, k.mark = p, markOf(p)
}

// markOf sums up what of a picture is no mere number: who is there and in which state.
func markOf(p *fleet.ClusterPicture) uint64 {
	var h maphash.Hash
	h.SetSeed(markSeed)
	put := func(parts ...string) {
		for _, part := range parts {
			h.WriteString(part)
			h.WriteByte(0)
		}
	}
	if p.Trouble != nil {
		put(p.Trouble.Kind, p.Trouble.What)
	}
	for _, n := range p.Nodes {
		put(n.ID.Name, string(n.State), n.Version)
	}
	for i := range p.Containers {
		c := &p.Containers[i]
		put(c.ID.VMID.String(), c.Node, c.Hostname, string(c.Status), c.Lock, c.Pool, c.HA)
		put(c.Tags...)
		put(c.Addresses...)
	}
	return h.Sum64()
}

// keepRow stores the picture when it is time, and returns how long it is until then.
func (l *loop) keepRow(ctx context.Context, now time.Time) time.Duration {
	if l.keep.picture == nil {
		return time.Minute
	}
	every := keepEvery
	switch same := l.keep.mark == l.keep.kept; {
	case same && l.w.options.Alone:
		every = keepNumbers
	case !same && l.w.lookedAway(l.owner, now):
		every = keepAway
	}
	if due := l.keep.at.Add(every); due.After(now) {
		return due.Sub(now)
	}
	l.keepRowNow(ctx, now)
	return time.Minute
}

// keepRowNow stores the picture and tells the other replicas.
func (l *loop) keepRowNow(ctx context.Context, now time.Time) {
	p := l.keep.picture
	if p == nil || l.isDropped() {
		return
	}
	l.keep.at = now
	data, err := encodeRow(p)
	if err != nil {
		l.log.Error("watch: picture was not kept", "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if err := l.w.options.Store.SavePicture(ctx, l.id, data, p.SeenAt); err != nil {
		l.log.Warn("watch: picture was not kept", "err", err)
		return
	}
	l.keep.picture, l.keep.kept = nil, l.keep.mark
	l.w.announce(ctx, topicPicture, string(l.id))
}

// restore takes a kept picture into the sight.
func (l *loop) restore(data []byte) {
	r, err := decodeRow(data)
	if err != nil {
		l.log.Warn("watch: kept picture is not used", "err", err)
		return
	}
	l.sight.restore(r, l.w.now())
	l.keptSpend = fleet.Spend{PerMinute: max(r.PerMinute, 0), P95: time.Duration(max(r.P95, 0)) * time.Microsecond}
}

// lease says whether this replica is the one that asks the cluster.
type lease struct {
	held  bool
	until time.Time
	next  time.Time // when to claim again
}

// keepLease claims or renews the lease when it is time, and returns how long it
// is until then. A replica that cannot renew stops asking before another may begin.
func (l *loop) keepLease(ctx context.Context, now time.Time) time.Duration {
	if l.w.options.Alone {
		l.hold(true)
		return time.Minute
	}
	if now.Before(l.lease.next) {
		return l.lease.next.Sub(now)
	}
	storeCtx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	until := now.Add(leaseFor)
	won, err := l.w.options.Store.Claim(storeCtx, leaseName(l.id), l.w.options.Holder, until, now)
	l.lease.next = now.Add(l.agenda.spread(leaseRenew))
	held := l.lease.held
	switch {
	case err != nil:
		l.log.Warn("watch: lease was not renewed", "err", err)
		l.hold(held && now.Add(leaseRenew).Before(l.lease.until))
	case won:
		l.hold(true)
		l.lease.until = until
	default:
		l.hold(false)
	}
	switch {
	case l.lease.held && !held:
		l.begin(ctx, now)
	case held && !l.lease.held:
		l.log.Info("watch: another replica asks this cluster now")
		l.hangUp()
	}
	return leaseRenew
}

// begin takes over from where the last replica left off.
func (l *loop) begin(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := l.w.options.Store.LoadPicture(ctx, l.id)
	if err == nil && len(data) > 0 {
		l.restore(data)
	}
	l.agenda.begun, l.agenda.fails, l.agenda.visit = [callKinds]time.Time{}, 0, now
}

func (l *loop) hold(held bool) {
	l.lease.held = held
	l.asks.Store(held)
}

func (l *loop) releaseLease(ctx context.Context) {
	l.hold(false)
	if l.w.options.Alone {
		return
	}
	if err := l.w.options.Store.Release(ctx, leaseName(l.id), l.w.options.Holder); err != nil {
		l.log.Warn("watch: lease was not released", "err", err)
	}
}

func leaseName(id fleet.ClusterID) string { return "watch:" + string(id) }
