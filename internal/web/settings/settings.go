// Package settings has the pages of the settings besides the nodes: sessions,
// appearance, and for administrators sign-in hosts and people.
package settings

import (
	"context"
	"net/http"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// Verbs are what the pages call.
type Verbs interface {
	List(ctx context.Context, v account.Viewer) ([]account.Session, error)
	Revoke(ctx context.Context, v account.Viewer, sessionID string, from account.Client) error
	SignOutEverywhere(ctx context.Context, v account.Viewer, from account.Client) error

	Hosts(ctx context.Context) ([]account.SignInHost, error)
	Host(ctx context.Context, id account.HostID) (account.SignInHost, error)
	Look(ctx context.Context, v account.Viewer, address string, from account.Client) (authority.Seen, error)
	AddHost(ctx context.Context, v account.Viewer, name, address, fingerprint string, from account.Client) (account.SignInHost, error)
	EditHost(ctx context.Context, v account.Viewer, id account.HostID, name string, policy account.Policy, from account.Client) error
	AddAddress(ctx context.Context, v account.Viewer, id account.HostID, address string, from account.Client) error
	DropAddress(ctx context.Context, v account.Viewer, id account.HostID, hostPort string, from account.Client) error
	LookAgain(ctx context.Context, v account.Viewer, id account.HostID, hostPort string, from account.Client) (authority.Seen, error)
	Repin(ctx context.Context, v account.Viewer, id account.HostID, hostPort, fingerprint string, from account.Client) error
	DeleteHost(ctx context.Context, v account.Viewer, id account.HostID, from account.Client) error

	People(ctx context.Context, v account.Viewer) ([]account.Person, error)
	GrantAdministrator(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error
	RevokeAdministrator(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error
	Disable(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error
	Enable(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error
}

// Pages are the settings' rooms.
type Pages struct {
	verbs Verbs
	now   func() time.Time
}

// New makes the pages; now is the clock that ages are counted by.
func New(verbs Verbs, now func() time.Time) *Pages { return &Pages{verbs: verbs, now: now} }

// Routes are the pages' part of the site map.
func (p *Pages) Routes() []kit.Route {
	host, person := kit.URL.SignInHosts()+"/{host}", kit.URL.People()+"/{person}"
	routes := []kit.Route{
		{Method: "GET", Pattern: kit.URL.Settings(), Access: kit.SignedIn, Handle: toNodes},
		{Method: "GET", Pattern: kit.URL.Sessions(), Access: kit.SignedIn, Handle: p.sessions},
		{Method: "POST", Pattern: kit.URL.Sessions() + "/{session}", Access: kit.SignedIn, Handle: p.revoke},
		{Method: "POST", Pattern: kit.URL.SignOutAll(), Access: kit.SignedIn, Handle: p.signOutEverywhere},
		{Method: "GET", Pattern: kit.URL.Appearance(), Access: kit.SignedIn, Handle: p.appearance},
	}
	for _, r := range []kit.Route{
		{Method: "GET", Pattern: kit.URL.SignInHosts(), Handle: p.hosts},
		{Method: "GET", Pattern: kit.URL.SignInHostNew(), Proof: true, Handle: p.newHost},
		{Method: "POST", Pattern: kit.URL.SignInHostNew(), Proof: true, Handle: p.lookAtHost},
		{Method: "POST", Pattern: kit.URL.SignInHosts(), Proof: true, Handle: p.addHost},
		{Method: "GET", Pattern: host, Proof: true, Handle: p.host},
		{Method: "POST", Pattern: host, Proof: true, Handle: p.editHost},
		{Method: "POST", Pattern: host + "/addresses", Proof: true, Handle: p.addAddress},
		{Method: "POST", Pattern: host + "/addresses/delete", Proof: true, Handle: p.dropAddress},
		{Method: "POST", Pattern: host + "/certificate", Proof: true, Handle: p.lookAgain},
		{Method: "POST", Pattern: host + "/certificate/confirm", Proof: true, Handle: p.repin},
		{Method: "POST", Pattern: host + "/delete", Proof: true, Handle: p.deleteHost},
		{Method: "GET", Pattern: kit.URL.People(), Handle: p.people},
		{Method: "POST", Pattern: person + "/grant", Proof: true, Handle: p.person(p.verbs.GrantAdministrator, "is an administrator now")},
		{Method: "POST", Pattern: person + "/revoke", Proof: true, Handle: p.person(p.verbs.RevokeAdministrator, "is no administrator any more")},
		{Method: "POST", Pattern: person + "/disable", Proof: true, Handle: p.person(p.verbs.Disable, "is disabled and signed out everywhere")},
		{Method: "POST", Pattern: person + "/enable", Proof: true, Handle: p.person(p.verbs.Enable, "may sign in again")},
	} {
		r.Access = kit.Administrator
		routes = append(routes, r)
	}
	return routes
}

func toNodes(w http.ResponseWriter, r *http.Request) error {
	return kit.Redirect(w, r, kit.URL.Nodes())
}

// clientOf is who acts, for the audit trail and the limits.
func clientOf(r *http.Request) account.Client {
	return account.Client{Address: kit.ClientAddr(r.Context()), Agent: r.UserAgent()}
}

// frame is the frame of one of the pages. current is the tab that it is on.
func frame(r *http.Request, title, subtitle, current string) kit.Frame {
	return kit.Frame{
		Title: title, Subtitle: subtitle, Section: kit.SectionSettings,
		Crumbs: []kit.Crumb{{Text: "Settings", URL: kit.URL.Settings()}},
		Tabs:   kit.SettingsTabs(kit.ViewerOf(r.Context()), current),
	}
}

// told sends the person back to a page with the outcome as a toast: what was done, or why it was not.
func told(w http.ResponseWriter, r *http.Request, err error, done, back string) error {
	toast := kit.Toast{Kind: kit.Success, Text: done}
	if err != nil {
		p := problem.Of(err)
		if p == nil || p.Kind == problem.NotFound || p.Kind == problem.NeedProof {
			return err
		}
		toast = kit.Toast{Kind: kit.Failure, Text: p.Sentence()}
	}
	kit.Flash(w, r, toast)
	return kit.Redirect(w, r, back)
}

func (p *Pages) appearance(w http.ResponseWriter, r *http.Request) error {
	return kit.Render(w, r, http.StatusOK,
		frame(r, "Appearance", "Kept in this browser only.", kit.URL.Appearance()),
		appearancePage(kit.ThemeOf(r)))
}
