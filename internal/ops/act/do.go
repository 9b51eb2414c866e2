package act

import (
	"context"
	"encoding/json"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

const (
	usualTimeout = 60 * time.Second
	// maxJobs is how many jobs of one person may run at once.
	maxJobs = 100
)

// stepArgs are what a step knows of its container as it was when the action was accepted.
type stepArgs struct {
	Name    string        `json:"name,omitempty"`
	Choices fleet.Choices `json:"choices,omitzero"`
	// At is when it was accepted.
	At time.Time `json:"at"`
	// Noted: a step of its job, of that number, notes what only Proxmox knows of it.
	Noted   bool `json:"noted,omitempty"`
	NotedBy int  `json:"notedBy,omitempty"`
}

// Do has a few containers acted on at once and returns the job. When none of
// them can be, it is a Conflict or Denied with the first reason, or Missing.
// It waits for nobody but the store.
func (s *Service) Do(ctx context.Context, v account.Viewer, address string, r fleet.ActionRequest) (job.ID, error) {
	if id, done, err := s.before(ctx, v, r); done || err != nil {
		return id, err
	}
	rule, targets, err := s.judge(v, r)
	if err != nil {
		return "", err
	}
	if rule.Action == fleet.ActDelete {
		if err := typedNames(targets, r.Names); err != nil {
			return "", err
		}
	}
	owner := string(v.User.ID)
	if err := s.mayBegin(owner); err != nil {
		return "", err
	}
	steps, able, first := s.steps(owner, rule, r.Choices, targets)
	if len(able) == 0 {
		s.refused(ctx, v, address, rule, targets, first)
		return "", refusal(first)
	}
	return s.engine.Submit(ctx, s.job(v, address, rule, r, able), steps)
}

// before finds the job that the same form made already: what is sent twice is
// done once, and is no refusal.
func (s *Service) before(ctx context.Context, v account.Viewer, r fleet.ActionRequest) (id job.ID, done bool, err error) {
	if r.Once == "" {
		return "", false, nil
	}
	id, err = s.store.JobOnce(ctx, string(v.User.ID), r.Once)
	if problem.Is(err, problem.NotFound) {
		return "", false, nil
	}
	return id, err == nil, err
}

// mayBegin refuses more jobs than one person may have under way.
func (s *Service) mayBegin(owner string) error {
	if s.engine.Board(owner).Jobs >= maxJobs {
		return problem.New(problem.TooMany, "A hundred jobs of yours are under way.", "Wait until some have ended.")
	}
	return nil
}

// target is a container that a request names, with what speaks against the action.
type target struct {
	fleet.Container
	picture *fleet.ClusterPicture
	why     fleet.Refusal
}

// judge finds the request's containers in the picture and asks the rules about each. What is not there is Missing.
func (s *Service) judge(v account.Viewer, r fleet.ActionRequest) (fleet.ActionRule, []target, error) {
	rule, ok := fleet.RuleOf(r.Action)
	switch {
	case !ok:
		return rule, nil, problem.New(problem.Invalid, "There is no such action.", "")
	case len(r.Targets) == 0:
		return rule, nil, problem.New(problem.Invalid, "No container is chosen.", "Choose at least one.")
	case len(r.Targets) > fleet.MaxTargets:
		return rule, nil, problem.New(problem.Invalid, "More than 20,000 containers are chosen.", "Choose fewer.")
	case r.Choices.Timeout < 0 || r.Choices.Timeout > fleet.MaxShutdown:
		return rule, nil, problem.Field("timeout", "A time-out is between 1 second and one hour.")
	}
	owner := string(v.User.ID)
	p, busy := s.watcher.Picture(owner), s.Busy(owner)
	clusters := map[fleet.ClusterID]*fleet.ClusterPicture{}
	for _, c := range p.Clusters {
		clusters[c.Cluster] = c
	}
	seen := map[fleet.ContainerID]bool{}
	var targets []target
	for _, id := range r.Targets {
		if seen[id] {
			continue
		}
		seen[id] = true
		t := target{picture: clusters[id.Cluster]}
		if t.picture == nil {
			return rule, nil, problem.Missing()
		}
		if t.Container, ok = t.picture.Container(id.VMID); !ok {
			return rule, nil, problem.New(problem.NotFound, "CT "+id.VMID.String()+" is not there any more.", "It was deleted meanwhile.")
		}
		var b *fleet.Busy
		if is, ok := busy[id]; ok {
			b = &is
		}
		t.why = fleet.Judge(r.Action, t.picture, t.Container, b)
		if name, given := r.Names[id]; given && !sameName(id.VMID, name, t.Name()) {
			t.why = fleet.Refusal{Code: "changed", Why: "CT " + id.VMID.String() + " was called " + name + " and is " + t.Name() + " now."}
		}
		if t.why.None() && rule.Action == fleet.ActDelete && t.Status == fleet.Running && !r.Choices.StopFirst {
			t.why = fleet.Refusal{Code: "state", Why: t.Name() + " " + stateWord(t.Status) + ": agree that it is stopped first."}
		}
		targets = append(targets, t)
	}
	return rule, targets, nil
}

func containersOf(targets []target) []fleet.Container {
	all := make([]fleet.Container, len(targets))
	for i, t := range targets {
		all[i] = t.Container
	}
	return all
}

// typedNames checks the names that were typed for a deletion.
func typedNames(targets []target, typed map[fleet.ContainerID]string) error {
	for _, t := range targets {
		if typed[t.ID] != t.Name() {
			return problem.Field("name", "Type the name of the container, "+t.Name()+", to delete it.")
		}
	}
	return nil
}

// steps makes a step of each target; those that the rules refuse are skipped with the reason.
func (s *Service) steps(owner string, rule fleet.ActionRule, choices fleet.Choices, targets []target) (steps []job.Step, able []fleet.Container, first fleet.Refusal) {
	at := s.now()
	for _, t := range targets {
		step := job.Step{Owner: owner, Kind: string(rule.Action), Group: string(t.ID.Cluster), Lane: t.Node, Subject: t.ID.String(), Title: titleOf(t.Container),
			State: job.Waiting, Args: encode(stepArgs{Name: t.Hostname, Choices: choices, At: at})}
		if t.why.None() {
			able = append(able, t.Container)
		} else {
			step.State, step.Detail, step.EndedAt = job.Skipped, t.why.Why, at
			if first.None() {
				first = t.why
			}
		}
		steps = append(steps, step)
	}
	return steps, able, first
}

func (s *Service) job(v account.Viewer, address string, rule fleet.ActionRule, r fleet.ActionRequest, able []fleet.Container) job.Job {
	return job.Job{ID: job.ID(newID()), Owner: string(v.User.ID), Kind: string(rule.Action), Title: jobTitle(rule, able), Actor: v.User.PVEUser,
		Address: address, State: job.Running, Once: r.Once, Args: encode(r.Choices)}
}

// encode is for plain structs of our own, which always marshal.
func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("act: plain fields did not marshal: " + err.Error())
	}
	return data
}

// decode is for what this package wrote; an odd value leaves v as it was.
func decode(data json.RawMessage, v any) { _ = json.Unmarshal(data, v) }

// refusal is the problem that a person reads when an action cannot be had.
func refusal(r fleet.Refusal) error {
	kind := problem.Conflict
	if r.Code == "privilege" {
		kind = problem.Denied
	}
	return problem.New(kind, r.Why, "Nothing was done.")
}

// refused notes in the trail that somebody asked for what cannot be had.
func (s *Service) refused(ctx context.Context, v account.Viewer, address string, rule fleet.ActionRule, targets []target, why fleet.Refusal) {
	t := targets[0]
	s.noteRefusal(ctx, audit.Entry{Owner: string(v.User.ID), Actor: v.User.PVEUser, Address: address,
		Kind: kindOf(rule.Action), Subject: titleOf(t.Container), Cluster: string(t.ID.Cluster), Detail: why.Why})
}

func kindOf(a fleet.Action) audit.Kind { return audit.Kind("container." + string(a)) }
