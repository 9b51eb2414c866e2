package pvesim

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// creation is how a container comes to be.
type creation struct {
	source    string // the OS template or backup
	restore   bool
	over      *guest            // what the backup replaces
	set       map[string]string // what was given beside a backup
	storageID string            // of a backup's disks
	start     bool
	pool, who string
}

func (cl *call) creation(restore bool) creation {
	m := creation{source: cl.args["ostemplate"], restore: restore, storageID: cl.args["storage"], start: cl.args["start"] == "1", pool: cl.args["pool"], who: cl.who}
	if restore {
		m.set = cl.settings()
		m.over = cl.cluster.guests[atoi(cl.args["vmid"])]
		if _, there := cl.args["unprivileged"]; there {
			m.set["unprivileged"] = cl.args["unprivileged"]
		}
		if m.storageID == "" {
			m.storageID = "local"
		}
	}
	return m
}

// usualSource is an OS template that is there.
func (c *Cluster) usualSource() string {
	for _, s := range c.storages {
		if len(s.templates) > 0 {
			return s.ID + ":vztmpl/" + s.templates[min(2, len(s.templates)-1)]
		}
	}
	return "local:vztmpl/" + usualTemplates[2]
}

// newContainer puts the container into the lists, with its lock; nothing but
// the lock where a backup is to replace another.
func (cl *call) newContainer(old *guest, disks map[string]string) *guest {
	c, vmid := cl.cluster, atoi(cl.args["vmid"])
	if old != nil {
		old.setLock("create")
		return old
	}
	g := c.addContainer(cl.node, uint64(vmid), ContainerSpec{VMID: vmid, Name: "-", Address: "-"}, cl.at)
	g.conf, g.past, g.born, g.history = settings{{"lock", "create"}}, nil, cl.at, 0
	set := cl.settings()
	maps.Copy(set, disks)
	g.write(set)
	if cl.args["restore"] != "1" {
		for k, v := range map[string]string{"arch": "amd64", "hostname": fmt.Sprintf("CT%d", vmid), "memory": "512", "swap": "512", "ostype": osOf(cl.args["ostemplate"])} {
			if !g.conf.has(k) {
				g.conf.set(k, v)
			}
		}
		if cl.unprivileged() {
			g.conf.set("unprivileged", "1")
		}
	}
	g.mirror()
	g.record(cl.at)
	return g
}

// write sets lines of a configuration as Proxmox would write them.
func (g *guest) write(set map[string]string) {
	keys := slices.Sorted(maps.Keys(set))
	slices.SortStableFunc(keys, func(a, b string) int { // the root's disk has the number 0
		return map[bool]int{true: 0, false: 1}[a == "rootfs"] - map[bool]int{true: 0, false: 1}[b == "rootfs"]
	})
	for _, k := range keys {
		g.conf.set(k, g.normal(k, set[k]))
	}
}

// osOf reads the name of an OS template.
func osOf(source string) string {
	for _, os := range []string{"debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos"} {
		if strings.Contains(source, os) {
			return os
		}
	}
	return "unmanaged"
}

// creating is the plan of making a new container, which is in the lists with its
// lock from the beginning.
func (c *Cluster) creating(g *guest, m creation) work {
	n, vmid := g.node, g.vmid
	verb := map[bool]string{true: "restore", false: "create"}[m.restore]
	fail := func(why string) string {
		switch {
		case c.guests[vmid] != g:
		case m.over == g:
			g.setLock("")
		default:
			c.forget(g)
		}
		return fmt.Sprintf("unable to %s CT %d - %s", verb, vmid, why)
	}
	do := func(f func(*task, time.Time) string) func(*task, time.Time) string {
		return func(t *task, at time.Time) string {
			if why := f(t, at); why != "" {
				return fail(why)
			}
			return ""
		}
	}
	took := usualTime["vzcreate"]
	return work{
		plan: []step{
			{lock: true, do: do(func(t *task, at time.Time) string { return c.recovered(t, g, m) })},
			{do: func(t *task, _ time.Time) string { g.sayDisks(t); return "" }},
			{takes: took / 3, do: do(func(t *task, _ time.Time) string { return c.extracting(t, n, m) })},
			{takes: took * 2 / 3, do: func(t *task, at time.Time) string { c.created(t, g, m, at); return "" }},
		},
		broken:  func(time.Time) string { return fail("command 'tar xpf - --zstd' failed: exit code 2") },
		stopped: func(time.Time) { fail("") },
	}
}

// recovered reads the configuration in a backup, under what was given beside it.
func (c *Cluster) recovered(t *task, g *guest, m creation) string {
	if !m.restore {
		return ""
	}
	if m.over == g && g.running {
		return "can't overwrite running container"
	}
	t.say("recovering backed-up configuration from '%s'", m.source)
	a := c.archiveOf(m.source, g.node)
	if a == nil {
		return fmt.Sprintf("volume '%s' does not exist", m.source)
	}
	set := readBackup(a.conf)
	given := g.conf.get("rootfs")
	if given == "" || m.over == g {
		for k, v := range set {
			if k == "rootfs" || family(k) == "mp[n]" {
				set[k] = fmt.Sprintf("%s:%d%s", m.storageID, sizeOf(v)>>30, withoutVolume(v))
			}
		}
		g.conf = settings{{"lock", "create"}}
	} else {
		maps.DeleteFunc(set, func(k, _ string) bool { return k == "rootfs" || family(k) == "mp[n]" })
	}
	maps.Copy(set, m.set)
	g.write(set)
	g.mirror()
	return ""
}

// withoutVolume is what stands beside a volume but for its size.
func withoutVolume(value string) string {
	rest := ""
	for _, item := range strings.Split(value, ",")[1:] {
		if !strings.HasPrefix(item, "size=") {
			rest += "," + item
		}
	}
	return rest
}

// readBackup reads a configuration file; lines that begin with # are its notes.
func readBackup(conf string) map[string]string {
	set := map[string]string{}
	for _, line := range strings.Split(conf, "\n") {
		if note, is := strings.CutPrefix(line, "#"); is {
			set["description"] += readNote(note) + "\n"
		} else if k, v, ok := strings.Cut(line, ": "); ok {
			set[k] = v
		}
	}
	return set
}

// backupOf writes it.
func (g *guest) backupOf() string {
	out := ""
	for _, line := range strings.Split(strings.TrimSuffix(g.conf.get("description"), "\n"), "\n") {
		if line != "" {
			out += "#" + writeNote(line) + "\n"
		}
	}
	for _, s := range g.conf {
		if s.key != "description" && s.key != "lock" && family(s.key) != "unused[n]" {
			out += s.key + ": " + s.value + "\n"
		}
	}
	return out
}

// writeNote escapes what may not stand in a line of notes: colons, control
// characters and all that is not ASCII, byte by byte.
func writeNote(line string) string {
	var b strings.Builder
	for i := range len(line) {
		if ch := line[i]; ch < ' ' || ch > '~' || ch == ':' {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// readNote undoes it, and leaves a percent sign that escapes nothing.
func readNote(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '%' && i+2 < len(line) {
			if n, err := strconv.ParseUint(line[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

func (c *Cluster) archiveOf(id string, n *Node) *archive {
	storageID, name, _ := strings.Cut(id, ":backup/")
	s := c.storage(storageID)
	if s == nil {
		return nil
	}
	for _, a := range s.archives[s.place(n)] {
		if a.name() == name {
			return a
		}
	}
	return nil
}

// sayDisks is what making the disks says.
func (g *guest) sayDisks(t *task) {
	for _, value := range g.volumeLines() {
		id, _, _ := strings.Cut(value, ",")
		storageID, name, _ := strings.Cut(id, ":")
		size := max(sizeOf(value), 1<<30)
		if s := g.node.cluster.storage(storageID); s != nil && s.Type == "dir" {
			t.say("Formatting '%s', fmt=raw size=%d preallocation=off", s.fileOf(name), size)
		} else if s == nil || s.Path == "" {
			t.say("  Logical volume \"%s\" created.", name)
		}
		t.log = append(t.log, filesystem(size, g.seed)...)
	}
}

// filesystem is what mkfs.ext4 says.
func filesystem(size int64, seed uint64) []string {
	blocks := size / 4096
	var copies []string
	for group := int64(1); group*32768 < blocks; group++ {
		if isPower(group, 3) || isPower(group, 5) || isPower(group, 7) {
			copies = append(copies, fmt.Sprint(group*32768))
		}
	}
	lines := []string{
		fmt.Sprintf("Creating filesystem with %d 4k blocks and %d inodes", blocks, blocks/4),
		"Filesystem UUID: " + fmt.Sprintf("%08x-%04x-4%03x-9%03x-%012x", uint32(seed), uint16(seed>>8), seed>>20&0xfff, seed>>30&0xfff, seed&0xffffffffffff),
		"Superblock backups stored on blocks: ",
	}
	line := "\t"
	for i, n := range copies {
		if len(line)+len(n) > 62 {
			lines, line = append(lines, line), "\t"
		}
		line += n
		if i < len(copies)-1 {
			line += ", "
		}
	}
	return append(lines, line)
}

func isPower(n, base int64) bool {
	for n%base == 0 {
		n /= base
	}
	return n == 1
}

func (c *Cluster) extracting(t *task, n *Node, m creation) string {
	storageID, name, _ := strings.Cut(m.source, ":")
	s := c.storage(storageID)
	file := name
	if s != nil {
		file = s.Path + "/" + strings.NewReplacer("vztmpl/", "template/cache/", "backup/", "dump/").Replace(name)
	}
	if m.restore {
		t.say("restoring '%s' now..", m.source)
	} else if s == nil || !slices.Contains(s.templates, strings.TrimPrefix(name, "vztmpl/")) {
		why := fmt.Sprintf("volume '%s' does not exist", m.source)
		t.say("%s", why)
		return why
	}
	t.say("extracting archive '%s'", file)
	return ""
}

// created is the end: what was found inside, and the first start.
func (c *Cluster) created(t *task, g *guest, m creation, at time.Time) {
	host, os := g.shownName(g.name), g.conf.get("ostype")
	switch {
	case m.restore:
		t.say("Total bytes read: 189255680 (181MiB, 196MiB/s)")
		t.say("merging backed-up and given configuration..")
	case os == "unmanaged":
		t.say("Total bytes read: 2058240 (2.0MiB, 70MiB/s)")
		t.say("Falling back to amd64.")
		t.say("Use `pct set VMID --arch ARCH` to change.")
	default:
		t.say("Total bytes read: 171059200 (164MiB, 130MiB/s)")
		t.say("Detected container architecture: amd64")
		for i, kind := range []string{"rsa", "ed25519", "ecdsa"} {
			t.say("Creating SSH host key 'ssh_host_%s_key' - this may take some time ...", kind)
			key := base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, "%016x%016x", mix(g.seed, uint64(i)), mix(g.seed, uint64(i), 1)))
			t.say("done: SHA256:%s root@%s", key[:43], host)
		}
	}
	g.setLock("")
	g.record(at)
	if m.pool != "" {
		c.moveToPool(g, m.pool)
	}
	if m.start {
		c.begin(g.node, "vzstart", g.id(), m.who, at, c.starting(g.node, g.vmid, false))
	}
}
