package pvesim

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (d *desk) fault(name string, target FaultTarget) func() {
	d.Helper()
	target.Cluster = "lab"
	undo, err := d.sim.Fault(name, target)
	if err != nil {
		d.Fatal(err)
	}
	return undo
}

func TestTasksThatDieInMidWork(t *testing.T) {
	for _, c := range []struct{ action, exit, state string }{
		{"start", "startup for container '100' failed", "stopped"},
		{"stop", "command 'lxc-stop -n 100 --kill' failed: exit code 1", "running"},
		{"shutdown", "command 'lxc-stop -n 100 --nokill --timeout 60' failed: exit code 1", "running"},
		{"reboot", "startup for container '100' failed", "stopped"},
		{"suspend", "command 'lxc-checkpoint -n 100 -s -D /var/lib/vz/dump' failed: exit code 1", "running"},
		{"force", "lvremove 'pve/vm-100-disk-0' error:   Logical volume pve/vm-100-disk-0 in use.", "stopped"},
	} {
		d := newDesk(t)
		if c.action == "start" {
			d.act(100, "crash")
		}
		d.fault("task-fails-at-60", FaultTarget{VMID: 100, Times: 1})
		upid, refused := d.do(c.action, 100)
		if refused != "" {
			t.Fatal(refused)
		}
		d.clock.advance(time.Minute)
		if d.exit(upid) != c.exit || d.state(100) != c.state {
			t.Errorf("%s: %q and %s, want %q and %s", c.action, d.exit(upid), d.state(100), c.exit, c.state)
		}
		if log := d.log(upid); log[len(log)-1] != "TASK ERROR: "+c.exit {
			t.Errorf("%s: log %q", c.action, log)
		}
		other, _ := d.power("stop", 101)
		d.clock.advance(time.Minute)
		if d.exit(other) != "OK" {
			t.Errorf("%s: another container's task: %s", c.action, d.exit(other))
		}
		if len(d.sim.ActiveFaults()) != 0 {
			t.Errorf("%s: the fault is not over after its one time", c.action)
		}
	}
}

func TestTaskThatNeverEnds(t *testing.T) {
	d := newDesk(t)
	undo := d.fault("task-never-ends", FaultTarget{VMID: 100, Params: map[string]string{"type": "vzstop"}})
	upid, _ := d.power("stop", 100)
	d.clock.advance(48 * time.Hour)
	if d.exit(upid) != "running" || d.state(100) != "running" {
		t.Errorf("%s, %s", d.exit(upid), d.state(100))
	}
	next, _ := d.power("shutdown", 100)
	d.clock.advance(11 * time.Second)
	if exit := d.exit(next); !strings.HasSuffix(exit, "got timeout") {
		t.Errorf("another meanwhile: %s", exit)
	}
	undo()
	d.c.mu.Lock()
	d.c.tasks[upid].stop(d.clock.now())
	d.c.mu.Unlock()
	again, _ := d.power("stop", 100)
	d.clock.advance(time.Minute)
	if d.exit(upid) != "received interrupt" || d.exit(again) != "OK" {
		t.Errorf("stopped: %s; again: %s", d.exit(upid), d.exit(again))
	}
}

func TestWarningsAndRotatedLogs(t *testing.T) {
	d := newDesk(t)
	d.fault("task-warnings", FaultTarget{VMID: 100, Times: 1})
	upid, _ := d.power("stop", 100)
	d.clock.advance(time.Minute)
	if log := d.log(upid); d.exit(upid) != "WARNINGS: 1" || d.state(100) != "stopped" || log[len(log)-1] != "TASK WARNINGS: 1" {
		t.Errorf("%s, %s, %q", d.exit(upid), d.state(100), log)
	}
	d.fault("task-log-rotated", FaultTarget{VMID: 100})
	path := "/nodes/pve1/tasks/" + upid
	if res := d.via.get(path + "/status"); res.status != 400 || !strings.Contains(res.body, "no such task") {
		t.Errorf("status: %d %s", res.status, res.body)
	}
	if res := d.via.get(path + "/log"); res.status != 200 || !strings.Contains(res.body, "No such file or directory") {
		t.Errorf("log: %d %s", res.status, res.body)
	}
}

func TestStartsThatDoNotHold(t *testing.T) {
	d := newDesk(t)
	d.act(100, "crash")
	d.fault("start-ok-but-stopped", FaultTarget{VMID: 100})
	upid, _ := d.power("start", 100)
	d.clock.advance(time.Minute)
	if d.exit(upid) != "OK" || d.state(100) != "stopped" {
		t.Errorf("%s, %s", d.exit(upid), d.state(100))
	}
}

func TestShutdownThatIsNotHeard(t *testing.T) {
	d := newDesk(t)
	d.fault("shutdown-ignored", FaultTarget{VMID: 100})
	upid, _ := d.power("shutdown", 100, "timeout", "3")
	d.clock.advance(30 * time.Second)
	if d.exit(upid) != "container did not stop" || d.state(100) != "running" {
		t.Errorf("%s, %s", d.exit(upid), d.state(100))
	}
	upid, _ = d.power("shutdown", 100, "timeout", "3", "forceStop", "1")
	d.clock.advance(30 * time.Second)
	if d.exit(upid) != "OK" || d.state(100) != "stopped" {
		t.Errorf("forced: %s, %s", d.exit(upid), d.state(100))
	}
}

func TestHeldLock(t *testing.T) {
	d := newDesk(t)
	d.sim.cfg.TaskTime = 0.001
	undo := d.fault("lock-held", FaultTarget{VMID: 100})
	if _, refused := d.write("PUT", "/nodes/pve1/lxc/100/config", "description", "x"); refused != "500 can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout" {
		t.Errorf("a configuration write: %s", refused)
	}
	if _, refused := d.write("PUT", "/nodes/pve1/lxc/101/config", "description", "x"); refused != "" {
		t.Errorf("of another: %s", refused)
	}
	d.sim.cfg.TaskTime = 1
	upid, _ := d.power("stop", 100)
	d.clock.advance(9 * time.Second)
	undo()
	d.clock.advance(2 * time.Second)
	if log := d.log(upid); d.exit(upid) != "OK" || log[0] != "trying to acquire lock..." || log[1] != " OK" {
		t.Errorf("let go in time: %s %q", d.exit(upid), log)
	}
}

func TestLostAnswers(t *testing.T) {
	for _, c := range []struct{ fault, refused, state string }{
		{"write-596-carried-out", "596 Connection timed out", "stopped"},
		{"write-596-not-carried-out", "596 Connection timed out", "running"},
	} {
		d := newDesk(t)
		d.fault(c.fault, FaultTarget{VMID: 100, Times: 1, Params: map[string]string{"path": "/status/stop", "delay": "1ms"}})
		if _, refused := d.power("start", 100); refused != "500 CT 100 already running" {
			t.Errorf("another write: %s", refused)
		}
		_, refused := d.power("stop", 100)
		d.clock.advance(time.Minute)
		if refused != c.refused || d.state(100) != c.state {
			t.Errorf("%s: %s and %s, want %s", c.fault, refused, d.state(100), c.state)
		}
		if res := d.via.get("/nodes/pve1/tasks?vmid=100"); strings.Contains(res.body, "vzstop") != (c.state == "stopped") {
			t.Errorf("%s: tasks %s", c.fault, res.body)
		}
	}
}

func TestAnswerCut(t *testing.T) {
	d := newDesk(t)
	d.fault("answer-cut", FaultTarget{VMID: 100, Times: 1})
	req := d.via.request("/nodes/pve1/lxc/100/status/stop")
	req.Method, req.Body, req.GetBody = "POST", http.NoBody, nil
	res, err := d.via.http.Do(req)
	if err == nil {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("answered: %d %s", res.StatusCode, body)
	}
	d.clock.advance(time.Minute)
	if d.state(100) != "stopped" {
		t.Error("it was not carried out")
	}
}

func TestFaultsThatAreNotForContainers(t *testing.T) {
	d := newDesk(t)
	if _, err := d.sim.Fault("slow", FaultTarget{Cluster: "lab", VMID: 100}); err == nil {
		t.Error("slow took a VMID")
	}
	if _, err := d.sim.Fault("lock-held", FaultTarget{Cluster: "lab", VMID: 100, Times: 1}); err == nil {
		t.Error("a held lock was counted")
	}
}
