package watch

import (
	"context"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// readMail takes what others left: a changed cluster, a newer row, a person's try.
func (l *loop) readMail(ctx context.Context) {
	l.mu.Lock()
	mail := l.mail
	l.mail = mailbox{tries: mail.tries}
	l.mu.Unlock()
	if mail.cluster != nil {
		l.adopt(*mail.cluster)
	}
	if mail.row != nil && !l.lease.held {
		l.restore(mail.row)
		l.publish()
	}
	if mail.redraw {
		l.publish()
	}
	l.takeSightings(ctx, mail.saw, mail.told)
	if mail.halt != nil && !l.halted {
		l.halt(ctx, mail.halt, l.w.now())
	}
	for _, kind := range mail.hurry {
		l.agenda.hurried[kind] = true
	}
	l.startTry(ctx)
}

// adopt takes the cluster's row as it is in the store now. When the row's
// version moved, secret, pin or addresses may have, and the loop starts anew.
func (l *loop) adopt(c fleet.Cluster) {
	old := l.sight.cluster
	halted := c.Halt != nil
	if c.Version != old.Version || c.TokenID != old.TokenID || c.Authority.Binding() != old.Authority.Binding() || l.halted && !halted {
		l.hangUp()
		clear(l.agenda.denied)
		l.agenda.begun, l.agenda.later = [callKinds]time.Time{}, [callKinds]time.Time{}
		l.agenda.fails, l.agenda.visit = 0, l.w.now()
		l.sight.permissions, l.sight.rights = nil, nil
		l.took = [callKinds]time.Duration{}
	}
	if l.halted && !halted {
		l.sight.trouble = nil
	}
	l.halted = halted
	l.sight.adopt(c)
	l.apply(context.Background(), l.sight.settle(l.w.now()))
	l.publish()
}

// startTry makes the one call that a person asked for; those who ask meanwhile share its answer.
func (l *loop) startTry(ctx context.Context) {
	l.mu.Lock()
	tries := l.mail.tries
	l.mail.tries = nil
	l.mu.Unlock()
	if len(tries) == 0 {
		return
	}
	now := l.w.now()
	switch {
	case !l.lease.held && !l.w.options.Alone:
		l.w.announce(ctx, topicTry, string(l.id))
		answerAll(tries, nil)
		return
	case len(l.trying) > 0:
		l.trying = append(l.trying, tries...)
		return
	case l.agenda.bucket.wait(now, budgetLooked) > 0:
		answerAll(tries, problem.New(problem.BudgetSpent, "Berth has asked "+l.sight.cluster.Name+" often enough for this minute.",
			"Try again in a moment; Berth goes on by itself."))
		return
	}
	c := call{kind: callResources}
	if l.sight.trouble == nil && l.agenda.may(callStatus, l.sight) {
		c.kind = callStatus // a node is meant: the status tells of it
	}
	l.trying = tries
	if !l.ask(ctx, c, true) {
		l.trying = nil
		var err error = problem.New(problem.Locked, "The cluster cannot be asked.", "Berth's log has the reason.")
		if t := l.sight.trouble; t != nil {
			err = &problem.Problem{Kind: problem.Kind(t.Kind), What: t.What, Remedy: t.Remedy}
		}
		answerAll(tries, err)
	}
}

// readTries answers those who wait with an error when the loop ends.
func (l *loop) readTries(err error) {
	l.mu.Lock()
	tries := l.mail.tries
	l.mail.tries = nil
	l.mu.Unlock()
	answerAll(append(tries, l.trying...), err)
	l.trying = nil
}

func answerAll(replies []chan error, err error) {
	for _, reply := range replies {
		reply <- err
	}
}
