package pvesim

import "slices"

// emptyDigest is the checksum of a configuration that is not there.
const emptyDigest = "da39a3ee5e6b4b0d3255bfef95601890afd80709"

// unused are reads of features that nobody has set up here: they answer as on a
// node without, with an empty list unless it says otherwise.
var unused = []endpoint{
	{path: "/access/openid", perm: anybody, serve: names("subdir", "auth-url login")},
	{path: "/access/tfa", perm: anybody, serve: noTFA},
	{path: "/cluster/acme/account", perm: anybody},
	{path: "/cluster/acme/plugins", perm: needs("/", "Sys.Modify"), serve: list(obj{{"plugin", "standalone"}, {"type", "standalone"}, {"digest", emptyDigest}})},
	{path: "/cluster/acme/directories", perm: anybody, serve: list(obj{{"name", "Let's Encrypt V2"}, {"url", "https://acme-v02.api.letsencrypt.org/directory"}},
		obj{{"name", "Let's Encrypt V2 Staging"}, {"url", "https://acme-staging-v02.api.letsencrypt.org/directory"}})},
	{path: "/cluster/backup", perm: rootAudit},
	{path: "/cluster/ceph/status", perm: needsAny("/", "Sys.Audit", "Datastore.Audit"), serve: noCeph},
	{path: "/cluster/config", perm: rootAudit, serve: names("name", "nodes totem join qdevice apiversion")},
	{path: "/cluster/config/apiversion", perm: rootAudit, serve: func(*call) (any, error) { return 1, nil }},
	{path: "/cluster/config/qdevice", perm: rootAudit, serve: object(obj{})},
	{path: "/cluster/firewall/options", perm: rootAudit, serve: object(obj{{"digest", emptyDigest}})},
	{path: "/cluster/firewall/rules", perm: rootAudit},
	{path: "/cluster/firewall/groups", perm: anybody},
	{path: "/cluster/firewall/aliases", perm: rootAudit},
	{path: "/cluster/firewall/ipset", perm: rootAudit},
	{path: "/cluster/firewall/refs", perm: rootAudit},
	{path: "/cluster/ha/groups", perm: rootAudit, serve: noHAGroups},
	{path: "/cluster/ha/rules", perm: rootAudit},
	{path: "/cluster/jobs/realm-sync", perm: rootAudit},
	{path: "/cluster/mapping/pci", perm: anybody},
	{path: "/cluster/mapping/usb", perm: anybody},
	{path: "/cluster/mapping/dir", perm: anybody},
	{path: "/cluster/metrics/server", perm: rootAudit},
	{path: "/cluster/replication", perm: anybody},
	{path: "/cluster/notifications/endpoints/gotify", perm: anybody},
	{path: "/cluster/notifications/endpoints/smtp", perm: anybody},
	{path: "/cluster/notifications/endpoints/webhook", perm: anybody},
	{path: "/cluster/qemu/custom-cpu-models", perm: anybody, since: 9},
	{path: "/cluster/sdn", perm: needs("/sdn", "SDN.Audit"), serve: names("id", "vnets zones controllers ipams dns +fabrics")},
	{path: "/cluster/sdn/controllers", perm: anybody},
	{path: "/cluster/sdn/dns", perm: anybody},
	{path: "/cluster/sdn/vnets", perm: anybody},
	{path: "/cluster/sdn/zones", perm: anybody},
	{path: "/cluster/sdn/ipams", perm: anybody, serve: list(obj{{"ipam", "pve"}, {"type", "pve"}, {"digest", emptyDigest}})},
	{path: "/cluster/sdn/fabrics/fabric", perm: anybody},
	{path: "/nodes/{node}/apt/update", perm: needs("/nodes/{node}", "Sys.Modify"), onNode: true, protected: true},
	{path: "/nodes/{node}/certificates/acme", perm: anybody, serve: names("name", "certificate")},
	{path: "/nodes/{node}/disks/zfs", perm: nodeAudit, onNode: true, protected: true},
	{path: "/nodes/{node}/disks/directory", perm: nodeAudit, onNode: true, protected: true},
	{path: "/nodes/{node}/hardware/usb", perm: needs("/", "Sys.Modify"), onNode: true, protected: true},
	{path: "/nodes/{node}/ceph/status", perm: needsAny("/", "Sys.Audit", "Datastore.Audit"), onNode: true, protected: true, serve: noCeph},
	{path: "/nodes/{node}/config", perm: rootAudit, onNode: true, serve: object(obj{})},
	{path: "/nodes/{node}/firewall/options", perm: nodeAudit, onNode: true, serve: object(obj{{"digest", emptyDigest}})},
	{path: "/nodes/{node}/firewall/rules", perm: nodeAudit, onNode: true},
	{path: "/nodes/{node}/replication", perm: anybody, onNode: true, protected: true},
	{path: "/nodes/{node}/sdn/zones", perm: anybody, onNode: true},
	{path: "/nodes/{node}/lxc/{vmid}/firewall/aliases", perm: vmAudit},
	{path: "/nodes/{node}/lxc/{vmid}/firewall/ipset", perm: vmAudit},
	{path: "/nodes/{node}/lxc/{vmid}/firewall/rules", perm: vmAudit},
	{path: "/nodes/{node}/lxc/{vmid}/firewall/options", perm: vmAudit, onNode: true, serve: object(obj{{"digest", emptyDigest}})},
	{path: "/nodes/{node}/lxc/{vmid}/firewall/refs", perm: vmAudit, params: []param{nodeParam, vmidParam, optStr("type").of("alias", "ipset")}},
}

// emptyEndpoints are they as rows of the table.
func emptyEndpoints() []endpoint {
	rows := slices.Clone(unused)
	for i := range rows {
		ep := &rows[i]
		ep.method = "GET"
		if ep.params == nil {
			ep.params = pathParams(ep.path)
		}
		if ep.serve == nil {
			ep.serve = list()
		}
	}
	return rows
}

func list(rows ...obj) func(*call) (any, error) {
	return func(*call) (any, error) { return append([]obj{}, rows...), nil }
}

func object(o obj) func(*call) (any, error) {
	return func(*call) (any, error) { return o, nil }
}

func names(key, all string) func(*call) (any, error) {
	return func(cl *call) (any, error) { return listNames(cl.cluster.major, key, all), nil }
}

func noCeph(*call) (any, error) { return nil, failed("binary not installed: /usr/bin/ceph-mon") }

// noHAGroups tells that groups became rules with 9.
func noHAGroups(cl *call) (any, error) {
	if cl.cluster.major >= 9 {
		return nil, failed("cannot index groups: ha groups have been migrated to rules")
	}
	return []obj{}, nil
}

// noTFA lists the accounts that one may see, with what they have as a second
// factor.
func noTFA(cl *call) (any, error) {
	rows := []obj{}
	for id, u := range cl.cluster.users {
		if id != cl.who && !cl.cluster.mayAny(cl.who, "/access/groups", "User.Modify", "Sys.Audit") {
			continue
		}
		entries := []obj{}
		if u.totp != "" {
			entries = append(entries, obj{{"id", "totp"}, {"type", "totp"}, {"description", ""}, {"created", cl.cluster.started.Unix()}})
		}
		if len(u.recovery) > 0 {
			entries = append(entries, obj{{"id", "recovery"}, {"type", "recovery"}, {"description", "recovery"}, {"created", cl.cluster.started.Unix()}})
		}
		if len(entries) > 0 {
			rows = append(rows, obj{{"userid", id}, {"entries", entries}}.withIf(u.locked, "totp-locked", raw("true")))
		}
	}
	return rows, nil
}
