package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// setting is a line of a container's configuration file.
type setting struct{ key, value string }

// settings are such lines by key.
type settings []setting

func (s settings) find(key string) (int, bool) {
	i := sort.Search(len(s), func(i int) bool { return s[i].key >= key })
	return i, i < len(s) && s[i].key == key
}

func (s settings) has(key string) bool { _, there := s.find(key); return there }

// get is "" where nothing is set.
func (s settings) get(key string) string {
	if i, there := s.find(key); there {
		return s[i].value
	}
	return ""
}

func (s settings) on(key string) bool { return s.get(key) == "1" }

func (s *settings) set(key, value string) {
	i, there := s.find(key)
	if there {
		(*s)[i].value = value
		return
	}
	*s = slices.Insert(*s, i, setting{key, value})
}

func (s *settings) drop(key string) {
	if i, there := s.find(key); there {
		*s = slices.Delete(*s, i, i+1)
	}
}

// change is what waits for the next start: a new value or the key's removal.
type change struct {
	value  string
	remove bool
}

// set changes the configuration that is in force.
func (g *guest) set(key, value string) { g.conf.set(key, value); g.mirror() }

// unset removes a key from the configuration that is in force.
func (g *guest) unset(key string) { g.conf.drop(key); g.mirror() }

// setLock sets or, with "", removes the container's lock.
func (g *guest) setLock(kind string) {
	if kind == "" {
		g.unset("lock")
		return
	}
	g.set("lock", kind)
}

// mirror keeps at hand what lists ask for of every container.
func (g *guest) mirror() {
	c := g.conf
	g.name, g.lock, g.template, g.onboot = c.get("hostname"), c.get("lock"), c.on("template"), c.on("onboot")
	g.tags = splitList(c.get("tags"))
	g.cores = g.node.spec.CPUs // all, unless something else is said
	if c.has("cores") {
		g.cores = max(atoi(c.get("cores")), 1)
	}
	g.cpulimit, _ = strconv.ParseFloat(c.get("cpulimit"), 64)
	g.mem, g.swap = 512<<20, 512<<20
	if c.has("memory") {
		g.mem = int64(atoi(c.get("memory"))) << 20
	}
	if c.has("swap") {
		g.swap = int64(atoi(c.get("swap"))) << 20
	}
	if size := sizeOf(c.get("rootfs")); size > 0 {
		g.disk = size
	}
}

// sizeOf is the size in bytes that a volume's line states.
func sizeOf(volume string) int64 {
	for _, part := range strings.Split(volume, ",") {
		text, is := strings.CutPrefix(part, "size=")
		if !is || text == "" {
			continue
		}
		shift := map[byte]uint{'K': 10, 'M': 20, 'G': 30, 'T': 40}[text[len(text)-1]]
		n, _ := strconv.ParseFloat(strings.TrimRight(text, "KMGT"), 64)
		return int64(n * float64(int64(1)<<shift))
	}
	return 0
}

// volumes are the container's disks, as in local-lvm:vm-100-disk-0; what is
// mounted from the host is none.
func (g *guest) volumes() []string {
	var list []string
	for _, s := range g.conf {
		if s.key == "rootfs" || family(s.key) == "mp[n]" || family(s.key) == "unused[n]" {
			if volume, _, _ := strings.Cut(s.value, ","); strings.Contains(volume, ":") {
				list = append(list, volume)
			}
		}
	}
	return list
}

// merged is the configuration with what is pending in it.
func (g *guest) merged() settings {
	if len(g.pending) == 0 {
		return g.conf
	}
	all := slices.Clone(g.conf)
	for key, ch := range g.pending {
		if ch.remove {
			all.drop(key)
		} else {
			all.set(key, ch.value)
		}
	}
	return all
}

// applyPending is what a start does.
func (g *guest) applyPending() {
	if len(g.pending) == 0 {
		return
	}
	for key, ch := range g.pending {
		if ch.remove {
			g.drop(key)
		} else {
			g.conf.set(key, ch.value)
		}
	}
	g.pending = nil
	g.mirror()
}

// putPending notes a change for the next start.
func (g *guest) putPending(key string, ch change) {
	if g.pending == nil {
		g.pending = map[string]change{}
	}
	g.pending[key] = ch
}

// digest is the checksum of the file as it stands.
func (g *guest) digest() string {
	h := sha1.New()
	for _, s := range g.conf {
		h.Write([]byte(s.key + ": " + s.value + "\n"))
	}
	for _, key := range g.pendingKeys() {
		ch := g.pending[key]
		h.Write([]byte("[pve:pending]" + key + ": " + ch.value + strconv.FormatBool(ch.remove) + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (g *guest) pendingKeys() []string {
	keys := make([]string, 0, len(g.pending))
	for key := range g.pending {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// wholeNumbers are the keys whose values PVE sends as numbers.
var wholeNumbers = []string{"console", "cores", "cpuunits", "debug", "memory", "onboot", "protection", "swap", "template", "tty", "unprivileged"}

// jsonValue is a value as PVE sends it: cpulimit is a string there.
func jsonValue(key, value string) any {
	if slices.Contains(wholeNumbers, key) {
		return atoi(value)
	}
	return value
}

// family is the schema's name of a numbered key: net0 is of net[n].
func family(key string) string {
	name := strings.TrimRight(key, "0123456789")
	switch {
	case name == key || name == "":
		return key
	case strings.HasPrefix(key[len(name):], "0") && len(key) > len(name)+1:
		return key // net01 is no key
	}
	most := map[string]int{"net": 31, "mp": 255, "dev": 255, "unused": 255}
	if n := atoi(key[len(name):]); most[name] >= n && most[name] > 0 {
		return name + "[n]"
	}
	return key
}
