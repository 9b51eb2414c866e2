package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// guestFault is a fault of that name on a container.
func (c *Cluster) guestFault(g *guest, name string) *activeFault {
	return c.faultOf(name, g.node, g.vmid, "")
}

// taskFault is a fault of that name on a task.
func (c *Cluster) taskFault(t *task, name string) *activeFault {
	return c.faultOf(name, t.node, t.vmid(), t.kind)
}

// lockHeld reports whether a fault holds the lock file of a container.
func (c *Cluster) lockHeld(n *Node, vmid int) bool {
	return c.faultOf("lock-held", n, vmid, "") != nil
}

// faultOf finds the newest fault that hits a container, and a task of that kind
// where one is given.
func (c *Cluster) faultOf(name string, n *Node, vmid int, kind string) *activeFault {
	c.faultMu.RLock()
	defer c.faultMu.RUnlock()
	for _, f := range slices.Backward(c.faults) {
		if f.Name == name && f.hits(n, vmid) && (kind == "" || f.Params["type"] == "" || f.Params["type"] == kind) {
			return f
		}
	}
	return nil
}

// hits reports whether a fault is on this container and not yet used up.
func (f *activeFault) hits(n *Node, vmid int) bool {
	return (f.node == nil || f.node == n) && (f.VMID == 0 || f.VMID == vmid) && !f.spent.Load()
}

// use counts one blow of a fault with a limited number of them; false when it
// was used up by somebody else.
func (f *activeFault) use() bool {
	if f.Times == 0 {
		return true
	}
	n := f.used.Add(1)
	if n >= int64(f.Times) {
		f.spent.Store(true)
	}
	return n <= int64(f.Times)
}

const forever = 50 * 365 * 24 * time.Hour

// afflict changes a task's plan as the faults on it want.
func (t *task) afflict() {
	c := t.cluster
	if f := c.taskFault(t, "task-never-ends"); f != nil && f.use() {
		i := slices.IndexFunc(t.plan, func(s step) bool { return !s.lock })
		t.plan, t.factor = append(slices.Clone(t.plan[:max(i, 0)]), step{takes: forever}), 1
		return
	}
	if f := c.taskFault(t, "task-fails-at-60"); f != nil && f.use() {
		var total time.Duration
		for _, s := range t.plan {
			total += t.scaled(s.takes)
		}
		share := 0.6
		if v, err := strconv.ParseFloat(f.Params["at"], 64); err == nil {
			share = v / 100
		}
		t.doomed, t.doom, t.left = true, f.Params["message"], time.Duration(float64(total)*share)
	}
	if f := c.taskFault(t, "start-ok-but-stopped"); f != nil && (t.kind == "vzstart" || t.kind == "vzreboot") && f.use() {
		t.plan = append(slices.Clone(t.plan), step{do: c.halted(t.node, t.vmid())})
	}
	if f := c.taskFault(t, "task-warnings"); f != nil && f.use() {
		t.plan = append(slices.Clone(t.plan), step{do: t.warn(f)})
	}
}

// warn ends a task as Proxmox ends one that found something to complain of.
func (t *task) warn(f *activeFault) func(*task, time.Time) string {
	return func(*task, time.Time) string {
		count := max(atoi(f.Params["count"]), 1)
		for range count {
			line := f.Params["message"]
			if line == "" {
				line = "WARN: Systemd 252 detected. You may need to enable nesting."
			}
			t.say("%s", line)
		}
		return fmt.Sprintf("WARNINGS: %d", count)
	}
}

// setLockHeld lets those go on who waited for the lock when the fault ends.
func setLockHeld(f *activeFault) (func(), error) {
	c := f.cluster
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		at := c.sim.now()
		c.settle(at)
		for vmid := range c.locks {
			c.wake(vmid, at)
		}
	}, nil
}

// answerCut stands for an answer that nobody gets.
type answerCut struct{ fault *activeFault }

// write596 serves a call, and loses a write or its answer where a fault wants
// that.
func (n *Node) write596(ep *endpoint, cl *call) (any, error) {
	if ep.method == "GET" || !ep.onNode {
		return cl.work(ep)
	}
	if f := cl.writeFault(ep, "write-596-not-carried-out"); f != nil {
		return nil, f.timedOut()
	}
	lost, cut := cl.writeFault(ep, "write-596-carried-out"), cl.writeFault(ep, "answer-cut")
	data, err := cl.work(ep)
	switch {
	case lost != nil:
		return nil, lost.timedOut()
	case cut != nil:
		return answerCut{cut}, nil
	}
	return data, err
}

func (f *activeFault) timedOut() error {
	return &apiError{status: 596, message: "Connection timed out", after: f.wait("delay", 30*time.Second), empty: true}
}

// writeFault is a fault of that name on this write, used once.
func (cl *call) writeFault(ep *endpoint, name string) *activeFault {
	f := cl.cluster.faultOf(name, cl.node, atoi(cl.args["vmid"]), "")
	if f == nil || !strings.HasSuffix(fill(ep.path, cl.args), f.Params["path"]) || !f.use() {
		return nil
	}
	return f
}
