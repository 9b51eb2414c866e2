package pvesim

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// quick is a simulation that does not make a test wait.
func quick(t *testing.T, cfg Config) *Sim {
	t.Helper()
	cfg.AuthDelay = -1
	if cfg.TaskTime == 0 {
		cfg.TaskTime = 0.001
	}
	if cfg.LagTime == 0 {
		cfg.LagTime = -1
	}
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// caller asks one node as one identity.
type caller struct {
	t      *testing.T
	node   *Node
	http   *http.Client
	header http.Header
	form   string // of the answers
}

func ask(t *testing.T, n *Node) *caller {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(n.cluster.CAPEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: n.Name()}}
	t.Cleanup(tr.CloseIdleConnections)
	return &caller{t, n, &http.Client{Transport: tr, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.Header{}, "json"}
}

func (c caller) token(id, secret string) *caller {
	c.header = http.Header{"Authorization": {"PVEAPIToken=" + id + "=" + secret}}
	return &c
}

func (c caller) ticket(ticket, csrf string) *caller {
	c.header = http.Header{"Cookie": {"PVEAuthCookie=" + url.QueryEscape(ticket)}, "Csrfpreventiontoken": {csrf}}
	return &c
}

// got is one answer.
type got struct {
	status int
	reason string
	header http.Header
	body   string
}

func (g got) data(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(g.body), &struct{ Data any }{into}); err != nil {
		t.Fatalf("answer %d %s is no JSON: %v in %.300s", g.status, g.reason, err, g.body)
	}
}

func (c *caller) do(method, path string, form url.Values) got {
	c.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, "https://"+c.node.Addr()+"/api2/"+c.form+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	_, reason, _ := strings.Cut(res.Status, " ")
	return got{res.StatusCode, reason, res.Header, string(b)}
}

func (c *caller) get(path string) got { c.t.Helper(); return c.do("GET", path, nil) }

// login signs in with a password and returns the caller with its ticket.
func (c *caller) login(user, password string) (*caller, map[string]any) {
	c.t.Helper()
	res := c.do("POST", "/access/ticket", url.Values{"username": {user}, "password": {password}})
	if res.status != 200 {
		c.t.Fatalf("sign in as %s: %d %s", user, res.status, res.reason)
	}
	var data map[string]any
	res.data(c.t, &data)
	return c.ticket(data["ticket"].(string), data["CSRFPreventionToken"].(string)), data
}

func (c *caller) asRoot() *caller {
	c.t.Helper()
	r, _ := c.login("root@pam", c.node.cluster.Password("root@pam"))
	return r
}

func TestDefaultFleet(t *testing.T) {
	s := quick(t, Config{Seed: 1})
	total := 0
	for _, c := range s.Clusters() {
		for _, n := range c.Nodes() {
			root := ask(t, n).asRoot()
			var rows []map[string]any
			root.get("/cluster/resources?type=vm").data(t, &rows)
			if n == c.Nodes()[0] {
				total += len(rows)
			}
			var node []map[string]any
			root.get("/nodes").data(t, &node)
			if len(node) != len(c.Nodes()) {
				t.Errorf("%s lists %d nodes, want %d", n.Name(), len(node), len(c.Nodes()))
			}
		}
	}
	if total < 55 || total > 75 {
		t.Errorf("the default fleet has %d guests, want about sixty", total)
	}
}

func TestSignIn(t *testing.T) {
	s := quick(t, Config{Seed: 1, Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1", Containers: 3}, {Name: "pve2"}},
		Users: []UserSpec{{ID: "anna@pve", Password: "pass-anna", ACL: []ACLSpec{{Path: "/", Role: "PVEAuditor"}}},
			{ID: "tofa@pve", Password: "pass-tofa", TOTPSecret: "JBSWY3DPEHPK3PXP", Recovery: []string{"aaaa", "bbbb"}}}}}})
	c := s.Cluster("lab")
	who := ask(t, c.Node("pve1"))

	if res := who.get("/version"); res.status != 401 || res.reason != "No ticket" || res.body != "" {
		t.Errorf("without a ticket: %d %q %q", res.status, res.reason, res.body)
	}
	res := who.do("POST", "/access/ticket", url.Values{"username": {"anna@pve"}, "password": {"wrong"}})
	if res.status != 401 || res.reason != "authentication failure" || !strings.Contains(res.body, `"message":"authentication failure\n"`) {
		t.Errorf("wrong password: %d %q %q", res.status, res.reason, res.body)
	}
	anna, data := who.login("anna@pve", "pass-anna")
	if data["clustername"] != "lab" || data["username"] != "anna@pve" || data["cap"] == nil {
		t.Errorf("ticket answer lacks something: %v", data)
	}
	if res := anna.get("/cluster/status"); res.status != 200 {
		t.Errorf("/cluster/status as auditor: %d %s", res.status, res.reason)
	}
	if res := anna.do("PUT", "/access/acl", url.Values{"path": {"/"}, "roles": {"PVEAdmin"}, "users": {"anna@pve"}}); res.status != 403 || res.reason != "Permission check failed (/, Permissions.Modify)" {
		t.Errorf("ACL as auditor: %d %q", res.status, res.reason)
	}

	root := who.asRoot()
	renewed := who.do("POST", "/access/ticket", url.Values{"username": {"anna@pve"}, "password": {mustUnescape(root.header.Get("Cookie")[len("PVEAuthCookie="):])}})
	if renewed.status != 200 || !strings.Contains(renewed.body, `"anna@pve"`) {
		t.Errorf("root's ticket as anybody's password: %d %s", renewed.status, renewed.reason)
	}

	_, half := who.login("tofa@pve", "pass-tofa")
	if half["NeedTFA"] != 1.0 || half["cap"] != nil || !strings.HasPrefix(half["ticket"].(string), "PVE:!tfa!{") {
		t.Fatalf("first step of a second factor: %v", half)
	}
	second := func(response string) got {
		return who.do("POST", "/access/ticket", url.Values{"username": {"tofa@pve"}, "tfa-challenge": {half["ticket"].(string)}, "password": {response}})
	}
	if res := second("totp:000000"); res.status != 401 {
		t.Errorf("wrong code: %d", res.status)
	}
	code := TOTPCode("JBSWY3DPEHPK3PXP", time.Now())
	if res := second("totp:" + code); res.status != 200 || !strings.Contains(res.body, `"cap"`) {
		t.Errorf("right code: %d %s %s", res.status, res.reason, res.body)
	}
	if res := second("totp:" + code); res.status != 401 {
		t.Errorf("the same code again: %d", res.status)
	}
	if res := second("recovery:aaaa"); res.status != 200 {
		t.Errorf("recovery key: %d", res.status)
	}
	if res := second("recovery:aaaa"); res.status != 401 {
		t.Errorf("the same recovery key again: %d", res.status)
	}
	if res := who.ticket(half["ticket"].(string), "").get("/version"); res.status != 401 {
		t.Errorf("half a ticket opens /version: %d", res.status)
	}
}

func mustUnescape(s string) string { u, _ := url.QueryUnescape(s); return u }

func TestTokenOfOnesOwn(t *testing.T) {
	s := quick(t, Config{Seed: 2, Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1", Containers: 4}, {Name: "pve2", Containers: 4}}}}})
	n := s.Cluster("lab").Node("pve1")
	who := ask(t, n)
	root := who.asRoot()
	var made struct {
		ID    string `json:"full-tokenid"`
		Value string
	}
	root.do("POST", "/access/users/root@pam/token/berth", url.Values{"privsep": {"1"}, "comment": {"made by Berth"}, "expire": {"0"}}).data(t, &made)
	if made.ID != "root@pam!berth" || made.Value == "" {
		t.Fatalf("made %+v", made)
	}
	tok := who.token(made.ID, made.Value)
	if res := tok.get("/access/permissions"); res.body != `{"data":{}}` {
		t.Errorf("a new privilege-separated token has %s", res.body)
	}
	if res := tok.get("/cluster/resources?type=vm"); res.body != `{"data":[]}` {
		t.Errorf("a token without rights sees %s", res.body)
	}
	if res := root.do("PUT", "/access/acl", url.Values{"path": {"/"}, "roles": {"PVEAuditor"}, "tokens": {made.ID}, "propagate": {"1"}}); res.status != 200 {
		t.Fatalf("ACL: %d %s", res.status, res.reason)
	}
	var rows []map[string]any
	tok.get("/cluster/resources?type=vm").data(t, &rows)
	if len(rows) != 8 {
		t.Errorf("the auditor token sees %d containers, want 8", len(rows))
	}
	if res := root.do("POST", "/access/users/root@pam/token/berth", url.Values{}); res.status != 400 || !strings.Contains(res.body, "Token already exists.") {
		t.Errorf("the same id again: %d %s", res.status, res.body)
	}
	if res := root.do("DELETE", "/access/users/root@pam/token/berth", nil); res.status != 200 {
		t.Errorf("delete: %d", res.status)
	}
	if res := tok.get("/version"); res.status != 401 {
		t.Errorf("a deleted token: %d", res.status)
	}
}
