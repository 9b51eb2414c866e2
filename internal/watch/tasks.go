package watch

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
)

// touch is a task that may have changed a container.
type touch struct {
	task     Task
	vmid     fleet.VMID
	finished bool
}

// taskLog remembers the last list of tasks, to tell what is new in the next.
type taskLog struct {
	at   time.Time
	seen map[string]bool // UPID → it still ran
}

// gap is how old the last list may be for everything new in the next one to be followed.
const gap = 15 * time.Second

// afterGap is how many of the newest tasks are followed after a longer pause;
// what is older the list of resources has by now.
const afterGap = 3

// diff takes a list and returns the tasks on containers that started or
// finished since the last one, the newest last. A running task that is in no
// list any more has finished.
func (l *taskLog) diff(tasks []Task, now time.Time) []touch {
	paused := l.at.IsZero() || now.Sub(l.at) > gap
	seen := make(map[string]bool, len(tasks))
	var touched []touch
	for _, t := range tasks {
		if len(t.UPID) > 512 {
			continue
		}
		if _, twice := seen[t.UPID]; twice && t.Running {
			continue // it is in the archive already
		}
		ran, known := l.seen[t.UPID]
		seen[t.UPID] = t.Running
		if known && ran == t.Running {
			continue
		}
		if id, ok := containerOf(t); ok {
			touched = append(touched, touch{t, id, !t.Running})
		}
	}
	if !paused {
		for upid, ran := range l.seen {
			if _, listed := seen[upid]; ran && !listed {
				if t, ok := taskOf(upid); ok {
					id, _ := containerOf(t)
					touched = append(touched, touch{t, id, true})
				}
			}
		}
	}
	slices.SortStableFunc(touched, func(a, b touch) int { return cmp.Compare(a.task.End.Unix(), b.task.End.Unix()) })
	if paused && len(touched) > afterGap {
		touched = touched[len(touched)-afterGap:]
	}
	l.at, l.seen = now, seen
	return touched
}

// containerOf is the container that a task is about. A backup of many has no
// VMID: id is zero and ok is true.
func containerOf(t Task) (id fleet.VMID, ok bool) {
	switch {
	case strings.HasPrefix(t.Type, "vz"), strings.HasPrefix(t.Type, "ha"):
	case t.Type == "resize", t.Type == "move_volume", t.Type == "pull_file", t.Type == "push_file":
	default:
		return 0, false
	}
	if t.Type == "vzdump" && t.ID == "" {
		return 0, true
	}
	n, err := strconv.Atoi(t.ID)
	id = fleet.VMID(n)
	return id, err == nil && id >= fleet.MinVMID && id <= fleet.MaxVMID
}

// taskOf reads what is needed of a UPID: UPID:node:PID:PSTART:STARTTIME:TYPE:ID:USER:.
func taskOf(upid string) (Task, bool) {
	parts := strings.Split(upid, ":")
	if len(parts) < 8 || parts[0] != "UPID" {
		return Task{}, false
	}
	t := Task{UPID: upid, Node: parts[1], Type: parts[5], ID: parts[6]}
	_, ok := containerOf(t)
	return t, ok
}

// takeTasks turns touches into what is to be asked at once.
func (s *sight) takeTasks(touched []touch, now time.Time) effects {
	var e effects
	for _, t := range touched {
		s.takeSuspended(t)
		i := s.find(t.vmid)
		switch {
		case t.vmid == 0, t.finished && (t.task.Type == "vzdestroy" || t.task.Type == "vzmigrate" || t.task.Type == "hamigrate"):
			// Who is there, on which node and with which lock does not lag in the list.
			e.hurry = append(e.hurry, callResources)
		case i < 0 && strings.HasPrefix(t.task.Type, "ha"):
			// Of a virtual machine, or of a container that may not be seen.
		default:
			node := t.task.Node
			if i >= 0 && t.task.Type != "vzmigrate" {
				node = s.containers[i].Node // a task of HA runs where it was asked
			}
			if fleet.ValidNodeName(node) {
				e.confirms = append(e.confirms, confirm{node: node, vmid: t.vmid, by: now.Add(lag),
					why: because{finished: t.finished, again: t.finished && settlesLater(t.task.Type)}})
			}
		}
	}
	return e
}

// settlesLater reports whether a task may end while what it asked for still
// happens: a shutdown can end OK while the container stops seconds later.
func settlesLater(taskType string) bool {
	return taskType == "vzshutdown"
}
