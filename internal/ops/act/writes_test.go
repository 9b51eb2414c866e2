package act_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/pvesim"
	"berth/internal/store"
)

// writing counts the transactions that the engine makes for its steps.
type writing struct {
	*store.Store
	n atomic.Int64
}

var _ jobs.Store = (*writing)(nil)

func (w *writing) TakeStep(ctx context.Context, id job.ID, n int, holder string, at time.Time) (job.Step, error) {
	w.n.Add(1)
	return w.Store.TakeStep(ctx, id, n, holder, at)
}

func (w *writing) IntendStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, intent audit.Entry) error {
	w.n.Add(1)
	return w.Store.IntendStep(ctx, id, n, holder, memo, intent)
}

func (w *writing) NoteStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, upid string) error {
	w.n.Add(1)
	return w.Store.NoteStep(ctx, id, n, holder, memo, upid)
}

func (w *writing) SayStep(ctx context.Context, id job.ID, n int, holder, detail string) error {
	w.n.Add(1)
	return w.Store.SayStep(ctx, id, n, holder, detail)
}

func (w *writing) EndStep(ctx context.Context, o job.Open, holder string, end job.End) error {
	w.n.Add(1)
	return w.Store.EndStep(ctx, o, holder, end)
}

func (w *writing) AddStepLines(ctx context.Context, id job.ID, n int, holder string, at time.Time, texts []string) error {
	w.n.Add(1)
	return w.Store.AddStepLines(ctx, id, n, holder, at, texts)
}

func (w *writing) Audit(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	w.n.Add(1)
	return w.Store.Audit(ctx, e)
}

// Each transaction is a wait for the disk: taken up, about to ask, asked, ended.
func TestAStepIsFourTransactions(t *testing.T) {
	y := newYard(t, pvesim.NodeSpec{Name: "pve1", CTs: cts(false, 100)})
	if st := y.one(y.request(fleet.ActStart, 100)); st.State != job.Done || st.Lines == 0 {
		t.Fatalf("%+v", st)
	}
	if n := y.writing.n.Load(); n != 4 {
		t.Errorf("a start made %d transactions", n)
	}
}
