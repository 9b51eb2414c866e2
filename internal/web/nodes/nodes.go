// Package nodes has the pages of a person's nodes: the cards, the steps of
// adding one, changing, testing and deleting, and the token of one's own making.
package nodes

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Verbs are what the pages call.
type Verbs interface {
	Clusters(ctx context.Context, by account.By) ([]fleet.Cluster, error)
	Cluster(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.Cluster, error)
	Default(ctx context.Context, owner string) (fleet.NodeID, bool, error)
	RightsOf(id fleet.ClusterID) (fleet.Rights, bool)
	LastTest(id fleet.ClusterID) (fleet.TestReport, bool)

	Look(ctx context.Context, by account.By, address, port string) (authority.Seen, error)
	Check(ctx context.Context, by account.By, c fleet.Candidate) (fleet.Finding, error)
	Add(ctx context.Context, by account.By, c fleet.Candidate, choice fleet.Confirmation) (fleet.Cluster, fleet.Finding, error)

	Offered(ctx context.Context, by account.By) (account.SignInHost, bool, error)
	Prepare(ctx context.Context, by account.By, w fleet.TokenWish) (fleet.TokenPlan, error)
	MakeToken(ctx context.Context, by account.By, w fleet.TokenWish, choice fleet.Confirmation) (fleet.Cluster, []fleet.Lack, error)

	Rename(ctx context.Context, by account.By, id fleet.ClusterID, version int64, name string) error
	Label(ctx context.Context, by account.By, node fleet.NodeID, label string) error
	SetDefault(ctx context.Context, by account.By, node fleet.NodeID) error
	Reconnect(ctx context.Context, by account.By, id fleet.ClusterID, ch fleet.Reconnection) error
	Delete(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.Deleted, error)
	Test(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.TestReport, error)
	Retry(ctx context.Context, by account.By, id fleet.ClusterID) error
}

// Pictures is where the fleet as last seen comes from.
type Pictures interface {
	Picture(owner string) *fleet.Picture
	Look(owner string)
}

// Pages are the rooms of the nodes.
type Pages struct {
	verbs    Verbs
	pictures Pictures
	now      func() time.Time
	drafts   *drafts
}

// New makes the pages.
func New(verbs Verbs, pictures Pictures, now func() time.Time) *Pages {
	return &Pages{verbs: verbs, pictures: pictures, now: now, drafts: newDrafts(now)}
}

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	proved := func(method, pattern string, handle kit.Handler) kit.Route {
		r := page(method, pattern, handle)
		r.Proof = true
		return r
	}
	return []kit.Route{
		page("GET", "/settings/nodes", p.list),
		page("GET", "/settings/nodes/new", p.addAddress),
		page("POST", "/settings/nodes/new", p.lookAt),
		page("POST", "/settings/nodes/new/token", p.addToken),
		page("POST", "/settings/nodes/new/check", p.check),
		page("POST", "/settings/nodes/new/save", p.save),
		proved("GET", "/settings/nodes/new/own", p.wishToken),
		proved("POST", "/settings/nodes/new/own", p.planToken),
		proved("POST", "/settings/nodes/new/own/make", p.makeToken),
		page("GET", "/settings/nodes/{cluster}", p.one),
		page("GET", "/settings/nodes/{cluster}/edit", p.edit),
		page("POST", "/settings/nodes/{cluster}/edit", p.rename),
		page("POST", "/settings/nodes/{cluster}/labels", p.label),
		proved("GET", "/settings/nodes/{cluster}/connection", p.connection),
		proved("POST", "/settings/nodes/{cluster}/connection", p.reconnect),
		page("GET", "/settings/nodes/{cluster}/delete", p.confirmDelete),
		page("POST", "/settings/nodes/{cluster}/delete", p.delete),
		page("POST", "/settings/nodes/{cluster}/default", p.setDefault),
		page("POST", "/settings/nodes/{cluster}/test", p.test),
		page("POST", "/settings/nodes/{cluster}/retry", p.retry),
	}
}

func by(r *http.Request) account.By {
	return account.By{Viewer: kit.ViewerOf(r.Context()), Address: kit.ClientAddr(r.Context())}
}

func clusterOf(r *http.Request) fleet.ClusterID { return fleet.ClusterID(r.PathValue("cluster")) }

func frame(title, subtitle string) kit.Frame {
	return kit.Frame{Title: title, Subtitle: subtitle, Section: kit.SectionSettings, Crumbs: []kit.Crumb{{Text: "Settings", URL: kit.URL.Settings()}}}
}

// sub is the frame of a page below the list.
func sub(title, subtitle string) kit.Frame {
	f := frame(title, subtitle)
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: "Nodes", URL: kit.URL.Nodes()})
	f.Narrow = true
	return f
}

// list is the page of all cards.
func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	v, err := p.listOf(r)
	if err != nil {
		return err
	}
	f := frame("Nodes", v.subtitle())
	f.Tabs = kit.SettingsTabs(kit.ViewerOf(r.Context()), kit.URL.Nodes())
	f.Actions = addLink()
	return kit.Render(w, r, http.StatusOK, f, listPage(v))
}

// one is the page of a single card, with all that its token may do.
func (p *Pages) one(w http.ResponseWriter, r *http.Request) error {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	v, err := p.cards(r, []fleet.Cluster{c})
	if err != nil {
		return err
	}
	v.Cards[0].Open = true
	f := sub(c.Name, "")
	f.Narrow = false
	return kit.Render(w, r, http.StatusOK, f, listPage(v))
}

func (p *Pages) listOf(r *http.Request) (listView, error) {
	clusters, err := p.verbs.Clusters(r.Context(), by(r))
	if err != nil {
		return listView{}, err
	}
	return p.cards(r, clusters)
}

func (p *Pages) cards(r *http.Request, clusters []fleet.Cluster) (listView, error) {
	owner := by(r).Owner()
	p.pictures.Look(owner)
	node, ok, err := p.verbs.Default(r.Context(), owner)
	if err != nil {
		return listView{}, err
	}
	if !ok {
		node = fleet.NodeID{}
	}
	in := cardInput{picture: p.pictures.Picture(owner), node: node, now: p.now(), rights: p.verbs.RightsOf, test: p.verbs.LastTest}
	v := listView{}
	for _, c := range clusters {
		card := in.card(c)
		card.Brief = len(clusters) > maxFullCards
		v.Cards = append(v.Cards, card)
	}
	return v, nil
}

// maxFullCards is how many entries are drawn with all that their tokens may do; above, that is a page for each.
const maxFullCards = 12

// done leaves a toast and leads on.
func done(w http.ResponseWriter, r *http.Request, kind kit.Tone, text, to string) error {
	kit.Flash(w, r, kit.Toast{Kind: kind, Text: text})
	return kit.Redirect(w, r, to)
}

// toldAs turns the problem of a button press into a toast; what is missing, and what is no problem, stays an error.
func toldAs(w http.ResponseWriter, r *http.Request, err error, success, to string) error {
	if err == nil {
		return done(w, r, kit.Success, success, to)
	}
	if p := problem.Of(err); p != nil && p.Kind != problem.NotFound && p.Kind != problem.NeedProof {
		return done(w, r, kit.Failure, p.Sentence(), to)
	}
	return err
}

// back is the page of Berth that a button was pressed on.
func back(r *http.Request) string {
	if u, err := url.Parse(r.Referer()); err == nil && u.Host == r.Host {
		if path, ok := kit.LocalPath(u.RequestURI()); ok {
			return path
		}
	}
	return kit.URL.Nodes()
}

func (p *Pages) setDefault(w http.ResponseWriter, r *http.Request) error {
	node := fleet.NodeID{Cluster: clusterOf(r), Name: r.PostFormValue("node")}
	err := p.verbs.SetDefault(r.Context(), by(r), node)
	return toldAs(w, r, err, node.Name+" is the default node now.", back(r))
}

func (p *Pages) test(w http.ResponseWriter, r *http.Request) error {
	id := clusterOf(r)
	c, err := p.verbs.Cluster(r.Context(), by(r), id)
	if err != nil {
		return err
	}
	report, err := p.verbs.Test(r.Context(), by(r), id)
	if err != nil {
		return toldAs(w, r, err, "", back(r))
	}
	kind := kit.Success
	if report.Failed() {
		kind = kit.Failure
	}
	return done(w, r, kind, summary(report, c.Name), back(r))
}

func (p *Pages) retry(w http.ResponseWriter, r *http.Request) error {
	err := p.verbs.Retry(r.Context(), by(r), clusterOf(r))
	return toldAs(w, r, err, "It answers again.", back(r))
}

func (p *Pages) confirmDelete(w http.ResponseWriter, r *http.Request) error {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	v := deleteView{Cluster: c, Containers: containersOf(p.pictures.Picture(by(r).Owner()), c.ID), Command: fleet.RemoveTokenCommand(c.TokenID)}
	return kit.Render(w, r, http.StatusOK, sub("Delete “"+c.Name+"”", ""), deletePage(v))
}

func (p *Pages) delete(w http.ResponseWriter, r *http.Request) error {
	gone, err := p.verbs.Delete(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	text := "“" + gone.Name + "” is deleted."
	if gone.Command != "" {
		text += " Its token is still in Proxmox: " + gone.Command
	}
	return done(w, r, kit.Success, text, kit.URL.Nodes())
}
