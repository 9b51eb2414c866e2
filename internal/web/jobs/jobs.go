// Package jobs shows durable work: what is planned, how it goes on, how each
// step ended, with its log. It knows no more of a job than its nouns say.
package jobs

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Verbs is what a person has done about a job. What is absent or another's is a Missing problem.
type Verbs interface {
	Begin(ctx context.Context, v account.Viewer, address string, id job.ID) error
	Cancel(ctx context.Context, v account.Viewer, address string, id job.ID) error
	// Retry plans anew what failed; sent twice with one once, it is one plan.
	Retry(ctx context.Context, v account.Viewer, address string, id job.ID, once string) (job.ID, error)
	Dismiss(ctx context.Context, v account.Viewer, id job.ID, n int) error
	// Force stops the container that a shutdown did not end.
	Force(ctx context.Context, v account.Viewer, address string, id job.ID, n int) (job.ID, error)
}

// Store has jobs, steps and their logs.
type Store interface {
	Job(ctx context.Context, owner string, id job.ID) (job.Job, error)
	// Steps of a job come in their order.
	Steps(ctx context.Context, f job.Filter) ([]job.Step, error)
	// StepLines are a step's lines after one of them, the first few thousand.
	StepLines(ctx context.Context, owner string, id job.ID, n, after int) ([]job.Line, error)
}

// News signals that something of an owner's jobs is new.
type News interface {
	Subscribe(owner string) (<-chan struct{}, func())
}

// Sessions tells whether a session still stands; it prolongs nothing.
type Sessions interface {
	SessionStands(ctx context.Context, sessionID string) (bool, error)
}

// Options are what the pages stand on.
type Options struct {
	Verbs    Verbs
	Store    Store
	News     News
	Sessions Sessions
	// PerNode is how many steps of one job go on at once on a node; 0: not told.
	PerNode int
	Now     func() time.Time
}

// Pages are the routes of jobs. Close ends their streams.
type Pages struct {
	o       Options
	streams kit.Streams
	closing context.Context
	close   context.CancelFunc
}

func New(o Options) *Pages {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pages{o: o, streams: kit.Streams{Most: maxStreams}}
	p.closing, p.close = context.WithCancel(context.Background())
	return p
}

// Close ends all streams with a last event.
func (p *Pages) Close() { p.close() }

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	destroy := page("POST", "/jobs/{job}/destroy", p.destroy)
	destroy.Proof = true
	return []kit.Route{
		page("GET", "/jobs/{job}", p.one),
		{Method: "GET", Pattern: "/jobs/{job}/live", Access: kit.SignedIn, Form: kit.StreamRoute, Handle: p.live},
		page("GET", "/jobs/{job}/{step}", p.step),
		{Method: "GET", Pattern: "/jobs/{job}/{step}/log", Access: kit.SignedIn, Form: kit.APIRoute, Handle: p.log},
		page("POST", "/jobs/{job}/begin", p.begin),
		destroy,
		page("POST", "/jobs/{job}/cancel", p.cancel),
		page("POST", "/jobs/{job}/retry", p.retry),
		page("POST", "/jobs/{job}/{step}/dismiss", p.dismiss),
		page("POST", "/jobs/{job}/{step}/force", p.force),
	}
}

func ownerOf(r *http.Request) string { return string(kit.ViewerOf(r.Context()).User.ID) }

func idOf(r *http.Request) job.ID { return job.ID(r.PathValue("job")) }

// stepOf is the number of the step that an address means; -1 for what is none.
func stepOf(r *http.Request) int {
	n, err := strconv.Atoi(r.PathValue("step"))
	if err != nil || n < 0 || strconv.Itoa(n) != r.PathValue("step") {
		return -1
	}
	return n
}

// one is the page of a job. A job of one step shows that step's log at once.
func (p *Pages) one(w http.ResponseWriter, r *http.Request) error {
	j, err := p.o.Store.Job(r.Context(), ownerOf(r), idOf(r))
	if err != nil {
		return err
	}
	selected := -1
	if j.Tally.Total() == 1 && j.State != job.Planned {
		selected = 0
	}
	return p.draw(w, r, http.StatusOK, j, selected, nil)
}

// step is the page of a job with one step's log beside the list.
func (p *Pages) step(w http.ResponseWriter, r *http.Request) error {
	j, err := p.o.Store.Job(r.Context(), ownerOf(r), idOf(r))
	if err != nil {
		return err
	}
	n := stepOf(r)
	if n < 0 || n >= j.Tally.Total() {
		return problem.Missing()
	}
	return p.draw(w, r, http.StatusOK, j, n, nil)
}

// linesShown is how many of a log's lines are in the page; all are in the file.
const linesShown = 2000

func (p *Pages) draw(w http.ResponseWriter, r *http.Request, status int, j job.Job, selected int, wrong *problem.Problem) error {
	v, err := p.view(r, j, selected)
	if err != nil {
		return err
	}
	v.Problem, v.PerNode = wrong, p.o.PerNode
	v.Proved = kit.ViewerOf(r.Context()).Session.Proved(v.Now)
	if v.Step != nil {
		v.After = max(0, v.Step.Lines-linesShown)
		if v.Lines, err = p.o.Store.StepLines(r.Context(), ownerOf(r), j.ID, selected, v.After); err != nil {
			return err
		}
	}
	f := kit.Frame{Title: j.Title, Section: kit.SectionActivity, Beside: statePart(v), Under: underPart(v), Actions: actionsPart(v),
		Crumbs: []kit.Crumb{{Text: "Activity", URL: kit.URL.Activity()}}}
	return kit.Render(w, r, status, f, page(v))
}

// log is a step's whole log as a file.
func (p *Pages) log(w http.ResponseWriter, r *http.Request) error {
	owner, id, n := ownerOf(r), idOf(r), stepOf(r)
	step, err := p.stepAt(r.Context(), owner, id, n)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+fileName(step)+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	for after := 0; ; {
		lines, err := p.o.Store.StepLines(r.Context(), owner, id, n, after)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			if _, err := w.Write([]byte(l.At.UTC().Format(time.RFC3339) + " " + l.Text + "\n")); err != nil {
				return nil // the browser went away
			}
		}
		after = lines[len(lines)-1].N
	}
}

// fileName is made of what a file's name may have anywhere.
func fileName(s job.Step) string {
	name := []byte(s.Kind + "-" + s.Title)
	for i, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			name[i] = '-'
		}
	}
	return string(name[:min(len(name), 80)]) + ".log"
}

// isDelete reports whether beginning the job destroys something of many.
func isDelete(j job.Job) bool { return j.Kind == string(fleet.ActDelete) }
