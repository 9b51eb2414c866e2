package pve

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/fleet"
)

// Resource is one row of GET /cluster/resources. Which fields are set depends
// on Type. Sizes are bytes; what was not told is zero, and Max… of zero means
// that no ratio can be given.
type Resource struct {
	Type string // "lxc", "qemu", "node", "storage", "pool", "sdn", "network"
	ID   string // "lxc/100", "node/pve1", "storage/pve1/local"
	Node string // PVE name; empty for pools

	VMID     fleet.VMID // of guests; else 0
	Name     string     // hostname of a guest; absent while its status is "unknown"
	Status   string     // "running", "stopped", "paused", "suspended", "unknown"; nodes: "online", "offline", "unknown"
	Template bool
	Lock     string
	Tags     []string
	Pool     string
	HAState  string

	// Numbers: cpu or memory were told. They are not for a node without Sys.Audit
	// on it, nor for a guest whose status is "unknown".
	Numbers   bool
	CPU       float64 // fraction of MaxCPU, never negative
	MaxCPU    float64 // may be fractional
	Mem       int64
	MaxMem    int64
	Disk      int64 // 0 for a stopped container
	MaxDisk   int64
	Uptime    time.Duration
	NetIn     int64 // since start
	NetOut    int64
	DiskRead  int64
	DiskWrite int64

	Storage string // of storages
	Shared  bool
	Content string
}

// Resources lists guests, nodes, storages and pools in one call. It needs no
// privilege, and silently leaves out what the caller may not see. Membership,
// lock, tags and pool are live; status and numbers lag up to 10 s.
func (c *Client) Resources(ctx context.Context) (List[Resource], error) {
	return list(ctx, c, get("reading the list of resources", "cluster", "resources"), resourceRow)
}

func resourceRow(v value) (Resource, bool) {
	r := Resource{
		Type: v.get("type").line(), ID: v.get("id").line(), Node: v.get("node").raw(), Name: name(v.get("name")),
		Status: v.get("status").line(), Template: v.get("template").bool(), Lock: v.get("lock").line(),
		Tags: tags(v.get("tags")), Pool: v.get("pool").line(), HAState: v.get("hastate").line(),
		CPU: v.get("cpu").fraction(), MaxCPU: v.get("maxcpu").fraction(), Mem: v.get("mem").size(), MaxMem: v.get("maxmem").size(),
		Disk: v.get("disk").size(), MaxDisk: v.get("maxdisk").size(), Uptime: v.get("uptime").seconds(),
		NetIn: v.get("netin").size(), NetOut: v.get("netout").size(),
		DiskRead: v.get("diskread").size(), DiskWrite: v.get("diskwrite").size(),
		Storage: v.get("storage").line(), Shared: v.get("shared").bool(), Content: v.get("content").line(),
	}
	r.Numbers = !v.get("maxmem").isNothing() || !v.get("cpu").isNothing()
	if r.Type == "" && r.ID != "" {
		r.Type, _, _ = strings.Cut(strings.TrimPrefix(r.ID, "/"), "/")
	}
	switch r.Type {
	case "":
		return Resource{}, false
	case "lxc", "qemu":
		var ok bool
		if r.VMID, ok = vmid(v.get("vmid")); !ok {
			_, after, _ := strings.Cut(r.ID, "/")
			r.VMID, ok = vmid(value{kind: text, text: after})
		}
		return r, ok && fleet.ValidNodeName(r.Node)
	case "node":
		return r, fleet.ValidNodeName(r.Node)
	}
	return r, r.Node == "" || fleet.ValidNodeName(r.Node)
}

// vmid reads a guest's number; ok is false outside of Proxmox's range.
func vmid(v value) (id fleet.VMID, ok bool) {
	n, ok := v.int()
	if !ok || n < int64(fleet.MinVMID) || n > int64(fleet.MaxVMID) {
		return 0, false
	}
	return fleet.VMID(n), true
}

// maxName is Proxmox's limit on a hostname.
const maxName = 255

func name(v value) string { return cut(v.line(), maxName) }

// tags splits what Proxmox joins by ";" (older versions also by "," or blanks); none is nil.
func tags(v value) []string {
	parts := strings.FieldsFunc(v.line(), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	if len(parts) == 0 {
		return nil
	}
	slices.Sort(parts)
	return slices.Clip(slices.Compact(parts))
}
