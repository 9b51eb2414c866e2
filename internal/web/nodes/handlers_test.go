package nodes

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// verbs is a fake that remembers what it was asked and fails as it is told.
type verbs struct {
	Verbs
	err      error
	found    fleet.Finding
	checked  []fleet.Candidate
	added    []fleet.Confirmation
	labels   map[string]string
	changed  []fleet.Reconnection
	deleted  []fleet.ClusterID
	defaults []fleet.NodeID
	made     []fleet.TokenWish
}

func (v *verbs) Clusters(context.Context, account.By) ([]fleet.Cluster, error) {
	return []fleet.Cluster{lab()}, nil
}

func (v *verbs) Cluster(_ context.Context, by account.By, id fleet.ClusterID) (fleet.Cluster, error) {
	if id != "c1" || by.Owner() != "u1" {
		return fleet.Cluster{}, problem.Missing()
	}
	return lab(), nil
}
func (v *verbs) Default(context.Context, string) (fleet.NodeID, bool, error) {
	return fleet.NodeID{Cluster: "c1", Name: "pve1"}, true, nil
}
func (v *verbs) RightsOf(fleet.ClusterID) (fleet.Rights, bool)     { return fleet.Rights{}, false }
func (v *verbs) LastTest(fleet.ClusterID) (fleet.TestReport, bool) { return fleet.TestReport{}, false }
func (v *verbs) Offered(context.Context, account.By) (account.SignInHost, bool, error) {
	return account.SignInHost{Name: "lab"}, true, nil
}
func (v *verbs) Look(_ context.Context, _ account.By, address, _ string) (authority.Seen, error) {
	return authority.Seen{Address: authority.Address{Host: "10.0.0.11", Port: 8006}, Proxmox: true, Fingerprint: fp("1F")}, v.err
}
func (v *verbs) Check(_ context.Context, _ account.By, c fleet.Candidate) (fleet.Finding, error) {
	v.checked = append(v.checked, c)
	return v.found, v.err
}
func (v *verbs) Add(_ context.Context, _ account.By, c fleet.Candidate, choice fleet.Confirmation) (fleet.Cluster, fleet.Finding, error) {
	v.checked, v.added = append(v.checked, c), append(v.added, choice)
	return lab(), v.found, v.err
}
func (v *verbs) Label(_ context.Context, _ account.By, node fleet.NodeID, label string) error {
	if v.err == nil {
		v.labels[node.Name] = label
	}
	return v.err
}
func (v *verbs) Rename(context.Context, account.By, fleet.ClusterID, int64, string) error {
	return v.err
}
func (v *verbs) Reconnect(_ context.Context, _ account.By, _ fleet.ClusterID, ch fleet.Reconnection) error {
	v.changed = append(v.changed, ch)
	return v.err
}
func (v *verbs) Delete(_ context.Context, _ account.By, id fleet.ClusterID) (fleet.Deleted, error) {
	v.deleted = append(v.deleted, id)
	return fleet.Deleted{Name: "lab", Command: "pveum user token remove 'root@pam' berth"}, v.err
}
func (v *verbs) SetDefault(_ context.Context, _ account.By, node fleet.NodeID) error {
	v.defaults = append(v.defaults, node)
	return v.err
}
func (v *verbs) Prepare(context.Context, account.By, fleet.TokenWish) (fleet.TokenPlan, error) {
	return plan(), v.err
}
func (v *verbs) MakeToken(_ context.Context, _ account.By, w fleet.TokenWish, _ fleet.Confirmation) (fleet.Cluster, []fleet.Lack, error) {
	v.made = append(v.made, w)
	return lab(), nil, v.err
}

type pictures struct{ looked int }

func (p *pictures) Picture(string) *fleet.Picture {
	return &fleet.Picture{Clusters: []*fleet.ClusterPicture{labPicture()}}
}
func (p *pictures) Look(string) { p.looked++ }

type desk struct {
	t     *testing.T
	pages *Pages
	verbs *verbs
	mux   *http.ServeMux
	now   time.Time
	// session is that of whoever asks.
	session string
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, verbs: &verbs{found: found(), labels: map[string]string{}}, mux: http.NewServeMux(), now: noon}
	d.pages = New(d.verbs, &pictures{}, func() time.Time { return d.now })
	for _, r := range d.pages.Routes() {
		d.mux.HandleFunc(r.Method+" "+r.Pattern, func(w http.ResponseWriter, req *http.Request) {
			if err := r.Handle(w, req); err != nil {
				_ = kit.WriteError(w, req, r.Form, err, "ref")
			}
		})
	}
	return d
}

// ask sends a request as that user; a nil form is a GET.
func (d *desk) ask(user, path string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	if form != nil {
		r = httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	viewer := account.Viewer{User: account.User{ID: account.UserID(user), PVEUser: "anna@pve"}, Session: account.Session{ID: d.session}}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r.WithContext(kit.WithViewer(r.Context(), viewer)))
	return w
}

const canary = "canary-7f3a-secret"

func token() url.Values {
	return url.Values{"address": {"10.0.0.11:8006"}, "fingerprint": {fp("1F")}, "token": {" root@pam!berth "}, "secret": {canary}}
}

var draftName = regexp.MustCompile(`name="draft" value="([^"]+)"`)

func (d *desk) checked(user string) (draft string) {
	d.t.Helper()
	w := d.ask(user, "/settings/nodes/new/check", token())
	m := draftName.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		d.t.Fatalf("checking answers %d without a draft:\n%s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), canary) {
		d.t.Error("the secret is on the page")
	}
	return m[1]
}

func TestAddingKeepsTheSecretOnTheServer(t *testing.T) {
	d := newDesk(t)
	draft := d.checked("u1")
	w := d.ask("u1", "/settings/nodes/new/save", url.Values{"draft": {draft}, "name": {"lab"}, "also": {"pve2"}, "seen": {"X"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/settings/nodes" {
		t.Fatalf("saving answers %d to %s", w.Code, w.Header().Get("Location"))
	}
	last := d.verbs.checked[len(d.verbs.checked)-1]
	if last.Secret.Reveal() != canary || last.TokenID != "root@pam!berth" || last.Fingerprint != fp("1F") {
		t.Errorf("saved with %+v", last)
	}
	if choice := d.verbs.added[0]; choice.Name != "lab" || choice.Seen != "X" || len(choice.Also) != 1 {
		t.Errorf("saved with %+v", choice)
	}
	if w := d.ask("u1", "/settings/nodes/new/save", url.Values{"draft": {draft}, "address": {"10.0.0.11:8006"}}); w.Code != http.StatusConflict {
		t.Errorf("the draft can be saved twice: %d", w.Code)
	}
}

func TestALostDraftAsksForTheSecretOnly(t *testing.T) {
	d := newDesk(t)
	draft := d.checked("u1")
	again := url.Values{"draft": {draft}, "address": {"10.0.0.11:8006"}, "fingerprint": {fp("1F")}, "token": {"root@pam!berth"}}
	for name, lose := range map[string]func() string{
		"another person's":  func() string { return "u2" },
		"another session's": func() string { d.session = "s2"; return "u1" },
		"too old":           func() string { d.now = d.now.Add(16 * time.Minute); return "u1" },
	} {
		user := lose()
		w := d.ask(user, "/settings/nodes/new/save", again)
		d.session = ""
		body := w.Body.String()
		if w.Code != http.StatusConflict || len(d.verbs.added) != 0 {
			t.Errorf("%s: answers %d, added %v", name, w.Code, d.verbs.added)
		}
		if !strings.Contains(body, "Enter the secret again") || !strings.Contains(body, `value="root@pam!berth"`) || !strings.Contains(body, fp("1F")) || strings.Contains(body, canary) {
			t.Errorf("%s: the page does not ask for the secret alone:\n%s", name, body)
		}
	}
}

func TestDraftsAreFew(t *testing.T) {
	d := newDesk(t)
	first := d.checked("u1")
	for range maxDrafts {
		d.now = d.now.Add(time.Second)
		d.checked("u1")
	}
	if _, ok := d.pages.drafts.open("u1", d.session, first); ok || len(d.pages.drafts.all) != maxDrafts {
		t.Errorf("%d drafts are kept", len(d.pages.drafts.all))
	}
}

func TestDraftsEndWithTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		for _, d.session = range []string{"ended", "goes on", "untold"} {
			d.checked("u1")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.pages.Run(ctx, func(_ context.Context, session string) (bool, error) {
			if session == "untold" {
				return false, errors.New("the store does not answer")
			}
			return session == "goes on", nil
		})
		time.Sleep(2 * forgetEvery) // of the bubble's clock
		left := d.pages.drafts.sessions()
		slices.Sort(left)
		if !slices.Equal(left, []string{"goes on", "untold"}) {
			t.Errorf("drafts are left of %v", left)
		}
	})
}

func TestWhatWasTypedComesBackAndTheSecretDoesNot(t *testing.T) {
	steps := []struct {
		path string
		form url.Values
		back []string
	}{
		{"/settings/nodes/new", url.Values{"address": {"pve<1>"}, "port": {"-7"}}, []string{`value="pve&lt;1&gt;"`, `value="-7"`}},
		{"/settings/nodes/new/check", token(), []string{`value="root@pam!berth"`, `value="10.0.0.11:8006"`}},
		{"/settings/nodes/new/own", url.Values{"tier": {"manage"}, "scope": {"pools"}, "pools": {"team"}, "name": {"mine"}, "days": {"30"}}, []string{`value="team"`, `value="mine"`}},
		{"/settings/nodes/c1/edit", url.Values{"name": {"Küche"}, "version": {"3"}}, []string{`value="Küche"`}},
		{"/settings/nodes/c1/labels", url.Values{"label-pve1": {"Rack 1"}}, []string{`value="Rack 1"`}},
		{"/settings/nodes/c1/connection", url.Values{"addresses": {"10.0.0.99"}, "token": {"root@pam!new"}, "secret": {canary}, "version": {"3"}}, []string{"10.0.0.99", `value="root@pam!new"`}},
	}
	kinds := []*problem.Problem{
		problem.Field("address", "This is not a host name."), problem.Field("secret", "Enter the token's secret."),
		problem.New(problem.Unreachable, "10.0.0.11 cannot be reached.", "Check that it runs."), problem.New(problem.Conflict, "It was changed meanwhile.", "Look again."),
		{Kind: problem.Untrusted, What: "Another certificate.", Expected: fp("4E"), Got: fp("66"), Fields: map[string]string{"address": "Another certificate.", "addresses": "Another certificate."}},
		{Kind: problem.Failed, What: "Proxmox failed.", Proxmox: "unable to <do> it", Remedy: "Look into its log."},
	}
	for _, step := range steps {
		for _, p := range kinds {
			d := newDesk(t)
			d.verbs.err = p
			w := d.ask("u1", step.path, step.form)
			body := w.Body.String()
			if w.Code < 400 || w.Code >= 500 {
				t.Errorf("%s, %s: status %d", step.path, p.Kind, w.Code)
			}
			if strings.Contains(body, canary) {
				t.Errorf("%s, %s: the secret came back", step.path, p.Kind)
			}
			for _, want := range step.back {
				if !strings.Contains(body, want) {
					t.Errorf("%s, %s: %s did not come back", step.path, p.Kind, want)
				}
			}
			if len(p.Fields) == 0 && !strings.Contains(body, escape(p.What)) {
				t.Errorf("%s, %s: the page does not say %q", step.path, p.Kind, p.What)
			}
		}
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
}

// An accepted certificate is asked for in so many words, and carried to the next round.
func TestAcceptingACertificate(t *testing.T) {
	d := newDesk(t)
	d.verbs.err = &problem.Problem{Kind: problem.Untrusted, What: "Another certificate.", Expected: fp("4E"), Got: fp("66"), Fields: map[string]string{"addresses": "Another certificate."}}
	form := url.Values{"addresses": {"10.0.0.11\n10.0.0.12:443"}, "token": {"root@pam!berth"}, "secret": {canary}, "version": {"3"}}
	body := strings.ReplaceAll(d.ask("u1", "/settings/nodes/c1/connection", form).Body.String(), "<wbr>", "")
	for _, want := range []string{fp("4E"), fp("66"), `type="checkbox"`, `value="` + fp("66") + `"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the question lacks %s", want)
		}
	}
	if strings.Contains(body, `value="`+fp("66")+`" checked`) {
		t.Error("the certificate is accepted beforehand")
	}
	form["accept"] = []string{fp("66"), fp("55"), fp("66")}
	d.ask("u1", "/settings/nodes/c1/connection", form)
	if got := d.verbs.changed[1]; len(got.Accept) != 2 || len(got.Addresses) != 2 || got.Version != 3 {
		t.Errorf("the second round sent %+v", got)
	}
}

func TestOthersAndNobodysGetTheSameAnswer(t *testing.T) {
	for _, path := range []string{"", "/edit", "/delete", "/connection"} {
		d := newDesk(t)
		mine, others := d.ask("u1", "/settings/nodes/nothing"+path, nil), d.ask("u2", "/settings/nodes/c1"+path, nil)
		if mine.Code != http.StatusNotFound || others.Code != http.StatusNotFound || stripHere(mine.Body.String()) != stripHere(others.Body.String()) {
			t.Errorf("%q: %d and %d: %s", path, mine.Code, others.Code, firstDifference(stripHere(mine.Body.String()), stripHere(others.Body.String())))
		}
	}
}

// stripHere takes out when a page was made, and its own address, to which the theme's form comes back.
func stripHere(html string) string {
	return regexp.MustCompile(`name="return" value="[^"]*"|data-made="[^"]*"`).ReplaceAllString(html, "")
}

func TestButtonsLeadBack(t *testing.T) {
	d := newDesk(t)
	w := d.ask("u1", "/settings/nodes/c1/default", url.Values{"node": {"pve2"}})
	if w.Code != http.StatusSeeOther || d.verbs.defaults[0] != (fleet.NodeID{Cluster: "c1", Name: "pve2"}) {
		t.Errorf("default: %d, %v", w.Code, d.verbs.defaults)
	}
	w = d.ask("u1", "/settings/nodes/c1/delete", url.Values{})
	if w.Code != http.StatusSeeOther || len(d.verbs.deleted) != 1 {
		t.Errorf("delete: %d", w.Code)
	}
	r := httptest.NewRequest("POST", "http://berth.example/settings/nodes/c1/retry", nil)
	for referer, want := range map[string]string{
		"http://berth.example/?q=web":  "/?q=web",
		"http://evil.example/?q=web":   "/settings/nodes",
		"javascript:alert(1)":          "/settings/nodes",
		"http://berth.example//evil/x": "/settings/nodes",
		"":                             "/settings/nodes",
	} {
		r.Header.Set("Referer", referer)
		if got := back(r); got != want {
			t.Errorf("from %q back to %q, want %q", referer, got, want)
		}
	}
}

func TestALapsedTicketLeadsToThePassword(t *testing.T) {
	d := newDesk(t)
	d.verbs.err = problem.New(problem.NeedProof, "Your Proxmox ticket has ended.", "")
	w := d.ask("u1", "/settings/nodes/new/own", url.Values{"tier": {"look"}})
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login/proof?return=") {
		t.Errorf("answers %d to %s", w.Code, w.Header().Get("Location"))
	}
}

// Every route that may change where a secret goes asks for fresh proof; no GET changes anything.
func TestRoutesSayWhoMayHaveThem(t *testing.T) {
	proof := map[string]bool{"/settings/nodes/{cluster}/connection": true, "/settings/nodes/new/own": true, "/settings/nodes/new/own/make": true}
	for _, r := range newDesk(t).pages.Routes() {
		if r.Access != kit.SignedIn || r.Form != kit.PageRoute {
			t.Errorf("%s %s is for %v", r.Method, r.Pattern, r.Access)
		}
		if r.Proof != proof[r.Pattern] {
			t.Errorf("%s %s: proof is %v", r.Method, r.Pattern, r.Proof)
		}
	}
}
