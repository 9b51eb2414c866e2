package pvesim

import (
	"strconv"
	"time"
)

// rootOnly refuses what Proxmox grants to the very user root@pam alone.
func rootOnly(cl *call) error {
	if cl.args["skiplock"] == "1" && cl.who != "root@pam" {
		return badParam("skiplock", "Only root may use this option.")
	}
	return nil
}

func startCall(cl *call) (any, error) {
	if err := rootOnly(cl); err != nil {
		return nil, err
	}
	c, vmid := cl.cluster, cl.args["vmid"]
	g := c.guests[atoi(vmid)]
	if g != nil && g.node == cl.node && g.running {
		return nil, failed("CT %s already running", vmid)
	}
	if !c.quorate() {
		return nil, failed("cluster not ready - no quorum?")
	}
	return c.start(cl.node, vmid, cl.who, cl.at, cl.args["skiplock"] == "1").upid, nil
}

// start is a task even where nothing can be started: it then fails.
func (c *Cluster) start(n *Node, vmid, who string, at time.Time, anyLock bool) *task {
	return c.begin(n, "vzstart", vmid, who, at, func(at time.Time) string {
		g := c.guests[atoi(vmid)]
		switch {
		case g == nil || g.node != n:
			return missingText(n, vmid)
		case g.lock != "" && !anyLock:
			return "CT is locked (" + g.lock + ")"
		case g.template:
			return "you can't start a CT if it's a template"
		case g.running:
			return ""
		}
		g.boot(at)
		return ""
	})
}

func (g *guest) boot(at time.Time) {
	g.running, g.started, g.pid = true, at, 2000+int(mix(g.seed, uint64(at.Unix()))%60000)
	g.record(at)
}

func (g *guest) halt(at time.Time) {
	g.running = false
	g.record(at)
}

// running finds a container that runs on the answering node.
func (cl *call) running(kind string) (*guest, error) {
	vmid := cl.args["vmid"]
	g := cl.cluster.guests[atoi(vmid)]
	if g == nil || g.node != cl.node || !g.running {
		return nil, failed("%s %s not running", kind, vmid)
	}
	return g, nil
}

func stopCall(cl *call) (any, error) {
	if err := rootOnly(cl); err != nil {
		return nil, err
	}
	g, err := cl.running("CT")
	if err != nil {
		return nil, err
	}
	return cl.cluster.halting(g, "vzstop", cl.who, cl.at, cl.args["skiplock"] == "1").upid, nil
}

func shutdownCall(cl *call) (any, error) {
	g, err := cl.running("CT")
	if err != nil {
		return nil, err
	}
	return cl.cluster.halting(g, "vzshutdown", cl.who, cl.at, false).upid, nil
}

// halting is a stop or shutdown task.
func (c *Cluster) halting(g *guest, kind, who string, at time.Time, anyLock bool) *task {
	return c.begin(g.node, kind, strconv.Itoa(g.vmid), who, at, func(at time.Time) string {
		if g.lock != "" && !anyLock {
			return "CT is locked (" + g.lock + ")"
		}
		if g.running {
			g.halt(at)
		}
		return ""
	})
}

func rebootCall(cl *call) (any, error) {
	g, err := cl.running("VM")
	if err != nil {
		return nil, err
	}
	return cl.cluster.rebooting(g, cl.who, cl.at).upid, nil
}

func (c *Cluster) rebooting(g *guest, who string, at time.Time) *task {
	return c.begin(g.node, "vzreboot", strconv.Itoa(g.vmid), who, at, func(at time.Time) string {
		if g.lock != "" {
			return "CT is locked (" + g.lock + ")"
		}
		if !c.quorate() {
			g.halt(at)
			return "cluster not ready - no quorum?"
		}
		g.boot(at)
		return ""
	})
}
