package watch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"berth/internal/fleet"
)

func task(id string, kind string, end time.Time) Task {
	t := Task{UPID: fmt.Sprintf("UPID:pve1:0001:0002:0003:%s:%s:root@pam:", kind, id), Node: "pve1", Type: kind, ID: id, End: end, Running: end.IsZero()}
	if !t.Running {
		t.Status = "OK"
	}
	return t
}

func TestTaskDiff(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	running := task("100", "vzstart", time.Time{})
	ended := task("100", "vzstart", at(2))
	cases := []struct {
		name    string
		before  []Task
		now     []Task
		pause   time.Duration
		touched []fleet.VMID
		ended   bool
	}{
		{"nothing new", []Task{ended}, []Task{ended}, 3 * time.Second, nil, false},
		{"started", nil, []Task{running}, 3 * time.Second, []fleet.VMID{100}, false},
		{"still running", []Task{running}, []Task{running}, 3 * time.Second, nil, false},
		{"finished", []Task{running}, []Task{ended}, 3 * time.Second, []fleet.VMID{100}, true},
		{"finished between two lists", nil, []Task{ended}, 3 * time.Second, []fleet.VMID{100}, true},
		{"fell off the list", []Task{running}, nil, 3 * time.Second, []fleet.VMID{100}, true},
		{"fell off during a pause", []Task{running}, nil, time.Minute, nil, false},
		{"in both lists at once", []Task{running}, []Task{ended, running}, 3 * time.Second, []fleet.VMID{100}, true},
		{"of a virtual machine", nil, []Task{task("200", "qmstart", at(2))}, 3 * time.Second, nil, false},
		{"a console", nil, []Task{task("100", "vncproxy", at(2))}, 3 * time.Second, nil, false},
		{"a backup of many", nil, []Task{task("", "vzdump", time.Time{})}, 3 * time.Second, []fleet.VMID{0}, false},
		{"odd id", nil, []Task{task("../../x", "vzstart", at(2)), task("7", "vzstart", at(2))}, 3 * time.Second, nil, false},
		{"after a pause the newest few", nil, []Task{task("100", "vzstart", at(1)), task("101", "vzstart", at(5)), task("102", "vzstart", at(3)),
			task("103", "vzstart", at(4)), task("104", "vzstart", at(2))}, time.Minute, []fleet.VMID{102, 103, 101}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var l taskLog
			l.diff(c.before, noon)
			got := l.diff(c.now, noon.Add(c.pause))
			var ids []fleet.VMID
			for _, touch := range got {
				ids = append(ids, touch.vmid)
				if touch.finished != c.ended {
					t.Errorf("finished is %v", touch.finished)
				}
			}
			if !slices.Equal(ids, c.touched) {
				t.Errorf("touched %v, want %v", ids, c.touched)
			}
		})
	}
}

func TestWhatATaskAsksFor(t *testing.T) {
	cases := []struct {
		name     string
		task     Task
		finished bool
		confirms int
		hurry    bool
	}{
		{"a start", task("100", "vzstart", noon), true, 1, false},
		{"a shutdown that began", task("100", "vzshutdown", time.Time{}), false, 1, false},
		{"a create of a new one", task("300", "vzcreate", noon), true, 1, false},
		{"a destroy", task("100", "vzdestroy", noon), true, 0, true},
		{"a migration", task("100", "vzmigrate", noon), true, 0, true},
		{"HA of a container", task("100", "hastart", noon), true, 1, false},
		{"HA of something unseen", task("900", "hastart", noon), true, 0, false},
		{"a backup of many", task("", "vzdump", noon), true, 0, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, _ := seen(t)
			id, ok := containerOf(c.task)
			if !ok {
				t.Fatal("it is about no container")
			}
			e := s.takeTasks([]touch{{c.task, id, c.finished}}, noon)
			if len(e.confirms) != c.confirms || slices.Contains(e.hurry, callResources) != c.hurry {
				t.Errorf("confirms %v, hurry %v", e.confirms, e.hurry)
			}
		})
	}
}
