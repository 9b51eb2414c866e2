package act

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// Plan makes a job of many containers that is shown before it begins: what
// will be done, and what is left out and why. It waits for nobody but the store:
// what only Proxmox knows, the startup order and the root volumes, is read by
// steps that prepare, one for each node, as the first thing after Begin.
func (s *Service) Plan(ctx context.Context, v account.Viewer, address string, r fleet.ActionRequest) (job.ID, error) {
	return s.plan(ctx, v, address, r, "")
}

func (s *Service) plan(ctx context.Context, v account.Viewer, address string, r fleet.ActionRequest, retries job.ID) (job.ID, error) {
	if id, done, err := s.before(ctx, v, r); done || err != nil {
		return id, err
	}
	rule, targets, err := s.judge(v, r)
	if err != nil {
		return "", err
	}
	slices.SortFunc(targets, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.ID.Cluster, b.ID.Cluster), cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID.VMID, b.ID.VMID))
	})
	owner := string(v.User.ID)
	steps, able, first := s.steps(owner, rule, r.Choices, targets)
	if len(able) == 0 { // a plan of nothing, which says why
		s.refused(ctx, v, address, rule, targets, first)
		able = containersOf(targets)
	}
	j := s.job(v, address, rule, r, able)
	j.State, j.Retries = job.Planned, retries
	return s.engine.Submit(ctx, j, prepared(rule, j, steps))
}

// prepared puts before the steps, where their order or their identity matters,
// one for each node that reads what they need.
func prepared(rule fleet.ActionRule, j job.Job, steps []job.Step) []job.Step {
	count := map[string]int{} // by cluster: what alone is done there has no order
	for _, st := range steps {
		if st.State == job.Waiting {
			count[st.Group]++
		}
	}
	type part struct{ from, to int } // of the steps: they come in the order of their nodes
	var first []job.Step
	var parts []part
	lane := map[[2]string]int{} // which of first prepares it
	for i, st := range steps {
		if st.State != job.Waiting || !prepares(rule, count[st.Group]) {
			continue
		}
		key := [2]string{st.Group, st.Lane}
		n, known := lane[key]
		if !known {
			n = len(first)
			lane[key] = n
			first = append(first, job.Step{Owner: j.Owner, Kind: prepareKind, Group: st.Group, Lane: st.Lane, Title: prepareTitle(rule, st.Lane), State: job.Waiting})
			parts = append(parts, part{i, i})
		}
		parts[n].to = i + 1
		steps[i].Wave = unorderedWave(rule)
		steps[i].Args = noted(st.Args, n)
	}
	for n, p := range parts {
		first[n].Args = encode(prepareArgs{From: len(first) + p.from, To: len(first) + p.to})
	}
	return append(first, steps...)
}

// noted marks a step of which that one of its job notes what only Proxmox knows.
func noted(args json.RawMessage, by int) json.RawMessage {
	var a stepArgs
	decode(args, &a)
	a.Noted, a.NotedBy = true, by
	return encode(a)
}

// prepares reports whether a job of so many containers of one cluster reads their configurations first.
func prepares(rule fleet.ActionRule, count int) bool {
	return rule.Action == fleet.ActDelete || rule.Sequence != fleet.AnyOrder && count > 1
}

// deletePlanFor is how old a plan to delete may be: VMIDs are used again, and
// what each of them was is noted only when the plan begins.
const deletePlanFor = time.Hour

// Begin starts a planned job; the trail has who did, when and from where. A plan
// to delete that is over an hour old is a Conflict.
func (s *Service) Begin(ctx context.Context, v account.Viewer, address string, id job.ID) error {
	if err := s.mayBegin(string(v.User.ID)); err != nil {
		return err
	}
	j, err := s.store.Job(ctx, string(v.User.ID), id)
	if err != nil {
		return err
	}
	if j.State == job.Planned && j.Tally.Waiting == 0 {
		return problem.New(problem.Invalid, "Everything of this plan is left out: there is nothing to begin.", "Look at why, and make a new plan when that has changed.")
	}
	if age := s.now().Sub(j.CreatedAt); j.State == job.Planned && j.Kind == string(fleet.ActDelete) && age > deletePlanFor {
		return problem.New(problem.Conflict, "This plan to delete is "+about(age)+" old: what has these VMIDs by now may be something else.", "Make a new plan.")
	}
	e := s.jobEntry(v, address, audit.JobBegin, j)
	e.Detail = "Planned " + j.CreatedAt.UTC().Format(time.DateTime) + " UTC"
	if j.Address != "" {
		e.Detail += " from " + j.Address
	}
	e.Detail += "."
	return s.engine.Start(ctx, string(v.User.ID), id, address, &e)
}

// Cancel leaves the rest of a job undone. What Proxmox works on already is followed to its end.
func (s *Service) Cancel(ctx context.Context, v account.Viewer, address string, id job.ID) error {
	j, err := s.store.Job(ctx, string(v.User.ID), id)
	if err != nil {
		return err
	}
	e := s.jobEntry(v, address, audit.JobCancel, j)
	return s.engine.Cancel(ctx, string(v.User.ID), id, &e)
}

// jobEntry is what the trail says of a person's hand on a whole job.
func (s *Service) jobEntry(v account.Viewer, address string, kind audit.Kind, j job.Job) audit.Entry {
	return audit.Entry{ID: newID(), At: s.now(), Owner: string(v.User.ID), Actor: v.User.PVEUser, Address: address, Kind: kind, Result: audit.OK, Subject: j.Title}
}

// Retry plans anew what ended badly in a job, judged by the picture as it is now,
// and returns the new job. What is sent twice with one once is one job.
func (s *Service) Retry(ctx context.Context, v account.Viewer, address string, id job.ID, once string) (job.ID, error) {
	owner := string(v.User.ID)
	j, err := s.store.Job(ctx, owner, id)
	if err != nil {
		return "", err
	}
	if j.Tally.Bad() == 0 {
		return "", problem.New(problem.Invalid, "Nothing of this job ended badly: there is nothing to be tried again.", "Look at the job as it is now.")
	}
	steps, err := s.store.Steps(ctx, job.Filter{Owner: owner, Job: id, States: []job.StepState{job.Failed, job.Unknown}, Limit: 2 * fleet.MaxTargets})
	if err != nil {
		return "", err
	}
	r := fleet.ActionRequest{Action: fleet.Action(j.Kind), Choices: choicesOf(j), Once: once}
	for _, st := range steps {
		if target, ok := targetOf(st); ok && s.there(owner, target) {
			aimAgain(&r, target, st)
		}
	}
	if len(r.Targets) == 0 {
		return "", problem.New(problem.Conflict, "Nothing of this job ended badly that could be tried again.", "")
	}
	return s.plan(ctx, v, address, r, id)
}

// there reports whether the picture has the container; one that is gone cannot be tried again.
func (s *Service) there(owner string, id fleet.ContainerID) bool {
	for _, c := range s.watcher.Picture(owner).Clusters {
		if c.Cluster == id.Cluster {
			_, ok := c.Container(id.VMID)
			return ok
		}
	}
	return false
}
