package act

import (
	"context"
	"fmt"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

// prepareKind is the kind of the steps that read, for one node, what only
// Proxmox knows of a job's containers, before any of them is touched: the
// startup order for an order, the root volume for an identity.
const prepareKind = "prepare"

// lastOrder stands for "none": Proxmox starts those without an order after all
// others and, the reverse, shuts them down first (PVE::API2::Nodes, startall).
const lastOrder = 1_000_000

// unorderedWave is the wave of a container without a place in the startup order.
func unorderedWave(rule fleet.ActionRule) int { return waveOf(rule, -1) }

// waveOf makes a wave of a place in the startup order. Wave 0 is for the steps that prepare.
func waveOf(rule fleet.ActionRule, order int) int {
	if order < 0 || order > lastOrder {
		order = lastOrder
	}
	switch rule.Sequence {
	case fleet.StartupOrder:
		return 1 + order
	case fleet.ReverseOrder:
		return 1 + lastOrder - order
	}
	return 1
}

func prepareTitle(rule fleet.ActionRule, node string) string {
	if rule.Action == fleet.ActDelete {
		return "Note what is to be deleted on " + node
	}
	return "Read the startup order on " + node
}

// notes are what prepare keeps by subject: the root volume; and how long the next
// ones wait after its start, or how long its shutdown may take, where its configuration says so.
type notes struct {
	Roots map[string]string        `json:"roots,omitempty"`
	Ups   map[string]time.Duration `json:"ups,omitempty"`
	Downs map[string]time.Duration `json:"downs,omitempty"`
}

func newNotes() notes {
	return notes{Roots: map[string]string{}, Ups: map[string]time.Duration{}, Downs: map[string]time.Duration{}}
}

// take notes what an action wants to know of a configuration.
func (n notes) take(a fleet.Action, subject string, c Config) {
	switch {
	case a == fleet.ActDelete:
		n.Roots[subject] = c.Root
	case a == fleet.ActStart && c.Up > 0:
		n.Ups[subject] = min(c.Up, fleet.MaxShutdown)
	case a == fleet.ActShutdown && c.Down > 0:
		n.Downs[subject] = min(c.Down, fleet.MaxShutdown)
	}
}

// said tells of the delays that are waited for; empty when there are none.
func (n notes) said() string {
	var longest time.Duration
	for _, d := range n.Ups {
		longest = max(longest, d)
	}
	if longest == 0 {
		return ""
	}
	return " After some of them the next in the order wait, for " + about(longest) + " at most."
}

// prepareArgs say of which steps of the job, numbered From on and below To, some are of that node.
type prepareArgs struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// prepare reads the configuration of each of the job's containers on one node,
// one after the other. What cannot be read keeps its place without an order, and is
// not deleted later: its own step says why.
func (r *run) prepare(ctx context.Context) (Outcome, error) {
	var own prepareArgs
	decode(r.step.Args, &own)
	steps, err := r.s.store.Steps(ctx, job.Filter{Owner: r.step.Owner, Job: r.step.Job, From: own.From, To: own.To, States: []job.StepState{job.Waiting}, Limit: 2 * fleet.MaxTargets})
	if err != nil {
		return Outcome{}, err
	}
	kept, waves := newNotes(), map[int]int{}
	var read, all int
	for _, st := range steps {
		id, ok := targetOf(st)
		if !ok || st.Group != r.step.Group || st.Lane != r.step.Lane {
			continue
		}
		all++
		rule, _ := fleet.RuleOf(fleet.Action(st.Kind))
		config, err := r.link.Config(ctx, st.Lane, id.VMID)
		switch {
		case ctx.Err() != nil:
			return Outcome{}, errLeft
		case err != nil:
			if p := problem.Of(err); p != nil {
				_ = r.h.Log(ctx, st.Title+": "+p.What)
			}
			if !passing(err) {
				continue
			}
			if err := r.recheck(ctx); err != nil {
				return Outcome{}, err
			}
			continue
		}
		read++
		kept.take(rule.Action, st.Subject, config)
		if w := waveOf(rule, config.Order); w != st.Wave {
			waves[st.N] = w
		}
	}
	if err := r.h.Memo(ctx, kept); err != nil {
		return Outcome{}, err
	}
	if err := r.h.Order(ctx, waves); err != nil {
		return Outcome{}, err
	}
	if read < all {
		return Outcome{State: job.Warned, Detail: fmt.Sprintf("%d of %d configurations were read.", read, all) + kept.said()}, nil
	}
	return Outcome{State: job.Done, Detail: fmt.Sprintf("%d configurations were read.", read) + kept.said()}, nil
}

// noted is what the step of this job has kept that prepared this one.
func (r *run) noted(ctx context.Context) (n notes, err error) {
	by := r.args.NotedBy
	steps, err := r.s.store.Steps(ctx, job.Filter{Owner: r.step.Owner, Job: r.step.Job, Kind: prepareKind, From: by, To: by + 1})
	if err == nil && len(steps) == 1 {
		decode(steps[0].Memo, &n)
	}
	return n, err
}

// cutVolume cuts "local-lvm:vm-104-disk-0" into storage and volume.
func cutVolume(id string) (storage, volume string) {
	storage, volume, _ = strings.Cut(id, ":")
	return storage, volume
}
