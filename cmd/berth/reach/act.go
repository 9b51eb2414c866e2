package reach

import (
	"context"
	"time"

	"berth/internal/fleet"
	"berth/internal/ops/act"
	"berth/internal/pve"
)

// Act lets the verbs of containers ask a cluster through its client, which it owns.
func Act(client *pve.Client, tokenID string) act.Connection { return acting{client, tokenID} }

type acting struct {
	client  *pve.Client
	tokenID string
}

func (a acting) Close() { a.client.Close() }

func (a acting) Current(ctx context.Context, node string, id fleet.VMID) (act.State, error) {
	g, err := a.client.Current(ctx, node, id)
	if err != nil {
		return act.State{}, err
	}
	l := g.Live()
	return act.State{Managed: g.HAManaged, Container: fleet.Container{ID: fleet.ContainerID{VMID: id}, Node: node, Hostname: l.Name, Status: l.Status,
		Template: l.Template, Lock: l.Lock, Tags: l.Tags, CPU: l.CPU, CPUs: l.CPUs, Mem: l.Mem, MaxMem: l.MaxMem, Disk: l.Disk, MaxDisk: l.MaxDisk,
		Uptime: l.Uptime, HA: l.HAState}}, nil
}

func (a acting) Where(ctx context.Context, id fleet.VMID) (string, error) {
	list, err := a.client.Resources(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range list.Rows {
		if r.Type == "lxc" && r.VMID == id {
			return r.Node, nil
		}
	}
	return "", nil
}

func (a acting) Config(ctx context.Context, node string, id fleet.VMID) (act.Config, error) {
	c, err := a.client.Config(ctx, node, id)
	if err != nil {
		return act.Config{}, err
	}
	out := act.Config{Name: c.Hostname, Root: c.RootFS.Volume, Storage: c.RootFS.Storage, Protected: c.Protection, Order: -1, Up: c.Startup.Up, Down: c.Startup.Down}
	if c.Startup.HasOrder {
		out.Order = c.Startup.Order
	}
	return out, nil
}

func (a acting) Quorate(ctx context.Context) (bool, error) {
	s, err := a.client.ClusterStatus(ctx)
	return s.Quorate, err
}

func (a acting) Do(ctx context.Context, node string, id fleet.VMID, c act.Call) (string, error) {
	var u pve.UPID
	var err error
	switch c.Action {
	case fleet.ActStart:
		u, err = a.client.Start(ctx, node, id)
	case fleet.ActShutdown:
		u, err = a.client.Shutdown(ctx, node, id, pve.PowerOptions{Timeout: c.Timeout, Force: c.Force})
	case fleet.ActStop:
		u, err = a.client.Stop(ctx, node, id)
	case fleet.ActReboot:
		u, err = a.client.Reboot(ctx, node, id, c.Timeout)
	case fleet.ActSuspend:
		u, err = a.client.Suspend(ctx, node, id)
	case fleet.ActResume:
		u, err = a.client.Resume(ctx, node, id)
	case fleet.ActDelete:
		u, err = a.client.Destroy(ctx, node, id, pve.DestroyOptions{Purge: c.Purge, UnreferencedDisks: c.UnreferencedDisks})
	}
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func (a acting) Task(ctx context.Context, upid string) (act.Task, error) {
	u, err := pve.ParseUPID(upid)
	if err != nil {
		return act.Task{}, err
	}
	s, err := a.client.TaskStatus(ctx, u)
	if err != nil {
		return act.Task{}, err
	}
	t := act.Task{UPID: upid, Type: u.Type, StartedAt: s.StartedAt, Running: s.Running, Warnings: s.Warnings}
	if !s.Running {
		t.Problem = pve.ExplainExit(s.Exit, u)
	}
	return t, nil
}

// logPage is how many lines of a task's log are read at once.
const logPage = 1000

func (a acting) TaskLog(ctx context.Context, upid string, after int) ([]string, error) {
	u, err := pve.ParseUPID(upid)
	if err != nil {
		return nil, err
	}
	rows, _, err := a.client.TaskLog(ctx, u, after, logPage)
	lines := make([]string, 0, len(rows))
	for _, l := range rows {
		lines = append(lines, l.Text)
	}
	return lines, err
}

func (a acting) Tasks(ctx context.Context) (map[string]bool, error) {
	list, err := a.client.ClusterTasks(ctx)
	running := make(map[string]bool, len(list.Rows))
	for _, t := range list.Rows {
		running[t.UPID] = t.Running()
	}
	return running, err
}

func (a acting) TasksOf(ctx context.Context, node string, id fleet.VMID, since time.Time) ([]act.Task, error) {
	list, err := a.client.NodeTasks(ctx, node, pve.TaskFilter{VMID: id, Since: since, Running: true})
	var ours []act.Task
	for _, t := range list.Rows {
		if t.User+"!"+t.Token == a.tokenID {
			ours = append(ours, act.Task{UPID: t.UPID, Type: t.Type, StartedAt: t.StartedAt, Running: t.Running()})
		}
	}
	return ours, err
}
