package pve

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"berth/internal/fleet"
)

// Guest is a container as its own node tells of it: live, unlike Resource.
// Sizes are bytes; what was not told is zero.
type Guest struct {
	VMID     fleet.VMID
	Name     string
	Status   string // "running", "stopped"
	Template bool
	Lock     string
	Tags     []string
	CPU      float64 // fraction of CPUs, never negative
	CPUs     float64
	Mem      int64
	MaxMem   int64
	Disk     int64 // 0 when stopped
	MaxDisk  int64
	Uptime   time.Duration
	PID      int // of its first process, on the node; 0 when it does not run
	Swap     int64
	MaxSwap  int64
	// Since its start.
	NetIn, NetOut, DiskRead, DiskWrite int64
	Pressure                           fleet.Pressure // missing where the node tells none
	// HA is told by Current alone: whether the cluster's HA manages the container, and its state there.
	HAManaged bool
	HAState   string
}

// Live is the guest as a noun of the fleet.
func (g Guest) Live() fleet.Live {
	return fleet.Live{
		Name: g.Name, Status: fleet.ParseStatus(g.Status), Template: g.Template, Lock: g.Lock, Tags: g.Tags, PID: g.PID,
		CPU: g.CPU, CPUs: g.CPUs, Mem: g.Mem, MaxMem: g.MaxMem, Swap: g.Swap, MaxSwap: g.MaxSwap, Disk: g.Disk, MaxDisk: g.MaxDisk,
		Uptime: g.Uptime, NetIn: g.NetIn, NetOut: g.NetOut, DiskRead: g.DiskRead, DiskWrite: g.DiskWrite,
		HAManaged: g.HAManaged, HAState: g.HAState, Pressure: g.Pressure,
	}
}

// NodeLXC lists the containers of a node. It needs VM.Audit on each, is live,
// and slow: about a quarter of a second for fifteen.
func (c *Client) NodeLXC(ctx context.Context, node string) (List[Guest], error) {
	call, err := getNode("reading the containers of "+node, node, "lxc")
	if err != nil {
		return List[Guest]{}, err
	}
	return list(ctx, c, call, guestRow)
}

// Current is one container's live state; it needs VM.Audit on it. A container
// that is not on that node (any more) is a Gone problem.
func (c *Client) Current(ctx context.Context, node string, id fleet.VMID) (Guest, error) {
	call, err := getGuest("reading the state of CT "+id.String(), node, id, "status", "current")
	if err != nil {
		return Guest{}, err
	}
	v, err := c.tree(ctx, call)
	if err != nil {
		return Guest{}, err
	}
	g, ok := guestRow(v)
	if v.kind == object && v.get("vmid").isNothing() {
		g.VMID, ok = id, true // it was asked for by that
	}
	if !ok || g.VMID != id || g.Status == "" {
		return Guest{}, c.oddAnswer(call.doing)
	}
	return g, nil
}

func guestRow(v value) (Guest, bool) {
	g := Guest{
		Name: name(v.get("name")), Status: v.get("status").line(), Template: v.get("template").bool(), Lock: v.get("lock").line(),
		Tags: tags(v.get("tags")), CPU: v.get("cpu").fraction(), CPUs: v.get("cpus").fraction(),
		Mem: v.get("mem").size(), MaxMem: v.get("maxmem").size(), Disk: v.get("disk").size(), MaxDisk: v.get("maxdisk").size(),
		PID: count(v.get("pid")), Swap: v.get("swap").size(), MaxSwap: v.get("maxswap").size(),
		NetIn: v.get("netin").size(), NetOut: v.get("netout").size(), DiskRead: v.get("diskread").size(), DiskWrite: v.get("diskwrite").size(),
		Pressure: pressure(v),
		Uptime:   v.get("uptime").seconds(), HAManaged: v.get("ha").get("managed").bool(), HAState: v.get("ha").get("state").line(),
	}
	var ok bool
	g.VMID, ok = vmid(v.get("vmid"))
	return g, ok
}

// CurrentDetail is Current as a noun of the fleet.
func (c *Client) CurrentDetail(ctx context.Context, node string, id fleet.VMID) (fleet.Live, error) {
	g, err := c.Current(ctx, node, id)
	if err != nil {
		return fleet.Live{}, err
	}
	return g.Live(), nil
}

// Interfaces asks a running container for its addresses; it needs VM.Audit.
// Nil when it does not run. It enters the container and takes about 60 ms. The
// guest says what it likes: of more than 256 interfaces the first are given, and
// of each 64 addresses.
func (c *Client) Interfaces(ctx context.Context, node string, id fleet.VMID) ([]fleet.Interface, error) {
	call, err := getGuest("reading the addresses of CT "+id.String(), node, id, "interfaces")
	if err != nil {
		return nil, err
	}
	l, err := list(ctx, c, call, interfaceRow)
	return l.Rows[:min(len(l.Rows), maxInterfaces)], err
}

const (
	maxInterfaces = 256
	maxAddresses  = 64
)

func interfaceRow(v value) (fleet.Interface, bool) {
	i := fleet.Interface{Name: name(v.get("name")), HWAddr: strings.ToLower(v.get("hwaddr").line())}
	if i.HWAddr == "" {
		i.HWAddr = strings.ToLower(v.get("hardware-address").line())
	}
	add := func(text string) {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsUnspecified() || len(i.Addresses) == maxAddresses {
			return
		}
		for _, have := range i.Addresses {
			if have == p {
				return
			}
		}
		i.Addresses = append(i.Addresses, p)
	}
	for _, a := range v.get("ip-addresses").items {
		add(a.get("ip-address").raw() + "/" + a.get("prefix").raw())
	}
	// The list may be empty while these are set, each with one address.
	add(v.get("inet").raw())
	add(v.get("inet6").raw())
	return i, i.Name != "" && i.Name != "lo"
}
