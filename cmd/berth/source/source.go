// Package source lets the watcher ask Proxmox through the client: the two are
// hands that do not know each other.
package source

import (
	"context"
	"net/netip"

	"berth/internal/fleet"
	"berth/internal/pve"
	"berth/internal/watch"
)

// Of makes a watch.Source of a client; the source owns it and closes it.
func Of(client *pve.Client) watch.Source { return source{client} }

type source struct{ client *pve.Client }

func (s source) Resources(ctx context.Context) (watch.Resources, error) {
	list, err := s.client.Resources(ctx)
	if err != nil {
		return watch.Resources{}, err
	}
	out := watch.Resources{Cut: list.Cut, Unread: list.Skipped}
	for _, r := range list.Rows {
		switch r.Type {
		case "lxc":
			out.Guests = append(out.Guests, watch.Guest{VMID: r.VMID, Node: r.Node, Name: r.Name, Status: r.Status, Template: r.Template,
				Lock: r.Lock, Tags: r.Tags, Pool: r.Pool, HA: r.HAState, CPU: r.CPU, CPUs: r.MaxCPU, Mem: r.Mem, MaxMem: r.MaxMem,
				Disk: r.Disk, MaxDisk: r.MaxDisk, Uptime: r.Uptime})
		case "qemu":
			out.VMs++
		case "node":
			out.Nodes = append(out.Nodes, watch.NodeRow{Name: r.Node, Status: r.Status, Numbers: r.MaxMem > 0, CPU: r.CPU,
				CPUs: int(r.MaxCPU), Mem: r.Mem, MaxMem: r.MaxMem, Uptime: r.Uptime})
		}
	}
	return out, nil
}

func (s source) Status(ctx context.Context) (watch.Status, error) {
	status, err := s.client.ClusterStatus(ctx)
	if err != nil {
		return watch.Status{}, err
	}
	out := watch.Status{Cluster: !status.Standalone, Quorate: status.Quorate}
	for _, m := range status.Members {
		out.Nodes = append(out.Nodes, watch.Member{Name: m.Name, Address: m.IP, Online: m.Online, Local: m.Local})
	}
	return out, nil
}

func (s source) Tasks(ctx context.Context) ([]watch.Task, error) {
	list, err := s.client.ClusterTasks(ctx)
	if err != nil {
		return nil, err
	}
	tasks := make([]watch.Task, 0, len(list.Rows))
	for _, t := range list.Rows {
		tasks = append(tasks, watch.Task{UPID: t.UPID, Node: t.Node, Type: t.Type, ID: t.ID, User: t.User, Token: t.Token,
			Start: t.StartedAt, End: t.EndedAt, Running: t.Running(), Status: t.Status})
	}
	return tasks, nil
}

func (s source) Permissions(ctx context.Context) (fleet.Permissions, error) {
	permissions, err := s.client.Permissions(ctx)
	return fleet.Permissions(permissions), err
}

func (s source) Current(ctx context.Context, node string, id fleet.VMID) (watch.Guest, error) {
	g, err := s.client.Current(ctx, node, id)
	return guest(node, g), err
}

func (s source) NodeGuests(ctx context.Context, node string) ([]watch.Guest, error) {
	list, err := s.client.NodeLXC(ctx, node)
	guests := make([]watch.Guest, 0, len(list.Rows))
	for _, g := range list.Rows {
		guests = append(guests, guest(node, g))
	}
	return guests, err
}

func guest(node string, g pve.Guest) watch.Guest {
	return watch.Guest{VMID: g.VMID, Node: node, Name: g.Name, Status: g.Status, Template: g.Template, Lock: g.Lock, Tags: g.Tags,
		HA: g.HAState, CPU: g.CPU, CPUs: g.CPUs, Mem: g.Mem, MaxMem: g.MaxMem, Disk: g.Disk, MaxDisk: g.MaxDisk, Uptime: g.Uptime}
}

func (s source) Addresses(ctx context.Context, node string, id fleet.VMID) ([]string, error) {
	interfaces, err := s.client.Interfaces(ctx, node, id)
	var v4, v6 []string
	for _, i := range interfaces {
		for _, prefix := range i.Addresses {
			switch a := prefix.Addr(); {
			case !worthShowing(a):
			case a.Is4():
				v4 = append(v4, a.String())
			default:
				v6 = append(v6, a.String())
			}
		}
	}
	return append(v4, v6...), err
}

// worthShowing leaves out what nobody can connect to from elsewhere.
func worthShowing(a netip.Addr) bool {
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified()
}

func (s source) Version(ctx context.Context, node string) (string, error) {
	if node == "" {
		v, err := s.client.Version(ctx)
		return v.Version, err
	}
	v, err := s.client.NodeVersion(ctx, node)
	return v.Version, err
}

func (s source) Answering() string { return s.client.Answering().String() }

func (s source) Close() { s.client.Close() }
