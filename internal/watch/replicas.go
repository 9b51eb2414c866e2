package watch

import (
	"context"
	"time"

	"berth/internal/fleet"
)

const (
	// tellEvery is how often a replica says that somebody looks there.
	tellEvery = 10 * time.Second
	// listenAgain is the pause after the announcements broke off.
	listenAgain = 2 * time.Second
)

// listen hears what other replicas say until ctx ends.
func (w *Watcher) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.options.Store.Listen(ctx, func(topic, id string) { w.hear(ctx, topic, id) }); err != nil && ctx.Err() == nil {
			w.log.Warn("watch: other replicas are not heard", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(listenAgain):
		}
	}
}

// hear takes one announcement.
func (w *Watcher) hear(ctx context.Context, topic, id string) {
	switch topic {
	case topicCluster:
		w.reread(ctx)
	case topicLook:
		w.mu.Lock()
		o := w.owner(id)
		now := w.now()
		was := o.looked(now)
		o.lookedAway = now.Add(lookFor)
		w.mu.Unlock()
		if !was {
			w.attend(id)
		}
	case topicResync:
		w.reread(ctx)
		for _, l := range w.allLoops() {
			w.readRow(ctx, l)
		}
	case topicPicture:
		if l := w.loopOf(fleet.ClusterID(id)); l != nil {
			w.readRow(ctx, l)
		}
	case topicSaw:
		w.heardSaw(id)
	case topicTry:
		// Only the one that asks may try; the others, and who said it, leave it to them.
		if l := w.loopOf(fleet.ClusterID(id)); l != nil && l.asks.Load() {
			l.post(func(m *mailbox) { m.tries = append(m.tries, make(chan error, 1)) })
		}
	}
}

func (w *Watcher) loopOf(id fleet.ClusterID) *loop {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if r := w.loops[id]; r != nil {
		return r.loop
	}
	return nil
}

func (w *Watcher) allLoops() []*loop {
	w.mu.RLock()
	defer w.mu.RUnlock()
	loops := make([]*loop, 0, len(w.loops))
	for _, r := range w.loops {
		loops = append(loops, r.loop)
	}
	return loops
}

// readRow gives a loop the newest kept picture, unless it asks itself.
func (w *Watcher) readRow(ctx context.Context, l *loop) {
	if l.asks.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := w.options.Store.LoadPicture(ctx, l.id)
	if err != nil {
		w.log.Warn("watch: picture was not read", "cluster", string(l.id), "err", err)
		return
	}
	l.post(func(m *mailbox) { m.row = data })
}

// tellLooking tells the replica that asks that somebody looks here.
func (w *Watcher) tellLooking(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := w.now()
		var looking []string
		w.mu.RLock()
		for id, o := range w.owners {
			if o.watching > 0 || now.Before(o.lookedUntil) {
				looking = append(looking, id)
			}
		}
		w.mu.RUnlock()
		for _, id := range looking {
			w.announce(ctx, topicLook, id)
		}
	}
}
