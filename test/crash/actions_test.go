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
		vmid := 700
		for _, a := range acts {
			for _, i := range instants {
				vmid++
				t.Run(a.action+", "+i.name, func(t *testing.T) {
					s.during(t, func() { s.actAndDie(cluster, vmid, a.action, a.call, a.before, i) })
				})
			}
		}
		if broken := s.begun(); broken[audit.Kind("container.start")] != 0 {
			t.Errorf("intents without a result: %v", broken)
		}
	})
}

func (s *scene) actAndDie(cluster string, vmid int, action, call, before string, at instant) {
	s.Helper()
	name := fmt.Sprint("crash", vmid)
	s.hands(vmid, "create "+name+" pve1")
	if before == "start" {
		s.hands(vmid, "start")
	}
	wait(s, "the container is seen", patience, func() bool { return s.seenAs(name, before) })
	path := fmt.Sprintf("/containers/%s/%d/%s", cluster, vmid, action)
	form := s.b.form(s.b.get(path), path)
	if action == "delete" {
		form.Set("name", name)
	}
	s.lab.ResetRequests()

	reached := func() bool { return s.lab.Requests().Held > 0 }
	var free func()
	if at.running {
		free = s.fault("slow-tasks", "pve1", map[string]string{"factor": "50"})
		reached = func() bool { return s.step(cluster, vmid).UPID != "" }
	} else {
		free = s.fault("held", "", map[string]string{"call": call, "stage": at.stage})
	}
	s.b.leads(path, form)
	wait(s, "the point is reached", patience, reached)
	s.berth.kill()
	free()
	if s.at.database != "" {
		s.exec("UPDATE leases SET held_until = 0")
	}
	asked := s.lab.Requests().Calls[call]
	s.start()
	wait(s, "the step ends", patience, func() bool { return s.step(cluster, vmid).State.Ended() })
	st := s.step(cluster, vmid)
	if st.State != at.state || !strings.Contains(st.Detail, at.says) || st.Attempt != 2 {
		s.Errorf("it ended %s at attempt %d: %s", st.State, st.Attempt, st.Detail)
	}
	if again := s.lab.Requests().Calls[call]; asked != 1 || again != 0 {
		s.Errorf("Proxmox was asked %d times, and again %d times", asked, again)
	}
	if action == "delete" && at.state == job.Done {
		return
	}
	s.free(cluster, vmid, st)
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
