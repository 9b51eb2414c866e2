package act

import (
	"context"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/job"
	"berth/internal/problem"
)

func accountID(owner string) account.UserID { return account.UserID(owner) }

// intend keeps, in one piece, what is about to be asked of Proxmox and the trail's
// word of it. When that cannot be written nothing is done.
func (r *run) intend(ctx context.Context, about memo) error {
	if about.Intent != "" { // a second call for the same thing
		r.memo = about
		return r.h.Memo(ctx, r.memo)
	}
	e := r.entry(audit.Intent)
	about.Intent = e.ID
	if err := r.h.Intend(ctx, about, e); err != nil {
		if ctx.Err() != nil || isTaken(err) {
			return err
		}
		r.s.log.Error("an intent was not written, so nothing is done", "job", string(r.step.Job), "step", r.step.N, "err", err)
		p := nothingDone(problem.Failed, "Berth could not write its audit trail.")
		p.Err = err
		return p
	}
	r.memo = about
	return nil
}

func (r *run) entry(result audit.Result) audit.Entry {
	return audit.Entry{ID: newID(), At: r.s.now(), Owner: r.step.Owner, Actor: r.step.Actor, Address: r.h.Address(),
		Kind: audit.Kind("container." + r.step.Kind), Result: result, Subject: r.title, Cluster: r.step.Group}
}

// result ends the intent, or, when Proxmox was not asked for anything, is a line of its own.
func (r *run) result(out Outcome) audit.Entry {
	e := r.entry(auditResult(out))
	e.Of, e.Detail, e.UPID = r.memo.Intent, out.Detail, r.memo.UPID
	return e
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
