package pvesim

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli())
	return c
}
func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// lab is a cluster of three nodes with two containers each and an auditor's
// token; ct 100 and 101 run on pve1, 102 and 103 on pve2 and so on.
func lab(t *testing.T, cfg Config) (*Sim, *Cluster, func(node string) *caller) {
	t.Helper()
	spec := ClusterSpec{Name: "lab"}
	for i := range 3 {
		spec.Nodes = append(spec.Nodes, NodeSpec{Name: fmt.Sprintf("pve%d", i+1), CTs: []ContainerSpec{
			{VMID: 100 + 2*i, Name: fmt.Sprintf("ct%d", 100+2*i), Running: true}, {VMID: 101 + 2*i, Name: fmt.Sprintf("ct%d", 101+2*i), Running: true, Tags: []string{"prod"}}}})
	}
	cfg.Clusters = []ClusterSpec{spec}
	s := quick(t, cfg)
	c := s.Cluster("lab")
	secret := c.AddToken("root@pam", "look", TokenSpec{})
	return s, c, func(node string) *caller { return ask(t, c.Node(node)).token("root@pam!look", secret) }
}

func set(t *testing.T, s *Sim, name, node string, params ...string) func() {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	undo, err := s.Fault(name, FaultTarget{Cluster: "lab", Node: node, Params: m})
	if err != nil {
		t.Fatal(err)
	}
	return undo
}

// rowsOf lists /cluster/resources by id.
func rowsOf(t *testing.T, c *caller) map[string]map[string]any {
	t.Helper()
	var rows []map[string]any
	c.get("/cluster/resources").data(t, &rows)
	byID := map[string]map[string]any{}
	for _, r := range rows {
		byID[r["id"].(string)] = r
	}
	return byID
}

func TestDeadNode(t *testing.T) {
	ck := newClock()
	s, _, at := lab(t, Config{Now: ck.now, LagTime: 10 * time.Second, TaskTime: 0.001})
	via := at("pve1")
	before := rowsOf(t, via)["lxc/102"]
	undo := set(t, s, "node-dead", "pve2", "after", "7s")

	if st := rowsOf(t, via)["node/pve2"]["status"]; st != "online" {
		t.Errorf("right after the loss the node is %v, want online still", st)
	}
	if res := via.get("/nodes/pve2/lxc"); res.status != 595 || res.reason != "No route to host" || res.body != "" {
		t.Errorf("through another: %d %q %q", res.status, res.reason, res.body)
	}
	own := at("pve2")
	own.http.Timeout = 100 * time.Millisecond
	if _, err := readAll(own, "/version"); err == nil {
		t.Error("the dead node's own address answers")
	}
	ck.advance(8 * time.Second)
	rows := rowsOf(t, via)
	if rows["node/pve2"]["status"] != "offline" || rows["node/pve2"]["cpu"] != nil {
		t.Errorf("after 8 s: %v", rows["node/pve2"])
	}
	ck.advance(2 * time.Minute)
	ct := rowsOf(t, via)["lxc/102"]
	if ct["status"] != "running" || ct["uptime"] != before["uptime"] && ct["uptime"].(float64)-before["uptime"].(float64) > 10 {
		t.Errorf("two minutes on it is not frozen: %v, before %v", ct, before)
	}
	if other := rowsOf(t, via)["lxc/100"]; other["uptime"].(float64) < 120 {
		t.Errorf("a container of a living node stands still: %v", other)
	}
	ck.advance(4 * time.Minute)
	ct = rowsOf(t, via)["lxc/102"]
	if ct["status"] != "unknown" || ct["name"] != nil || ct["maxmem"] != nil {
		t.Errorf("after six minutes: %v", ct)
	}
	undo()
	undo()
	ck.advance(11 * time.Second)
	rows = rowsOf(t, via)
	if rows["node/pve2"]["status"] != "online" || rows["lxc/102"]["status"] != "running" || rows["lxc/102"]["uptime"].(float64) > 20 {
		t.Errorf("back: %v %v", rows["node/pve2"], rows["lxc/102"])
	}
	if res := at("pve2").get("/version"); res.status != 200 {
		t.Errorf("the node's own address after its return: %d", res.status)
	}
}

func TestListStepsBack(t *testing.T) {
	ck := newClock()
	s, _, at := lab(t, Config{Now: ck.now})
	set(t, s, "list-steps-back", "")
	uptime := func() float64 { return rowsOf(t, at("pve1"))["lxc/100"]["uptime"].(float64) }
	before := uptime()
	ck.advance(time.Second)
	if after := uptime(); after >= before {
		t.Errorf("uptime went from %v to %v, want a step back", before, after)
	}
}

func TestShapesOfADeadNodesContainers(t *testing.T) {
	for shape, want := range map[string]string{"frozen": "running", "stopped": "stopped", "unknown": "unknown"} {
		s, _, at := lab(t, Config{})
		set(t, s, "node-dead", "pve3", "shape", shape, "after", "0s", "own", "refused")
		if got := rowsOf(t, at("pve1"))["lxc/104"]["status"]; got != want {
			t.Errorf("%s: status %v", shape, got)
		}
	}
}

func TestQuorumNeedsAMajority(t *testing.T) {
	s, c, at := lab(t, Config{})
	quorate := func() any {
		var rows []map[string]any
		at("pve1").get("/cluster/status").data(t, &rows)
		for _, r := range rows {
			if r["type"] == "cluster" {
				return r["quorate"]
			}
		}
		return nil
	}
	set(t, s, "node-dead", "pve3")
	if quorate() != 1.0 {
		t.Error("two of three have no quorum")
	}
	set(t, s, "node-dead", "pve2")
	if quorate() != 0.0 {
		t.Error("one of three has quorum")
	}
	res := at("pve1").do("PUT", "/access/acl", url.Values{"path": {"/"}, "roles": {"PVEAuditor"}, "users": {"root@pam"}})
	if res.status != 500 || !strings.Contains(res.reason, "no quorum!") {
		t.Errorf("ACL without quorum: %d %q", res.status, res.reason)
	}
	if res := at("pve1").do("POST", "/nodes/pve1/lxc/100/status/shutdown", url.Values{}); res.status != 200 {
		t.Errorf("shutdown without quorum: %d %q", res.status, res.reason)
	}
	_ = c
}

// TestAnswersThatAreFaulty sets each fault that spoils answers and looks at
// what a plain client sees.
func TestAnswersThatAreFaulty(t *testing.T) {
	cases := map[string]func(*testing.T, *Sim, *caller){
		"redirect": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/version"); res.status != 302 || res.header.Get("Location") == "" {
				t.Errorf("%d %v", res.status, res.header)
			}
		},
		"error-500": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/version"); res.status != 500 || !strings.Contains(res.reason, "Transport endpoint") || !strings.Contains(res.body, "message") {
				t.Errorf("%d %q %q", res.status, res.reason, res.body)
			}
		},
		"garbage-json": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/version"); res.status != 200 || json.Valid([]byte(res.body)) {
				t.Errorf("%d %q", res.status, res.body)
			}
		},
		"half-answer": func(t *testing.T, _ *Sim, c *caller) {
			_, err := readAll(c, "/version")
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("reading half an answer: %v", err)
			}
		},
		"huge-answer": func(t *testing.T, _ *Sim, c *caller) {
			res, err := c.http.Do(c.request("/version"))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.ContentLength != 10<<30 {
				t.Errorf("length %d", res.ContentLength)
			}
			if n, err := io.CopyN(io.Discard, res.Body, 4<<20); err != nil {
				t.Errorf("only %d bytes came: %v", n, err)
			}
		},
		"gzip-bomb": func(t *testing.T, _ *Sim, c *caller) {
			req := c.request("/version")
			req.Header.Set("Accept-Encoding", "gzip")
			res, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			z, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, z, 64<<20); err != nil {
				t.Errorf("the bomb is small: %v", err)
			}
			if res.ContentLength > 4<<20 {
				t.Errorf("%d bytes on the wire", res.ContentLength)
			}
		},
		"token-revoked": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/version"); res.status != 401 {
				t.Errorf("%d", res.status)
			}
		},
		"permission-lost": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/status"); res.status != 403 {
				t.Errorf("/cluster/status: %d", res.status)
			}
			if res := c.get("/cluster/resources?type=vm"); res.body != `{"data":[]}` {
				t.Errorf("resources: %s", res.body)
			}
		},
		"pvedaemon-down": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/nodes/pve1/lxc"); res.status != 595 || res.reason != "Connection refused" {
				t.Errorf("%d %q", res.status, res.reason)
			}
			if res := c.get("/cluster/status"); res.status != 595 {
				t.Errorf("/cluster/status: %d %q", res.status, res.reason)
			}
			if res := c.signIn("root@pam", "x"); res.status != 595 {
				t.Errorf("signing in: %d %q", res.status, res.reason)
			}
			if res := c.get("/nodes/pve1/version"); res.status != 200 {
				t.Errorf("a call that the proxy answers: %d", res.status)
			}
		},
		"slow": func(t *testing.T, s *Sim, c *caller) {
			undo := set(t, s, "slow", "pve1", "delay", "60ms")
			defer undo()
			began := time.Now()
			if res := c.get("/version"); res.status != 200 || time.Since(began) < 60*time.Millisecond {
				t.Errorf("%d after %v", res.status, time.Since(began))
			}
		},
		"slow-tasks": func(t *testing.T, s *Sim, c *caller) {
			undo := set(t, s, "slow-tasks", "", "factor", "1000000")
			defer undo()
			var upid, list string
			c.do("POST", "/nodes/pve1/lxc/100/status/stop", url.Values{}).data(t, &upid)
			if list = c.get("/cluster/tasks").body; !strings.Contains(list, upid) || strings.Contains(list, `"status"`) {
				t.Errorf("%s", list)
			}
		},
		"members-loopback": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/config/join"); !strings.Contains(res.body, `"pve_addr":"127.0.0.1"`) {
				t.Errorf("%s", res.body)
			}
		},
		"pvedaemon-frozen": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/nodes/pve1/lxc"); res.status != 596 || res.reason != "Connection timed out" {
				t.Errorf("%d %q", res.status, res.reason)
			}
		},
		"no-quorum": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/status"); !strings.Contains(res.body, `"quorate":0`) {
				t.Errorf("%s", res.body)
			}
		},
		"members-metadata": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/config/join"); !strings.Contains(res.body, `"pve_addr":"169.254.169.254"`) {
				t.Errorf("%s", res.body)
			}
		},
		"dotdot-names": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/status"); !strings.Contains(res.body, `"../../pve1"`) {
				t.Errorf("%s", res.body)
			}
		},
		"markup-names": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/cluster/resources"); !strings.Contains(res.body, `onerror=`) || !json.Valid([]byte(res.body)) {
				t.Errorf("%.300s", res.body)
			}
		},
		"markup-notes": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/nodes/pve1/lxc/100/config"); !strings.Contains(res.body, `<script>`) {
				t.Errorf("%.300s", res.body)
			}
		},
		"odd-rows": func(t *testing.T, _ *Sim, c *caller) {
			for path, want := range map[string]string{"/cluster/resources?type=vm": "null", "/cluster/status": `"online":"1"`, "/cluster/tasks": "yesterday"} {
				if res := c.get(path); !json.Valid([]byte(res.body)) || !strings.Contains(res.body, want) {
					t.Errorf("%s: %s", path, res.body)
				}
			}
		},
		"list-steps-back": func(t *testing.T, _ *Sim, c *caller) {
			// When it steps back depends on the second; TestListStepsBack has a clock.
			if res := c.get("/cluster/resources"); res.status != 200 {
				t.Errorf("%d", res.status)
			}
		},
		"clock-skew": func(t *testing.T, _ *Sim, c *caller) {
			date, err := http.ParseTime(c.get("/version").header.Get("Date"))
			if err != nil || time.Until(date) < time.Hour {
				t.Errorf("Date %v, %v", date, err)
			}
		},
		"version-8.4": func(t *testing.T, _ *Sim, c *caller) {
			if res := c.get("/version"); !strings.Contains(res.body, `"8.4.5"`) {
				t.Errorf("%s", res.body)
			}
			if res := c.get("/cluster/resources?type=vm"); strings.Contains(res.body, "memhost") {
				t.Error("8.4 has no memhost")
			}
		},
	}
	elsewhere := []string{"node-dead", "node-unknown", "node-daemon-down", "hang-after-accept", "held", "ticket-expired", "cert-renewed", "ca-changed", "leaf-foreign-ca", "leaf-other-member"}
	for _, f := range Faults() {
		if cases[f.Name] == nil && !f.PerContainer && !slices.Contains(elsewhere, f.Name) {
			t.Errorf("fault %s has no test", f.Name)
		}
	}
	for name, look := range cases {
		t.Run(name, func(t *testing.T) {
			s, _, at := lab(t, Config{})
			undo := set(t, s, name, "")
			c := at("pve1")
			c.t = t
			look(t, s, c)
			undo()
			if res := c.get("/version"); res.status != 200 || !strings.Contains(res.body, "9.2.11") {
				t.Errorf("after the fault: %d %q", res.status, res.body)
			}
		})
	}
}

func (c *caller) request(path string) *http.Request {
	req, err := http.NewRequest("GET", "https://"+c.node.Addr()+"/api2/json"+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header = c.header.Clone()
	return req
}

func readAll(c *caller, path string) ([]byte, error) {
	res, err := c.http.Do(c.request(path))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

func TestHanging(t *testing.T) {
	for _, stage := range []string{"accept", "request"} {
		s, _, at := lab(t, Config{})
		undo := set(t, s, "hang-after-accept", "pve1", "stage", stage)
		c := at("pve1")
		c.http.Timeout = 150 * time.Millisecond
		if _, err := readAll(c, "/version"); err == nil {
			t.Errorf("%s: it answers", stage)
		}
		if res := at("pve2").get("/nodes/pve1/version"); res.status != 596 {
			t.Errorf("%s: through another %d %q", stage, res.status, res.reason)
		}
		undo()
		c.http.Timeout = 10 * time.Second
		if res := c.get("/version"); res.status != 200 {
			t.Errorf("%s: after the fault %d", stage, res.status)
		}
	}
}

func TestHeld(t *testing.T) {
	for _, c := range []struct{ stage, made string }{{"before", "no such token"}, {"after", ""}} {
		s, lab, at := lab(t, Config{})
		undo := set(t, s, "held", "", "call", "POST /access/users/{userid}/token/{tokenid}", "stage", c.stage, "pass", "1")
		by := at("pve1").asRoot()
		if res := by.do("POST", "/access/users/root@pam/token/passes", nil); res.status != 200 {
			t.Fatalf("%s: the first is to pass: %d %s", c.stage, res.status, res.reason)
		}
		over := make(chan error)
		go func() {
			req := by.request("/access/users/root@pam/token/held")
			req.Method = "POST"
			res, err := by.http.Do(req)
			if err == nil {
				res.Body.Close()
			}
			over <- err
		}()
		for lab.Requests().Held == 0 {
			runtime.Gosched()
		}
		lab.ResetRequests()
		res := by.get("/access/users/root@pam/token/held")
		if made := res.status == 200; made != (c.made == "") || !strings.Contains(res.reason, c.made) {
			t.Errorf("%s: %d %s", c.stage, res.status, res.reason)
		}
		undo()
		if err := <-over; err == nil {
			t.Errorf("%s: a held call was answered", c.stage)
		}
		for lab.Requests().Held != 0 {
			runtime.Gosched()
		}
	}
}

func TestDaemonDown(t *testing.T) {
	s, _, at := lab(t, Config{})
	undo := set(t, s, "node-daemon-down", "pve2")
	var refused *net.OpError
	if _, err := readAll(at("pve2"), "/version"); !errors.As(err, &refused) {
		t.Errorf("its own address: %v", err)
	}
	if res := at("pve1").get("/nodes/pve2/version"); res.status != 595 || res.reason != "Connection refused" {
		t.Errorf("through another: %d %q", res.status, res.reason)
	}
	undo()
	if res := at("pve2").get("/version"); res.status != 200 {
		t.Errorf("after the fault: %d", res.status)
	}
}

func TestFaultsAddUp(t *testing.T) {
	s, _, at := lab(t, Config{})
	first := set(t, s, "node-daemon-down", "pve2")
	second := set(t, s, "node-dead", "pve2", "own", "refused")
	first()
	if _, err := readAll(at("pve2"), "/version"); err == nil {
		t.Error("a dead node answers because its daemon is back")
	}
	second()
	if res := at("pve2").get("/version"); res.status != 200 {
		t.Errorf("without faults: %d", res.status)
	}
	third := set(t, s, "node-daemon-down", "pve2")
	s.Close()
	third()
	if _, err := readAll(at("pve2"), "/version"); err == nil {
		t.Error("a closed simulation answers")
	}
}

func TestCertificates(t *testing.T) {
	s, c, at := lab(t, Config{})
	n := c.Node("pve1")
	served := func() *x509.Certificate {
		conn, err := tls.Dial("tcp", n.Addr(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	if fingerprint(served().Raw) != n.Fingerprint() {
		t.Error("the node serves another leaf than it says")
	}
	ca := func() *x509.CertPool { p := x509.NewCertPool(); p.AppendCertsFromPEM(c.CAPEM()); return p }
	passes := func(pool *x509.CertPool, name string) bool {
		_, err := served().Verify(x509.VerifyOptions{Roots: pool, DNSName: name})
		return err == nil
	}
	first, oldCA := n.Fingerprint(), ca()
	if !passes(oldCA, "pve1") || passes(oldCA, "pve2") {
		t.Error("the leaf does not name its own node alone")
	}

	undo := set(t, s, "cert-renewed", "pve1")
	if n.Fingerprint() == first || !passes(oldCA, "pve1") {
		t.Error("a renewed leaf is not new, or not of the same CA")
	}
	var nodes []map[string]any
	at("pve2").get("/nodes").data(t, &nodes)
	if !slices.ContainsFunc(nodes, func(r map[string]any) bool { return r["ssl_fingerprint"] == n.Fingerprint() }) {
		t.Error("the list of nodes has the old fingerprint")
	}
	undo()
	if n.Fingerprint() != first {
		t.Error("the old leaf is not back")
	}

	undo = set(t, s, "ca-changed", "")
	if passes(oldCA, "pve1") || !passes(ca(), "pve1") {
		t.Error("the leaf is not under the new CA alone")
	}
	undo()

	undo = set(t, s, "leaf-foreign-ca", "pve1")
	if passes(oldCA, "pve1") || passes(ca(), "pve1") {
		t.Error("a foreign leaf passes")
	}
	undo()

	undo = set(t, s, "leaf-other-member", "pve1")
	if passes(oldCA, "pve1") || !passes(oldCA, "pve2") {
		t.Error("the leaf does not name the other member")
	}
	undo()

	var certs []map[string]any
	at("pve1").get("/nodes/pve1/certificates/info").data(t, &certs)
	if len(certs) != 2 || !strings.HasPrefix(certs[0]["subject"].(string), "/CN=Proxmox Virtual Environment/OU=") || certs[1]["fingerprint"] != n.Fingerprint() {
		t.Errorf("certificates: %v", certs)
	}
}

func TestFaultsAreRefusedWithAReason(t *testing.T) {
	s, _, _ := lab(t, Config{})
	for _, c := range []struct {
		name   string
		target FaultTarget
		want   string
	}{
		{"no-such", FaultTarget{Cluster: "lab"}, "no fault is called"},
		{"slow", FaultTarget{Cluster: "lost"}, "no cluster"},
		{"slow", FaultTarget{Cluster: "lab", Node: "pve9"}, "no node"},
		{"held", FaultTarget{Cluster: "lab"}, "wants the call"},
		{"held", FaultTarget{Cluster: "lab", Params: map[string]string{"call": "GET /nowhere"}}, "no call is"},
		{"held", FaultTarget{Cluster: "lab", Params: map[string]string{"call": "GET /version", "stage": "never"}}, "no stage is"},
		{"held", FaultTarget{Cluster: "lab", Params: map[string]string{"call": "GET /version", "pass": "some"}}, "parameter pass"},
		{"slow", FaultTarget{Cluster: "lab", Params: map[string]string{"colour": "red"}}, "takes no parameter"},
	} {
		if _, err := s.Fault(c.name, c.target); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v", c.name, c.target, err)
		}
	}
}

// TestManyAtOnce is for the race detector: callers, faults and changes at the
// same time.
func TestManyAtOnce(t *testing.T) {
	s, c, at := lab(t, Config{LagTime: 20 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 3 {
		caller := at(fmt.Sprintf("pve%d", i+1))
		wg.Go(func() {
			for range 20 {
				for _, path := range []string{"/cluster/resources", "/cluster/tasks", "/cluster/status", "/nodes", "/nodes/pve2/lxc", "/nodes/pve2/lxc/102/status/current"} {
					readAll(caller, path) // some fail: that is what the faults are for
				}
			}
		})
	}
	for round := range 4 {
		for i, name := range []string{"slow-tasks", "node-unknown", "cert-renewed", "version-8.4", "odd-rows", "permission-lost", "node-daemon-down", "no-quorum", "ca-changed"} {
			undo := set(t, s, name, []string{"pve2", ""}[i%2])
			c.Act(102, []string{"stop", "start", "tag x", "migrate pve3", "migrate pve2"}[(i+round)%5])
			c.SetACL("/", "root@pam!look", "PVEAuditor", true)
			c.Guests()
			c.Requests()
			undo()
		}
	}
	wg.Wait()
	if res := at("pve1").get("/cluster/resources"); res.status != 200 {
		t.Errorf("after it all: %d %s", res.status, res.reason)
	}
}
