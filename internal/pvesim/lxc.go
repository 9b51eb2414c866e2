package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var skiplock = optBool("skiplock")

var lxcEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc", perm: anybody, onNode: true, protected: true, serve: listContainers, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/status/current", perm: needs("/vms/{vmid}", "VM.Audit"), onNode: true, protected: true,
		serve: currentStatus, params: []param{nodeParam, vmidParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/config", perm: needs("/vms/{vmid}", "VM.Audit"), onNode: true, serve: readConfig, params: []param{
		nodeParam, vmidParam, optBool("current"), optStr("snapshot").as("pve-configid").upTo(40),
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/interfaces", perm: needs("/vms/{vmid}", "VM.Audit"), onNode: true, protected: true,
		serve: interfaces, params: []param{nodeParam, vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/start", perm: needs("/vms/{vmid}", "VM.PowerMgmt"), onNode: true, protected: true,
		serve: startCall, params: []param{nodeParam, vmidParam, skiplock, optBool("debug")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/stop", perm: needs("/vms/{vmid}", "VM.PowerMgmt"), onNode: true, protected: true,
		serve: stopCall, params: []param{nodeParam, vmidParam, skiplock, optBool("overrule-shutdown")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/shutdown", perm: needs("/vms/{vmid}", "VM.PowerMgmt"), onNode: true, protected: true,
		serve: shutdownCall, params: []param{nodeParam, vmidParam, optInt("timeout").from(0), optBool("forceStop")}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/status/reboot", perm: needs("/vms/{vmid}", "VM.PowerMgmt"), onNode: true, protected: true,
		serve: rebootCall, params: []param{nodeParam, vmidParam, optInt("timeout").from(0)}},
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
		for i, key := range []string{"pressurecpusome", "pressurecpufull", "pressureiosome", "pressureiofull", "pressurememorysome", "pressurememoryfull"} {
			row = row.with(key, text(strconv.FormatFloat(max(v.cpu, 0)*unit(g.seed, uint64(i+20)), 'f', 2, 64)))
		}
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
	return olderTypes(cl.cluster.major, g.liveRow(cl.cluster.major, cl.at)).with("ha", obj{{"managed", 0}}), nil
}

func readConfig(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	if snap := cl.args["snapshot"]; snap != "" {
		return nil, failed("snapshot '%s' does not exist", snap)
	}
	o := obj{
		{"arch", "amd64"}, {"ostype", g.ostype}, {"cores", g.cores}, {"memory", g.mem >> 20}, {"swap", g.swap >> 20},
		{"unprivileged", 1}, {"features", "nesting=1"},
		{"rootfs", fmt.Sprintf("local-lvm:vm-%d-disk-0,size=%dG", g.vmid, g.disk>>30)},
	}
	if g.address != "" {
		o = o.with("net0", fmt.Sprintf("name=eth0,bridge=vmbr0,gw=10.77.0.1,hwaddr=%s,ip=%s,type=veth", g.mac, g.address))
	}
	o = o.withIf(g.name != "", "hostname", g.name)
	o = o.withIf(g.cpulimit > 0, "cpulimit", text(strconv.FormatFloat(g.cpulimit, 'g', -1, 64)))
	o = o.withIf(len(g.tags) > 0, "tags", strings.Join(g.tags, ";"))
	o = o.withIf(g.lock != "", "lock", g.lock)
	o = o.withIf(g.onboot, "onboot", 1)
	o = o.withIf(g.template, "template", 1)
	o = o.withIf(g.protection, "protection", 1)
	notes := g.description
	if cl.cluster.faultOn("markup-notes", g.node) {
		notes = "<script>alert(1)</script>\n[a link](javascript:alert(1))\n<img src=x onerror=alert(1)>"
	}
	o = o.withIf(notes != "", "description", notes+"\n")
	sum := sha1.Sum([]byte(fmt.Sprint(g.vmid, g.name, g.tags, g.lock, g.cores, g.mem, g.disk, notes)))
	return o.with("digest", hex.EncodeToString(sum[:])), nil
}

// interfaces is null for a container that does not run, or is not there.
func interfaces(cl *call) (any, error) {
	g := cl.cluster.guests[atoi(cl.args["vmid"])]
	if g == nil || g.node != cl.node || !g.running {
		return nil, nil
	}
	mac := strings.ToLower(g.mac)
	list := []obj{nic("lo", "00:00:00:00:00:00", "127.0.0.1/8", "::1/128")}
	b := byte(g.seed >> 24)
	six := fmt.Sprintf("fe80::be24:11ff:fe%02x:%x/64", b, g.vmid)
	return append(list, nic("eth0", mac, g.address, six)), nil
}

func nic(name, mac, four, six string) obj {
	o := obj{{"name", name}, {"hwaddr", mac}, {"hardware-address", mac}}
	list := []obj{}
	for _, a := range []struct{ kind, cidr string }{{"inet", four}, {"inet6", six}} {
		ip, prefix, ok := strings.Cut(a.cidr, "/")
		if !ok {
			continue
		}
		o = o.with(a.kind, a.cidr)
		list = append(list, obj{{"ip-address", ip}, {"ip-address-type", a.kind}, {"prefix", text(prefix)}})
	}
	return o.with("ip-addresses", list)
}
