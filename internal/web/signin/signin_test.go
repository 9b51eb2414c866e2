package signin

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// verbs are stand-ins that note what they were asked.
type verbs struct {
	hosts    []account.SignInHost
	progress account.Progress
	err      error
	gave     account.Credentials
	client   account.Client
	link     string
	peeked   bool
}

func (v *verbs) Hosts(context.Context) ([]account.SignInHost, error) { return v.hosts, nil }

func (v *verbs) Password(_ context.Context, c account.Credentials, from account.Client) (account.Progress, error) {
	v.gave, v.client = c, from
	p := v.progress
	p.ReturnTo = c.ReturnTo
	return p, v.err
}

func (v *verbs) SecondFactor(_ context.Context, half string, _ account.FactorKind, _ secret.Text, from account.Client) (account.Progress, error) {
	v.client, v.link = from, half
	return v.progress, v.err
}

func (v *verbs) Prove(_ context.Context, _ account.Viewer, _ secret.Text, returnTo string, _ account.Client) (account.Progress, error) {
	p := v.progress
	p.ReturnTo = returnTo
	return p, v.err
}

func (v *verbs) SignOut(context.Context, account.Viewer, account.Client) error { return v.err }

func (v *verbs) OpenSetUp(_ context.Context, link string, _ account.Client) (secret.Text, error) {
	v.link = link
	return secret.New("browser-token"), v.err
}

func (v *verbs) SetUp(_ context.Context, from account.Client) (account.SetUp, error) {
	if from.SetUp != "browser-token" {
		return account.SetUp{}, problem.New(problem.NotFound, "This set-up link does not work any more.", "")
	}
	return account.SetUp{Hosts: v.hosts}, nil
}

func (v *verbs) LookSetUp(context.Context, string, account.Client) (authority.Seen, error) {
	return authority.Seen{Proxmox: true, Fingerprint: "AA:BB", Subject: "pve1.lab"}, v.err
}

func (v *verbs) RegisterFirst(context.Context, string, string, string, account.Client) (account.SignInHost, error) {
	return account.SignInHost{ID: "h1"}, v.err
}

func (v *verbs) ByToken(_ context.Context, token string) (account.Viewer, error) {
	if token != "session-token" {
		return account.Viewer{}, problem.Missing()
	}
	return account.Viewer{User: account.User{ID: "u1", PVEUser: "anna@pve"}, Host: "Lab"}, nil
}

func (v *verbs) Peek(ctx context.Context, token string) (account.Viewer, error) {
	v.peeked = true
	return v.ByToken(ctx, token)
}

// browse sends one request to the pages, as the server would hand it on.
func browse(t *testing.T, v *verbs, r *http.Request, secure bool) *http.Response {
	t.Helper()
	pages := New(v, func(path string) bool { return path == "/" || strings.HasPrefix(path, "/settings") })
	mux := http.NewServeMux()
	for _, route := range pages.Routes() {
		mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if viewer, err := pages.Viewer(r); err == nil {
				r = r.WithContext(kit.WithViewer(r.Context(), viewer))
			}
			if err := route.Handle(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	r = r.WithContext(kit.WithClientAddr(kit.WithSecure(r.Context(), secure), "192.0.2.1"))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func get(path string, cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	return with(r, cookies)
}

func post(path string, form url.Values, cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return with(r, cookies)
}

func with(r *http.Request, cookies []string) *http.Request {
	for _, c := range cookies {
		name, value, _ := strings.Cut(c, "=")
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func cookieOf(r *http.Response, name string) *http.Cookie {
	for _, c := range r.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func in() account.Progress {
	return account.Progress{Token: secret.New("session-token"), Device: secret.New("device-token"), Viewer: account.Viewer{User: account.User{ID: "u1", Admin: true}, Session: account.Session{ExpiresAt: time.Now().Add(time.Hour)}}}
}

func TestReturnToIsAPageOfOurs(t *testing.T) {
	for _, c := range []struct{ asked, want string }{
		{"", "/"}, {"/", "/"}, {"/settings/people?a=b", "/settings/people?a=b"},
		{"https://evil.example/", "/"}, {"//evil.example/", "/"}, {`/\evil.example`, "/"}, {`\\evil.example`, "/"}, {"/%5cevil.example", "/"},
		{"javascript:alert(1)", "/"}, {"/\t/evil.example", "/"}, {"/nowhere", "/"}, {"/login", "/"}, {"/login?return=/login", "/"}, {"/sign-out", "/"},
		{"/set-up?link=x", "/"}, {"evil.example", "/"}, {"@evil.example", "/"}, {"/settings/../../evil", "/"}, {strings.Repeat("/a", 5000), "/"},
	} {
		v := &verbs{hosts: []account.SignInHost{lab()}, progress: in()}
		answer := browse(t, v, post("/login", url.Values{"host": {"h1"}, "return": {c.asked}}), false)
		if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || got != c.want {
			t.Errorf("return to %q leads to %q (%d)", c.asked, got, answer.StatusCode)
		}
		answer = browse(t, v, get("/login?"+url.Values{"return": {c.asked}}.Encode(), "berth-session=session-token"), false)
		if got := answer.Header.Get("Location"); got != c.want {
			t.Errorf("who is signed in already is led from %q to %q", c.asked, got)
		}
	}
}

func TestCookies(t *testing.T) {
	for _, secure := range []bool{true, false} {
		v := &verbs{hosts: []account.SignInHost{lab()}, progress: in()}
		prefix := ""
		if secure {
			prefix = "__Host-"
		}
		answer := browse(t, v, post("/login", url.Values{"host": {"h1"}, "user": {"anna"}, "realm": {"pve"}, "password": {"x"}}, prefix+"berth-set-up=browser-token", prefix+"berth-half=h"), secure)
		for _, name := range []string{"berth-session", "berth-device", "berth-host"} {
			c := cookieOf(answer, prefix+name)
			if c == nil || !c.HttpOnly || c.Secure != secure || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("secure %v: %s is %+v", secure, name, c)
			}
		}
		if c := cookieOf(answer, prefix+"berth-session"); c.MaxAge < 3500 || c.MaxAge > 3600 {
			t.Errorf("the session's cookie lives %d s, the session an hour", c.MaxAge)
		}
		for _, name := range []string{"berth-set-up", "berth-half"} {
			if c := cookieOf(answer, prefix+name); c == nil || c.MaxAge >= 0 {
				t.Errorf("secure %v: %s is left: %+v", secure, name, c)
			}
		}
		if v.client.SetUp != "browser-token" || v.client.Address != "192.0.2.1" || v.gave.User != "anna" {
			t.Errorf("the verb was told %+v and %+v", v.client, v.gave)
		}
		// A cookie without the prefix, which another host could have planted, does not count over HTTPS.
		if secure {
			answer = browse(t, v, get("/login", "berth-session=session-token"), true)
			if answer.StatusCode != http.StatusOK {
				t.Errorf("a planted cookie was taken for a session: %d", answer.StatusCode)
			}
		}
	}
}

func TestSecondFactorIsBoundToTheBrowser(t *testing.T) {
	v := &verbs{hosts: []account.SignInHost{lab()}, progress: account.Progress{Half: secret.New("half-token"), Factors: account.Factors{TOTP: true}}}
	answer := browse(t, v, post("/login", url.Values{"host": {"h1"}}), false)
	c := cookieOf(answer, "berth-half")
	if c == nil || c.SameSite != http.SameSiteStrictMode || !c.HttpOnly || c.MaxAge != 300 || cookieOf(answer, "berth-session") != nil {
		t.Fatalf("after the password the browser has %+v", answer.Cookies())
	}
	if to := answer.Header.Get("Location"); strings.Contains(to, "half-token") || !strings.HasPrefix(to, "/login/second-factor") {
		t.Errorf("it is led to %s", to)
	}
	if answer = browse(t, v, get("/login/second-factor?with=totp"), false); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("another browser gets %d", answer.StatusCode)
	}
	v.err = problem.New(problem.NotFound, "Too long.", "Sign in again.")
	answer = browse(t, v, post("/login/second-factor?with=totp", url.Values{"code": {"123456"}}, "berth-half=old"), false)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/login" || cookieOf(answer, "berth-half").MaxAge >= 0 {
		t.Errorf("when it is over: %d to %s", answer.StatusCode, answer.Header.Get("Location"))
	}
	v.err = &problem.Problem{Kind: problem.Unauthorized, What: "Wrong.", Fields: map[string]string{"code": "This code is wrong."}}
	answer = browse(t, v, post("/login/second-factor?with=totp&use=recovery", url.Values{"code": {"123456-canary"}}, "berth-half=h"), false)
	if text := body(t, answer); answer.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "This code is wrong.") || strings.Contains(text, "canary") {
		t.Errorf("a wrong code: %d", answer.StatusCode)
	}
	v.err, v.progress = nil, in()
	if answer = browse(t, v, post("/login/second-factor?with=totp", url.Values{"code": {"123456"}}, "berth-half=h"), false); cookieOf(answer, "berth-session") == nil || v.link != "h" {
		t.Error("a right code did not sign in")
	}
}

func TestWhatWasTypedIsKeptButThePassword(t *testing.T) {
	v := &verbs{hosts: []account.SignInHost{lab(), {ID: "h2", Name: "Attic"}}, err: &problem.Problem{Kind: problem.Unauthorized, What: "Wrong.", Fields: map[string]string{"password": "Wrong."}}}
	answer := browse(t, v, post("/login", url.Values{"host": {"h2"}, "user": {"anna"}, "realm": {"special"}, "password": {"canary"}, "return": {"/settings"}}), false)
	text := body(t, answer)
	for _, want := range []string{`value="anna"`, `value="special"`, `value="h2"`, `value="/settings"`, "Wrong."} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is lost", want)
		}
	}
	if strings.Contains(text, "canary") || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d, and the password came back: %v", answer.StatusCode, strings.Contains(text, "canary"))
	}
}

func TestTheHostIsRemembered(t *testing.T) {
	v := &verbs{hosts: []account.SignInHost{lab(), {ID: "h2", Name: "Attic"}}}
	for _, c := range []struct{ path, cookie, want string }{
		{"/login", "berth-host=h2", `name="host" value="h2"`}, {"/login", "berth-host=gone", `name="host" value="h1"`},
		{"/login?host=h1", "berth-host=h2", `name="host" value="h1"`}, {"/login?host=127.0.0.1", "x=y", `name="host" value="h1"`},
	} {
		if text := body(t, browse(t, v, get(c.path, c.cookie), false)); !strings.Contains(text, c.want) {
			t.Errorf("%s with %s lacks %s", c.path, c.cookie, c.want)
		}
	}
}

func TestTheSetUpLinkLeavesTheAddressAtOnce(t *testing.T) {
	v := &verbs{}
	answer := browse(t, v, get("/set-up?link=the-link"), true)
	c := cookieOf(answer, "__Host-berth-set-up")
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/set-up" || v.link != "the-link" || c == nil || c.Value != "browser-token" || !c.HttpOnly {
		t.Errorf("%d to %s with %+v", answer.StatusCode, answer.Header.Get("Location"), c)
	}
	if answer.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Error("the address could leave as a referrer")
	}
	answer = browse(t, v, get("/set-up", "__Host-berth-set-up=browser-token"), true)
	if text := body(t, answer); answer.StatusCode != http.StatusOK || strings.Contains(text, "browser-token") {
		t.Errorf("the page: %d", answer.StatusCode)
	}
	for _, r := range []*http.Request{
		get("/set-up"), get("/set-up", "__Host-berth-set-up=guess"),
		post("/set-up", url.Values{"address": {"192.0.2.1"}}),
	} {
		if answer = browse(t, v, r, true); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s by another browser: %d", r.Method, r.URL, answer.StatusCode)
		}
	}
	v.err = problem.New(problem.NotFound, "Dead.", "")
	if answer = browse(t, v, get("/set-up?link=old"), true); answer.StatusCode != http.StatusNotFound || len(answer.Cookies()) != 0 {
		t.Errorf("a dead link: %d, %v", answer.StatusCode, answer.Cookies())
	}
}

func TestNothingToSignInWith(t *testing.T) {
	if text := body(t, browse(t, &verbs{}, get("/login"), false)); !strings.Contains(text, "berth setup-link") {
		t.Error("a Berth that is not set up does not say what to do")
	}
	answer := browse(t, &verbs{}, get("/login", "berth-set-up=browser-token"), false)
	if answer.Header.Get("Location") != "/set-up" {
		t.Errorf("the browser of the set-up link is led to %q", answer.Header.Get("Location"))
	}
}

func TestSignOutAndProof(t *testing.T) {
	v := &verbs{hosts: []account.SignInHost{lab()}, progress: in()}
	answer := browse(t, v, post("/sign-out", nil, "berth-session=session-token"), false)
	if c := cookieOf(answer, "berth-session"); c == nil || c.MaxAge >= 0 || answer.Header.Get("Location") != "/login" {
		t.Errorf("signing out leaves %+v", c)
	}
	answer = browse(t, v, post("/login/proof", url.Values{"password": {"x"}, "return": {"/settings/people"}}, "berth-session=session-token"), false)
	if answer.Header.Get("Location") != "/settings/people" || cookieOf(answer, "berth-session") == nil {
		t.Errorf("the proof leads to %s", answer.Header.Get("Location"))
	}
	v.err = &problem.Problem{Kind: problem.Unauthorized, What: "Wrong.", Fields: map[string]string{"password": "Wrong."}}
	answer = browse(t, v, post("/login/proof", url.Values{"password": {"canary"}, "return": {"/settings/people"}}, "berth-session=session-token"), false)
	if text := body(t, answer); !strings.Contains(text, "The password is wrong.") || !strings.Contains(text, "/settings/people") || strings.Contains(text, "canary") {
		t.Error("a wrong proof loses the way or shows the password")
	}
}

func TestAStreamOnlyPeeks(t *testing.T) {
	v := &verbs{}
	r := get("/live", "berth-session=session-token")
	r.Header.Set("Accept", "text/event-stream")
	if _, err := New(v, nil).Viewer(r); err != nil || !v.peeked {
		t.Errorf("peeked %v, %v", v.peeked, err)
	}
	_, err := New(v, nil).Viewer(get("/", "berth-session=other"))
	if !problem.Is(err, problem.SignedOut) {
		t.Errorf("nobody is told %v", err)
	}
}
