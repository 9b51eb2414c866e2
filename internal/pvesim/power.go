package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

var power = needs("/vms/{vmid}", "VM.PowerMgmt")

var powerEndpoints = []endpoint{
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/start", perm: power, onNode: true, protected: true, serve: startCall,
		params: []param{nodeParam, vmidParam, skiplock, optBool("debug")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/stop", perm: power, onNode: true, protected: true, serve: stopCall,
		params: []param{nodeParam, vmidParam, skiplock, optBool("overrule-shutdown")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/shutdown", perm: power, onNode: true, protected: true, serve: shutdownCall,
		params: []param{nodeParam, vmidParam, optInt("timeout").from(0), optBool("forceStop")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/reboot", perm: power, onNode: true, protected: true, serve: rebootCall,
		params: []param{nodeParam, vmidParam, optInt("timeout").from(0)}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/suspend", perm: power, onNode: true, protected: true, serve: suspendCall,
		params: []param{nodeParam, vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/resume", perm: power, onNode: true, protected: true, serve: resumeCall,
		params: []param{nodeParam, vmidParam}},
}

// ct finds a container on a node, or nil.
func (c *Cluster) ct(n *Node, vmid int) *guest {
	if g := c.guests[vmid]; g != nil && g.node == n && g.kind == "lxc" {
		return g
	}
	return nil
}

// rootOnly refuses what Proxmox grants to the very user root@pam alone.
func rootOnly(cl *call) error {
	if cl.args["skiplock"] == "1" && cl.who != "root@pam" {
		return badParam("skiplock", "Only root may use this option.")
	}
	return nil
}

// running finds a container that runs on the answering node.
func (cl *call) running(kind string) (*guest, error) {
	vmid := cl.args["vmid"]
	g := cl.cluster.ct(cl.node, atoi(vmid))
	if g == nil || !g.running {
		return nil, failed("%s %s not running", kind, vmid)
	}
	return g, nil
}

// task begins one for the caller and answers with its UPID.
func (cl *call) task(kind string, w work) (any, error) {
	return cl.cluster.begin(cl.node, kind, cl.args["vmid"], cl.who, cl.at, w).upid, nil
}

func startCall(cl *call) (any, error) {
	if err := rootOnly(cl); err != nil {
		return nil, err
	}
	c, vmid := cl.cluster, atoi(cl.args["vmid"])
	g := c.ct(cl.node, vmid)
	if g != nil && g.running {
		return nil, failed("CT %d already running", vmid)
	}
	if !c.quorate() {
		return nil, failed("cluster not ready - no quorum?")
	}
	if g != nil && g.ha != nil {
		return cl.task("hastart", c.haRequest(g, "start", "started"))
	}
	return cl.task("vzstart", c.starting(cl.node, vmid, cl.args["skiplock"] == "1"))
}

// starting is a start; where nothing can be started it is the task that fails.
func (c *Cluster) starting(n *Node, vmid int, anyLock bool) work {
	check := func(t *task, at time.Time) string {
		g := c.ct(n, vmid)
		switch {
		case g == nil:
			return missingText(n, strconv.Itoa(vmid))
		case g.template:
			return "you can't start a CT if it's a template"
		case !anyLock && g.lock != "" && g.lock != "mounted":
			return lockedText(g)
		case g.running: // somebody was quicker: Proxmox waits for what does not come
			t.plan = []step{{takes: lockWait}}
		case g.diskless:
			volume, _, _ := strings.Cut(g.conf.get("rootfs"), ",")
			return fmt.Sprintf("volume '%s' does not exist", volume)
		}
		return ""
	}
	boot := func(_ *task, at time.Time) string {
		if g := c.ct(n, vmid); g != nil {
			g.boot(at)
		}
		return ""
	}
	took := usualTime["vzstart"]
	return work{
		plan: []step{{lock: true, do: check}, {takes: took * 4 / 10, do: boot}, {takes: took * 6 / 10}}, // it runs before its task ends
		broken: func(at time.Time) string {
			c.halted(n, vmid)(nil, at)
			return startupFailed(vmid)
		},
	}
}

func startupFailed(vmid int) string { return fmt.Sprintf("startup for container '%d' failed", vmid) }
func lockedText(g *guest) string    { return "CT is locked (" + g.lock + ")" }

// boot lets a container run; what was pending is in force then.
func (g *guest) boot(at time.Time) {
	g.applyPending()
	g.running, g.suspended, g.started, g.pid = true, false, at, 2000+int(mix(g.seed, uint64(at.Unix()))%60000)
	g.record(at)
}

func (g *guest) halt(at time.Time) {
	g.running = false
	g.record(at)
}

func stopCall(cl *call) (any, error) {
	if err := rootOnly(cl); err != nil {
		return nil, err
	}
	g, err := cl.running("CT")
	if err != nil {
		return nil, err
	}
	if g.ha != nil {
		return cl.task("hastop", cl.cluster.haRequest(g, "stop", "stopped"))
	}
	w := cl.cluster.stopping(cl.node, g.vmid, cl.args["skiplock"] == "1")
	if cl.args["overrule-shutdown"] == "1" {
		w.plan = append([]step{{do: cl.overrule(g.vmid)}}, w.plan...)
	}
	return cl.task("vzstop", w)
}

// overrule ends the shutdowns of that container which the caller may end.
func (cl *call) overrule(vmid int) func(*task, time.Time) string {
	c, n, who := cl.cluster, cl.node, cl.who
	return func(t *task, at time.Time) string {
		var ended []string
		for _, o := range append([]*task(nil), n.active...) {
			if o.kind == "vzshutdown" && o.vmid() == vmid && (o.visibleTo(who) || c.may(who, "/nodes/"+n.spec.Name, "Sys.Modify")) {
				o.stop(at)
				ended = append(ended, o.upid)
			}
		}
		if len(ended) > 0 {
			t.say("overruled vzshutdown tasks: %s", strings.Join(ended, ", "))
		}
		return ""
	}
}

// stopping pulls the plug.
func (c *Cluster) stopping(n *Node, vmid int, anyLock bool) work {
	took := usualTime["vzstop"]
	return work{
		plan: []step{{lock: true, do: c.unlocked(n, vmid, anyLock, "mounted")}, {takes: took * 7 / 10, do: c.halted(n, vmid)}, {takes: took * 3 / 10}},
		broken: func(time.Time) string {
			return fmt.Sprintf("command 'lxc-stop -n %d --kill' failed: exit code 1", vmid)
		},
	}
}

// unlocked is the check at the beginning of most work; some locks may be let
// pass.
func (c *Cluster) unlocked(n *Node, vmid int, anyLock bool, pass ...string) func(*task, time.Time) string {
	return func(*task, time.Time) string {
		g := c.ct(n, vmid)
		switch {
		case g == nil:
			return missingText(n, strconv.Itoa(vmid))
		case g.lock != "" && !anyLock && !slices.Contains(pass, g.lock):
			return lockedText(g)
		}
		return ""
	}
}

func (c *Cluster) halted(n *Node, vmid int) func(*task, time.Time) string {
	return func(_ *task, at time.Time) string {
		if g := c.ct(n, vmid); g != nil && g.running {
			g.halt(at)
		}
		return ""
	}
}

func shutdownCall(cl *call) (any, error) {
	g, err := cl.running("CT")
	if err != nil {
		return nil, err
	}
	if g.ha != nil {
		return cl.task("hastop", cl.cluster.haRequest(g, "stop", "stopped"))
	}
	return cl.task("vzshutdown", cl.cluster.shuttingDown(cl.node, g, cl.seconds("timeout", time.Minute), cl.args["forceStop"] == "1"))
}

// seconds is a parameter that counts seconds.
func (cl *call) seconds(name string, usual time.Duration) time.Duration {
	if v, there := cl.args[name]; there {
		return time.Duration(atoi(v)) * time.Second
	}
	return usual
}

// downTime is how long the container's own shutdown takes; 0 says that it does
// not listen.
func (c *Cluster) downTime(g *guest) time.Duration {
	if c.guestFault(g, "shutdown-ignored") != nil {
		return 0
	}
	return usualTime["vzshutdown"]
}

// shuttingDown asks the container to end. With too little time and no force the
// task can end OK while the container goes on, and ends by itself later.
func (c *Cluster) shuttingDown(n *Node, g *guest, timeout time.Duration, force bool) work {
	vmid, down := g.vmid, c.downTime(g)
	w := work{plan: []step{{lock: true, do: c.unlocked(n, vmid, false)}}}
	w.broken = func(time.Time) string {
		return fmt.Sprintf("command 'lxc-stop -n %d --nokill --timeout %d' failed: exit code 1", vmid, int(timeout.Seconds()))
	}
	switch {
	case down > 0 && down <= timeout:
		w.plan = append(w.plan, step{takes: down, do: c.halted(n, vmid)})
	case force:
		w.plan = append(w.plan, step{takes: timeout + usualTime["vzstop"], do: c.halted(n, vmid)})
	default:
		w.plan = append(w.plan, step{do: c.endsLater(n, vmid, down)}, step{takes: timeout + 700*time.Millisecond, do: func(t *task, _ time.Time) string {
			t.say("lxc-stop: %d: ../src/lxc/commands_utils.c: lxc_cmd_sock_rcv_state: 49 Resource temporarily unavailable - Failed to receive message", vmid)
			t.say("command 'lxc-stop -n %d --nokill --timeout %d' failed: exit code 1", vmid, int(timeout.Seconds()))
			return ""
		}})
		if down == 0 {
			w.plan = append(w.plan, step{takes: timeout + 5*time.Second, do: func(*task, time.Time) string { return "container did not stop" }})
		}
	}
	return w
}

// endsLater lets the container end after its own time, whatever becomes of the
// task; one that was started anew meanwhile stays.
func (c *Cluster) endsLater(n *Node, vmid int, down time.Duration) func(*task, time.Time) string {
	return func(t *task, at time.Time) string {
		g := c.ct(n, vmid)
		if g == nil || down == 0 {
			return ""
		}
		started := g.started
		c.due(at.Add(t.scaled(down)), func(at time.Time) {
			if g.running && g.started.Equal(started) && !n.deadAt(at) {
				g.halt(at)
			}
		})
		return ""
	}
}

func rebootCall(cl *call) (any, error) {
	g, err := cl.running("VM")
	if err != nil {
		return nil, err
	}
	return cl.task("vzreboot", cl.cluster.rebooting(cl.node, g, cl.seconds("timeout", time.Minute)))
}

// rebooting shuts down, by force after the time-out, and starts again. It asks
// about locks and quorum only when it starts: without them it stops a container
// that it cannot start.
func (c *Cluster) rebooting(n *Node, g *guest, timeout time.Duration) work {
	vmid, down := g.vmid, c.downTime(g)
	if down == 0 || down > timeout {
		down = timeout + usualTime["vzstop"]
	}
	stillRuns := func(*task, time.Time) string {
		if g := c.ct(n, vmid); g == nil || !g.running {
			return "OK"
		}
		return ""
	}
	again := func(t *task, at time.Time) string {
		g := c.ct(n, vmid)
		if g == nil || !c.quorate() || g.lock != "" && g.lock != "mounted" {
			t.say("run_buffer: 571 Script exited with status 255")
			t.say("lxc_init: 845 Failed to run lxc.hook.pre-start for container \"%d\"", vmid)
			t.say("__lxc_start: 2034 Failed to initialize container \"%d\"", vmid)
			return startupFailed(vmid)
		}
		g.boot(at)
		return ""
	}
	return work{
		plan: []step{{lock: true, do: stillRuns}, {takes: down, do: c.halted(n, vmid)}, {takes: usualTime["vzstart"], do: again}},
		broken: func(at time.Time) string {
			c.halted(n, vmid)(nil, at)
			return startupFailed(vmid)
		},
	}
}
