package kit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"berth/internal/account"
)

const (
	streamBeat  = 10 * time.Second
	streamCheck = 4 * time.Second
	// streamWriteLimit is how long a reader may take for one event before it is
	// dropped; it comes back and is brought up to date.
	streamWriteLimit = 10 * time.Second
)

// Stream is an answer of server-sent events. Events are gathered until they are flushed.
type Stream struct {
	out     io.Writer
	control *http.ResponseController
	buf     []byte
}

// Serving is what a stream goes by while it is open.
type Serving struct {
	Now func() time.Time
	// Stands tells whether the session still does. It prolongs nothing.
	Stands func(ctx context.Context) (bool, error)
	// Closing is closed when the server stops.
	Closing <-chan struct{}
	// CatchUp adds the events that the browser lacks and returns what receives
	// or is closed when there may be more.
	CatchUp func(s *Stream) (more <-chan struct{}, err error)
}

// SessionStands makes of a store's question a Serving's: whether the session of who asks still stands.
func SessionStands(v account.Viewer, stands func(ctx context.Context, sessionID string) (bool, error)) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) { return stands(ctx, v.Session.ID) }
}

// StreamHeaders are what a stream's answer has; of a HEAD that is all.
func StreamHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no")
}

// ServeStream keeps a stream open until the browser leaves or is too slow, the
// session ends or the server stops. "beat" events let both sides know of each
// other, "end" is the last one. It returns why it ended, which is ordinary and needs no answer.
func ServeStream(w http.ResponseWriter, r *http.Request, o Serving) error {
	StreamHeaders(w.Header())
	s := &Stream{out: w, control: http.NewResponseController(w)}
	w.WriteHeader(http.StatusOK)
	return s.run(r.Context(), o)
}

func (s *Stream) run(ctx context.Context, o Serving) error {
	beat, check := time.NewTicker(streamBeat), time.NewTicker(streamCheck)
	defer beat.Stop()
	defer check.Stop()
	s.buf = append(s.buf, "retry: 2000\n\n"...)
	for {
		more, err := o.CatchUp(s)
		if err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-more:
		case <-beat.C:
			s.Event("beat", "", fmt.Appendf(nil, `{"now":%d}`, o.Now().Unix()))
		case <-check.C:
			// An error of the store is no reason to end: it is asked again in a moment.
			if ok, err := o.Stands(ctx); err == nil && !ok {
				return s.end("signed-out")
			}
		case <-o.Closing:
			return s.end("stopping")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Stream) end(why string) error {
	s.Event("end", "", []byte(`{"why":"`+why+`"}`))
	return s.flush()
}

// Event adds an event. data has no line breaks; id may be empty.
func (s *Stream) Event(name, id string, data []byte) {
	s.buf = append(append(append(s.buf, "event: "...), name...), '\n')
	if id != "" {
		s.buf = append(append(append(s.buf, "id: "...), id...), '\n')
	}
	s.buf = append(append(append(s.buf, "data: "...), data...), "\n\n"...)
}

// flush sends what was gathered, within streamWriteLimit. Between flushes there is no
// deadline: over HTTP/2 one that passes ends the stream though nobody writes.
func (s *Stream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	// Not every writer knows deadlines (tests); then the server's own hold.
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWriteLimit))
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
