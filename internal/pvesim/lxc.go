package pvesim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var skiplock = optBool("skiplock")

var lxcEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc", perm: anybody, onNode: true, protected: true, serve: listContainers, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/status/current", perm: vmAudit, onNode: true, protected: true,
		serve: currentStatus, params: []param{nodeParam, vmidParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/interfaces", perm: vmAudit, onNode: true, protected: true,
		serve: interfaces, params: []param{nodeParam, vmidParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}", perm: anybody, onNode: true, serve: containerIndex, params: []param{nodeParam, vmidParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/status", perm: anybody, onNode: true, serve: statusIndex, params: []param{nodeParam, vmidParam}},
	destroyEndpoint, createEndpoint, cloneEndpoint, templateEndpoint,
}

// container finds the container on the node that answers, or says what reading
// its configuration file would.
func (cl *call) container() (*guest, error) {
	vmid := cl.args["vmid"]
	g := cl.cluster.guests[atoi(vmid)]
	if g == nil || g.node != cl.node || g.kind != "lxc" {
		return nil, missing(cl.node, vmid)
	}
	return g, nil
}

func missingText(n *Node, vmid string) string {
	return fmt.Sprintf("Configuration file 'nodes/%s/lxc/%s.conf' does not exist", n.spec.Name, vmid)
}

func missing(n *Node, vmid string) error { return failed("%s", missingText(n, vmid)) }

func listContainers(cl *call) (any, error) {
	c, rows := cl.cluster, []obj{}
	for _, g := range c.guests {
		if g.node == cl.node && g.kind == "lxc" && c.may(cl.who, "/vms/"+strconv.Itoa(g.vmid), "VM.Audit") && !c.faultOn("permission-lost", cl.via) {
			rows = append(rows, olderTypes(c.major, g.liveRow(c.major, cl.at)))
		}
	}
	shuffle(rows)
	return slow{rows, c.sim.scaled(time.Duration(len(rows)) * 5 * time.Millisecond)}, nil
}

// liveRow is a container as its own node sees it now.
func (g *guest) liveRow(major int, at time.Time) obj {
	row := obj{
		{"vmid", g.vmid}, {"type", "lxc"}, {"name", g.shownName(g.name)}, {"cpus", number(g.cpus())},
		{"maxmem", g.mem}, {"maxswap", g.swap}, {"maxdisk", g.disk}, {"swap", 0},
	}
	row = row.withIf(g.template, "template", 1)
	row = row.withIf(g.lock != "", "lock", g.lock)
	row = row.withIf(len(g.tags) > 0, "tags", strings.Join(g.tags, ";"))
	if !g.running {
		return append(row, obj{{"status", "stopped"}, {"cpu", 0}, {"mem", 0}, {"disk", 0}, {"uptime", 0},
			{"netin", 0}, {"netout", 0}, {"diskread", 0}, {"diskwrite", 0}}...)
	}
	v := g.numbersAt(at, g.started)
	row = append(row, obj{{"status", "running"}, {"pid", g.pid}, {"cpu", v.cpu}, {"mem", v.mem}, {"disk", v.disk}, {"uptime", v.uptime},
		{"netin", v.netin}, {"netout", v.netout}, {"diskread", v.diskread}, {"diskwrite", v.diskwrite}}...)
	if major >= 9 {
		row = append(row, pressures(v.cpu, g.seed, pressureText)...)
	}
	return row
}

// olderTypes turns into strings what PVE 8 sends so: the id and what it read from
// files.
func olderTypes(major int, row obj) obj {
	if major >= 9 {
		return row
	}
	for i, f := range row {
		switch n := f.value.(type) {
		case int:
			if f.key == "vmid" || f.key == "pid" {
				row[i].value = text(strconv.Itoa(n))
			}
		case int64:
			if f.key == "disk" || f.key == "maxdisk" {
				row[i].value = text(strconv.FormatInt(n, 10))
			}
		}
	}
	return row
}

func currentStatus(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	return olderTypes(cl.cluster.major, g.liveRow(cl.cluster.major, cl.at)).with("ha", g.haStatus()), nil
}

func containerIndex(cl *call) (any, error) {
	return cl.index("config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy", "migrate", "clone", "rrd", "rrddata", "firewall", "snapshot", "resize", "interfaces")
}

func statusIndex(cl *call) (any, error) {
	return cl.index("current", "start", "stop", "shutdown", "reboot", "migrate")
}

// index lists what lies below a container that is there.
func (cl *call) index(names ...string) (any, error) {
	if _, err := cl.container(); err != nil {
		return nil, err
	}
	rows := []obj{}
	for _, name := range names {
		rows = append(rows, obj{{"subdir", name}})
	}
	return rows, nil
}
