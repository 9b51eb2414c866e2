package jobs

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// view is what the page of a job reads.
type view struct {
	Job   job.Job
	Steps []job.Step // those that the page lists
	// From is where the page begins in a job of more steps than one page has, Next where the next one
	// does (0: there is none); Out and NextOut are those of what a plan leaves out.
	From, Next, Out, NextOut int
	Todos                    int       // how many containers a plan is about
	Selected                 int       // the step whose log is shown; -1: none
	Step                     *job.Step // that step
	Lines                    []job.Line
	After                    int // the last line that is not in the page
	Show                     string
	PerNode                  int
	Key                      string
	Proved                   bool
	Problem                  *problem.Problem
	Now                      time.Time
}

func newView(j job.Job, steps []job.Step, selected int, now time.Time) view {
	return view{Job: j, Steps: steps, Selected: selected, Now: now, Key: kit.FormKey()}
}

func (v view) planned() bool { return v.Job.State == job.Planned }
func (v view) running() bool { return v.Job.State == job.Running }

// paged reports whether the job has more steps than a page shows.
func (v view) paged() bool { return v.Job.Tally.Total() > perPage }

// todo and leftOut are a plan's two parts. Steps that only prepare others are done to nothing, and not told.
func (v view) todo() (out []job.Step) {
	for _, s := range v.Steps {
		if s.State == job.Waiting && s.Subject != "" {
			out = append(out, s)
		}
	}
	return out
}

func (v view) leftOut() (out []job.Step) {
	for _, s := range v.Steps {
		if s.State == job.Skipped {
			out = append(out, s)
		}
	}
	return out
}

// rule is the action that the job carries out; ok is false for a job that is none of containers.
func (v view) rule() (fleet.ActionRule, bool) { return fleet.RuleOf(fleet.Action(v.Job.Kind)) }

// choices are what was chosen beside the action.
func (v view) choices() (c fleet.Choices) {
	_ = json.Unmarshal(v.Job.Args, &c) // what cannot be read was not chosen
	return c
}

// phrase is what is typed before so many are deleted.
func phrase(n int) string { return "delete " + kit.Count(n, "container", "containers") }

// order says in which order a plan is carried out, in one sentence.
func (v view) order() string {
	var parts []string
	rule, _ := v.rule()
	switch {
	case v.Todos < 2:
	case rule.Sequence == fleet.StartupOrder:
		parts = append(parts, "In their startup order, which is read from Proxmox first.")
	case rule.Sequence == fleet.ReverseOrder:
		parts = append(parts, "In the reverse of their startup order, which is read from Proxmox first.")
	}
	if v.PerNode > 0 {
		parts = append(parts, "At most "+strconv.Itoa(v.PerNode)+" at once on each node.")
	}
	return strings.Join(parts, " ")
}

// look is how a state is drawn.
type look struct {
	Tone kit.Tone
	Icon string
	Word string
}

var stepLooks = map[job.StepState]look{
	job.Waiting:   {kit.Neutral, "clock", "Waiting"},
	job.Active:    {kit.Busy, "loader", "Running"},
	job.Done:      {kit.Success, "check", "Done"},
	job.Warned:    {kit.Warning, "triangle-alert", "Done, with warnings"},
	job.Failed:    {kit.Failure, "circle-alert", "Failed"},
	job.Unknown:   {kit.Warning, "circle-help", "Outcome unknown"},
	job.Skipped:   {kit.Neutral, "minus", "Left out"},
	job.Cancelled: {kit.Neutral, "ban", "Cancelled"},
}

func lookOf(s job.StepState) look {
	if l, ok := stepLooks[s]; ok {
		return l
	}
	return look{kit.Neutral, "circle", string(s)}
}

// state is how the job as a whole is drawn.
func (v view) state() look {
	t := v.Job.Tally
	switch {
	case v.planned():
		return look{kit.Info, "list-checks", "Planned"}
	case v.running() && !v.Job.StopAt.IsZero():
		return look{kit.Busy, "loader", "Ending"}
	case v.running():
		return look{kit.Busy, "loader", "Running"}
	case t.Failed > 0 && t.Failed == t.Total():
		return look{kit.Failure, "circle-alert", "Failed"}
	case t.Failed > 0:
		return look{kit.Failure, "circle-alert", strconv.Itoa(t.Failed) + " failed"}
	case t.Unknown > 0:
		return look{kit.Warning, "circle-help", "Outcome unknown"}
	case t.Cancelled > 0:
		return look{kit.Neutral, "ban", "Cancelled"}
	case t.Warned > 0:
		return look{kit.Warning, "triangle-alert", "Done, with warnings"}
	case t.Done == 0:
		return look{kit.Neutral, "minus", "Nothing was done"}
	}
	return look{kit.Success, "circle-check", "Done"}
}

// figures tell how many steps are in which state, the telling ones first.
func (v view) figures() []figure {
	t := v.Job.Tally
	return []figure{{"", "All", t.Total(), ""}, {"bad", "Failed", t.Bad(), kit.Failure}, {"active", "Running", t.Active, kit.Busy}, {"waiting", "Waiting", t.Waiting, ""},
		{"done", "Done", t.Done + t.Warned, ""}, {"out", "Left out", t.Skipped + t.Cancelled, ""}}
}

// figure is a count that narrows the list.
type figure struct {
	Key, Text string
	N         int
	Tone      kit.Tone
}

// class is the part of the list that a step is shown in.
func class(s job.StepState) string {
	switch s {
	case job.Failed, job.Unknown:
		return "bad"
	case job.Skipped, job.Cancelled:
		return "out"
	case job.Warned:
		return "done"
	}
	return string(s)
}

// statesOf are the states that a part of the list shows; nil for all.
func statesOf(show string) (states []job.StepState) {
	for s := range stepLooks {
		if show != "" && class(s) == show {
			states = append(states, s)
		}
	}
	return states
}

// showing is the part of the list that the address asks for; all where it asks for none that there is.
func (v view) showing() string {
	for _, f := range v.figures() {
		if f.Key == v.Show {
			return f.Key
		}
	}
	return ""
}

func (v view) url(show string) string { return v.at(show, 0, 0) }

// at is the address of the part of the list that begins with a step; out is where a plan's second list does.
func (v view) at(show string, from, out int) string {
	q := url.Values{}
	if show != "" {
		q.Set("show", show)
	}
	for key, n := range map[string]int{"from": from, "out": out} {
		if n > 0 {
			q.Set(key, strconv.Itoa(n))
		}
	}
	if len(q) == 0 {
		return kit.URL.Job(v.Job.ID)
	}
	return kit.URL.Job(v.Job.ID) + "?" + q.Encode()
}

// bar is a piece of the progress: where it begins and how long it is, of 1000.
type bar struct {
	Kind   string
	X, Len int
}

func (v view) bars() (out []bar) {
	t, x := v.Job.Tally, 0
	total := max(t.Total()-t.Skipped, 1)
	for _, p := range []struct {
		kind string
		n    int
	}{{"ok", t.Done}, {"warn", t.Warned + t.Unknown}, {"bad", t.Failed}, {"neutral", t.Cancelled}, {"busy", t.Active}} {
		if p.n > 0 {
			end := min(1000, x+max(1, p.n*1000/total))
			out = append(out, bar{p.kind, x, end - x})
			x = end
		}
	}
	return out
}

// progress says it in words.
func (v view) progress() string {
	t := v.Job.Tally
	parts := []string{strconv.Itoa(t.Ended()-t.Skipped) + " of " + strconv.Itoa(t.Total()-t.Skipped) + " ended"}
	if t.Bad() > 0 {
		parts = append(parts, strconv.Itoa(t.Bad())+" failed")
	}
	if t.Skipped > 0 {
		parts = append(parts, strconv.Itoa(t.Skipped)+" left out")
	}
	return strings.Join(parts, ", ")
}

// took is how long a step that ended went on; zero for one that never began.
func took(s job.Step) time.Duration {
	if s.StartedAt.IsZero() || s.EndedAt.IsZero() {
		return 0
	}
	return s.EndedAt.Sub(s.StartedAt)
}

// word is what stands at the end of a step's line: how long, or how it is.
func word(s job.Step) string {
	l := lookOf(s.State)
	if d := took(s); s.State.Ended() && !s.StartedAt.IsZero() {
		if s.State == job.Done {
			return kit.Took(d)
		}
		return l.Word + ", " + kit.Took(d)
	}
	return l.Word
}

// container is the page of what a step is done to; empty where that is no container or is no more.
func container(s job.Step) string {
	cluster, vmid, ok := strings.Cut(s.Subject, "/")
	n, err := strconv.Atoi(vmid)
	if !ok || err != nil || s.Kind == string(fleet.ActDelete) && s.State == job.Done {
		return ""
	}
	return kit.URL.Container(fleet.ContainerID{Cluster: fleet.ClusterID(cluster), VMID: fleet.VMID(n)})
}

// canForce reports whether a person is asked if a container that did not shut down is to be stopped.
func canForce(s job.Step) bool {
	return s.Kind == string(fleet.ActShutdown) && s.State == job.Failed && s.Problem == string(problem.Timeout) && s.DismissedAt.IsZero()
}

// jobMark tells one drawing of the head from another.
func jobMark(j job.Job) string {
	return fmt.Sprint(j.State, j.Tally, j.StartedAt.UnixMilli(), j.EndedAt.UnixMilli(), j.StopAt.IsZero())
}

// seen is which state of the job a page has, and which of its steps: those
// numbered from on, and below to. It is said as "12.0.1000".
type seen struct {
	rev      int64
	from, to int
}

func (s seen) String() string { return fmt.Sprintf("%d.%d.%d", s.rev, s.from, s.to) }

// parseSeen reads it; what is no such thing has nothing of the first page.
func parseSeen(text string) seen {
	var s seen
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &s.rev, &s.from, &s.to); err != nil || n != 3 || s.from < 0 || s.to < s.from || s.String() != text {
		return seen{-1, 0, perPage}
	}
	return s
}

// seen is what this page has. Of a narrowed list that is all between its ends.
func (v view) seen() seen {
	s := seen{v.Job.Rev, 0, perPage}
	if n := len(v.Steps); n > 0 {
		s.from, s.to = v.Steps[0].N, v.Steps[n-1].N+1
	}
	return s
}

// clock is the time of day of a log's line.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// lastLine is the number of the last line that the page has.
func (v view) lastLine() int {
	if n := len(v.Lines); n > 0 {
		return v.Lines[n-1].N
	}
	return v.After
}
