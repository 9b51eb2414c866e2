package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

var (
	nodeAudit = needs("/nodes/{node}", "Sys.Audit")
	rootAudit = needs("/", "Sys.Audit")
)

// hostEndpoints tell of a node as a machine.
var hostEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/time", perm: nodeAudit, onNode: true, serve: nodeTime, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/dns", perm: nodeAudit, onNode: true, serve: nodeDNS, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/hosts", perm: nodeAudit, onNode: true, protected: true, serve: nodeHosts, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/network", perm: anybody, onNode: true, serve: listNetwork, params: []param{nodeParam, networkTypes}},
	{method: "GET", path: "/nodes/{node}/network/{iface}", perm: nodeAudit, onNode: true, serve: readNetwork, params: []param{nodeParam, str("iface").as("pve-iface").upTo(20).atLeast(2)}},
	{method: "GET", path: "/cluster/log", perm: anybody, serve: clusterLog, params: []param{optInt("max").from(1)}},
	{method: "GET", path: "/cluster/config/nodes", perm: rootAudit, serve: configNodes},
	{method: "POST", path: "/cluster/config", perm: checked(onlyRoot), protected: true, serve: alreadyCluster, params: []param{str("clustername").as("pve-node").upTo(15)}},
}

var networkTypes = optStr("type").of("bridge", "bond", "eth", "alias", "vlan", "fabric", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "vnet", "any_bridge", "any_local_bridge", "include_sdn").
	before9("bridge", "bond", "eth", "alias", "vlan", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "vnet", "any_bridge", "any_local_bridge")

func onlyRoot(cl *call) error {
	if cl.who != "root@pam" {
		return permissionDenied("user != root@pam")
	}
	return nil
}

func alreadyCluster(*call) (any, error) {
	return nil, failed("cluster config '/etc/pve/corosync.conf' already exists")
}

func nodeTime(cl *call) (any, error) {
	at := cl.node.date().Unix()
	return obj{{"timezone", "Etc/UTC"}, {"time", at}, {"localtime", at}}, nil
}

func nodeDNS(cl *call) (any, error) { return obj{{"dns1", "10.77.0.53"}}, nil }

func nodeHosts(cl *call) (any, error) {
	text := "127.0.0.1 localhost\n"
	for _, n := range cl.cluster.nodes {
		text += fmt.Sprintf("%s %s.local %s\n", n.Host(), n.spec.Name, n.spec.Name)
	}
	return obj{{"data", text}, {"digest", sha1Hex(text)}}, nil
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// network are the interfaces: a card, the bridge on it with the node's address,
// and a bridge for itself.
func (n *Node) network() []obj {
	bridge := func(name, ports string, priority int) obj {
		return obj{{"iface", name}, {"type", "bridge"}, {"bridge_ports", ports}, {"bridge_stp", "off"}, {"bridge_fd", text("0")}, {"active", 1}, {"autostart", 1},
			{"families", []string{"inet"}}, {"priority", priority}, {"method6", "manual"}}
	}
	first := bridge("vmbr0", "eno1", 4).with("method", "static").with("address", n.Host()).with("netmask", text("24")).with("cidr", n.Host()+"/24")
	return []obj{
		{{"iface", "eno1"}, {"type", "eth"}, {"exists", 1}, {"active", 1}, {"families", []string{"inet"}}, {"priority", 3}, {"method", "manual"}, {"method6", "manual"}},
		first, bridge("vmbr1", "", 5).with("method", "static").with("address", "10.88.0.1").with("netmask", text("24")).with("cidr", "10.88.0.1/24"),
	}
}

// get is a value, nil where the key is not there.
func (o obj) get(key string) any {
	for _, f := range o {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// listNetwork shows all with Sys.Audit on the node, else the bridges that one
// may use.
func listNetwork(cl *call) (any, error) {
	c, rows := cl.cluster, []obj{}
	audit := c.may(cl.who, "/nodes/"+cl.node.spec.Name, "Sys.Audit")
	kind := cl.args["type"]
	for _, row := range cl.node.network() {
		name, is := row.get("iface").(string), row.get("type").(string)
		any := strings.HasPrefix(kind, "any_") && is == "bridge" || kind == "include_sdn"
		if kind != "" && kind != is && !any {
			continue
		}
		if audit || is == "bridge" && c.mayAny(cl.who, "/sdn/zones/localnetwork/"+name, "SDN.Audit", "SDN.Use") {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func readNetwork(cl *call) (any, error) {
	list := cl.node.network()
	i := slices.IndexFunc(list, func(o obj) bool { return o.get("iface") == cl.args["iface"] })
	if i < 0 {
		return nil, badParam("iface", "interface does not exist")
	}
	return slices.DeleteFunc(list[i], func(f field) bool { return f.key == "iface" }), nil
}

func configNodes(cl *call) (any, error) {
	rows := []obj{}
	if cl.cluster.standalone {
		return rows, nil
	}
	for _, n := range cl.cluster.nodes {
		rows = append(rows, obj{{"node", n.spec.Name}, {"name", n.spec.Name}, {"nodeid", text(fmt.Sprint(n.index))}, {"ring0_addr", n.shownAddress()}, {"quorum_votes", text("1")}})
	}
	return rows, nil
}

// clusterLog is what the daemons told of tasks, the newest first; one sees
// one's own without Sys.Audit on /.
func clusterLog(cl *call) (any, error) {
	c, rows := cl.cluster, []obj{}
	all := c.may(cl.who, "/", "Sys.Audit")
	var list []*task
	for _, n := range c.nodes {
		list = append(list, n.told()...)
	}
	slices.SortFunc(list, func(a, b *task) int { return b.start.Compare(a.start) })
	most := 50
	if v := cl.args["max"]; v != "" {
		most = atoi(v)
	}
	uid := 2*len(list) + 100
	add := func(t *task, priority int, at int64, words string) {
		who := t.user
		if t.tok != "" {
			who += "!" + t.tok
		}
		if uid--; (all || who == cl.who) && len(rows) < most {
			rows = append(rows, obj{{"uid", text(fmt.Sprint(uid))}, {"id", fmt.Sprintf("%d:%s", uid, t.node.spec.Name)}, {"node", t.node.spec.Name}, {"pid", t.pid},
				{"pri", priority}, {"tag", "pvedaemon"}, {"time", at}, {"user", who}, {"msg", words}})
		}
	}
	for _, t := range list {
		if t.done {
			add(t, map[bool]int{true: 6, false: 3}[t.outcome() != "error"], t.end.Unix(), "end task "+t.upid+" "+t.exit)
		}
		add(t, 6, t.start.Unix(), "starting task "+t.upid)
	}
	return rows, nil
}
