// Package actions is where people have things done to containers: the page that
// asks before an action on one, and the way of many into a plan. What may be
// done says fleet's table of rules; that it is done is the verb's work.
package actions

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Verbs is what the pages have done. Refusals are problems with the sentence of the rule that refuses.
type Verbs interface {
	// Do begins an action on one container and says which job it is.
	Do(ctx context.Context, v account.Viewer, address string, r fleet.ActionRequest) (job.ID, error)
	// Plan keeps what would be done to many; nothing begins.
	Plan(ctx context.Context, v account.Viewer, address string, r fleet.ActionRequest) (job.ID, error)
	// Busy is what is being done to the owner's containers.
	Busy(owner string) map[fleet.ContainerID]fleet.Busy
}

// Pictures has the fleet as last seen.
type Pictures interface {
	Picture(owner string) *fleet.Picture
}

// Finder finds the containers that the dashboard shows under a filter, in its order.
type Finder interface {
	Matching(owner string, filter url.Values) []fleet.ContainerID
}

// Steps has the steps of jobs.
type Steps interface {
	Steps(ctx context.Context, f job.Filter) ([]job.Step, error)
}

// Disks says what disks a container has, in words, where that is known; nil where it is not.
type Disks func(owner string, id fleet.ContainerID) []string

// Options are what the pages stand on.
type Options struct {
	Verbs    Verbs
	Pictures Pictures
	Finder   Finder
	Steps    Steps
	Disks    Disks // nil: never known
}

// Pages are the routes of actions.
type Pages struct{ o Options }

func New(o Options) *Pages {
	if o.Disks == nil {
		o.Disks = func(string, fleet.ContainerID) []string { return nil }
	}
	return &Pages{o}
}

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	return []kit.Route{
		page("GET", "/containers/{cluster}/{vmid}/{action}", p.ask),
		page("POST", "/containers/{cluster}/{vmid}/{action}", p.do),
		page("GET", kit.URL.Actions(), p.choose),
		page("POST", kit.URL.Actions(), p.plan),
	}
}

// target is the container and the action that an address means, as last seen.
type target struct {
	cluster   *fleet.ClusterPicture
	container fleet.Container
	rule      fleet.ActionRule
	busy      *fleet.Busy
	refusal   fleet.Refusal
}

// targetOf finds what the address means; what is not there and what is another's are the same.
func (p *Pages) targetOf(r *http.Request) (target, error) {
	owner := string(kit.ViewerOf(r.Context()).User.ID)
	rule, known := fleet.RuleOf(fleet.Action(r.PathValue("action")))
	id, ok := parseID(r.PathValue("cluster"), r.PathValue("vmid"))
	if !known || !ok {
		return target{}, problem.Missing()
	}
	cluster, c, ok := find(p.o.Pictures.Picture(owner), id)
	if !ok {
		return target{}, problem.Missing()
	}
	t := target{cluster: cluster, container: c, rule: rule}
	if b, is := p.o.Verbs.Busy(owner)[id]; is {
		t.busy = &b
	}
	t.refusal = fleet.Judge(rule.Action, cluster, c, t.busy)
	return t, nil
}

func parseID(cluster, vmid string) (fleet.ContainerID, bool) {
	n, err := strconv.Atoi(vmid)
	id := fleet.ContainerID{Cluster: fleet.ClusterID(cluster), VMID: fleet.VMID(n)}
	ok := err == nil && cluster != "" && id.VMID >= fleet.MinVMID && id.VMID <= fleet.MaxVMID && id.VMID.String() == vmid
	return id, ok
}

func find(p *fleet.Picture, id fleet.ContainerID) (*fleet.ClusterPicture, fleet.Container, bool) {
	for _, c := range p.Clusters {
		if c.Cluster == id.Cluster {
			ct, ok := c.Container(id.VMID)
			return c, ct, ok
		}
	}
	return nil, fleet.Container{}, false
}

// ask is the page that asks before an action; to a script it is the inner part, for a dialog.
func (p *Pages) ask(w http.ResponseWriter, r *http.Request) error {
	t, err := p.targetOf(r)
	if err != nil {
		return err
	}
	return p.draw(w, r, http.StatusOK, t, form{Seen: t.container.Name(), Key: kit.FormKey(), Back: kit.URL.Container(t.container.ID)}, nil)
}

func (p *Pages) draw(w http.ResponseWriter, r *http.Request, status int, t target, f form, wrong *problem.Problem) error {
	owner := string(kit.ViewerOf(r.Context()).User.ID)
	v := askView{target: t, form: f, Problem: wrong, Scripted: kit.Scripted(r)}
	if t.rule.Action == fleet.ActDelete {
		v.Disks = p.o.Disks(owner, t.container.ID)
	}
	if v.Scripted {
		return kit.RenderPart(w, r, status, askForm(v))
	}
	return kit.Render(w, r, status, kit.Frame{Title: v.title(), Section: kit.SectionDashboard, Narrow: true, Crumbs: []kit.Crumb{
		{Text: "Dashboard", URL: kit.URL.Dashboard()}, {Text: t.container.Name(), URL: kit.URL.Container(t.container.ID)}}}, askPage(v))
}

// do has the action done, once for each form, and says so where the person was.
func (p *Pages) do(w http.ResponseWriter, r *http.Request) error {
	t, err := p.targetOf(r)
	if err != nil {
		return err
	}
	f, err := readForm(r, t)
	if err == nil {
		err = f.sameContainer(t)
	}
	if err == nil {
		err = f.filled(t)
	}
	var id job.ID
	if err == nil {
		id, err = p.o.Verbs.Do(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), fleet.ActionRequest{
			Action: t.rule.Action, Targets: []fleet.ContainerID{t.container.ID}, Choices: f.choices(),
			Names: map[fleet.ContainerID]string{t.container.ID: f.Seen}, Once: once(t.rule.Action, f.Key)})
	}
	if err != nil {
		return p.refuse(w, r, t, f, err)
	}
	return p.accepted(w, r, t, f, id)
}

// once is the mark of a form: one form may offer several actions.
func once(a fleet.Action, key string) string { return string(a) + ":" + key }

// refuse says why it was not done: in the form, in a toast of the script's, or on the page that asks.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, t target, f form, err error) error {
	wrong := problem.Of(err)
	if wrong == nil || wrong.Kind == problem.NotFound || wrong.Kind == problem.NeedProof {
		return err
	}
	if kit.Scripted(r) && !f.Asked {
		return kit.WriteError(w, r, kit.APIRoute, err, "")
	}
	f.Key = kit.FormKey() // what is sent next is another try
	f.Seen = t.container.Name()
	return p.draw(w, r, kit.StatusOf(wrong.Kind), t, f, wrong)
}

func (p *Pages) accepted(w http.ResponseWriter, r *http.Request, t target, f form, id job.ID) error {
	text := t.rule.Doing + " " + t.container.Name() + "."
	if kit.Scripted(r) {
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(map[string]string{"text": text, "tone": string(kit.Busy), "job": kit.URL.Job(id)})
	}
	to := f.Back
	if t.rule.Action == fleet.ActDelete || to == "" {
		to = kit.URL.Job(id) // soon the container's own page is no more
	}
	kit.Flash(w, r, kit.Toast{Kind: kit.Info, Text: text})
	return kit.Redirect(w, r, to)
}
