package activity

import (
	"context"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
)

// How much one page shows, is read at once, and is looked through at most for a rare text.
const (
	perPage  = 50
	perRead  = 200
	maxReads = 25
	// jobsKept is for how long steps tell what was done to containers; of earlier times only the trail does.
	jobsKept = 89 * 24 * time.Hour
)

// thing is one line of the list: an entry of the trail or a step of a job.
type thing struct {
	At    time.Time
	Entry *audit.Entry
	Step  *job.Step
}

// found is one page of what happened.
type found struct {
	Things []thing
	// Before and Steps are where the next page goes on; More says whether there is one.
	Before, Steps int64
	More          bool
	GaveUp        bool // stopped looking before the end
}

// source gives what is asked for, the newest first, and remembers where it is.
type source struct {
	next func(context.Context) ([]thing, bool, error) // a batch; false: that was all
	have []thing
	done bool
	// reads is how many batches are left to be looked through.
	reads int
}

// peek is the newest that was not taken; nil when there is none within what may be looked through.
func (s *source) peek(ctx context.Context) (*thing, error) {
	for len(s.have) == 0 && !s.done && s.reads > 0 {
		batch, more, err := s.next(ctx)
		if err != nil {
			return nil, err
		}
		s.have, s.done = batch, !more
		s.reads--
	}
	if len(s.have) == 0 {
		return nil, nil
	}
	return &s.have[0], nil
}

func (s *source) left() bool { return len(s.have) > 0 || !s.done }

// find merges the trail and the steps by time until a page is full.
func (p *Pages) find(ctx context.Context, owner string, a ask) (found, error) {
	var out found
	var last int64 // when the last step that was taken began
	trail, trailAt := p.trail(owner, a)
	steps, stepsAt := p.steps(owner, a)
	for {
		e, err := trail.peek(ctx)
		if err != nil {
			return found{}, err
		}
		s, err := steps.peek(ctx)
		if err != nil {
			return found{}, err
		}
		takeStep := s != nil && (e == nil || s.At.After(e.At))
		full := len(out.Things) >= perPage
		// Steps that began in one millisecond are never parted: the next page begins below them.
		if full && !(takeStep && s.At.UnixMilli() == last) {
			out.More, out.Before, out.Steps = true, *trailAt, *stepsAt
			if e != nil {
				out.Before = e.Entry.Seq + 1
			}
			if s != nil {
				out.Steps = s.At.UnixMilli() + 1
			}
			if e == nil && s == nil {
				out.More = trail.left() || steps.left()
			}
			return out, nil
		}
		switch {
		case takeStep:
			out.Things = append(out.Things, *s)
			last = s.At.UnixMilli()
			steps.have = steps.have[1:]
		case e != nil:
			out.Things = append(out.Things, *e)
			trail.have = trail.have[1:]
		default:
			out.GaveUp = trail.left() || steps.left()
			out.More, out.Before, out.Steps = out.GaveUp, *trailAt, *stepsAt
			return out, nil
		}
	}
}

// trail is the audit trail read backwards. An intent whose end is in the list is
// left out: the end says the same and how it went. What steps tell is left to them.
func (p *Pages) trail(owner string, a ask) (*source, *int64) {
	ended := map[string]bool{}
	before := a.Before
	now := p.o.Now()
	s := &source{reads: maxReads}
	s.next = func(ctx context.Context) ([]thing, bool, error) {
		entries, err := p.o.Trail.AuditEntries(ctx, audit.Filter{Owner: owner, WithBerth: a.Admin, Before: before, Limit: perRead})
		if err != nil {
			return nil, false, err
		}
		var batch []thing
		for _, e := range entries {
			if e.Of != "" {
				ended[e.Of] = true
			}
			before = e.Seq
			hidden := e.Result == audit.Intent && ended[e.ID] || toldBySteps(e, now)
			if !hidden && a.wants(e) {
				batch = append(batch, thing{At: e.At, Entry: &e})
			}
		}
		return batch, len(entries) == perRead, nil
	}
	return s, &before
}

// toldBySteps reports whether an entry is about an action that has its step in
// the list: all but those that were refused before there was one.
func toldBySteps(e audit.Entry, now time.Time) bool {
	noun, _, _ := strings.Cut(string(e.Kind), ".")
	refused := e.Result == audit.Refused && e.Of == ""
	return noun == "container" && !refused && now.Sub(e.At) < jobsKept
}

// wants reports whether an entry is asked for.
func (a ask) wants(e audit.Entry) bool {
	if !inKind(a.Kind, e.Kind) || a.Actor != "" && e.Actor != a.Actor || !a.ended(e.Result) || !says(a.Text, lineOf(e).What, e.Subject, e.Detail, e.Actor, e.Address, lineOf(e).Word) {
		return false
	}
	if a.Node.Name != "" && (e.Cluster != string(a.Node.Cluster) || !strings.Contains(e.Subject+" "+e.Detail, a.Node.Name)) {
		return false
	}
	if id := a.Container; id.VMID != 0 && (e.Cluster != string(id.Cluster) || !strings.HasSuffix(" "+e.Subject, "CT "+id.VMID.String()+")") && e.Subject != "CT "+id.VMID.String()) {
		return false
	}
	return true
}

func (a ask) ended(r audit.Result) bool {
	switch a.Result {
	case "":
		return true
	case "ok":
		return r == audit.OK
	case "warned":
		return false
	}
	return string(r) == a.Result
}

// steps are the steps that were begun and ended. Those that only prepare others are not told.
func (p *Pages) steps(owner string, a ask) (*source, *int64) {
	at := a.Steps
	filter, ok := a.stepFilter(owner)
	s := &source{reads: maxReads, done: !ok}
	s.next = func(ctx context.Context) ([]thing, bool, error) {
		f := filter
		f.Limit = perRead
		if at > 0 {
			f.Before = time.UnixMilli(at)
		}
		steps, err := p.o.Jobs.Steps(ctx, f)
		if err != nil {
			return nil, false, err
		}
		more := len(steps) == perRead
		if more {
			steps = wholeMoments(steps)
		}
		var batch []thing
		for _, st := range steps {
			at = st.StartedAt.UnixMilli()
			if st.Subject != "" && says(a.Text, stepWords(st), st.Title, st.Detail, st.Actor, st.Lane, lookOf(st.State).Word) {
				batch = append(batch, thing{At: st.StartedAt, Step: &st})
			}
		}
		return batch, more, nil
	}
	return s, &at
}

// wholeMoments drops the steps at the end that began in one millisecond, since
// more of them may follow: they are read again whole. When all began then, all are kept.
func wholeMoments(steps []job.Step) []job.Step {
	last := steps[len(steps)-1].StartedAt.UnixMilli()
	n := len(steps)
	for n > 0 && steps[n-1].StartedAt.UnixMilli() == last {
		n--
	}
	if n == 0 {
		return steps
	}
	return steps[:n]
}

func stepWords(s job.Step) string {
	if rule, ok := fleet.RuleOf(fleet.Action(s.Kind)); ok {
		return rule.Title
	}
	return s.Kind
}

// says reports whether every word of the text is somewhere in what is shown.
func says(text string, shown ...string) bool {
	if text == "" {
		return true
	}
	all := strings.ToLower(strings.Join(shown, "\n"))
	for _, word := range strings.Fields(strings.ToLower(text)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}
