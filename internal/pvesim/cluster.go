package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

var clusterEndpoints = []endpoint{
	{method: "GET", path: "/cluster/resources", perm: anybody, serve: resources, params: []param{
		optStr("type").of("vm", "storage", "node", "sdn"),
	}},
	{method: "GET", path: "/cluster/status", perm: needs("/", "Sys.Audit"), protected: true, serve: clusterStatus},
	{method: "GET", path: "/cluster/tasks", perm: anybody, serve: clusterTasks},
	{method: "GET", path: "/cluster/nextid", perm: anybody, serve: nextID, params: []param{vmidParam.mayMiss()}},
	{method: "GET", path: "/cluster/config/join", perm: needs("/", "Sys.Audit"), serve: joinInfo, params: []param{nodeParam.mayMiss()}},
}

// unknownAfter is how long pmxcfs keeps the last values of a silent node.
const unknownAfter = 5 * time.Minute

// broadcastAt is the time of the newest pvestatd broadcast of a node.
func (c *Cluster) broadcastAt(n *Node, at time.Time) time.Time {
	lag := c.sim.cfg.LagTime
	if c.faultOn("list-steps-back", n) && at.Unix()%2 == 1 {
		at = at.Add(-max(lag, 2*time.Second))
	}
	if lag > 0 {
		phase := time.Duration(n.index) * lag / 3
		at = at.Add(phase).Truncate(lag).Add(-phase)
	}
	if since, dead := n.lastSign(); dead && since.Before(at) {
		return since
	}
	return at
}

func resources(cl *call) (any, error) {
	c, kind := cl.cluster, cl.args["type"]
	rows := []obj{}
	if kind == "" {
		rows = append(rows, c.poolRows(cl)...)
	}
	if kind == "" || kind == "vm" {
		rows = append(rows, c.guestRows(cl)...)
	}
	if kind == "" || kind == "node" {
		for _, n := range c.nodes {
			rows = append(rows, c.nodeRow(cl, n).with("cgroup-mode", 2))
		}
	}
	if kind == "" || kind == "storage" {
		rows = append(rows, c.storageRows(cl)...)
	}
	if kind == "" || kind == "sdn" && c.major == 8 {
		rows = append(rows, c.zoneRows(cl)...)
	}
	shuffle(rows)
	return rows, nil
}

func shuffle[T any](list []T) {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func (c *Cluster) guestRows(cl *call) []obj {
	lost := c.faultOn("permission-lost", cl.via)
	odd, markup, dots := c.faultOn("odd-rows", cl.via), c.faultOn("markup-names", cl.via), c.faultOn("dotdot-names", cl.via)
	rows := make([]obj, 0, len(c.guests))
	for _, g := range c.guests {
		if lost || !c.may(cl.who, "/vms/"+strconv.Itoa(g.vmid), "VM.Audit") {
			continue
		}
		row := c.guestRow(g, cl.at)
		switch {
		case odd:
			row = oddRow(g, row)
		case markup:
			row = markupRow(g, row)
		case dots && g.vmid%5 == 0:
			row = row.set("node", "../../"+g.node.spec.Name).set("name", "../../etc/passwd")
		}
		rows = append(rows, row)
	}
	return rows
}

// guestRow is a guest as the list has it: node, lock, tags and pool are live,
// the rest is as old as the node's last broadcast.
func (c *Cluster) guestRow(g *guest, at time.Time) obj {
	row := make(obj, 0, 24)
	row = append(row, obj{{"id", g.kind + "/" + strconv.Itoa(g.vmid)}, {"vmid", g.vmid}, {"type", g.kind}, {"node", g.node.spec.Name}}...)
	row = row.withIf(g.lock != "", "lock", g.lock)
	row = row.withIf(len(g.tags) > 0, "tags", strings.Join(g.tags, ";"))
	row = row.withIf(g.pool != "", "pool", g.pool)
	if g.ha != nil {
		row = row.with("hastate", g.ha.state)
	}
	seen := c.broadcastAt(g.node, at)
	m, known := g.seenAt(seen)
	shape := g.node.shape(at)
	if !known || shape == "unknown" {
		return row.with("status", "unknown")
	}
	row = append(row, obj{
		{"name", g.shownName(m.name)}, {"template", m.template},
		{"maxcpu", number(g.cpus())}, {"maxmem", g.mem}, {"maxdisk", g.disk},
	}...)
	if !m.running || shape == "stopped" {
		row = append(row, obj{{"status", "stopped"}, {"cpu", 0}, {"mem", 0}, {"disk", 0}, {"uptime", 0},
			{"netin", 0}, {"netout", 0}, {"diskread", 0}, {"diskwrite", 0}}...)
		return row.withIf(c.major >= 9, "memhost", 0)
	}
	v := g.numbersAt(seen, m.started)
	row = append(row, obj{{"status", "running"}, {"cpu", v.cpu}, {"mem", v.mem}, {"disk", v.disk}, {"uptime", v.uptime},
		{"netin", v.netin}, {"netout", v.netout}, {"diskread", v.diskread}, {"diskwrite", v.diskwrite}}...)
	return row.withIf(c.major >= 9, "memhost", 0)
}

// shownName is the hostname, or what PVE makes up without one.
func (g *guest) shownName(name string) string {
	if name == "" {
		return "CT" + strconv.Itoa(g.vmid)
	}
	return name
}

// number is a whole number where it is one.
func number(f float64) any {
	if f == float64(int64(f)) {
		return int64(f)
	}
	return f
}

// nodeRow is a node as lists have it. Its numbers need Sys.Audit; an offline
// one has lost those that move.
func (c *Cluster) nodeRow(cl *call, n *Node) obj {
	name := n.spec.Name
	row := obj{{"id", "node/" + name}, {"node", name}, {"type", "node"}, {"level", ""}, {"status", "online"}}
	offline := n.offline(cl.at)
	if offline {
		row = row.set("status", "offline")
	}
	if !c.may(cl.who, "/nodes/"+name, "Sys.Audit") || c.faultOn("permission-lost", cl.via) {
		return row
	}
	row = append(row, obj{{"maxcpu", n.spec.CPUs}, {"maxmem", n.memory()}, {"maxdisk", n.disk()}}...)
	if offline {
		return row
	}
	l := c.loadOf(n, c.broadcastAt(n, cl.at))
	return append(row, obj{{"cpu", l.cpu}, {"mem", l.mem}, {"disk", l.disk}, {"uptime", l.uptime}}...)
}

func (c *Cluster) poolRows(cl *call) []obj {
	rows := []obj{}
	for pool, members := range c.pools {
		if !c.may(cl.who, "/pool/"+pool, "Pool.Audit") {
			continue
		}
		row := obj{{"id", "/pool/" + pool}, {"pool", pool}, {"type", "pool"}}
		var cpu, maxcpu float64
		var mem, maxmem, uptime int64
		for vmid := range members {
			g := c.guests[vmid]
			if g == nil || !g.running {
				continue
			}
			v := g.numbersAt(c.broadcastAt(g.node, cl.at), g.started)
			cpu, maxcpu = cpu+v.cpu*g.cpus(), maxcpu+g.cpus()
			mem, maxmem, uptime = mem+v.mem, maxmem+g.mem, max(uptime, v.uptime)
		}
		if maxcpu > 0 {
			row = append(row, obj{{"cpu", cpu / maxcpu}, {"maxcpu", number(maxcpu)}, {"mem", mem}, {"maxmem", maxmem}, {"uptime", uptime}}...)
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *Cluster) zoneRows(cl *call) []obj {
	rows := []obj{}
	if !c.mayAny(cl.who, "/sdn/zones/localnetwork", "SDN.Audit", "SDN.Use") {
		return rows
	}
	for _, n := range c.nodes {
		name := n.spec.Name
		if c.major == 8 {
			rows = append(rows, obj{{"id", "sdn/" + name + "/localnetwork"}, {"node", name}, {"sdn", "localnetwork"}, {"status", "ok"}, {"type", "sdn"}})
			continue
		}
		rows = append(rows, obj{{"id", "network/" + name + "/zone/localnetwork"}, {"node", name}, {"network", "localnetwork"},
			{"network-type", "zone"}, {"status", "ok"}, {"type", "network"}})
	}
	return rows
}

func clusterStatus(cl *call) (any, error) {
	c := cl.cluster
	rows := []obj{}
	if !c.standalone {
		rows = append(rows, obj{{"type", "cluster"}, {"id", "cluster"}, {"name", c.name}, {"version", len(c.nodes)},
			{"nodes", len(c.nodes)}, {"quorate", c.quorate()}})
	}
	for _, n := range c.nodes {
		id := n.index
		if c.standalone {
			id = 0
		}
		row := obj{{"type", "node"}, {"id", "node/" + n.spec.Name}, {"name", n.shownMemberName()}, {"nodeid", id},
			{"ip", n.shownAddress()}, {"online", !n.offline(cl.at)}, {"local", n == cl.via}, {"level", ""}}
		if c.faultOn("odd-rows", cl.via) {
			row = oddMember(n, row)
		}
		rows = append(rows, row)
	}
	shuffle(rows)
	return rows, nil
}

func nextID(cl *call) (any, error) {
	c := cl.cluster
	if v := cl.args["vmid"]; v != "" {
		if c.guests[atoi(v)] != nil {
			return nil, badParam("vmid", "VM "+v+" already exists")
		}
		return text(v), nil
	}
	id := 100
	for c.guests[id] != nil {
		id++
	}
	return text(strconv.Itoa(id)), nil
}

func joinInfo(cl *call) (any, error) {
	c := cl.cluster
	if c.standalone {
		return nil, &apiError{status: 424, message: "node is not in a cluster, no join info available!\n"}
	}
	list, names := []obj{}, []string{}
	for _, n := range c.nodes {
		ip := n.shownAddress()
		list = append(list, obj{{"name", n.shownMemberName()}, {"nodeid", text(strconv.Itoa(n.index))}, {"ring0_addr", ip}, {"pve_addr", ip},
			{"pve_fp", n.Fingerprint()}, {"quorum_votes", text("1")}})
		names = append(names, n.spec.Name)
	}
	slices.Sort(names)
	sum := sha1.Sum([]byte(c.name + strings.Join(names, ",")))
	preferred := cl.via.spec.Name
	if v := cl.args["node"]; v != "" {
		preferred = v
	}
	return obj{
		{"nodelist", list}, {"preferred_node", preferred}, {"config_digest", hex.EncodeToString(sum[:])},
		{"totem", c.totem()},
	}, nil
}

// totem is corosync's own section.
func (c *Cluster) totem() obj {
	return obj{
		{"cluster_name", c.name}, {"config_version", text(strconv.Itoa(len(c.nodes)))}, {"version", text("2")},
		{"interface", obj{{"0", obj{{"linknumber", text("0")}}}}}, {"ip_version", "ipv4-6"}, {"link_mode", "passive"},
		{"secauth", "on"}, {"token_coefficient", text("125")},
	}
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// set replaces a value, or adds it.
func (o obj) set(key string, value any) obj {
	for i := range o {
		if o[i].key == key {
			o[i].value = value
			return o
		}
	}
	return o.with(key, value)
}
