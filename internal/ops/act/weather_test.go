package act_test

import (
	"context"
	"strings"
	"testing"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

// underWay has an action begun whose task does not end by itself, and returns the job.
func (y *yard) underWay(a fleet.Action, vmid int, fault string, params map[string]string) (job.ID, func()) {
	y.Helper()
	free := y.fault(fault, "", params)
	id := y.do(y.request(a, vmid))
	signal, leave := y.jobs.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("the task is known", signal, func() bool { return y.steps(id)[0].UPID != "" })
	return id, free
}

// A node that dies with the task, and comes back without it, leaves an end that says so.
func TestANodeDiesWithTheTask(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1"}, pvesim.NodeSpec{Name: "pve2", CTs: cts(false, 100)}, pvesim.NodeSpec{Name: "pve3"})
	id, _ := y.underWay(fleet.ActStart, 100, "slow-tasks", map[string]string{"factor": "400"})
	back := y.fault("node-dead", "pve2", nil)
	signal, leave := y.jobs.Subscribe(y.cluster.Owner)
	defer leave()
	y.until("it is said", signal, func() bool { return strings.Contains(y.steps(id)[0].Detail, "cannot be followed now") })
	if st := y.steps(id)[0]; st.State != job.Active {
		t.Fatalf("%s: %s", st.State, st.Detail)
	}
	back()
	st := y.ended(id)[0]
	if !st.State.Bad() || st.Detail == "" || y.writes()["POST start"] != 1 {
		t.Errorf("%s: %s, asked %v", st.State, st.Detail, y.writes())
	}
}

// A new secret in the midst of it is used from then on.
func TestANewSecretInTheMidst(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	id, free := y.underWay(fleet.ActStart, 100, "task-never-ends", nil)
	words := secret.New(y.lab.AddToken("root@pam", "other", pvesim.TokenSpec{ID: "other", PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "Administrator"}}}))
	c := y.cluster
	c.TokenID = "root@pam!other"
	if err := y.store.UpdateCluster(context.Background(), c, &words); err != nil {
		t.Fatal(err)
	}
	y.act.Recheck()
	y.lab.ResetRequests()
	y.until("it is asked on", ticks(t), func() bool { return y.lab.Requests().Calls["GET /nodes/{node}/tasks/{upid}/status"] > 2 })
	if st := y.steps(id)[0]; st.State != job.Active {
		t.Errorf("%s: %s", st.State, st.Detail)
	}
	free()
}

// A token that may act and see containers, and nothing of the cluster: quorum
// and the list of tasks cannot be had, and all is done nevertheless.
func TestASmallToken(t *testing.T) {
	var vmids []int
	for i := range 12 {
		vmids = append(vmids, 100+i)
	}
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, vmids[:6]...)}, pvesim.NodeSpec{Name: "pve2", CTs: cts(false, vmids[6:]...)})
	y.cluster = y.add("small", "PVEVMAdmin")
	y.watcher.Reload(y.cluster.ID)
	y.look()
	id, err := y.act.Plan(t.Context(), y.viewer, "", y.request(fleet.ActStart, vmids...))
	if err != nil {
		t.Fatal(err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", id); err != nil {
		t.Fatal(err)
	}
	for _, st := range y.ended(id) {
		if st.State != job.Done {
			t.Errorf("%s: %s: %s", st.Title, st.State, st.Detail)
		}
	}
	y.cluster = y.add("auditor", "PVEAuditor")
	y.watcher.Reload(y.cluster.ID)
	y.look()
	_, err = y.act.Do(t.Context(), y.viewer, "", y.request(fleet.ActStop, 100))
	wants(t, err, "denied", "The token lacks VM.PowerMgmt on /vms/100.")
}
