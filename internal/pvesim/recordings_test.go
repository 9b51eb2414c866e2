package pvesim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exchange is one recorded request of the live cluster and its answer.
type exchange struct {
	Case, As, Node, Method, Path, Reason, Note, Base string
	Query, Form                                      map[string]any
	JSONRequest                                      bool              `json:"json_request"`
	RequestHeaders                                   map[string]string `json:"request_headers"`
	RawBody                                          string            `json:"raw_request_body"`
	Status                                           int
	Headers                                          map[string]string
	Body                                             json.RawMessage
}

// recordedLive are the exchanges with the live cluster of 9.2.
func recordedLive(t *testing.T) []exchange {
	t.Helper()
	return decodeAll[exchange](t, "recorded-live-9.2.jsonl.gz")
}

func decodeAll[T any](t *testing.T, file string) []T {
	t.Helper()
	d := json.NewDecoder(shared(t, file))
	var list []T
	for {
		var e T
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
}

// stage is a simulation of the recorded cluster: the same names, users and
// containers.
type stage struct {
	t       *testing.T
	sim     *Sim
	c       *Cluster
	callers map[string]*caller // by "as node"
	tickets map[string]map[string]any
	secrets map[string]string
}

const (
	privsepToken = "admin@pve!rec"
	viewerToken  = "viewer@pve!ro"
)

func newStage(t *testing.T, tickets bool) *stage {
	auditor := []ACLSpec{{Path: "/", Role: "PVEAuditor"}}
	s := quick(t, Config{Seed: 3, TaskTime: 0.0001, Clusters: []ClusterSpec{{
		Name: "realpve", Pools: []string{"team"},
		Storages: []StorageSpec{
			{ID: "local", Type: "dir", Path: "/var/lib/vz", Content: []string{"images", "rootdir", "iso", "backup", "snippets", "vztmpl"}},
			{ID: "lbtrfs", Type: "btrfs", Path: "/var/lib/vzb", Content: []string{"images", "rootdir"}},
			{ID: "nort", Type: "dir", Path: "/srv/nort", Content: []string{"iso", "backup"}},
		},
		Nodes: []NodeSpec{
			{Name: "pve1", CPUs: 2, MemGiB: 24, VMs: 1, CTs: []ContainerSpec{
				{VMID: 100, Name: "web1", Running: true, Tags: []string{"prod", "web"}, Pool: "team"},
				{VMID: 101, Name: "db1", Tags: []string{"prod", "db"}, Pool: "team"}, {VMID: 102, Name: "tmpl1", Template: true},
				{VMID: 106, Name: "lock1", Lock: "backup"}, {VMID: 130, Name: "life2"}, {VMID: 151}, {VMID: 161}, {VMID: 162, Running: true}, {VMID: 163, Running: true},
			}},
			{Name: "pve2", CPUs: 2, MemGiB: 24, CTs: []ContainerSpec{{VMID: 107, Name: "far1", Running: true}, {VMID: 104}}},
		},
		Users: []UserSpec{
			{ID: "root@pam", Password: "root-pw", Tokens: []TokenSpec{{ID: "harness"}}},
			{ID: "admin@pve", Password: "admin-pw", Comment: "measurement admin", ACL: []ACLSpec{{Path: "/", Role: "Administrator"}}, Tokens: []TokenSpec{{ID: "harness"}, {ID: "rec", PrivSep: true}, {ID: "rec2"}}},
			{ID: "viewer@pve", Password: "viewer-pw", ACL: auditor, Tokens: []TokenSpec{{ID: "ro", PrivSep: true}, {ID: "mine"}}},
		},
	}}})
	st := &stage{t: t, sim: s, c: s.Cluster("realpve"), callers: map[string]*caller{}, tickets: map[string]map[string]any{}, secrets: map[string]string{}}
	st.c.noteOfPool("team", "pool of the team")
	st.c.storage("local").archives[st.c.Node("pve1")] = []*archive{{vmid: 100, at: time.Date(2026, 11, 23, 18, 21, 10, 0, time.UTC), size: 58 << 20, notes: "web1 on pve1", conf: "arch: amd64\n", end: "tar.zst"}}
	for id, u := range st.c.users {
		for name, tok := range u.tokens {
			st.secrets[id+"!"+name] = tok.secret
		}
	}
	for _, n := range st.c.Nodes() {
		plain := ask(t, n)
		st.callers["none "+n.Name()] = plain
		for as, id := range map[string]string{"root-token": "root@pam!harness", "admin-token": "admin@pve!harness", "viewer-token": viewerToken, "privsep-token": privsepToken} {
			st.callers[as+" "+n.Name()] = plain.token(id, st.secrets[id])
		}
		if !tickets {
			continue
		}
		for as, user := range map[string]string{"root-ticket": "root@pam", "viewer-ticket": "viewer@pve"} {
			c, data := plain.login(user, user[:strings.Index(user, "@")]+"-pw")
			st.callers[as+" "+n.Name()], st.tickets[user] = c, data
		}
	}
	return st
}

// skipped are exchanges that a simulator of this size cannot play, each with
// its reason.
func skipped(e exchange) string {
	if e.Query["download"] != nil {
		return "its lines are the recorded task's own"
	}
	if e.Status == 500 && strings.Contains(string(e.Body), "unable to create CT") {
		return "of several at once; which one gets which text is chance"
	}
	if strings.Contains(string(e.Body), "apparmor") {
		return "an accident of the recorded machine"
	}
	return ""
}

var (
	digits   = regexp.MustCompile(`[0-9A-Fa-f]{8}|\d+`)
	upidPath = regexp.MustCompile(`/UPID[^/]+`)
)

// TestRecordingsAnswerAlike plays every recorded exchange and compares status,
// reason, connection lines, content type and the form of the body.
func TestRecordingsAnswerAlike(t *testing.T) {
	list := recordedLive(t)
	forms := formsOf(append(recordedElsewhere(t), list...))
	played := 0
	for i, e := range list {
		if why := skipped(e); why != "" {
			t.Logf("%s is not played: %s", e.Case, why)
			continue
		}
		played++
		t.Run(fmt.Sprintf("%03d-%s", i, e.Case), func(t *testing.T) {
			st := newStage(t, strings.Contains(e.As+e.Case, "ticket") || strings.Contains(e.Case, "csrf") || strings.Contains(e.Case, "cookie"))
			st.prepare(e)
			st.compare(t, e, st.play(t, e), forms)
		})
	}
	t.Logf("%d of %d recorded exchanges played", played, len(list))
	if played < 680 {
		t.Errorf("only %d exchanges were played", played)
	}
}

// prepare brings the stage into the state that the answer tells of.
func (st *stage) prepare(e exchange) {
	fault := func(name, node string, params map[string]string) {
		if _, err := st.sim.Fault(name, FaultTarget{Cluster: "realpve", Node: node, Params: params}); err != nil {
			st.t.Fatal(err)
		}
	}
	switch {
	case strings.HasPrefix(e.Case, "noquorum-") && e.Method != "GET" && !strings.Contains(e.Case, "later"):
		fault("no-quorum", "", nil)
	case e.Case == "loss-t-late":
		fault("node-dead", "pve2", map[string]string{"after": "0s"})
	case strings.HasPrefix(e.Case, "loss-proxied"):
		fault("node-dead", "pve2", nil)
	case strings.HasPrefix(e.Case, "peer-frozen-") && e.Status == 596:
		fault("hang-after-accept", "pve2", nil)
	case strings.HasPrefix(e.Case, "pvedaemon-frozen") && e.Status == 596:
		fault("pvedaemon-frozen", "pve1", nil)
	case strings.HasPrefix(e.Case, "pvedaemon-down") && e.Status == 595:
		fault("pvedaemon-down", "pve1", nil)
	case e.Case == "lock-held-put":
		fault("lock-held", "pve1", nil)
	case e.Case == "back-proxied-early":
		fault("node-daemon-down", "pve2", nil)
	}
	st.prepareRights(e)
	st.prepareContainer(e)
	st.prepareTask(e)
}

func (st *stage) prepareRights(e exchange) {
	if strings.HasPrefix(e.Case, "token-create") || strings.HasSuffix(e.Path, "/token/nq") {
		_, name, _ := strings.Cut(e.Path, "/token/")
		st.c.RemoveToken("admin@pve", name)
	}
	if e.Case == "token-delete-unknown" {
		st.c.RemoveToken("admin@pve", "rec2")
	}
	switch {
	case e.As != "privsep-token":
	case strings.Contains(e.Case, "vm-acl"):
		st.c.SetACL("/vms/101", privsepToken, "PVEVMUser", true)
	case strings.Contains(e.Case, "full-acl"), strings.Contains(e.Case, "privsep-delete"), strings.Contains(e.Case, "privsep-create-with"), strings.Contains(e.Case, "no-sdn"), e.Case == "acl-list":
		st.c.SetACL("/vms", privsepToken, "PVEVMAdmin", true)
		st.c.SetACL("/nodes/pve1", privsepToken, "PVEAuditor", true)
		st.c.SetACL("/storage/local", privsepToken, "PVEDatastoreUser", true)
		if !strings.Contains(e.Case, "no-sdn") {
			st.c.SetACL("/sdn/zones/localnetwork", privsepToken, "PVESDNUser", true)
		}
	}
	if strings.Contains(e.Case, "pool-only") {
		st.c.SetACL("/pool/team", viewerToken, "PVEAuditor", true)
	}
}

// prepareContainer makes the container of the path what the answer says it is.
func (st *stage) prepareContainer(e exchange) {
	parts := strings.Split(e.Path, "/")
	st.prepareNew(e, "vmid", "newid")
	if strings.HasSuffix(e.Path, "/vzdump") {
		if g := st.c.guests[atoi(values(e.Form).Get("vmid"))]; g != nil {
			g.node = st.c.Node(parts[2])
		}
	}
	if len(parts) < 5 || parts[3] != "lxc" {
		return
	}
	vmid, _ := strconv.Atoi(parts[4])
	node := st.c.Node(parts[2])
	if parts[2] == "localhost" {
		node = st.c.Node(e.Node)
	}
	body := string(e.Body)
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	g := st.c.guests[vmid]
	if strings.Contains(body, "Configuration file") || vmid == 999 || node == nil || strings.HasSuffix(e.Case, "wrong-node") {
		if g != nil && g.node == node {
			st.c.forget(g)
		}
		return
	}
	if g == nil && vmid >= 100 {
		g = st.c.addContainer(node, 1, ContainerSpec{VMID: vmid}, st.sim.now())
	}
	if g == nil {
		return
	}
	g.node, g.kind = node, "lxc"
	verb := parts[len(parts)-1]
	g.unset("protection")
	if strings.Contains(body, "protection mode enabled") {
		g.set("protection", "1")
	}
	if vmid == 130 {
		g.setLock("")
	}
	if m := lockedWord.FindStringSubmatch(body); m != nil {
		g.setLock(m[1])
	}
	if verb == "template" && e.Status == 200 {
		g.unset("template")
	}
	if verb == "resize" {
		g.set("rootfs", "local:140/vm-140-disk-0.raw,size=2G")
		g.diskless = strings.Contains(body, "volume 'local")
	}
	if vmid == 105 {
		g.snaps = nil
		for _, name := range []string{"before", "second"} {
			g.snaps = append(g.snaps, &snapshot{name: name, note: "first snapshot", at: st.sim.now(), conf: slices.Clone(g.conf)})
		}
	}
	running := strings.Contains(body, `"status": "running"`) || strings.Contains(body, "already running") || strings.Contains(body, "is running") || strings.Contains(body, "running container") || strings.Contains(body, "hotplug") ||
		e.Status == 200 && slices.Contains([]string{"stop", "shutdown", "reboot", "suspend"}, verb) ||
		verb == "interfaces" && !strings.Contains(body, "null}")
	if running != g.running {
		if running {
			g.boot(st.sim.now())
		} else {
			g.halt(st.sim.now())
		}
	}
}

var lockedWord = regexp.MustCompile(`is locked \((\w+)\)`)

// prepareNew has the VMID of a new container taken where the answer says so,
// else free.
func (st *stage) prepareNew(e exchange, keys ...string) {
	if e.Method != "POST" || !strings.HasSuffix(e.Path, "/lxc") && !strings.HasSuffix(e.Path, "/clone") {
		return
	}
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	for _, k := range keys {
		vmid, _ := strconv.Atoi(values(e.Form).Get(k))
		if g := st.c.guests[vmid]; g != nil {
			st.c.forget(g)
		}
		if m := takenBy.FindStringSubmatch(string(e.Body)); m != nil {
			st.c.addContainer(st.c.Node(m[1]), 1, ContainerSpec{VMID: vmid}, st.sim.now())
		}
	}
}

var takenBy = regexp.MustCompile(`already exists on node '(\w+)'`)

// prepareTask puts the task of the path there under its own UPID.
func (st *stage) prepareTask(e exchange) {
	upid, err := url.PathUnescape(strings.TrimPrefix(upidPath.FindString(e.Path), "/"))
	if err != nil || upid == "" || strings.Contains(string(e.Body), "no such task") {
		return
	}
	parts := strings.Split(upid, ":")
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	w := work{}
	if strings.Contains(string(e.Body), `"status": "running"`) || e.Method == "DELETE" {
		w.plan = []step{{takes: forever}}
	}
	tk := st.c.begin(st.c.Node(parts[1]), parts[5], parts[6], parts[7], st.sim.now(), w)
	delete(st.c.tasks, tk.upid)
	tk.upid = upid
	st.c.tasks[upid] = tk
	tk.log = []string{"a line"}
}

func values(m map[string]any) url.Values {
	v := url.Values{}
	for k, x := range m {
		if n, is := x.(float64); is {
			x = strconv.FormatFloat(n, 'f', -1, 64)
		}
		v.Set(k, fmt.Sprint(x))
	}
	return v
}

// play sends the request to the node that was asked then.
func (st *stage) play(t *testing.T, e exchange) got {
	as := e.As
	if strings.Contains(e.Note, "other user") || e.Note != "" && st.callers[as+" "+e.Node] == nil {
		as = "none"
	}
	c := *st.callers[as+" "+e.Node]
	c.t = t
	c.header = c.header.Clone()
	st.special(&c, e)
	form := values(e.Form)
	query := values(e.Query)
	if form.Has("digest") && e.Status == 200 {
		form.Set("digest", st.digest(e.Path))
	}
	for _, v := range []url.Values{form, query} {
		if v.Get("password") == "REDACTED" && v.Has("username") {
			v.Set("password", st.password(e, v.Get("username")))
		}
	}
	base := e.Base
	if base == "" {
		base = "/api2/json"
	}
	target := "https://" + c.node.Addr() + base + e.Path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	kind := ""
	switch {
	case e.RawBody != "":
		body, kind = strings.NewReader(e.RawBody), e.RequestHeaders["Content-Type"]
	case e.JSONRequest:
		b, _ := json.Marshal(e.Form)
		if p := form.Get("password"); p != "" {
			b, _ = json.Marshal(map[string]string{"username": form.Get("username"), "password": p})
		}
		body, kind = strings.NewReader(string(b)), "application/json"
	case len(form) > 0 || e.Method == "POST" || e.Method == "PUT":
		body, kind = strings.NewReader(form.Encode()), "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequest(e.Method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = c.header
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if enc := e.RequestHeaders["Accept-Encoding"]; enc != "" {
		req.Header.Set("Accept-Encoding", enc)
	}
	return rawExchange(t, c.node, req)
}

// digest is the present one of the container in a path.
func (st *stage) digest(path string) string {
	vmid, _ := strconv.Atoi(strings.Split(path, "/")[4])
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	return st.c.guests[vmid].digest()
}

// rawExchange keeps the header lines as they were sent: net/http's client
// takes the Connection line away.
func rawExchange(t *testing.T, n *Node, req *http.Request) got {
	t.Helper()
	conn, err := tls.Dial("tcp", n.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &seen)), req)
	if err != nil {
		t.Fatalf("read the answer: %v after %q", err, seen.String())
	}
	b, _ := io.ReadAll(res.Body)
	head := http.Header{}
	lines, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
	for _, line := range strings.Split(lines, "\r\n")[1:] {
		k, v, _ := strings.Cut(line, ": ")
		head.Add(k, v)
	}
	if head.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		b, _ = io.ReadAll(z)
	}
	_, reason, _ := strings.Cut(res.Status, " ")
	return got{res.StatusCode, reason, head, string(b)}
}

// password is what the recording redacted, by its case.
func (st *stage) password(e exchange, user string) string {
	switch {
	case strings.Contains(e.Case, "renewal"):
		return st.tickets["root@pam"]["ticket"].(string)
	case e.Status == 401 && e.Case != "ticket-path-privs-no":
		return "wrong"
	}
	name, _, _ := strings.Cut(user, "@")
	return name + "-pw"
}

// special sets the odd headers that some cases are about.
func (st *stage) special(c *caller, e exchange) {
	switch e.Case {
	case "csrf-missing":
		c.header.Del("Csrfpreventiontoken")
	case "csrf-bad":
		c.header.Set("Csrfpreventiontoken", "6B048000:abcdefghijklmnop")
	case "csrf-garbage":
		c.header.Set("Csrfpreventiontoken", "nonsense")
	case "csrf-of-other-user":
		c.header = st.callers["root-ticket pve1"].header.Clone()
		c.header.Set("Csrfpreventiontoken", st.tickets["viewer@pve"]["CSRFPreventionToken"].(string))
	case "cookie-garbage":
		c.header.Set("Cookie", "PVEAuthCookie=garbage")
	case "cookie-ticket-old-time":
		c.header.Set("Cookie", "PVEAuthCookie=PVE:root@pam:00000001::aaaa")
	case "ticket-in-auth-header":
		c.header.Set("Authorization", "PVEAuthCookie="+st.tickets["root@pam"]["ticket"].(string))
	case "token-plus-good-cookie":
		c.header.Set("Cookie", "PVEAuthCookie="+st.tickets["root@pam"]["ticket"].(string))
	case "token-bad-secret":
		c.header.Set("Authorization", "PVEAPIToken=root@pam!harness=00000000-0000-0000-0000-000000000000")
	case "token-malformed":
		c.header.Set("Authorization", "PVEAPIToken=rubbish")
	case "token-no-realm":
		c.header.Set("Authorization", "PVEAPIToken=root!harness=x")
	case "auth-bearer":
		c.header.Set("Authorization", "Bearer abc")
	}
}

func (st *stage) compare(t *testing.T, e exchange, g got, f forms) {
	t.Helper()
	what := fmt.Sprintf("%s %s as %s via %s", e.Method, e.Path, e.As, e.Node)
	if g.status != e.Status || digits.ReplaceAllString(g.reason, "N") != digits.ReplaceAllString(e.Reason, "N") {
		t.Fatalf("%s: %d %q, recorded %d %q", what, g.status, g.reason, e.Status, e.Reason)
	}
	if lines := strings.Join(g.header["Connection"], ", "); lines != e.Headers["connection"] {
		t.Errorf("%s: Connection %q, recorded %q", what, lines, e.Headers["connection"])
	}
	if ct := g.header.Get("Content-Type"); ct != e.Headers["content-type"] {
		t.Errorf("%s: Content-Type %q, recorded %q", what, ct, e.Headers["content-type"])
	}
	if (g.header.Get("Content-Length") != "") != (e.Headers["content-length"] != "") && e.Headers["content-encoding"] == "" && g.header.Get("Content-Length") != "0" {
		t.Errorf("%s: Content-Length %q, recorded %q", what, g.header.Get("Content-Length"), e.Headers["content-length"])
	}
	if g.status >= 400 {
		compareError(t, what, e, g)
		return
	}
	f.compare(t, what, e, g)
}

// compareError wants the same words, numbers aside.
func compareError(t *testing.T, what string, e exchange, g got) {
	t.Helper()
	var want, have any
	if json.Unmarshal(e.Body, &want) != nil {
		t.Fatal("a recorded body is no JSON")
	}
	if text, isText := want.(string); isText {
		if text != g.body {
			t.Errorf("%s: body %q, recorded %q", what, g.body, text)
		}
		return
	}
	if err := json.Unmarshal([]byte(g.body), &have); err != nil {
		t.Fatalf("%s: body %q, recorded %s", what, g.body, e.Body)
	}
	w, _ := json.Marshal(want)
	h, _ := json.Marshal(have)
	if digits.ReplaceAllString(string(w), "N") != digits.ReplaceAllString(string(h), "N") {
		t.Errorf("%s: body %s, recorded %s", what, h, w)
	}
}
