package containers

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

const (
	perPage  = 50
	maxText  = 100
	maxTrail = 1000 // how many entries of the cluster's trail are looked through for refusals
	maxSteps = 500
)

// ask is what the address of the events page asks for.
type ask struct {
	From   string // "berth", "proxmox" or empty for both
	Result string // "bad", or empty for all
	Text   string
	Before time.Time // older than
	Task   string    // the UPID whose log is shown
}

func askOf(q url.Values) ask {
	a := ask{From: oneOf(q.Get("from"), "berth", "proxmox"), Result: oneOf(q.Get("result"), "bad"), Task: cut(q.Get("task"), 512), Text: cut(q.Get("q"), maxText)}
	if t, err := time.Parse(time.RFC3339Nano, q.Get("before")); err == nil {
		a.Before = t
	}
	return a
}

func oneOf(s string, known ...string) string {
	if slices.Contains(known, s) {
		return s
	}
	return ""
}

func cut(s string, most int) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}

func (a ask) narrows() bool {
	return a.From != "" || a.Result != "" || a.Text != "" || !a.Before.IsZero()
}

// url is the address that asks for this.
func (a ask) url(id fleet.ContainerID) string {
	q := url.Values{}
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	set("from", a.From)
	set("result", a.Result)
	set("q", a.Text)
	set("task", a.Task)
	if !a.Before.IsZero() {
		set("before", a.Before.UTC().Format(time.RFC3339Nano))
	}
	if len(q) == 0 {
		return kit.URL.ContainerEvents(id)
	}
	return kit.URL.ContainerEvents(id) + "?" + q.Encode()
}

// timeline is a page of what was done to a container, the newest first.
type timeline struct {
	ask
	Events []kit.Event
	All    int       // how many there are without the filter
	Older  time.Time // where the next page begins; zero: that was all
	Log    *taskLog  // of the task that is asked for; nil: none is
}

// taskLog is the log of one of Proxmox's tasks.
type taskLog struct {
	Task  fleet.KeptTask
	Lines []string
	At    time.Time // when it was read; zero: not yet
}

// Partial reports whether the task went on after its log was read.
func (l taskLog) Partial() bool {
	return !l.At.IsZero() && (l.Task.Running() || l.Task.EndedAt.After(l.At))
}

// timeline reads what was done to a container: Berth's steps and refusals, and
// Proxmox's tasks. A task that is a step's own is told once, as the step.
func (p *Pages) timeline(ctx context.Context, v *view, a ask) (timeline, error) {
	t := timeline{ask: a}
	steps, err := p.o.Past.Steps(ctx, job.Filter{Owner: v.owner, Subject: v.ID.String(), Limit: maxSteps})
	if err != nil {
		return t, err
	}
	refused, err := p.refusals(ctx, v)
	if err != nil {
		return t, err
	}
	tasks, err := p.o.Past.GuestTasks(ctx, v.owner, v.ID)
	if err != nil {
		return t, err
	}
	var all []kit.Event
	own := map[string]bool{}
	for _, s := range steps {
		if s.State == job.Skipped && s.StartedAt.IsZero() && s.EndedAt.IsZero() {
			continue // a plan that nobody began
		}
		own[s.UPID] = s.UPID != ""
		all = append(all, stepEvent(s, v.Now))
	}
	for _, e := range refused {
		all = append(all, refusalEvent(e))
	}
	for _, k := range tasks {
		if !own[k.UPID] {
			all = append(all, taskEvent(v.ID, a, k))
		}
	}
	slices.SortStableFunc(all, func(x, y kit.Event) int { return y.At.Compare(x.At) })
	t.All = len(all)
	t.choose(all)
	if a.Task != "" {
		t.Log, err = p.logOf(ctx, v, tasks, a.Task)
	}
	return t, err
}

// choose takes the page that the address asks for.
func (t *timeline) choose(all []kit.Event) {
	for _, e := range all {
		if !t.fits(e) {
			continue
		}
		if len(t.Events) == perPage {
			t.Older = t.Events[perPage-1].At
			return
		}
		t.Events = append(t.Events, e)
	}
}

func (t *timeline) fits(e kit.Event) bool {
	switch {
	case !t.Before.IsZero() && !e.At.Before(t.Before):
		return false
	case t.From != "" && t.From != e.Kind:
		return false
	case t.Result == "bad" && e.Tone != kit.Failure && e.Tone != kit.Warning:
		return false
	}
	text := strings.ToLower(strings.Join(append([]string{e.What, e.Detail, e.Actor, e.Word}, e.Notes...), "\n"))
	for _, word := range strings.Fields(strings.ToLower(t.Text)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// refusals are what Berth did not let happen to the container. What it did has its steps.
func (p *Pages) refusals(ctx context.Context, v *view) ([]audit.Entry, error) {
	entries, err := p.o.Past.AuditEntries(ctx, audit.Filter{Owner: v.owner, Cluster: v.ID.Cluster, Limit: maxTrail})
	if err != nil {
		return nil, err
	}
	mark := "CT " + v.ID.VMID.String()
	return slices.DeleteFunc(entries, func(e audit.Entry) bool {
		about := e.Subject == mark || strings.HasSuffix(e.Subject, "("+mark+")")
		return !about || e.Result != audit.Refused || !strings.HasPrefix(string(e.Kind), "container.")
	}), nil
}

// logOf finds the kept log of a task of the container; nil when there is no such task.
func (p *Pages) logOf(ctx context.Context, v *view, tasks []fleet.KeptTask, upid string) (*taskLog, error) {
	i := slices.IndexFunc(tasks, func(k fleet.KeptTask) bool { return k.UPID == upid })
	if i < 0 {
		return nil, nil
	}
	lines, at, err := p.o.Past.GuestTaskLog(ctx, v.owner, v.ID, upid)
	return &taskLog{tasks[i], lines, at}, err
}

// query is the filter as the stream takes it.
func (t timeline) query() string {
	a := t.ask
	_, q, _ := strings.Cut(a.url(fleet.ContainerID{}), "?")
	return q
}

// older is the address of the next page.
func (t timeline) older(id fleet.ContainerID) string {
	a := t.ask
	a.Before, a.Task = t.Older, ""
	return a.url(id)
}

// closed is the address without a log.
func (t timeline) closed(id fleet.ContainerID) string {
	a := t.ask
	a.Task = ""
	return a.url(id)
}

// whyNoLog is why Proxmox cannot be asked for a log now.
func whyNoLog(v *view) string {
	if v.Cluster.Trouble != nil {
		return v.Cluster.Trouble.What
	}
	return ""
}
