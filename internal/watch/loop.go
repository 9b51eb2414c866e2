package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// Deadlines of one call. The usual one is short, so that a hanging cluster is
// named soon and its return is seen soon; now and then a failing cluster gets the
// longest, in case it is only slow. A slow answer lengthens the usual one.
//
// Where a second address is asked before the first failure is named, both calls
// and the pause between them fit into the ten seconds within which it has to be.
const (
	usualDeadline = 8 * time.Second
	firstDeadline = 4300 * time.Millisecond
	lastDeadline  = 30 * time.Second
)

// loop watches one cluster. Everything but the mailbox belongs to its goroutine.
type loop struct {
	id    fleet.ClusterID
	owner string
	w     *Watcher
	log   *slog.Logger

	// asks mirrors lease.held for other goroutines.
	asks atomic.Bool

	mu   sync.Mutex
	mail mailbox
	// dropped: the cluster was deleted, and nothing of it is kept.
	dropped bool
	wake    chan struct{} // capacity 1

	source    Source
	epoch     int // of the source: answers of an older one are dropped
	answers   chan answer
	calls     sync.WaitGroup
	callsCtx  context.Context
	stopCalls context.CancelFunc

	sight    *sight
	agenda   *agenda
	tasks    taskLog
	latency  latencies
	under    lanes
	trying   []chan error             // a person's try is under way
	took     [callKinds]time.Duration // by the last good answer of each kind
	halted   bool
	lease    lease
	recorded []time.Time // of the last hour's events
	keep     keeping
	// remembered are the tasks of the last list, with their status, that are in the store.
	remembered map[string]string
	keptSpend  fleet.Spend // of the replica that asks, while another does
}

// mailbox is what others leave for the loop.
type mailbox struct {
	cluster *fleet.Cluster
	row     []byte // a newer picture, of the replica that asks
	tries   []chan error
	redraw  bool
	saw     []sighting       // by others, at the containers themselves
	told    []confirm        // seen by another replica
	halt    *problem.Problem // met while looking closely
	hurry   []callKind       // likewise
}

// answer is what a call brought.
type answer struct {
	call         call
	epoch        int
	begun, ended time.Time
	try          bool
	err          error

	resources   Resources
	status      Status
	tasks       []Task
	permissions fleet.Permissions
	guests      []Guest
	addresses   []string
	version     string
	answering   string
}

func newLoop(w *Watcher, c fleet.Cluster, row []byte) *loop {
	l := &loop{
		id: c.ID, owner: c.Owner, w: w,
		log:     w.log.With("cluster", string(c.ID)),
		wake:    make(chan struct{}, 1),
		answers: make(chan answer, 4),
		sight:   newSight(c),
		agenda:  newAgenda(w.pace, w.jitter),
		halted:  c.Halt != nil,
	}
	if row != nil {
		l.restore(row)
	}
	return l
}

// post changes the mailbox and wakes the loop.
func (l *loop) post(change func(*mailbox)) {
	l.mu.Lock()
	change(&l.mail)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// drop says that the cluster was deleted.
func (l *loop) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
}

func (l *loop) isDropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// run is the loop. It returns when ctx ends, with its calls ended and its last picture kept.
func (l *loop) run(ctx context.Context) {
	defer l.end()
	l.agenda.begin(l.w.count(), l.w.now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
			l.readMail(ctx)
		case a := <-l.answers:
			l.take(ctx, a)
		case <-timer.C:
		}
		timer.Reset(l.step(ctx))
	}
}

// step makes the calls that are due and returns how long nothing will be.
func (l *loop) step(ctx context.Context) time.Duration {
	now := l.w.now()
	if looked := l.w.looked(l.owner, now); looked != l.agenda.looked {
		l.agenda.look(looked, now)
		l.agenda.begin(l.w.count(), now)
	}
	wait := l.keepLease(ctx, now)
	if !l.lease.held {
		return wait
	}
	wait = min(wait, l.keepRow(ctx, now))
	if l.halted || len(l.trying) > 0 {
		return wait
	}
	for {
		c, pause := l.agenda.next(now, l.sight, l.under)
		if c.kind == callNone {
			return max(min(wait, pause), time.Millisecond)
		}
		if !l.ask(ctx, c, false) {
			return time.Second
		}
	}
}

// ask makes a call beside the loop. It is false when there is no source to ask.
func (l *loop) ask(ctx context.Context, c call, try bool) bool {
	now := l.w.now()
	if !l.dial(ctx, now) {
		return false
	}
	l.agenda.start(c, now)
	switch {
	case c.ofNode():
		l.under.node = now
	case !try:
		l.under.list = true
	}
	callCtx, source, epoch := l.callsCtx, l.source, l.epoch
	deadline := l.deadline(c, try)
	l.calls.Add(1)
	go func() {
		defer l.calls.Done()
		callCtx, cancel := context.WithTimeout(callCtx, deadline)
		defer cancel()
		a := fetch(callCtx, source, c)
		a.epoch, a.begun, a.ended, a.try = epoch, now, l.w.now(), try
		l.answers <- a
	}()
	return true
}

// deadline is how long a call may take.
func (l *loop) deadline(c call, try bool) time.Duration {
	if l.agenda.fails%6 == 2 && !try {
		return lastDeadline
	}
	usual := usualDeadline
	if l.agenda.fails < 2 && !try && !c.ofNode() && len(l.sight.cluster.Authority.Addresses) > 1 {
		usual = firstDeadline
	}
	return max(usual, min(4*l.took[c.kind], lastDeadline))
}

// fetch makes one call. A source that panics on odd input has given an answer that cannot be read.
func fetch(ctx context.Context, source Source, c call) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a.err = fmt.Errorf("reading the answer of %s: %v", c.kind, r)
		}
	}()
	a.call = c
	switch c.kind {
	case callResources:
		a.resources, a.err = source.Resources(ctx)
	case callStatus:
		a.status, a.err = source.Status(ctx)
	case callTasks:
		a.tasks, a.err = source.Tasks(ctx)
	case callPermissions:
		a.permissions, a.err = source.Permissions(ctx)
	case callCurrent:
		var g Guest
		g, a.err = source.Current(ctx, c.node, c.vmid)
		g.VMID = c.vmid
		a.guests = []Guest{g}
	case callNodeGuests:
		a.guests, a.err = source.NodeGuests(ctx, c.node)
	case callVersion:
		a.version, a.err = source.Version(ctx, c.node)
	case callAddresses:
		a.addresses, a.err = source.Addresses(ctx, c.node, c.vmid)
	}
	if a.err != nil && ctx.Err() == context.DeadlineExceeded && problem.Of(a.err) == nil {
		a.err = &problem.Problem{Kind: problem.Timeout, Err: a.err, What: "Proxmox did not answer in time.",
			Remedy: "Check the load of the node; Berth tries again by itself."}
	}
	if a.err == nil {
		a.answering = source.Answering()
	}
	return a
}

// dial makes the source when there is none. A secret that cannot be opened is a
// trouble of the cluster that only its owner or the operator ends.
func (l *loop) dial(ctx context.Context, now time.Time) bool {
	if l.source != nil {
		return true
	}
	source, err := l.w.options.Dial(ctx, l.sight.cluster)
	if err != nil {
		l.log.Warn("watch: cluster cannot be asked", "err", err)
		l.agenda.failed(now, now)
		p := problem.Of(err)
		if p == nil {
			p = problem.New(problem.Failed, "Berth could not prepare to ask "+l.sight.cluster.Name+".", "Its log has the reason; Berth tries again by itself.")
		}
		l.apply(ctx, l.sight.fail(p, now))
		return false
	}
	l.source = source
	l.epoch++
	l.callsCtx, l.stopCalls = context.WithCancel(context.WithoutCancel(ctx))
	return true
}

// hangUp ends the calls under way and the source. Nothing of it is believed any more.
func (l *loop) hangUp() {
	if l.source == nil {
		return
	}
	l.stopCalls()
	done := make(chan struct{})
	go func() { l.calls.Wait(); close(done) }()
	for waiting := true; waiting; {
		select {
		case a := <-l.answers:
			l.giveBack(a, errors.New("the watcher stopped or the cluster was changed"))
		case <-done:
			waiting = false
		}
	}
	for len(l.answers) > 0 {
		l.giveBack(<-l.answers, errors.New("the watcher stopped or the cluster was changed"))
	}
	l.source.Close()
	l.source = nil
	l.under = lanes{}
}

// giveBack answers a person whose try came to nothing.
func (l *loop) giveBack(a answer, err error) {
	if !a.try {
		return
	}
	for _, reply := range l.trying {
		reply <- err
	}
	l.trying = nil
}

// end ends the loop: calls, row and lease.
func (l *loop) end() {
	l.hangUp()
	l.readTries(problem.New(problem.Conflict, "Berth is stopping.", "Try again in a moment."))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if l.lease.held {
		l.keepRowNow(ctx, l.w.now())
		l.releaseLease(ctx)
	}
}
