package pvesim

import (
	"fmt"
	"time"
)

var migrateEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/migrate", perm: needs("/vms/{vmid}", "VM.Migrate"), onNode: true, protected: true, since: 9, serve: migratable,
		params: []param{nodeParam, vmidParam, optStr("target").as("pve-node")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/migrate", perm: needs("/vms/{vmid}", "VM.Migrate"), onNode: true, protected: true, serve: migrateCall, params: []param{
		nodeParam, vmidParam, str("target").as("pve-node"), optNum("bwlimit").from(0), optBool("online"), optBool("restart"), optStr("target-storage").as("storage-pair-list"), optInt("timeout"),
	}},
}

// migratable tells where a container may go.
func migratable(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	allowed := []string{}
	for _, n := range cl.cluster.nodes {
		if n != cl.node && !n.offline(cl.at) {
			allowed = append(allowed, n.spec.Name)
		}
	}
	return obj{{"running", g.running}, {"allowed-nodes", allowed}, {"not-allowed-nodes", obj{}}}, nil
}

func migrateCall(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	if args["target"] == cl.node.spec.Name {
		return nil, badParam("target", "target is local node.")
	}
	if !c.quorate() {
		return nil, failed("cluster not ready - no quorum?")
	}
	target := c.Node(args["target"])
	if target == nil {
		return nil, failed("no such cluster node '%s'", args["target"])
	}
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	if g.running && args["online"] != "1" && args["restart"] != "1" {
		return nil, failed("can't migrate running container without --online or --restart")
	}
	if g.ha != nil {
		return cl.task("hamigrate", c.haMigration(g, target))
	}
	if why := g.immovable(args["restart"] == "1"); why != "" {
		return cl.task("vzmigrate", work{plan: []step{{lock: true, do: func(t *task, at time.Time) string {
			t.say("%sERROR: migration aborted (duration 00:00:00): %s", stamp(at), why)
			return "migration aborted"
		}}}})
	}
	return cl.task("vzmigrate", c.migrating(g, target))
}

// immovable says why the task will fail at once.
func (g *guest) immovable(restart bool) string {
	switch {
	case g.lock != "":
		return lockedText(g)
	case g.running && !restart:
		return "lxc live migration is currently not implemented"
	}
	for _, k := range disksOf(g.conf) {
		if value := g.conf.get(k); value[0] == '/' && part(value, "shared") != "1" {
			return fmt.Sprintf("cannot migrate local bind mount point '%s'", k)
		}
	}
	return ""
}

// haMigration only asks the HA manager, which moves the container later.
func (c *Cluster) haMigration(g *guest, target *Node) work {
	return work{plan: []step{{do: func(t *task, _ time.Time) string {
		t.say("Executing HA migrate for CT %d to node %s", g.vmid, target.spec.Name)
		return ""
	}}, {takes: 700 * time.Millisecond, do: func(_ *task, at time.Time) string {
		c.due(at.Add(c.sim.scaled(haDelay)), func(at time.Time) {
			if c.guests[g.vmid] == g && g.node != target && g.lock == "" && !g.node.deadAt(at) {
				c.begin(g.node, "vzmigrate", g.id(), otherHands, at, c.migrating(g, target))
			}
		})
		return ""
	}}}}
}
