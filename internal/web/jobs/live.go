package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// pace is the least time between two readings of one stream.
const pace = 200 * time.Millisecond

// maxStreams is how many open streams of jobs one person may have.
const maxStreams = 20

// live is the stream of a job's page. The address says what the page has:
// ?rev= which state of which steps, ?step= whose log it shows, and ?after= which line. Events
// are "job" (the parts of the head), "steps" (rows by their number), "log"
// (lines; its id is the number of the last). A line is sent once, whatever breaks.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	viewer := kit.ViewerOf(r.Context())
	owner, id := string(viewer.User.ID), idOf(r)
	if _, err := p.o.Store.Job(r.Context(), owner, id); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		kit.StreamHeaders(w.Header())
		return nil
	}
	leave, err := p.streams.Enter(owner)
	if err != nil {
		return err
	}
	defer leave()
	q := r.URL.Query()
	f := &follower{p: p, owner: owner, id: id, seen: parseSeen(q.Get("rev")), step: -1}
	if n, err := strconv.Atoi(q.Get("step")); err == nil && n >= 0 {
		f.step = n
		f.after, _ = strconv.Atoi(q.Get("after"))
		if last := r.Header.Get("Last-Event-ID"); last != "" {
			f.after, _ = strconv.Atoi(last)
		}
		f.after = max(f.after, 0)
	}
	signal, stop := p.o.News.Subscribe(owner)
	defer stop()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	f.more = paced(ctx, signal)
	f.ctx = ctx
	_ = kit.ServeStream(w, r, kit.Serving{Now: p.o.Now, Closing: p.closing.Done(), Stands: kit.SessionStands(viewer, p.o.Sessions.SessionStands), CatchUp: f.catchUp})
	return nil
}

// paced passes signals on, not faster than pace; none that came meanwhile is lost.
func paced(ctx context.Context, signal <-chan struct{}) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		breath := time.NewTimer(pace)
		defer breath.Stop()
		for {
			select {
			case <-signal:
			case <-ctx.Done():
				return
			}
			select {
			case <-breath.C:
			case <-ctx.Done():
				return
			}
			breath.Reset(pace)
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// follower is what one browser has of a job.
type follower struct {
	p     *Pages
	ctx   context.Context
	owner string
	id    job.ID
	seen  seen
	head  string // its mark as sent; empty: not known
	step  int
	after int
	more  <-chan struct{}
}

// catchUp sends what the browser lacks. The job is read before its steps: what
// changes between the two is sent again with the next signal.
func (f *follower) catchUp(s *kit.Stream) (<-chan struct{}, error) {
	j, err := f.p.o.Store.Job(f.ctx, f.owner, f.id)
	if err != nil {
		if problem.Is(err, problem.NotFound) {
			s.Event("gone", "", []byte(`{}`))
		}
		return f.more, nil // the store is asked again with the next signal
	}
	if j.Rev < f.seen.rev { // what the page has is of another time
		f.seen.rev = -1
	}
	head := jobMark(j)
	if f.head == "" && f.seen.rev == j.Rev {
		f.head = head
	}
	if head != f.head {
		f.head = head
		s.Event("job", "", f.parts(newView(j, nil, f.step, f.p.o.Now())))
	}
	if j.Rev > f.seen.rev {
		if err := f.rows(s, j); err != nil {
			return f.more, nil
		}
	}
	if f.step >= 0 {
		if err := f.lines(s); err != nil {
			return f.more, nil
		}
	}
	return f.more, nil
}

// rows sends the page's steps that changed since.
func (f *follower) rows(s *kit.Stream, j job.Job) error {
	steps, err := f.p.o.Store.Steps(f.ctx, job.Filter{Owner: f.owner, Job: f.id, Changed: true, Since: f.seen.rev, From: f.seen.from, To: f.seen.to, Limit: perPage})
	if err != nil {
		return err
	}
	now := f.p.o.Now()
	rows, under := map[string]string{}, ""
	for _, step := range steps {
		rows[strconv.Itoa(step.N)] = text(f.ctx, stepRow(step, step.N == f.step, now))
		if step.N == f.step {
			v := newView(j, nil, f.step, now)
			v.After = f.after
			under = text(f.ctx, logUnder(v, step))
		}
	}
	f.seen.rev = j.Rev
	if len(rows) > 0 {
		s.Event("steps", "", encode(map[string]any{"rows": rows, "rev": f.seen.String(), "under": under}))
	}
	return nil
}

// lines sends what the log has after the last line sent.
func (f *follower) lines(s *kit.Stream) error {
	for {
		lines, err := f.p.o.Store.StepLines(f.ctx, f.owner, f.id, f.step, f.after)
		if err != nil || len(lines) == 0 {
			return err
		}
		out := make([][3]any, len(lines))
		for i, l := range lines {
			out[i] = [3]any{l.N, l.At.UnixMilli(), l.Text}
		}
		f.after = lines[len(lines)-1].N
		s.Event("log", strconv.Itoa(f.after), encode(map[string]any{"lines": out}))
	}
}

// parts are the pieces of the head, by the id of what they replace.
func (f *follower) parts(v view) []byte {
	parts := map[string]string{}
	for id, c := range map[string]templ.Component{"job-state": statePart(v), "job-under": underPart(v), "job-actions": actionsPart(v),
		"job-progress": progressPart(v), "job-figures": figures(v)} {
		parts[id] = text(f.ctx, c)
	}
	return encode(map[string]any{"parts": parts, "finished": v.Job.State == job.Finished})
}

func text(ctx context.Context, c templ.Component) string {
	var b bytes.Buffer
	if err := c.Render(ctx, &b); err != nil {
		return "" // a component of plain fields into memory does not fail
	}
	return strings.TrimSpace(b.String())
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return []byte(`{}`) // strings and numbers always encode
	}
	return data
}
