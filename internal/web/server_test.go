package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

type room []kit.Route

func (r room) Routes() []kit.Route { return r }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hello(w http.ResponseWriter, r *http.Request) error {
	_, err := io.WriteString(w, "hello "+kit.ViewerOf(r.Context()).User.PVEUser)
	return err
}

// testServer has a route of each kind; the cookie "who" says who asks.
func testServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	people := map[string]account.Viewer{
		"admin": {User: account.User{ID: "1", PVEUser: "root@pam", Admin: true}, Session: account.Session{ProofAt: noon}},
		"user":  {User: account.User{ID: "2", PVEUser: "ann@pve"}, Session: account.Session{ProofAt: noon.Add(-time.Hour)}},
	}
	o := Options{
		Pages: Pages{Dashboard: room{
			{Method: "GET", Pattern: "/{$}", Access: kit.SignedIn, Handle: hello},
			{Method: "GET", Pattern: "/open", Access: kit.Public, Handle: hello},
			{Method: "GET", Pattern: "/admin", Access: kit.Administrator, Handle: hello},
			{Method: "POST", Pattern: "/change", Access: kit.SignedIn, Proof: true, Handle: hello},
			{Method: "GET", Pattern: "/data.json", Access: kit.SignedIn, Form: kit.APIRoute, Handle: hello},
			{Method: "GET", Pattern: "/stream", Access: kit.SignedIn, Form: kit.StreamRoute, Handle: hello},
			{Method: "GET", Pattern: "/broken", Access: kit.Public, Handle: func(http.ResponseWriter, *http.Request) error {
				return errors.New("the canary in the cause")
			}},
			{Method: "GET", Pattern: "/panic", Access: kit.Public, Handle: func(http.ResponseWriter, *http.Request) error { panic("the canary in a panic") }},
			{Method: "GET", Pattern: "/missing", Access: kit.SignedIn, Handle: func(http.ResponseWriter, *http.Request) error { return problem.Missing() }},
			{Method: "GET", Pattern: "/long", Access: kit.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, err := io.WriteString(w, strings.Repeat("berth ", 2000))
				return err
			}},
		}},
		Viewer: func(r *http.Request) (account.Viewer, error) {
			if c, err := r.Cookie("who"); err == nil {
				if v, ok := people[c.Value]; ok {
					return v, nil
				}
			}
			return account.Viewer{}, problem.New(problem.SignedOut, "Nobody is signed in.", "")
		},
		Ready:   func(context.Context) error { return nil },
		Metrics: NewMetrics(),
		Log:     slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return noon },
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(method, path, who string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8080"
	r.RemoteAddr = "127.0.0.1:999"
	local, _ := net.ResolveTCPAddr("tcp", "127.0.0.1:8080")
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
	}
	return r
}

// No route of streams can forget that one person has so many and no more.
func TestSoManyStreamsAPerson(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := testServer(t, func(o *Options) {
		o.Pages.Jobs = room{{Method: "GET", Pattern: "/held", Access: kit.SignedIn, Form: kit.StreamRoute, Handle: func(http.ResponseWriter, *http.Request) error {
			entered <- true
			<-leave
			return nil
		}}}
	})
	open := func(who string) int {
		r := request("GET", "/held", who)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	var held sync.WaitGroup
	for range maxStreams {
		held.Go(func() { open("user") })
		<-entered
	}
	if code := open("user"); code != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", code)
	}
	held.Go(func() { open("admin") })
	<-entered // another person's do not count
	close(leave)
	held.Wait()
	held.Go(func() { open("user") })
	<-entered // those that were left do not count
	held.Wait()
}

func TestWhoGetsIn(t *testing.T) {
	s := testServer(t, nil)
	for _, c := range []struct {
		method, path, who string
		status            int
		location          string
	}{
		{"GET", "/", "user", 200, ""},
		{"GET", "/", "", 303, "/login"},
		{"GET", "/missing?x=1", "", 303, "/login?return=%2Fmissing%3Fx%3D1"},
		{"GET", "/open", "", 200, ""},
		{"GET", "/admin", "admin", 200, ""},
		{"GET", "/admin", "user", 404, ""},
		{"GET", "/admin", "", 303, "/login?return=%2Fadmin"},
		{"GET", "/data.json", "", 401, ""},
		{"GET", "/data.json", "user", 200, ""},
		{"POST", "/change", "admin", 200, ""},
		{"POST", "/change", "user", 303, "/login/proof"},
		{"GET", "/change", "admin", 405, ""},
		{"GET", "/nowhere", "user", 404, ""},
		{"GET", "/healthz", "", 200, ""},
		{"GET", "/metrics", "", 404, ""},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(c.method, c.path, c.who))
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s %s as %q: %d %q, want %d %q", c.method, c.path, c.who, w.Code, w.Header().Get("Location"), c.status, c.location)
		}
	}
}

func TestForeignPagesGetNothing(t *testing.T) {
	s := testServer(t, nil)
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		status             int
	}{
		{"a form from another site", "POST", "/change", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"a form from a sibling site", "POST", "/change", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an old browser's form from another site", "POST", "/change", map[string]string{"Origin": "https://evil.example"}, 403},
		{"our own form", "POST", "/change", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8080"}, 200},
		{"a stream from another site", "GET", "/stream", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"a stream without a word", "GET", "/stream", nil, 403},
		{"our own stream", "GET", "/stream", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
	} {
		r := request(c.method, c.path, "admin")
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
	}
}

func TestUnknownHostIsMisdirected(t *testing.T) {
	s := testServer(t, nil)
	r := request("GET", "/open", "")
	r.Host = "rebound.example"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("got %d", w.Code)
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	s := testServer(t, func(o *Options) {
		o.Door.AllowedHosts = []string{"berth.lan"}
		o.Door.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	})
	for _, c := range []struct {
		name, peer, proto string
		status            int
	}{
		{"from the network", "192.0.2.9:1", "", 403},
		{"from the network, claiming https", "192.0.2.9:1", "https", 403},
		{"behind the declared proxy over https", "10.0.0.1:1", "https", 200},
		{"behind the declared proxy over http", "10.0.0.1:1", "http", 403},
	} {
		r := request("GET", "/open", "")
		r.Host, r.RemoteAddr = "berth.lan", c.peer
		r.Header.Set("X-Forwarded-Proto", c.proto)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
	}
}

func TestCausesStayInTheLog(t *testing.T) {
	var log strings.Builder
	s := testServer(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, path := range []string{"/broken", "/panic"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request("GET", path, ""))
		if w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %d, body has the cause: %v", path, w.Code, strings.Contains(w.Body.String(), "canary"))
		}
	}
	if n := strings.Count(log.String(), "canary"); n < 2 {
		t.Errorf("the log has %d of the two causes", n)
	}
}

func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	s := testServer(t, nil)
	nonces := map[string]bool{}
	for _, path := range []string{"/open", "/nowhere", "/broken", "/healthz"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request("GET", path, ""))
		csp := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s in %q", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %q", path, csp)
		}
		nonces[csp] = true
	}
	if len(nonces) != 4 {
		t.Errorf("%d different nonces in 4 answers", len(nonces))
	}
}

func TestPersonalAnswersAreNotKept(t *testing.T) {
	s := testServer(t, nil)
	for _, path := range []string{"/", "/data.json", "/missing"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request("GET", path, "user"))
		if got := w.Header().Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

func TestLongPagesAreCompressed(t *testing.T) {
	s := testServer(t, nil)
	r := request("GET", "/long", "")
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > 1000 {
		t.Errorf("encoding %q, %d bytes", w.Header().Get("Content-Encoding"), w.Body.Len())
	}
}

func TestRequestsToProxmoxAreCounted(t *testing.T) {
	m := NewMetrics()
	for _, status := range []int{200, 200, 401, 596, 777, 0} {
		m.Asked(status, time.Millisecond, 1000, status == 0)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`berth_proxmox_request_seconds_count{answer="ok"} 2`, `berth_proxmox_request_seconds_count{answer="401"} 1`,
		`berth_proxmox_request_seconds_count{answer="node unreachable"} 1`, `berth_proxmox_request_seconds_count{answer="error"} 1`,
		`berth_proxmox_request_seconds_count{answer="none"} 1`, `berth_proxmox_connections_total 1`, `berth_proxmox_read_bytes_total 6000`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
}

func TestMetricsNeedTheirToken(t *testing.T) {
	s := testServer(t, func(o *Options) { o.MetricsToken = secret.New("let me see") })
	for _, c := range []struct {
		auth   string
		status int
	}{{"", 404}, {"Bearer wrong", 404}, {"Bearer let me see", 200}} {
		r := request("GET", "/metrics", "")
		r.Header.Set("Authorization", c.auth)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%q: %d, want %d", c.auth, w.Code, c.status)
		}
	}
}

func TestARouteMustSayWhoMayHaveIt(t *testing.T) {
	_, err := New(Options{Pages: Pages{Dashboard: room{{Method: "GET", Pattern: "/x", Handle: hello}}}, Metrics: NewMetrics()})
	if err == nil {
		t.Error("a route without an access was taken")
	}
}

func TestWhoIsTurnedAwayIsTold(t *testing.T) {
	var told []string
	s := testServer(t, func(o *Options) {
		o.TurnedAway = func(_ context.Context, v account.Viewer, address, route string, err error) {
			told = append(told, v.User.PVEUser+" "+address+" "+route+" "+string(problem.Of(err).Kind))
		}
		o.Pages.Activity = room{{Method: "GET", Pattern: "/proved", Access: kit.SignedIn, Proof: true, Handle: hello}}
	})
	for _, c := range [][3]string{
		{"GET", "/admin", "admin"}, {"GET", "/admin", ""}, {"GET", "/admin", "user"},
		{"POST", "/change", "admin"}, {"POST", "/change", "user"},
		{"GET", "/proved", "user"}, // led to the password, nothing was tried
	} {
		s.ServeHTTP(httptest.NewRecorder(), request(c[0], c[1], c[2]))
	}
	want := []string{"ann@pve 127.0.0.1 GET /admin " + string(problem.NotFound), "ann@pve 127.0.0.1 POST /change " + string(problem.NeedProof)}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
