package crash

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"berth/internal/pvesim"
)

// canaries are secrets by their names, and all that was seen of Berth.
type canaries struct {
	all  map[string]string
	mu   sync.Mutex
	seen map[string][]byte // by where
}

func (c *canaries) add(name, value string) {
	if value = strings.TrimSpace(value); len(value) < 8 {
		panic("a canary that is so short is found anywhere: " + name)
	}
	for form, as := range map[string]string{"": value, " (as in an address)": url.QueryEscape(value), " (hexadecimal)": hex.EncodeToString([]byte(value)),
		" (base64)": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(value)), "=")} {
		c.all[name+form] = as
	}
}

// answered keeps a page with its header, cookies apart.
func (c *canaries) answered(path string, p page) {
	header := maps.Clone(p.header)
	delete(header, "Set-Cookie")
	c.mu.Lock()
	defer c.mu.Unlock()
	where := fmt.Sprintf("an answer %d to %s", p.status, path)
	c.seen[where] = fmt.Append(c.seen[where], header, "\n", p.body)
}

// search looks for every secret everywhere.
func (c *canaries) search(t *testing.T) {
	t.Helper()
	for where, text := range c.seen {
		for name, value := range c.all {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("the %s is in %s", name, where)
			}
		}
	}
}

// cookies adds what this browser's cookies are worth.
func (c *canaries) cookies(who string, b *browser) {
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, k := range b.jar.Cookies(u) {
		if k.Name != "berth-host" && k.Name != "berth-toasts" && len(k.Value) > 20 {
			c.add(who+"'s cookie "+k.Name, k.Value)
		}
	}
}

var linksOf = regexp.MustCompile(`(?:href|action)="(/[^"#]*)"`)

// walk asks for every page that a link or a form of any page leads to.
func (c *canaries) walk(b *browser, from ...string) {
	been := map[string]bool{"/live": true}
	for len(from) > 0 {
		path := strings.ReplaceAll(from[0], "&amp;", "&")
		from = from[1:]
		where, _, _ := strings.Cut(path, "?")
		if been[path] || strings.HasPrefix(path, "/assets/") || strings.Count(path, "=") > 1 && been[where] {
			continue
		}
		been[path], been[where] = true, true
		for _, m := range linksOf.FindAllStringSubmatch(b.get(path).body, -1) {
			from = append(from, m[1])
		}
	}
}

// Secrets that go through Berth in a whole life, with everything failing that
// can, are in no log line, no page, no metric, no file and no row in clear.
func TestSecretsAreFoundNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := &scene{T: t, all: t, at: at, world: newWorld(t, nil)}
		tokenFile := filepath.Join(t.TempDir(), "metrics-token")
		if err := os.WriteFile(tokenFile, []byte(metricsToken), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = append(at.args(), "--allow-node", s.allow, "--metrics-token-file", tokenFile, "--log-level", "debug")
		c := &canaries{all: map[string]string{}, seen: map[string][]byte{}}
		c.add("token of the metrics", metricsToken)
		c.add("password", password)
		c.add("token's secret", s.token)
		s.berth = serve(t, nil, s.args...)
		s.b = c.browser(s)
		s.firstHours(c)
		id := s.withNode()
		s.faultyHours(c, id)
		s.lastHours(c, id)

		metrics := s.b.must(http.MethodGet, "/metrics", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+metricsToken) })
		if metrics.status != http.StatusOK {
			t.Fatalf("/metrics: %v", metrics)
		}
		s.storedSecrets(c)
		key, err := os.ReadFile(at.keyFile)
		if err != nil {
			t.Fatal(err)
		}
		_, material, _ := strings.Cut(string(key), "berth-key-1-")
		c.add("key", material)
		if at.database == "" {
			c.files(t, at, "while it runs")
			s.berth.kill() // what SQLite has not moved into its file yet stays in the journal
			c.files(t, at, "after a kill")
		} else {
			s.rows(c)
		}
		link := s.berth.setUpLink() // printed once, for whom it is
		c.seen["the log"] = []byte(strings.Replace(s.berth.said.String(), link, "", 1))
		c.search(t)
		if len(c.all) < 60 || len(c.seen) < 60 {
			t.Errorf("only %d forms of secrets were looked for in %d places: the test proves little", len(c.all), len(c.seen))
		}
	})
}

func (c *canaries) browser(s *scene) *browser {
	b := newBrowser(s, s.berth.url)
	b.seen = c.answered
	return b
}

// firstHours is setting up and signing in, rightly and wrongly.
func (s *scene) firstHours(c *canaries) {
	link := s.berth.setUpLink()
	_, code, _ := strings.Cut(link, "link=")
	c.add("set-up link", code)
	c.browser(s).get("/set-up?link=" + strings.Repeat("A", len(code)))
	s.setUp(s.b, link)
	c.cookies("the administrator", s.b)
	c.browser(s).get(link) // dead by now
	s.letEverybodyIn()

	for _, wrong := range []struct{ name, field, value string }{
		{"wrong password", "password", "canary-wrong-password"},
		{"password as user name", "user", "canary-in-the-wrong-field"},
		{"ticket as password", "password", "PVE:root@pam:65F00000::canary-of-a-ticket"},
		{"password that is too long", "password", strings.Repeat("canary-that-is-long", 300)},
	} {
		b := c.browser(s)
		if wrong.field == "user" {
			b.seen = nil // whoever typed it finds it in the field again
		}
		form := s.credentials(b)
		form.Set(wrong.field, wrong.value)
		c.add(wrong.name, wrong.value)
		b.post("/login", form)
	}
	tess := c.browser(s)
	to := s.second(tess)
	c.cookies("tess, half signed in,", tess)
	c.add("wrong code", "90817264")
	c.add("recovery key", recoveryKey(1))
	tess.post(to, url.Values{"code": {"90817264"}})
	recovery := strings.Replace(to, "use=totp", "use=recovery", 1)
	if recovery == to {
		recovery += "&use=recovery"
	}
	tess.leads(recovery, url.Values{"code": {recoveryKey(1)}})
	c.cookies("tess", tess)
	s.b.post("/login/proof", url.Values{"password": {"canary-wrong-proof"}})
	c.add("wrong password of a proof", "canary-wrong-proof")
	s.b.leads("/login/proof", url.Values{"password": {password}})
	c.cookies("the administrator, proved,", s.b)
}

// faultyHours has every fault in turn while the person works on the node.
func (s *scene) faultyHours(c *canaries, id string) {
	page := "/settings/nodes/" + id
	other := s.lab.AddToken(user+"@"+realm, s.name("other"), pvesim.TokenSpec{PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	c.add("secret of an edit", other)
	c.add("wrong secret of an edit", "canary-wrong-secret-of-an-edit")
	for _, f := range []struct {
		name   string
		params map[string]string
	}{
		{"error-500", map[string]string{"message": "no such thing"}}, {"half-answer", nil}, {"garbage-json", nil}, {"token-revoked", nil}, {"permission-lost", nil},
		{"redirect", nil}, {"ca-changed", nil}, {"ticket-expired", nil}, {"node-daemon-down", nil}, {"no-quorum", nil}, {"markup-names", nil},
	} {
		undo := s.fault(f.name, "", f.params)
		s.b.post(page+"/test", url.Values{})
		s.b.post(page+"/retry", url.Values{})
		form := s.b.form(s.b.get(page+"/connection"), page+"/connection")
		form.Set("secret", "canary-wrong-secret-of-an-edit")
		s.b.post(page+"/connection", form)
		form.Set("secret", other)
		form.Set("token", user+"@"+realm+"!"+fmt.Sprintf("other-%d", s.made))
		s.b.post(page+"/connection", form)
		stranger := c.browser(s)
		stranger.post("/login", s.credentials(stranger))
		s.b.post(newPath, url.Values{"address": {s.lab.Nodes()[1].Host()}, "port": {"1"}})
		for _, path := range []string{"/", "/fleet.json", "/settings/nodes", page, "/activity", "/palette.json"} {
			s.b.get(path)
		}
		undo()
	}
}

// lastHours is a token of one's own that fails half way and then does not, and a walk through all that there is.
func (s *scene) lastHours(c *canaries, id string) {
	s.b.post("/settings/nodes/"+id+"/retry", url.Values{})
	s.withoutNode()
	undo := s.fault("error-500", "", map[string]string{"path": "/access/acl"})
	form := s.wish("look")
	s.b.post(ownPath+"/make", s.b.form(s.b.post(ownPath, form), ownPath+"/make"))
	undo()
	form = s.wish("look")
	s.b.leads(ownPath+"/make", s.b.form(s.b.post(ownPath, form), ownPath+"/make"))
	s.seeAll(s.b)
	said, _ := s.b.stream()
	stranger := c.browser(s)
	for _, b := range []*browser{s.b, stranger} {
		for _, path := range []string{"/nowhere", "/settings/nodes/none", "/login/second-factor", "/healthz", "/readyz", "/metrics"} {
			b.get(path)
		}
		b.must(http.MethodDelete, "/settings/nodes", nil)
		b.must(http.MethodPost, "/sign-out", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		b.must(http.MethodGet, "/", nil, func(r *http.Request) { r.Host = "elsewhere.example" })
		c.walk(b, "/")
	}
	c.seen["the stream"] = []byte(said())
}

// storedSecrets adds what only Berth knows: tickets and the secret of the token that it made.
func (s *scene) storedSecrets(c *canaries) {
	st := s.open()
	defer s.closed(st)
	users, err := st.Users(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, u := range users {
		sessions, err := st.Sessions(s.Context(), u.ID)
		if err != nil {
			s.Fatal(err)
		}
		for _, session := range sessions {
			held, err := st.Ticket(s.Context(), session.ID)
			if err != nil {
				s.Fatal(err)
			}
			ticket := held.Secret
			c.add("ticket of "+u.PVEUser, ticket.Reveal())
			c.add("signature of a ticket of "+u.PVEUser, ticket.Reveal()[strings.LastIndex(ticket.Reveal(), ":")+1:])
		}
		clusters, err := st.Clusters(s.Context(), string(u.ID))
		if err != nil {
			s.Fatal(err)
		}
		for _, cluster := range clusters {
			token, err := st.ClusterSecret(s.Context(), cluster.Owner, cluster.ID)
			if err != nil {
				s.Fatal(err)
			}
			c.add("secret of a made token", token.Reveal())
		}
	}
}

// files keeps what lies in the data folder.
func (c *canaries) files(t *testing.T, at place, when string) {
	t.Helper()
	err := filepath.WalkDir(at.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if path == at.keyFile {
			return nil
		}
		c.seen[fmt.Sprintf("the file %s %s", d.Name(), when)] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rows keeps every row of every table of PostgreSQL, as text.
func (s *scene) rows(c *canaries) {
	s.Helper()
	db := s.sql()
	list := func(query string) (all []string) {
		rows, err := db.QueryContext(s.Context(), query)
		if err != nil {
			s.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				s.Fatal(err)
			}
			all = append(all, text)
		}
		if err := rows.Err(); err != nil {
			s.Fatal(err)
		}
		return all
	}
	for _, table := range list("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'") {
		c.seen["the table "+table] = []byte(strings.Join(list("SELECT t::text FROM "+table+" AS t"), "\n"))
	}
}
