package jobs

import (
	"strconv"

	"berth/internal/problem"
	"berth/internal/web/kit"
)

// doneTitle is what a plan's first part is called: "12 will be started".
func doneTitle(v view) string {
	n := strconv.Itoa(len(v.todo()))
	if rule, ok := v.rule(); ok {
		return n + " will be " + rule.Done
	}
	return n + " will be done"
}

func stepsTitle(v view) string { return kit.Count(len(v.Steps), "step", "steps") }

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
