// Package activity shows what runs now and what happened: the steps of jobs and
// the audit trail's events in one list. Everybody sees their own; administrators
// see Berth's too.
package activity

import (
	"context"
	"net/http"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

// Trail is where the audit entries come from, the last first.
type Trail interface {
	AuditEntries(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
}

// Jobs has an owner's jobs, and the steps that were begun, the newest first.
type Jobs interface {
	Jobs(ctx context.Context, f job.Filter) ([]job.Job, error)
	Steps(ctx context.Context, f job.Filter) ([]job.Step, error)
}

// Work tells what goes on now.
type Work interface {
	Board(owner string) *job.Board
	Subscribe(owner string) (<-chan struct{}, func())
}

// Pictures has the fleet as last seen.
type Pictures interface {
	Picture(owner string) *fleet.Picture
}

// Sessions tells whether a session still stands; it prolongs nothing.
type Sessions interface {
	SessionStands(ctx context.Context, sessionID string) (bool, error)
}

// Options are what the pages stand on.
type Options struct {
	Trail    Trail
	Jobs     Jobs
	Work     Work
	Pictures Pictures
	Sessions Sessions
	Now      func() time.Time
}

// Pages are the page of what happened and the stream of what runs. Close ends its streams.
type Pages struct {
	o       Options
	closing context.Context
	close   context.CancelFunc
}

func New(o Options) *Pages {
	p := &Pages{o: o}
	p.closing, p.close = context.WithCancel(context.Background())
	return p
}

// Close ends all streams with a last event.
func (p *Pages) Close() { p.close() }

func (p *Pages) Routes() []kit.Route {
	return []kit.Route{
		{Method: "GET", Pattern: kit.URL.Activity(), Access: kit.SignedIn, Form: kit.PageRoute, Handle: p.list},
		{Method: "GET", Pattern: kit.URL.ActivityLive(), Access: kit.SignedIn, Form: kit.StreamRoute, Handle: p.live},
	}
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	viewer := kit.ViewerOf(r.Context())
	owner := string(viewer.User.ID)
	a := readAsk(r.URL.Query(), viewer.User.Admin)
	found, err := p.find(r.Context(), owner, a)
	if err != nil {
		return err
	}
	running, err := p.running(r.Context(), owner)
	if err != nil {
		return err
	}
	v := view{ask: a, found: found, Running: running, Nodes: nodesOf(p.o.Pictures.Picture(owner)), Now: p.o.Now()}
	v.Person = append(v.Person, viewer.User.PVEUser)
	if id := a.Container; id != (fleet.ContainerID{}) {
		v.ContainerName = nameOf(p.o.Pictures.Picture(owner), id)
	}
	return kit.Render(w, r, http.StatusOK, kit.Frame{Title: "Activity", Subtitle: v.subtitle(), Section: kit.SectionActivity}, page(v))
}

// maxRunning is how many running jobs are listed.
const maxRunning = 50

// running are the owner's jobs that run now, the newest first.
func (p *Pages) running(ctx context.Context, owner string) ([]job.Job, error) {
	if p.o.Work.Board(owner).Jobs == 0 {
		return nil, nil
	}
	return p.o.Jobs.Jobs(ctx, job.Filter{Owner: owner, State: job.Running, Limit: maxRunning})
}

// nodesOf are the choices of the filter by node.
func nodesOf(p *fleet.Picture) (out []kit.Option) {
	titles := map[string]int{}
	for _, c := range p.Clusters {
		for _, n := range c.Nodes {
			titles[n.Title()]++
		}
	}
	for _, c := range p.Clusters {
		for _, n := range c.Nodes {
			text := n.Title()
			if titles[text] > 1 {
				text = c.Name + "/" + text
			}
			out = append(out, kit.Option{Value: n.ID.String(), Text: text})
		}
	}
	return out
}

// nameOf is what a container is called; its VMID when it is not there any more.
func nameOf(p *fleet.Picture, id fleet.ContainerID) string {
	for _, c := range p.Clusters {
		if c.Cluster == id.Cluster {
			if ct, ok := c.Container(id.VMID); ok {
				return ct.Name()
			}
		}
	}
	return "CT " + id.VMID.String()
}
