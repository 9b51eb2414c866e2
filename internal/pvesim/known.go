package pvesim

import "slices"

// known are the calls of the official API that are not simulated: who may not,
// or asks wrongly, is refused as by Proxmox; everybody else is told that the
// method is not implemented, which is the truth here.
var known = []endpoint{
	{method: "POST", path: "/access/domains", perm: needs("/access/realm", "Realm.Allocate"), protected: true, open: true},
	{method: "DELETE", path: "/access/domains/{realm}", perm: needs("/access/realm", "Realm.Allocate"), protected: true, params: []param{str("realm").as("pve-realm").upTo(32)}},
	{method: "PUT", path: "/access/domains/{realm}", perm: needs("/access/realm", "Realm.Allocate"), protected: true, open: true},
	{method: "POST", path: "/access/domains/{realm}/sync", perm: both(needs("/access/realm/{realm}", "Realm.AllocateUser"), needs("/access/groups", "User.Modify")), protected: true, params: []param{
		optBool("dry-run"), optBool("enable-new"), optBool("full"), optBool("purge"), str("realm").as("pve-realm").upTo(32),
		optStr("remove-vanished").like("(?:(?:(?:acl|properties|entry);)*(?:acl|properties|entry))|none"), optStr("scope").of("users", "groups", "both"),
	}},
	{method: "GET", path: "/access/users/{userid}/tfa", perm: permission{kind: "token-owner"}, protected: true, params: []param{optBool("multiple"), userParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/firewall/aliases", perm: vmNetwork, protected: true, params: []param{
		str("cidr").as("IPorCIDR"), optStr("comment"), firewallName, nodeParam, vmidParam,
	}},
	{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", perm: vmNetwork, protected: true, params: []param{
		digestParam, firewallName, nodeParam, vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", perm: vmAudit, params: []param{firewallName, nodeParam, vmidParam}},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", perm: vmNetwork, protected: true, params: []param{
		str("cidr").as("IPorCIDR"), optStr("comment"), digestParam, firewallName, nodeParam,
		firewallRename, vmidParam,
	}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset", perm: vmNetwork, protected: true, params: []param{
		optStr("comment"), digestParam, firewallName, nodeParam, firewallRename,
		vmidParam,
	}},
	{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", perm: vmNetwork, protected: true, params: []param{
		optBool("force"), firewallName, nodeParam, vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", perm: vmAudit, params: []param{firewallName, nodeParam, vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", perm: vmNetwork, protected: true, params: []param{
		str("cidr").as("IPorCIDRorAlias"), optStr("comment"), firewallName, nodeParam, optBool("nomatch"), vmidParam,
	}},
	{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", perm: vmNetwork, protected: true, params: []param{
		str("cidr").as("IPorCIDRorAlias"), digestParam, firewallName, nodeParam, vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", perm: vmAudit, protected: true, params: []param{
		str("cidr").as("IPorCIDRorAlias"), firewallName, nodeParam, vmidParam,
	}},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", perm: vmNetwork, protected: true, params: []param{
		str("cidr").as("IPorCIDRorAlias"), optStr("comment"), digestParam, firewallName, nodeParam, optBool("nomatch"), vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/firewall/log", perm: vmConsole, onNode: true, protected: true, params: []param{
		optInt("limit").from(0), nodeParam, optInt("since").from(0), optInt("start").from(0), optInt("until").from(0), vmidParam,
	}},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/firewall/options", perm: vmNetwork, onNode: true, protected: true, params: []param{
		optStr("delete").as("pve-configid-list"), optBool("dhcp"), digestParam, optBool("enable"), optBool("ipfilter"),
		optStr("log_level_in").of("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"),
		optStr("log_level_out").of("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"), optBool("macfilter"), optBool("ndp"), nodeParam,
		optStr("policy_in").of("ACCEPT", "REJECT", "DROP"), optStr("policy_out").of("ACCEPT", "REJECT", "DROP"), optBool("radv"), vmidParam,
	}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/firewall/rules", perm: vmNetwork, protected: true, params: []param{
		str("action").like(`[A-Za-z][A-Za-z0-9\-\_]+`).upTo(20).atLeast(2), optStr("comment"), optStr("dest").as("pve-fw-addr-spec").upTo(512), digestParam,
		optStr("dport").as("pve-fw-dport-spec"), optInt("enable").from(0), optStr("icmp-type").as("pve-fw-icmp-type-spec"), optStr("iface").as("pve-iface").upTo(20).atLeast(2),
		optStr("log").of("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"), optStr("macro").upTo(128), nodeParam, optInt("pos").from(0),
		optStr("proto").as("pve-fw-protocol-spec"), optStr("source").as("pve-fw-addr-spec").upTo(512), optStr("sport").as("pve-fw-sport-spec"),
		str("type").of("in", "out", "forward", "group"), vmidParam,
	}},
	{method: "DELETE", path: "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", perm: vmNetwork, protected: true, params: []param{digestParam, nodeParam, optInt("pos").from(0), vmidParam}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", perm: vmAudit, params: []param{nodeParam, optInt("pos").from(0), vmidParam}},
	{method: "PUT", path: "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", perm: vmNetwork, protected: true, params: []param{
		optStr("action").like(`[A-Za-z][A-Za-z0-9\-\_]+`).upTo(20).atLeast(2), optStr("comment"), optStr("delete").as("pve-configid-list"),
		optStr("dest").as("pve-fw-addr-spec").upTo(512), digestParam, optStr("dport").as("pve-fw-dport-spec"), optInt("enable").from(0),
		optStr("icmp-type").as("pve-fw-icmp-type-spec"), optStr("iface").as("pve-iface").upTo(20).atLeast(2),
		optStr("log").of("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"), optStr("macro").upTo(128), optInt("moveto").from(0), nodeParam,
		optInt("pos").from(0), optStr("proto").as("pve-fw-protocol-spec"), optStr("source").as("pve-fw-addr-spec").upTo(512), optStr("sport").as("pve-fw-sport-spec"),
		optStr("type").of("in", "out", "forward", "group"), vmidParam,
	}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/mtunnel", perm: both(needs("/vms/{vmid}", "VM.Allocate"), needs("/", "Sys.Incoming")), protected: true, params: []param{
		optStr("bridges").as("pve-bridge-id-list"), nodeParam, optStr("storages").as("pve-storage-id-list"), vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/mtunnelwebsocket", perm: anybody, params: []param{nodeParam, str("socket"), str("ticket"), vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/remote_migrate", perm: needs("/vms/{vmid}", "VM.Migrate"), onNode: true, protected: true, params: []param{
		optNum("bwlimit").from(0), optBool("delete"), nodeParam, optBool("online"), optBool("restart"), str("target-bridge").as("bridge-pair-list"),
		str("target-endpoint").as("proxmox-remote"), str("target-storage").as("storage-pair-list"), optInt("target-vmid").as("pve-vmid").from(100).to(999999999),
		optInt("timeout"), vmidParam,
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/rrd", perm: vmAudit, protected: true, params: []param{
		optStr("cf").of("AVERAGE", "MAX"), str("ds").as("pve-configid-list"), nodeParam, str("timeframe").of("hour", "day", "week", "month", "year"), vmidParam,
	}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/spiceproxy", perm: vmConsole, onNode: true, protected: true, params: []param{nodeParam, optStr("proxy").as("address"), vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/termproxy", perm: vmConsole, protected: true, params: []param{nodeParam, vmidParam}},
	{method: "POST", path: "/nodes/{node}/lxc/{vmid}/vncproxy", perm: vmConsole, protected: true, params: []param{
		optInt("height").from(16).to(2160), nodeParam, vmidParam, optBool("websocket"), optInt("width").from(16).to(4096),
	}},
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/vncwebsocket", perm: vmConsole, params: []param{
		nodeParam, param{name: "port", typ: "integer"}.from(5900).to(5999), vmidParam, str("vncticket").upTo(512),
	}},
	{method: "DELETE", path: "/nodes/{node}/network", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, params: []param{nodeParam}},
	{method: "POST", path: "/nodes/{node}/network", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, open: true},
	{method: "PUT", path: "/nodes/{node}/network", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, params: []param{nodeParam, optBool("regenerate-frr").newIn9()}},
	{method: "DELETE", path: "/nodes/{node}/network/{iface}", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, params: []param{
		str("iface").as("pve-iface").upTo(20).atLeast(2), nodeParam,
	}},
	{method: "PUT", path: "/nodes/{node}/network/{iface}", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, open: true},
	{method: "GET", path: "/nodes/{node}/query-url-metadata", perm: seesNetwork, onNode: true, params: []param{nodeParam, str("url").like("https?://.*"), optBool("verify-certificates")}},
	{method: "POST", path: "/nodes/{node}/status", perm: needs("/nodes/{node}", "Sys.PowerMgmt"), onNode: true, protected: true, params: []param{
		str("command").of("reboot", "shutdown"), nodeParam,
	}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/content", perm: needs("/storage/{storage}", "Datastore.AllocateSpace"), onNode: true, protected: true, params: []param{
		str("filename"), optStr("format").of("raw", "qcow2", "subvol", "vmdk").with("size"), nodeParam, str("size").like(`\d+[MG]?`), storageParam, vmidParam,
	}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/content/{volume}", perm: anybody, onNode: true, protected: true, params: []param{
		nodeParam, storageParam.mayMiss(), str("target"), optStr("target_node").as("pve-node"), str("volume"),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/file-restore/download", perm: anybody, onNode: true, protected: true, params: []param{
		str("filepath"), nodeParam, storageParam, optBool("tar"), str("volume"),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/file-restore/list", perm: anybody, onNode: true, protected: true, params: []param{
		str("filepath"), nodeParam, storageParam, str("volume"),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/identity", perm: storageRead, onNode: true, protected: true, since: 9, params: []param{nodeParam, storageParam}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/import-metadata", perm: anybody, onNode: true, protected: true, params: []param{nodeParam, storageParam, str("volume")}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/oci-registry-pull", perm: both(makesTemplates, needs("/nodes/{node}", "Sys.AccessNetwork")), onNode: true, protected: true, since: 9, params: []param{
		optStr("filename").upTo(255).atLeast(1), nodeParam,
		str("reference").like(`^(?:(?:[a-zA-Z\d]|[a-zA-Z\d][a-zA-Z\d-]*[a-zA-Z\d])(?:\.(?:[a-zA-Z\d]|[a-zA-Z\d][a-zA-Z\d-]*[a-zA-Z\d]))*(?::\d+)?/)?[a-z\d]+(?:(?:[._]|__|[-]*)[a-z\d]+)*(?:/[a-z\d]+(?:(?:[._]|__|[-]*)[a-z\d]+)*)*:\w[\w.-]{0,127}$`),
		storageParam,
	}},
	{method: "DELETE", path: "/nodes/{node}/storage/{storage}/prunebackups", perm: anybody, onNode: true, protected: true, params: []param{
		nodeParam, optStr("prune-backups").as("prune-backups"), storageParam, optStr("type").of("qemu", "lxc"), vmidParam.mayMiss(),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/prunebackups", perm: storageRead, onNode: true, protected: true, params: []param{
		nodeParam, optStr("prune-backups").as("prune-backups"), storageParam, optStr("type").of("qemu", "lxc"), vmidParam.mayMiss(),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/rrd", perm: storageRead, onNode: true, protected: true, params: []param{
		optStr("cf").of("AVERAGE", "MAX"), str("ds").as("pve-configid-list"), nodeParam, storageParam, str("timeframe").of("hour", "day", "week", "month", "year"),
	}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/upload", perm: makesTemplates, protected: true, params: []param{
		optStr("checksum").with("checksum-algorithm"), optStr("checksum-algorithm").of("md5", "sha1", "sha224", "sha256", "sha384", "sha512").with("checksum"),
		str("content").as("pve-storage-content").of("iso", "vztmpl", "import"), str("filename").upTo(255), nodeParam, storageParam,
		optStr("tmpfilename").like("/var/tmp/pveupload-[0-9a-f]+"),
	}},
	{method: "POST", path: "/nodes/{node}/termproxy", perm: needs("/nodes/{node}", "Sys.Console"), protected: true, params: []param{
		optStr("cmd").of("ceph_install", "login", "upgrade").before9("ceph_install", "upgrade", "login"), optStr("cmd-opts").with("cmd"), nodeParam,
	}},
	{method: "PUT", path: "/nodes/{node}/time", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true, params: []param{nodeParam, str("timezone")}},
	{method: "GET", path: "/nodes/{node}/vncwebsocket", perm: needs("/nodes/{node}", "Sys.Console"), params: []param{
		nodeParam, param{name: "port", typ: "integer"}.from(5900).to(5999), str("vncticket").upTo(512),
	}},
	{method: "POST", path: "/storage", perm: needs("/storage", "Datastore.Allocate"), protected: true, open: true},
	{method: "DELETE", path: "/storage/{storage}", perm: needs("/storage", "Datastore.Allocate"), protected: true, params: []param{storageParam}},
	{method: "PUT", path: "/storage/{storage}", perm: needs("/storage", "Datastore.Allocate"), protected: true, open: true},
}

var (
	vmNetwork      = needs("/vms/{vmid}", "VM.Config.Network")
	vmConsole      = needs("/vms/{vmid}", "VM.Console")
	makesTemplates = needs("/storage/{storage}", "Datastore.AllocateTemplate")
	digestParam    = optStr("digest").upTo(64)
	firewallName   = str("name").like(`[A-Za-z][A-Za-z0-9\-\_]+`).upTo(64).atLeast(2)
	firewallRename = optStr("rename").like(firewallName.pattern).upTo(64).atLeast(2)

	// seesNetwork is who may make a node look something up outside.
	seesNetwork = checked(func(cl *call) error {
		if cl.cluster.may(cl.who, "/", "Sys.Audit", "Sys.Modify") {
			return nil
		}
		return cl.cluster.permit(&endpoint{perm: needs("/nodes/{node}", "Sys.AccessNetwork")}, cl)
	})
)

// both wants one permission and the other.
func both(list ...permission) permission {
	return checked(func(cl *call) error {
		for _, p := range list {
			if err := cl.cluster.permit(&endpoint{perm: p}, cl); err != nil {
				return err
			}
		}
		return nil
	})
}

func knownEndpoints() []endpoint {
	rows := slices.Clone(known)
	for i := range rows {
		ep := &rows[i]
		ep.serve = func(cl *call) (any, error) { return nil, notImplemented(ep.method, fill(ep.path, cl.args)) }
	}
	return rows
}
