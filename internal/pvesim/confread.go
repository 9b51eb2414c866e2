package pvesim

import "strings"

var vmAudit = needs("/vms/{vmid}", "VM.Audit")

var configEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/config", perm: vmAudit, onNode: true, serve: readConfig, params: []param{
		nodeParam, vmidParam, optBool("current"), optStr("snapshot").as("pve-configid").upTo(40),
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/pending", perm: vmAudit, onNode: true, serve: readPending, params: []param{nodeParam, vmidParam}},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/config", perm: needsAny("/vms/{vmid}", "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"),
		onNode: true, protected: true, serve: writeConfig, params: configParams},
}

const hostileNotes = "<script>alert(1)</script>\n[a link](javascript:alert(1))\n<img src=x onerror=alert(1)>"

// shownValue is a value as answers have it; the fault markup-notes changes one.
func (cl *call) shownValue(key, value string) any {
	if key == "description" && cl.cluster.faultOn("markup-notes", cl.node) {
		value = hostileNotes
	}
	if key == "description" {
		value = strings.TrimSuffix(value, "\n") + "\n"
	}
	return jsonValue(key, value)
}

// readConfig has what is pending merged in, unless the current values are asked
// for.
func readConfig(cl *call) (any, error) {
	if cl.args["snapshot"] != "" && cl.args["current"] == "1" {
		const both = "cannot use 'snapshot' parameter with 'current'"
		return nil, badParams(map[string]string{"snapshot": both, "current": both})
	}
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	if snap := cl.args["snapshot"]; snap != "" {
		cl.args["snapname"] = snap
		return snapshotConfig(cl)
	}
	all := g.merged()
	if cl.args["current"] == "1" {
		all = g.conf
	}
	o := obj{{"digest", g.digest()}}
	for _, s := range all {
		o = o.with(s.key, cl.shownValue(s.key, s.value))
	}
	if cl.cluster.faultOn("markup-notes", g.node) {
		o = o.set("description", hostileNotes+"\n")
	}
	return o, nil
}

// readPending has one row per key, with what waits beside what is in force.
func readPending(cl *call) (any, error) {
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	rows := []obj{{{"key", "digest"}, {"value", g.digest()}}}
	for _, s := range g.conf {
		row := obj{{"key", s.key}, {"value", cl.shownValue(s.key, s.value)}}
		if ch, waits := g.pending[s.key]; waits && ch.remove {
			row = row.with("delete", 1)
		} else if waits {
			row = row.with("pending", cl.shownValue(s.key, ch.value))
		}
		rows = append(rows, row)
	}
	for _, key := range g.pendingKeys() {
		if ch := g.pending[key]; !g.conf.has(key) && !ch.remove {
			rows = append(rows, obj{{"key", key}, {"pending", cl.shownValue(key, ch.value)}})
		}
	}
	shuffle(rows)
	return rows, nil
}

var snapParam = str("snapname").as("pve-configid").upTo(40)
