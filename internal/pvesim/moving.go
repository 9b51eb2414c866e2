package pvesim

import (
	"fmt"
	"strings"
	"time"
)

// stamp begins the lines of a migration's log.
func stamp(at time.Time) string { return second(at) + " " }

// migrating is the plan of moving a container to another member. Its lock is
// set from the beginning.
func (c *Cluster) migrating(g *guest, target *Node) work {
	n, vmid := g.node, g.vmid
	wasRunning := g.running
	g.set("lock", "migrate")
	say := func(format string, args ...any) func(*task, time.Time) string {
		return func(t *task, at time.Time) string {
			t.say("%s"+format, append([]any{stamp(at)}, args...)...)
			return ""
		}
	}
	plan := []step{{lock: true}}
	if wasRunning {
		plan = append(plan, step{do: say("shutdown CT %d", vmid)}, step{takes: usualTime["vzshutdown"], do: c.halted(n, vmid)})
	}
	plan = append(plan, step{do: say("starting migration of CT %d to node '%s' (%s)", vmid, target.spec.Name, target.Host())})
	for _, v := range g.volumes() {
		plan = append(plan,
			step{do: say("found local volume '%s' (in current VM config)", v)},
			step{takes: time.Second, do: say("  Logical volume \"%s\" created.", v[strings.Index(v, ":")+1:])},
			step{takes: 3 * time.Second, do: say("%d bytes copied, 3 s, 163 MB/s", g.disk/3)},
			step{takes: 2 * time.Second, do: say("%d bytes copied, 5 s, 205 MB/s", g.disk)},
			step{do: say("successfully imported '%s'", v)},
			step{do: say("volume '%s' is '%s' on the target", v, v)})
	}
	plan = append(plan,
		step{takes: 500 * time.Millisecond, do: say("# /usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=%s' root@%s pvesr set-state %d \\''{}'\\'", target.spec.Name, target.Host(), vmid)},
		step{takes: 500 * time.Millisecond, do: say("start final cleanup")},
		step{do: c.moved(n, vmid, target)})
	if wasRunning {
		plan = append(plan, step{do: say("start container on target node")}, step{takes: usualTime["vzstart"], do: c.startedThere(vmid, target)})
	}
	plan = append(plan, step{do: func(t *task, at time.Time) string {
		d := int(at.Sub(t.start).Seconds())
		t.say("%smigration finished successfully (duration %02d:%02d:%02d)", stamp(at), d/3600, d/60%60, d%60)
		return ""
	}})
	abort := func(time.Time) string {
		if g.node == n {
			g.setLock("")
		}
		return "migration aborted"
	}
	return work{plan: plan, broken: abort, stopped: func(at time.Time) { abort(at) }}
}

// moved gives the configuration file to the other member.
func (c *Cluster) moved(n *Node, vmid int, target *Node) func(*task, time.Time) string {
	return func(t *task, at time.Time) string {
		g := c.ct(n, vmid)
		if g == nil {
			return missingText(n, fmt.Sprint(vmid))
		}
		g.setLock("")
		if target.dead() || !c.quorate() {
			t.say("%sERROR: command '/usr/bin/ssh' failed: exit code 255", stamp(at))
			return "migration aborted"
		}
		g.node = target
		return ""
	}
}

// startedThere starts the container on its new node, as a task of that node.
func (c *Cluster) startedThere(vmid int, target *Node) func(*task, time.Time) string {
	return func(_ *task, at time.Time) string {
		g := c.ct(target, vmid)
		if g == nil {
			return ""
		}
		g.boot(at)
		t := c.begin(target, "vzstart", g.id(), otherHands, at, work{})
		t.start = at.Add(-t.scaled(usualTime["vzstart"]))
		return ""
	}
}
