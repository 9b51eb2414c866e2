package activity

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"berth/internal/web/kit"
)

// live tells how many jobs run, for the sidebar of any page; with ?page= also what the activity page shows of them.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		kit.StreamHeaders(w.Header())
		return nil
	}
	viewer := kit.ViewerOf(r.Context())
	owner := string(viewer.User.ID)
	signal, stop := p.o.Work.Subscribe(owner)
	defer stop()
	f := &follower{p: p, ctx: r.Context(), owner: owner, page: r.URL.Query().Has("page"), jobs: -1, more: signal}
	_ = kit.ServeStream(w, r, kit.Serving{Now: p.o.Now, Closing: p.closing.Done(), Stands: kit.SessionStands(viewer, p.o.Sessions.SessionStands), CatchUp: f.catchUp})
	return nil
}

// follower is what one browser was told.
type follower struct {
	p     *Pages
	ctx   context.Context
	owner string
	page  bool
	jobs  int
	drawn string
	more  <-chan struct{}
}

func (f *follower) catchUp(s *kit.Stream) (<-chan struct{}, error) {
	if n := f.p.o.Work.Board(f.owner).Jobs; n != f.jobs {
		f.jobs = n
		s.Event("running", "", encode(map[string]any{"running": n}))
	}
	if !f.page {
		return f.more, nil
	}
	jobs, err := f.p.running(f.ctx, f.owner)
	if err != nil {
		return f.more, nil // asked again with the next signal
	}
	mark := "."
	for _, j := range jobs {
		mark += string(encode([]any{j.ID, j.Tally, j.StopAt.IsZero()}))
	}
	if mark == f.drawn {
		return f.more, nil // ages are left to the page
	}
	var b bytes.Buffer
	if err := runningNow(jobs, f.p.o.Now()).Render(f.ctx, &b); err != nil {
		return f.more, err
	}
	f.drawn = mark
	s.Event("now", "", encode(map[string]any{"markup": b.String()}))
	return f.more, nil
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return []byte(`{}`) // plain fields always encode
	}
	return data
}
