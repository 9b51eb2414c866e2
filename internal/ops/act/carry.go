package act

import (
	"context"
	"net/http/httptrace"
	"slices"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// callWithin is how long a call that was begun may go on although Berth stops: an answer that is known is better than one that is looked for.
const callWithin = 2 * time.Second

// fate is what became of something that Proxmox was asked for.
type fate struct {
	task Task
	// lost: the call's answer was lost, and no task of it was found.
	lost bool
	// already: Proxmox says that the container is in that state.
	already bool
	// forgotten: there was a task, and Proxmox does not know it any more.
	forgotten bool
}

// carry has Proxmox do one thing once, and follows it to its end. After a crash
// it goes on where it was: it adopts the task, or finds out what became of the call.
func (r *run) carry(ctx context.Context, c Call) (fate, error) {
	if r.memo.Verb != c.Action {
		f, err := r.call(ctx, c)
		if err != nil || f.already {
			return f, err
		}
	}
	if r.memo.UPID == "" {
		upid, err := r.find(ctx)
		if err != nil {
			return fate{}, err
		}
		if upid == "" {
			return fate{lost: true}, nil
		}
		if err := r.adopt(ctx, upid); err != nil {
			return fate{}, err
		}
	}
	return r.follow(ctx, c)
}

// call makes the one call. That it is about to be made is durable before; an
// answer that was lost leaves the memo without a UPID.
func (r *run) call(ctx context.Context, c Call) (fate, error) {
	if r.cancelled() {
		return fate{}, errCancelled
	}
	// It may have waited for its turn: the person may be shut out and the cluster removed by now.
	if err := r.recheck(ctx); err != nil {
		return fate{}, err
	}
	about := r.memo
	about.Verb, about.Node, about.At, about.UPID, about.Read = c.Action, r.node, r.s.now(), "", 0
	if c.Action == fleet.ActReboot {
		about.Boot = about.At.Add(-r.state.Uptime)
	}
	r.keepLog(ctx) // of the task before, if there was one
	if err := r.intend(ctx, about); err != nil {
		return fate{}, err // it was not made
	}
	longer, stop := outlast(ctx, callWithin)
	defer stop()
	calling, stop := r.sending(longer)
	defer stop()
	upid, err := r.link.Do(calling, r.node, r.id.VMID, c)
	switch p := problem.Of(err); {
	case err == nil:
		return fate{}, r.adopt(ctx, upid)
	case ctx.Err() != nil, !r.h.Held():
		return fate{}, errLeft // what became of it is found out later
	case p == nil:
		return fate{}, nil // nobody knows whether it was sent: it is looked for
	case p.Kind == problem.OutcomeUnknown:
		r.h.Say(ctx, "The answer of Proxmox was lost. Berth looks whether it was carried out, and does not repeat it.")
		return fate{}, nil
	case p.Kind == problem.State:
		if gone, err := r.look(ctx); err == nil && !gone && wished(c.Action, r.state) {
			return fate{already: true}, nil
		}
		return fate{}, err
	}
	return fate{}, err // Proxmox refused it
}

// sending is a context for a call that changes something. A process that was
// frozen between its memo and here may have lost the step to another replica, which looks for
// what it left: so the call ends with the lease, and a connection that
// is had later is closed before a byte of the request is on it.
func (r *run) sending(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := r.h.Guard(ctx)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !r.h.Held() {
			stop()
			_ = c.Conn.Close() // an error changes nothing: it is not written to
		}
	}}), stop
}

// outlast is a context that goes on for a while after ctx ended.
func outlast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return longer, func() { stop(); cancel() }
}

// adopt keeps the task's UPID before it is waited for. The database may be away
// for a moment: without it a crash only means that the task is looked for.
func (r *run) adopt(ctx context.Context, upid string) error {
	r.memo.UPID = upid
	var err error
	for range 5 {
		if err = r.h.Task(context.WithoutCancel(ctx), upid, r.memo); err == nil || ctx.Err() != nil || isTaken(err) {
			return err
		}
		if err := r.pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	r.s.log.Error("a task's id was not kept", "upid", upid, "err", err)
	return nil
}

const (
	// skew is how far the node's clock may be from Berth's when a task is looked for by its time.
	skew = 10 * time.Minute
	// findFor is how long what became of a lost call is looked for while the node cannot be asked.
	findFor = 10 * time.Minute
)

// find looks for the task that a call became whose answer was lost: one of our
// token, of that container, of a fitting type, that no other step knows. A node
// that was hung may still carry the call out moments later, so it looks more than once.
func (r *run) find(ctx context.Context) (upid string, err error) {
	known, err := r.known(ctx)
	if err != nil {
		return "", err
	}
	r.h.Say(ctx, "It is not known whether Proxmox carried it out. Berth looks.")
	began := time.Now()
	for looks, wait := 0, 300*time.Millisecond; looks < 4; {
		tasks, err := r.link.TasksOf(ctx, r.memo.Node, r.id.VMID, r.memo.At.Add(-skew))
		switch {
		case err == nil:
			looks++
			if upid := r.ours(tasks, known); upid != "" {
				return upid, nil
			}
		case !passing(err) || time.Since(began) > findFor:
			p := problem.New(problem.OutcomeUnknown, "It is not known whether Proxmox carried it out, and the tasks of "+r.memo.Node+" cannot be read.",
				"Look at "+r.title+" in Proxmox. Berth does not repeat it.")
			p.Err = err
			return "", p
		}
		if looks == 4 {
			break
		}
		if err := r.pause(ctx, wait); err != nil {
			return "", err
		}
		wait = min(2*wait, 5*time.Second)
	}
	return "", nil
}

// known are the tasks of this container that other steps were.
func (r *run) known(ctx context.Context) (map[string]bool, error) {
	steps, err := r.s.store.Steps(ctx, job.Filter{Owner: r.step.Owner, Subject: r.step.Subject, Limit: 50})
	known := map[string]bool{}
	for _, st := range steps {
		if st.UPID != "" {
			known[st.UPID] = true
		}
	}
	return known, err
}

// ours is the newest of the tasks that may be what the call became.
func (r *run) ours(tasks []Task, known map[string]bool) string {
	rule, _ := fleet.RuleOf(r.memo.Verb)
	var newest Task
	for _, t := range tasks {
		if slices.Contains(rule.Tasks, t.Type) && !known[t.UPID] && !t.StartedAt.Before(newest.StartedAt) {
			newest = t
		}
	}
	return newest.UPID
}
