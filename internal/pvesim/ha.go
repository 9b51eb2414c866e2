package pvesim

import "time"

// haState is what the HA manager knows of a container.
type haState struct {
	state string // started, stopped, …
	group string // before 9; "" for none
}

const haDelay = 6 * time.Second // until the manager acts on a request

// haRequest only asks the HA manager, which then acts as root@pam.
func (c *Cluster) haRequest(g *guest, verb, state string) work {
	ask := func(t *task, at time.Time) string {
		t.say("Requesting HA %s for CT %d", verb, g.vmid)
		return ""
	}
	act := func(t *task, at time.Time) string {
		if g.ha == nil {
			return ""
		}
		g.ha.state = state
		c.due(at.Add(c.sim.scaled(haDelay)), func(at time.Time) { c.haActs(g, verb, at) })
		return ""
	}
	return work{plan: []step{{do: ask}, {takes: 700 * time.Millisecond, do: act}}}
}

func (c *Cluster) haActs(g *guest, verb string, at time.Time) {
	if c.guests[g.vmid] != g || g.node.deadAt(at) || g.running == (verb == "start") {
		return
	}
	if verb == "start" {
		c.begin(g.node, "vzstart", g.id(), otherHands, at, c.starting(g.node, g.vmid, false))
		return
	}
	c.begin(g.node, "vzshutdown", g.id(), otherHands, at, c.shuttingDown(g.node, g, time.Minute, true))
}

// haStatus is the part of status/current that tells of HA.
func (g *guest) haStatus() obj {
	if g.ha == nil {
		return obj{{"managed", 0}}
	}
	o := obj{{"managed", 1}, {"state", g.ha.state}}
	if g.ha.group == "" {
		return o.with("group", nil)
	}
	return o.with("group", g.ha.group)
}
