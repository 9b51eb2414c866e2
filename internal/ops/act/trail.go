package act

import (
	"context"
	"errors"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/job"
	"berth/internal/problem"
)

func accountID(owner string) account.UserID { return account.UserID(owner) }

// intend writes the intent into the trail. When it cannot be written nothing is done.
func (r *run) intend(ctx context.Context) error {
	if r.memo.Intent != "" {
		return nil
	}
	e, err := r.s.store.Audit(ctx, r.entry(audit.Intent))
	if err != nil {
		r.s.log.Error("an intent was not written, so nothing is done", "job", string(r.step.Job), "step", r.step.N, "err", err)
		p := nothingDone(problem.Failed, "Berth could not write its audit trail.")
		p.Err = err
		return p
	}
	r.memo.Intent = e.ID
	return nil
}

func (r *run) entry(result audit.Result) audit.Entry {
	return audit.Entry{ID: newID(), At: r.s.now(), Owner: r.step.Owner, Actor: r.step.Actor, Address: r.args.Address,
		Kind: audit.Kind("container." + r.step.Kind), Result: result, Subject: r.title, Cluster: r.step.Group}
}

// result ends the intent, or, when Proxmox was not asked for anything, is a line of its own.
func (r *run) result(ctx context.Context, out Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	e := r.entry(auditResult(out))
	e.Of, e.Detail, e.UPID = r.memo.Intent, out.Detail, r.memo.UPID
	if _, err := r.s.store.Audit(ctx, e); err != nil && !errors.Is(err, context.Canceled) {
		r.s.log.Error("a result is missing in the audit trail", "intent", e.Of, "result", string(e.Result), "err", err)
	}
}

func auditResult(out Outcome) audit.Result {
	switch out.State {
	case job.Done, job.Warned:
		return audit.OK
	case job.Unknown:
		return audit.Unknown
	case job.Cancelled:
		return audit.Refused
	}
	switch out.Kind {
	case problem.Forbidden, problem.Unauthorized, problem.Denied, problem.Conflict, problem.Protected, problem.State, problem.Busy, problem.QuorumLost, problem.Untrusted:
		return audit.Refused
	}
	return audit.Failed
}
