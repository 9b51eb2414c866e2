package containers

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// mounts are the root and all mount points.
func mounts(c fleet.Config) []fleet.MountPoint {
	if c.RootFS.Volume == "" {
		return c.MountPoints
	}
	return append([]fleet.MountPoint{c.RootFS}, c.MountPoints...)
}

// diskWords name a disk with its size: "local-lvm:vm-104-disk-0, 8 GiB".
func diskWords(m fleet.MountPoint) string {
	if m.Size > 0 {
		return m.Volume + ", " + kit.Bytes(m.Size)
	}
	return m.Volume
}

// mountNotes are what is special about a mount point.
func mountNotes(m fleet.MountPoint) (notes []string) {
	add := func(is bool, word string) {
		if is {
			notes = append(notes, word)
		}
	}
	add(m.Device(), "device of the node")
	add(m.Bind(), "folder of the node")
	add(m.ReadOnly, "read-only")
	add(m.Storage != "" && !m.Backup, "not in backups")
	add(m.Storage != "" && !m.Replicate, "not replicated")
	add(m.Shared, "shared")
	add(m.Quota, "quota")
	return append(notes, m.Options...)
}

// cores are the allotted ones in words.
func cores(c fleet.Config, l fleet.Live) string {
	n := "all of the node's"
	switch {
	case c.Cores > 0:
		n = strconv.Itoa(c.Cores)
	case l.CPUs > 0:
		n = number(l.CPUs)
	}
	if c.CPULimit > 0 {
		n += ", at most " + number(c.CPULimit) + " at once"
	}
	if c.CPUUnits > 0 {
		n += ", weight " + strconv.Itoa(c.CPUUnits)
	}
	return n
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// about are the facts beside the resources.
func about(v *view) []kit.KV {
	c, l := v.Detail.Config.Value, v.live()
	var rows []kit.KV
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, kit.KV{Key: key, Value: value})
		}
	}
	if v.running() {
		add("Uptime", upWords(l.Uptime))
	}
	if v.Detail.Config.Seen() {
		add("Start at boot", boot(c))
		add("Protection", yes(c.Protection, "on: it cannot be deleted"))
		add("Kind", kind(c))
		add("Features", strings.Join(features(c.Features), ", "))
		add("System", strings.TrimSpace(c.OSType+" "+c.Arch))
		add("Snapshot", parent(c))
	}
	add("HA", haWords(v))
	add("Lock", v.C.Lock)
	add("Pool", v.C.Pool)
	return rows
}

func yes(is bool, on string) string {
	if is {
		return on
	}
	return "off"
}

func boot(c fleet.Config) string {
	var words []string
	if c.OnBoot {
		words = append(words, "yes")
	} else {
		words = append(words, "no")
	}
	if c.Startup.HasOrder {
		words = append(words, "order "+strconv.Itoa(c.Startup.Order))
	}
	if c.Startup.Up > 0 {
		words = append(words, "the next one waits "+kit.Duration(c.Startup.Up))
	}
	if c.Startup.Down > 0 {
		words = append(words, "has "+kit.Duration(c.Startup.Down)+" to shut down")
	}
	return strings.Join(words, ", ")
}

func kind(c fleet.Config) string {
	switch {
	case c.Template:
		return "template container"
	case c.Unprivileged:
		return "unprivileged"
	}
	return "privileged"
}

func features(f fleet.Features) (on []string) {
	for _, x := range []struct {
		is   bool
		word string
	}{{f.Nesting, "nesting"}, {f.KeyCtl, "keyctl"}, {f.FUSE, "fuse"}, {f.MkNod, "mknod"}, {f.ForceRWSys, "force_rw_sys"}} {
		if x.is {
			on = append(on, x.word)
		}
	}
	if len(f.Mount) > 0 {
		on = append(on, "mount "+strings.Join(f.Mount, " "))
	}
	return on
}

func parent(c fleet.Config) string {
	if c.Parent == "" {
		return ""
	}
	return "after " + c.Parent
}

func haWords(v *view) string {
	l := v.Detail.Live.Value
	switch {
	case v.C.HA != "":
		return v.C.HA
	case l.HAManaged && l.HAState != "":
		return l.HAState
	case l.HAManaged:
		return "managed"
	case v.Detail.Live.Seen():
		return "not managed"
	}
	return ""
}

func upWords(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return kit.Duration(d)
}

// nic is one network interface: as configured, with the addresses that it has inside.
type nic struct {
	fleet.Net
	Title     string // name inside: "eth0"
	Inside    bool   // it was seen inside the container
	Addresses []address
	Inner     bool // made inside the container, and in no configuration
}

type address struct {
	Text  string
	Quiet bool // nobody reaches it from elsewhere
}

// nics pairs the configured interfaces with those that were seen inside, by name, then by hardware address.
func nics(v *view) []nic {
	var all []nic
	found := v.Detail.Interfaces.Value
	if !v.running() {
		found = nil
	}
	used := make([]bool, len(found))
	for _, n := range v.Detail.Config.Value.Nets {
		x := nic{Net: n, Title: n.Name}
		if x.Title == "" {
			x.Title = n.Key
		}
		for i, in := range found {
			if !used[i] && (in.Name == n.Name || n.HWAddr != "" && strings.EqualFold(in.HWAddr, n.HWAddr)) {
				used[i], x.Inside, x.Addresses = true, true, addresses(in)
				break
			}
		}
		all = append(all, x)
	}
	for i, in := range found {
		if !used[i] {
			all = append(all, nic{Title: in.Name, Net: fleet.Net{HWAddr: in.HWAddr}, Inside: true, Inner: true, Addresses: addresses(in)})
		}
	}
	return all
}

func addresses(in fleet.Interface) (out []address) {
	for _, p := range in.Addresses {
		out = append(out, address{p.String(), quiet(p.Addr())})
	}
	return out
}

func quiet(a netip.Addr) bool { return a.IsLinkLocalUnicast() || a.IsLoopback() }

// wired is how an interface is connected: "vmbr0, VLAN 20".
func (n nic) wired() string {
	if n.Inner {
		return "made inside the container"
	}
	var words []string
	if n.Bridge != "" {
		words = append(words, n.Bridge)
	}
	if n.Tag > 0 {
		words = append(words, "VLAN "+strconv.Itoa(n.Tag))
	}
	if n.Trunks != "" {
		words = append(words, "trunk "+n.Trunks)
	}
	if n.Rate > 0 {
		words = append(words, "at most "+number(n.Rate)+" MB/s")
	}
	if n.MTU > 0 {
		words = append(words, "MTU "+strconv.Itoa(n.MTU))
	}
	if n.Firewall {
		words = append(words, "firewall")
	}
	if n.LinkDown {
		words = append(words, "link down")
	}
	return strings.Join(words, ", ")
}

// asked is how its addresses are configured.
func (n nic) asked() string {
	var words []string
	one := func(kind, ip, gw string) {
		if ip == "" || ip == "manual" {
			return
		}
		word := kind + " " + ip
		switch ip {
		case "dhcp":
			word = kind + " by DHCP"
		case "auto":
			word = kind + " by SLAAC"
		}
		if gw != "" {
			word += " via " + gw
		}
		words = append(words, word)
	}
	one("IPv4", n.IP, n.GW)
	one("IPv6", n.IP6, n.GW6)
	return strings.Join(words, ", ")
}

func dns(c fleet.Config) string {
	return strings.TrimSpace(strings.Join([]string{c.Nameserver, c.SearchDomain}, " "))
}

// rate is bytes a second between two counters; ok is false when that cannot be told.
func rate(v *view, of func(fleet.Live) int64) (perSecond float64, ok bool) {
	now, before := v.Detail.Live, v.Detail.Before
	d := now.SeenAt.Sub(before.SeenAt).Seconds()
	if !v.running() || !now.Seen() || !before.Seen() || d < 1 || d > 60 || of(now.Value) < of(before.Value) {
		return 0, false
	}
	return float64(of(now.Value)-of(before.Value)) / d, true
}

func perSecond(f float64) string { return kit.Bytes(int64(math.Round(f))) + "/s" }

// level is how a bar of so many percent is coloured.
func level(percent float64) string {
	switch {
	case percent >= 90:
		return "bad"
	case percent >= 75:
		return "warn"
	}
	return ""
}

func percentOf(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole) * 100
}

func percentText(f float64) string {
	if f < 9.95 {
		return strconv.FormatFloat(float64(int(f*10+0.5))/10, 'f', -1, 64) + " %"
	}
	return strconv.Itoa(int(f+0.5)) + " %"
}
