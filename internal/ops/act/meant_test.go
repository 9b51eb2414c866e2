package act_test

import (
	"strings"
	"testing"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// Whether the cluster has quorum could not be asked, or it was a host of its own
// when it was added: neither is a reason to believe that all is well.
func TestADeletionWantsToKnowOfQuorum(t *testing.T) {
	for name, make := range map[string]func(y *yard){
		"not told":         func(y *yard) { y.fault("error-500", "", map[string]string{"path": "/cluster/status"}) },
		"added when alone": func(y *yard) { y.alone() },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)}, pvesim.NodeSpec{Name: "pve2"}, pvesim.NodeSpec{Name: "pve3"})
			make(y)
			r := y.request(fleet.ActDelete, 100)
			y.fault("no-quorum", "", nil)
			st := y.one(r)
			if w := y.writes(); st.State != job.Failed || w["DELETE {vmid}"] != 0 || !strings.Contains(st.Detail, "Nothing was done") {
				t.Errorf("%s: %s; Proxmox was asked %v", st.State, st.Detail, w)
			}
		})
	}
}

// alone has the row of the cluster say that it is a host of its own.
func (y *yard) alone() {
	y.Helper()
	c := y.cluster
	c.Standalone = true
	if err := y.store.UpdateCluster(y.Context(), c, nil); err != nil {
		y.Fatal(err)
	}
}

// What is done about a step that failed is done to the container that it was about.
func TestForceAndRetryMeanTheContainerThatFailed(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100)})
	y.fault("shutdown-ignored", "", nil)
	st := y.one(y.request(fleet.ActShutdown, 100))
	if st.State != job.Failed || st.Problem != string(problem.Timeout) {
		t.Fatalf("%s: %s", st.State, st.Detail)
	}
	y.hands(100, "rename other")
	y.watcher.Look(y.cluster.Owner)
	y.until("the new name is seen", ticks(t), func() bool { c, _ := y.picture().Container(100); return c.Name() == "other" })
	_, err := y.act.Force(t.Context(), y.viewer, "192.0.2.7", st.Job, st.N)
	wants(t, err, problem.Conflict, "CT 100 was called web100 and is other now")
	again, err := y.act.Retry(t.Context(), y.viewer, "192.0.2.7", st.Job, "")
	if err != nil {
		t.Fatal(err)
	}
	if s := y.steps(again)[0]; s.State != job.Skipped || !strings.Contains(s.Detail, "was called web100 and is other now") {
		t.Errorf("tried again: %s: %s", s.State, s.Detail)
	}
}
