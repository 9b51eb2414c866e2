package act

import (
	"context"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// staleAfter is how long a deletion may wait to begin without its root volume
// having been noted: VMIDs are used again, and a name proves little.
const staleAfter = 10 * time.Minute

// delete stops the container first if that was agreed, and destroys it. Before
// each of the two it is checked that the container is the one that was meant,
// also by who goes on after a crash.
func (r *run) delete(ctx context.Context) (Outcome, error) {
	if r.memo.Verb == "" {
		done, err := r.mayDelete(ctx)
		if err != nil || done {
			return r.goneAlready(done, err)
		}
	}
	if !r.memo.Stopped && (r.memo.Verb == fleet.ActStop || r.memo.Verb == "" && r.state.Status != fleet.Stopped) {
		if err := r.stopFirst(ctx); err != nil {
			return r.cancelledOr(err)
		}
	}
	return r.destroy(ctx)
}

func (r *run) goneAlready(done bool, err error) (Outcome, error) {
	if !done || err != nil {
		return Outcome{}, err
	}
	r.sawGone()
	return Outcome{State: job.Done, Detail: r.title + " is gone already: somebody deleted it. Nothing had to be done."}, nil
}

// mayDelete asks everything that speaks against it anew; done: it is gone already.
func (r *run) mayDelete(ctx context.Context) (done bool, err error) {
	r.h.Say(ctx, "Checking that it is the container that was meant.")
	if done, err := r.ready(ctx); done || err != nil {
		return done, err
	}
	if r.state.Status != fleet.Stopped && !r.args.Choices.StopFirst {
		return false, nothingDone(problem.State, r.title+" "+stateWord(r.state.Status)+", and it was not agreed that it is stopped first.")
	}
	config, err := r.link.Config(ctx, r.node, r.id.VMID)
	if err != nil {
		return false, before(err)
	}
	if err := r.meant(config.Name); err != nil {
		return false, err
	}
	if err := r.sameRoot(ctx, config); err != nil {
		return false, err
	}
	if config.Protected {
		return false, nothingDone(problem.Protected, r.title+" is protected: Proxmox does not delete it. If it is to go, switch its protection off in Proxmox first.")
	}
	return false, nil
}

// sameRoot compares the root volume with the one that was noted when the
// deletion was accepted, or soon after; it notes it where nobody has.
func (r *run) sameRoot(ctx context.Context, config Config) error {
	if r.memo.Root == "" && r.args.Noted {
		kept, err := r.noted(ctx)
		if err != nil {
			return err
		}
		r.memo.Root = kept.Roots[r.step.Subject]
	}
	switch {
	case r.memo.Root == config.Root && config.Root != "":
		return nil
	case r.memo.Root != "":
		return nothingDone(problem.Conflict, "CT "+r.id.VMID.String()+" has changed meanwhile: its root volume is another one than when "+r.title+" was to be deleted.")
	case r.args.Noted:
		return nothingDone(problem.Conflict, "What CT "+r.id.VMID.String()+" was could not be read when the job began, so it is not deleted.")
	case r.s.now().Sub(r.args.At) > staleAfter:
		return nothingDone(problem.Conflict, "This deletion was accepted "+about(r.s.now().Sub(r.args.At))+" ago and had not begun: CT "+r.id.VMID.String()+" may be another container by now.")
	}
	r.memo.Root = config.Root
	return r.h.Memo(ctx, r.memo)
}

// stopFirst stops the container and waits until it has.
func (r *run) stopFirst(ctx context.Context) error {
	r.h.Say(ctx, "Stopping it first.")
	c := Call{Action: fleet.ActStop}
	f, err := r.carry(ctx, c)
	if err != nil {
		return err
	}
	reached, gone, err := r.confirm(ctx, c, f)
	switch {
	case err != nil:
		return err
	case !gone && !reached && f.task.Problem != nil:
		return f.task.Problem
	case !gone && !reached:
		return problem.New(problem.State, r.title+" could not be stopped, so it was not deleted.", "Stop it, then delete it.")
	}
	if !gone {
		r.saw(ctx)
	}
	r.memo.Stopped = true
	return r.h.Memo(ctx, r.memo)
}

// destroy asks for the deletion itself, a few at a time for one storage, which Proxmox locks.
func (r *run) destroy(ctx context.Context) (Outcome, error) {
	storage, _ := cutVolume(r.memo.Root)
	if r.memo.Verb != fleet.ActDelete {
		r.h.Say(ctx, "Waiting for its turn on the storage "+storage+".")
	}
	leave, err := r.h.Enter(ctx, "storage/"+storage, r.s.deletesPerStorage)
	if err != nil {
		return Outcome{}, errLeft
	}
	defer leave()
	c := Call{Action: fleet.ActDelete, Purge: r.args.Choices.Purge, UnreferencedDisks: r.args.Choices.UnreferencedDisks}
	if r.memo.Verb != fleet.ActDelete {
		// Its turn may have come late: what was found before is asked once more, quorum too.
		if done, err := r.mayDelete(ctx); err != nil || done {
			return r.goneAlready(done, err)
		}
		r.h.Say(ctx, r.rule.Doing+".")
	}
	f, err := r.carry(ctx, c)
	if err != nil {
		return r.cancelledOr(err)
	}
	_, gone, err := r.confirm(ctx, c, f)
	if err != nil {
		return r.unconfirmed(f, err)
	}
	if gone {
		r.sawGone()
		return r.deleted(f)
	}
	r.saw(ctx)
	return r.notDeleted(f)
}

func (r *run) deleted(f fate) (Outcome, error) {
	switch {
	case f.lost:
		return Outcome{State: job.Warned, Detail: "The answer of Proxmox was lost, and " + r.memo.Node + " has no task of it. " + r.title + " is gone now."}, nil
	case f.task.Problem != nil:
		return Outcome{State: job.Warned, Detail: r.title + " is gone, but its task did not end well. " + f.task.Problem.Sentence(), Kind: f.task.Problem.Kind}, nil
	case f.task.Warnings > 0:
		return Outcome{State: job.Warned, Detail: r.title + " was deleted; Proxmox warned: see the log."}, nil
	}
	return Outcome{State: job.Done, Detail: r.title + " was deleted."}, nil
}

func (r *run) notDeleted(f fate) (Outcome, error) {
	switch {
	case f.lost:
		return r.found(false)
	case f.forgotten:
		return r.forgotten(false)
	case f.task.Problem != nil:
		return Outcome{}, f.task.Problem
	}
	return Outcome{}, problem.New(problem.Failed, "Proxmox ended the task well, but "+r.title+" is still there.", "Look into the log of the task.")
}

func (r *run) sawGone() {
	r.s.watcher.Saw(context.Background(), r.step.Owner, fleet.Container{ID: r.id})
}
