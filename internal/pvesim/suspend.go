package pvesim

import (
	"fmt"
	"time"
)

func suspendCall(cl *call) (any, error) {
	g, err := cl.running("CT")
	if err != nil {
		return nil, err
	}
	return cl.task("vzsuspend", cl.cluster.suspending(cl.node, g.vmid))
}

// suspending writes the container's processes to disk and ends them: it is
// "stopped" to Proxmox, which keeps no note of the checkpoint.
func (c *Cluster) suspending(n *Node, vmid int) work {
	command := fmt.Sprintf("command 'lxc-checkpoint -n %d -s -D /var/lib/vz/dump' failed: exit code 1", vmid)
	return work{
		plan: []step{{lock: true, do: c.unlocked(n, vmid, false)}, {takes: usualTime["vzsuspend"], do: func(_ *task, at time.Time) string {
			g := c.ct(n, vmid)
			if g == nil || !g.running {
				return command
			}
			g.halt(at)
			g.suspended = true
			return ""
		}}},
		broken: func(time.Time) string { return command },
	}
}

func resumeCall(cl *call) (any, error) {
	vmid := atoi(cl.args["vmid"])
	if g := cl.cluster.ct(cl.node, vmid); g != nil && g.running {
		return nil, failed("CT %d already running", vmid)
	}
	return cl.task("vzresume", cl.cluster.resuming(cl.node, vmid))
}

// resuming knows no lock, as Proxmox does not, and fails where there is no
// checkpoint.
func (c *Cluster) resuming(n *Node, vmid int) work {
	command := fmt.Sprintf("command 'lxc-checkpoint -n %d -r --foreground -D /var/lib/vz/dump' failed: exit code 1", vmid)
	return work{
		plan: []step{{do: func(*task, time.Time) string {
			if g := c.ct(n, vmid); g == nil || !g.suspended {
				return command
			}
			return ""
		}}, {takes: usualTime["vzresume"], do: func(_ *task, at time.Time) string {
			g := c.ct(n, vmid)
			if g == nil || g.running {
				return command
			}
			g.boot(at)
			return ""
		}}},
		broken: func(time.Time) string { return command },
	}
}
