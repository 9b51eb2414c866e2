package crash

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/job"
)

// instant is where in an action Berth is killed.
type instant struct {
	name  string
	stage string // Proxmox keeps the answer back: before it does it, or after
	// running: the task is under way and its id is known.
	running bool
	state   job.StepState
	says    string
}

var instants = []instant{
	{name: "asked, and not done", stage: "before", state: job.Failed, says: "it was not carried out"},
	{name: "done, and not told", stage: "after", state: job.Done},
	{name: "the task runs", running: true, state: job.Done},
}

// acts are the actions with the call that each is, and what has to be so before.
var acts = []struct {
	action, call string
	before       string // by other hands
}{
	{"start", "POST /nodes/{node}/lxc/{vmid}/status/start", "stop"},
	{"reboot", "POST /nodes/{node}/lxc/{vmid}/status/reboot", "start"},
	{"shutdown", "POST /nodes/{node}/lxc/{vmid}/status/shutdown", "start"},
	{"stop", "POST /nodes/{node}/lxc/{vmid}/status/stop", "start"},
	{"delete", "DELETE /nodes/{node}/lxc/{vmid}", "stop"},
}

// In the midst of each action Berth is killed and started again. What Proxmox
// works on is adopted, what was lost is looked into, nothing is asked for twice,
// and the container is free for the next action afterwards.
func TestKilledInTheMidstOfAnAction(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newScene(t, at)
		s.lab.SetACL("/", s.tokenID, "Administrator", true)
		cluster := s.withNode()
		for n, i := range instants {
			t.Run(i.name, func(t *testing.T) {
				s.during(t, func() { s.actAndDie(cluster, 700+10*n, i) })
			})
		}
		if open := s.begun(); open[audit.ContainerStart]+open[audit.ContainerDelete] != 0 {
			t.Errorf("intents without a result: %v", open)
		}
	})
}

// actAndDie has each of the actions under way, each on a container of its own, when Berth dies.
func (s *scene) actAndDie(cluster string, first int, at instant) {
	s.Helper()
	s.containers(first)
	reached, free := s.hold(cluster, first, at)
	s.lab.ResetRequests()
	for i, a := range acts {
		name := fmt.Sprint("crash", first+i)
		path := fmt.Sprintf("/containers/%s/%d/%s", cluster, first+i, a.action)
		form := s.b.form(s.b.get(path), path)
		if a.action == "delete" {
			form.Set("name", name)
		}
		s.b.leads(path, form)
	}
	wait(s, "the point is reached", patience, reached)
	s.berth.kill()
	free()
	if s.at.database != "" {
		s.exec("UPDATE leases SET held_until = 0") // as when it has run out
	}
	asked := s.lab.Requests().Calls
	s.start()
	for i, a := range acts {
		wait(s, a.action+" ends", patience, func() bool { return s.step(cluster, first+i).State.Ended() })
		st := s.step(cluster, first+i)
		if st.State != at.state || !strings.Contains(st.Detail, at.says) || st.Attempt != 2 {
			s.Errorf("%s ended %s at attempt %d: %s", a.action, st.State, st.Attempt, st.Detail)
		}
		if again := s.lab.Requests().Calls[a.call]; asked[a.call] != 1 || again != 0 {
			s.Errorf("%s was asked for %d times, and again %d times", a.action, asked[a.call], again)
		}
	}
	for i, a := range acts {
		if a.action != "delete" || at.state != job.Done {
			s.free(cluster, first+i, s.step(cluster, first+i))
		}
	}
}

// containers makes one for each action, in the state that it begins with.
func (s *scene) containers(first int) {
	s.Helper()
	for i, a := range acts {
		s.hands(first+i, fmt.Sprintf("create crash%d pve%d", first+i, 1+i%2))
		if a.before == "start" {
			s.hands(first+i, "start")
		}
	}
	for i, a := range acts {
		wait(s, "the container is seen", patience, func() bool { return s.seenAs(fmt.Sprint("crash", first+i), a.before) })
	}
}

// hold lets every action come to the instant. reached says that all have, free ends it.
func (s *scene) hold(cluster string, first int, at instant) (reached func() bool, free func()) {
	s.Helper()
	if at.running {
		return func() bool {
			for i := range acts {
				if s.step(cluster, first+i).UPID == "" {
					return false
				}
			}
			return true
		}, s.fault("slow-tasks", "", map[string]string{"factor": "100"})
	}
	var undo []func()
	for _, a := range acts {
		undo = append(undo, s.fault("held", "", map[string]string{"call": a.call, "stage": at.stage}))
	}
	return func() bool { return s.lab.Requests().Held == len(acts) }, func() {
		for _, f := range undo {
			f()
		}
	}
}

// free fails unless another action on the container is taken.
func (s *scene) free(cluster string, vmid int, st job.Step) {
	s.Helper()
	next := map[bool]string{true: "stop", false: "start"}
	for _, g := range s.lab.Guests() {
		if g.VMID != vmid {
			continue
		}
		word := next[g.Running]
		status := map[bool]string{true: "start", false: "stop"}[g.Running]
		wait(s, "the picture is right", patience, func() bool { return s.seenAs(g.Name, status) })
		path := fmt.Sprintf("/containers/%s/%d/%s", cluster, vmid, word)
		s.b.leads(path, s.b.form(s.b.get(path), path))
		wait(s, "the next action ends", patience, func() bool {
			now := s.step(cluster, vmid)
			return now.Job != st.Job && now.State == job.Done
		})
		return
	}
	s.Errorf("CT %d is gone", vmid)
}

// hands has something done by other hands, and waits until it is.
func (s *scene) hands(vmid int, what string) {
	s.Helper()
	if err := s.lab.Act(vmid, what); err != nil {
		s.Fatal(err)
	}
	wait(s, what+" is done", patience, func() bool {
		for _, g := range s.lab.Guests() {
			if g.VMID == vmid {
				return g.Lock == "" && g.Running == (what == "start")
			}
		}
		return false
	})
}

// seenAs reports whether the page shows a container of that name in the state that the verb brings about.
func (s *scene) seenAs(name, verb string) bool {
	status := map[string]string{"start": "running", "stop": "stopped"}[verb]
	_, row, _ := strings.Cut(s.b.get("/fleet.json").body, `"`+name+`"`)
	row, _, _ = strings.Cut(row, "]")
	return strings.Contains(row, `"`+status+`"`) && !strings.Contains(row, `"create"`) // its lock
}

// step is the newest step of a container.
func (s *scene) step(cluster string, vmid int) job.Step {
	s.Helper()
	st := s.open()
	defer s.closed(st)
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	users, err := st.Users(ctx)
	if err != nil || len(users) == 0 {
		s.Fatal(err)
	}
	steps, err := st.Steps(ctx, job.Filter{Owner: string(users[0].ID), Subject: fmt.Sprintf("%s/%d", cluster, vmid), Limit: 1})
	if err != nil {
		s.Fatal(err)
	}
	if len(steps) == 0 {
		return job.Step{}
	}
	return steps[0]
}
