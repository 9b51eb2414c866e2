package watch

import (
	"context"
	"maps"
	"slices"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// closeFake is what a fake cluster tells of its containers beyond the fleet.
type closeFake struct {
	config  fleet.Config
	pending []fleet.PendingChange
	samples []fleet.Sample
	log     []string
}

func (f *fakePVE) CurrentDetail(ctx context.Context, node string, id fleet.VMID) (fleet.Live, error) {
	if err := f.begin(ctx, "close current", node); err != nil {
		return fleet.Live{}, err
	}
	g := locked(f, func() Guest { return f.current[id] })
	if g.Node != node {
		return fleet.Live{}, gone(node)
	}
	return fleet.Live{Name: g.Name, Status: fleet.Status(g.Status), Lock: g.Lock, CPU: g.CPU, Mem: g.Mem, MaxMem: g.MaxMem, NetIn: 1000}, nil
}

func gone(node string) error {
	return &problem.Problem{Kind: problem.Gone, What: "The container is not on " + node + " any more."}
}

func (f *fakePVE) Config(ctx context.Context, node string, id fleet.VMID) (fleet.Config, error) {
	err := f.begin(ctx, "close config", node)
	return locked(f, func() fleet.Config { return f.close.config }), err
}

func (f *fakePVE) Pending(ctx context.Context, node string, id fleet.VMID) ([]fleet.PendingChange, error) {
	err := f.begin(ctx, "close pending", node)
	return locked(f, func() []fleet.PendingChange { return f.close.pending }), err
}

func (f *fakePVE) Interfaces(ctx context.Context, node string, id fleet.VMID) ([]fleet.Interface, error) {
	return []fleet.Interface{{Name: "eth0"}}, f.begin(ctx, "close interfaces", node)
}

func (f *fakePVE) History(ctx context.Context, node string, id fleet.VMID, frame fleet.Frame) ([]fleet.Sample, error) {
	err := f.begin(ctx, "close history "+string(frame), node)
	return locked(f, func() []fleet.Sample { return slices.Clone(f.close.samples) }), err
}

func (f *fakePVE) GuestTasks(ctx context.Context, node string, id fleet.VMID) ([]fleet.Task, error) {
	err := f.begin(ctx, "close tasks", node)
	return []fleet.Task{{UPID: "UPID:" + node + ":1", Node: node, Type: "vzstart", ID: id.String(), Status: "OK"}}, err
}

func (f *fakePVE) TaskLog(ctx context.Context, upid string) ([]string, error) {
	err := f.begin(ctx, "close log", "")
	return locked(f, func() []string { return f.close.log }), err
}

// closeCalls are the calls of looking closely since a time.
func (f *fakePVE) closeCalls(since time.Time) (times []time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if !c.at.Before(since) && len(c.what) > 6 && c.what[:6] == "close " {
			times = append(times, c.at)
		}
	}
	return times
}

func (s *fakeStore) SaveDetail(_ context.Context, id fleet.ContainerID, data []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.details[id] = data
	s.detailSaves++
	return nil
}

func (s *fakeStore) Detail(_ context.Context, _ string, id fleet.ContainerID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.details[id], nil
}

func (s *fakeStore) KeepGuestTasks(_ context.Context, cluster fleet.ClusterID, tasks map[fleet.VMID][]fleet.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for vmid, list := range tasks {
		n += len(list)
		s.mostTasks = max(s.mostTasks, n)
		id := fleet.ContainerID{Cluster: cluster, VMID: vmid}
		if s.guestTasks[id] == nil {
			s.guestTasks[id] = map[string]fleet.Task{}
		}
		for _, t := range list {
			s.guestTasks[id][t.UPID] = t
		}
		s.taskWrites++
	}
	return nil
}

func (s *fakeStore) GuestTasks(_ context.Context, _ string, id fleet.ContainerID) (list []fleet.KeptTask, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range maps.Values(s.guestTasks[id]) {
		list = append(list, fleet.KeptTask{Task: t})
	}
	return list, nil
}

func (s *fakeStore) KeepGuestTaskLog(_ context.Context, _ string, _ fleet.ContainerID, upid string, lines []string, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[upid] = lines
	return nil
}

func (s *fakeStore) PruneDetails(context.Context, time.Time, time.Time) error { return nil }
