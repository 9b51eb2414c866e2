package pvesim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// snapshot is a state that a container can be rolled back to.
type snapshot struct {
	name, note, parent string
	at                 time.Time
	conf               settings
}

func (g *guest) snapshot(name string) *snapshot {
	i := slices.IndexFunc(g.snaps, func(s *snapshot) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return g.snaps[i]
}

var (
	vmSnapshot  = needs("/vms/{vmid}", "VM.Snapshot")
	snapParams  = []param{nodeParam, vmidParam, snapParam}
	readsSnap   = needsAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit")
	rollsBack   = needsAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback")
	snapFeature = str("feature").of("snapshot", "clone", "copy")
)

var snapshotEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/snapshot", perm: vmAudit, onNode: true, protected: true, serve: listSnapshots, params: []param{nodeParam, vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/snapshot", perm: vmSnapshot, onNode: true, protected: true, serve: snapshotCall, params: append([]param{optStr("description")}, snapParams...)},
	{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}", perm: vmSnapshot, onNode: true, protected: true, serve: dropSnapshotCall, params: append([]param{optBool("force")}, snapParams...)},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback", perm: rollsBack, onNode: true, protected: true, serve: rollbackCall, params: append([]param{optBool("start")}, snapParams...)},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config", perm: readsSnap, onNode: true, serve: snapshotConfig, params: snapParams},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config", perm: vmSnapshot, onNode: true, protected: true, serve: noteSnapshot, params: append([]param{optStr("description")}, snapParams...)},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/feature", perm: vmAudit, onNode: true, protected: true, serve: hasFeature, params: []param{nodeParam, vmidParam, snapFeature, snapParam.mayMiss()}},
}

// listSnapshots ends with the present state, which is no snapshot.
func listSnapshots(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	rows := []obj{}
	for _, s := range g.snaps {
		note := s.note
		if note != "" {
			note = strings.TrimSuffix(note, "\n") + "\n"
		}
		rows = append(rows, obj{{"name", s.name}, {"snaptime", s.at.Unix()}, {"description", note}}.withIf(s.parent != "", "parent", s.parent))
	}
	shuffle(rows)
	now := obj{{"name", "current"}, {"description", "You are here!"}, {"digest", g.digest()}, {"running", g.running}}
	return append(rows, now.withIf(g.conf.has("parent"), "parent", g.conf.get("parent"))), nil
}

// freezable reports whether all disks of a configuration are on storages with
// snapshots.
func (c *Cluster) freezable(conf settings) bool {
	for _, k := range disksOf(conf) {
		storageID, _, _ := strings.Cut(conf.get(k), ":")
		if s := c.storage(storageID); s == nil || !slices.Contains([]string{"btrfs", "lvmthin", "zfspool", "rbd"}, s.Type) {
			return false
		}
	}
	return true
}

func hasFeature(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	conf := g.conf
	if name := cl.args["snapname"]; name != "" {
		s := g.snapshot(name)
		if s == nil {
			return nil, failed("snapshot '%s' does not exist", name)
		}
		conf = s.conf
	}
	has := true
	switch cl.args["feature"] {
	case "snapshot":
		has = cl.cluster.freezable(conf)
	case "clone":
		for _, k := range disksOf(conf) {
			storageID, _, _ := strings.Cut(conf.get(k), ":")
			has = has && cl.cluster.linkable(storageID, g.template || cl.args["snapname"] != "")
		}
	}
	return obj{{"hasFeature", has}}, nil
}

// snapshotCall refuses reserved names at once, all else is the task's.
func snapshotCall(cl *call) (any, error) {
	name := cl.args["snapname"]
	if strings.EqualFold(name, "pending") || name == "current" {
		return nil, failed("unable to use snapshot name '%s' (reserved name)", name)
	}
	return cl.task("vzsnapshot", cl.cluster.freezing(cl.node, atoi(cl.args["vmid"]), name, cl.args["description"]))
}

// ready is the check at the beginning of a snapshot's task.
func (c *Cluster) ready(n *Node, vmid int, t *task, more func(g *guest) string) string {
	g := c.ct(n, vmid)
	switch {
	case g == nil:
		return missingText(n, fmt.Sprint(vmid))
	case g.lock != "":
		return lockedText(g)
	}
	if why := more(g); why != "" {
		return why
	}
	if !c.quorate() {
		return cannotWrite(g, t.pid)
	}
	return ""
}

func (c *Cluster) freezing(n *Node, vmid int, name, note string) work {
	unlock := func(time.Time) { c.unlock(n, vmid, "snapshot") }
	check := func(t *task, _ time.Time) string {
		why := c.ready(n, vmid, t, func(g *guest) string {
			switch {
			case g.template:
				return "you can't take a snapshot if it's a template"
			case g.snapshot(name) != nil:
				return fmt.Sprintf("snapshot name '%s' already used", name)
			case !c.freezable(g.conf):
				return "snapshot feature is not available"
			}
			return ""
		})
		if why == "" {
			c.ct(n, vmid).setLock("snapshot")
		}
		return why
	}
	take := func(t *task, at time.Time) string {
		g := c.ct(n, vmid)
		if g == nil {
			return missingText(n, fmt.Sprint(vmid))
		}
		unlock(at)
		s := &snapshot{name: name, note: note, parent: g.conf.get("parent"), at: at, conf: slices.Clone(g.conf)}
		g.snaps = append(g.snaps, s)
		g.set("parent", name)
		return ""
	}
	return work{plan: []step{{lock: true, do: check}, {takes: usualTime["vzsnapshot"], do: take}},
		broken: func(at time.Time) string { unlock(at); return "snapshot create failed: starting cleanup" }, stopped: unlock}
}

// unlock takes a lock of one kind away.
func (c *Cluster) unlock(n *Node, vmid int, kind string) {
	if g := c.ct(n, vmid); g != nil && g.lock == kind {
		g.setLock("")
	}
}

func noSnapshot(name string) string { return fmt.Sprintf("snapshot '%s' does not exist", name) }

func dropSnapshotCall(cl *call) (any, error) {
	name := cl.args["snapname"]
	if name == "current" {
		return nil, failed("unable to delete snapshot 'current' (reserved name)")
	}
	c, n, vmid := cl.cluster, cl.node, atoi(cl.args["vmid"])
	unlock := func(time.Time) { c.unlock(n, vmid, "snapshot-delete") }
	check := func(t *task, _ time.Time) string {
		why := c.ready(n, vmid, t, func(g *guest) string {
			if g.snapshot(name) == nil {
				return noSnapshot(name)
			}
			return ""
		})
		if why == "" {
			c.ct(n, vmid).setLock("snapshot-delete")
		}
		return why
	}
	drop := func(_ *task, at time.Time) string {
		unlock(at)
		if g := c.ct(n, vmid); g != nil {
			g.dropSnapshot(name)
		}
		return ""
	}
	return cl.task("vzdelsnapshot", work{plan: []step{{lock: true, do: check}, {takes: usualTime["vzsnapshot"], do: drop}}, stopped: unlock})
}

// dropSnapshot lets its children follow its parent.
func (g *guest) dropSnapshot(name string) {
	gone := g.snapshot(name)
	if gone == nil {
		return
	}
	for _, s := range g.snaps {
		if s.parent == name {
			s.parent = gone.parent
		}
	}
	g.snaps = slices.DeleteFunc(g.snaps, func(s *snapshot) bool { return s == gone })
	if g.conf.get("parent") == name {
		g.unset("parent")
		if gone.parent != "" {
			g.set("parent", gone.parent)
		}
	}
}

func rollbackCall(cl *call) (any, error) {
	name := cl.args["snapname"]
	if name == "current" {
		return nil, failed("unable to rollback to snapshot 'current' (reserved name)")
	}
	return cl.task("vzrollback", cl.cluster.rollingBack(cl.node, atoi(cl.args["vmid"]), name, cl.args["start"] == "1", cl.who))
}

// rollingBack stops the container; it runs again only if that was asked for.
func (c *Cluster) rollingBack(n *Node, vmid int, name string, start bool, who string) work {
	unlock := func(time.Time) { c.unlock(n, vmid, "rollback") }
	check := func(t *task, at time.Time) string {
		why := c.ready(n, vmid, t, func(g *guest) string {
			switch {
			case g.template:
				return "you can't rollback if it's a template"
			case g.snapshot(name) == nil:
				return noSnapshot(name)
			}
			return ""
		})
		if why == "" {
			c.halted(n, vmid)(t, at)
			c.ct(n, vmid).setLock("rollback")
		}
		return why
	}
	back := func(_ *task, at time.Time) string {
		g := c.ct(n, vmid)
		s := g.snapshot(name)
		if s == nil {
			unlock(at)
			return noSnapshot(name)
		}
		g.conf, g.pending = slices.Clone(s.conf), nil
		g.conf.drop("lock")
		g.set("parent", name)
		g.record(at)
		if start {
			c.begin(n, "vzstart", g.id(), who, at, c.starting(n, vmid, false))
		}
		return ""
	}
	return work{plan: []step{{lock: true, do: check}, {takes: usualTime["vzsnapshot"], do: back}},
		broken: func(at time.Time) string { unlock(at); return "received interrupt" }, stopped: unlock}
}

func snapshotConfig(cl *call) (any, error) {
	_, s, err := cl.snapshotNamed()
	if err != nil {
		return nil, err
	}
	o := obj{{"snaptime", s.at.Unix()}}.withIf(s.note != "", "description", strings.TrimSuffix(s.note, "\n")+"\n").withIf(s.parent != "", "parent", s.parent)
	for _, line := range s.conf {
		if !slices.Contains([]string{"description", "lock", "parent"}, line.key) {
			o = o.with(line.key, cl.shownValue(line.key, line.value))
		}
	}
	return o, nil
}

func (cl *call) snapshotNamed() (*guest, *snapshot, error) {
	g, err := cl.container()
	if err != nil {
		return nil, nil, err
	}
	s := g.snapshot(cl.args["snapname"])
	if s == nil {
		return nil, nil, failed("%s", noSnapshot(cl.args["snapname"]))
	}
	return g, s, nil
}

func noteSnapshot(cl *call) (any, error) {
	if err := cl.locked(atoi(cl.args["vmid"])); err != nil {
		return nil, err
	}
	g, s, err := cl.snapshotNamed()
	if err != nil {
		return nil, err
	}
	if g.lock != "" {
		return nil, failed("%s", lockedText(g))
	}
	if note, there := cl.args["description"]; there {
		s.note = note
	}
	return nil, nil
}
