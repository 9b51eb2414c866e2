package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Act changes a container "by other hands", as somebody at the PVE web page or
// inside the guest would: as a task of root@pam where PVE records one, silently
// where it does not. It returns once the change has begun; tasks take their
// time.
//
// what is a verb with at most two words more:
//
//	start, stop, shutdown, reboot, backup   tasks
//	create [name [node]], delete, migrate NODE   tasks
//	crash, reboot-inside                    no task: the guest does it by itself
//	tag TAG, untag TAG, lock KIND, unlock, rename NAME, note TEXT, pool NAME   no task: configuration
//
// The error is Proxmox's own refusal.
func (c *Cluster) Act(vmid int, what string) error {
	words := strings.Fields(what)
	if len(words) == 0 {
		return fmt.Errorf("act on container %d: no verb", vmid)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.sim.now()
	c.settle(at)
	err := c.act(vmid, words[0], words[1:], at)
	c.settle(at) // what takes no time is done
	if err != nil {
		return fmt.Errorf("%s container %d: %w", words[0], vmid, err)
	}
	return nil
}

const otherHands = "root@pam"

func (c *Cluster) act(vmid int, verb string, args []string, at time.Time) error {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	if verb == "create" {
		return c.create(vmid, arg(0), arg(1), at)
	}
	g := c.guests[vmid]
	if g == nil {
		return fmt.Errorf("there is none in %s", c.name)
	}
	if taskDone, err := c.actByTask(g, verb, arg(0), at); taskDone {
		return err
	}
	switch verb {
	case "crash":
		g.halt(at)
	case "reboot-inside":
		g.boot(at)
	case "tag":
		g.tags = tidyTags(append(slices.Clone(g.tags), arg(0)))
	case "untag":
		g.tags = slices.DeleteFunc(slices.Clone(g.tags), func(t string) bool { return t == arg(0) })
	case "lock":
		g.lock = arg(0)
	case "unlock":
		g.lock = ""
	case "rename":
		g.name = arg(0)
		g.record(at)
	case "note":
		g.description = strings.Join(args, " ")
	case "pool":
		c.moveToPool(g, arg(0))
	default:
		return fmt.Errorf("no such verb")
	}
	return nil
}

// actByTask does the verbs that PVE records; it reports whether verb is one.
func (c *Cluster) actByTask(g *guest, verb, arg string, at time.Time) (bool, error) {
	id := strconv.Itoa(g.vmid)
	switch verb {
	case "start":
		if g.running {
			return true, fmt.Errorf("CT %d already running", g.vmid)
		}
		c.start(g.node, id, otherHands, at, false)
	case "stop", "shutdown", "reboot":
		if !g.running {
			return true, fmt.Errorf("CT %d not running", g.vmid)
		}
		if verb == "reboot" {
			c.rebooting(g, otherHands, at)
		} else {
			c.halting(g, "vz"+verb, otherHands, at, false)
		}
	case "backup":
		g.lock = "backup"
		c.begin(g.node, "vzdump", id, otherHands, at, func(time.Time) string { g.lock = ""; return "" })
	case "delete":
		if g.running {
			return true, fmt.Errorf("unable to destroy CT %d - container is running", g.vmid)
		}
		if g.protection {
			return true, fmt.Errorf("can't remove CT %d - protection mode enabled", g.vmid)
		}
		g.lock = "destroyed"
		c.begin(g.node, "vzdestroy", id, otherHands, at, func(time.Time) string { c.forget(g); return "" })
	case "migrate":
		return true, c.migrate(g, arg, at)
	default:
		return false, nil
	}
	return true, nil
}

// create makes a small stopped container. It is in the list with its lock at
// once, and without numbers until the node's next broadcast.
func (c *Cluster) create(vmid int, name, node string, at time.Time) error {
	if g := c.guests[vmid]; g != nil {
		return fmt.Errorf("CT %d already exists on node '%s'", vmid, g.node.spec.Name)
	}
	n := c.nodes[0]
	if node != "" {
		if n = c.Node(node); n == nil {
			return fmt.Errorf("no node %q in %s", node, c.name)
		}
	}
	g := c.addContainer(n, uint64(vmid), ContainerSpec{VMID: vmid, Name: name, Lock: "create"}, at)
	g.past = nil
	g.record(at)
	c.begin(n, "vzcreate", strconv.Itoa(vmid), otherHands, at, func(time.Time) string { g.lock = ""; return "" })
	return nil
}

func (c *Cluster) forget(g *guest) {
	delete(c.guests, g.vmid)
	for _, members := range c.pools {
		delete(members, g.vmid)
	}
	c.aclCache = nil
}

// migrate moves a container; a running one is shut down first and started on
// the other side, as containers cannot move alive.
func (c *Cluster) migrate(g *guest, to string, at time.Time) error {
	target := c.Node(to)
	if target == nil {
		return fmt.Errorf("no node %q in %s", to, c.name)
	}
	if target == g.node {
		return fmt.Errorf("target is local node")
	}
	wasRunning := g.running
	g.lock = "migrate"
	if wasRunning {
		g.halt(at)
	}
	c.begin(g.node, "vzmigrate", strconv.Itoa(g.vmid), otherHands, at, func(end time.Time) string {
		g.lock = ""
		if target.dead() {
			return "migration aborted"
		}
		g.node = target
		if wasRunning {
			g.boot(end)
		}
		return ""
	})
	return nil
}

func (c *Cluster) moveToPool(g *guest, pool string) {
	for _, members := range c.pools {
		delete(members, g.vmid)
	}
	if g.pool = pool; pool != "" {
		if c.pools[pool] == nil {
			c.pools[pool] = map[int]bool{}
		}
		c.pools[pool][g.vmid] = true
	}
	c.aclCache = nil
}

// GuestState is what is true of a container now, whatever the lists still say.
type GuestState struct {
	VMID     int      `json:"vmid"`
	Kind     string   `json:"kind"` // "lxc" or "qemu"
	Name     string   `json:"name"`
	Node     string   `json:"node"`
	Running  bool     `json:"running"`
	Template bool     `json:"template,omitempty"`
	Lock     string   `json:"lock,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Pool     string   `json:"pool,omitempty"`
}

// Guests lists what is true of every guest now, by VMID.
func (c *Cluster) Guests() []GuestState {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.sim.now())
	list := []GuestState{}
	for _, g := range c.sortedGuests() {
		list = append(list, GuestState{g.vmid, g.kind, g.name, g.node.spec.Name, g.running, g.template, g.lock, slices.Clone(g.tags), g.pool})
	}
	return list
}
