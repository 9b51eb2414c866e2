// Package containers is the page of one container: everything that is known of
// it, kept current while somebody looks, and what was done to it. It is drawn
// from memory and the store; a stream's being open is what makes the watcher ask.
package containers

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Eyes is what the page needs of the watcher. Only ReadNow and ReadTaskLog wait for Proxmox.
type Eyes interface {
	Picture(owner string) *fleet.Picture
	Subscribe(owner string) (<-chan struct{}, func())
	// Look tells that a page was made; Watching that a stream is open until the result is called.
	Look(owner string)
	Watching(owner string) (release func())
	// LookClosely tells that a stream shows a container, until the result is called.
	LookClosely(owner string, id fleet.ContainerID, frame fleet.Frame) (release func())
	Detail(ctx context.Context, owner string, id fleet.ContainerID) *fleet.Detail
	SubscribeDetail(owner string, id fleet.ContainerID) (<-chan struct{}, func())
	ReadNow(ctx context.Context, owner string, id fleet.ContainerID, frame fleet.Frame) error
	ReadTaskLog(ctx context.Context, owner string, id fleet.ContainerID, upid string) error
}

// Past has what was done to containers.
type Past interface {
	Steps(ctx context.Context, f job.Filter) ([]job.Step, error)
	AuditEntries(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
	GuestTasks(ctx context.Context, owner string, id fleet.ContainerID) ([]fleet.KeptTask, error)
	GuestTaskLog(ctx context.Context, owner string, id fleet.ContainerID, upid string) (lines []string, at time.Time, err error)
}

// Work tells what is being done to containers.
type Work interface {
	Busy(owner string) map[fleet.ContainerID]fleet.Busy
	// Subscribe signals when that, or a step, changed.
	Subscribe(owner string) (<-chan struct{}, func())
}

// Sessions tells whether a session still stands, without prolonging it.
type Sessions interface {
	SessionStands(ctx context.Context, sessionID string) (bool, error)
}

// Options are what the pages stand on.
type Options struct {
	Eyes     Eyes
	Past     Past
	Work     Work
	Sessions Sessions
	Now      func() time.Time
}

// Pages are the routes of single containers. Close ends their streams.
type Pages struct {
	o       Options
	streams kit.Streams
	closing context.Context
	close   context.CancelFunc
}

// New makes the pages.
func New(o Options) *Pages {
	p := &Pages{o: o, streams: kit.Streams{Most: maxStreams}}
	p.closing, p.close = context.WithCancel(context.Background())
	return p
}

// Close ends all streams with a last event.
func (p *Pages) Close() { p.close() }

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: "/containers/{cluster}/{vmid}" + pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	live := page("GET", "/live", p.live)
	live.Form = kit.StreamRoute
	return []kit.Route{
		page("GET", "", p.overview), page("GET", "/events", p.events), live,
		page("POST", "/read", p.read), page("POST", "/tasks/log", p.readLog),
	}
}

// patience is how long a person's own question to Proxmox may take.
const patience = 20 * time.Second

func (p *Pages) overview(w http.ResponseWriter, r *http.Request) error {
	v, err := p.find(r)
	if err != nil {
		return err
	}
	p.o.Eyes.Look(v.owner)
	frame := v.frameOf(tabOverview)
	frame.Scripts = []string{"charts.js"}
	return kit.Render(w, r, http.StatusOK, frame, overview(v))
}

func (p *Pages) events(w http.ResponseWriter, r *http.Request) error {
	v, err := p.find(r)
	if err != nil {
		return err
	}
	p.o.Eyes.Look(v.owner)
	t, err := p.timeline(r.Context(), v, askOf(r.URL.Query()))
	if err != nil {
		return err
	}
	return kit.Render(w, r, http.StatusOK, v.frameOf(tabEvents), eventsPage(v, t))
}

// read asks Proxmox for everything now, for whoever has no script, and comes back.
func (p *Pages) read(w http.ResponseWriter, r *http.Request) error {
	v, err := p.find(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := p.o.Eyes.ReadNow(ctx, v.owner, v.ID, v.Frame); err != nil {
		told := problem.Of(err)
		if told == nil {
			return err
		}
		kit.Flash(w, r, kit.Toast{Kind: kit.Warning, Text: told.Sentence()})
	}
	return kit.Redirect(w, r, v.url(v.Frame))
}

// readLog asks for the log of a task and shows it.
func (p *Pages) readLog(w http.ResponseWriter, r *http.Request) error {
	v, err := p.find(r)
	if err != nil {
		return err
	}
	upid := r.PostFormValue("task")
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := p.o.Eyes.ReadTaskLog(ctx, v.owner, v.ID, upid); err != nil {
		told := problem.Of(err)
		if told == nil || told.Kind == problem.NotFound {
			return err
		}
		kit.Flash(w, r, kit.Toast{Kind: kit.Warning, Text: told.Sentence()})
	}
	return kit.Redirect(w, r, askOf(url.Values{"task": {upid}}).url(v.ID))
}

// find is the container that an address means. One of another owner, one in no
// cluster, and one that nothing is known of are the same: not there.
func (p *Pages) find(r *http.Request) (*view, error) {
	vmid, ok := fleet.ParseVMID(r.PathValue("vmid"))
	if !ok {
		return nil, problem.Missing()
	}
	id := fleet.ContainerID{Cluster: fleet.ClusterID(r.PathValue("cluster")), VMID: vmid}
	frame, ok := fleet.ParseFrame(r.FormValue("frame"))
	if !ok {
		frame = fleet.Hour
	}
	v, err := p.view(r.Context(), string(kit.ViewerOf(r.Context()).User.ID), id, frame)
	if err != nil {
		return nil, err
	}
	v.Key = kit.FormKey()
	return v, nil
}

// view is what is known of a container now; problem.Missing when that is nothing.
func (p *Pages) view(ctx context.Context, owner string, id fleet.ContainerID, frame fleet.Frame) (*view, error) {
	v := &view{owner: owner, ID: id, Frame: frame, Now: p.o.Now()}
	for _, c := range p.o.Eyes.Picture(owner).Clusters {
		if c.Cluster == id.Cluster {
			v.Cluster = c
		}
	}
	if v.Cluster == nil {
		return nil, problem.Missing()
	}
	v.Detail = p.o.Eyes.Detail(ctx, owner, id)
	v.C, v.There = v.Cluster.Container(id.VMID)
	if !v.There {
		return v, p.gone(ctx, v)
	}
	v.Node, _ = v.Cluster.Node(v.C.Node)
	if busy, ok := p.o.Work.Busy(owner)[id]; ok {
		v.Busy = &busy
	}
	return v, nil
}

// gone finds what is left of a container that is not there any more.
func (p *Pages) gone(ctx context.Context, v *view) error {
	v.C = fleet.Container{ID: v.ID, Status: fleet.Unknown, Hostname: v.Detail.Config.Value.Hostname, Node: v.Detail.Node}
	if v.C.Hostname == "" {
		v.C.Hostname = v.Detail.Live.Value.Name
	}
	if seenLast(v.Detail).IsZero() {
		tasks, err := p.o.Past.GuestTasks(ctx, v.owner, v.ID)
		if err != nil {
			return err
		}
		steps, err := p.o.Past.Steps(ctx, job.Filter{Owner: v.owner, Subject: v.ID.String(), Limit: 1})
		if err != nil {
			return err
		}
		if len(tasks)+len(steps) == 0 {
			return problem.Missing()
		}
	}
	return nil
}

// Disks says what disks a container has, in words; nil where that is not known.
func (p *Pages) Disks(owner string, id fleet.ContainerID) []string {
	d := p.o.Eyes.Detail(context.Background(), owner, id)
	if !d.Config.Seen() {
		return nil
	}
	var all []string
	for _, m := range mounts(d.Config.Value) {
		if m.Storage != "" { // folders and devices of the node stay
			all = append(all, diskWords(m))
		}
	}
	for _, u := range d.Config.Value.Unused {
		all = append(all, u.Value+", not mounted")
	}
	return all
}
