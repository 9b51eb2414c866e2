package act_test

import (
	"context"
	"fmt"
	"testing"

	"berth/cmd/berth/reach"
	"berth/internal/fleet"
	"berth/internal/ops/act"
	"berth/internal/pvesim"
)

// What the table allows Proxmox does, and what the table refuses Proxmox refuses,
// in the call or in its task.
func TestTheRulesAreProxmoxs(t *testing.T) {
	states := map[string]pvesim.ContainerSpec{
		"running":         {Running: true},
		"stopped":         {},
		"template":        {Template: true},
		"running, locked": {Running: true, Lock: "backup"},
		"stopped, locked": {Lock: "backup"},
	}
	// One container for each case, since each changes its own.
	type kase struct {
		state string
		rule  fleet.ActionRule
		vmid  int
	}
	var cases []kase
	var specs []pvesim.ContainerSpec
	for state, spec := range states {
		for _, rule := range fleet.ActionRules() {
			spec.VMID = 100 + len(cases)
			spec.Name = fmt.Sprint("ct", spec.VMID)
			specs = append(specs, spec)
			cases = append(cases, kase{state, rule, spec.VMID})
		}
	}
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: specs})
	client, err := y.client(t.Context(), y.cluster)
	if err != nil {
		t.Fatal(err)
	}
	conn := reach.Act(client, y.cluster.TokenID)
	defer conn.Close()
	for _, k := range cases {
		c, ok := y.picture().Container(fleet.VMID(k.vmid))
		if !ok {
			t.Fatalf("CT %d is not in the picture", k.vmid)
		}
		why := fleet.Judge(k.rule.Action, y.picture(), c, nil)
		err := carriedOut(t.Context(), conn, k.rule.Action, c)
		switch {
		case k.rule.Action == fleet.ActSuspend && err != nil: // experimental: the task fails where CRIU is not there
		case why.None() && err != nil:
			t.Errorf("%s a %s container is allowed, and Proxmox says %v", k.rule.Action, k.state, err)
		case !why.None() && err == nil:
			t.Errorf("%s a %s container is refused (%s), and Proxmox did it", k.rule.Action, k.state, why.Why)
		}
	}
}

// carriedOut asks Proxmox as a work does, without its precautions.
func carriedOut(ctx context.Context, conn act.Connection, a fleet.Action, c fleet.Container) error {
	if a == fleet.ActDelete && c.Status == fleet.Running { // the rule's way: it is stopped first
		if err := carriedOut(ctx, conn, fleet.ActStop, c); err != nil {
			return err
		}
	}
	upid, err := conn.Do(ctx, c.Node, c.ID.VMID, act.Call{Action: a})
	if err != nil {
		return err
	}
	for {
		task, err := conn.Task(ctx, upid)
		switch {
		case err != nil:
			return err
		case task.Problem != nil:
			return task.Problem
		case !task.Running:
			return nil
		}
	}
}
