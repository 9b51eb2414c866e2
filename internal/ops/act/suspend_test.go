package act_test

import (
	"testing"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/pvesim"
)

// Proxmox calls a suspended container stopped: that it can be resumed is known from who suspended it.
func TestSuspendAndResume(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(true, 100)})
	status := func() fleet.Status { c, _ := y.picture().Container(100); return c.Status }
	signal, leave := y.watcher.Subscribe(y.cluster.Owner)
	defer leave()
	if st := y.one(y.request(fleet.ActSuspend, 100)); st.State != job.Done {
		t.Fatalf("suspending ended %s: %s", st.State, st.Detail)
	}
	y.until("it is shown as suspended", signal, func() bool { return status() == fleet.Suspended })
	if st := y.one(y.request(fleet.ActResume, 100)); st.State != job.Done {
		t.Fatalf("resuming ended %s: %s", st.State, st.Detail)
	}
	y.until("it is shown as running", signal, func() bool { return status() == fleet.Running })

	y.one(y.request(fleet.ActSuspend, 100))
	y.until("it is suspended again", signal, func() bool { return status() == fleet.Suspended })
	y.fault("task-fails-at-60", "", nil)
	if st := y.one(y.request(fleet.ActResume, 100)); st.State != job.Failed {
		t.Fatalf("a resume that fails ended %s: %s", st.State, st.Detail)
	}
	y.until("it can be started", signal, func() bool { return status() == fleet.Stopped })
}
