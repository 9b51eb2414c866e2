package pvesim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var newIDParam = param{name: "newid", typ: "integer", format: "pve-vmid", min: bound(100), max: bound(999999999)}

var cloneEndpoint = endpoint{method: "POST", path: "/nodes/{node}/lxc/{vmid}/clone", perm: checked(mayClone), onNode: true, protected: true, serve: cloneCall, params: []param{
	nodeParam, vmidParam, newIDParam, optNum("bwlimit").from(0), optStr("description"), optBool("full"), optStr("hostname").as("dns-name"),
	newPool, snapParam.mayMiss(), storageParam.mayMiss(), optStr("target").as("pve-node"),
}}

func mayClone(cl *call) error {
	c, args := cl.cluster, cl.args
	if path := "/vms/" + args["vmid"]; !c.may(cl.who, path, "VM.Clone") {
		return forbidden(path, "VM.Clone")
	}
	if args["pool"] != "" && c.may(cl.who, "/pool/"+args["pool"], "VM.Allocate") {
		return nil
	}
	if path := "/vms/" + args["newid"]; !c.may(cl.who, path, "VM.Allocate") {
		return forbidden(path, "VM.Allocate")
	}
	return nil
}

// cloneCall locks the container, reserves the new VMID, and only then asks
// whether it can be done.
func cloneCall(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	target := c.Node(args["target"])
	switch {
	case args["pool"] != "" && c.pools[args["pool"]] == nil:
		return nil, permissionDenied(fmt.Sprintf("pool '%s' does not exist", args["pool"]))
	case args["target"] != "" && target == nil:
		return nil, failed("no such cluster node '%s'", args["target"])
	}
	if id := args["storage"]; id != "" {
		s, err := cl.storageOf(id)
		if err != nil {
			return nil, err
		}
		if target != nil && target != cl.node && !s.Shared {
			return nil, failed("can't clone to non-shared storage '%s'", id)
		}
	}
	if !c.quorate() {
		return nil, failed("cluster not ready - no quorum?")
	}
	if err := cl.locked(atoi(args["vmid"])); err != nil {
		return nil, err
	}
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	if g.lock != "" {
		return nil, failed("%s", lockedText(g))
	}
	if other := c.guests[atoi(args["newid"])]; other != nil {
		return nil, failed("%s", takenText(other))
	}
	from := g.conf
	if name := args["snapname"]; name != "" {
		snap := g.snapshot(name)
		if snap == nil {
			return nil, failed("snapshot '%s' does not exist", name)
		}
		from = snap.conf
	}
	if err := cl.clonable(g, from, target); err != nil {
		return nil, err
	}
	return cl.task("vzclone", c.cloning(g, cl.copyOf(g, from, target), cl.full(g), args["pool"], args["storage"]))
}

// full is what is done unless it is a template, which has linked clones.
func (cl *call) full(g *guest) bool {
	if v, there := cl.args["full"]; there {
		return v == "1"
	}
	return !g.template
}

func (cl *call) clonable(g *guest, from settings, target *Node) error {
	c, full := cl.cluster, cl.full(g)
	if cl.args["storage"] != "" && !full {
		return failed("parameter 'storage' not allowed for linked clones")
	}
	if full && g.running && cl.args["snapname"] == "" {
		return failed("Full clone of a running container is only possible from a snapshot")
	}
	shared := true
	for _, s := range from {
		if s.key != "rootfs" && family(s.key) != "mp[n]" {
			continue
		}
		id, _, _ := strings.Cut(s.value, ",")
		storageID, _, isVolume := strings.Cut(id, ":")
		if !isVolume {
			return failed("unable to clone mountpoint '%s' (type bind)", s.key)
		}
		if !full && !c.linkable(storageID, g.template || cl.args["snapname"] != "") {
			return failed("Linked clone feature for '%s' is not available", id)
		}
		if cl.args["storage"] != "" {
			storageID = cl.args["storage"]
		}
		if path := "/storage/" + storageID; !c.may(cl.who, path, "Datastore.AllocateSpace") {
			return forbidden(path, "Datastore.AllocateSpace")
		}
		st := c.storage(storageID)
		shared = shared && st != nil && st.Shared
	}
	if target != nil && target != cl.node && !shared {
		return failed("can't clone CT to node '%s' (CT uses local storage)", target.spec.Name)
	}
	return nil
}

// linkable reports whether a disk on a storage can be cloned without copying.
func (c *Cluster) linkable(storageID string, frozen bool) bool {
	s := c.storage(storageID)
	return s != nil && (s.Type == "btrfs" || s.Type == "zfspool" || s.Type == "lvmthin" && frozen)
}

// copyOf puts the clone into the lists, with a lock and addresses of its own.
func (cl *call) copyOf(g *guest, from settings, target *Node) *guest {
	c, id := cl.cluster, atoi(cl.args["newid"])
	n := cl.node
	if target != nil {
		n = target
	}
	clone := c.addContainer(n, uint64(id), ContainerSpec{VMID: id, Name: "-", Address: "-"}, cl.at)
	clone.conf, clone.past, clone.born, clone.history = settings{}, nil, cl.at, 0
	for _, s := range from {
		switch {
		case family(s.key) == "unused[n]" || slices.Contains([]string{"template", "parent", "snaptime", "snapstate"}, s.key):
		case s.key == "rootfs" || family(s.key) == "mp[n]":
			storageID, _, _ := strings.Cut(s.value, ":")
			if cl.args["storage"] != "" {
				storageID = cl.args["storage"]
			}
			clone.conf.set(s.key, clone.normal(s.key, fmt.Sprintf("%s:%d%s", storageID, max(sizeOf(s.value)>>30, 1), withoutVolume(s.value))))
		case family(s.key) == "net[n]":
			clone.conf.set(s.key, clone.normal(s.key, withoutAddress(s.value)))
		default:
			clone.conf.set(s.key, s.value)
		}
	}
	for _, k := range []string{"hostname", "description"} {
		if v := cl.args[k]; v != "" {
			clone.conf.set(k, v)
		}
	}
	clone.set("lock", "create")
	clone.record(cl.at)
	return clone
}

func withoutAddress(net string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(net, ","), func(item string) bool { return strings.HasPrefix(item, "hwaddr=") }), ",")
}

// cloning copies the disks; the source is locked meanwhile.
func (c *Cluster) cloning(g, clone *guest, full bool, pool, storageID string) work {
	g.setLock("disk")
	unlock := func() {
		if g.lock == "disk" {
			g.setLock("")
		}
	}
	undo := func(time.Time) {
		unlock()
		if c.guests[clone.vmid] == clone {
			c.forget(clone)
		}
	}
	copying := func(t *task, at time.Time) string {
		for _, k := range disksOf(g.conf) {
			id, _, _ := strings.Cut(g.conf.get(k), ",")
			if !full {
				t.say("create linked clone of mount point %s (%s)", k, id)
				continue
			}
			t.say("create full clone of mountpoint %s (%s)", k, id)
			if s := c.storage(storageID); s != nil && !s.holds("rootdir") {
				undo(at)
				return fmt.Sprintf("clone failed: storage '%s' does not support content-type 'rootdir'", storageID)
			}
			t.log = append(t.log, filesystem(max(sizeOf(clone.conf.get(k)), 1<<30), clone.seed)...)
			t.log = append(t.log, rsynced...)
		}
		return ""
	}
	done := func(_ *task, at time.Time) string {
		unlock()
		clone.setLock("")
		clone.record(at)
		if pool != "" {
			c.moveToPool(clone, pool)
		}
		return ""
	}
	begun := func(t *task, _ time.Time) string {
		t.say("creating a clone of container %d with ID %d", g.vmid, clone.vmid)
		return ""
	}
	return work{plan: []step{{do: begun}, {takes: usualTime["vzclone"], do: copying}, {do: done}},
		broken: func(at time.Time) string { undo(at); return "clone failed: interrupted by signal" }, stopped: undo}
}

// disksOf are the keys of disks and mount points.
func disksOf(conf settings) []string {
	var keys []string
	for _, s := range conf {
		if s.key == "rootfs" || family(s.key) == "mp[n]" {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// rsynced is what copying the files of a small container says.
var rsynced = []string{
	"", "Number of files: 45 (reg: 5, dir: 18, link: 22)", "Number of created files: 43 (reg: 5, dir: 16, link: 22)", "Number of deleted files: 0",
	"Number of regular files transferred: 5", "Total file size: 2,024,998 bytes", "Total transferred file size: 2,024,734 bytes", "Literal data: 2,024,734 bytes",
	"Matched data: 0 bytes", "File list size: 0", "File list generation time: 0.001 seconds", "File list transfer time: 0.000 seconds",
	"Total bytes sent: 2,026,641", "Total bytes received: 252", "", "sent 2,026,641 bytes  received 252 bytes  4,053,786.00 bytes/sec", "total size is 2,024,998  speedup is 1.00",
}

var templateEndpoint = endpoint{method: "POST", path: "/nodes/{node}/lxc/{vmid}/template", perm: needs("/vms/{vmid}", "VM.Allocate"), onNode: true, protected: true,
	serve: templateCall, params: []param{nodeParam, vmidParam}}

// templateCall answers with nothing, though it begins a task.
func templateCall(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	if err := cl.locked(g.vmid); err != nil {
		return nil, err
	}
	switch {
	case g.lock != "":
		return nil, failed("%s", lockedText(g))
	case len(g.snaps) > 0:
		return nil, failed("unable to create template, because CT contains snapshots")
	case g.template:
		return nil, failed("you can't convert a template to a template")
	case g.running:
		return nil, failed("you can't convert a CT to template if the CT is running")
	}
	c := cl.cluster
	if _, err := cl.task("vztemplate", work{plan: []step{{takes: time.Second, do: func(t *task, at time.Time) string {
		if !c.quorate() {
			return cannotWrite(g, t.pid)
		}
		for _, k := range disksOf(g.conf) {
			g.conf.set(k, strings.Replace(g.conf.get(k), "vm-", "base-", 1))
		}
		g.set("template", "1")
		g.record(at)
		return ""
	}}}}); err != nil {
		return nil, err
	}
	return nil, nil
}
