package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/secret"
	"berth/internal/template"
	"berth/internal/web"
	"berth/internal/web/kit"
)

// house is the demo without its listeners: every page, two people, two clusters of the first.
type house struct {
	*testing.T
	app      *app
	site     *web.Server
	owner    person
	newcomer person
	clusters []fleet.Cluster
	written  template.Template // of the owner's, not shared
	bucket   template.Bucket   // of the owner's
	plan     template.Plan     // an import of the owner's
	dir      string
	log      *bytes.Buffer
	people   []demoPerson
	nodes    []demoNode
}

// person is somebody who is signed in.
type person struct {
	account.Viewer
	token string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	sim, _, err := (&DemoCmd{Seed: 1}).simulate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	h := &house{T: t, dir: t.TempDir(), log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := open(t.Context(), DataOptions{Data: h.dir}, WatchOptions{AllowNode: simAddresses(sim)}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	told, err := a.setUpDemo(t.Context(), sim)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := a.site(&listener{})
	if err != nil {
		t.Fatal(err)
	}
	h.app, h.site, h.people, h.nodes = a, handler.(*web.Server), told.People, told.Nodes
	h.owner, h.newcomer = h.signIn(told.People[0]), h.signIn(told.People[1])
	if h.clusters, err = a.store.Clusters(t.Context(), string(h.owner.User.ID)); err != nil || len(h.clusters) != 2 {
		t.Fatalf("%d clusters, %v", len(h.clusters), err)
	}
	return h
}

// write gives the owner a template with one of everything, a bucket and an import.
func (h *house) write() {
	h.Helper()
	by := account.By{Viewer: h.owner.Viewer, Address: "127.0.0.1"}
	verbs, err := h.app.templates, error(nil)
	apt := []template.Package{{Manager: template.Apt, Name: "nginx"}}
	if h.bucket, err = verbs.CreateBucket(h.Context(), by, "Owners bucket", "", apt); err != nil {
		h.Fatal(err)
	}
	c := template.New()
	c.Name = "Owner's template"
	c.Scripts = []template.Script{{Name: "owners-script", Body: "true\n"}}
	c.Files = []template.File{{Path: "/etc/owners", Content: []byte("owner's\n")}}
	c.Lists = []template.PackageList{{Name: "own", Packages: apt}}
	if h.written, err = verbs.Create(h.Context(), by, c); err != nil {
		h.Fatal(err)
	}
	if h.plan, err = verbs.PreviewPasted(h.Context(), by, []template.Pasted{{Path: "owners/template.conf", Text: "TEMPLATE_APP=Imported\n"}}); err != nil {
		h.Fatal(err)
	}
}

func (h *house) signIn(who demoPerson) person {
	h.Helper()
	hosts, err := h.app.signin.Hosts(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	p, err := h.app.signin.Password(h.Context(), account.Credentials{Host: hosts[0].ID, User: who.User, Realm: who.Realm, Password: secret.New(who.Password)}, account.Client{Address: "127.0.0.1"})
	if err != nil {
		h.Fatal(err)
	}
	return person{p.Viewer, p.Token.Reveal()}
}

var (
	placeholder = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`)
	ofTheAnswer = regexp.MustCompile(`((nonce|data-made)|name="key" value)="[^"]*"`)
)

// Ids of nobody, of the lengths of real ones.
const noID = "01900000-0000-7000-8000-000000000000"

// path fills a route's placeholders: with things of the owner's, or with what does not exist.
func (h *house) path(r kit.Route, exists bool) string {
	return placeholder.ReplaceAllStringFunc(strings.TrimSuffix(r.Pattern, "{$}"), func(name string) string {
		if !exists {
			return noID
		}
		switch name {
		case "{session}":
			return h.owner.Session.ID
		case "{person}":
			return string(h.owner.User.ID)
		case "{id}":
			return cmp.Or(string(h.written.ID), noID)
		case "{bucket}":
			return cmp.Or(string(h.bucket.ID), noID)
		case "{import}":
			return cmp.Or(h.plan.ID, noID)
		case "{n}":
			return "1"
		case "{host}":
			return string(h.owner.User.Host)
		}
		return string(h.clusters[0].ID)
	})
}

// answer is what a request got, without what differs between any two.
type answer struct {
	status   int
	location string
	body     string
}

func (h *house) ask(r kit.Route, path string, who person, change func(*http.Request)) answer {
	h.Helper()
	body := io.Reader(nil)
	if r.Method == http.MethodPost {
		body = strings.NewReader(url.Values{"confirm": {h.clusters[0].Name}, "base": {"1"}, "shared": {"yes"}, "digest": {h.plan.Digest},
			"manager": {"apt"}, "package": {"curl"}, "key": {strings.Repeat("K", 26)}, "at": {"0"}, "paste": {"curl"}, "name": {"Taken over"}}.Encode())
	}
	req := httptest.NewRequest(r.Method, "http://127.0.0.1:8080"+path, body)
	req.RemoteAddr = "127.0.0.1:5555"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if who.token != "" {
		req.AddCookie(&http.Cookie{Name: "berth-session", Value: who.token})
	}
	if change != nil {
		change(req)
	}
	ctx := context.WithValue(req.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}))
	w := httptest.NewRecorder()
	h.site.ServeHTTP(w, req.WithContext(ctx))
	return answer{w.Code, w.Header().Get("Location"), ofTheAnswer.ReplaceAllString(w.Body.String(), "")}
}

// things is all that the owner has, to see that nothing of it changed.
func (h *house) things() []any {
	h.Helper()
	ctx := context.WithoutCancel(h.Context())
	clusters, err := h.app.store.Clusters(ctx, string(h.owner.User.ID))
	if err != nil {
		h.Fatal(err)
	}
	sessions, err := h.app.store.Sessions(ctx, h.owner.User.ID)
	if err != nil {
		h.Fatal(err)
	}
	users, err := h.app.store.Users(ctx)
	if err != nil {
		h.Fatal(err)
	}
	hosts, err := h.app.store.SignInHosts(ctx)
	if err != nil {
		h.Fatal(err)
	}
	node, ok, err := h.app.store.Default(ctx, string(h.owner.User.ID))
	if err != nil {
		h.Fatal(err)
	}
	var all []any
	templates, err := h.app.store.Templates(ctx, string(h.owner.User.ID), template.Filter{})
	if err != nil {
		h.Fatal(err)
	}
	for _, t := range templates {
		if t.Owner == string(h.owner.User.ID) {
			all = append(all, t.ID, t.Revision, t.Shared, t.Digest)
		}
	}
	buckets, err := h.app.store.Buckets(ctx, string(h.owner.User.ID))
	if err != nil {
		h.Fatal(err)
	}
	for _, b := range buckets {
		all = append(all, b.ID, b.Version)
	}
	if _, err := h.app.store.Import(ctx, string(h.owner.User.ID), h.plan.ID); h.plan.ID != "" && err != nil {
		h.Errorf("the owner's import: %v", err)
	}
	for _, c := range clusters {
		all = append(all, c.ID, c.Name, c.Version, c.TokenID, c.Authority.Binding(), len(c.Members))
	}
	for _, s := range sessions {
		all = append(all, s.ID)
	}
	for _, u := range users {
		all = append(all, u.ID, u.Admin, u.DisabledAt)
	}
	for _, x := range hosts {
		all = append(all, x.ID, x.Name, x.Authority.Binding(), string(x.Policy.Admission))
	}
	return append(all, node, ok)
}

func (h *house) unchanged(before []any) {
	h.Helper()
	if after := h.things(); !slices.Equal(before, after) {
		h.Errorf("something of the owner's changed:\n%v\n%v", before, after)
	}
}

// open are the routes that strangers get. Whoever adds one thinks about it twice.
var openToAll = []string{
	"GET /healthz", "GET /readyz", "GET /assets/{hash}/{name...}", "POST /preferences",
	"GET /login", "POST /login", "GET /login/second-factor", "POST /login/second-factor", "GET /set-up", "POST /set-up", "POST /set-up/host",
}

func TestEveryRouteAsNobody(t *testing.T) {
	h := newHouse(t)
	h.write()
	before := h.things()
	var open []string
	for _, r := range h.site.Routes() {
		name := r.Method + " " + r.Pattern
		if r.Access == kit.Public || r.Access == kit.Probe {
			open = append(open, name)
			continue
		}
		for _, who := range []person{{}, {token: strings.Repeat("A", 43)}} {
			got := h.ask(r, h.path(r, true), who, nil)
			switch {
			case r.Keep && (got.status != http.StatusUnauthorized || !strings.Contains(got.body, "Your session has ended")):
				t.Errorf("%s: %d, want what was typed and the way to the sign-in", name, got.status)
			case r.Keep:
			case r.Form == kit.PageRoute && (got.status != http.StatusSeeOther || !strings.HasPrefix(got.location, "/login")):
				t.Errorf("%s: %d to %q, want the way to the sign-in", name, got.status, got.location)
			case r.Form != kit.PageRoute && got.status != http.StatusUnauthorized:
				t.Errorf("%s: %d, want 401", name, got.status)
			}
			if missing := h.ask(r, h.path(r, false), who, nil); missing.status != got.status {
				t.Errorf("%s tells nobody what exists: %d and %d", name, got.status, missing.status)
			}
		}
	}
	slices.Sort(open)
	want := slices.Sorted(slices.Values(openToAll))
	if !slices.Equal(open, want) {
		t.Errorf("open to strangers are\n%v, want\n%v", open, want)
	}
	h.unchanged(before)
}

func TestEveryRouteFromAForeignOrigin(t *testing.T) {
	h := newHouse(t)
	h.write()
	before := h.things()
	foreign := func(r *http.Request) {
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	olderBrowser := func(r *http.Request) {
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Del("Sec-Fetch-Site")
	}
	for _, r := range h.site.Routes() {
		if r.Method == http.MethodGet && r.Form != kit.StreamRoute {
			continue // reads, which a foreign page cannot see
		}
		for _, from := range []func(*http.Request){foreign, olderBrowser} {
			if got := h.ask(r, h.path(r, true), h.owner, from); got.status != http.StatusForbidden {
				t.Errorf("%s %s: %d", r.Method, r.Pattern, got.status)
			}
		}
	}
	h.unchanged(before)
}

// ofOneself would end the very session that this test asks with, or (the stream) never end.
var ofOneself = []string{kit.URL.SignOut(), kit.URL.SignOutAll(), kit.URL.Live(), kit.URL.ActivityLive()}

// What is another's and what does not exist are the same to everybody else.
func TestEveryRouteAsAnotherUser(t *testing.T) {
	h := newHouse(t)
	h.write()
	before := h.things()
	nowhere := h.ask(kit.Route{Method: http.MethodGet}, "/nowhere", h.newcomer, nil)
	for _, r := range h.site.Routes() {
		if r.Access != kit.SignedIn && r.Access != kit.Administrator || slices.Contains(ofOneself, r.Pattern) {
			continue
		}
		name := r.Method + " " + r.Pattern
		theirs, none := h.path(r, true), h.path(r, false)
		got := h.ask(r, theirs, h.newcomer, nil)
		if r.Access == kit.Administrator {
			if got.status != http.StatusNotFound || r.Method == http.MethodGet && strings.ReplaceAll(got.body, theirs, "/nowhere") != nowhere.body {
				t.Errorf("%s tells somebody else that it is there: %d", name, got.status)
			}
			continue
		}
		for _, c := range h.clusters {
			if strings.Contains(strings.ReplaceAll(got.body, theirs, ""), string(c.ID)) || strings.Contains(got.body, c.TokenID) {
				t.Errorf("%s shows the owner's %s", name, c.Name)
			}
		}
		if theirs == none {
			continue
		}
		missing := h.ask(r, none, h.newcomer, nil)
		if got.status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", name, got.status)
		}
		if got.status != missing.status || got.location != missing.location || strings.ReplaceAll(got.body, theirs, none) != missing.body {
			t.Errorf("%s: what is another's is not as what does not exist: %d to %q with %d bytes, %d to %q with %d",
				name, got.status, got.location, len(got.body), missing.status, missing.location, len(missing.body))
		}
	}
	h.unchanged(before)
}

// fieldsOfIDs are the names under which ids go into forms and queries, and some under which a careless handler might take them.
var fieldsOfIDs = []string{"node", "cluster", "id", "draft", "seen", "version", "owner", "user", "person", "session", "host", "q", "tag", "kind", "also", "return", "accept",
	"template", "bucket", "remove", "key", "dir", "folder", "from", "to", "beside", "do"}

// An id of another's in a form's field or a query tells no more, and does no more, than one that does not exist.
func TestAnotherUsersIDsInFieldsAndQueries(t *testing.T) {
	h := newHouse(t)
	h.write()
	before := h.things()
	foreign := map[string]string{"cluster": string(h.clusters[0].ID), "session": h.owner.Session.ID, "person": string(h.owner.User.ID),
		"template": string(h.written.ID), "bucket": string(h.bucket.ID), "import": h.plan.ID}
	for _, r := range h.site.Routes() {
		if r.Access != kit.SignedIn || slices.Contains(ofOneself, r.Pattern) {
			continue
		}
		for kind, id := range foreign {
			theirs, nobodys := h.askWithID(r, h.newcomer, id), h.askWithID(r, h.newcomer, noID)
			if theirs != nobodys {
				t.Errorf("%s %s tells another's %s from one that does not exist: %d to %q with %d bytes, %d to %q with %d", r.Method, r.Pattern, kind,
					theirs.status, theirs.location, len(theirs.body), nobodys.status, nobodys.location, len(nobodys.body))
			}
		}
	}
	h.unchanged(before)
}

// askWithID asks with the id wherever one could go, and gives the answer without it.
func (h *house) askWithID(r kit.Route, who person, id string) answer {
	h.Helper()
	fields := url.Values{}
	for _, name := range fieldsOfIDs {
		fields.Set(name, id)
	}
	fields.Set("node", id+"/pve1")
	fields.Set("return", "/settings/nodes/"+id)
	got := h.ask(r, h.path(r, false), who, func(req *http.Request) {
		req.URL.RawQuery = fields.Encode()
		if r.Method == http.MethodPost {
			typed(fields)(req)
		}
	})
	got.body, got.location = strings.ReplaceAll(got.body, id, noID), strings.ReplaceAll(got.location, id, noID)
	return got
}

// typed makes a request carry these fields.
func typed(v url.Values) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(v.Encode())), int64(len(v.Encode()))
	}
}

var draftOfPage = regexp.MustCompile(`name="draft" value="([^"]+)"`)

// A node that somebody checked and has not saved yet is nobody else's to save, and is still theirs when another tried.
func TestAnotherUsersDraft(t *testing.T) {
	h := newHouse(t)
	h.write()
	before := h.things()
	attic := h.nodes[1]
	post := func(who person, path string, v url.Values) answer {
		return h.ask(kit.Route{Method: http.MethodPost}, path, who, typed(v))
	}
	checked := post(h.newcomer, "/settings/nodes/new/check", url.Values{"address": {attic.Address}, "fingerprint": {attic.Fingerprint}, "token": {attic.TokenID}, "secret": {attic.TokenSecret}})
	m := draftOfPage.FindStringSubmatch(checked.body)
	seen := regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(checked.body)
	if m == nil || seen == nil {
		t.Fatalf("the node was not checked: %d %.2000s", checked.status, checked.body)
	}
	save := func(who person, draft string) answer {
		return post(who, "/settings/nodes/new/save", url.Values{"draft": {draft}, "seen": {seen[1]}, "name": {"mine"}, "address": {attic.Address}, "fingerprint": {attic.Fingerprint}, "token": {attic.TokenID}})
	}
	if theirs, none := save(h.owner, m[1]), save(h.owner, strings.Repeat("A", len(m[1]))); theirs != none || theirs.status == http.StatusSeeOther {
		t.Errorf("another's draft is not as one that does not exist: %d with %d bytes, %d with %d", theirs.status, len(theirs.body), none.status, len(none.body))
	}
	h.unchanged(before)
	if got := save(h.newcomer, m[1]); got.status != http.StatusSeeOther {
		t.Errorf("somebody else's try took the draft away: %d %.2000s", got.status, got.body)
	}
}
