package jobs

import (
	"strconv"

	"berth/internal/problem"
	"berth/internal/web/kit"
)

// doneTitle is what a plan's first part is called: "12 will be started".
func doneTitle(v view) string {
	n := strconv.Itoa(v.Todos)
	if rule, ok := v.rule(); ok {
		return n + " will be " + rule.Done
	}
	return n + " will be done"
}

func stepsTitle(v view) string { return kit.Count(v.Job.Tally.Total(), "step", "steps") }

// further is the way through a list that is longer than a page.
type further struct {
	Text        string // which part is shown; empty: all is
	First, Next string // addresses; empty: this is it, there is none
}

// further is that of a job's steps.
func (v view) further() further {
	if !v.paged() {
		return further{}
	}
	n := v.Job.Tally.Total()
	for _, f := range v.figures() {
		if f.Key == v.showing() {
			n = f.N
		}
	}
	return v.part(len(v.Steps), n, v.From, v.Next, func(from int) string { return v.at(v.showing(), from, 0) })
}

func (v view) furtherTodo() further {
	return v.part(len(v.todo()), v.Todos, v.From, v.Next, func(from int) string { return v.at("", from, v.Out) })
}

func (v view) furtherOut() further {
	return v.part(len(v.leftOut()), v.Job.Tally.Skipped, v.Out, v.NextOut, func(out int) string { return v.at("", v.From, out) })
}

func (v view) part(shown, all, from, next int, at func(int) string) further {
	if shown == all {
		return further{}
	}
	f := further{Text: strconv.Itoa(shown) + " of " + strconv.Itoa(all) + " are shown."}
	if from > 0 {
		f.First = at(0)
	}
	if next > 0 {
		f.Next = at(next)
	}
	return f
}

func beginIcon(v view) string {
	if rule, ok := v.rule(); ok {
		return rule.Icon
	}
	return "play"
}

// planProblem is a problem that is not said at a field.
func planProblem(v view) *problem.Problem {
	if v.Problem != nil && len(v.Problem.Fields) > 0 {
		return nil
	}
	return v.Problem
}

func fault(v view, field string) string {
	if v.Problem == nil {
		return ""
	}
	return v.Problem.Fields[field]
}
