package act

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// power carries out everything but a deletion: one thing asked of Proxmox.
func (r *run) power(ctx context.Context) (Outcome, error) {
	var kept notes
	if r.args.Noted {
		var err error
		if kept, err = r.noted(ctx); err != nil {
			return Outcome{}, err
		}
	}
	c := r.asked(kept)
	if r.memo.Verb == "" {
		done, err := r.ready(ctx)
		if err != nil {
			return Outcome{}, err
		}
		if done {
			r.saw(ctx)
			return Outcome{State: job.Done, Detail: r.title + " " + r.already() + ". Nothing had to be done."}, nil
		}
	}
	f, err := r.carry(ctx, c)
	if err != nil {
		return r.cancelledOr(err)
	}
	out, err := r.judged(ctx, c, f)
	if up := kept.Ups[r.step.Subject]; up > 0 && (out.State == job.Done || out.State == job.Warned) {
		out.Hold = up
		out.Detail += " What comes after it in the startup order waits " + about(up) + "."
	}
	return out, err
}

// asked is what Proxmox is to be asked for. As in Proxmox's own "stop all", a
// container that says how long its shutdown takes gets that long, if it is the longer time.
func (r *run) asked(kept notes) Call {
	c := Call{Action: r.rule.Action}
	if c.Action == fleet.ActShutdown {
		c.Timeout, c.Force = r.args.Choices.Timeout, r.args.Choices.Force
		if c.Timeout <= 0 {
			c.Timeout = usualTimeout
		}
		c.Timeout = max(c.Timeout, kept.Downs[r.step.Subject])
	}
	return c
}

func (r *run) already() string {
	switch r.rule.Action {
	case fleet.ActStart, fleet.ActResume:
		return "already runs"
	}
	return "already " + stateWord(r.state.Status)
}

func (r *run) cancelledOr(err error) (Outcome, error) {
	if errors.Is(err, errCancelled) {
		return Outcome{State: job.Cancelled, Detail: "Not begun: the job was cancelled."}, nil
	}
	return Outcome{}, err
}

// judged confirms what became of it by the container's own status, tells the
// watcher, and says how it ended.
func (r *run) judged(ctx context.Context, c Call, f fate) (Outcome, error) {
	reached, gone, err := r.confirm(ctx, c, f)
	if err != nil {
		return r.unconfirmed(f, err)
	}
	r.suspended = c.Action == fleet.ActSuspend && reached && !f.lost && f.task.Problem == nil
	r.saw(ctx)
	switch {
	case gone && c.Action != fleet.ActDelete:
		return Outcome{}, problem.New(problem.Gone, r.title+" is gone: somebody deleted it meanwhile.", "")
	case f.already:
		return Outcome{State: job.Done, Detail: r.title + " " + r.already() + "."}, nil
	case f.lost:
		return r.found(reached)
	case f.forgotten:
		return r.forgotten(reached)
	case f.task.Problem != nil:
		return r.ended(c, f.task.Problem, reached)
	case !reached:
		return Outcome{}, r.unreached(c)
	case f.task.Warnings > 0:
		return Outcome{State: job.Warned, Detail: fmt.Sprintf("%s was %s; Proxmox warned (%d): see the log.", r.title, r.rule.Done, f.task.Warnings)}, nil
	}
	return Outcome{State: job.Done, Detail: r.title + " was " + r.rule.Done + "."}, nil
}

const (
	// settleFor is how long the state may take to follow a task that ended well: a
	// shutdown whose time was over was seen to end OK some seconds before the container.
	settleFor = 6 * time.Second
	// settleLate is when it is looked at less often: HA takes some ten seconds.
	settleLate = 30 * time.Second
	// haFor is how long the cluster's HA may take to do what it was asked for.
	haFor = 5 * time.Minute
	// seeFor is how long the container's own status is tried to be had.
	seeFor = 30 * time.Second
)

// confirm looks whether the container is as it was wished.
func (r *run) confirm(ctx context.Context, c Call, f fate) (reached, gone bool, err error) {
	began := time.Now()
	for wait := 150 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		if time.Since(began) > settleLate {
			wait = 2 * time.Second
		}
		gone, err = r.lookPatiently(ctx, seeFor)
		if err != nil || gone {
			return gone && c.Action == fleet.ActDelete, gone, err
		}
		if reached = r.reached(c, f); reached {
			return true, false, nil
		}
		limit := settleFor
		switch {
		case r.state.Managed:
			limit = max(haFor, c.Timeout+time.Minute)
			r.h.Say(ctx, "The cluster's HA was asked; Berth waits until it has done it.")
		case f.task.Problem != nil || f.lost || f.forgotten || c.Action == fleet.ActDelete:
			return false, false, nil
		}
		if time.Since(began) > limit || r.cancelled() {
			return false, false, nil
		}
		r.keepLog(ctx) // the end may be far
		if err := r.pause(ctx, wait); err != nil {
			return false, false, err
		}
	}
}

// reached reports whether the container that was just looked at is as wished. A
// reboot whose task is not known has come about only if it runs since.
func (r *run) reached(c Call, f fate) bool {
	// Uptimes are whole seconds.
	if c.Action == fleet.ActReboot && (f.lost || f.forgotten) && r.s.now().Add(-r.state.Uptime).Before(r.memo.Boot.Add(2*time.Second)) {
		return false
	}
	return wished(c.Action, r.state)
}

// saw tells the watcher what the container itself said.
func (r *run) saw(ctx context.Context) {
	c := r.container()
	switch {
	case r.rule.Action == fleet.ActResume:
		c.Status = r.state.Status // a resume that failed left nothing to be resumed
	case r.suspended && c.Status == fleet.Stopped:
		c.Status = fleet.Suspended
	}
	r.s.watcher.Saw(ctx, r.step.Owner, c)
}

// unconfirmed is when the task's end is known and the container's state is not.
func (r *run) unconfirmed(f fate, err error) (Outcome, error) {
	p := problem.Of(err)
	if p == nil || f.lost || f.forgotten {
		if p != nil {
			p = problem.New(problem.OutcomeUnknown, "It is not known whether Proxmox carried it out. "+p.What, "Look at "+r.title+" in Proxmox. Berth does not repeat it.")
			return Outcome{}, p
		}
		return Outcome{}, err
	}
	if f.task.Problem != nil {
		return Outcome{}, f.task.Problem
	}
	return Outcome{State: job.Warned, Detail: "Proxmox ended the task well, but the state of " + r.title + " could not be read: " + p.What}, nil
}

// found says what was found after a call whose answer was lost.
func (r *run) found(reached bool) (Outcome, error) {
	said := "The answer of Proxmox was lost, and " + r.memo.Node + " has no task of it. " + r.title + " " + stateWord(r.state.Status)
	if reached {
		return Outcome{State: job.Warned, Detail: said + " now, as it was wished."}, nil
	}
	return Outcome{State: job.Failed, Kind: problem.OutcomeUnknown,
		Detail: said + ": as far as can be seen it was not carried out. Berth does not repeat it; try again if it is still wished."}, nil
}

// forgotten is when Proxmox dropped the task before its end was read.
func (r *run) forgotten(reached bool) (Outcome, error) {
	said := "Proxmox does not know its task any more. " + r.title + " " + stateWord(r.state.Status)
	if reached {
		return Outcome{State: job.Done, Detail: said + ", as it was wished."}, nil
	}
	return Outcome{State: job.Unknown, Kind: problem.OutcomeUnknown, Detail: said + ", and how the task ended cannot be learned."}, nil
}

// ended is when the task failed: Proxmox's reason, and what is the case now.
func (r *run) ended(c Call, p *problem.Problem, reached bool) (Outcome, error) {
	switch {
	case reached && p.Kind == problem.State:
		return Outcome{State: job.Done, Detail: r.title + " " + r.already() + "."}, nil
	case c.Action == fleet.ActShutdown && !reached && notStopped(p.Proxmox):
		return Outcome{}, r.unreached(c)
	case reached && p.Kind == problem.OutcomeUnknown:
		return Outcome{State: job.Warned, Detail: p.What + " " + r.title + " " + stateWord(r.state.Status) + " now, as it was wished."}, nil
	}
	return Outcome{}, p
}

// notStopped reads Proxmox's words for a shutdown whose time was over (PVE::LXC::vm_stop).
func notStopped(words string) bool {
	return strings.Contains(words, "did not stop") || strings.Contains(words, "lxc-stop") || strings.Contains(words, "timed out") && !strings.Contains(words, "lock")
}

// unreached is when the task ended and the container is not as it was wished.
func (r *run) unreached(c Call) *problem.Problem {
	switch {
	case r.state.Managed:
		return problem.New(problem.Timeout, "The cluster's HA was asked, and "+r.title+" still "+stateWord(r.state.Status)+" after "+about(haFor)+".",
			"Look at the HA state in Proxmox: it may still come about.")
	case c.Action == fleet.ActShutdown:
		return problem.New(problem.Timeout, r.title+" still runs: it did not shut down within "+about(c.Timeout)+".",
			"It may still do so. If it does not, have it stopped.")
	case c.Action == fleet.ActStart, c.Action == fleet.ActReboot:
		return problem.New(problem.Failed, "Proxmox ended the task well, but "+r.title+" does not run.",
			"It may have ended by itself right after its start: look into its own log.")
	}
	return problem.New(problem.Failed, "Proxmox ended the task well, but "+r.title+" still "+stateWord(r.state.Status)+".", "Look into the log of the task.")
}
