// Package signin has the pages for who is not in yet: signing in, the second
// factor, the fresh proof, the set-up link, and the way out.
package signin

import (
	"context"
	"net/http"
	"net/url"
	pathpkg "path"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// Verbs are what the pages call.
type Verbs interface {
	Hosts(ctx context.Context) ([]account.SignInHost, error)
	Password(ctx context.Context, c account.Credentials, from account.Client) (account.Progress, error)
	SecondFactor(ctx context.Context, half string, kind account.FactorKind, code secret.Text, from account.Client) (account.Progress, error)
	Prove(ctx context.Context, v account.Viewer, password secret.Text, returnTo string, from account.Client) (account.Progress, error)
	SignOut(ctx context.Context, v account.Viewer, from account.Client) error
	OpenSetUp(ctx context.Context, link string, from account.Client) (secret.Text, error)
	SetUp(ctx context.Context, from account.Client) (account.SetUp, error)
	LookSetUp(ctx context.Context, address string, from account.Client) (authority.Seen, error)
	RegisterFirst(ctx context.Context, name, address, fingerprint string, from account.Client) (account.SignInHost, error)
	ByToken(ctx context.Context, token string) (account.Viewer, error)
	Peek(ctx context.Context, token string) (account.Viewer, error)
}

// Pages are the rooms before the door.
type Pages struct {
	verbs Verbs
	// known reports whether a path is a page of ours that one may be sent back to.
	known func(path string) bool
}

// New makes the pages. known says which paths may be returned to after a
// sign-in; nil takes every local one.
func New(verbs Verbs, known func(path string) bool) *Pages {
	if known == nil {
		known = func(string) bool { return true }
	}
	return &Pages{verbs: verbs, known: known}
}

// Routes are the pages' part of the site map.
func (p *Pages) Routes() []kit.Route {
	return []kit.Route{
		{Method: "GET", Pattern: "/login", Access: kit.Public, Handle: p.login},
		{Method: "POST", Pattern: "/login", Access: kit.Public, Handle: p.postPassword},
		{Method: "GET", Pattern: kit.URL.SecondFactor(), Access: kit.Public, Handle: p.secondFactor},
		{Method: "POST", Pattern: kit.URL.SecondFactor(), Access: kit.Public, Handle: p.postSecondFactor},
		{Method: "GET", Pattern: kit.URL.Proof("/"), Access: kit.SignedIn, Handle: p.proof},
		{Method: "POST", Pattern: kit.URL.Proof("/"), Access: kit.SignedIn, Handle: p.postProof},
		{Method: "POST", Pattern: kit.URL.SignOut(), Access: kit.SignedIn, Handle: p.signOut},
		{Method: "GET", Pattern: kit.URL.SetUp(), Access: kit.Public, Handle: p.setUp},
		{Method: "POST", Pattern: kit.URL.SetUp(), Access: kit.Public, Handle: p.postLook},
		{Method: "POST", Pattern: kit.URL.SetUp() + "/host", Access: kit.Public, Handle: p.postRegister},
	}
}

// Viewer finds whose session a request carries; problem.SignedOut when it
// carries none. A stream is no activity of the person's.
func (p *Pages) Viewer(r *http.Request) (account.Viewer, error) {
	find := p.verbs.ByToken
	if strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		find = p.verbs.Peek
	}
	v, err := find(r.Context(), sessionCookie.get(r))
	if problem.Is(err, problem.NotFound) {
		return account.Viewer{}, problem.New(problem.SignedOut, "You are not signed in.", "Sign in and try again.")
	}
	return v, err
}

// returnTo is where a person wanted to go: a local path of one of our pages, else the dashboard.
func (p *Pages) returnTo(typed string) string {
	path, ok := kit.LocalPath(typed)
	if !ok {
		return kit.URL.Dashboard()
	}
	bare, _, _ := strings.Cut(path, "?")
	own := []string{"/login", kit.URL.SecondFactor(), kit.URL.Proof("/"), kit.URL.SetUp(), kit.URL.SignOut()}
	if pathpkg.Clean(bare) != bare || slices.Contains(own, bare) || !p.known(bare) {
		return kit.URL.Dashboard()
	}
	return path
}

// welcome sets what the browser keeps of a sign-in or proof that is done, and sends it on.
func (p *Pages) welcome(w http.ResponseWriter, r *http.Request, done account.Progress) error {
	sessionCookie.setUntil(w, r, done.Token, done.Viewer.Session.ExpiresAt)
	deviceCookie.setSecret(w, r, done.Device)
	if halfCookie.get(r) != "" {
		halfCookie.drop(w, r)
	}
	if setUpCookie.get(r) != "" && done.Viewer.User.Admin {
		setUpCookie.drop(w, r)
	}
	return kit.Redirect(w, r, p.returnTo(done.ReturnTo))
}

// goOn sends a browser on whose password was right: in, or to the second factor.
func (p *Pages) goOn(w http.ResponseWriter, r *http.Request, progress account.Progress) error {
	if progress.Done() {
		return p.welcome(w, r, progress)
	}
	halfCookie.setSecret(w, r, progress.Half)
	return kit.Redirect(w, r, kit.URL.SecondFactor()+"?"+factorQuery(progress.Factors).Encode())
}

// factorQuery tells the next page what to ask for. It is a hint: what counts is with the challenge, on the server.
func factorQuery(f account.Factors) url.Values {
	q := url.Values{}
	if f.TOTP {
		q.Add("with", string(account.TOTP))
	}
	if f.Recovery {
		q.Add("with", string(account.Recovery))
	}
	return q
}

func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.verbs.SignOut(r.Context(), kit.ViewerOf(r.Context()), clientOf(r)); err != nil {
		return err
	}
	sessionCookie.drop(w, r)
	kit.Flash(w, r, kit.Toast{Kind: kit.Success, Text: "You are signed out."})
	return kit.Redirect(w, r, kit.URL.SignIn(""))
}
