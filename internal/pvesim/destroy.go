package pvesim

import (
	"fmt"
	"strings"
	"time"
)

var destroyEndpoint = endpoint{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}", perm: needs("/vms/{vmid}", "VM.Allocate"), onNode: true, protected: true,
	serve: destroyCall, params: []param{nodeParam, vmidParam, optBool("destroy-unreferenced-disks"), optBool("force"), optBool("purge")}}

func destroyCall(cl *call) (any, error) {
	c, vmid := cl.cluster, atoi(cl.args["vmid"])
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	force, purge := cl.args["force"] == "1", cl.args["purge"] == "1"
	if exit := g.kept(purge); exit != "" {
		return nil, failed("%s", exit)
	}
	if g.running && !force {
		return nil, failed("%s", destroyRunning(vmid))
	}
	return cl.task("vzdestroy", c.destroying(cl.node, vmid, force, purge))
}

// kept says why a container cannot be destroyed, in the order in which Proxmox
// asks.
func (g *guest) kept(purge bool) string {
	switch {
	case g.conf.on("protection"):
		return fmt.Sprintf("can't remove CT %d - protection mode enabled", g.vmid)
	case g.lock != "":
		return lockedText(g)
	case g.ha != nil && !purge:
		return fmt.Sprintf("unable to remove CT %d - used in HA resources and purge parameter not set.", g.vmid)
	}
	return ""
}

func destroyRunning(vmid int) string {
	return fmt.Sprintf("unable to destroy CT %d - container is running", vmid)
}

// destroying removes the volumes first and the configuration last, so that
// without quorum the disk is gone and the configuration stays.
func (c *Cluster) destroying(n *Node, vmid int, force, purge bool) work {
	took, stop := usualTime["vzdestroy"], step{do: c.halted(n, vmid)}
	if g := c.ct(n, vmid); g != nil && g.running {
		stop.takes = usualTime["vzstop"]
	}
	return work{
		plan: []step{{lock: true, do: c.destroyable(n, vmid, force, purge)}, stop,
			{takes: took * 8 / 10, do: c.volumesRemoved(n, vmid)}, {takes: took * 2 / 10, do: c.purged(n, vmid, purge)}},
		broken: func(time.Time) string {
			return fmt.Sprintf("lvremove 'pve/vm-%d-disk-0' error:   Logical volume pve/vm-%d-disk-0 in use.", vmid, vmid)
		},
	}
}

// destroyable asks again what was asked before the task began.
func (c *Cluster) destroyable(n *Node, vmid int, force, purge bool) func(*task, time.Time) string {
	return func(t *task, _ time.Time) string {
		g := c.ct(n, vmid)
		if g == nil {
			return missingText(n, fmt.Sprint(vmid))
		}
		if exit := g.kept(purge); exit != "" {
			return exit
		}
		if g.running && !force {
			return destroyRunning(vmid)
		}
		if g.running {
			t.say("forced to stop CT %d before destroying!", vmid)
		}
		return ""
	}
}

func (c *Cluster) volumesRemoved(n *Node, vmid int) func(*task, time.Time) string {
	return func(t *task, _ time.Time) string {
		g := c.ct(n, vmid)
		if g == nil {
			return missingText(n, fmt.Sprint(vmid))
		}
		for _, v := range g.volumes() {
			if name, lvm := strings.CutPrefix(v, "local-lvm:"); lvm {
				t.say("  Logical volume \"%s\" successfully removed.", name)
			}
		}
		g.diskless = true
		if !c.quorate() {
			return cannotWrite(g, t.pid)
		}
		g.set("lock", "destroyed")
		return ""
	}
}

// cannotWrite is what writing a configuration file without quorum says.
func cannotWrite(g *guest, pid int) string {
	return fmt.Sprintf("unable to open file '/etc/pve/nodes/%s/lxc/%d.conf.tmp.%d' - Permission denied", g.node.spec.Name, g.vmid, pid)
}

func (c *Cluster) purged(n *Node, vmid int, purge bool) func(*task, time.Time) string {
	return func(t *task, _ time.Time) string {
		g := c.ct(n, vmid)
		if g == nil {
			return ""
		}
		if purge {
			t.say("purging CT %d from related configurations..", vmid)
			if g.ha != nil {
				t.say("NOTE: removed CT %d from HA resource configuration.", vmid)
			}
		}
		c.forget(g)
		return ""
	}
}

func (c *Cluster) forget(g *guest) {
	delete(c.guests, g.vmid)
	for _, members := range c.pools {
		delete(members, g.vmid)
	}
	c.acl = withoutPath(c.acl, fmt.Sprintf("/vms/%d", g.vmid))
	c.aclCache = nil
}
