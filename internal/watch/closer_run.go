package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// closeDeadline is how long one request of a closer may take.
const closeDeadline = 15 * time.Second

// looking is one stretch of looking closely: it ends with the last page.
type looking struct {
	*closer
	log     *slog.Logger
	source  Source // nil until something is asked
	version int64  // of the cluster's row that the source was made of
	fails   int    // failed calls in a row
	keptAt  time.Time
	kept    *fleet.Detail // as it is in the store
}

// run asks until ctx ends, and keeps what it found.
func (c *closer) run(ctx context.Context) {
	l := &looking{closer: c, log: c.w.log.With("cluster", string(c.id.Cluster), "vmid", int(c.id.VMID)), kept: c.now(), keptAt: c.w.now()}
	signal, end := c.w.Subscribe(c.owner)
	defer end()
	defer l.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-signal:
		case <-timer.C:
		}
		for ctx.Err() == nil {
			wait, again := l.step(ctx)
			if !again {
				timer.Reset(wait)
				break
			}
		}
	}
}

// end closes the connection and keeps what was found.
func (l *looking) end() {
	if l.source != nil {
		l.source.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	l.keep(ctx, 0)
}

// step makes the call that is due. When there is none it returns how long not.
func (l *looking) step(ctx context.Context) (wait time.Duration, again bool) {
	now := l.w.now()
	seen, _ := l.w.seen(l.owner, l.id)
	if !seen.there || seen.trouble != nil {
		return time.Minute, false // the picture tells when that changes
	}
	others := l.w.lookedAt(l.id.Cluster)
	l.mu.Lock()
	l.agenda.heed(seen, now)
	call, wait, ok := l.agenda.next(now, seen, l.frames(), others)
	if ok {
		l.agenda.begin(call, now)
		l.asking = true
	}
	l.mu.Unlock()
	if !ok {
		return wait, false
	}
	l.ask(ctx, call, seen)
	return 0, true
}

// frames are those that the open pages show. The caller holds l.mu.
func (c *closer) frames() []fleet.Frame {
	frames := slices.Collect(maps.Values(c.looks))
	slices.Sort(frames)
	return slices.Compact(frames)
}

// ask makes one call and takes what it brought.
func (l *looking) ask(ctx context.Context, call closeCall, seen seenCloser) {
	err := l.dial(ctx)
	var found func(d *fleet.Detail, now time.Time)
	if err == nil {
		callCtx, cancel := context.WithTimeout(ctx, closeDeadline)
		found, err = l.fetch(callCtx, call, seen.container.Node)
		cancel()
	}
	now := l.w.now()
	l.mu.Lock()
	l.asking = false
	if ctx.Err() != nil {
		delete(l.agenda.asked, call) // it came to nothing because everybody left
		l.mu.Unlock()
		return
	}
	d := copyOf(l.detail)
	d.Node = seen.container.Node
	if err == nil {
		l.fails = 0
		delete(l.agenda.fails, call)
		found(d, now)
		l.show(d)
		l.mu.Unlock()
		l.took(ctx, call, d, seen)
		return
	}
	p := problemOf(err)
	l.refused(call, p, seen, now)
	fail(d, call, closeTrouble(p, call, now))
	l.show(d)
	l.mu.Unlock()
	l.log.Debug("watch: close look failed", "part", call.kind.String(), "kind", string(p.Kind), "err", err)
	l.tell(p)
}

// refused notes what a failure means for the calls to come. The caller holds l.mu.
func (l *looking) refused(call closeCall, p *problem.Problem, seen seenCloser, now time.Time) {
	switch {
	case p.Kind == problem.Forbidden:
		l.agenda.deny(call, seen.rights)
	case halting(p.Kind):
		l.agenda.rest = now.Add(time.Minute)
	case connection(p.Kind), beyondNode(p.Kind):
		l.fails++
		l.agenda.rest = now.Add(backOff(l.fails, 2*time.Second, 30*time.Second))
		l.agenda.fails[call]++
	default:
		l.agenda.fails[call]++
	}
}

// tell lets the cluster's own loop draw its conclusions from a failure.
func (l *looking) tell(p *problem.Problem) {
	loop := l.w.loopOf(l.id.Cluster)
	if loop == nil {
		return
	}
	switch {
	case halting(p.Kind):
		loop.post(func(m *mailbox) { m.halt = p })
	case p.Kind == problem.Forbidden:
		loop.post(func(m *mailbox) { m.hurry = append(m.hurry, callPermissions) })
	case p.Kind == problem.Gone:
		loop.post(func(m *mailbox) { m.hurry = append(m.hurry, callResources) })
	case beyondNode(p.Kind) && l.fails == 1:
		loop.post(func(m *mailbox) { m.hurry = append(m.hurry, callStatus) })
	}
}

// dial makes the source when there is none, and anew when secret, pin or addresses may have changed.
func (l *looking) dial(ctx context.Context) error {
	var cluster fleet.Cluster
	l.w.mu.RLock()
	r := l.w.loops[l.id.Cluster]
	if r != nil {
		cluster = r.cluster
	}
	l.w.mu.RUnlock()
	switch {
	case r == nil:
		return problem.Missing()
	case l.source != nil && l.version == cluster.Version:
		return nil
	case l.source != nil:
		l.source.Close()
		l.source = nil
	}
	source, err := l.w.options.Dial(ctx, cluster)
	if err != nil {
		return fmt.Errorf("preparing to ask about a container: %w", err)
	}
	l.source, l.version = source, cluster.Version
	return nil
}

// fetch makes one request; what it brings is put into a detail by the function that it returns.
func (l *looking) fetch(ctx context.Context, call closeCall, node string) (found func(*fleet.Detail, time.Time), err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading the answer about a container's %s: %v", call.kind, r)
		}
	}()
	id := l.id.VMID
	switch call.kind {
	case closeConfig:
		return part(func(d *fleet.Detail) *fleet.Part[fleet.Config] { return &d.Config })(l.source.Config(ctx, node, id))
	case closePending:
		return part(func(d *fleet.Detail) *fleet.Part[[]fleet.PendingChange] { return &d.Pending })(l.source.Pending(ctx, node, id))
	case closeInterfaces:
		return part(func(d *fleet.Detail) *fleet.Part[[]fleet.Interface] { return &d.Interfaces })(l.source.Interfaces(ctx, node, id))
	case closeTasks:
		return part(func(d *fleet.Detail) *fleet.Part[[]fleet.Task] { return &d.Tasks })(l.source.GuestTasks(ctx, node, id))
	case closeHistory:
		list, err := l.source.History(ctx, node, id, call.frame)
		return func(d *fleet.Detail, now time.Time) {
			d.History[call.frame] = fleet.Part[[]fleet.Sample]{Value: withOlder(list, d.History[call.frame].Value, call.frame, now), SeenAt: now}
		}, err
	}
	live, err := l.source.CurrentDetail(ctx, node, id)
	return func(d *fleet.Detail, now time.Time) {
		d.Before = d.Live
		d.Live = fleet.Part[fleet.Live]{Value: live, SeenAt: now}
	}, err
}

// part makes of a call's result what puts it into its part of a detail.
func part[T any](of func(*fleet.Detail) *fleet.Part[T]) func(T, error) (func(*fleet.Detail, time.Time), error) {
	return func(v T, err error) (func(*fleet.Detail, time.Time), error) {
		return func(d *fleet.Detail, now time.Time) { *of(d) = fleet.Part[T]{Value: v, SeenAt: now} }, err
	}
}

// fail notes in a detail why a part could not be had.
func fail(d *fleet.Detail, call closeCall, t *fleet.Trouble) {
	switch call.kind {
	case closeConfig:
		d.Config.Trouble = t
	case closePending:
		d.Pending.Trouble = t
	case closeInterfaces:
		d.Interfaces.Trouble = t
	case closeTasks:
		d.Tasks.Trouble = t
	case closeLive:
		d.Live.Trouble = t
	case closeHistory:
		h := d.History[call.frame]
		h.Trouble = t
		d.History[call.frame] = h
	}
}

// closeTrouble says why a part cannot be seen.
func closeTrouble(p *problem.Problem, call closeCall, now time.Time) *fleet.Trouble {
	t := troubleOf(p, now)
	if p.Kind == problem.Forbidden && p.Privilege != "" {
		t.What, t.Remedy = "The token lacks "+p.Privilege+", so its "+call.kind.String()+" cannot be shown.", "The permission doctor under Settings, Nodes, has the command that grants it."
	}
	return t
}

// took does what follows from an answer beside showing it.
func (l *looking) took(ctx context.Context, call closeCall, d *fleet.Detail, seen seenCloser) {
	storeCtx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	switch call.kind {
	case closeLive:
		live := d.Live.Value
		if live.Status != seen.container.Status || live.Lock != seen.container.Lock {
			l.w.Saw(storeCtx, l.owner, l.id, guestOf(live, d.Node))
		}
	case closeTasks:
		l.rememberTasks(storeCtx, d.Tasks.Value)
	}
	l.keep(storeCtx, keepDetail)
}

func (l *looking) rememberTasks(ctx context.Context, tasks []fleet.Task) {
	if len(tasks) == 0 {
		return
	}
	err := l.w.options.Store.KeepGuestTasks(ctx, l.id.Cluster, map[fleet.VMID][]fleet.Task{l.id.VMID: tasks})
	if err != nil && !errors.Is(err, context.Canceled) {
		l.log.Warn("watch: tasks were not remembered", "err", err)
	}
}

// guestOf is what a container's own state says, as the picture takes it.
func guestOf(live fleet.Live, node string) Guest {
	return Guest{Node: node, Name: live.Name, Status: string(live.Status), Template: live.Template, Lock: live.Lock, Tags: live.Tags,
		HA: live.HAState, CPU: live.CPU, CPUs: live.CPUs, Mem: live.Mem, MaxMem: live.MaxMem, Disk: live.Disk, MaxDisk: live.MaxDisk, Uptime: live.Uptime}
}

// copyOf is a detail that may be changed in its parts.
func copyOf(d *fleet.Detail) *fleet.Detail {
	again := *d
	again.History = maps.Clone(d.History)
	if again.History == nil {
		again.History = map[fleet.Frame]fleet.Part[[]fleet.Sample]{}
	}
	return &again
}

// withOlder fills the gaps of an answer with what was seen before. After a move
// the other node's history begins anew, and what the first one told goes on to count.
// A node that has nothing yet of a container that just came gives an empty list.
func withOlder(list, older []fleet.Sample, frame fleet.Frame, now time.Time) []fleet.Sample {
	if len(older) == 0 {
		return list
	}
	first, last := now, now
	if len(list) > 0 {
		first, last = list[0].At, list[len(list)-1].At
	}
	begin := last.Add(-frame.Span())
	known := make(map[int64]fleet.Sample, len(older))
	for _, s := range older {
		if told(s) {
			known[s.At.Unix()] = s
		}
	}
	out := make([]fleet.Sample, 0, len(list))
	for _, s := range older { // what the answer does not reach back to
		if s.At.Before(first) && !s.At.Before(begin) {
			out = append(out, s)
		}
	}
	for _, s := range list {
		if k, ok := known[s.At.Unix()]; ok && !told(s) {
			s = k
		}
		out = append(out, s)
	}
	return out
}

func told(s fleet.Sample) bool { return s.CPU.Known() || s.Mem.Known() || s.NetIn.Known() }
