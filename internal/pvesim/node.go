package pvesim

import (
	"strconv"
	"time"
)

var nodeEndpoints = []endpoint{
	{method: "GET", path: "/nodes", perm: anybody, serve: listNodes},
	{method: "GET", path: "/nodes/{node}/version", perm: anybody, onNode: true, serve: version, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/status", perm: needs("/nodes/{node}", "Sys.Audit"), onNode: true, serve: nodeStatus, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/certificates/info", perm: anybody, onNode: true, protected: true, serve: certificates, params: []param{nodeParam}},
	{method: "GET", path: "/nodes/{node}/apt/versions", perm: needs("/nodes/{node}", "Sys.Audit"), onNode: true, serve: packageVersions, params: []param{nodeParam}},
}

func listNodes(cl *call) (any, error) {
	rows := []obj{}
	for _, n := range cl.cluster.nodes {
		rows = append(rows, cl.cluster.nodeRow(cl, n).with("ssl_fingerprint", n.Fingerprint()))
	}
	shuffle(rows)
	return rows, nil
}

func (n *Node) memory() int64 { return int64(n.spec.MemGiB)<<30 - 310<<20 }
func (n *Node) disk() int64   { return int64(n.spec.CPUs) * 60 << 30 }

// nodeLoad is what a node reports of itself.
type nodeLoad struct {
	cpu       float64
	mem, disk int64
	uptime    int64
}

// loadOf adds up what runs on the node, and something for the host itself.
func (c *Cluster) loadOf(n *Node, at time.Time) nodeLoad {
	seed := mix(uint64(n.index), uint64(len(n.spec.Name)))
	cpu := 0.08 + 0.2*noise(seed, float64(at.Unix())/60)
	mem := float64(int64(1500) << 20)
	for _, g := range c.guests {
		if g.node == n && g.running {
			v := g.numbersAt(at, g.started)
			cpu += max(v.cpu, 0) * g.cpus()
			mem += float64(v.mem)
		}
	}
	return nodeLoad{
		cpu:    min(cpu/float64(n.spec.CPUs), 1),
		mem:    min(int64(mem), n.memory()*97/100),
		disk:   int64(float64(n.disk()) * (0.3 + 0.1*noise(seed, float64(at.Unix())/86400))),
		uptime: int64(at.Sub(n.boot).Seconds()),
	}
}

func nodeStatus(cl *call) (any, error) {
	n := cl.node
	l := cl.cluster.loadOf(n, cl.at)
	kernel := "6.17.2-1-pve"
	if cl.cluster.major == 8 {
		kernel = "6.8.12-11-pve"
	}
	built := "#1 SMP PREEMPT_DYNAMIC PMX " + kernel[:len(kernel)-4]
	avg := func(f float64) string { return strconv.FormatFloat(l.cpu*float64(n.spec.CPUs)*f, 'f', 2, 64) }
	v := cl.cluster.version
	repo := "14a22df35955d97d"
	if cl.cluster.major == 8 {
		repo = "b6ab2ae6c9f8d3e1"
	}
	return obj{
		{"cpu", l.cpu}, {"wait", 0}, {"idle", 0}, {"uptime", l.uptime},
		{"loadavg", []string{avg(1.1), avg(1), avg(0.9)}},
		{"memory", obj{{"total", n.memory()}, {"used", l.mem}, {"free", n.memory() - l.mem}, {"available", n.memory() - l.mem}}},
		{"swap", obj{{"total", int64(8) << 30}, {"used", 0}, {"free", int64(8) << 30}}},
		{"rootfs", obj{{"total", n.disk()}, {"used", l.disk}, {"free", n.disk() - l.disk}, {"avail", n.disk() - l.disk}}},
		{"pveversion", "pve-manager/" + v + "/" + repo},
		{"kversion", "Linux " + kernel + " " + built},
		{"current-kernel", obj{{"sysname", "Linux"}, {"release", kernel}, {"version", built}, {"machine", "x86_64"}}},
		{"boot-info", obj{{"mode", "efi"}, {"secureboot", 0}}},
		{"ksm", obj{{"shared", 0}}},
		{"cpuinfo", obj{
			{"cpus", n.spec.CPUs}, {"cores", max(n.spec.CPUs/2, 1)}, {"sockets", 1}, {"model", "AMD Ryzen 7 5700G with Radeon Graphics"},
			{"mhz", text("3800.000")}, {"hvm", text("1")}, {"vendor", "AuthenticAMD"}, {"family", text("25")}, {"user_hz", 100}, {"flags", "fpu vme de pse tsc msr pae mce cx8 apic sep"},
		}},
	}, nil
}

// certificates has the cluster's CA in full and the node's own leaf; what a
// fault makes the node serve instead stands there as a custom one.
func certificates(cl *call) (any, error) {
	ca, n := cl.cluster.ca, cl.node
	leaf := n.leaf.Load()
	list := []obj{certInfo("pve-root-ca.pem", ca.cert, ca.pem)}
	name := "pve-ssl.pem"
	if leaf.cert.CheckSignatureFrom(ca.cert) != nil {
		own, err := ca.issue(n.spec.Name, n.Host())
		if err != nil {
			return nil, err
		}
		list = append(list, certInfo(name, own.cert, own.pem))
		name = "pveproxy-ssl.pem"
	}
	return append(list, certInfo(name, leaf.cert, leaf.pem)), nil
}

func packageVersions(cl *call) (any, error) {
	versions := [][2]string{{"pve-manager", cl.cluster.version}, {"pve-container", "6.1.5"}, {"libpve-access-control", "9.1.2"}, {"proxmox-ve", "9.2.0"}, {"lxc-pve", "6.0.5-4"}}
	if cl.cluster.major == 8 {
		versions = [][2]string{{"pve-manager", cl.cluster.version}, {"pve-container", "5.2.7"}, {"libpve-access-control", "8.2.2"}, {"proxmox-ve", "8.4.0"}, {"lxc-pve", "6.0.0-1"}}
	}
	list := []obj{}
	for _, v := range versions {
		list = append(list, obj{{"Package", v[0]}, {"Title", v[0]}, {"Version", v[1]}, {"OldVersion", v[1]}, {"CurrentState", "Installed"},
			{"Arch", "all"}, {"Origin", "Proxmox"}, {"Section", "admin"}, {"Priority", "optional"}, {"Description", v[0]}})
	}
	return list, nil
}
