package act_test

import (
	"strings"
	"testing"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// Each fault by name, for each action that it can meet: how it ends, what people
// read, and that Proxmox was asked once.
func TestFaults(t *testing.T) {
	all := []fleet.Action{fleet.ActStart, fleet.ActShutdown, fleet.ActReboot, fleet.ActStop, fleet.ActDelete}
	for _, test := range []struct {
		fault   string
		params  map[string]string
		actions []fleet.Action
		state   job.StepState
		kind    problem.Kind
		says    string
		calls   int // that change something
	}{
		{"task-fails-at-60", nil, []fleet.Action{fleet.ActStart, fleet.ActStop}, job.Failed, problem.Failed, "Proxmox says: “", 1},
		{"task-warnings", nil, all, job.Warned, "", "warned", 1},
		{"lock-held", nil, []fleet.Action{fleet.ActStart, fleet.ActStop, fleet.ActShutdown, fleet.ActDelete}, job.Failed, problem.Busy, "Another task holds CT 1", 1},
		{"task-log-rotated", nil, []fleet.Action{fleet.ActStart, fleet.ActStop, fleet.ActShutdown}, job.Done, "", "Proxmox does not know its task any more.", 1},
		{"start-ok-but-stopped", nil, []fleet.Action{fleet.ActStart, fleet.ActReboot}, job.Failed, problem.Failed, "does not run", 1},
		{"shutdown-ignored", nil, []fleet.Action{fleet.ActShutdown}, job.Failed, problem.Timeout, "still runs: it did not shut down within 60 s.", 1},
		{"write-596-carried-out", nil, all, job.Done, "", "", 1},
		{"write-596-not-carried-out", nil, all, job.Failed, problem.OutcomeUnknown, "as far as can be seen it was not carried out", 1},
		{"answer-cut", nil, all, job.Done, "", "", 1},
		{"permission-lost", nil, all, job.Failed, problem.Forbidden, "Nothing was done.", 0},
		{"token-revoked", nil, all, job.Failed, problem.Unauthorized, "Nothing was done.", 0},
		{"no-quorum", nil, []fleet.Action{fleet.ActStart, fleet.ActReboot, fleet.ActDelete}, job.Failed, problem.QuorumLost, "has no quorum", 0},
		{"no-quorum", nil, []fleet.Action{fleet.ActStop, fleet.ActShutdown}, job.Done, "", "", 1},
		{"pvedaemon-down", nil, all, job.Failed, problem.NodeDown, "Nothing was done.", 0},
	} {
		for _, action := range test.actions {
			t.Run(test.fault+"/"+string(action), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(action != fleet.ActStart && action != fleet.ActDelete, 100)}, pvesim.NodeSpec{Name: "pve2"})
				r := y.request(action, 100)
				y.lab.ResetRequests()
				// A quarter of a second from now the watcher would see it too: the picture is still a good one.
				y.fault(test.fault, "", test.params)
				st := y.one(r)
				if st.State != test.state || st.Problem != string(test.kind) || !strings.Contains(st.Detail, test.says) {
					t.Errorf("it ended %s (%s): %s", st.State, st.Problem, st.Detail)
				}
				asked := 0
				for _, n := range y.writes() {
					asked += n
				}
				if asked != test.calls {
					t.Errorf("Proxmox was asked %d times: %v", asked, y.writes())
				}
				intents, results := 0, 0
				for _, line := range y.trail() {
					if strings.HasSuffix(line, " intent") {
						intents++
					} else {
						results++
					}
				}
				if intents != test.calls || results != 1 {
					t.Errorf("the trail has %v", y.trail())
				}
				signal, leave := y.jobs.Subscribe(y.cluster.Owner)
				defer leave()
				y.until("it is free again", signal, func() bool { return len(y.act.Busy(y.cluster.Owner)) == 0 })
			})
		}
	}
}

// A task that never ends is told of, followed, and let go only by who cancels.
func TestATaskThatNeverEnds(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101)})
	y.fault("task-never-ends", "", nil)
	id := y.do(y.request(fleet.ActStart, 100))
	signal, leave := y.jobs.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("the task is known", signal, func() bool { return y.steps(id)[0].UPID != "" })
	_, err := y.act.Do(t.Context(), y.viewer, "192.0.2.7", y.request(fleet.ActStop, 100))
	if p := problem.Of(err); p == nil || p.Kind != problem.Conflict {
		t.Errorf("a second action: %v", err)
	}
	began := time.Now()
	y.stop() // Berth stops although the task does not
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if st := y.steps(id)[0]; st.State != job.Active {
		t.Errorf("the step is %s (%s): stopping is no failure", st.State, st.Detail)
	}
	y.begin()
	again, done := y.jobs.Subscribe(y.cluster.Owner)
	defer done()
	y.until("it goes on", again, func() bool { return y.steps(id)[0].Attempt == 2 })
	if w := y.writes(); w["POST start"] != 1 {
		t.Errorf("Proxmox was asked %v", w)
	}
}
