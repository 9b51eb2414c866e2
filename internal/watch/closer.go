package watch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

const (
	// maxLooked is how many containers of one owner are looked at closely at once; further ones are shown from what is known.
	maxLooked = 20
	// maxDetails is how many details of one owner stay in memory that nobody looks at, and detailFor how long.
	maxDetails = 8
	detailFor  = 5 * time.Minute
)

// closer looks at one container closely, for all pages of its owner that show
// it. Whether somebody looks decides whether it asks; what it found stays a while, and in the store.
type closer struct {
	w     *Watcher
	owner string
	id    fleet.ContainerID
	wake  chan struct{} // capacity 1

	mu          sync.Mutex
	detail      *fleet.Detail // never nil, never changed once it is here
	looks       map[int]fleet.Frame
	nextLook    int
	subscribers map[chan struct{}]struct{}
	agenda      *closeAgenda
	stop        context.CancelFunc // of the goroutine; nil: it does not run
	done        chan struct{}
	asking      bool
	left        time.Time   // when the last page was left, or it was loaded
	forget      *time.Timer // drops it
}

// LookClosely says that a visible page shows a container and a frame of its
// history, until it is released. While one does, Berth asks Proxmox for what only
// that page shows: at most one request in two seconds, however many pages show it.
func (w *Watcher) LookClosely(ownerID string, id fleet.ContainerID, frame fleet.Frame) (release func()) {
	c := w.closer(context.Background(), ownerID, id)
	if c == nil || !w.mayLook(c) {
		return func() {}
	}
	c.mu.Lock()
	n := c.nextLook
	c.nextLook++
	if len(c.looks) == 0 {
		c.agenda.open(w.now())
	}
	c.looks[n] = frame
	c.mu.Unlock()
	w.attendClosely(c)
	return sync.OnceFunc(func() { c.leave(n) })
}

// Detail is what is known of one of the owner's containers from looking at it
// closely: of this process, else as it was kept. It is never nil; its parts say when each was seen.
func (w *Watcher) Detail(ctx context.Context, ownerID string, id fleet.ContainerID) *fleet.Detail {
	c := w.closer(ctx, ownerID, id)
	if c == nil {
		return &fleet.Detail{ID: id}
	}
	if !w.options.Alone && !c.looked() {
		c.take(w.loadDetail(ctx, ownerID, id)) // another replica may have looked since
	}
	return c.now()
}

// SubscribeDetail gives a channel that receives when Detail is new, until the second value is called.
func (w *Watcher) SubscribeDetail(ownerID string, id fleet.ContainerID) (<-chan struct{}, func()) {
	signal := make(chan struct{}, 1)
	c := w.closer(context.Background(), ownerID, id)
	if c == nil {
		return signal, func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers[signal] = struct{}{}
	return signal, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subscribers, signal)
	}
}

// ReadNow asks once for everything that a container's page shows, because a
// person pressed for it, and returns when that is there or cannot be had. It
// keeps to the same pace as LookClosely, so it may take some seconds.
func (w *Watcher) ReadNow(ctx context.Context, ownerID string, id fleet.ContainerID, frame fleet.Frame) error {
	c := w.closer(ctx, ownerID, id)
	if c == nil {
		return problem.Missing()
	}
	if why := w.whyNotAsk(c); why != nil {
		return why
	}
	signal, end := w.SubscribeDetail(ownerID, id)
	defer end()
	begun := w.now()
	c.mu.Lock()
	c.agenda.hurryAll()
	c.mu.Unlock()
	release := w.LookClosely(ownerID, id, frame)
	defer release()
	for {
		if c.settled(begun, frame) {
			return nil
		}
		if why := w.whyNotAsk(c); why != nil {
			return why
		}
		select {
		case <-signal:
		case <-ctx.Done():
			return problem.New(problem.Timeout, "Proxmox has not answered everything yet.", "What it did answer is shown; look again in a moment.")
		}
	}
}

// closer finds what looks at a container, or begins it with what was kept; nil when the owner has no such cluster.
func (w *Watcher) closer(ctx context.Context, ownerID string, id fleet.ContainerID) *closer {
	key := closerKey{ownerID, id}
	w.mu.RLock()
	r, c := w.loops[id.Cluster], w.closers[key]
	w.mu.RUnlock()
	if r == nil || r.loop.owner != ownerID || id.VMID < fleet.MinVMID || id.VMID > fleet.MaxVMID {
		return nil
	}
	if c != nil {
		return c
	}
	fresh := &closer{w: w, owner: ownerID, id: id, wake: make(chan struct{}, 1), detail: &fleet.Detail{ID: id}, left: w.now(),
		looks: map[int]fleet.Frame{}, subscribers: map[chan struct{}]struct{}{}, agenda: newCloseAgenda(w.now())}
	fresh.take(w.loadDetail(ctx, ownerID, id))
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.closers[key]; c != nil {
		return c
	}
	w.closers[key] = fresh
	fresh.forget = time.AfterFunc(detailFor, fresh.drop)
	w.forgetOldest(ownerID)
	return fresh
}

type closerKey struct {
	owner string
	id    fleet.ContainerID
}

// forgetOldest keeps what nobody looks at within maxDetails. The caller holds w.mu.
func (w *Watcher) forgetOldest(ownerID string) {
	var idle []*closer
	for key, c := range w.closers {
		if key.owner == ownerID && !c.looked() {
			idle = append(idle, c)
		}
	}
	slices.SortFunc(idle, func(a, b *closer) int { return a.leftAt().Compare(b.leftAt()) })
	for len(idle) > maxDetails {
		idle[0].forget.Stop()
		delete(w.closers, closerKey{ownerID, idle[0].id})
		idle = idle[1:]
	}
}

// drop forgets what nobody looked at for a while.
func (c *closer) drop() {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if key := (closerKey{c.owner, c.id}); !c.looked() && c.w.closers[key] == c {
		delete(c.w.closers, key)
	}
}

// mayLook reports whether the owner does not look at too many already.
func (w *Watcher) mayLook(c *closer) bool {
	if c.looked() {
		return true
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	n := 0
	for key, other := range w.closers {
		if key.owner == c.owner && other.looked() {
			n++
		}
	}
	return n < maxLooked
}

// lookedAt counts the containers of a cluster that are looked at closely.
func (w *Watcher) lookedAt(cluster fleet.ClusterID) (n int) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for key, c := range w.closers {
		if key.id.Cluster == cluster && c.looked() {
			n++
		}
	}
	return n
}

// attendClosely starts the goroutine of a closer that is looked at, or wakes it.
func (w *Watcher) attendClosely(c *closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closers[closerKey{c.owner, c.id}] = c // it may have been forgotten just now
	if w.ctx == nil {
		return // Run starts it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil || len(c.looks) == 0 {
		c.poke()
		return
	}
	ctx, stop := context.WithCancel(w.ctx)
	before := c.done
	c.stop, c.done = stop, make(chan struct{})
	done := c.done
	w.group.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		c.run(ctx)
	})
}

// leave counts a page out; with the last one the asking ends.
func (c *closer) leave(look int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.looks, look)
	if len(c.looks) > 0 {
		return
	}
	c.left = c.w.now()
	c.forget.Reset(detailFor)
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

func (c *closer) looked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.looks) > 0
}

func (c *closer) leftAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

func (c *closer) now() *fleet.Detail {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.detail
}

// poke wakes the goroutine.
func (c *closer) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take swaps in a detail that is newer, and signals.
func (c *closer) take(d *fleet.Detail) {
	if d == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if newest(d).Before(newest(c.detail)) {
		return
	}
	c.show(d)
}

// show swaps in a detail and signals. The caller holds c.mu.
func (c *closer) show(d *fleet.Detail) {
	c.detail = d
	for signal := range c.subscribers {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}

// settled reports whether everything was asked since a time, or is not to be asked.
func (c *closer) settled(since time.Time, frame fleet.Frame) bool {
	seen, _ := c.w.seen(c.owner, c.id)
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.asking && c.agenda.settled(since, seen, frame)
}

// whyNotAsk is what speaks against asking Proxmox about the container at all; nil: nothing.
func (w *Watcher) whyNotAsk(c *closer) error {
	seen, p := w.seen(c.owner, c.id)
	switch t := seen.trouble; {
	case t != nil:
		return &problem.Problem{Kind: problem.Kind(t.Kind), What: t.What, Remedy: t.Remedy, Proxmox: t.Proxmox}
	case !seen.there && p != nil && !p.SeenAt.IsZero():
		return problem.New(problem.Gone, fmt.Sprintf("CT %d is not in %s any more.", c.id.VMID, p.Name), "What was known of it is still shown.")
	case !seen.there:
		return problem.New(problem.Conflict, "Berth has not seen this container yet.", "Try again in a moment.")
	}
	return nil
}

// seenCloser is what the picture says of a container that is looked at closely.
type seenCloser struct {
	there     bool
	container fleet.Container
	trouble   *fleet.Trouble // why it cannot be asked
	rights    *fleet.Rights
}

func (w *Watcher) seen(ownerID string, id fleet.ContainerID) (seenCloser, *fleet.ClusterPicture) {
	for _, p := range w.Picture(ownerID).Clusters {
		if p.Cluster != id.Cluster {
			continue
		}
		s := seenCloser{trouble: p.Trouble, rights: p.Rights}
		s.container, s.there = p.Container(id.VMID)
		if n, ok := p.Node(s.container.Node); s.there && ok && n.State == fleet.Unreachable && s.trouble == nil {
			s.trouble = n.Trouble
			if s.trouble == nil {
				s.trouble = &fleet.Trouble{Kind: string(problem.NodeDown), What: n.Title() + " cannot be reached."}
			}
		}
		return s, p
	}
	return seenCloser{}, nil
}
