package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"berth/internal/job"
	"berth/internal/store/query"
)

func jobParams(j job.Job) query.CreateJobParams {
	return query.CreateJobParams{ID: string(j.ID), Owner: j.Owner, Once: nullable(j.Once), Kind: plain(j.Kind), Title: plain(j.Title),
		Actor: plain(j.Actor), Address: plain(j.Address), State: string(j.State), Chain: j.Chain, Retries: plain(string(j.Retries)),
		Args: plain(string(j.Args)), CreatedAt: millis(j.CreatedAt), StartedAt: millis(j.StartedAt), EndedAt: millis(j.EndedAt)}
}

func stepParams(j job.Job, n int, s job.Step) query.AddStepParams {
	if s.State == "" {
		s.State = job.Waiting
	}
	kind := s.Kind
	if kind == "" {
		kind = j.Kind
	}
	p := query.AddStepParams{JobID: string(j.ID), N: int64(n), Owner: j.Owner, Kind: plain(kind), Actor: plain(j.Actor), GroupID: plain(s.Group),
		Lane: plain(s.Lane), Subject: plain(s.Subject), Title: plain(s.Title), Wave: int64(s.Wave), State: string(s.State),
		Args: plain(string(s.Args)), Detail: plain(s.Detail), Problem: plain(s.Problem)}
	if s.State.Ended() {
		p.EndedAt = millis(j.CreatedAt)
	}
	return p
}

func jobOf(r query.Job, t job.Tally) job.Job {
	return job.Job{ID: job.ID(r.ID), Owner: r.Owner, Kind: r.Kind, Title: r.Title, Actor: r.Actor, Address: r.Address, State: job.State(r.State),
		Once: r.Once.String, Chain: r.Chain, Retries: job.ID(r.Retries), Args: raw(r.Args), CreatedAt: moment(r.CreatedAt), StartedAt: moment(r.StartedAt),
		EndedAt: moment(r.EndedAt), StopAt: moment(r.StopAt), Tally: t, Rev: r.Rev}
}

func step(r query.JobStep) job.Step {
	return job.Step{Job: job.ID(r.JobID), N: int(r.N), Owner: r.Owner, Kind: r.Kind, Actor: r.Actor, Group: r.GroupID, Lane: r.Lane, Subject: r.Subject,
		Title: r.Title, Wave: int(r.Wave), State: job.StepState(r.State), Args: raw(r.Args), Memo: raw(r.Memo), UPID: r.Upid, Detail: r.Detail,
		Problem: r.Problem, StartedAt: moment(r.StartedAt), EndedAt: moment(r.EndedAt), Attempt: int(r.Attempt), DismissedAt: moment(r.DismissedAt),
		Lines: int(r.LogLines), Rev: r.Rev}
}

func stepsOf(rows []query.JobStep) []job.Step {
	steps := make([]job.Step, len(rows))
	for i, r := range rows {
		steps[i] = step(r)
	}
	return steps
}

func tallyOf(ctx context.Context, q *query.Queries, id string) (t job.Tally, err error) {
	rows, err := q.TallyOf(ctx, id)
	for _, r := range rows {
		count(&t, r.State, r.Steps)
	}
	return t, err
}

func count(t *job.Tally, state string, steps int64) {
	switch n := int(steps); job.StepState(state) {
	case job.Waiting:
		t.Waiting += n
	case job.Active:
		t.Active += n
	case job.Done:
		t.Done += n
	case job.Warned:
		t.Warned += n
	case job.Failed:
		t.Failed += n
	case job.Unknown:
		t.Unknown += n
	case job.Skipped:
		t.Skipped += n
	case job.Cancelled:
		t.Cancelled += n
	}
}

func nullable(s string) sql.NullString { return sql.NullString{String: plain(s), Valid: s != ""} }

// raw is stored JSON; nil when nothing is stored.
func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}
