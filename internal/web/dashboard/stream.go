package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Sessions tells whether a session still stands. It is asked by open streams
// every few seconds and must not prolong anything.
type Sessions interface {
	SessionStands(ctx context.Context, sessionID string) (bool, error)
}

// live is the stream of what changes: "change" events led by ids of (epoch,
// sequence), "everything" where the browser cannot be brought up to date with them.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		kit.StreamHeaders(w.Header())
		return nil // without a body it would be open for nothing
	}
	viewer := kit.ViewerOf(r.Context())
	f, done, err := p.hub.open(string(viewer.User.ID))
	if errors.Is(err, errTooManyStreams) {
		return problem.New(problem.TooMany, "Too many of your pages are open at once.", "Close some of them; this one shows what it has and is brought up to date more slowly.")
	}
	defer done()
	at := r.Header.Get("Last-Event-ID")
	if at == "" {
		at = r.URL.Query().Get("since")
	}
	place := &place{feed: f}
	place.epoch, place.seq = parseEventID(at)
	f.advance()
	// The ways for a stream to end are ordinary: the browser left, it is too slow, the server stops.
	_ = kit.ServeStream(w, r, kit.Serving{Now: p.hub.now, Closing: p.hub.closing.Done(),
		Stands: kit.SessionStands(viewer, p.sessions.SessionStands), CatchUp: place.catchUp})
	return nil
}

// place is how far one browser has read a feed.
type place struct {
	feed  *feed
	epoch string
	seq   uint64
}

// catchUp writes all that the browser lacks and returns what is closed when there is more.
func (p *place) catchUp(s *kit.Stream) (<-chan struct{}, error) {
	events, state, more, ok := p.feed.since(p.epoch, p.seq)
	if ok {
		for _, e := range events {
			s.Event("change", fmt.Sprintf("%s-%d", state.epoch, e.seq), e.data)
		}
	} else {
		s.Event("everything", state.id(), state.everything())
	}
	p.epoch, p.seq = state.epoch, state.seq
	return more, nil
}
