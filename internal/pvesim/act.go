package pvesim

import (
	"fmt"
	"slices"
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
//	start, stop, shutdown, reboot, suspend, resume, backup   tasks
//	create [name [node]], delete or destroy, recreate [name], migrate NODE   tasks
//	crash, reboot-inside                    no task: the guest does it by itself
//	tag TAG, untag TAG, lock KIND, unlock, protect, unprotect, rename NAME,
//	note or description TEXT, startup ORDER, set KEY VALUE, unset KEY,
//	pending KEY [VALUE], pool NAME, ha STATE   no task: configuration
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
	rest := strings.Join(args, " ")
	switch verb {
	case "crash":
		g.halt(at)
	case "reboot-inside":
		g.boot(at)
	case "pool":
		c.moveToPool(g, arg(0))
	case "ha":
		g.ha = nil
		if arg(0) != "" {
			g.ha = &haState{state: arg(0)}
		}
	case "pending":
		switch len(args) {
		case 0:
			return fmt.Errorf("pending wants a key")
		case 1:
			g.putPending(arg(0), change{remove: true})
		default:
			g.putPending(arg(0), change{value: g.normal(arg(0), strings.Join(args[1:], " "))})
		}
	default:
		if !g.rewrite(verb, args, rest) {
			return fmt.Errorf("no such verb")
		}
		g.record(at)
	}
	return nil
}

// rewrite does the verbs that change the configuration at once; it reports
// whether verb is one.
func (g *guest) rewrite(verb string, args []string, rest string) bool {
	switch verb {
	case "tag":
		g.set("tags", strings.Join(tidyTags(append(slices.Clone(g.tags), args...)), ";"))
	case "untag":
		g.set("tags", strings.Join(slices.DeleteFunc(slices.Clone(g.tags), func(t string) bool { return slices.Contains(args, t) }), ";"))
		if g.conf.get("tags") == "" {
			g.unset("tags")
		}
	case "lock":
		g.setLock(rest)
	case "unlock":
		g.setLock("")
	case "protect":
		g.set("protection", "1")
	case "unprotect":
		g.set("protection", "0")
	case "rename":
		g.set("hostname", rest)
	case "note", "description":
		g.set("description", rest)
	case "startup":
		g.set("startup", rest)
	case "set":
		if len(args) < 2 {
			return false
		}
		g.set(args[0], g.normal(args[0], strings.Join(args[1:], " ")))
	case "unset":
		g.unset(rest)
	default:
		return false
	}
	return true
}

// actByTask does the verbs that PVE records; it reports whether verb is one.
func (c *Cluster) actByTask(g *guest, verb, arg string, at time.Time) (bool, error) {
	n := g.node
	begin := func(kind string, w work) { c.begin(n, kind, g.id(), otherHands, at, w) }
	running := map[string]bool{"stop": true, "shutdown": true, "reboot": true, "suspend": true}
	if running[verb] && !g.running {
		return true, fmt.Errorf("CT %d not running", g.vmid)
	}
	if (verb == "start" || verb == "resume") && g.running {
		return true, fmt.Errorf("CT %d already running", g.vmid)
	}
	switch verb {
	case "start":
		begin("vzstart", c.starting(n, g.vmid, false))
	case "stop":
		begin("vzstop", c.stopping(n, g.vmid, false))
	case "shutdown":
		begin("vzshutdown", c.shuttingDown(n, g, time.Minute, false))
	case "reboot":
		begin("vzreboot", c.rebooting(n, g, time.Minute))
	case "suspend":
		begin("vzsuspend", c.suspending(n, g.vmid))
	case "resume":
		begin("vzresume", c.resuming(n, g.vmid))
	case "backup":
		begin("vzdump", c.backingUp(n, c.usualBackup(n, g.vmid)))
	case "delete", "destroy":
		if exit := g.kept(true); exit != "" {
			return true, fmt.Errorf("%s", exit)
		}
		if g.running {
			return true, fmt.Errorf("%s", destroyRunning(g.vmid))
		}
		begin("vzdestroy", c.destroying(n, g.vmid, false, true))
	case "migrate":
		return true, c.migrate(g, arg, at)
	case "recreate":
		return true, c.recreate(g, arg, at)
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
	g.past, g.born, g.history = nil, at, 0
	g.record(at)
	c.begin(n, "vzcreate", g.id(), otherHands, at, c.creating(g, creation{source: c.usualSource(), who: otherHands}))
	return nil
}

// recreate deletes a container, running or not, and creates another under its
// VMID, as two tasks.
func (c *Cluster) recreate(g *guest, name string, at time.Time) error {
	if exit := g.kept(true); exit != "" {
		return fmt.Errorf("%s", exit)
	}
	n, vmid := g.node, g.vmid
	w := c.destroying(n, vmid, true, true)
	w.plan = append(w.plan, step{do: func(_ *task, at time.Time) string {
		c.due(at, func(at time.Time) { c.create(vmid, name, n.spec.Name, at) })
		return ""
	}})
	c.begin(n, "vzdestroy", g.id(), otherHands, at, w)
	return nil
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
	c.begin(g.node, "vzmigrate", g.id(), otherHands, at, c.migrating(g, target))
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

	Protected bool     `json:"protected,omitempty"`
	Suspended bool     `json:"suspended,omitempty"`
	Pending   []string `json:"pending,omitempty"` // keys that wait for the next start
	HA        string   `json:"ha,omitempty"`      // state in the HA manager
	Startup   string   `json:"startup,omitempty"`
}

// Guests lists what is true of every guest now, by VMID.
func (c *Cluster) Guests() []GuestState {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.sim.now())
	list := []GuestState{}
	for _, g := range c.sortedGuests() {
		state := GuestState{VMID: g.vmid, Kind: g.kind, Name: g.name, Node: g.node.spec.Name, Running: g.running, Template: g.template, Lock: g.lock,
			Tags: slices.Clone(g.tags), Pool: g.pool, Protected: g.conf.on("protection"), Suspended: g.suspended, Pending: g.pendingKeys(), Startup: g.conf.get("startup")}
		if g.ha != nil {
			state.HA = g.ha.state
		}
		list = append(list, state)
	}
	return list
}
