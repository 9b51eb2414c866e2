package jobs

import (
	"context"
	"net/http"
	"strconv"

	"berth/internal/job"
	"berth/internal/problem"
)

// perPage is how many steps one page shows. A longer job has several.
const perPage = 1000

// view reads what one page shows of a job: all its steps, or a part of them,
// narrowed by the address, when they are very many.
func (p *Pages) view(r *http.Request, j job.Job, selected int) (view, error) {
	q := r.URL.Query()
	v := newView(j, nil, selected, p.o.Now())
	v.Show = q.Get("show")
	v.From = max(number(q.Get("from")), 0)
	if selected >= 0 && !q.Has("from") {
		v.From = selected - selected%perPage
	}
	if v.planned() {
		return v, p.readPlan(r.Context(), &v, max(number(q.Get("out")), 0))
	}
	f := job.Filter{From: v.From}
	if v.paged() {
		f.States = statesOf(v.showing())
	} else {
		f.From, v.From = 0, 0
	}
	var err error
	if v.Steps, v.Next, err = p.part(r.Context(), j, f); err != nil || selected < 0 {
		return v, err
	}
	step, err := p.stepAt(r.Context(), j.Owner, j.ID, selected)
	v.Step = &step
	return v, err
}

// readPlan reads both parts of a plan, each from its own place on.
func (p *Pages) readPlan(ctx context.Context, v *view, out int) error {
	var err error
	if v.Todos, err = p.todos(ctx, v.Job); err != nil {
		return err
	}
	if v.Steps, v.Next, err = p.part(ctx, v.Job, job.Filter{From: v.From, Kind: v.Job.Kind, States: []job.StepState{job.Waiting}}); err != nil {
		return err
	}
	left, next, err := p.part(ctx, v.Job, job.Filter{From: out, States: []job.StepState{job.Skipped}})
	v.Steps, v.Out, v.NextOut = append(v.Steps, left...), out, next
	return err
}

// part reads one page of a job's steps; next is the number of the first one after it, 0 where there is none.
func (p *Pages) part(ctx context.Context, j job.Job, f job.Filter) (steps []job.Step, next int, err error) {
	f.Owner, f.Job, f.Limit = j.Owner, j.ID, perPage+1
	if steps, err = p.o.Store.Steps(ctx, f); err == nil && len(steps) > perPage {
		next, steps = steps[perPage].N, steps[:perPage]
	}
	return steps, next, err
}

// todos is how many containers a plan is about. The steps that only prepare come before all others.
func (p *Pages) todos(ctx context.Context, j job.Job) (int, error) {
	first, err := p.o.Store.Steps(ctx, job.Filter{Owner: j.Owner, Job: j.ID, Kind: j.Kind, Limit: 1})
	if err != nil || len(first) == 0 {
		return 0, err
	}
	return j.Tally.Waiting - first[0].N, nil
}

func (p *Pages) stepAt(ctx context.Context, owner string, id job.ID, n int) (job.Step, error) {
	if n < 0 {
		return job.Step{}, problem.Missing()
	}
	steps, err := p.o.Store.Steps(ctx, job.Filter{Owner: owner, Job: id, From: n, To: n + 1})
	if err == nil && len(steps) == 0 {
		err = problem.Missing()
	}
	if err != nil {
		return job.Step{}, err
	}
	return steps[0], nil
}

// number reads a place in a list; what is none is the beginning.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
