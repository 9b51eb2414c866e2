package crash

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http/httpproxy"
)

// trap is a listener of a stranger's, that counts who connects.
type trap struct {
	address string
	caught  atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &trap{address: l.Addr().String()}
	var taking sync.WaitGroup
	taking.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.caught.Add(1)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); taking.Wait() })
	return s
}

func (s *trap) stayedEmpty(t *testing.T, what string) {
	t.Helper()
	if n := s.caught.Load(); n > 0 {
		t.Errorf("%s: Berth connected %d times", what, n)
	}
}

// A stranger cannot make Berth connect anywhere, whatever is sent, even where
// the operator allows the address as a node's.
func TestStrangersLeadNowhere(t *testing.T) {
	w, s := newWorld(t, nil), newTrap(t)
	berth := serve(t, nil, append(onSQLite(t).args(), "--allow-node", w.allow)...)
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	everything := url.Values{"link": {"AAAAAAAAAAAAAAAAAAAAAA"}, "fingerprint": {w.lab.Nodes()[0].Fingerprint()}, "name": {"evil"},
		"user": {"root"}, "realm": {"pam"}, "password": {"guess"}, "port": {port}, "return": {"https://" + s.address + "/"}, "code": {"123456"}}
	for _, field := range []string{"host", "address", "addresses", "server", "url", "authority", "token"} {
		everything.Set(field, s.address)
	}
	paths := []string{"/login", "/login/second-factor", "/login/proof", "/set-up", "/set-up/host", "/settings/nodes/new", "/settings/nodes/new/token",
		"/settings/nodes/new/check", "/settings/nodes/new/save", "/settings/nodes/new/own", "/settings/sign-in-hosts/new", "/settings/sign-in-hosts", "/preferences"}
	visit := func(when string) {
		stranger := newBrowser(t, berth.url)
		for _, path := range paths {
			for _, form := range []url.Values{everything, nil} {
				method := http.MethodGet
				if form != nil {
					method = http.MethodPost
				}
				for _, change := range []func(*http.Request){
					func(*http.Request) {},
					func(r *http.Request) { r.Host = s.address },
					func(r *http.Request) {
						r.Header.Set("X-Forwarded-Host", s.address)
						r.Header.Set("Forwarded", "host="+s.address)
						r.Header.Set("X-Forwarded-For", host)
						r.Header.Set("Referer", "https://"+s.address+"/")
						r.URL.RawQuery = everything.Encode()
					},
				} {
					got := stranger.must(method, path, form, change)
					if to, err := url.Parse(got.location); err != nil || to.IsAbs() || to.Host != "" {
						t.Errorf("%s: %s %s leads to %q", when, method, path, got.location)
					}
				}
			}
		}
		s.stayedEmpty(t, when)
	}
	visit("before it is set up")
	b := newBrowser(t, berth.url)
	w.setUp(b, berth.setUpLink())
	visit("when it is set up")
	// And who may, reaches it: the trap works.
	b.post("/settings/nodes/new", url.Values{"address": {host}, "port": {port}})
	if s.caught.Load() == 0 {
		t.Error("a signed-in person's look did not arrive either: the test proves nothing")
	}
}

// ownAddress is an IPv4 address of this machine that no proxy setting makes an exception for.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("left out: this machine has no address but loopback, which proxy settings leave out by themselves")
	return ""
}

// The environment's proxies and Proxmox's redirects are never followed: both would be shown a password or a token.
func TestProxiesAndRedirectsAreNotFollowed(t *testing.T) {
	address, s := ownAddress(t), newTrap(t)
	w := newWorld(t, func(string, string) string { return address + ":0" })
	proxy := "http://" + s.address
	if to, err := (&httpproxy.Config{HTTPSProxy: proxy}).ProxyFunc()(&url.URL{Scheme: "https", Host: w.lab.Nodes()[0].Addr()}); err != nil || to == nil {
		t.Fatalf("the usual client would not use the proxy either: the test proves nothing (%v)", err)
	}
	var env []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		env = append(env, name+"="+proxy)
	}
	env = append(env, "NO_PROXY=", "no_proxy=")
	berth := serve(t, env, append(onSQLite(t).args(), "--allow-node", address+"/32")...)
	b := newBrowser(t, berth.url)
	w.setUp(b, berth.setUpLink())
	id := w.addNode(b)
	w.seeAll(b)
	s.stayedEmpty(t, "with a proxy in the environment")

	w.fault("redirect", "", map[string]string{"to": "https://" + s.address + "/api2/json/version"})
	w.lab.ResetRequests()
	b.leads("/settings/nodes/"+id+"/test", url.Values{})
	stranger := newBrowser(t, berth.url)
	if got := stranger.post("/login", w.credentials(stranger)); got.status == http.StatusSeeOther {
		t.Errorf("a redirect is taken for a sign-in: %v", got)
	}
	wait(t, "the watcher meets the redirect too", patience, func() bool { b.get("/fleet.json"); return w.lab.Requests().Total >= 6 })
	b.post("/settings/nodes/new", url.Values{"address": {address}, "port": {"1"}})
	s.stayedEmpty(t, "with Proxmox's redirects")
}
