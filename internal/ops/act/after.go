package act

import (
	"context"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// Dismiss notes that a bad end was seen.
func (s *Service) Dismiss(ctx context.Context, v account.Viewer, id job.ID, n int) error {
	return s.engine.Dismiss(ctx, string(v.User.ID), id, n)
}

// Forceable reports whether a step is a shutdown whose time was over while the
// container still ran, so that its person may have it stopped.
func Forceable(st job.Step) bool {
	return st.Kind == string(fleet.ActShutdown) && st.State == job.Failed && st.Problem == string(problem.Timeout) && st.DismissedAt.IsZero()
}

// Force stops the container that did not shut down in time, as a job of its own.
func (s *Service) Force(ctx context.Context, v account.Viewer, address string, id job.ID, n int) (job.ID, error) {
	owner := string(v.User.ID)
	if n < 0 {
		return "", problem.Missing()
	}
	steps, err := s.store.Steps(ctx, job.Filter{Owner: owner, Job: id, From: n, To: n + 1})
	if err != nil {
		return "", err
	}
	if len(steps) == 0 {
		return "", problem.Missing()
	}
	target, ok := targetOf(steps[0])
	if !ok || steps[0].Kind != string(fleet.ActShutdown) {
		return "", problem.New(problem.Invalid, "This was no shutdown: there is nothing to be forced.", "Look at the job as it is now.")
	}
	if !Forceable(steps[0]) {
		return "", problem.New(problem.Conflict, "There is nothing here to be forced.", "Only a container that did not shut down in time can be.")
	}
	r := fleet.ActionRequest{Action: fleet.ActStop, Once: "force/" + string(id) + "/" + steps[0].Subject}
	aimAgain(&r, target, steps[0])
	made, err := s.Do(ctx, v, address, r)
	if err != nil {
		return "", err
	}
	return made, s.engine.Dismiss(ctx, owner, id, n)
}

// aimAgain has a request mean the container of an earlier step: the one that was called so then.
func aimAgain(r *fleet.ActionRequest, id fleet.ContainerID, st job.Step) {
	r.Targets = append(r.Targets, id)
	var was stepArgs
	decode(st.Args, &was)
	if was.Name == "" {
		return // a new container's, which comes late
	}
	if r.Names == nil {
		r.Names = map[fleet.ContainerID]string{}
	}
	r.Names[id] = fleet.Container{ID: id, Hostname: was.Name}.Name()
}

// Busy is what is being done to the owner's containers right now.
func (s *Service) Busy(owner string) map[fleet.ContainerID]fleet.Busy {
	board := s.engine.Board(owner)
	busy := make(map[fleet.ContainerID]fleet.Busy, len(board.Busy))
	for _, st := range board.Busy {
		if id, ok := targetOf(st); ok {
			busy[id] = BusyWith(st)
		}
	}
	return busy
}

// BusyWith is a step as what it does to its container.
func BusyWith(st job.Step) fleet.Busy {
	b := fleet.Busy{Doing: st.Kind, By: st.Actor, Since: st.StartedAt, Waiting: st.State == job.Waiting}
	if rule, ok := fleet.RuleOf(fleet.Action(st.Kind)); ok {
		b.Doing = rule.Doing
	}
	return b
}

// Taken says in one sentence what another job does to a container.
func Taken(other job.Step) string {
	b := BusyWith(other)
	if b.Waiting {
		return other.Title + " waits for another action of " + b.By + ": " + b.Doing + "."
	}
	return b.Doing + " " + other.Title + " is under way, begun by " + b.By + "."
}

// targetOf reads the container that a step is done to; ok is false for steps that are done to none.
func targetOf(st job.Step) (fleet.ContainerID, bool) { return fleet.ParseContainerID(st.Subject) }

func choicesOf(j job.Job) (c fleet.Choices) {
	decode(j.Args, &c)
	return c
}
