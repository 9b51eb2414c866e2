package pvesim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// diskKeys are the names under which a container may have disks.
func diskKeys(unused bool) []string {
	list := []string{"rootfs"}
	for _, name := range []string{"mp", "unused"} {
		for i := 0; i < 256 && (name == "mp" || unused); i++ {
			list = append(list, name+strconv.Itoa(i))
		}
	}
	return list
}

var diskEndpoints = []endpoint{
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/resize", perm: needsAny("/vms/{vmid}", "VM.Config.Disk"), onNode: true, protected: true, serve: resizeCall, params: []param{
		nodeParam, vmidParam, str("disk").of(diskKeys(false)...), str("size").like(`\+?\d+(\.\d+)?[KMGT]?`), optStr("digest").upTo(40),
	}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/move_volume", perm: needs("/vms/{vmid}", "VM.Config.Disk"), onNode: true, protected: true, serve: moveVolumeCall, params: []param{
		nodeParam, vmidParam, str("volume").of(diskKeys(true)...), storageParam.mayMiss(), optNum("bwlimit").from(0), optBool("delete"), optStr("digest").upTo(40),
		optStr("target-digest").upTo(40), {name: "target-vmid", typ: "integer", optional: true, format: "pve-vmid", min: bound(100), max: bound(999999999)},
		optStr("target-volume").of(diskKeys(true)...),
	}},
}

const modifiedText = "detected modified configuration - file changed by other user? Try again."

// disk finds one of the container of the path, which nothing may have locked.
func (cl *call) disk(key string) (*guest, string, error) {
	g, err := cl.container()
	if err != nil {
		return nil, "", err
	}
	value := g.conf.get(key)
	digest := cl.args["digest"]
	switch {
	case g.lock != "":
		return nil, "", failed("%s", lockedText(g))
	case digest != "" && digest != g.digest():
		return nil, "", failed("%s", modifiedText)
	case !strings.Contains(strings.SplitN(value, ",", 2)[0], ":"):
		return nil, "", failed("unable to parse volume ID '%s'", strings.SplitN(value, ",", 2)[0])
	}
	return g, value, nil
}

// bytesOf reads a size such as 8G or +512M.
func bytesOf(size string) int64 {
	size = strings.TrimPrefix(size, "+")
	shift := 0
	if i := strings.IndexByte("KMGT", size[len(size)-1]); i >= 0 {
		shift, size = 10*(i+1), size[:len(size)-1]
	}
	n, _ := strconv.ParseFloat(size, 64)
	return int64(math.Ceil(n * float64(int64(1)<<shift)))
}

// sizeText writes a size with the largest unit that leaves it whole.
func sizeText(n int64) string {
	unit := 0
	for n%1024 == 0 && n > 0 && unit < 4 {
		n, unit = n/1024, unit+1
	}
	return strconv.FormatInt(n, 10) + []string{"", "K", "M", "G", "T"}[unit]
}

func resizeCall(cl *call) (any, error) {
	key := cl.args["disk"]
	g, value, err := cl.disk(key)
	if err != nil {
		return nil, err
	}
	id, _, _ := strings.Cut(value, ",")
	storageID, name, _ := strings.Cut(id, ":")
	if path := "/storage/" + storageID; !cl.cluster.may(cl.who, path, "Datastore.AllocateSpace") {
		return nil, forbidden(path, "Datastore.AllocateSpace")
	}
	now, next := max(sizeOf(value), 1), bytesOf(cl.args["size"])
	if strings.HasPrefix(cl.args["size"], "+") {
		next += now
	}
	switch {
	case g.diskless:
		return nil, failed("volume '%s' does not exist", id)
	case next < now:
		return nil, failed("unable to shrink disk size")
	case next == now:
		return nil, failed("disk is already at specified size")
	}
	file := name
	if s := cl.cluster.storage(storageID); s != nil {
		file = s.fileOf(name)
	}
	return cl.task("resize", cl.cluster.resizing(g, key, file, now, next))
}

// resizing grows the disk and the file system on it.
func (c *Cluster) resizing(g *guest, key, file string, now, next int64) work {
	n, vmid := g.node, g.vmid
	return work{plan: []step{{lock: true, do: c.unlocked(n, vmid, false)}, {takes: usualTime["resize"], do: func(t *task, at time.Time) string {
		if !c.quorate() {
			return cannotWrite(g, t.pid)
		}
		t.say("Image resized.")
		if !g.running {
			t.say("e2fsck 1.47.2 (1-Jan-2025)")
			for i, what := range []string{"inodes, blocks, and sizes", "directory structure", "directory connectivity", "reference counts", "group summary information"} {
				t.say("Pass %d: Checking %s", i+1, what)
			}
			t.say("%s: 56/%d files (0.0%% non-contiguous), 13536/%d blocks", file, now/16384, now/4096)
		}
		t.say("resize2fs 1.47.2 (1-Jan-2025)")
		t.say("Resizing the filesystem on %s to %d (4k) blocks.", file, next/4096)
		t.say("The filesystem on %s is now %d (4k) blocks long.", file, next/4096)
		t.say("")
		id, _, _ := strings.Cut(g.conf.get(key), ",")
		g.set(key, id+withoutVolume(g.conf.get(key))+",size="+sizeText(next))
		return ""
	}}}}
}

func moveVolumeCall(cl *call) (any, error) {
	args := cl.args
	to, target := args["storage"], args["target-vmid"]
	switch {
	case to != "" && target != "":
		return nil, failed("either set storage or target-vmid, but not both")
	case target != "":
		return nil, failed("Storage does not support moving of this disk to another container")
	case to == "":
		return nil, failed("both 'storage' and 'target-vmid' missing, either needs to be set")
	case strings.HasPrefix(args["volume"], "unused"):
		return nil, failed("cannot move volume '%s', only configured volumes can be moved to another storage", args["volume"])
	}
	if path := "/storage/" + to; !cl.cluster.may(cl.who, path, "Datastore.AllocateSpace") {
		return nil, forbidden(path, "Datastore.AllocateSpace")
	}
	if err := cl.locked(atoi(args["vmid"])); err != nil {
		return nil, err
	}
	g, value, err := cl.disk(args["volume"])
	if err != nil {
		return nil, err
	}
	if g.running {
		return nil, failed("cannot move volumes of a running container")
	}
	id, _, _ := strings.Cut(value, ",")
	if args["delete"] == "1" && slices.ContainsFunc(g.snaps, func(s *snapshot) bool { return strings.HasPrefix(s.conf.get(args["volume"]), id) }) {
		return nil, failed("you can't move a volume with snapshots and delete the source")
	}
	return cl.task("move_volume", cl.cluster.movingVolume(g, args["volume"], to, args["delete"] == "1"))
}

// movingVolume copies a disk; the old one is removed or kept as unused.
func (c *Cluster) movingVolume(g *guest, key, to string, remove bool) work {
	g.setLock("disk")
	unlock := func(time.Time) { c.unlock(g.node, g.vmid, "disk") }
	return work{
		plan: []step{{takes: usualTime["move_volume"], do: func(t *task, at time.Time) string {
			unlock(at)
			s := c.storage(to)
			switch {
			case s == nil:
				return fmt.Sprintf("storage '%s' does not exist", to)
			case !s.holds("rootdir"):
				return fmt.Sprintf("storage '%s' does not support content-type 'rootdir'", to)
			case !c.quorate():
				return cannotWrite(g, t.pid)
			}
			value := g.conf.get(key)
			old, _, _ := strings.Cut(value, ",")
			size := max(sizeOf(value), 1<<30)
			t.log = append(t.log, filesystem(size, g.seed^uint64(at.Unix()))...)
			t.log = append(t.log, rsynced...)
			g.conf.set(key, s.volume(g.vmid, len(g.volumes()), g.template)+withoutVolume(value)+",size="+sizeText(size))
			for i := 0; !remove; i++ {
				if k := fmt.Sprint("unused", i); !g.conf.has(k) {
					g.conf.set(k, old)
					break
				}
			}
			g.mirror()
			return ""
		}}},
		broken: func(at time.Time) string { unlock(at); return "received interrupt" }, stopped: unlock,
	}
}
