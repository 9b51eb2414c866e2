package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestActsAreRecordedAsProxmoxDoes(t *testing.T) {
	ck := newClock()
	_, c, at := lab(t, Config{Now: ck.now, TaskTime: 1, LagTime: -1})
	via := at("pve1")
	tasks := func() []map[string]any {
		var list []map[string]any
		via.get("/cluster/tasks").data(t, &list)
		return list
	}
	current := func(node string, vmid int) map[string]any {
		var m map[string]any
		via.get(fmt.Sprintf("/nodes/%s/lxc/%d/status/current", node, vmid)).data(t, &m)
		return m
	}
	must := func(vmid int, what string) {
		t.Helper()
		if err := c.Act(vmid, what); err != nil {
			t.Fatal(err)
		}
	}

	must(100, "stop")
	if list := tasks(); len(list) != 1 || list[0]["type"] != "vzstop" || list[0]["status"] != nil || list[0]["id"] != "100" {
		t.Fatalf("a running task: %v", list)
	}
	if current("pve1", 100)["status"] != "running" {
		t.Error("stopped before its task ended")
	}
	ck.advance(2 * time.Second)
	if list := tasks(); list[0]["status"] != "OK" || list[0]["endtime"] == nil || list[0]["saved"] != "1" {
		t.Errorf("a finished task: %v", list)
	}
	if current("pve1", 100)["status"] != "stopped" {
		t.Error("still running after its task ended")
	}
	if err := c.Act(100, "stop"); err == nil || !strings.Contains(err.Error(), "CT 100 not running") {
		t.Errorf("stop again: %v", err)
	}

	must(101, "migrate pve3")
	if rowsOf(t, via)["lxc/101"]["lock"] != "migrate" {
		t.Error("no lock while it migrates")
	}
	ck.advance(20 * time.Second)
	if row := rowsOf(t, via)["lxc/101"]; row["node"] != "pve3" || row["status"] != "running" || row["lock"] != nil {
		t.Errorf("migrated: %v", row)
	}

	must(500, "create new1 pve2")
	ck.advance(3 * time.Second)
	if rowsOf(t, via)["lxc/500"]["name"] != "new1" {
		t.Error("a created container is not there")
	}
	must(500, "delete")
	ck.advance(3 * time.Second)
	if _, there := rowsOf(t, via)["lxc/500"]; there {
		t.Error("a deleted container is there")
	}

	count := len(tasks())
	must(102, "crash")
	must(103, "tag Web")
	must(103, "lock backup")
	if len(tasks()) != count {
		t.Error("a crash, a tag or a lock became a task")
	}
	rows := rowsOf(t, via)
	if rows["lxc/102"]["status"] != "stopped" || rows["lxc/103"]["tags"] != "prod;web" || rows["lxc/103"]["lock"] != "backup" {
		t.Errorf("%v %v", rows["lxc/102"], rows["lxc/103"])
	}
}

func TestListLagsAndCurrentDoesNot(t *testing.T) {
	ck := newClock()
	_, c, at := lab(t, Config{Now: ck.now, TaskTime: 0.001, LagTime: 10 * time.Second})
	via := at("pve1")
	if err := c.Act(100, "stop"); err != nil {
		t.Fatal(err)
	}
	ck.advance(5 * time.Millisecond)
	var cur map[string]any
	via.get("/nodes/pve1/lxc/100/status/current").data(t, &cur)
	if cur["status"] != "stopped" {
		t.Errorf("status/current: %v", cur["status"])
	}
	if st := rowsOf(t, via)["lxc/100"]["status"]; st != "running" {
		t.Errorf("the list says %v at once", st)
	}
	c.Act(100, "lock backup")
	if rowsOf(t, via)["lxc/100"]["lock"] != "backup" {
		t.Error("a lock does not lag")
	}
	ck.advance(10 * time.Second)
	if st := rowsOf(t, via)["lxc/100"]["status"]; st != "stopped" {
		t.Errorf("the list says %v ten seconds on", st)
	}
	c.Act(700, "create late pve1")
	if row := rowsOf(t, via)["lxc/700"]; row["status"] != "unknown" || row["name"] != nil || row["node"] != "pve1" {
		t.Errorf("a container younger than the broadcast: %v", row)
	}
}

func TestPowerByToken(t *testing.T) {
	ck := newClock()
	_, _, at := lab(t, Config{Now: ck.now, TaskTime: 1})
	via := at("pve1")
	var upid string
	via.do("POST", "/nodes/pve2/lxc/102/status/shutdown", url.Values{"timeout": {"30"}}).data(t, &upid)
	if !strings.HasPrefix(upid, "UPID:pve2:") || !strings.HasSuffix(upid, ":vzshutdown:102:root@pam!look:") {
		t.Fatalf("UPID %q", upid)
	}
	status := func() map[string]any {
		var m map[string]any
		via.get("/nodes/pve2/tasks/"+upid+"/status").data(t, &m)
		return m
	}
	if st := status(); st["status"] != "running" || st["exitstatus"] != nil {
		t.Errorf("while it runs: %v", st)
	}
	if res := via.get("/nodes/pve2/tasks/" + upid + "/log"); !strings.Contains(res.body, "no content") {
		t.Errorf("a fresh log: %s", res.body)
	}
	ck.advance(5 * time.Second)
	if st := status(); st["status"] != "stopped" || st["exitstatus"] != "OK" {
		t.Errorf("at the end: %v", st)
	}
	if res := via.get("/nodes/pve2/tasks/" + upid + "/log"); !strings.Contains(res.body, "TASK OK") {
		t.Errorf("log: %s", res.body)
	}
	if res := via.get("/nodes/pve2/tasks/" + upid + "/log?start=50"); !strings.Contains(res.body, `"data":[]`) {
		t.Errorf("past the end: %s", res.body)
	}
}

// TestValuesLive is about what a living fleet shows: within bounds, moving, and
// counters that never fall.
func TestValuesLive(t *testing.T) {
	ck := newClock()
	s := quick(t, Config{Seed: 5, Now: ck.now})
	via := ask(t, s.Cluster("lab").Node("pve1")).asRoot()
	before := rowsOf(t, via)
	moved := 0
	for range 5 {
		ck.advance(30 * time.Second)
		after := rowsOf(t, via)
		for id, row := range after {
			if row["type"] != "lxc" || row["status"] != "running" {
				continue
			}
			if cpu := row["cpu"].(float64); cpu < -0.001 || cpu > 1 {
				t.Errorf("%s: cpu %v", id, cpu)
			}
			if row["mem"].(float64) > row["maxmem"].(float64) || row["disk"].(float64) > row["maxdisk"].(float64) {
				t.Errorf("%s uses more than it has: %v", id, row)
			}
			for _, key := range []string{"netin", "netout", "diskread", "diskwrite", "uptime"} {
				if row[key].(float64) < before[id][key].(float64) {
					t.Errorf("%s: %s fell", id, key)
				}
			}
			if row["cpu"] != before[id]["cpu"] {
				moved++
			}
		}
		before = after
	}
	if moved < 100 {
		t.Errorf("only %d values moved", moved)
	}
}

func TestSameSeedSameFleet(t *testing.T) {
	ck := newClock()
	list := func(seed int64) string {
		s := quick(t, Config{Seed: seed, Now: ck.now})
		b, _ := json.Marshal([]any{s.Cluster("lab").Guests(), s.Cluster("attic").Guests()})
		return string(b)
	}
	one, again := list(1), list(1)
	if one != again {
		t.Error("the same seed made two fleets")
	}
	if one == list(2) {
		t.Error("two seeds made one fleet")
	}
}

func TestControl(t *testing.T) {
	s, _, at := lab(t, Config{})
	addr, err := s.Control("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path, body string) (int, string) {
		req, _ := http.NewRequest(method, "http://"+addr+path, strings.NewReader(body))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		return res.StatusCode, b.String()
	}
	defer http.DefaultClient.CloseIdleConnections()
	code, body := call("POST", "/faults", `{"name":"error-500","cluster":"lab","node":"pve1"}`)
	if code != 200 || body != "{\"id\":1}\n" {
		t.Fatalf("set a fault: %d %s", code, body)
	}
	if res := at("pve1").get("/version"); res.status != 500 {
		t.Errorf("with the fault: %d", res.status)
	}
	if _, body := call("GET", "/faults", ""); !strings.Contains(body, `"error-500","cluster":"lab","node":"pve1"`) || !strings.Contains(body, `"known":[`) {
		t.Errorf("faults: %s", body)
	}
	if code, _ := call("DELETE", "/faults/1", ""); code != 204 {
		t.Errorf("undo: %d", code)
	}
	if code, _ := call("DELETE", "/faults/1", ""); code != 404 {
		t.Errorf("undo twice: %d", code)
	}
	if code, body := call("POST", "/act", `{"cluster":"lab","vmid":101,"what":"crash"}`); code != 204 {
		t.Errorf("act: %d %s", code, body)
	}
	if code, body := call("POST", "/act", `{"cluster":"lab","vmid":999,"what":"stop"}`); code != 409 {
		t.Errorf("act on nothing: %d %s", code, body)
	}
	if _, body := call("GET", "/state", ""); !strings.Contains(body, `{"vmid":101,"kind":"lxc","name":"ct101","node":"pve1","running":false,"tags":["prod"]}`) {
		t.Errorf("state: %s", body)
	}
	if _, body := call("GET", "/requests", ""); !strings.Contains(body, `"GET /version"`) {
		t.Errorf("requests: %s", body)
	}
	if code, body := call("POST", "/tokens", `{"cluster":"lab","user":"root@pam","id":"x","privsep":true}`); code != 200 || !strings.Contains(body, `root@pam!x=`) {
		t.Errorf("token: %d %s", code, body)
	}
	req, _ := http.NewRequest("GET", "http://"+addr+"/state", nil)
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("under a foreign name: %d", res.StatusCode)
	}
	if _, err := s.Control("0.0.0.0:0"); err == nil {
		t.Error("it listens beyond loopback")
	}
}

func TestLifeGoesOn(t *testing.T) {
	s := quick(t, Config{Seed: 9, Life: 2 * time.Millisecond})
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	kinds := map[string]bool{}
	for len(kinds) < 4 {
		select {
		case <-deadline:
			t.Fatalf("only %v happened", kinds)
		case <-tick.C:
		}
		for _, c := range s.Clusters() {
			c.Guests() // settles what is due
			c.mu.Lock()
			for _, tk := range c.tasks {
				kinds[tk.kind] = true
			}
			c.mu.Unlock()
		}
	}
}
