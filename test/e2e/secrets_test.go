package e2e

import (
	"bytes"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// visitor walks through Berth's forms as a browser without script does.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (d *Demo) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The proxy variables of this test are for Berth.
	return &visitor{t, d.URL, &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (v *visitor) page(path string) string {
	v.t.Helper()
	resp, err := v.client.Get(v.base + path)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.body(resp)
}

func (v *visitor) body(resp *http.Response) string {
	v.t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(b)
}

var (
	formTag   = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// submit sends the page's form of that action with what is typed beside its hidden fields.
func (v *visitor) submit(page, action string, typed map[string]string) string {
	v.t.Helper()
	for _, form := range formTag.FindAllStringSubmatch(page, -1) {
		if form[1] != action {
			continue
		}
		values := url.Values{}
		for _, h := range hiddenTag.FindAllStringSubmatch(form[2], -1) {
			values.Set(h[1], html.UnescapeString(h[2]))
		}
		for k, s := range typed {
			values.Set(k, s)
		}
		req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.base+action, strings.NewReader(values.Encode()))
		if err != nil {
			v.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.base)
		resp, err := v.client.Do(req)
		if err != nil {
			v.t.Fatal(err)
		}
		return v.body(resp)
	}
	v.t.Fatalf("no form goes to %s:\n%s", action, page)
	return ""
}

func (v *visitor) signIn(who Person) {
	v.t.Helper()
	v.submit(v.page("/login"), "/login", map[string]string{"user": who.User, "realm": who.Realm, "password": who.Password})
}

// add goes through the steps of "Add node" and gives the last page.
func (v *visitor) add(n SimNode) string {
	v.t.Helper()
	host, port, err := net.SplitHostPort(n.Address)
	if err != nil {
		v.t.Fatal(err)
	}
	page := v.submit(v.page("/settings/nodes/new"), "/settings/nodes/new", map[string]string{"address": host, "port": port})
	if !strings.Contains(strings.ReplaceAll(page, "<wbr>", ""), n.Fingerprint) {
		v.t.Errorf("the fingerprint of %s is not shown", n.Address)
	}
	page = v.submit(page, "/settings/nodes/new/token", nil)
	page = v.submit(page, "/settings/nodes/new/check", map[string]string{"token": n.TokenID, "secret": n.TokenSecret})
	return v.submit(page, "/settings/nodes/new/save", map[string]string{"name": n.Cluster})
}

// until makes the page again and again until it fits; a made page counts as looking.
func (v *visitor) until(path, what string, fits func(page string) bool) string {
	v.t.Helper()
	end := time.Now().Add(40 * time.Second)
	for {
		page := v.page(path)
		if fits(page) {
			return page
		}
		if time.Now().After(end) {
			v.t.Fatalf("%s: waited in vain for %s", path, what)
		}
		<-time.After(250 * time.Millisecond)
	}
}

func says(words string) func(string) bool {
	return func(page string) bool { return strings.Contains(page, words) }
}

// trap is an address that nobody may come to.
func trap(t *testing.T) (addr string, caught *atomic.Int32) {
	t.Helper()
	caught = new(atomic.Int32)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String(), caught
}

// TestSecretsStayWhereTheyAre: a stored secret goes to no other address, not by a
// proxy variable, a redirect or a changed certificate; and what was typed as a
// secret is in no page, log or file.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	proxy, proxied := trap(t)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+proxy)
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	d := startDemo(t)
	v := d.visitor(t)
	v.signIn(d.newcomer())
	attic := d.Nodes[len(d.Nodes)-1]
	v.add(attic)
	v.until("/", "containers", says("data-container="))

	elsewhere, redirected := trap(t)
	undo := d.fault(t, "redirect", map[string]any{"cluster": attic.Cluster, "params": map[string]string{"to": "https://" + elsewhere + "/"}})
	v.until("/", "the redirect to be told", says("redirect"))
	undo()

	d.fault(t, "ca-changed", map[string]any{"cluster": attic.Cluster})
	d.control(t, http.MethodDelete, "/requests", nil, nil)
	page := v.until("/", "the changed certificate to be told", says("certificate"))
	var counts map[string]struct{ Total, Connections int }
	d.control(t, http.MethodGet, "/requests", nil, &counts)
	// Kept connections are the old cluster's own; no new one may carry anything.
	if n := counts[attic.Cluster]; n.Total > 4 {
		t.Errorf("%d requests went to what cannot be trusted", n.Total)
	}
	if proxied.Load() != 0 || redirected.Load() != 0 {
		t.Errorf("%d connections to a proxy, %d to where a redirect pointed", proxied.Load(), redirected.Load())
	}

	secrets := map[string]string{"the password": d.newcomer().Password, "the token's secret": attic.TokenSecret}
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name != "berth-host" { // the remembered sign-in host is no secret
			secrets["the cookie "+c.Name] = c.Value
		}
	}
	pages := map[string]string{"/ after the change": page}
	for _, path := range []string{"/", "/settings/nodes", "/settings/sessions", "/activity", "/templates", "/healthz", "/readyz", "/nosuch"} {
		pages[path] = v.page(path)
	}
	for _, link := range regexp.MustCompile(`href="(/settings/nodes/[^"]*)"`).FindAllStringSubmatch(pages["/settings/nodes"], -1) {
		pages[link[1]] = v.page(html.UnescapeString(link[1]))
	}
	pages["the log"] = d.log.String()
	searchFor(t, secrets, pages)
	searchFiles(t, secrets, d)
}

func searchFor(t *testing.T, secrets, places map[string]string) {
	t.Helper()
	for place, text := range places {
		for name, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s is in %s", name, place)
			}
		}
	}
}

// searchFiles looks into all that the demo wrote: database, journal, key.
func searchFiles(t *testing.T, secrets map[string]string, d *Demo) {
	t.Helper()
	var dir string
	for _, e := range d.cmd.Env {
		if s, ok := strings.CutPrefix(e, "TMPDIR="); ok {
			dir = s // the last one counts
		}
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for name, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s is in %s", name, filepath.Base(path))
			}
		}
		return nil
	})
	if err != nil || files < 2 {
		t.Errorf("looked into %d files: %v", files, err)
	}
}

// TestVisitorsProxmoxGainsNothing: who has no session makes Berth connect nowhere,
// and a Proxmox of one's own is no way in.
func TestVisitorsProxmoxGainsNothing(t *testing.T) {
	d := startDemo(t)
	fake := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_, _ = io.WriteString(w, `{"data":{"username":"alex@pve","ticket":"PVE:alex@pve:0::x","CSRFPreventionToken":"0:x"}}`)
	}))
	var came atomic.Int32
	fake.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			came.Add(1)
		}
	}
	fake.StartTLS()
	defer fake.Close()
	v := d.visitor(t)
	login := v.page("/login")
	for _, typed := range []map[string]string{
		{"host": fake.Listener.Addr().String()}, {"host": fake.URL}, {"host": "01900000-0000-7000-8000-000000000000"},
		{"address": fake.Listener.Addr().String(), "user": "alex@pve@" + fake.Listener.Addr().String()},
	} {
		form := map[string]string{"user": "alex", "realm": "pve", "password": "whatever it is"}
		for k, s := range typed {
			form[k] = s
		}
		v.submit(login, "/login", form)
		if page := v.page("/"); !strings.Contains(page, `name="password"`) {
			t.Errorf("%v got in", typed)
		}
	}
	for _, path := range []string{"/settings/nodes/new", "/settings/nodes/new/token", "/settings/nodes/new/check"} {
		resp, err := v.client.PostForm(v.base+path, url.Values{"address": {fake.Listener.Addr().String()}, "fingerprint": {"AA"}, "token": {"a@pam!b"}, "secret": {"x"}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if came.Load() != 0 {
		t.Errorf("Berth connected %d times to a visitor's address", came.Load())
	}
}
