package pvesim

import (
	"fmt"
	"time"
)

// backingUp locks the container and writes what vzdump writes.
func (c *Cluster) backingUp(n *Node, vmid int) work {
	unlock := func(time.Time) {
		if g := c.ct(n, vmid); g != nil && g.lock == "backup" {
			g.setLock("")
		}
	}
	written := func(t *task, _ time.Time) string {
		t.say("INFO: Total bytes written: 189255680 (181MiB, 98MiB/s)")
		return ""
	}
	end := func(t *task, at time.Time) string {
		unlock(at)
		d := int(at.Sub(t.start).Seconds())
		t.say("INFO: archive file size: 58MB")
		t.say("INFO: Finished Backup of VM %d (%02d:%02d:%02d)", vmid, d/3600, d/60%60, d%60)
		t.say("INFO: Backup finished at %s", second(at))
		t.say("INFO: Backup job finished successfully")
		return ""
	}
	took := usualTime["vzdump"]
	return work{
		plan:    []step{{do: c.backupBegun(n, vmid)}, {takes: took * 8 / 10, do: written}, {takes: took * 2 / 10, do: end}},
		broken:  func(at time.Time) string { unlock(at); return "job errors" },
		stopped: unlock,
	}
}

// second is a time as logs have it.
func second(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") }

// backupBegun takes the lock, or says why the backup fails.
func (c *Cluster) backupBegun(n *Node, vmid int) func(*task, time.Time) string {
	return func(t *task, at time.Time) string {
		t.say("INFO: starting new backup job: vzdump %d --mode snapshot --storage local --compress zstd --node %s", vmid, n.spec.Name)
		fail := func(why string) string {
			t.say("ERROR: Backup of VM %d failed - %s", vmid, why)
			t.say("INFO: Failed at %s", second(at))
			t.say("INFO: Backup job finished with errors")
			return "job errors"
		}
		g := c.ct(n, vmid)
		if g == nil {
			return fail(fmt.Sprintf("unable to find VM '%d'", vmid))
		}
		t.say("INFO: Starting Backup of VM %d (lxc)", vmid)
		t.say("INFO: Backup started at %s", second(at))
		switch {
		case g.lock != "":
			return fail(lockedText(g))
		case !c.quorate():
			return fail(cannotWrite(g, t.pid))
		}
		g.set("lock", "backup")
		t.say("INFO: status = %s", map[bool]string{true: "running", false: "stopped"}[g.running])
		t.say("INFO: CT Name: %s", g.shownName(g.name))
		t.say("INFO: including mount point rootfs ('/') in backup")
		t.say("INFO: backup mode: snapshot")
		t.say("INFO: ionice priority: 7")
		t.say("INFO: create storage snapshot 'vzdump'")
		t.say("INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-%d-%s.tar.zst'", vmid, at.UTC().Format("2006_01_02-15_04_05"))
		return ""
	}
}
