package pvesim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var (
	nodeSyslog = needs("/nodes/{node}", "Sys.Syslog")
	logWindow  = []param{nodeParam, optInt("start").from(0), optInt("limit").from(0), optStr("since").like(logTime), optStr("until").like(logTime), optStr("service").upTo(128)}
)

const logTime = `^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?$`

// serviceEndpoints tell of what runs on a node beside guests.
var serviceEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/services", perm: nodeAudit, onNode: true, protected: true, serve: listServices, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/subscription", perm: anybody, onNode: true, serve: subscription, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/syslog", perm: nodeSyslog, onNode: true, protected: true, serve: syslog, params: logWindow},
	{method: "GET", path: "/nodes/{node}/netstat", perm: nodeAudit, onNode: true, serve: netstat, params: []param{nodeParam}},
	{method: "GET", path: "/cluster/ha/status/manager_status", perm: rootAudit, serve: managerStatus},
	{method: "GET", path: "/cluster/config/totem", perm: rootAudit, serve: readTotem},
}

// services by name: what they are, and whether they run.
var services = []struct {
	name, desc string
	runs       bool
}{
	{"chrony", "chrony, an NTP client/server", true}, {"corosync", "Corosync Cluster Engine", true}, {"cron", "Regular background program processing daemon", true},
	{"ksmtuned", "Kernel Samepage Merging (KSM) Tuning Daemon", true}, {"postfix", "Postfix Mail Transport Agent (main/default instance)", true},
	{"proxmox-firewall", "Proxmox nftables firewall", true}, {"pve-cluster", "The Proxmox VE cluster filesystem", true}, {"pve-firewall", "Proxmox VE firewall", true},
	{"pve-ha-crm", "PVE Cluster HA Resource Manager Daemon", true}, {"pve-ha-lrm", "PVE Local HA Resource Manager Daemon", true}, {"pvedaemon", "PVE API Daemon", true},
	{"pvefw-logger", "Proxmox VE firewall logger", true}, {"pveproxy", "PVE API Proxy Server", true}, {"pvescheduler", "Proxmox VE scheduler", true},
	{"pvestatd", "PVE Status Daemon", true}, {"qmeventd", "PVE Qemu Event Daemon", true}, {"spiceproxy", "PVE SPICE Proxy Server", true}, {"sshd", "OpenBSD Secure Shell server", true},
	{"syslog", "syslog.service", false}, {"systemd-journald", "Journal Service", true}, {"systemd-timesyncd", "systemd-timesyncd.service", false},
}

func listServices(cl *call) (any, error) {
	rows := []obj{}
	for _, s := range services {
		runs := s.runs && !(s.name == "corosync" && cl.cluster.standalone)
		row := obj{{"name", s.name}, {"service", s.name}, {"desc", s.desc}}
		switch {
		case runs:
			row = append(row, obj{{"state", "running"}, {"active-state", "active"}, {"unit-state", "enabled"}}...)
		case s.runs:
			row = append(row, obj{{"state", "dead"}, {"active-state", "inactive"}, {"unit-state", "enabled"}}...)
		default:
			row = append(row, obj{{"state", "dead"}, {"active-state", "inactive"}, {"unit-state", "not-found"}}...)
		}
		rows = append(rows, row)
	}
	shuffle(rows)
	return rows, nil
}

// subscription: there is none.
func subscription(cl *call) (any, error) {
	o := obj{{"status", "notfound"}, {"message", "There is no subscription key"}, {"url", "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"}}
	id := strings.ToUpper(sha1Hex(cl.node.spec.Name))[:32]
	return o.withIf(cl.cluster.may(cl.who, "/nodes/"+cl.node.spec.Name, "Sys.Audit"), "serverid", id), nil
}

// syslog has a line for the begin and the end of each task that is still told of.
func syslog(cl *call) (any, error) {
	var lines []string
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, at.UTC().Format("Jan 02 15:04:05 ")+cl.node.spec.Name+" pvedaemon[1107]: "+fmt.Sprintf(format, args...))
	}
	told := cl.node.told()
	for i := len(told) - 1; i >= 0; i-- {
		t := told[i]
		add(t.start, "<%s> starting task %s", t.user, t.upid)
		if t.done {
			add(t.end, "<%s> end task %s %s", t.user, t.upid, t.exit)
		}
	}
	if len(lines) == 0 {
		lines = []string{"no content"}
	}
	rows := []obj{}
	from, to := window(cl.args, len(lines), usualLimit)
	for i := from; i < to; i++ {
		rows = append(rows, obj{{"n", i + 1}, {"t", lines[i]}})
	}
	return counted{rows, len(lines)}, nil
}

// netstat counts, as text, what running guests have sent and got.
func netstat(cl *call) (any, error) {
	rows := []obj{}
	for _, g := range cl.cluster.sortedGuests() {
		if g.node == cl.node && g.running {
			v := g.numbersAt(cl.at, g.started)
			rows = append(rows, obj{{"vmid", text(g.id())}, {"dev", "net0"}, {"in", text(strconv.FormatInt(v.netin, 10))}, {"out", text(strconv.FormatInt(v.netout, 10))}})
		}
	}
	return rows, nil
}

func managerStatus(cl *call) (any, error) {
	quorate := "0"
	if cl.cluster.quorate() {
		quorate = "1"
	}
	return obj{{"manager_status", obj{{"node_status", obj{}}}}, {"quorum", obj{{"node", cl.via.spec.Name}, {"quorate", text(quorate)}}}}, nil
}

func readTotem(cl *call) (any, error) {
	if cl.cluster.standalone {
		return obj{}, nil
	}
	return cl.cluster.totem(), nil
}
