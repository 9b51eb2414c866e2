package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/store/query"
)

// maxPlans is how many plans that were not begun one owner has: the oldest goes when there is one more.
const maxPlans = 50

// SubmitJob keeps a new job with its steps, which are numbered in their order.
// A running one claims its steps' subjects; a step whose subject another job
// works on is skipped, with what taken says of that one's step. When nothing is left
// to be done for that reason, nothing is kept: a Conflict with the first reason. When the owner
// has a job of the same Once, that one's id is returned and nothing is kept.
func (s *Store) SubmitJob(ctx context.Context, j job.Job, steps []job.Step, taken func(job.Step) string) (job.ID, error) {
	err := s.tx(ctx, func(q *query.Queries) error {
		made, err := q.CreateJob(ctx, jobParams(j))
		if err != nil {
			return err
		}
		if made == 0 {
			before, err := q.JobOnce(ctx, query.JobOnceParams{Owner: j.Owner, Once: nullable(j.Once)})
			j.ID = job.ID(before.ID)
			return err
		}
		for n, step := range steps {
			if err := q.AddStep(ctx, stepParams(j, n, step)); err != nil {
				return err
			}
		}
		if j.State == job.Planned {
			return q.DropPlans(ctx, query.DropPlansParams{Owner: j.Owner, OfOwner: j.Owner, Keep: maxPlans})
		}
		return claimSteps(ctx, q, string(j.ID), 0, j.StartedAt, taken)
	})
	return j.ID, failed("keep the job", err)
}

// BeginJob lets a planned job begin, as SubmitJob does with a running one, and
// keeps who had it begun. Begun already, it is left as it is.
func (s *Store) BeginJob(ctx context.Context, owner string, id job.ID, by job.Begin, taken func(job.Step) string) error {
	return failed("begin the job", s.tx(ctx, func(q *query.Queries) error {
		begun, err := q.BeginJob(ctx, query.BeginJobParams{Owner: owner, ID: string(id), StartedAt: millis(by.At), Address: plain(by.Address)})
		if err != nil {
			return err
		}
		if begun == 0 {
			_, err := q.JobOf(ctx, query.JobOfParams{Owner: owner, ID: string(id)})
			return err
		}
		rev, err := q.ChangeJob(ctx, string(id))
		if err != nil {
			return err
		}
		if err := claimSteps(ctx, q, string(id), rev, by.At, taken); err != nil {
			return err
		}
		return s.addAuditOf(ctx, q, by.Entry)
	}))
}

// claimTries is how often a claim is tried again that was free and taken in turn.
const claimTries = 5

func claimSteps(ctx context.Context, q *query.Queries, id string, rev int64, at time.Time, taken func(job.Step) string) error {
	var why string
	for try := 0; ; try++ {
		reason, err := claimOnce(ctx, q, id, rev, at, taken)
		if why == "" {
			why = reason
		}
		if err != nil {
			return err
		}
		// Another job may have freed its claim between the two queries: nothing begins without one.
		switch unclaimed, err := q.UnclaimedSteps(ctx, id); {
		case err != nil:
			return err
		case unclaimed > 0 && try < claimTries:
			continue
		case unclaimed > 0:
			return problem.New(problem.Conflict, "Other jobs begin and end on these containers at this moment.", "Try again.")
		}
		break
	}
	if _, err := q.FinishJob(ctx, query.FinishJobParams{ID: id, EndedAt: millis(at)}); err != nil {
		return err
	}
	left, err := tallyOf(ctx, q, id)
	if err == nil && why != "" && left.Waiting == 0 {
		return problem.New(problem.Conflict, why, "Wait until that has ended.")
	}
	return err
}

// claimOnce claims what is free and skips what another job works on; why is the first reason.
func claimOnce(ctx context.Context, q *query.Queries, id string, rev int64, at time.Time, taken func(job.Step) string) (why string, err error) {
	if err := q.ClaimSubjects(ctx, id); err != nil {
		return "", err
	}
	others, err := q.TakenSteps(ctx, id)
	if err != nil {
		return "", err
	}
	last := int64(-1)
	for _, o := range others {
		if o.N == last {
			continue // a further step of the same other job
		}
		last = o.N
		reason := plain(taken(job.Step{Job: job.ID(o.JobID), Kind: o.Kind, Actor: o.Actor, Title: o.Title, State: job.StepState(o.State), StartedAt: moment(o.StartedAt)}))
		if why == "" {
			why = reason
		}
		if err := q.SkipStep(ctx, query.SkipStepParams{JobID: id, N: o.N, Detail: reason, Problem: string(problem.Conflict), Now: millis(at), Rev: rev}); err != nil {
			return why, err
		}
	}
	return why, nil
}

// JobOnce finds the owner's job that a form of that mark made.
func (s *Store) JobOnce(ctx context.Context, owner, once string) (job.ID, error) {
	r, err := s.reads.JobOnce(ctx, query.JobOnceParams{Owner: owner, Once: nullable(once)})
	return job.ID(r.ID), failed("find the job of a form", err)
}

// StopJob asks that the rest of a job be left undone: what has not begun is
// cancelled now, what is active is told by Open.Stopping. The entry (nil: none) is
// written when that is new.
func (s *Store) StopJob(ctx context.Context, owner string, id job.ID, at time.Time, entry *audit.Entry) error {
	return failed("stop the job", s.tx(ctx, func(q *query.Queries) error {
		rev, err := q.ChangeJobOf(ctx, query.ChangeJobOfParams{Owner: owner, ID: string(id)})
		if err != nil {
			return err
		}
		stopped, err := q.StopJob(ctx, query.StopJobParams{Owner: owner, ID: string(id), StopAt: millis(at)})
		if err != nil || stopped == 0 {
			return err // finished, or stopped before
		}
		if err := q.CancelRest(ctx, query.CancelRestParams{JobID: string(id), Detail: "Not begun: the job was cancelled.", EndedAt: millis(at), Rev: rev}); err != nil {
			return err
		}
		if err := settle(ctx, q, owner, string(id), at); err != nil {
			return err
		}
		return s.addAuditOf(ctx, q, entry)
	}))
}

// settle frees what a job's ended steps claimed, and ends the job with its last step.
func settle(ctx context.Context, q *query.Queries, owner, id string, at time.Time) error {
	if err := q.FreeSubjects(ctx, query.FreeSubjectsParams{JobID: id, Owner: owner}); err != nil {
		return err
	}
	return finish(ctx, q, id, at)
}

func finish(ctx context.Context, q *query.Queries, id string, at time.Time) error {
	_, err := q.FinishJob(ctx, query.FinishJobParams{ID: id, EndedAt: millis(at)})
	return err
}

// OpenGroups lists the groups in which something is to be done.
func (s *Store) OpenGroups(ctx context.Context) ([]string, error) {
	groups, err := s.reads.OpenGroups(ctx)
	return groups, failed("list what is to be done", err)
}

// OpenSteps lists what waits or is active in a group, of running jobs, the oldest job first.
func (s *Store) OpenSteps(ctx context.Context, group string) ([]job.Open, error) {
	rows, err := s.reads.OpenSteps(ctx, plain(group))
	open := make([]job.Open, len(rows))
	for i, r := range rows {
		open[i] = job.Open{Chain: r.Chain, Address: r.Address, Stopping: r.StopAt != 0, CreatedAt: moment(r.CreatedAt), Siblings: int(r.Steps), Step: step(query.JobStep{
			JobID: r.JobID, N: r.N, Owner: r.Owner, Kind: r.Kind, Actor: r.Actor, GroupID: r.GroupID, Lane: r.Lane, Subject: r.Subject, Title: r.Title,
			Wave: r.Wave, State: r.State, Args: r.Args, Memo: r.Memo, Upid: r.Upid, Detail: r.Detail, Problem: r.Problem, StartedAt: r.StartedAt,
			EndedAt: r.EndedAt, DismissedAt: r.DismissedAt, Attempt: r.Attempt, Holder: r.Holder, LogLines: r.LogLines, LogBytes: r.LogBytes, Rev: r.Rev})}
	}
	return open, failed("list what is to be done", err)
}

// TakeStep makes a step that waits, or that another replica left, the holder's and active.
// Ended meanwhile, it is job.ErrTaken.
func (s *Store) TakeStep(ctx context.Context, id job.ID, n int, holder string, at time.Time) (job.Step, error) {
	var r query.JobStep
	err := s.tx(ctx, func(q *query.Queries) error {
		rev, err := q.ChangeJob(ctx, string(id))
		if err == nil {
			r, err = q.TakeStep(ctx, query.TakeStepParams{JobID: string(id), N: int64(n), Holder: plain(holder), Now: millis(at), Rev: rev})
		}
		if errors.Is(err, sql.ErrNoRows) {
			return job.ErrTaken
		}
		return err
	})
	return step(r), orTaken("take up a step", err)
}

// IntendStep keeps, in one piece, what whoever goes on after a crash needs and
// the trail's word of what is about to be done.
func (s *Store) IntendStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, intent audit.Entry) error {
	return failed("note what a step is about to do", s.tx(ctx, func(q *query.Queries) error {
		rows, err := q.NoteStep(ctx, query.NoteStepParams{JobID: string(id), N: int64(n), Holder: plain(holder), Memo: plain(string(memo))})
		if err := stillHeld("note what a step needs", rows, err); err != nil {
			return err
		}
		return s.addAuditOf(ctx, q, &intent)
	}))
}

// NoteStep keeps what whoever goes on after a crash needs, and Proxmox's task once there is one ("" keeps it).
func (s *Store) NoteStep(ctx context.Context, id job.ID, n int, holder string, memo []byte, upid string) error {
	if upid == "" {
		rows, err := s.writes.NoteStep(ctx, query.NoteStepParams{JobID: string(id), N: int64(n), Holder: plain(holder), Memo: plain(string(memo))})
		return stillHeld("note what a step needs", rows, err)
	}
	return s.changeStep(ctx, "note a step's task", id, func(q *query.Queries, rev int64) (int64, error) {
		return q.NoteTask(ctx, query.NoteTaskParams{JobID: string(id), N: int64(n), Holder: plain(holder), Memo: plain(string(memo)), Upid: plain(upid), Rev: rev})
	})
}

// changeStep changes one step as a page shows it; who does not have it any more gets job.ErrTaken.
func (s *Store) changeStep(ctx context.Context, doing string, id job.ID, change func(q *query.Queries, rev int64) (int64, error)) error {
	return orTaken(doing, s.tx(ctx, func(q *query.Queries) error {
		rev, err := q.ChangeJob(ctx, string(id))
		if errors.Is(err, sql.ErrNoRows) {
			return job.ErrTaken
		}
		if err != nil {
			return err
		}
		rows, err := change(q, rev)
		return stillHeld(doing, rows, err)
	}))
}

// OrderSteps gives steps of a job that wait, and are of the group of its step
// by, another wave: all or none. What has begun or ended keeps its own.
func (s *Store) OrderSteps(ctx context.Context, id job.ID, by int, holder string, waves map[int]int) error {
	return failed("order a job's steps", s.tx(ctx, func(q *query.Queries) error {
		for n, wave := range waves {
			_, err := q.OrderStep(ctx, query.OrderStepParams{JobID: string(id), N: int64(n), ByN: int64(by), Holder: plain(holder), Wave: int64(wave)})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// SayStep keeps what a step is doing.
func (s *Store) SayStep(ctx context.Context, id job.ID, n int, holder, detail string) error {
	return s.changeStep(ctx, "say what a step does", id, func(q *query.Queries, rev int64) (int64, error) {
		return q.SayStep(ctx, query.SayStepParams{JobID: string(id), N: int64(n), Holder: plain(holder), Detail: plain(detail), Rev: rev})
	})
}

// EndStep ends an active step with the last of its log, frees its subject,
// leaves out the rest of a chain after a bad end, ends the job with its last
// step, and writes the trail: all or nothing.
func (s *Store) EndStep(ctx context.Context, o job.Open, holder string, end job.End) error {
	return failed("end a step", s.tx(ctx, func(q *query.Queries) error {
		rev, err := q.ChangeJob(ctx, string(o.Job))
		if errors.Is(err, sql.ErrNoRows) {
			return job.ErrTaken
		}
		if err != nil {
			return err
		}
		if err := addLines(ctx, q, o.Job, o.N, holder, end.At, end.Lines); err != nil {
			return err
		}
		rows, err := q.EndStep(ctx, query.EndStepParams{JobID: string(o.Job), N: int64(o.N), Holder: plain(holder),
			State: string(end.State), Detail: plain(end.Detail), Problem: plain(end.Problem), Now: millis(end.At), Rev: rev})
		if err := stillHeld("end a step", rows, err); err != nil {
			return err
		}
		if err := release(ctx, q, o, rev, end); err != nil {
			return err
		}
		return s.addAuditOf(ctx, q, end.Entry)
	}))
}

// release frees what a step held that ended, and ends the job with its last.
func release(ctx context.Context, q *query.Queries, o job.Open, rev int64, end job.End) error {
	if o.Chain && end.State.Bad() {
		err := q.SkipRest(ctx, query.SkipRestParams{JobID: string(o.Job), Detail: "Left out: a step before it did not go well.", EndedAt: millis(end.At), Rev: rev})
		if err != nil {
			return err
		}
		return settle(ctx, q, o.Owner, string(o.Job), end.At)
	}
	if err := q.FreeSubject(ctx, query.FreeSubjectParams{Subject: o.Subject, JobID: string(o.Job), Owner: o.Owner}); err != nil {
		return err
	}
	return finish(ctx, q, string(o.Job), end.At)
}

func stillHeld(doing string, rows int64, err error) error {
	if err == nil && rows == 0 {
		return job.ErrTaken
	}
	return failed(doing, err)
}

// orTaken is failed of what may be job.ErrTaken, which passes as it is.
func orTaken(doing string, err error) error {
	if errors.Is(err, job.ErrTaken) {
		return err
	}
	return failed(doing, err)
}

// Job finds one of the owner's jobs.
func (s *Store) Job(ctx context.Context, owner string, id job.ID) (job.Job, error) {
	r, err := s.reads.JobOf(ctx, query.JobOfParams{Owner: owner, ID: string(id)})
	if err != nil {
		return job.Job{}, failed("read the job", err)
	}
	tally, err := tallyOf(ctx, s.reads, r.ID)
	return jobOf(r, tally), failed("count the job's steps", err)
}

// Jobs lists an owner's jobs, the newest first. Lane and Subject are not looked at.
func (s *Store) Jobs(ctx context.Context, f job.Filter) ([]job.Job, error) {
	rows, err := s.reads.Jobs(ctx, query.JobsParams{Owner: f.Owner, Before: beforeOf(f), Kind: plain(f.Kind), Actor: plain(f.Actor),
		State: string(f.State), GroupID: plain(f.Group), States: listed(f.States), Most: mostOf(f)})
	if err != nil {
		return nil, failed("list jobs", err)
	}
	jobs := make([]job.Job, len(rows))
	for i, r := range rows {
		tally, err := tallyOf(ctx, s.reads, r.ID)
		if err != nil {
			return nil, failed("count the jobs' steps", err)
		}
		jobs[i] = jobOf(r, tally)
	}
	return jobs, nil
}

// Steps lists an owner's steps: of one job in their order, else those that were begun, the newest first.
func (s *Store) Steps(ctx context.Context, f job.Filter) ([]job.Step, error) {
	var rows []query.JobStep
	var err error
	past := int64(f.To)
	if past <= 0 {
		past = math.MaxInt64
	}
	switch {
	case f.Job != "" && f.Changed:
		rows, err = s.reads.ChangedSteps(ctx, query.ChangedStepsParams{Owner: f.Owner, JobID: plain(string(f.Job)), Since: f.Since, First: int64(f.From), Past: past, Most: mostOf(f)})
	case f.Job != "":
		rows, err = s.reads.StepsOfJob(ctx, query.StepsOfJobParams{Owner: f.Owner, JobID: plain(string(f.Job)), First: int64(f.From), Past: past,
			Kind: plain(f.Kind), States: listed(f.States), Most: mostOf(f)})
	default:
		rows, err = s.reads.Steps(ctx, query.StepsParams{Owner: f.Owner, Before: beforeOf(f), Subject: plain(f.Subject), GroupID: plain(f.Group),
			Lane: plain(f.Lane), Kind: plain(f.Kind), Actor: plain(f.Actor), States: listed(f.States), Most: mostOf(f)})
	}
	return stepsOf(rows), failed("list steps", err)
}

// GroupsOfJob lists the groups that a job of the owner's has steps in.
func (s *Store) GroupsOfJob(ctx context.Context, owner string, id job.ID) ([]string, error) {
	groups, err := s.reads.GroupsOfJob(ctx, query.GroupsOfJobParams{Owner: owner, JobID: plain(string(id))})
	return groups, failed("list a job's groups", err)
}

// Goings reads what goes on for an owner: the steps of running jobs that wait or
// are active, without arguments and memo, and the last one of each subject where it
// ended badly and was not dismissed. since is how far back a bad end is still told.
func (s *Store) Goings(ctx context.Context, owner string, since time.Time) (open, bad []job.Step, err error) {
	busy, err := s.reads.BusySteps(ctx, owner)
	if err != nil {
		return nil, nil, failed("read what goes on", err)
	}
	ended, err := s.reads.BadSteps(ctx, query.BadStepsParams{Owner: owner, Since: millis(since)})
	if err != nil {
		return nil, nil, failed("read what went badly", err)
	}
	open = make([]job.Step, len(busy))
	for i, r := range busy {
		open[i] = job.Step{Job: job.ID(r.JobID), N: int(r.N), Owner: owner, Kind: r.Kind, Actor: r.Actor, Group: r.GroupID, Lane: r.Lane, Subject: r.Subject, Title: r.Title,
			Wave: int(r.Wave), State: job.StepState(r.State), UPID: r.Upid, Detail: r.Detail, StartedAt: moment(r.StartedAt), Attempt: int(r.Attempt)}
	}
	return open, stepsOf(ended), nil
}

// DismissStep notes that a bad end was seen by its owner.
func (s *Store) DismissStep(ctx context.Context, owner string, id job.ID, n int, at time.Time) error {
	return failed("dismiss a step", s.tx(ctx, func(q *query.Queries) error {
		rev, err := q.ChangeJobOf(ctx, query.ChangeJobOfParams{Owner: owner, ID: string(id)})
		if err != nil {
			return err
		}
		rows, err := q.DismissStep(ctx, query.DismissStepParams{Owner: owner, JobID: string(id), N: int64(n), Now: millis(at), Rev: rev})
		return changedOne("dismiss a step", rows, err)
	}))
}

// PruneJobs forgets jobs that were asked for before a time, but those that run,
// and plans that were made before another and never begun.
func (s *Store) PruneJobs(ctx context.Context, before, plansBefore time.Time) error {
	return failed("forget old jobs", s.writes.PruneJobs(ctx, query.PruneJobsParams{Before: millis(before), PlansBefore: millis(plansBefore)}))
}

func beforeOf(f job.Filter) int64 {
	if f.Before.IsZero() {
		return math.MaxInt64
	}
	return millis(f.Before)
}

func mostOf(f job.Filter) int32 {
	if f.Limit <= 0 {
		return 100
	}
	return int32(min(f.Limit, 100_000))
}

// listed is ",a,b," as the queries look for a state in it; empty for any.
func listed(states []job.StepState) string {
	if len(states) == 0 {
		return ""
	}
	var b strings.Builder
	for _, s := range states {
		b.WriteString("," + string(s))
	}
	return b.String() + ","
}
