package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Sessions tells whether a session still stands. It is asked by open streams
// every few seconds and must not prolong anything.
type Sessions interface {
	SessionStands(ctx context.Context, sessionID string) (bool, error)
}

const (
	heartbeat    = 10 * time.Second
	sessionCheck = 4 * time.Second
	// writeLimit is how long a reader may take for one event before it is dropped; it comes back and is brought up to date.
	writeLimit = 10 * time.Second
)

// live is the stream of what changes: "change" events led by ids of (epoch,
// sequence), "everything" where the browser cannot be brought up to date with
// them, "beat" so that both sides know of each other, "end" as the last one.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		streamHeaders(w.Header())
		return nil // without a body it would be open for nothing
	}
	viewer := kit.ViewerOf(r.Context())
	f, done, err := p.hub.open(string(viewer.User.ID))
	if errors.Is(err, errTooManyStreams) {
		return problem.New(problem.TooMany, "Too many of your pages are open at once.", "Close some of them; this one shows what it has and is brought up to date more slowly.")
	}
	defer done()
	streamHeaders(w.Header())
	s := &stream{feed: f, out: w, control: http.NewResponseController(w)}
	at := r.Header.Get("Last-Event-ID")
	if at == "" {
		at = r.URL.Query().Get("since")
	}
	s.epoch, s.seq = parseEventID(at)
	w.WriteHeader(http.StatusOK)
	// The ways for a stream to end are ordinary: the browser left, it is too slow, the server stops.
	_ = s.run(r.Context(), p.hub, func(ctx context.Context) (bool, error) {
		return p.sessions.SessionStands(ctx, viewer.Session.ID)
	})
	return nil
}

func streamHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no")
}

// stream is one browser's reading of a feed. It keeps nothing but its place.
type stream struct {
	feed    *feed
	out     io.Writer
	control *http.ResponseController
	epoch   string
	seq     uint64
	buf     []byte
}

func (s *stream) run(ctx context.Context, h *hub, stands func(context.Context) (bool, error)) error {
	beat, check := time.NewTicker(heartbeat), time.NewTicker(sessionCheck)
	defer beat.Stop()
	defer check.Stop()
	s.feed.advance()
	s.buf = append(s.buf, "retry: 2000\n\n"...)
	for {
		more, err := s.catchUp()
		if err != nil {
			return err
		}
		select {
		case <-more:
		case <-beat.C:
			s.event("beat", "", fmt.Appendf(nil, `{"now":%d}`, h.now().Unix()))
		case <-check.C:
			// An error of the store is no reason to end: it is asked again in a moment.
			if ok, err := stands(ctx); err == nil && !ok {
				s.event("end", "", []byte(`{"why":"signed-out"}`))
				return s.flush()
			}
		case <-h.closing.Done():
			s.event("end", "", []byte(`{"why":"stopping"}`))
			return s.flush()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// catchUp writes all that the browser lacks and returns what is closed when there is more.
func (s *stream) catchUp() (<-chan struct{}, error) {
	events, state, more, ok := s.feed.since(s.epoch, s.seq)
	if ok {
		for _, e := range events {
			s.event("change", fmt.Sprintf("%s-%d", state.epoch, e.seq), e.data)
		}
	} else {
		s.event("everything", state.id(), state.everything())
	}
	s.epoch, s.seq = state.epoch, state.seq
	if len(s.buf) == 0 {
		return more, nil
	}
	return more, s.flush()
}

func (s *stream) event(name, id string, data []byte) {
	s.buf = append(append(append(s.buf, "event: "...), name...), '\n')
	if id != "" {
		s.buf = append(append(append(s.buf, "id: "...), id...), '\n')
	}
	s.buf = append(append(append(s.buf, "data: "...), data...), "\n\n"...)
}

// flush sends what was gathered, within writeLimit. Between flushes there is no
// deadline: over HTTP/2 one that passes ends the stream though nobody writes.
func (s *stream) flush() error {
	// Not every writer knows deadlines (tests); then the server's own hold.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err := s.out.Write(s.buf)
	if cap(s.buf) > 64<<10 {
		s.buf = nil
	} else {
		s.buf = s.buf[:0]
	}
	if err != nil {
		return fmt.Errorf("writing to the stream: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flushing the stream: %w", err)
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	return nil
}
