package pve

import (
	"context"
	"math"
	"strings"
	"time"

	"berth/internal/fleet"
)

// Node is one row of GET /nodes.
type Node struct {
	Name        string
	Status      string // "online", "offline", "unknown"
	Fingerprint string // SHA-256 of the leaf that it serves
	CPU         float64
	CPUs        int
	Mem, MaxMem int64
	Uptime      time.Duration
}

// Nodes lists the members, to any login; numbers need Sys.Audit on the node.
func (c *Client) Nodes(ctx context.Context) (List[Node], error) {
	return list(ctx, c, get("reading the list of nodes", "nodes"), func(v value) (Node, bool) {
		n := Node{Name: v.get("node").raw(), Status: v.get("status").line(), Fingerprint: strings.ToUpper(v.get("ssl_fingerprint").line()),
			CPU: v.get("cpu").fraction(), CPUs: count(v.get("maxcpu")), Mem: v.get("mem").size(), MaxMem: v.get("maxmem").size(),
			Uptime: v.get("uptime").seconds()}
		return n, fleet.ValidNodeName(n.Name)
	})
}

func count(v value) int { return int(min(v.size(), math.MaxInt32)) }

// NodeStatus is what a node says of itself.
type NodeStatus struct {
	Version     string // "9.2.11"
	Kernel      string
	CPU         float64 // fraction of CPUs
	CPUs        int
	CPUModel    string
	Load        [3]float64 // over 1, 5 and 15 minutes
	Mem, MaxMem int64
	Swap        int64
	MaxSwap     int64
	Disk        int64 // of the root file system
	MaxDisk     int64
	Uptime      time.Duration
}

// NodeStatus needs Sys.Audit on the node.
func (c *Client) NodeStatus(ctx context.Context, node string) (NodeStatus, error) {
	call, err := getNode("reading the state of "+node, node, "status")
	if err != nil {
		return NodeStatus{}, err
	}
	v, err := c.tree(ctx, call)
	if err != nil {
		return NodeStatus{}, err
	}
	if v.kind != object {
		return NodeStatus{}, c.oddAnswer(call.doing)
	}
	s := NodeStatus{
		Kernel: v.get("current-kernel").get("release").line(), CPU: v.get("cpu").fraction(),
		CPUs: count(v.get("cpuinfo").get("cpus")), CPUModel: v.get("cpuinfo").get("model").line(),
		Mem: v.get("memory").get("used").size(), MaxMem: v.get("memory").get("total").size(),
		Swap: v.get("swap").get("used").size(), MaxSwap: v.get("swap").get("total").size(),
		Disk: v.get("rootfs").get("used").size(), MaxDisk: v.get("rootfs").get("total").size(),
		Uptime: v.get("uptime").seconds(),
	}
	s.Version = managerVersion(v.get("pveversion").line())
	for i, l := range v.get("loadavg").items {
		if i < len(s.Load) {
			s.Load[i] = l.fraction()
		}
	}
	return s, nil
}

// managerVersion reads "pve-manager/9.2.11/14a22df35955d97d".
func managerVersion(s string) string {
	if parts := strings.Split(s, "/"); len(parts) >= 2 {
		return parts[1]
	}
	return s
}

// Package is a package of Proxmox's own on a node.
type Package struct {
	Name    string
	Version string // the installed one
}

// AptVersions lists the versions of Proxmox's packages; it needs Sys.Audit on the node.
func (c *Client) AptVersions(ctx context.Context, node string) ([]Package, error) {
	call, err := getNode("reading the versions of "+node, node, "apt", "versions")
	if err != nil {
		return nil, err
	}
	l, err := list(ctx, c, call, func(v value) (Package, bool) {
		p := Package{Name: v.get("Package").line(), Version: v.get("OldVersion").line()}
		if p.Version == "" {
			p.Version = v.get("Version").line()
		}
		return p, p.Name != ""
	})
	return l.Rows, err
}
