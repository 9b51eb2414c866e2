package act

import (
	"context"
	"errors"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

var errCancelled = errors.New("act: its person ended the job before Proxmox was asked")

func isTaken(err error) bool { return errors.Is(err, job.ErrTaken) }

// patience is how long a task may take before the person is told that Proxmox
// still works on it. It is told, not ended: only Proxmox ends a task.
func patience(c Call) time.Duration {
	switch c.Action {
	case fleet.ActShutdown, fleet.ActReboot:
		return c.Timeout + time.Minute
	case fleet.ActDelete:
		return 10 * time.Minute
	}
	return 3 * time.Minute
}

// pace is how long to wait before a task of that age is asked for again.
func pace(age time.Duration) time.Duration {
	switch {
	case age < 5*time.Second:
		return 200 * time.Millisecond
	case age < 15*time.Second:
		return 500 * time.Millisecond
	case age < time.Minute:
		return time.Second
	}
	return 2 * time.Second
}

const (
	// logAfter is how old a task is when its log is first read while it runs; most have ended by then.
	logAfter = 2 * time.Second
	logEvery = 2 * time.Second
	// recheckEvery is how often a step looks whether it is still wanted.
	recheckEvery = 5 * time.Second
)

// follow waits for the end of the task and keeps its log.
func (r *run) follow(ctx context.Context, c Call) (fate, error) {
	leave := r.link.pulse.join()
	defer leave()
	f := following{run: r, call: c, began: time.Now(), checked: time.Now()}
	for {
		task, err := r.link.Task(ctx, r.memo.UPID)
		switch {
		case ctx.Err() != nil:
			return fate{}, errLeft
		case err == nil && !task.Running:
			r.readLog(ctx)
			return fate{task: task}, nil
		case problem.Is(err, problem.Forgotten):
			return fate{forgotten: true}, nil
		}
		if err := f.goOn(ctx, err); err != nil {
			return fate{}, err
		}
	}
}

// following is how a task is waited for.
type following struct {
	*run
	call           Call
	began, checked time.Time
	logged         time.Time
	fails          int
	said           bool
}

// goOn waits until the task should be asked for again. err is why it could not be asked for.
func (f *following) goOn(ctx context.Context, err error) error {
	if err != nil && !passing(err) {
		p := problem.New(problem.OutcomeUnknown, "Proxmox does not tell Berth any more how its task goes on.", "Look at "+f.title+" in Proxmox.")
		if cause := problem.Of(err); cause != nil {
			p.What, p.Proxmox = p.What+" "+cause.What, cause.Proxmox
		}
		return p
	}
	age := time.Since(f.began)
	if err := f.overdue(ctx, age); err != nil {
		return err
	}
	if time.Since(f.checked) > recheckEvery {
		f.checked = time.Now()
		if err := f.recheck(ctx); err != nil {
			return err
		}
	}
	if err != nil {
		f.fails++
		f.h.Say(ctx, "The task cannot be followed now: "+problem.Of(err).What+" Berth goes on when it answers again.")
		return f.pause(ctx, min(time.Duration(f.fails)*time.Second, 10*time.Second))
	}
	f.fails = 0
	if age > logAfter && time.Since(f.logged) > logEvery {
		f.logged = time.Now()
		f.readLog(ctx)
		f.keepLog(ctx)
	}
	return f.await(ctx, pace(age))
}

// await lets a change of cluster or person through.
func (f *following) await(ctx context.Context, d time.Duration) error {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	changed := f.s.changes()
	go func() {
		select {
		case <-changed:
			stop(errOrphan)
		case <-waiting.Done():
		}
	}()
	err := f.link.pulse.wait(waiting, f.memo.UPID, d)
	switch {
	case ctx.Err() != nil:
		return errLeft
	case err != nil:
		return f.recheck(ctx)
	}
	return nil
}

// overdue says so when Proxmox takes longer than it should. Who has ended the
// job by then is not made to wait for it.
func (f *following) overdue(ctx context.Context, age time.Duration) error {
	limit := patience(f.call)
	if age < limit {
		return nil
	}
	if f.cancelled() {
		return problem.New(problem.OutcomeUnknown, "No longer followed, since the job was cancelled: after "+about(age)+" Proxmox still works on it.",
			"Its task goes on in Proxmox.")
	}
	if !f.said {
		f.said = true
		f.h.Say(ctx, "Proxmox is still working on it after "+about(age)+". That is no failure; Berth goes on following.")
	}
	return nil
}

// readLog reads what the task's log has by now. What cannot be read is not worth
// failing for. The last lines are kept with the end, unless that is far.
func (r *run) readLog(ctx context.Context) {
	if lines, err := r.link.TaskLog(ctx, r.memo.UPID, r.memo.Read+len(r.unkept)); err == nil {
		r.unkept = append(r.unkept, lines...)
	}
}

// keepLog keeps what was read.
func (r *run) keepLog(ctx context.Context) {
	if len(r.unkept) == 0 || r.h.Log(ctx, r.unkept...) != nil {
		return
	}
	r.memo.Read += len(r.unkept)
	r.unkept = nil
	_ = r.h.Memo(ctx, r.memo) // else lines come twice after a crash
}
