package dashboard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
)

// Eyes is what the dashboard needs of the watcher. Nothing of it waits for Proxmox.
type Eyes interface {
	// Picture is the owner's fleet as last seen; never nil, never changed afterwards.
	Picture(owner string) *fleet.Picture
	// Subscribe signals that Picture has something new, until the second result is called.
	Subscribe(owner string) (<-chan struct{}, func())
	// Look tells that a page was made; Watching that a stream is open until the result is called.
	Look(owner string)
	Watching(owner string) (release func())
}

// Work is what the dashboard needs of jobs. Nothing of it waits.
type Work interface {
	// Board is what goes on for the owner; never nil, never changed afterwards.
	Board(owner string) *job.Board
	// Busy is what is being done to the owner's containers, from the board.
	Busy(owner string) map[fleet.ContainerID]fleet.Busy
	// Subscribe signals that Board has something new, until the second result is called.
	Subscribe(owner string) (<-chan struct{}, func())
}

const (
	// maxStreams is how many open streams one person may have: a wall of screens, and no more.
	maxStreams = 64
	// ringEvents and ringBytes are how much a feed keeps for browsers that come back.
	ringEvents = 512
	ringBytes  = 4 << 20
	// pace is the least time between two events of a feed.
	pace = 150 * time.Millisecond
	// keepFor is how long a feed that nobody reads is kept.
	keepFor = 2 * time.Minute
)

var errTooManyStreams = errors.New("too many streams")

// hub has a feed per owner. Nothing in a feed is ever another owner's.
type hub struct {
	eyes Eyes
	work Work
	now  func() time.Time
	// closing ends when the server stops.
	closing context.Context
	close   context.CancelFunc
	pumps   sync.WaitGroup

	mu    sync.Mutex
	feeds map[string]*feed
}

func newHub(eyes Eyes, work Work, now func() time.Time) *hub {
	ctx, cancel := context.WithCancel(context.Background())
	return &hub{eyes: eyes, work: work, now: now, closing: ctx, close: cancel, feeds: map[string]*feed{}}
}

// feed turns one owner's pictures into events, each encoded once however many streams read it.
type feed struct {
	hub   *hub
	owner string

	mu      sync.Mutex
	state   *state
	ring    []event // the newest last; their sequences have no gap
	bytes   int
	grown   chan struct{} // closed when the ring grew
	streams int
	stop    context.CancelFunc // of the pump; nil when it does not run
	idle    *time.Timer
}

// event is what led to the state of that sequence.
type event struct {
	seq  uint64
	data []byte
}

// feedOf finds or makes the owner's feed and keeps it for a while.
func (h *hub) feedOf(owner string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[owner]
	if f == nil {
		f = &feed{hub: h, owner: owner, grown: make(chan struct{})}
		f.idle = time.AfterFunc(keepFor, func() { h.drop(f) })
		h.feeds[owner] = f
	}
	f.idle.Reset(keepFor)
	return f
}

func (h *hub) drop(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams == 0 && h.feeds[f.owner] == f {
		delete(h.feeds, f.owner)
		f.idle.Stop()
	}
}

// stopAll ends all pumps and streams and waits for the pumps.
func (h *hub) stopAll() {
	h.close()
	h.mu.Lock()
	for _, f := range h.feeds {
		f.idle.Stop()
	}
	h.mu.Unlock()
	h.pumps.Wait()
}

// stateOf is what the owner's page shows now.
func (h *hub) stateOf(owner string) *state { return h.feedOf(owner).advance() }

// advance brings the feed up to date with the picture and returns its state.
func (f *feed) advance() *state {
	p, now := f.hub.eyes.Picture(f.owner), f.hub.now()
	// The board first: what is busy by a later look than its Rev is only told twice.
	w := work{board: f.hub.work.Board(f.owner)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != nil && (f.state.current(p, w.board, now) || p.Rev < f.state.picture.Rev) {
		return f.state
	}
	w.busy = f.hub.work.Busy(f.owner)
	if f.state == nil {
		f.state = next(nil, p, w, now)
		return f.state
	}
	s := next(f.state, p, w, now)
	if s.epoch != f.state.epoch {
		f.anew(s)
		return s
	}
	data := s.changes(f.state, now)
	if data != nil {
		s.seq++
		f.push(event{s.seq, data})
	}
	f.state = s
	return s
}

// anew begins another epoch: whoever reads the feed gets everything.
func (f *feed) anew(s *state) {
	s.seq = 0
	f.state, f.ring, f.bytes = s, nil, 0
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *feed) push(e event) {
	f.ring = append(f.ring, e)
	f.bytes += len(e.data)
	drop := 0
	for len(f.ring)-drop > ringEvents || f.bytes > ringBytes && len(f.ring)-drop > 1 {
		f.bytes -= len(f.ring[drop].data)
		f.ring[drop].data = nil
		drop++
	}
	f.ring = f.ring[drop:]
	close(f.grown)
	f.grown = make(chan struct{})
}

// since lists the events after a sequence of this feed's epoch; ok is false
// when they cannot all be had any more, so that everything has to be sent anew.
// more is closed when there are newer ones.
func (f *feed) since(epoch string, seq uint64) (events []event, s *state, more <-chan struct{}, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == nil || epoch != f.state.epoch || seq > f.state.seq {
		return nil, f.state, f.grown, false
	}
	missing := f.state.seq - seq
	if missing > uint64(len(f.ring)) {
		return nil, f.state, f.grown, false
	}
	return append([]event(nil), f.ring[uint64(len(f.ring))-missing:]...), f.state, f.grown, true
}

// open counts a stream in and sees to it that the feed is pumped; the result counts it out.
func (h *hub) open(owner string) (*feed, func(), error) {
	f := h.feedOf(owner)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams >= maxStreams {
		return nil, nil, errTooManyStreams
	}
	f.streams++
	if f.stop == nil {
		ctx, cancel := context.WithCancel(h.closing)
		f.stop = cancel
		h.pumps.Go(func() { f.pump(ctx) })
	}
	release := h.eyes.Watching(owner)
	return f, sync.OnceFunc(func() {
		release()
		f.mu.Lock()
		f.streams--
		if f.streams == 0 {
			f.stop()
			f.stop = nil
		}
		f.mu.Unlock()
		f.idle.Reset(keepFor)
	}), nil
}

// pump advances the feed whenever the watcher has something new, not faster than pace.
func (f *feed) pump(ctx context.Context) {
	signal, stop := f.hub.eyes.Subscribe(f.owner)
	defer stop()
	worked, stopWork := f.hub.work.Subscribe(f.owner)
	defer stopWork()
	again := time.NewTicker(recheckAfter)
	defer again.Stop()
	breath := time.NewTimer(0)
	defer breath.Stop()
	for {
		f.advance()
		breath.Reset(pace)
		select {
		case <-breath.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-signal:
		case <-worked:
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

func newEpoch() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// parseEventID reads "epoch-sequence"; a wrong one is one that no feed knows.
func parseEventID(id string) (epoch string, seq uint64) {
	epoch, number, ok := strings.Cut(id, "-")
	if !ok {
		return "", 0
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return "", 0
	}
	return epoch, seq
}
