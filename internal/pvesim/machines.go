package pvesim

import (
	"fmt"
	"strconv"
)

// machineEndpoints are the reads of virtual machines that lists of a whole
// fleet need; nothing can be done with them here.
var machineEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/qemu", perm: anybody, onNode: true, protected: true, serve: listMachines, params: []param{nodeParam, optBool("full")}},
	{method: "GET", path: "/nodes/{node}/qemu/{vmid}/config", perm: vmAudit, onNode: true, serve: machineConfig,
		params: []param{nodeParam, vmidParam, optBool("current"), optStr("snapshot").as("pve-configid").upTo(40)}},
	{method: "GET", path: "/nodes/{node}/qemu/{vmid}/status/current", perm: vmAudit, onNode: true, protected: true, serve: machineStatus, params: []param{nodeParam, vmidParam}},
	{method: "GET", path: "/cluster/ha/resources", perm: rootAudit, serve: haResources, params: []param{optStr("type").of("ct", "vm")}},
	{method: "GET", path: "/cluster/ha/status/current", perm: rootAudit, serve: haNow},
	{method: "GET", path: "/cluster/backup-info/not-backed-up", perm: rootAudit, protected: true, serve: notBackedUp},
	{method: "GET", path: "/nodes/{node}/capabilities/qemu/cpu", perm: anybody, onNode: true, serve: cpuModels, params: []param{nodeParam}},
}

// machine finds the one of the path on the node that answers.
func (cl *call) machine() (*guest, error) {
	g := cl.cluster.guests[atoi(cl.args["vmid"])]
	if g == nil || g.node != cl.node || g.kind != "qemu" {
		return nil, failed("Configuration file 'nodes/%s/qemu-server/%s.conf' does not exist", cl.node.spec.Name, cl.args["vmid"])
	}
	return g, nil
}

func (cl *call) machineRow(g *guest) obj {
	row := obj{{"vmid", g.vmid}, {"name", g.name}, {"cpus", g.cores}, {"maxmem", g.mem}, {"maxdisk", g.disk}, {"disk", 0}}
	row = row.withIf(g.template, "template", 1).withIf(g.lock != "", "lock", g.lock)
	if !g.running {
		return append(row, obj{{"status", "stopped"}, {"cpu", 0}, {"mem", 0}, {"uptime", 0}, {"netin", 0}, {"netout", 0}, {"diskread", 0}, {"diskwrite", 0}}...)
	}
	v := g.numbersAt(cl.at, g.started)
	return append(row, obj{{"status", "running"}, {"pid", g.pid}, {"cpu", max(v.cpu, 0)}, {"mem", v.mem}, {"uptime", v.uptime},
		{"netin", v.netin}, {"netout", v.netout}, {"diskread", v.diskread}, {"diskwrite", v.diskwrite}}...)
}

func listMachines(cl *call) (any, error) {
	rows := []obj{}
	for _, g := range cl.cluster.guests {
		if g.node == cl.node && g.kind == "qemu" && cl.cluster.may(cl.who, "/vms/"+g.id(), "VM.Audit") {
			rows = append(rows, cl.machineRow(g))
		}
	}
	shuffle(rows)
	return rows, nil
}

func machineStatus(cl *call) (any, error) {
	g, err := cl.machine()
	if err != nil {
		return nil, err
	}
	state := map[bool]string{true: "running", false: "stopped"}[g.running]
	return cl.machineRow(g).with("qmpstatus", state).with("ha", g.haStatus()), nil
}

func machineConfig(cl *call) (any, error) {
	g, err := cl.machine()
	if err != nil {
		return nil, err
	}
	if snap := cl.args["snapshot"]; snap != "" {
		return nil, failed("snapshot '%s' does not exist", snap)
	}
	return obj{
		{"digest", g.digest()}, {"name", g.name}, {"cores", g.cores}, {"sockets", 1}, {"memory", text(strconv.FormatInt(g.mem>>20, 10))}, {"ostype", "l26"},
		{"scsihw", "virtio-scsi-single"}, {"boot", "order=scsi0;net0"}, {"net0", "virtio=" + g.mac + ",bridge=vmbr0"},
		{"scsi0", fmt.Sprintf("local-lvm:vm-%d-disk-0,size=%dG", g.vmid, g.disk>>30)},
	}, nil
}

// haResources are what the HA manager keeps.
func haResources(cl *call) (any, error) {
	rows := []obj{}
	for _, g := range cl.cluster.sortedGuests() {
		kind := map[string]string{"lxc": "ct", "qemu": "vm"}[g.kind]
		if g.ha != nil && (cl.args["type"] == "" || cl.args["type"] == kind) {
			rows = append(rows, obj{{"sid", kind + ":" + g.id()}, {"type", kind}, {"state", g.ha.state}, {"digest", emptyDigest}}.withIf(g.ha.group != "", "group", g.ha.group))
		}
	}
	return rows, nil
}

func haNow(cl *call) (any, error) {
	c, via := cl.cluster, cl.via.spec.Name
	quorum := obj{{"id", "quorum"}, {"type", "quorum"}, {"node", via}, {"status", "OK"}, {"quorate", 1}}
	if !c.quorate() {
		quorum = quorum.set("status", "No quorum on node '"+via+"'!").set("quorate", 0)
	}
	rows := []obj{quorum}
	managed := false
	for _, g := range c.sortedGuests() {
		if g.ha == nil {
			continue
		}
		managed = true
		sid := map[string]string{"lxc": "ct:", "qemu": "vm:"}[g.kind] + g.id()
		rows = append(rows, obj{{"id", "service:" + sid}, {"type", "service"}, {"sid", sid}, {"node", g.node.spec.Name}, {"state", g.ha.state}, {"request_state", g.ha.state},
			{"crm_state", g.ha.state}, {"status", fmt.Sprintf("%s (%s, %s)", sid, g.node.spec.Name, g.ha.state)}})
	}
	if c.major >= 9 && !managed {
		rows = append(rows, obj{{"id", "fencing"}, {"type", "fencing"}, {"node", via}, {"armed-state", "standby"}, {"status", "standby (CRM watchdog standby)"}})
	}
	return rows, nil
}

// notBackedUp are all guests, as no backup jobs are here.
func notBackedUp(cl *call) (any, error) {
	rows := []obj{}
	for _, g := range cl.cluster.guests {
		if cl.cluster.may(cl.who, "/vms/"+g.id(), "VM.Audit") {
			rows = append(rows, obj{{"vmid", g.vmid}, {"type", g.kind}, {"name", g.shownName(g.name)}})
		}
	}
	return rows, nil
}

func cpuModels(*call) (any, error) {
	rows := []obj{}
	for name, vendor := range map[string]string{"host": "default", "max": "default", "kvm64": "default", "qemu64": "default", "x86-64-v2-AES": "default", "x86-64-v3": "default",
		"EPYC": "AuthenticAMD", "EPYC-Rome": "AuthenticAMD", "EPYC-Milan": "AuthenticAMD", "Haswell": "GenuineIntel", "Skylake-Server": "GenuineIntel", "Icelake-Server": "GenuineIntel"} {
		rows = append(rows, obj{{"name", name}, {"vendor", vendor}, {"custom", 0}})
	}
	return rows, nil
}
