package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/job"
	"berth/internal/problem"
)

func says(s job.Step) string { return s.Actor + " is at " + s.Title }

// person keeps somebody new to own jobs.
func (b *bench) person(name string) account.User {
	return User(b, b.Store, Host(b, b.Store, name).ID, name+"@pve")
}

// submit keeps a job of start steps for these subjects.
func (b *bench) submit(owner account.User, state job.State, subjects ...string) (job.ID, error) {
	j := job.Job{ID: job.ID(ID()), Owner: string(owner.ID), Kind: "start", Title: "Start", Actor: owner.PVEUser, State: state, CreatedAt: b.clock.Now()}
	if state == job.Running {
		j.StartedAt = j.CreatedAt
	}
	return b.SubmitJob(b.ctx, j, stepsFor(subjects...), says)
}

func stepsFor(subjects ...string) []job.Step {
	steps := make([]job.Step, len(subjects))
	for i, s := range subjects {
		steps[i] = job.Step{Group: "lab", Lane: "pve1", Subject: s, Title: "CT " + s, Args: []byte(`{"n":1}`)}
	}
	return steps
}

func (b *bench) states(owner account.User, id job.ID) string {
	steps, err := b.Steps(b.ctx, job.Filter{Owner: string(owner.ID), Job: id})
	b.must(err)
	var states []string
	for _, s := range steps {
		states = append(states, string(s.State))
	}
	return strings.Join(states, " ")
}

// take takes up the first open step of the group that is of that job.
func (b *bench) take(id job.ID, n int, holder string) job.Open {
	open, err := b.OpenSteps(b.ctx, "lab")
	b.must(err)
	for _, o := range open {
		if o.Job == id && o.N == n {
			_, err := b.TakeStep(b.ctx, id, n, holder, b.clock.Now())
			b.must(err)
			return o
		}
	}
	b.Fatalf("step %d of %s is not open", n, id)
	return job.Open{}
}

func tryJobLife(b *bench) {
	ann := b.person("ann")
	id, err := b.submit(ann, job.Running, "lab/104", "lab/105")
	b.must(err)
	o := b.take(id, 0, "one")
	equal(b, "of two", o.Siblings, 2)
	b.must(b.NoteStep(b.ctx, id, 0, "one", []byte(`{"called":true}`), ""))
	b.must(b.NoteStep(b.ctx, id, 0, "one", []byte(`{"called":true}`), "UPID:pve1:1:"))
	b.must(b.NoteStep(b.ctx, id, 0, "one", []byte(`{"end":1}`), ""))
	b.must(b.SayStep(b.ctx, id, 0, "one", "Proxmox works on it."))
	b.must(b.AddStepLines(b.ctx, id, 0, "one", b.clock.Now(), []string{"first", "second"}))
	b.must(b.AddStepLines(b.ctx, id, 0, "one", b.clock.Now(), []string{strings.Repeat("x", 20<<10)}))
	steps, err := b.Steps(b.ctx, job.Filter{Owner: string(ann.ID), Subject: "lab/104"})
	b.must(err)
	equal(b, "begun", len(steps), 1)
	equal(b, "step", steps[0], job.Step{Job: id, N: 0, Owner: string(ann.ID), Kind: "start", Actor: "ann@pve", Group: "lab", Lane: "pve1", Subject: "lab/104",
		Title: "CT lab/104", State: job.Active, Args: []byte(`{"n":1}`), Memo: []byte(`{"end":1}`), UPID: "UPID:pve1:1:", Detail: "Proxmox works on it.",
		StartedAt: b.clock.Now(), Attempt: 1, Lines: 3, Rev: 3})
	lines, err := b.StepLines(b.ctx, string(ann.ID), id, 0, 1)
	b.must(err)
	equal(b, "lines after the first", len(lines), 2)
	equal(b, "second", lines[0], job.Line{N: 2, At: b.clock.Now(), Text: "second"})
	equal(b, "cut", len(lines[1].Text) < 17<<10 && strings.HasSuffix(lines[1].Text, "(4096 bytes more)"), true)

	b.clock.Move(time.Second)
	b.must(b.EndStep(b.ctx, o, "one", job.End{State: job.Failed, Detail: "It failed.", Problem: "failed", At: b.clock.Now()}))
	got, err := b.Job(b.ctx, string(ann.ID), id)
	b.must(err)
	equal(b, "still runs", got.State, job.Running)
	equal(b, "tally", got.Tally, job.Tally{Waiting: 1, Failed: 1})
	open, bad, err := b.Goings(b.ctx, string(ann.ID), time.Time{})
	b.must(err)
	equal(b, "busy", len(open) == 1 && open[0].Subject == "lab/105" && open[0].State == job.Waiting, true)
	equal(b, "bad", len(bad) == 1 && bad[0].Subject == "lab/104" && bad[0].Detail == "It failed.", true)

	o = b.take(id, 1, "one")
	b.must(b.EndStep(b.ctx, o, "one", job.End{State: job.Warned, Detail: "Done, with a warning.", At: b.clock.Now()}))
	got, err = b.Job(b.ctx, string(ann.ID), id)
	b.must(err)
	equal(b, "finished", got.State, job.Finished)
	equal(b, "ended", got.EndedAt, b.clock.Now())
	b.must(b.DismissStep(b.ctx, string(ann.ID), id, 0, b.clock.Now()))
	open, bad, err = b.Goings(b.ctx, string(ann.ID), time.Time{})
	b.must(err)
	equal(b, "nothing goes on", len(open)+len(bad), 0)
}

func tryJobClaims(b *bench) {
	ann := b.person("ann")
	first, err := b.submit(ann, job.Running, "lab/104")
	b.must(err)
	begun := b.take(first, 0, "one")
	if _, err := b.submit(ann, job.Running, "lab/104"); !problem.Is(err, problem.Conflict) || problem.Of(err).What != "ann@pve is at CT lab/104" {
		b.Fatalf("a second job on the same subject: %v", err)
	}
	jobs, err := b.Jobs(b.ctx, job.Filter{Owner: string(ann.ID)})
	b.must(err)
	equal(b, "nothing was kept of it", len(jobs), 1)

	some, err := b.submit(ann, job.Running, "lab/104", "lab/105")
	b.must(err)
	equal(b, "the taken one is skipped", b.states(ann, some), "skipped waiting")
	planned, err := b.submit(ann, job.Planned, "lab/105", "lab/106")
	b.must(err)
	equal(b, "a plan claims nothing", b.states(ann, planned), "waiting waiting")
	b.must(b.BeginJob(b.ctx, string(ann.ID), planned, job.Begin{At: b.clock.Now()}, says))
	equal(b, "when it begins it does", b.states(ann, planned), "skipped waiting")
	b.must(b.BeginJob(b.ctx, string(ann.ID), planned, job.Begin{At: b.clock.Now()}, says))

	b.must(b.EndStep(b.ctx, begun, "one", job.End{State: job.Done, At: b.clock.Now()}))
	again, err := b.submit(ann, job.Running, "lab/104")
	b.must(err)
	equal(b, "free again", b.states(ann, again), "waiting")
}

// tryJobOfThousands ends steps of a large job: each has to cost the same as in a small one.
func tryJobOfThousands(b *bench) {
	ann := b.person("thousands")
	subjects := make([]string, 4000)
	for i := range subjects {
		subjects[i] = fmt.Sprintf("lab/%d", 100_000+i)
	}
	id, err := b.submit(ann, job.Running, subjects...)
	b.must(err)
	began := time.Now()
	for n := range 10 {
		o := b.take(id, n, "r1")
		b.must(b.EndStep(b.ctx, o, "r1", job.End{State: job.Done, Detail: "Done.", At: b.clock.Now()}))
	}
	if took := time.Since(began); took > 10*time.Second {
		b.Errorf("ten steps of %d took %s", len(subjects), took)
	}
	_, err = b.submit(ann, job.Running, subjects[0], subjects[9]) // freed
	b.must(err)
	if _, err := b.submit(ann, job.Running, subjects[10]); !problem.Is(err, problem.Conflict) {
		b.Errorf("a subject that waits was given away: %v", err)
	}
}

func tryJobOnce(b *bench) {
	ann, bob := b.person("ann"), b.person("bob")
	submit := func(owner account.User, subject string) job.ID {
		id, err := b.SubmitJob(b.ctx, job.Job{ID: job.ID(ID()), Owner: string(owner.ID), Once: "form-1", Kind: "start", State: job.Running}, stepsFor(subject), says)
		b.must(err)
		return id
	}
	first := submit(ann, "lab/104")
	equal(b, "the same form again", submit(ann, "lab/104"), first)
	found, err := b.JobOnce(b.ctx, string(ann.ID), "form-1")
	b.must(err)
	equal(b, "found by its form", found, first)
	for _, c := range [][2]string{{string(bob.ID), "form-1"}, {string(ann.ID), "form-2"}, {string(ann.ID), ""}} {
		if _, err := b.JobOnce(b.ctx, c[0], c[1]); !problem.Is(err, problem.NotFound) {
			b.Errorf("a form that made nothing: %v", err)
		}
	}
	equal(b, "steps", b.states(ann, first), "waiting")
	if submit(bob, "his/104") == first {
		b.Error("another person's form of the same mark is the first one's job")
	}
}

func tryJobFencing(b *bench) {
	ann := b.person("ann")
	id, err := b.submit(ann, job.Running, "lab/104")
	b.must(err)
	o := b.take(id, 0, "dead")
	got, err := b.TakeStep(b.ctx, id, 0, "alive", b.clock.Now())
	b.must(err)
	equal(b, "second attempt", got.Attempt, 2)
	now := b.clock.Now()
	for what, err := range map[string]error{
		"note": b.NoteStep(b.ctx, id, 0, "dead", []byte("{}"), "UPID:"), "say": b.SayStep(b.ctx, id, 0, "dead", "x"),
		"log": b.AddStepLines(b.ctx, id, 0, "dead", now, []string{"x"}), "end": b.EndStep(b.ctx, o, "dead", job.End{State: job.Done, At: now}),
	} {
		if !errors.Is(err, job.ErrTaken) {
			b.Errorf("%s by who lost it: %v", what, err)
		}
	}
	b.must(b.EndStep(b.ctx, o, "alive", job.End{State: job.Done, At: now}))
	if _, err := b.TakeStep(b.ctx, id, 0, "alive", now); !errors.Is(err, job.ErrTaken) {
		b.Errorf("taking what ended: %v", err)
	}
}

// tryJobTrail: what the trail says of a step is written in one piece with it, by
// who has it, and once.
func tryJobTrail(b *bench) {
	ann := b.person("trail")
	trail := func() (said []string) {
		entries, err := b.AuditEntries(b.ctx, audit.Filter{Owner: string(ann.ID)})
		b.must(err)
		for _, e := range slices.Backward(entries) {
			said = append(said, string(e.Kind)+" "+string(e.Result)+" "+e.Address)
		}
		return said
	}
	entry := func(kind audit.Kind, r audit.Result) *audit.Entry {
		return &audit.Entry{Owner: string(ann.ID), Kind: kind, Result: r, Address: "198.51.100.9"}
	}
	id, err := b.submit(ann, job.Planned, "lab/104", "lab/105")
	b.must(err)
	begin := job.Begin{At: b.clock.Now(), Address: "198.51.100.9", Entry: entry(audit.JobBegin, audit.OK)}
	b.must(b.BeginJob(b.ctx, string(ann.ID), id, begin, says))
	b.must(b.BeginJob(b.ctx, string(ann.ID), id, begin, says)) // it was begun
	o := b.take(id, 0, "one")
	equal(b, "who began it", o.Address, "198.51.100.9")
	intent, result := *entry(audit.ContainerStart, audit.Intent), entry(audit.ContainerStart, audit.OK)
	end := job.End{State: job.Done, At: b.clock.Now(), Lines: []string{"first", "last"}, Entry: result}
	for range 2 { // the second finds that it is done
		if err := b.IntendStep(b.ctx, id, 0, "two", []byte("{}"), intent); !errors.Is(err, job.ErrTaken) {
			b.Errorf("an intent of who does not have the step: %v", err)
		}
		if err := b.EndStep(b.ctx, o, "two", end); !errors.Is(err, job.ErrTaken) {
			b.Errorf("an end by who does not have the step: %v", err)
		}
	}
	b.must(b.IntendStep(b.ctx, id, 0, "one", []byte(`{"verb":"start"}`), intent))
	b.must(b.EndStep(b.ctx, o, "one", end))
	if err := b.EndStep(b.ctx, o, "one", end); !errors.Is(err, job.ErrTaken) {
		b.Errorf("ended again: %v", err)
	}
	b.must(b.StopJob(b.ctx, string(ann.ID), id, b.clock.Now(), entry(audit.JobCancel, audit.OK)))
	b.must(b.StopJob(b.ctx, string(ann.ID), id, b.clock.Now(), entry(audit.JobCancel, audit.OK)))
	equal(b, "the trail", trail(), []string{"job.begin ok 198.51.100.9", "container.start intent 198.51.100.9", "container.start ok 198.51.100.9", "job.cancel ok 198.51.100.9"})
	lines, err := b.StepLines(b.ctx, string(ann.ID), id, 0, 0)
	b.must(err)
	equal(b, "lines", len(lines), 2)
	_, broken, err := b.VerifyAudit(b.ctx)
	b.must(err)
	equal(b, "broken at", broken, 0)
}

// tryJobPlans: of what was planned and never begun the newest fifty are kept, of each owner.
func tryJobPlans(b *bench) {
	ann, bob := b.person("plans"), b.person("other-plans")
	running, err := b.submit(ann, job.Running, "lab/104")
	b.must(err)
	his, err := b.submit(bob, job.Planned, "lab/104")
	b.must(err)
	var all []job.ID
	for range 53 {
		b.clock.Move(time.Second)
		id, err := b.submit(ann, job.Planned, "lab/105")
		b.must(err)
		all = append(all, id)
	}
	for i, id := range all {
		if _, err := b.Job(b.ctx, string(ann.ID), id); problem.Is(err, problem.NotFound) != (i < 3) || err != nil && i >= 3 {
			b.Errorf("plan %d: %v", i, err)
		}
	}
	_, err = b.Job(b.ctx, string(ann.ID), running)
	b.must(err)
	_, err = b.Job(b.ctx, string(bob.ID), his)
	b.must(err)
}

// tryJobChanges: each change that a page shows has a number, and by it only what changed since is read.
func tryJobChanges(b *bench) {
	ann := b.person("changes")
	id, err := b.submit(ann, job.Running, "lab/104", "lab/105", "lab/106", "lab/107")
	b.must(err)
	rev := int64(-1)
	changed := func(from, to int) string {
		steps, err := b.Steps(b.ctx, job.Filter{Owner: string(ann.ID), Job: id, Changed: true, Since: rev, From: from, To: to})
		b.must(err)
		var said []string
		for _, s := range steps {
			said = append(said, fmt.Sprint(s.N))
		}
		return strings.Join(said, " ")
	}
	now := func() int64 {
		j, err := b.Job(b.ctx, string(ann.ID), id)
		b.must(err)
		return j.Rev
	}
	equal(b, "all at first", changed(0, 0), "0 1 2 3")
	rev = now()
	equal(b, "nothing since", changed(0, 0), "")
	o := b.take(id, 1, "one")
	equal(b, "begun", changed(0, 0), "1")
	rev = now()
	b.must(b.NoteStep(b.ctx, id, 1, "one", []byte("{}"), ""))
	b.must(b.AddStepLines(b.ctx, id, 1, "one", b.clock.Now(), []string{"a line"}))
	equal(b, "what no row shows is no change", now(), rev)
	b.must(b.NoteStep(b.ctx, id, 1, "one", []byte("{}"), "UPID:"))
	b.must(b.SayStep(b.ctx, id, 1, "one", "Working."))
	equal(b, "its task and what it does", changed(0, 0), "1")
	b.must(b.EndStep(b.ctx, o, "one", job.End{State: job.Failed, At: b.clock.Now()}))
	rev = now()
	b.must(b.DismissStep(b.ctx, string(ann.ID), id, 1, b.clock.Now()))
	equal(b, "dismissed", changed(0, 0), "1")
	rev = now()
	b.must(b.StopJob(b.ctx, string(ann.ID), id, b.clock.Now(), nil))
	equal(b, "the rest is cancelled", changed(0, 0), "0 2 3")
	equal(b, "of the second and third", changed(1, 3), "2")
	steps, err := b.Steps(b.ctx, job.Filter{Owner: string(ann.ID), Job: id, From: 1, To: 3})
	b.must(err)
	equal(b, "a part", len(steps) == 2 && steps[0].N == 1, true)
	groups, err := b.GroupsOfJob(b.ctx, string(ann.ID), id)
	b.must(err)
	equal(b, "groups", groups, []string{"lab"})
}

func tryJobOrder(b *bench) {
	ann := b.person("ann")
	id, err := b.submit(ann, job.Running, "lab/104", "lab/105", "lab/106")
	b.must(err)
	b.take(id, 0, "one")
	waves := func() string {
		steps, err := b.Steps(b.ctx, job.Filter{Owner: string(ann.ID), Job: id})
		b.must(err)
		return fmt.Sprint(steps[0].Wave, steps[1].Wave, steps[2].Wave)
	}
	b.must(b.OrderSteps(b.ctx, id, 0, "another", map[int]int{1: 7}))
	equal(b, "by who does not have the step", waves(), "0 0 0")
	b.must(b.OrderSteps(b.ctx, id, 0, "one", map[int]int{0: 9, 1: 7, 2: 3}))
	equal(b, "by who has it; what is active stays", waves(), "0 7 3")
}

func tryJobStop(b *bench) {
	ann := b.person("ann")
	id, err := b.submit(ann, job.Running, "lab/104", "lab/105", "lab/106")
	b.must(err)
	o := b.take(id, 0, "one")
	b.must(b.StopJob(b.ctx, string(ann.ID), id, b.clock.Now(), nil))
	equal(b, "the rest", b.states(ann, id), "active cancelled cancelled")
	open, err := b.OpenSteps(b.ctx, "lab")
	b.must(err)
	equal(b, "is told", len(open) == 1 && open[0].Stopping, true)
	_, err = b.submit(ann, job.Running, "lab/105")
	b.must(err)
	b.must(b.EndStep(b.ctx, o, "one", job.End{State: job.Done, At: b.clock.Now()}))
	got, err := b.Job(b.ctx, string(ann.ID), id)
	b.must(err)
	equal(b, "finished", got.State, job.Finished)

	plan, err := b.submit(ann, job.Planned, "lab/107")
	b.must(err)
	b.must(b.StopJob(b.ctx, string(ann.ID), plan, b.clock.Now(), nil))
	equal(b, "a plan given up", b.states(ann, plan), "cancelled")
}

func tryJobChain(b *bench) {
	ann := b.person("ann")
	steps := stepsFor("lab/104", "lab/104", "lab/104")
	for i := range steps {
		steps[i].Wave = i
	}
	id, err := b.SubmitJob(b.ctx, job.Job{ID: job.ID(ID()), Owner: string(ann.ID), Kind: "create", Chain: true, State: job.Running}, steps, says)
	b.must(err)
	b.must(b.EndStep(b.ctx, b.take(id, 0, "one"), "one", job.End{State: job.Done, At: b.clock.Now()}))
	if _, err := b.submit(ann, job.Running, "lab/104"); !problem.Is(err, problem.Conflict) {
		b.Errorf("the subject is free between two steps of a chain: %v", err)
	}
	b.must(b.EndStep(b.ctx, b.take(id, 1, "one"), "one", job.End{State: job.Failed, Detail: "no", Problem: "failed", At: b.clock.Now()}))
	equal(b, "after a bad end", b.states(ann, id), "done failed skipped")
	_, err = b.submit(ann, job.Running, "lab/104")
	b.must(err)
}

func tryJobsOfOthers(b *bench) {
	ann, bob := b.person("ann"), b.person("bob")
	id, err := b.submit(ann, job.Running, "lab/104")
	b.must(err)
	b.take(id, 0, "one")
	b.must(b.AddStepLines(b.ctx, id, 0, "one", b.clock.Now(), []string{"hers"}))
	his := string(bob.ID)
	for what, err := range map[string]error{
		"read": second(b.Job(b.ctx, his, id)), "begin": b.BeginJob(b.ctx, his, id, job.Begin{At: b.clock.Now()}, says),
		"stop": b.StopJob(b.ctx, his, id, b.clock.Now(), nil), "dismiss": b.DismissStep(b.ctx, his, id, 0, b.clock.Now()),
	} {
		if !problem.Is(err, problem.NotFound) {
			b.Errorf("%s: %v", what, err)
		}
	}
	for _, f := range []job.Filter{{Owner: his}, {Owner: his, Job: id}, {Owner: his, Job: id, Changed: true, Since: -1}, {Owner: his, Subject: "lab/104"}} {
		steps, err := b.Steps(b.ctx, f)
		b.must(err)
		equal(b, "steps", len(steps), 0)
	}
	lines, err := b.StepLines(b.ctx, his, id, 0, 0)
	b.must(err)
	equal(b, "lines", len(lines), 0)
	groups, err := b.GroupsOfJob(b.ctx, his, id)
	b.must(err)
	equal(b, "groups", len(groups), 0)
	jobs, err := b.Jobs(b.ctx, job.Filter{Owner: his})
	b.must(err)
	equal(b, "jobs", len(jobs), 0)
	open, bad, err := b.Goings(b.ctx, his, time.Time{})
	b.must(err)
	equal(b, "what goes on", len(open)+len(bad), 0)
}

func tryJobFilters(b *bench) {
	ann := b.person("ann")
	var ids []job.ID
	for i := range 3 {
		b.clock.Move(time.Minute)
		id, err := b.submit(ann, job.Running, fmt.Sprintf("lab/%d", 104+i), fmt.Sprintf("lab/%d", 204+i))
		b.must(err)
		state := job.Done
		if i == 1 {
			state = job.Failed
		}
		b.must(b.EndStep(b.ctx, b.take(id, 0, "one"), "one", job.End{State: state, At: b.clock.Now()}))
		ids = append(ids, id)
	}
	owner := string(ann.ID)
	for what, c := range map[string]struct {
		filter job.Filter
		want   []job.ID
	}{
		"all, newest first": {job.Filter{Owner: owner}, []job.ID{ids[2], ids[1], ids[0]}},
		"with a failure":    {job.Filter{Owner: owner, States: []job.StepState{job.Failed, job.Unknown}}, []job.ID{ids[1]}},
		"earlier":           {job.Filter{Owner: owner, Before: b.clock.Now(), Limit: 1}, []job.ID{ids[1]}},
		"a group":           {job.Filter{Owner: owner, Group: "attic"}, nil},
		"a kind":            {job.Filter{Owner: owner, Kind: "start", Actor: "ann@pve", Group: "lab", Limit: 1}, []job.ID{ids[2]}},
	} {
		jobs, err := b.Jobs(b.ctx, c.filter)
		b.must(err)
		var got []job.ID
		for _, j := range jobs {
			got = append(got, j.ID)
			equal(b, what+": total", j.Tally.Total(), 2)
		}
		equal(b, what, got, c.want)
		steps, err := b.Steps(b.ctx, c.filter)
		b.must(err)
		got = nil
		for _, s := range steps {
			got = append(got, s.Job)
		}
		equal(b, what+", steps begun", got, c.want)
	}
	groups, err := b.OpenGroups(b.ctx)
	b.must(err)
	equal(b, "groups", groups, []string{"lab"})
	b.must(b.PruneJobs(b.ctx, b.clock.Now().Add(time.Hour), b.clock.Now().Add(time.Hour)))
	jobs, err := b.Jobs(b.ctx, job.Filter{Owner: owner})
	b.must(err)
	equal(b, "those that run are kept", len(jobs), 3)
	for _, id := range ids {
		b.must(b.StopJob(b.ctx, owner, id, b.clock.Now(), nil))
	}
	b.must(b.PruneJobs(b.ctx, b.clock.Now().Add(-time.Second), time.Time{}))
	jobs, err = b.Jobs(b.ctx, job.Filter{Owner: owner})
	b.must(err)
	equal(b, "old ones are forgotten", len(jobs), 1)
	plan, err := b.submit(ann, job.Planned, "lab/300")
	b.must(err)
	b.clock.Move(time.Minute)
	b.must(b.PruneJobs(b.ctx, time.Time{}, b.clock.Now()))
	if _, err := b.Job(b.ctx, owner, plan); !problem.Is(err, problem.NotFound) {
		b.Errorf("an old plan is still there: %v", err)
	}
}

// tryClaimsAtOnce: of many who want the same subject at once, one has it.
func tryClaimsAtOnce(b *bench) {
	ann := b.person("ann")
	var won atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, err := b.submit(ann, job.Running, "lab/104"); {
			case err == nil:
				won.Add(1)
			case !problem.Is(err, problem.Conflict):
				b.Errorf("who lost: %v", err)
			}
		})
	}
	all.Wait()
	equal(b, "winners", won.Load(), int32(1))
}

func second[T any](_ T, err error) error { return err }
