package containers

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

const (
	// maxStreams is how many open streams of containers one person may have.
	maxStreams = 20
	// pace is the least time between two drawings of one stream.
	pace = 250 * time.Millisecond
)

// live is the stream of one page: "part" events carry a part that looks
// otherwise than on the page, "history" the numbers of the charts. While it is
// open somebody looks, and Berth asks Proxmox for what the page shows.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	v, err := p.find(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		kit.StreamHeaders(w.Header())
		return nil
	}
	leave, err := p.streams.Enter(v.owner)
	if err != nil {
		return err
	}
	defer leave()
	defer p.o.Eyes.Watching(v.owner)()
	defer p.o.Eyes.LookClosely(v.owner, v.ID, v.Frame)()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &showing{pages: p, ctx: ctx, id: v.ID, owner: v.owner, frame: v.Frame, looks: map[string]string{}, more: make(chan struct{}, 1)}
	if r.FormValue("tab") == "events" {
		a := askOf(r.URL.Query())
		s.ask = &a
	}
	s.hear(ctx)
	// The ways for a stream to end are ordinary: the browser left, it is too slow, the server stops.
	_ = kit.ServeStream(w, r, kit.Serving{Now: p.o.Now, Closing: p.closing.Done(),
		Stands: kit.SessionStands(kit.ViewerOf(r.Context()), p.o.Sessions.SessionStands), CatchUp: s.catchUp})
	return nil
}

// showing is what one browser shows.
type showing struct {
	pages *Pages
	ctx   context.Context
	id    fleet.ContainerID
	owner string
	frame fleet.Frame
	ask   *ask              // of the events tab; nil: the overview
	looks map[string]string // part → look, as sent
	sent  time.Time         // the history that was sent
	more  chan struct{}
}

// hear passes on, not faster than pace, that something may be new.
func (s *showing) hear(ctx context.Context) {
	fleetNews, end1 := s.pages.o.Eyes.Subscribe(s.owner)
	detail, end2 := s.pages.o.Eyes.SubscribeDetail(s.owner, s.id)
	work, end3 := s.pages.o.Work.Subscribe(s.owner)
	go func() {
		defer end1()
		defer end2()
		defer end3()
		breath := time.NewTimer(pace)
		defer breath.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-fleetNews:
			case <-detail:
			case <-work:
			}
			select {
			case <-ctx.Done():
				return
			case <-breath.C:
			}
			breath.Reset(pace)
			select {
			case s.more <- struct{}{}:
			default:
			}
		}
	}()
}

// catchUp sends what looks otherwise than what was sent.
func (s *showing) catchUp(out *kit.Stream) (<-chan struct{}, error) {
	v, err := s.pages.view(s.ctx, s.owner, s.id, s.frame)
	if err != nil {
		if problem.Is(err, problem.NotFound) { // its cluster was deleted
			out.Event("gone", "", []byte("{}"))
			return nil, nil
		}
		return s.more, nil // the store is away for a moment
	}
	v.Key = kit.FormKey()
	parts := headParts(v)
	switch {
	case s.ask == nil:
		parts = append(parts, overviewParts(v)...)
	default:
		t, err := s.pages.timeline(s.ctx, v, *s.ask)
		if err != nil {
			return s.more, nil
		}
		parts = append(parts, part{"timeline", "", timelinePart(v, t)})
	}
	for _, p := range parts {
		d, err := drawPart(s.ctx, p)
		if err != nil {
			return nil, err
		}
		if s.looks[d.name] == d.look {
			continue
		}
		s.looks[d.name] = d.look
		data, err := json.Marshal(map[string]string{"name": d.name, "look": d.look, "markup": string(d.markup)})
		if err != nil {
			return nil, err
		}
		out.Event("part", "", data)
	}
	if h := v.Detail.History[s.frame]; s.ask == nil && !h.SeenAt.Equal(s.sent) {
		s.sent = h.SeenAt
		out.Event("history", "", recordOf(v.Detail, s.frame).data())
	}
	return s.more, nil
}
