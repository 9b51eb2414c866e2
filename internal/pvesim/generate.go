package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// roleOfHost is a kind of container that people run at home.
type roleOfHost struct {
	name   string
	tags   string
	cores  int
	memMiB int
	disk   int
	load   float64
}

var usualHosts = []roleOfHost{
	{"nginx-proxy", "prod web", 2, 512, 8, 0.04}, {"pihole", "dns prod", 1, 256, 4, 0.02},
	{"postgres", "db prod", 4, 4096, 32, 0.12}, {"grafana", "monitoring", 2, 1024, 10, 0.05},
	{"prometheus", "monitoring", 2, 2048, 40, 0.15}, {"gitea", "dev", 2, 1024, 20, 0.03},
	{"jellyfin", "media", 4, 4096, 16, 0.25}, {"nextcloud", "prod web", 4, 4096, 200, 0.1},
	{"homeassistant", "iot prod", 2, 2048, 32, 0.08}, {"mosquitto", "iot", 1, 128, 2, 0.005},
	{"vaultwarden", "prod", 1, 256, 4, 0.003}, {"redis", "db", 1, 512, 4, 0.03},
	{"build-runner", "dev", 8, 8192, 60, 0.35}, {"paperless", "docs", 2, 2048, 50, 0.04},
	{"unifi", "network", 2, 1024, 12, 0.06}, {"wireguard", "network prod", 1, 128, 2, 0.01},
	{"syncthing", "backup", 2, 512, 500, 0.02}, {"minecraft", "games", 4, 6144, 24, 0.3},
	{"test-debian", "dev", 1, 512, 8, 0.001}, {"mail-relay", "mail prod", 1, 512, 8, 0.01},
	{"loki", "monitoring", 2, 1024, 30, 0.07}, {"wiki", "docs web", 1, 512, 6, 0.01},
}

var osTypes = []string{"debian", "debian", "debian", "ubuntu", "alpine", "fedora"}

// generate fills a cluster from its specification. VMIDs count up from 100.
func (c *Cluster) generate(seed uint64, spec ClusterSpec, now time.Time) {
	for _, pool := range spec.Pools {
		c.pools[pool] = map[int]bool{}
	}
	next := 100
	for _, ns := range spec.Nodes {
		n := c.Node(ns.Name)
		for _, cs := range ns.CTs {
			c.addContainer(n, seed, cs, now)
		}
	}
	for _, ns := range spec.Nodes {
		n := c.Node(ns.Name)
		for i := range ns.Containers + ns.VMs {
			for c.guests[next] != nil {
				next++
			}
			cs := usualContainer(mix(seed, uint64(next)), next)
			if i < ns.Containers {
				furnish(&cs, mix(seed, uint64(next), 5), !spec.Standalone && spec.size() < 200)
			}
			g := c.addContainer(n, seed, cs, now)
			if i >= ns.Containers {
				g.kind = "qemu"
				g.set("hostname", fmt.Sprintf("vm-%d", g.vmid))
			}
		}
	}
}

// size is how many generated containers there are.
func (spec ClusterSpec) size() int {
	n := 0
	for _, ns := range spec.Nodes {
		n += ns.Containers
	}
	return n
}

// usualContainer makes up a container of a home lab: most run, some are
// stopped, a few are locked.
func usualContainer(seed uint64, vmid int) ContainerSpec {
	h := usualHosts[mix(seed, 1)%uint64(len(usualHosts))]
	name := h.name
	if vmid >= 100+len(usualHosts) || unit(seed, 2) < 0.3 {
		name = fmt.Sprintf("%s-%d", h.name, vmid)
	}
	cs := ContainerSpec{
		VMID: vmid, Name: name, Tags: strings.Fields(h.tags), Cores: h.cores,
		MemMiB: h.memMiB, SwapMiB: h.memMiB / 2, DiskGiB: h.disk, CPU: h.load * (0.3 + unit(seed, 3)),
		Running: unit(seed, 4) < 0.78,
	}
	if unit(seed, 5) < 0.1 {
		cs.CPULimit = float64(h.cores) - 0.5
	}
	if unit(seed, 6) < 0.2 {
		cs.Tags = nil
	}
	if unit(seed, 7) < 0.03 {
		cs.Lock = []string{"backup", "snapshot", "migrate"}[mix(seed, 8)%3]
	}
	return cs
}

// addContainer puts a container on a node, with what the specification leaves
// open chosen by the seed.
func (c *Cluster) addContainer(n *Node, seed uint64, cs ContainerSpec, now time.Time) *guest {
	s := mix(seed, uint64(cs.VMID), 77)
	g := &guest{
		vmid: cs.VMID, kind: "lxc", node: n, seed: s, pool: cs.Pool, docker: cs.Docker, suspended: cs.Suspended,
		load: orFloat(cs.CPU, 0.002+0.1*unit(s, 2)), memFill: orFloat(cs.MemUsed, 0.2+0.5*unit(s, 3)),
		diskFill: orFloat(cs.DiskUsed, 0.1+0.6*unit(s, 4)),
		mac:      fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(s), byte(s>>8), byte(s>>16)),
		pid:      2000 + int(s%60000), history: orDuration(cs.History, 400*24*time.Hour), born: now,
	}
	if cs.HA != "" {
		g.ha = &haState{state: cs.HA}
	}
	g.configure(cs)
	if cs.Running && !cs.Template {
		up := cs.Uptime
		if up == 0 {
			up = time.Duration(float64(20*24*time.Hour)*unit(s, 5)) + time.Minute
		}
		g.running, g.started = true, now.Add(-up)
	}
	if g.pool != "" {
		if c.pools[g.pool] == nil {
			c.pools[g.pool] = map[int]bool{}
		}
		c.pools[g.pool][g.vmid] = true
	}
	g.record(time.Time{})
	c.guests[g.vmid] = g
	return g
}

// configure writes the configuration file of a specification.
func (g *guest) configure(cs ContainerSpec) {
	name := cs.Name
	switch name {
	case "":
		name = fmt.Sprintf("ct-%d", cs.VMID)
	case "-":
		name = ""
	}
	g.disk = int64(orInt(cs.DiskGiB, 8)) << 30
	for key, value := range map[string]string{
		"arch": "amd64", "ostype": osTypes[mix(g.seed, 1)%uint64(len(osTypes))], "unprivileged": "1", "features": "nesting=1",
		"cores": strconv.Itoa(max(cs.Cores, 1)), "memory": strconv.Itoa(orInt(cs.MemMiB, 512)), "swap": strconv.Itoa(cs.SwapMiB),
		"rootfs":   fmt.Sprintf("%s,size=%dG", g.node.cluster.rootStorage().volume(cs.VMID, 0, cs.Template), orInt(cs.DiskGiB, 8)),
		"hostname": name, "lock": cs.Lock, "description": cs.Description, "tags": strings.Join(tidyTags(cs.Tags), ";"), "net0": g.firstNet(cs.Address),
	} {
		if value != "" {
			g.conf.set(key, value)
		}
	}
	for key, on := range map[string]bool{"template": cs.Template, "protection": cs.Protection, "onboot": cs.Running} {
		if on {
			g.conf.set(key, "1")
		}
	}
	if cs.CPULimit > 0 {
		g.conf.set("cpulimit", strconv.FormatFloat(cs.CPULimit, 'g', -1, 64))
	}
	for key, value := range cs.Config {
		g.conf.set(key, g.normal(key, value))
	}
	for key, value := range cs.Pending {
		g.putPending(key, change{value: g.normal(key, value), remove: value == ""})
	}
	g.mirror()
}

// firstNet is the line of the usual first interface; "-" wants none.
func (g *guest) firstNet(address string) string {
	if address == "-" {
		return ""
	}
	if address == "" {
		address = fmt.Sprintf("10.77.%d.%d/16", g.vmid/200%256, g.vmid%200+10)
	}
	return fmt.Sprintf("name=eth0,bridge=vmbr0,gw=10.77.0.1,hwaddr=%s,ip=%s,type=veth", g.mac, address)
}

// tidyTags sorts, lowers and deduplicates as PVE stores them.
func tidyTags(tags []string) []string {
	list := make([]string, 0, len(tags))
	for _, t := range tags {
		list = append(list, strings.ToLower(t))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func orInt(v, other int) int {
	if v == 0 {
		return other
	}
	return v
}

func orFloat(v, other float64) float64 {
	if v == 0 {
		return other
	}
	return v
}

func orDuration(v, other time.Duration) time.Duration {
	if v == 0 {
		return other
	}
	return v
}
