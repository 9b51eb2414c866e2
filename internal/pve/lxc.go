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
	// HA is told by Current alone: whether the cluster's HA manages the container, and its state there.
	HAManaged bool
	HAState   string
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
		Uptime: v.get("uptime").seconds(), HAManaged: v.get("ha").get("managed").bool(), HAState: v.get("ha").get("state").line(),
	}
	var ok bool
	g.VMID, ok = vmid(v.get("vmid"))
	return g, ok
}

// Interface is a network interface inside a running container.
type Interface struct {
	Name      string
	MAC       string
	Addresses []netip.Prefix // without loopback's; IPv4 and IPv6, in Proxmox's order
}

// Interfaces asks a running container for its addresses; it needs VM.Audit.
// Nil when it does not run. It enters the container and takes about 60 ms.
func (c *Client) Interfaces(ctx context.Context, node string, id fleet.VMID) ([]Interface, error) {
	call, err := getGuest("reading the addresses of CT "+id.String(), node, id, "interfaces")
	if err != nil {
		return nil, err
	}
	l, err := list(ctx, c, call, interfaceRow)
	return l.Rows, err
}

func interfaceRow(v value) (Interface, bool) {
	i := Interface{Name: name(v.get("name")), MAC: strings.ToLower(v.get("hwaddr").line())}
	if i.MAC == "" {
		i.MAC = strings.ToLower(v.get("hardware-address").line())
	}
	add := func(text string) {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsUnspecified() {
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
