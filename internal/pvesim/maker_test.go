package pvesim

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const busybox = "local:vztmpl/busybox-tiny_1.36_amd64.tar.gz"

// workshop is a desk whose storages hold containers in files, and in files with
// snapshots.
func workshop(t *testing.T) *desk {
	d := newDesk(t)
	local := d.c.storage("local")
	local.Content = append(local.Content, "rootdir")
	d.c.addStorages([]StorageSpec{{ID: "lbtrfs", Type: "btrfs", Path: "/var/lib/vzb", Content: []string{"rootdir"}}, {ID: "nort", Type: "dir", Path: "/srv/nort", Content: []string{"backup"}}})
	return d
}

// must writes, and fails the test when that is refused.
func (d *desk) must(method, path string, form ...string) string {
	d.Helper()
	upid, refused := d.write(method, path, form...)
	if refused != "" {
		d.Fatal(refused)
	}
	return upid
}

func (d *desk) create(vmid string, form ...string) string {
	d.Helper()
	return d.must("POST", "/nodes/pve1/lxc", append([]string{"vmid", vmid, "ostemplate", busybox, "hostname", "made", "memory", "64", "swap", "0", "cores", "1", "unprivileged", "1"}, form...)...)
}

// config is what GET config says.
func (d *desk) config(vmid string) map[string]any {
	d.Helper()
	var m map[string]any
	d.via.get("/nodes/pve1/lxc/"+vmid+"/config").data(d.T, &m)
	return m
}

// done waits for a task, in the simulation's time, and wants its end.
func (d *desk) done(upid, want string) {
	d.Helper()
	d.clock.advance(2 * time.Minute)
	if got := d.exit(upid); got != want {
		d.Errorf("%s ended %q, want %q; log %q", upid, got, want, d.log(upid))
	}
}

// TestMakersLogsAsRecorded wants the lines of what makes and changes containers.
func TestMakersLogsAsRecorded(t *testing.T) {
	clone := func(d *desk) string {
		d.done(d.create("205", "rootfs", "lbtrfs:1"), "OK")
		d.done(d.must("POST", "/nodes/pve1/lxc/205/snapshot", "snapname", "before"), "OK")
		return d.must("POST", "/nodes/pve1/lxc/205/clone", "newid", "141", "snapname", "before", "full", "1")
	}
	archived := func(d *desk) string {
		d.done(d.create("147", "rootfs", "local:2"), "OK")
		d.done(d.must("POST", "/nodes/pve1/vzdump", "vmid", "147", "storage", "local", "compress", "zstd"), "OK")
		a := d.c.storage("local").archives[d.c.Node("pve1")][0]
		a.vmid, a.at = 100, time.Date(2026, 11, 23, 18, 21, 10, 0, time.UTC)
		return "local:backup/" + a.name()
	}
	scenes := map[string]func(*desk) string{
		"create-default-rootfs-task-log": func(d *desk) string { return d.create("106", "storage", "local") },
		"create-missing-template-task-log": func(d *desk) string {
			return d.create("120", "rootfs", "local:1", "ostemplate", "local:vztmpl/nope_1_amd64.tar.gz")
		},
		"create-restore-missing-task-log": func(d *desk) string {
			return d.must("POST", "/nodes/pve1/lxc", "vmid", "126", "restore", "1", "storage", "local", "ostemplate", "local:backup/vzdump-lxc-100-2026_01_01-00_00_00.tar.zst")
		},
		"snapshot-create-task-log": func(d *desk) string {
			d.done(d.create("205", "rootfs", "lbtrfs:1"), "OK")
			return d.must("POST", "/nodes/pve1/lxc/205/snapshot", "snapname", "before")
		},
		"snapshot-on-dir-storage-task-log": func(d *desk) string {
			d.done(d.create("204", "rootfs", "local:1"), "OK")
			return d.must("POST", "/nodes/pve1/lxc/204/snapshot", "snapname", "no")
		},
		"clone-snapshot-task-log": clone,
		"resize-grow-task-log": func(d *desk) string {
			d.done(d.create("140", "rootfs", "local:1"), "OK")
			return d.must("PUT", "/nodes/pve1/lxc/140/resize", "disk", "rootfs", "size", "+1G")
		},
		"restore-over-existing-task-log": func(d *desk) string {
			source := archived(d)
			return d.must("POST", "/nodes/pve1/lxc", "vmid", "147", "restore", "1", "force", "1", "storage", "local", "ostemplate", source)
		},
	}
	played := 0
	for _, e := range recordedLive(t) {
		scene := scenes[e.Case]
		if scene == nil {
			continue
		}
		played++
		t.Run(e.Case, func(t *testing.T) {
			d := workshop(t)
			upid := scene(d)
			d.clock.advance(2 * time.Minute)
			var recorded struct{ Data []struct{ T string } }
			if err := json.Unmarshal(e.Body, &recorded); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, line := range recorded.Data {
				want = append(want, plainLine(line.T))
			}
			for _, line := range d.log(upid) {
				got = append(got, plainLine(line))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, recorded %q", got, want)
			}
		})
	}
	if played != len(scenes) {
		t.Errorf("%d of %d scenes were recorded", played, len(scenes))
	}
}

// plainLine leaves out what differs from one container to the next.
func plainLine(s string) string {
	if strings.HasPrefix(s, "Filesystem UUID") {
		return "Filesystem UUID"
	}
	return digits.ReplaceAllString(s, "N")
}

func TestContainersAreMadeAsAsked(t *testing.T) {
	d := workshop(t)
	upid := d.create("200", "rootfs", "local:2", "mp0", "local:1,mp=/data,backup=1", "net0", "name=eth0,bridge=vmbr0,ip=dhcp", "tags", "web;Prod", "description", "two\nlines", "start", "1", "features", "nesting=1")
	if d.exit(upid) != "running" || d.state(200) != "stopped" || d.config("200")["lock"] != "create" {
		t.Errorf("right after the call: %s, %s, lock %v", d.exit(upid), d.state(200), d.config("200")["lock"])
	}
	d.done(upid, "OK")
	conf := d.config("200")
	for key, want := range map[string]any{"hostname": "made", "memory": 64.0, "tags": "prod;web", "rootfs": "local:200/vm-200-disk-0.raw,size=2G", "mp0": "local:200/vm-200-disk-1.raw,mp=/data,backup=1,size=1G",
		"unprivileged": 1.0, "arch": "amd64", "ostype": "unmanaged", "description": "two\nlines\n", "lock": nil} {
		if conf[key] != want {
			t.Errorf("%s is %v, want %v", key, conf[key], want)
		}
	}
	if d.state(200) != "running" {
		t.Error("it was to be started")
	}
	d.done(d.must("POST", "/nodes/pve1/lxc/200/status/stop"), "OK")
	if upid := d.must("POST", "/nodes/pve1/lxc/200/template"); upid != "" {
		t.Errorf("making a template answers %q, Proxmox with nothing", upid)
	}
	d.clock.advance(time.Minute)
	if conf := d.config("200"); conf["template"] != 1.0 || conf["rootfs"] != "local:200/base-200-disk-0.raw,size=2G" {
		t.Errorf("as a template: %v", conf)
	}
}

// TestRefusalsOfMakers is the table of what is refused before a task begins.
func TestRefusalsOfMakers(t *testing.T) {
	d := workshop(t)
	d.act(102, "crash")
	d.done(d.create("300", "rootfs", "lbtrfs:1"), "OK")
	base := url.Values{"vmid": {"400"}, "ostemplate": {busybox}, "rootfs": {"local:1"}, "unprivileged": {"1"}}
	with := func(kv ...string) url.Values {
		v := url.Values{}
		for k, x := range base {
			v[k] = x
		}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v
	}
	lxc := "/nodes/pve1/lxc"
	for _, r := range []row{
		{"a VMID of another node", "POST", lxc, with("vmid", "104"), 500, "CT 104 already exists on node 'pve3'"},
		{"a storage that is none", "POST", lxc, with("rootfs", "nosuch:1"), 500, "storage 'nosuch' does not exist"},
		{"a storage without containers", "POST", lxc, with("rootfs", "nort:1"), 400, "storage 'nort' does not support container directories"},
		{"a template from there", "POST", lxc, with("ostemplate", "nosuch:vztmpl/x.tar.gz"), 500, "storage 'nosuch' does not exist"},
		{"no template at all", "POST", lxc, with("ostemplate", "local:iso/x.iso"), 500, "content type needs to be 'vztmpl'"},
		{"a path", "POST", lxc, with("ostemplate", "/tmp/x.tar.gz"), 500, "Only root can pass arbitrary filesystem paths."},
		{"mount points by themselves", "POST", lxc, url.Values{"vmid": {"400"}, "ostemplate": {busybox}, "mp0": {"local:1,mp=/x"}}, 500, "mount points configured, but 'rootfs' not set - aborting"},
		{"a key that is none", "POST", lxc, with("ssh-public-keys", "no key"), 500, "SSH public key validation error"},
		{"a pool that is none", "POST", lxc, with("pool", "nosuch"), 403, "Permission check failed (pool 'nosuch' does not exist)"},
		{"unique by itself", "POST", lxc, with("unique", "1"), 400, "missing property - 'unique' requires this property"},
		{"a running one's clone", "POST", lxc + "/100/clone", url.Values{"newid": {"401"}}, 500, "Full clone of a running container is only possible from a snapshot"},
		{"a taken clone", "POST", lxc + "/300/clone", url.Values{"newid": {"104"}}, 500, "CT 104 already exists on node 'pve3'"},
		{"a clone elsewhere", "POST", lxc + "/300/clone", url.Values{"newid": {"401"}, "target": {"pve2"}}, 500, "can't clone CT to node 'pve2' (CT uses local storage)"},
		{"a clone of no snapshot", "POST", lxc + "/300/clone", url.Values{"newid": {"401"}, "snapname": {"none"}}, 500, "snapshot 'none' does not exist"},
		{"a reserved snapshot", "POST", lxc + "/300/snapshot", url.Values{"snapname": {"current"}}, 500, "unable to use snapshot name 'current' (reserved name)"},
		{"a running one as template", "POST", lxc + "/100/template", url.Values{}, 500, "you can't convert a CT to template if the CT is running"},
		{"a move to where it is", "POST", lxc + "/300/migrate", url.Values{"target": {"pve1"}}, 400, "target is local node."},
		{"a move to nowhere", "POST", lxc + "/300/migrate", url.Values{"target": {"pve9"}}, 500, "no such cluster node 'pve9'"},
		{"a running one's move", "POST", lxc + "/100/migrate", url.Values{"target": {"pve2"}}, 500, "can't migrate running container without --online or --restart"},
		{"a smaller disk", "PUT", lxc + "/300/resize", url.Values{"disk": {"rootfs"}, "size": {"512M"}}, 500, "unable to shrink disk size"},
		{"the same disk", "PUT", lxc + "/300/resize", url.Values{"disk": {"rootfs"}, "size": {"1G"}}, 500, "disk is already at specified size"},
		{"a running one's disk", "POST", lxc + "/100/move_volume", url.Values{"volume": {"rootfs"}, "storage": {"local"}}, 500, "cannot move volumes of a running container"},
		{"a backup of nothing", "POST", "/nodes/pve1/vzdump", url.Values{}, 400, `"vmid":"property is missing"`},
		{"a backup by a script", "POST", "/nodes/pve1/vzdump", url.Values{"vmid": {"100"}, "script": {"/x"}}, 400, "Only root may set this option."},
		{"a backup of another node's", "POST", "/nodes/pve1/vzdump", url.Values{"vmid": {"104"}}, 200, `"OK"`},
	} {
		r.try(t, d.via)
	}
}

// TestSnapshotsAndClones follows a container through its states.
func TestSnapshotsAndClones(t *testing.T) {
	d := workshop(t)
	d.done(d.create("300", "rootfs", "lbtrfs:1", "net0", "name=eth0,bridge=vmbr0"), "OK")
	snap := "/nodes/pve1/lxc/300/snapshot"
	d.done(d.must("POST", snap, "snapname", "one", "description", "first"), "OK")
	d.must("PUT", "/nodes/pve1/lxc/300/config", "memory", "128")
	d.done(d.must("POST", snap, "snapname", "two"), "OK")
	d.done(d.must("POST", snap, "snapname", "two"), "snapshot name 'two' already used")
	if got := d.via.get(snap).body; !strings.Contains(got, `"parent":"one"`) || !strings.Contains(got, `"You are here!"`) || !strings.Contains(got, `"first\n"`) {
		t.Errorf("the list: %s", got)
	}
	if conf := d.config("300"); conf["parent"] != "two" || conf["memory"] != 128.0 {
		t.Errorf("after two: %v", conf)
	}
	upid := d.must("POST", "/nodes/pve1/lxc/300/clone", "newid", "301", "hostname", "twin", "storage", "local", "full", "1")
	if d.config("300")["lock"] != "disk" || d.config("301")["lock"] != "create" {
		t.Error("both are locked while the disk is copied")
	}
	if _, refused := d.write("POST", "/nodes/pve1/lxc/300/clone", "newid", "302"); refused != "500 CT is locked (disk)" {
		t.Errorf("a second clone: %q", refused)
	}
	d.done(upid, "OK")
	twin := d.config("301")
	if twin["hostname"] != "twin" || twin["parent"] != nil || twin["rootfs"] != "local:301/vm-301-disk-0.raw,size=1G" || twin["net0"] == d.config("300")["net0"] {
		t.Errorf("the clone: %v", twin)
	}
	d.done(d.must("POST", snap+"/one/rollback", "start", "1"), "OK")
	if conf := d.config("300"); conf["memory"] != 64.0 || conf["parent"] != "one" || conf["lock"] != nil || d.state(300) != "running" {
		t.Errorf("after the rollback: %v, %s", conf, d.state(300))
	}
	d.done(d.must("POST", snap+"/none/rollback"), "snapshot 'none' does not exist")
	d.done(d.must("DELETE", snap+"/one"), "OK")
	if conf := d.config("300"); conf["parent"] != nil {
		t.Errorf("after its removal the parent is %v", conf["parent"])
	}
	d.done(d.must("DELETE", snap+"/one"), "snapshot 'one' does not exist")
}

func TestBackupsAndRestores(t *testing.T) {
	d := workshop(t)
	d.done(d.create("300", "rootfs", "local:1", "description", "colour: 100% blue ü"), "OK")
	dump := d.must("POST", "/nodes/pve1/vzdump", "vmid", "300", "storage", "local", "compress", "zstd", "notes-template", "{{guestname}} on {{node}}", "mode", "stop", "protected", "1")
	d.done(dump, "OK")
	var rows []struct {
		Volid, Notes, Format string
		Protected            int
	}
	d.via.get("/nodes/pve1/storage/local/content?content=backup&vmid=300").data(t, &rows)
	if len(rows) != 1 || rows[0].Notes != "made on pve1" || rows[0].Format != "tar.zst" || rows[0].Protected != 1 {
		t.Fatalf("the archive: %+v", rows)
	}
	volume := "/nodes/pve1/storage/local/content/" + rows[0].Volid
	d.done(d.must("DELETE", volume), "cannot remove protected archive '/var/lib/vz/dump/"+strings.TrimPrefix(rows[0].Volid, "local:backup/")+"'")
	if got := d.via.get("/nodes/pve1/vzdump/extractconfig?volume=" + url.QueryEscape(rows[0].Volid)).body; !strings.Contains(got, `#colour%3A 100% blue %C3%BC\n`) {
		t.Errorf("the configuration within: %s", got)
	}
	d.done(d.must("POST", "/nodes/pve1/lxc", "vmid", "310", "restore", "1", "ostemplate", rows[0].Volid, "storage", "local", "hostname", "again"), "OK")
	conf := d.config("310")
	if conf["hostname"] != "again" || conf["memory"] != 64.0 || conf["rootfs"] != "local:310/vm-310-disk-0.raw,size=1G" || conf["description"] != "colour: 100% blue ü\n" {
		t.Errorf("restored: %v", conf)
	}
	d.must("PUT", volume, "protected", "0")
	d.done(d.must("DELETE", volume), "OK")
	d.via.get("/nodes/pve1/storage/local/content?content=backup").data(t, &rows)
	if len(rows) != 0 {
		t.Errorf("still there: %+v", rows)
	}
	stopped := d.must("POST", "/nodes/pve1/vzdump", "vmid", "300", "storage", "local")
	d.must("DELETE", "/nodes/pve1/tasks/"+stopped)
	d.done(stopped, "job errors")
	if lock := d.config("300")["lock"]; lock != nil {
		t.Errorf("an interrupted backup left the lock %v", lock)
	}
	d.done(d.must("POST", "/nodes/pve1/vzdump", "vmid", "300", "storage", "nosuch"), "could not get storage information for 'nosuch': storage 'nosuch' does not exist")
	d.done(d.must("POST", "/nodes/pve1/vzdump", "vmid", "300,999", "storage", "local"), "job errors")
}

func TestDisksAndMoves(t *testing.T) {
	d := workshop(t)
	d.done(d.create("300", "rootfs", "local:1"), "OK")
	d.done(d.must("PUT", "/nodes/pve1/lxc/300/resize", "disk", "rootfs", "size", "+512M"), "OK")
	if got := d.config("300")["rootfs"]; got != "local:300/vm-300-disk-0.raw,size=1536M" {
		t.Errorf("after the resize: %v", got)
	}
	d.done(d.must("POST", "/nodes/pve1/lxc/300/move_volume", "volume", "rootfs", "storage", "lbtrfs"), "OK")
	if conf := d.config("300"); conf["rootfs"] != "lbtrfs:300/vm-300-disk-1.raw,size=1536M" || conf["unused0"] != "local:300/vm-300-disk-0.raw" || conf["lock"] != nil {
		t.Errorf("after the move: %v", conf)
	}
	d.done(d.must("POST", "/nodes/pve1/lxc/100/migrate", "target", "pve2", "online", "1"), "migration aborted")
	d.done(d.must("POST", "/nodes/pve1/lxc/100/migrate", "target", "pve2", "restart", "1"), "OK")
	if got := d.via.get("/nodes/pve2/lxc/100/status/current").status; got != 200 || d.state(100) != "running" {
		t.Errorf("after the migration: %d, %s", got, d.state(100))
	}
	d.act(300, "ha started")
	d.done(d.must("POST", "/nodes/pve1/lxc/300/migrate", "target", "pve3"), "OK")
	if got := d.via.get("/nodes/pve3/lxc/300/config").status; got != 200 {
		t.Errorf("the HA manager did not move it: %d", got)
	}
}

// TestMakersWaitForTheLockFile: who takes a container's lock file within the call
// waits ten seconds for it.
func TestMakersWaitForTheLockFile(t *testing.T) {
	s, _, at := lab(t, Config{TaskTime: 0.001})
	set(t, s, "lock-held", "pve1")
	for _, r := range []row{
		{"clone", "POST", "/nodes/pve1/lxc/100/clone", url.Values{"newid": {"400"}}, 500, "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout"},
		{"template", "POST", "/nodes/pve1/lxc/100/template", url.Values{}, 500, "got timeout"},
		{"move a disk", "POST", "/nodes/pve1/lxc/100/move_volume", url.Values{"volume": {"rootfs"}, "storage": {"local-lvm"}}, 500, "got timeout"},
	} {
		r.try(t, at("pve1"))
	}
}

func TestTemplatesAreDownloaded(t *testing.T) {
	d := workshop(t)
	const fedora = "fedora-42-default_20250428_amd64.tar.xz"
	for _, r := range []row{
		{"the list", "GET", "/nodes/pve1/aplinfo", nil, 200, fedora},
		{"none of the list", "POST", "/nodes/pve1/aplinfo", url.Values{"storage": {"local"}, "template": {"x"}}, 400, `"template":"no such template"`},
		{"onto a storage for others", "POST", "/nodes/pve1/aplinfo", url.Values{"storage": {"nort"}, "template": {fedora}}, 500, "storage 'nort' does not support templates"},
		{"a file of another kind", "POST", "/nodes/pve1/storage/local/download-url", url.Values{"url": {"https://x/y"}, "content": {"vztmpl"}, "filename": {"y.iso"}}, 400, "wrong file extension"},
	} {
		r.try(t, d.via)
	}
	d.done(d.must("POST", "/nodes/pve1/aplinfo", "storage", "local", "template", fedora), "OK")
	d.done(d.must("POST", "/nodes/pve1/lxc", "vmid", "300", "ostemplate", "local:vztmpl/"+fedora, "rootfs", "local:1"), "OK")
	if got := d.config("300")["ostype"]; got != "fedora" {
		t.Errorf("what was downloaded is %v", got)
	}
}

func TestNewDisksWantTheirStorage(t *testing.T) {
	d := workshop(t)
	d.act(101, "crash")
	for vmid, want := range map[string]string{"100": "unable to hotplug mp5: storage 'nosuch' does not exist", "101": "unable to apply pending change mp5 : storage 'nosuch' does not exist"} {
		row{vmid, "PUT", "/nodes/pve1/lxc/" + vmid + "/config", url.Values{"mp5": {"nosuch:1,mp=/x"}}, 400, want}.try(t, d.via)
		if got := d.config(vmid)["mp5"]; got != nil {
			t.Errorf("%s has it nevertheless: %v", vmid, got)
		}
	}
}
