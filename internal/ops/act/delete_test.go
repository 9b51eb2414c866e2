package act_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/ops/act"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// half is a step that another process left, with its memo.
type half struct {
	step  job.Step
	held  func() bool // whether the lease still is; nil: it is
	waits func()      // what happens while it waits for its turn; nil: nothing
}

func (h *half) Step() job.Step { return h.step }
func (h *half) Memo(_ context.Context, v any) (err error) {
	h.step.Memo, err = json.Marshal(v)
	return err
}
func (h *half) Recall(v any) bool                                     { return json.Unmarshal(h.step.Memo, v) == nil }
func (h *half) Task(ctx context.Context, upid string, memo any) error { return h.Memo(ctx, memo) }
func (h *half) Say(context.Context, string)                           {}
func (h *half) Log(context.Context, ...string) error                  { return nil }
func (h *half) Order(context.Context, map[int]int) error              { return nil }
func (h *half) Address() string                                       { return "192.0.2.7" }
func (h *half) Intend(ctx context.Context, memo any, _ audit.Entry) error {
	return h.Memo(ctx, memo)
}
func (h *half) Held() bool { return h.held == nil || h.held() }
func (h *half) Guard(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}
func (h *half) Cancelled() <-chan struct{} { return nil }
func (h *half) Enter(context.Context, string, int) (func(), error) {
	if h.waits != nil {
		h.waits()
	}
	return func() {}, nil
}

// A VMID is used again: who goes on after a crash between the stop and the
// deletion must not destroy what has the number by now.
func TestADeletionThatGoesOnLooksOnceMore(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	h := &half{step: job.Step{Job: "j", Owner: y.cluster.Owner, Kind: string(fleet.ActDelete), Group: string(y.cluster.ID), Lane: "pve1",
		Subject: y.id(100).String(), Title: "web100 (CT 100)", Args: []byte(`{"name":"web100","choices":{"StopFirst":true,"stopFirst":true}}`),
		Memo: []byte(`{"intent":"i","verb":"stop","node":"pve1","stopped":true,"root":"local-lvm:another-disk"}`)}}
	out := y.act.Run(t.Context(), h)
	if out.State != job.Failed || !strings.Contains(out.Detail, "changed meanwhile") {
		t.Errorf("it ended %s: %s", out.State, out.Detail)
	}
	if _, there := y.guest(100); !there || y.writes()["DELETE 100"] != 0 {
		t.Errorf("another container was destroyed: %v", y.writes())
	}
}

// Who is shut out while a deletion of theirs waits for its turn on a storage destroys nothing any more.
func TestADeletionThatWaitedLooksWhoAskedForIt(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	args, err := json.Marshal(map[string]any{"name": "web100", "at": time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	h := &half{step: job.Step{Job: "j", Owner: y.cluster.Owner, Kind: string(fleet.ActDelete), Group: string(y.cluster.ID), Lane: "pve1",
		Subject: y.id(100).String(), Title: "web100 (CT 100)", Args: args}}
	waited := false
	h.waits = func() {
		waited = true
		if err := y.store.SetDisabled(t.Context(), y.viewer.User.ID, time.Now()); err != nil {
			t.Error(err)
		}
	}
	out := y.act.Run(t.Context(), h)
	if !waited || out.State != job.Cancelled {
		t.Errorf("it ended %s: %s", out.State, out.Detail)
	}
	if _, there := y.guest(100); !there || y.writes()["DELETE 100"] != 0 {
		t.Errorf("it was destroyed: %v", y.writes())
	}
}

// What a form made already is the answer when it is sent once more, though the
// container is busy with just that by then.
func TestTheSameFormAgainIsNoRefusal(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	r := y.request(fleet.ActStart, 100)
	r.Once = "start:form"
	first := y.do(r)
	if again := y.do(r); again != first {
		t.Errorf("the second is %s, the first %s", again, first)
	}
	y.ended(first)
	if again := y.do(r); again != first || y.writes()["POST start"] != 1 {
		t.Errorf("sent a third time: %s, %v", again, y.writes())
	}
}

// A plan to delete names VMIDs, which other containers may have by the time it is begun.
func TestAnOldPlanToDeleteDoesNotBegin(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100, 101)})
	plan, err := y.act.Plan(t.Context(), y.viewer, "192.0.2.7", y.request(fleet.ActDelete, 100, 101))
	if err != nil {
		t.Fatal(err)
	}
	later := act.New(act.Options{Store: y.store, Engine: y.jobs, Watcher: seer{y}, Now: func() time.Time { return time.Now().Add(61 * time.Minute) }})
	if err := later.Begin(t.Context(), y.viewer, "198.51.100.9", plan); !problem.Is(err, problem.Conflict) {
		t.Errorf("an hour later: %v", err)
	}
	if err := y.act.Begin(t.Context(), y.viewer, "198.51.100.9", plan); err != nil {
		t.Errorf("at once: %v", err)
	}
	y.ended(plan)
}

// Who was frozen for longer than its lease after its memo must not ask any more:
// another replica goes on from that memo. Nothing of the request is on the connection.
func TestAFrozenReplicaDoesNotAsk(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	h := &half{step: job.Step{Job: "j", Owner: y.cluster.Owner, Kind: string(fleet.ActStart), Group: string(y.cluster.ID), Lane: "pve1",
		Subject: y.id(100).String(), Title: "web100 (CT 100)", Args: []byte(`{"name":"web100"}`)}}
	h.held = func() bool { return !strings.Contains(string(h.step.Memo), `"verb":"start"`) }
	if out := y.act.Run(t.Context(), h); out.State != "" {
		t.Errorf("it ended %s: %s", out.State, out.Detail)
	}
	if w := y.writes(); !strings.Contains(string(h.step.Memo), `"verb":"start"`) || len(w) != 0 {
		t.Errorf("the memo is %s, and Proxmox was asked %v", h.step.Memo, w)
	}
}
