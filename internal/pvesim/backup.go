package pvesim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// backup is what vzdump is to do.
type backup struct {
	vmids     []int
	storageID string
	mode      string // "snapshot", "suspend" or "stop"
	end       string // of the archive's name
	notes     string
	protected bool
	line      string // how the log's first line names it
}

// usualBackup is the one of a container that a job at night would make.
func (c *Cluster) usualBackup(n *Node, vmid int) backup {
	return backup{vmids: []int{vmid}, storageID: "local", mode: "snapshot", end: "tar.zst",
		line: fmt.Sprintf("vzdump %d --mode snapshot --storage local --compress zstd --node %s", vmid, n.spec.Name)}
}

// backingUp locks each container in its turn and writes what vzdump writes.
func (c *Cluster) backingUp(n *Node, b backup) work {
	var now int // the one whose turn it is
	failures := 0
	unlock := func(time.Time) { c.unlock(n, now, "backup") }
	begun := func(t *task, _ time.Time) string {
		t.say("INFO: starting new backup job: %s", b.line)
		return ""
	}
	fail := func(t *task, at time.Time, why string) {
		t.say("ERROR: Backup of VM %d failed - %s", now, why)
		t.say("INFO: Failed at %s", second(at))
		failures++
	}
	plan := []step{{do: c.usableForBackup(b.storageID)}, {do: begun}}
	took := usualTime["vzdump"]
	for _, vmid := range b.vmids {
		started, ok := time.Time{}, false
		plan = append(plan,
			step{do: func(t *task, at time.Time) string {
				now, started = vmid, at
				why := c.backupBegun(n, vmid, b, t, at)
				if ok = why == ""; !ok {
					fail(t, at, why)
				}
				return ""
			}},
			step{takes: took * 8 / 10, when: func() bool { return ok }, do: func(t *task, _ time.Time) string {
				t.say("INFO: Total bytes written: 189255680 (181MiB, 98MiB/s)")
				return ""
			}},
			step{takes: took * 2 / 10, when: func() bool { return ok }, do: func(t *task, at time.Time) string {
				unlock(at)
				c.backupDone(n, vmid, b, t, started, at)
				return ""
			}})
	}
	plan = append(plan, step{do: func(t *task, at time.Time) string {
		if failures > 0 {
			t.say("INFO: Backup job finished with errors")
			return "job errors"
		}
		t.say("INFO: Backup job finished successfully")
		return ""
	}})
	interrupted := func(at time.Time) string { unlock(at); return "job errors" }
	return work{plan: plan, broken: interrupted, stopped: unlock, stoppedWith: func(t *task, at time.Time) string {
		fail(t, at, "command 'tar cpf - --totals --one-file-system -p --sparse --numeric-owner' failed: interrupted by signal")
		t.say("INFO: Backup job finished with errors")
		return "job errors"
	}}
}

// usableForBackup asks for the storage within the task, as Proxmox does.
func (c *Cluster) usableForBackup(id string) func(*task, time.Time) string {
	return func(*task, time.Time) string {
		s, why := c.storage(id), ""
		switch {
		case s == nil:
			why = fmt.Sprintf("storage '%s' does not exist", id)
		case !s.holds("backup"):
			why = fmt.Sprintf("can't use storage '%s' for backups - wrong content type", id)
		default:
			return ""
		}
		return fmt.Sprintf("could not get storage information for '%s': %s", id, why)
	}
}

// second is a time as logs have it.
func second(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") }

// backupBegun takes the lock, or says why the backup fails.
func (c *Cluster) backupBegun(n *Node, vmid int, b backup, t *task, at time.Time) string {
	g := c.ct(n, vmid)
	if g == nil {
		return fmt.Sprintf("unable to find VM '%d'", vmid)
	}
	t.say("INFO: Starting Backup of VM %d (lxc)", vmid)
	t.say("INFO: Backup started at %s", second(at))
	t.say("INFO: status = %s", map[bool]string{true: "running", false: "stopped"}[g.running])
	switch {
	case g.lock != "":
		return lockedText(g)
	case !c.quorate():
		return cannotWrite(g, t.pid)
	}
	g.set("lock", "backup")
	mode := b.mode
	if !g.running {
		mode = "stop"
	}
	t.say("INFO: backup mode: %s", mode)
	t.say("INFO: ionice priority: 7")
	t.say("INFO: CT Name: %s", g.shownName(g.name))
	t.say("INFO: including mount point rootfs ('/') in backup")
	switch {
	case g.running && mode == "stop":
		t.say("INFO: stopping virtual guest")
	case g.running && mode == "suspend":
		t.say("INFO: suspending guest")
	case g.running:
		t.say("INFO: create storage snapshot 'vzdump'")
	}
	t.say("INFO: creating vzdump archive '/var/lib/vz/dump/%s'", (&archive{vmid: vmid, at: at, end: b.end}).name())
	return ""
}

// backupDone keeps the archive.
func (c *Cluster) backupDone(n *Node, vmid int, b backup, t *task, started, at time.Time) {
	g, s := c.ct(n, vmid), c.storage(b.storageID)
	if g == nil || s == nil {
		return
	}
	t.say("INFO: archive file size: 58MB")
	notes := strings.NewReplacer("{{guestname}}", g.shownName(g.name), "{{node}}", n.spec.Name, "{{vmid}}", g.id(), "{{cluster}}", c.name, `\n`, "\n", `\\`, `\`).Replace(b.notes)
	if notes != "" {
		t.say("INFO: adding notes to backup")
	}
	if b.mode != "snapshot" && g.running {
		if b.mode == "stop" {
			t.say("INFO: restarting vm")
		} else {
			t.say("INFO: resume vm")
		}
		t.say("INFO: guest is online again after %d seconds", int(at.Sub(started).Seconds()))
	}
	d := int(at.Sub(started).Seconds())
	t.say("INFO: Finished Backup of VM %d (%02d:%02d:%02d)", vmid, d/3600, d/60%60, d%60)
	t.say("INFO: Backup finished at %s", second(at))
	place := s.place(n)
	s.archives[place] = append(s.archives[place], &archive{vmid: vmid, at: started, size: 58<<20 + int64(g.seed%(1<<20)), notes: notes, protected: b.protected, conf: g.backupOf(), end: b.end})
}

var vzdumpEndpoints = []endpoint{
	{method: "POST", path: "/nodes/{node}/vzdump", perm: anybody, onNode: true, protected: true, serve: vzdumpCall, params: []param{
		nodeParam.mayMiss(), optStr("vmid").as("pve-vmid-list"), storageParam.mayMiss(), optBool("all"), optInt("bwlimit").from(0), optStr("compress").of("0", "1", "gzip", "lzo", "zstd"),
		optStr("dumpdir"), optStr("exclude").as("pve-vmid-list"), {name: "exclude-path", typ: "array", optional: true}, optStr("fleecing").as("backup-fleecing"),
		optInt("ionice").from(0).to(8), optStr("job-id").like(`\S+`).upTo(50), optInt("lockwait").from(0), optStr("mailnotification").of("always", "failure"),
		optStr("mailto").as("email-or-username-list"), optStr("mode").of("snapshot", "suspend", "stop"), optStr("notes-template").upTo(1024).with("storage"),
		optStr("notification-mode").of("auto", "legacy-sendmail", "notification-system"), optStr("pbs-change-detection-mode").of("legacy", "data", "metadata"),
		optStr("performance").as("backup-performance"), optInt("pigz"), optStr("pool"), optBool("protected").with("storage"), optStr("prune-backups").as("prune-backups"),
		optStr("notification-policy").of("always", "failure", "never").goneIn9(), optStr("notification-target").as("pve-configid").goneIn9(), optInt("maxfiles").from(1).goneIn9(),
		optBool("quiet"), optBool("remove"), optStr("script"), optBool("stdexcludes"), optBool("stdout"), optBool("stop"), optInt("stopwait").from(0), optStr("tmpdir"), optInt("zstd"),
	}},
	{method: "GET", path: "/nodes/{node}/vzdump/defaults", perm: anybody, onNode: true, serve: vzdumpDefaults, params: []param{nodeParam, storageParam.mayMiss()}},
}

// rootSettings are what vzdump takes from root@pam alone.
var rootSettings = []string{"dumpdir", "script", "tmpdir", "exclude-path"}

func vzdumpCall(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	for _, k := range rootSettings {
		if _, there := args[k]; there && cl.who != "root@pam" {
			return nil, badParam(k, "Only root may set this option.")
		}
	}
	if args["vmid"] == "" && args["all"] != "1" && args["pool"] == "" && args["stop"] != "1" {
		return nil, badParam("vmid", "property is missing")
	}
	b := backup{storageID: "local", mode: "snapshot", end: "tar", notes: args["notes-template"], protected: args["protected"] == "1"}
	if v := args["storage"]; v != "" {
		b.storageID = v
	}
	if v := args["mode"]; v != "" {
		b.mode = v
	}
	b.end += map[string]string{"zstd": ".zst", "gzip": ".gz", "1": ".lzo", "lzo": ".lzo"}[args["compress"]]
	if path := "/storage/" + b.storageID; !c.may(cl.who, path, "Datastore.AllocateSpace") {
		return nil, forbidden(path, "Datastore.AllocateSpace")
	}
	if b.vmids = cl.wantedInBackup(); len(b.vmids) == 0 {
		return "OK", nil // nothing of it is on this node
	}
	id := ""
	if len(b.vmids) == 1 {
		id = fmt.Sprint(b.vmids[0])
	}
	b.line = cl.vzdumpLine(b.vmids)
	return c.begin(cl.node, "vzdump", id, cl.who, cl.at, c.backingUp(cl.node, b)).upid, nil
}

// wantedInBackup are the containers of the call that are on the node, and those
// that are nowhere.
func (cl *call) wantedInBackup() []int {
	c := cl.cluster
	var list []int
	for _, v := range splitList(cl.args["vmid"]) {
		if g := c.guests[atoi(v)]; g == nil || g.node == cl.node {
			list = append(list, atoi(v))
		}
	}
	excluded := splitList(cl.args["exclude"])
	for _, g := range c.sortedGuests() {
		wanted := cl.args["all"] == "1" || cl.args["pool"] != "" && g.pool == cl.args["pool"]
		if wanted && g.kind == "lxc" && g.node == cl.node && !slices.Contains(excluded, g.id()) && c.may(cl.who, "/vms/"+g.id(), "VM.Backup") {
			list = append(list, g.vmid)
		}
	}
	return list
}

// vzdumpLine is the call as a command, its options in no order.
func (cl *call) vzdumpLine(vmids []int) string {
	line := "vzdump"
	for _, vmid := range vmids {
		line += fmt.Sprint(" ", vmid)
	}
	var options []string
	for k, v := range cl.args {
		if k != "vmid" {
			if strings.ContainsAny(v, " {}$'\"") {
				v = "'" + v + "'"
			}
			options = append(options, " --"+k+" "+v)
		}
	}
	rand.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
	return line + strings.Join(options, "")
}

func vzdumpDefaults(cl *call) (any, error) {
	id := cl.args["storage"]
	if id == "" {
		id = "local"
	}
	s, err := cl.storageOf(id)
	if err != nil {
		return nil, err
	}
	return obj{
		{"all", 0}, {"bwlimit", 0}, {"compress", text("0")}, {"fleecing", obj{{"enabled", 0}}}, {"ionice", 7}, {"lockwait", 180}, {"mailnotification", "always"}, {"mode", "snapshot"},
		{"notification-mode", "auto"}, {"performance", obj{{"max-workers", 16}, {"pbs-entries-max", 1048576}}}, {"pigz", 0}, {"prune-backups", "keep-all=1"}, {"quiet", 0}, {"remove", 1},
		{"stdexcludes", 1}, {"stop", 0}, {"stopwait", 10}, {"storage", id}, {"zstd", 1},
	}.withIf(s.Path != "", "dumpdir", s.Path+"/dump"), nil
}
