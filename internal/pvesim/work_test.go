package pvesim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var tempPID = regexp.MustCompile(`tmp\.\d{4,}`)

// desk is the cluster of lab with a clock that the test moves and a token that
// may do everything.
type desk struct {
	*testing.T
	clock *clock
	sim   *Sim
	c     *Cluster
	via   *caller
}

func newDesk(t *testing.T) *desk {
	ck := newClock()
	s, c, at := lab(t, Config{Now: ck.now, TaskTime: 1, LagTime: -1})
	return &desk{t, ck, s, c, at("pve1")}
}

func (d *desk) act(vmid int, what string) {
	d.Helper()
	if err := d.c.Act(vmid, what); err != nil {
		d.Fatal(err)
	}
}

// write asks for something and gives the UPID, or the refusal.
func (d *desk) write(method, path string, form ...string) (upid string, refused string) {
	d.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	if method == "DELETE" {
		if len(v) > 0 {
			path += "?" + v.Encode()
		}
		v = nil
	}
	res := d.via.do(method, path, v)
	if res.status != 200 {
		return "", fmt.Sprint(res.status, " ", res.reason)
	}
	var data any
	res.data(d.T, &data)
	upid, _ = data.(string)
	return upid, ""
}

func (d *desk) power(verb string, vmid int, form ...string) (string, string) {
	d.Helper()
	return d.write("POST", fmt.Sprintf("/nodes/pve1/lxc/%d/status/%s", vmid, verb), form...)
}

// exit is how a task ended, or "running".
func (d *desk) exit(upid string) string {
	d.Helper()
	var m map[string]any
	d.via.get("/nodes/"+strings.Split(upid, ":")[1]+"/tasks/"+upid+"/status").data(d.T, &m)
	if m["status"] == "running" {
		return "running"
	}
	return m["exitstatus"].(string)
}

func (d *desk) log(upid string) []string {
	d.Helper()
	var rows []struct{ T string }
	d.via.get("/nodes/"+strings.Split(upid, ":")[1]+"/tasks/"+upid+"/log?limit=0").data(d.T, &rows)
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.T)
	}
	return lines
}

// state is "running", "stopped" or "gone".
func (d *desk) state(vmid int) string {
	d.Helper()
	for _, g := range d.c.Guests() {
		if g.VMID == vmid {
			return map[bool]string{true: "running", false: "stopped"}[g.Running]
		}
	}
	return "gone"
}

// TestEveryActionInEveryState is the table of what Proxmox answers: a refusal
// at once, or a task and its end.
func TestEveryActionInEveryState(t *testing.T) {
	type want map[string]string // by action: the refusal, or the task's end and the state after it
	const missing = "Configuration file 'nodes/pve1/lxc/%d.conf' does not exist"
	conf := fmt.Sprintf(missing, 999)
	checkpoint := "command 'lxc-checkpoint -n %d -r --foreground -D /var/lib/vz/dump' failed: exit code 1"
	table := map[string]want{
		"running": {"start": "500 CT 100 already running", "stop": "OK stopped", "shutdown": "OK stopped", "reboot": "OK running", "suspend": "OK stopped",
			"resume": "500 CT 100 already running", "delete": "500 unable to destroy CT 100 - container is running", "force": "OK gone", "config": " running"},
		"stopped": {"start": "OK running", "stop": "500 CT 100 not running", "shutdown": "500 CT 100 not running", "reboot": "500 VM 100 not running", "suspend": "500 CT 100 not running",
			"resume": fmt.Sprintf(checkpoint, 100) + " stopped", "delete": "OK gone", "force": "OK gone", "config": " stopped"},
		"suspended": {"start": "OK running", "stop": "500 CT 100 not running", "resume": "OK running", "delete": "OK gone"},
		"locked running": {"stop": "CT is locked (backup) running", "shutdown": "CT is locked (backup) running", "reboot": "startup for container '100' failed stopped", "suspend": "CT is locked (backup) running",
			"delete": "500 CT is locked (backup)", "force": "500 CT is locked (backup)", "config": "500 CT is locked (backup)"},
		"locked":    {"start": "CT is locked (backup) stopped", "delete": "500 CT is locked (backup)", "config": "500 CT is locked (backup)"},
		"template":  {"start": "you can't start a CT if it's a template stopped", "stop": "500 CT 100 not running", "delete": "OK gone"},
		"protected": {"delete": "500 can't remove CT 100 - protection mode enabled", "start": "OK running", "config": " stopped"},
		"no quorum running": {"stop": "OK stopped", "shutdown": "OK stopped", "reboot": "startup for container '100' failed stopped",
			"config": "500 unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.1101' - Permission denied"},
		"no quorum": {"start": "500 cluster not ready - no quorum?", "delete": "unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.PID' - Permission denied stopped"},
		"unknown": {"start": conf + " gone", "stop": "500 CT 999 not running", "shutdown": "500 CT 999 not running", "reboot": "500 VM 999 not running", "suspend": "500 CT 999 not running",
			"resume": fmt.Sprintf(checkpoint, 999) + " gone", "delete": "500 " + conf, "config": "500 " + conf},
		"under HA": {"delete": "500 unable to remove CT 100 - used in HA resources and purge parameter not set.", "purge": "OK gone"},
	}
	for state, actions := range table {
		for action, expected := range actions {
			t.Run(state+"/"+action, func(t *testing.T) {
				d := newDesk(t)
				vmid := d.bring(state)
				upid, refused := d.do(action, vmid)
				if refused == "" {
					d.clock.advance(time.Minute)
					if upid != "" {
						refused = d.exit(upid)
					}
					refused = tempPID.ReplaceAllString(refused, "tmp.PID") + " " + d.state(vmid)
				}
				if refused != expected {
					t.Errorf("%q, want %q", refused, expected)
				}
			})
		}
	}
}

// bring container 100 into a state; 999 is the one that is not there.
func (d *desk) bring(state string) int {
	d.Helper()
	if state == "unknown" {
		return 999
	}
	if state != "running" && !strings.HasSuffix(state, "running") {
		d.act(100, "crash")
	}
	switch strings.TrimSuffix(state, " running") {
	case "suspended":
		d.act(100, "reboot-inside")
		d.act(100, "suspend")
		d.clock.advance(time.Minute)
	case "locked":
		d.act(100, "lock backup")
	case "template":
		d.act(100, "set template 1")
	case "protected":
		d.act(100, "protect")
	case "no quorum":
		if _, err := d.sim.Fault("no-quorum", FaultTarget{Cluster: "lab"}); err != nil {
			d.Fatal(err)
		}
	case "under HA":
		d.act(100, "ha started")
	}
	return 100
}

func (d *desk) do(action string, vmid int) (upid, refused string) {
	d.Helper()
	path := fmt.Sprintf("/nodes/pve1/lxc/%d", vmid)
	switch action {
	case "delete":
		return d.write("DELETE", path)
	case "force":
		return d.write("DELETE", path, "force", "1")
	case "purge":
		return d.write("DELETE", path, "purge", "1")
	case "config":
		return d.write("PUT", path+"/config", "description", "new")
	}
	return d.power(action, vmid)
}

func TestDeleteWritesWhatItDoes(t *testing.T) {
	d := newDesk(t)
	upid, _ := d.write("DELETE", "/nodes/pve1/lxc/100", "force", "1", "purge", "1")
	d.clock.advance(time.Minute)
	want := []string{"forced to stop CT 100 before destroying!", "  Logical volume \"vm-100-disk-0\" successfully removed.", "purging CT 100 from related configurations..", "TASK OK"}
	if got := d.log(upid); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestDeleteWithoutQuorum is the one that destroys the disk and keeps the
// configuration.
func TestDeleteWithoutQuorum(t *testing.T) {
	d := newDesk(t)
	d.act(100, "crash")
	undo := set(t, d.sim, "no-quorum", "")
	upid, _ := d.write("DELETE", "/nodes/pve1/lxc/100")
	d.clock.advance(time.Minute)
	if exit := d.exit(upid); !strings.HasSuffix(exit, "Permission denied") {
		t.Errorf("exit %q", exit)
	}
	undo()
	if res := d.via.get("/nodes/pve1/lxc/100/config"); res.status != 200 || strings.Contains(res.body, `"lock"`) {
		t.Errorf("the configuration: %d %s", res.status, res.body)
	}
	upid, _ = d.power("start", 100)
	d.clock.advance(time.Minute)
	if exit := d.exit(upid); exit != "volume 'local-lvm:vm-100-disk-0' does not exist" {
		t.Errorf("start later: %q", exit)
	}
}

// TestStateChangesBeforeTheTaskEnds as on a real node.
func TestStateChangesBeforeTheTaskEnds(t *testing.T) {
	d := newDesk(t)
	stop, _ := d.power("stop", 100)
	d.clock.advance(800 * time.Millisecond)
	if d.state(100) != "stopped" || d.exit(stop) != "running" {
		t.Errorf("stop: %s, %s", d.state(100), d.exit(stop))
	}
	d.clock.advance(time.Second)
	start, _ := d.power("start", 100)
	d.clock.advance(800 * time.Millisecond)
	if d.state(100) != "running" || d.exit(start) != "running" {
		t.Errorf("start: %s, %s", d.state(100), d.exit(start))
	}
}

func TestShutdownWithTooLittleTime(t *testing.T) {
	d := newDesk(t)
	upid, _ := d.power("shutdown", 100, "timeout", "1")
	d.clock.advance(2 * time.Second)
	if exit := d.exit(upid); exit != "OK" || d.state(100) != "running" || len(d.log(upid)) != 3 {
		t.Errorf("exit %q, %s, log %q", exit, d.state(100), d.log(upid))
	}
	d.clock.advance(4 * time.Second)
	if d.state(100) != "stopped" {
		t.Error("it did not stop later")
	}
	upid, _ = d.power("shutdown", 101, "timeout", "1", "forceStop", "1")
	d.clock.advance(2 * time.Second)
	if exit := d.exit(upid); exit != "OK" || d.state(101) != "stopped" {
		t.Errorf("forced: exit %q, %s", exit, d.state(101))
	}
}

func TestLockFileIsWaitedFor(t *testing.T) {
	d := newDesk(t)
	d.act(100, "crash")
	first, _ := d.power("start", 100)
	second, _ := d.power("start", 100)
	remove, _ := d.write("DELETE", "/nodes/pve1/lxc/100")
	if log := d.log(second); len(log) != 1 || log[0] != "trying to acquire lock..." {
		t.Errorf("while it waits: %q", log)
	}
	d.clock.advance(2 * time.Second)
	if d.exit(first) != "OK" || d.exit(second) != "running" {
		t.Errorf("after two seconds: %s, %s", d.exit(first), d.exit(second))
	}
	d.clock.advance(10 * time.Second)
	if log := d.log(second); d.exit(second) != "OK" || log[1] != " OK" {
		t.Errorf("the second start: %s %q", d.exit(second), log)
	}
	if exit := d.exit(remove); exit != "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout" {
		t.Errorf("a delete meanwhile: %s", exit)
	}
}

func TestAbort(t *testing.T) {
	d := newDesk(t)
	upid, _ := d.power("shutdown", 100)
	fast := d.sim.cfg.TaskTime
	d.sim.cfg.TaskTime = 0 // Proxmox looks after a second
	_, refused := d.write("DELETE", "/nodes/pve1/tasks/"+upid)
	d.sim.cfg.TaskTime = fast
	if refused != "" || d.exit(upid) != "received interrupt" || d.state(100) != "running" {
		t.Errorf("%s: %s, %s", refused, d.exit(upid), d.state(100))
	}
	if _, refused := d.write("DELETE", "/nodes/pve1/tasks/"+upid); refused != "" {
		t.Errorf("again: %s", refused)
	}
	gone := "UPID:pve1:00000001:00000001:00000001:vzstart:100:root@pam!look:"
	if res := d.via.do("DELETE", "/nodes/pve1/tasks/"+gone, nil); res.status != 400 || !strings.Contains(res.body, "no such task") {
		t.Errorf("of none: %d %s", res.status, res.body)
	}
	if _, refused := d.write("DELETE", "/nodes/pve1/tasks/UPID:x"); !strings.HasPrefix(refused, "400") {
		t.Errorf("no UPID: %s", refused)
	}
}

// TestWhoMaySeeATask: a token its own, a user their tokens' too, others with a
// privilege on the node, and a UPID tells whose it is when its log is gone.
func TestWhoMaySeeATask(t *testing.T) {
	d := newDesk(t)
	d.c.AddUser(UserSpec{ID: "few@pve", Password: "few-pw"})
	d.c.SetACL("/vms", "few@pve", "PVEVMUser", true)
	as := func(token string) *caller {
		return ask(t, d.c.Node("pve1")).token("few@pve!"+token, d.c.AddToken("few@pve", token, TokenSpec{}))
	}
	own := *d
	own.via = as("one")
	upid, refused := own.power("stop", 100)
	if refused != "" {
		t.Fatal(refused)
	}
	user, _ := ask(t, d.c.Node("pve1")).login("few@pve", "few-pw")
	gone := strings.Replace(upid, ":vzstop:", ":vzstart:", 1)
	for _, c := range []struct {
		via         *caller
		upid        string
		status, log int
	}{
		{own.via, upid, 200, 200}, {user, upid, 200, 200}, {as("two"), upid, 403, 403}, {d.via, upid, 200, 200},
		{own.via, gone, 400, 200}, {as("three"), gone, 400, 403}, {d.via, gone, 400, 200},
	} {
		status, log := c.via.get("/nodes/pve1/tasks/"+c.upid+"/status").status, c.via.get("/nodes/pve1/tasks/"+c.upid+"/log").status
		if status != c.status || log != c.log {
			t.Errorf("%v of %s: status %d, log %d, want %d, %d", c.via.header, c.upid, status, log, c.status, c.log)
		}
	}
	if res := as("four").get("/nodes/pve1/tasks?source=all"); !strings.Contains(res.body, `"data":[]`) {
		t.Errorf("another token's list: %s", res.body)
	}
	if res := own.via.get("/nodes/pve1/tasks?source=all&errors=1"); !strings.Contains(res.body, upid) {
		t.Errorf("its own, while it runs: %s", res.body)
	}
}

func TestMigrationByOtherHands(t *testing.T) {
	d := newDesk(t)
	d.act(100, "migrate pve2")
	d.clock.advance(2 * time.Second)
	var rows []map[string]any
	d.via.get("/cluster/tasks").data(t, &rows)
	upid := rows[0]["upid"].(string)
	early := len(d.log(upid))
	d.clock.advance(3 * time.Second)
	if later := len(d.log(upid)); early == 0 || later <= early {
		t.Errorf("the log has %d lines, later %d", early, later)
	}
	d.clock.advance(time.Minute)
	if log := d.log(upid); d.exit(upid) != "OK" || !strings.Contains(log[len(log)-2], "migration finished successfully") {
		t.Errorf("%s %q", d.exit(upid), log)
	}
	if res := d.via.get("/nodes/pve1/lxc/100/config"); res.status != 500 {
		t.Errorf("on the old node: %d", res.status)
	}
	if res := d.via.get("/nodes/pve2/lxc/100/status/current"); !strings.Contains(res.body, `"status":"running"`) {
		t.Errorf("on the new node: %s", res.body)
	}
}

func TestRecreateByOtherHands(t *testing.T) {
	d := newDesk(t)
	d.act(100, "recreate other")
	d.clock.advance(time.Minute)
	var conf struct{ Hostname string }
	d.via.get("/nodes/pve1/lxc/100/config").data(t, &conf)
	if conf.Hostname != "other" || d.state(100) != "stopped" {
		t.Errorf("%+v %s", conf, d.state(100))
	}
	var rows []map[string]any
	d.via.get("/nodes/pve1/tasks?vmid=100").data(t, &rows)
	if len(rows) != 2 || rows[0]["type"] != "vzcreate" || rows[1]["type"] != "vzdestroy" {
		b, _ := json.Marshal(rows)
		t.Errorf("%s", b)
	}
}

// TestWhatOtherHandsCanDo goes through the vocabulary of Act.
func TestWhatOtherHandsCanDo(t *testing.T) {
	conf := func(d *desk) map[string]any {
		var m map[string]any
		d.via.get("/nodes/pve1/lxc/100/config").data(d.T, &m)
		return m
	}
	for _, c := range []struct {
		acts, key string
		want      any
	}{
		{"protect", "protection", 1.0}, {"protect;unprotect", "protection", 0.0}, {"lock snapshot", "lock", "snapshot"}, {"lock snapshot;unlock", "lock", nil},
		{"tag Blue green", "tags", "blue;green"}, {"tag a;untag a", "tags", nil}, {"rename newer", "hostname", "newer"}, {"description two words", "description", "two words\n"},
		{"startup order=3,up=5", "startup", "order=3,up=5"}, {"set mp0 local-lvm:5,mp=/data", "mp0", "local-lvm:vm-100-disk-1,mp=/data,size=5G"},
		{"set cores 3", "cores", 3.0}, {"set tty 1;unset tty", "tty", nil}, {"pending features nesting=1,keyctl=1", "features", "nesting=1,keyctl=1"},
	} {
		d := newDesk(t)
		for _, what := range strings.Split(c.acts, ";") {
			d.act(100, what)
		}
		if got := conf(d)[c.key]; got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.acts, c.key, got, c.want)
		}
		if res := d.via.get("/nodes/pve1/tasks?source=all"); !strings.Contains(res.body, `"data":[]`) {
			t.Errorf("%s became a task: %s", c.acts, res.body)
		}
	}
	d := newDesk(t)
	for what, kind := range map[string]string{"suspend": "vzsuspend", "resume": "vzresume", "backup": "vzdump", "destroy": "vzdestroy"} {
		if what == "resume" || what == "destroy" {
			d.act(100, "crash")
		}
		d.act(100, what)
		if res := d.via.get("/nodes/pve1/tasks?source=all&limit=1&vmid=100"); !strings.Contains(res.body, `"type":"`+kind+`"`) {
			t.Errorf("%s: %s", what, res.body)
		}
		d = newDesk(t)
	}
	if err := d.c.Act(100, "dance"); err == nil {
		t.Error("it danced")
	}
}

// TestDaemonHasThreeWorkers is about calls that wait for a lock file: three of
// them, and no call of that node's daemon is answered.
func TestDaemonHasThreeWorkers(t *testing.T) {
	s, c, at := lab(t, Config{TaskTime: 1})
	undo := set(t, s, "lock-held", "")
	node := c.Node("pve1")
	over := make(chan int)
	for range workers {
		go func() {
			over <- at("pve1").do("PUT", "/nodes/pve1/lxc/100/config", url.Values{"description": {"x"}}).status
		}()
	}
	for len(node.workers) < workers {
		runtime.Gosched()
	}
	go func() { over <- at("pve1").get("/nodes/pve1/lxc/101/status/current").status }()
	if res := at("pve1").get("/nodes/pve1/lxc/100/config"); res.status != 200 {
		t.Errorf("what the proxy answers by itself: %d", res.status)
	}
	if res := at("pve1").get("/nodes/pve2/lxc/102/status/current"); res.status != 200 {
		t.Errorf("another node's daemon: %d", res.status)
	}
	select {
	case <-over:
		t.Error("a call was answered while all workers wait")
	default:
	}
	undo()
	for range workers + 1 {
		if status := <-over; status != 200 {
			t.Errorf("after the lock was let go: %d", status)
		}
	}
}

// TestUnderHA: what is asked of a managed container only asks the HA manager,
// which acts later and as root@pam.
func TestUnderHA(t *testing.T) {
	d := newDesk(t)
	d.act(100, "ha started")
	upid, _ := d.power("shutdown", 100)
	d.clock.advance(2 * time.Second)
	if !strings.Contains(upid, ":hastop:100:root@pam!look:") || d.exit(upid) != "OK" || d.state(100) != "running" {
		t.Errorf("asked: %s %s %s", upid, d.exit(upid), d.state(100))
	}
	if log := d.log(upid); log[0] != "Requesting HA stop for CT 100" {
		t.Errorf("%q", log)
	}
	d.clock.advance(time.Minute)
	var rows []map[string]any
	d.via.get("/nodes/pve1/tasks?vmid=100").data(t, &rows)
	if d.state(100) != "stopped" || rows[0]["type"] != "vzshutdown" || rows[0]["user"] != "root@pam" || rows[0]["tokenid"] != nil {
		t.Errorf("%s %v", d.state(100), rows)
	}
	var current struct {
		HA struct {
			Managed int
			State   string
		}
	}
	d.via.get("/nodes/pve1/lxc/100/status/current").data(t, &current)
	if current.HA.Managed != 1 || current.HA.State != "stopped" {
		t.Errorf("%+v", current)
	}
	if row := rowsOf(t, d.via)["lxc/100"]; row["hastate"] != "stopped" {
		t.Errorf("the list: %v", row["hastate"])
	}
	d.power("start", 100)
	d.clock.advance(time.Minute)
	if d.state(100) != "running" {
		t.Error("not started again")
	}
}

func TestCallsTakeTheirTimeWhereWanted(t *testing.T) {
	_, _, at := lab(t, Config{CallTime: 1})
	began := time.Now()
	at("pve1").get("/nodes/pve1/lxc/100/status/current")
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}
