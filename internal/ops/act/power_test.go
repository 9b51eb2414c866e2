package act_test

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/pvesim"
)

func TestEachActionFromClickToPicture(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)}, pvesim.NodeSpec{Name: "pve2"})
	for _, want := range []struct {
		action fleet.Action
		status fleet.Status
		detail string
	}{
		{fleet.ActStart, fleet.Running, "web100 (CT 100) was started."},
		{fleet.ActReboot, fleet.Running, "web100 (CT 100) was rebooted."},
		{fleet.ActShutdown, fleet.Stopped, "web100 (CT 100) was shut down."},
		{fleet.ActStart, fleet.Running, "web100 (CT 100) was started."},
		{fleet.ActStop, fleet.Stopped, "web100 (CT 100) was stopped."},
	} {
		y.lab.ResetRequests()
		st := y.one(y.request(want.action, 100))
		if st.State != job.Done || st.Detail != want.detail || st.UPID == "" {
			t.Fatalf("%s: %+v", want.action, st)
		}
		if c, _ := y.picture().Container(100); c.Status != want.status {
			t.Errorf("after %s the picture has %s", want.action, c.Status)
		}
		if w := y.writes(); len(w) != 1 || w["POST "+string(want.action)] != 1 {
			t.Errorf("%s was asked for as %v", want.action, w)
		}
		lines, err := y.store.StepLines(t.Context(), y.cluster.Owner, st.Job, st.N, 0)
		if err != nil || len(lines) == 0 || lines[len(lines)-1].Text != "TASK OK" {
			t.Errorf("the log of %s is %v, %v", want.action, lines, err)
		}
	}
	st := y.one(y.request(fleet.ActDelete, 100))
	if st.State != job.Done || st.Detail != "web100 (CT 100) was deleted." {
		t.Fatalf("delete: %+v", st)
	}
	if _, there := y.guest(100); there {
		t.Error("it is still there")
	}
	if _, there := y.picture().Container(100); there {
		t.Error("it is still in the picture")
	}
	trail := y.trail()
	if len(trail) != 12 || !slices.Equal(trail[:2], []string{"container.start intent", "container.start ok task"}) ||
		!slices.Equal(trail[10:], []string{"container.delete intent", "container.delete ok task"}) {
		t.Errorf("the trail is\n%s", strings.Join(trail, "\n"))
	}
}
