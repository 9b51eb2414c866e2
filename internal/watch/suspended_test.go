package watch

import (
	"testing"
	"time"

	"berth/internal/fleet"
)

func TestWhatIsKnownOfASuspendedContainer(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	finished := func(kind, status string) []touch {
		return []touch{{task: Task{Type: kind, Node: "pve1", ID: "104", Status: status}, vmid: 104, finished: true}}
	}
	for name, test := range map[string]struct {
		before fleet.Status
		tasks  []touch
		told   string
		want   fleet.Status
	}{
		"stopped":                        {fleet.Running, nil, "stopped", fleet.Stopped},
		"suspended by other hands":       {fleet.Running, finished("vzsuspend", "OK"), "stopped", fleet.Suspended},
		"suspending failed":              {fleet.Running, finished("vzsuspend", "command 'lxc-checkpoint' failed"), "stopped", fleet.Stopped},
		"still so":                       {fleet.Suspended, nil, "stopped", fleet.Suspended},
		"resumed or started":             {fleet.Suspended, nil, "running", fleet.Running},
		"the resume failed":              {fleet.Suspended, finished("vzresume", "command 'lxc-checkpoint' failed"), "stopped", fleet.Stopped},
		"made anew under the same VMID":  {fleet.Suspended, finished("vzcreate", "OK"), "stopped", fleet.Stopped},
		"rolled back to what it was":     {fleet.Suspended, finished("vzrollback", "OK"), "stopped", fleet.Stopped},
		"its backup says nothing of it":  {fleet.Suspended, finished("vzdump", "OK"), "stopped", fleet.Suspended},
		"who had it done here has a say": {fleet.Running, nil, "suspended", fleet.Suspended},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSight(fleet.Cluster{ID: "c", Members: []fleet.Member{{Name: "pve1"}}})
			s.containers = []fleet.Container{{ID: fleet.ContainerID{Cluster: "c", VMID: 104}, Node: "pve1"}}
			s.takeTasks(test.tasks, now)
			prev := &fleet.Container{ID: fleet.ContainerID{Cluster: "c", VMID: 104}, Node: "pve1", Status: test.before}
			if got := s.container(Guest{VMID: 104, Node: "pve1", Status: test.told}, prev).Status; got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
		})
	}
}
