package pvesim

import "strings"

// directories are the parts of the API that only list what lies below, each row
// under its own key. A plus marks what came with version 9.
var directories = []struct {
	path, key, names string
}{
	{"/", "subdir", "version cluster nodes storage access pools"},
	{"/access", "subdir", "users groups roles acl domains openid tfa ticket password"},
	{"/cluster", "name", "acme backup backup-info +bulk-action ceph config firewall ha jobs log mapping metrics notifications nextid options +qemu replication resources status tasks sdn"},
	{"/cluster/bulk-action", "name", "+guest"},
	{"/cluster/acme", "name", "account tos meta directories plugins challenge-schema"},
	{"/cluster/backup-info", "subdir", "not-backed-up"},
	{"/cluster/bulk-action/guest", "name", "+start +shutdown +migrate +suspend"},
	{"/cluster/firewall", "name", "groups rules ipset aliases options macros refs"},
	{"/cluster/mapping", "name", "dir pci usb"},
	{"/cluster/metrics", "name", "server export"},
	{"/cluster/notifications", "name", "endpoints matchers targets matcher-fields matcher-field-values"},
	{"/cluster/qemu", "name", "+cpu-flags +custom-cpu-models"},
	{"/cluster/ha", "id", "status resources groups +rules"},
	{"/cluster/ha/status", "name", "current manager_status +arm-ha +disarm-ha"},
	{"/cluster/jobs", "subdir", "schedule-analyze realm-sync"},
	{"/cluster/notifications/endpoints", "name", "gotify sendmail smtp webhook"},
	{"/nodes/{node}", "name", "aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts journal lxc migrateall netstat network qemu +query-oci-repo-tags" +
		" query-url-metadata replication report rrd rrddata scan sdn services spiceshell startall status stopall storage subscription suspendall syslog tasks termproxy time" +
		" version vncshell vzdump wakeonlan"},
	{"/nodes/{node}/apt", "id", "changelog repositories update versions"},
	{"/nodes/{node}/capabilities", "name", "qemu"},
	{"/nodes/{node}/capabilities/qemu", "name", "cpu +cpu-flags machines +migration"},
	{"/nodes/{node}/certificates", "name", "acme custom info"},
	{"/nodes/{node}/disks", "name", "initgpt list smart lvm lvmthin directory wipedisk zfs"},
	{"/nodes/{node}/firewall", "name", "rules options log"},
	{"/nodes/{node}/hardware", "type", "pci usb"},
	{"/nodes/{node}/scan", "method", "cifs iscsi lvm nfs pbs zfs"},
	{"/nodes/{node}/lxc/{vmid}/firewall", "name", "rules aliases ipset refs log options"},
	{"/nodes/{node}/lxc/{vmid}/snapshot/{snapname}", "cmd", "rollback config"},
}

func indexEndpoints() []endpoint {
	var list []endpoint
	for _, d := range directories {
		list = append(list, endpoint{method: "GET", path: d.path, perm: anybody, params: pathParams(d.path), serve: func(cl *call) (any, error) {
			return listNames(cl.cluster.major, d.key, d.names), nil
		}})
	}
	return list
}

// pathParams are the parameters that a path has within.
func pathParams(path string) []param {
	params := []param{}
	for _, p := range []param{nodeParam, vmidParam, snapParam} {
		if strings.Contains(path, "{"+p.name+"}") {
			params = append(params, p)
		}
	}
	return params
}

func listNames(major int, key, names string) []obj {
	rows := []obj{}
	for _, name := range strings.Fields(names) {
		name, newer := strings.CutPrefix(name, "+")
		if !newer || major >= 9 {
			rows = append(rows, obj{{key, name}})
		}
	}
	return rows
}
