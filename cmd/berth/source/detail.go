package source

import (
	"context"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pve"
)

func (s source) CurrentDetail(ctx context.Context, node string, id fleet.VMID) (fleet.Live, error) {
	return s.client.CurrentDetail(ctx, node, id)
}

func (s source) Config(ctx context.Context, node string, id fleet.VMID) (fleet.Config, error) {
	return s.client.Config(ctx, node, id)
}

func (s source) Pending(ctx context.Context, node string, id fleet.VMID) ([]fleet.PendingChange, error) {
	return s.client.Pending(ctx, node, id)
}

func (s source) Interfaces(ctx context.Context, node string, id fleet.VMID) ([]fleet.Interface, error) {
	return s.client.Interfaces(ctx, node, id)
}

func (s source) History(ctx context.Context, node string, id fleet.VMID, frame fleet.Frame) ([]fleet.Sample, error) {
	return s.client.History(ctx, node, id, frame)
}

func (s source) GuestTasks(ctx context.Context, node string, id fleet.VMID) ([]fleet.Task, error) {
	list, err := s.client.NodeTasks(ctx, node, pve.TaskFilter{VMID: id, Running: true})
	return list.Rows, err
}

// maxLogPages is how many calls one log may take, of 5000 lines each.
const maxLogPages = 4

func (s source) TaskLog(ctx context.Context, upid string) ([]string, error) {
	u, err := pve.ParseUPID(upid)
	if err != nil {
		return nil, problem.Missing()
	}
	var lines []string
	for range maxLogPages {
		page, total, err := s.client.TaskLog(ctx, u, len(lines), 0)
		if err != nil {
			return nil, err
		}
		for _, l := range page {
			lines = append(lines, l.Text)
		}
		if len(page) == 0 || len(lines) >= total {
			return lines, nil
		}
	}
	return append(lines, "… the rest was not read."), nil
}
