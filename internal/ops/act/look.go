package act

import (
	"context"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// look reads the container's own status where it is now. gone: it is nowhere.
func (r *run) look(ctx context.Context) (gone bool, err error) {
	r.state, err = r.link.Current(ctx, r.node, r.id.VMID)
	if problem.Is(err, problem.Gone) {
		node, err := r.link.Where(ctx, r.id.VMID)
		switch {
		case err != nil:
			return false, err
		case node == "" || node == r.node:
			return true, nil
		}
		r.node = node
		if r.state, err = r.link.Current(ctx, r.node, r.id.VMID); problem.Is(err, problem.Gone) {
			return true, nil // or on its way: whoever asks again will see
		} else if err != nil {
			return false, err
		}
		return false, nil
	}
	return false, err
}

// lookPatiently looks until it can be seen, for at most so long.
func (r *run) lookPatiently(ctx context.Context, most time.Duration) (gone bool, err error) {
	began := time.Now()
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		gone, err = r.look(ctx)
		if err == nil || !passing(err) || time.Since(began) > most {
			return gone, err
		}
		if err := r.pause(ctx, wait); err != nil {
			return false, err
		}
	}
}

// passing reports whether an error is of the way or of a moment, so that asking again may go well.
func passing(err error) bool {
	p := problem.Of(err)
	if p == nil {
		return false
	}
	switch p.Kind {
	case problem.Forbidden, problem.Unauthorized, problem.Untrusted, problem.Blocked, problem.Gone, problem.Forgotten, problem.Unsupported,
		problem.Parameters, problem.Invalid, problem.NotFound, problem.Locked:
		return false
	}
	return true
}

// meant reports what speaks against the container being the one that was meant when the action was accepted.
// What was not known by name then, since a new container's comes late, is known
// by its VMID alone, which is not enough to destroy it.
func (r *run) meant(name string) error {
	if sameName(r.id.VMID, r.args.Name, name) || r.args.Name == "" && r.rule.Action != fleet.ActDelete {
		return nil
	}
	now := fleet.Container{ID: r.id, Hostname: nameIn(r.id.VMID, name)}
	return nothingDone(problem.Conflict, "CT "+r.id.VMID.String()+" has changed meanwhile: it is now called "+now.Name()+", and "+r.title+" was meant.")
}

// ready asks the rules again about the container as it is now; done says that
// there is nothing to do, since it is in the wished state already.
func (r *run) ready(ctx context.Context) (done bool, err error) {
	gone, err := r.look(ctx)
	if err != nil {
		return false, before(err)
	}
	if gone {
		if r.rule.Action == fleet.ActDelete {
			return true, nil
		}
		return false, nothingDone(problem.Gone, r.title+" is gone: it was deleted meanwhile.")
	}
	if err := r.meant(r.state.Hostname); err != nil {
		return false, err
	}
	if r.rule.Action != fleet.ActDelete && wished(r.rule.Action, r.state) && r.rule.Action != fleet.ActReboot {
		return true, nil
	}
	p, err := r.picture(ctx)
	if err != nil {
		return false, before(err)
	}
	if why := fleet.Judge(r.rule.Action, p, r.container(), nil); !why.None() {
		return false, nothingDone(kindOfRefusal(why.Code), why.Why)
	}
	return false, nil
}

// container is what is judged: as it was just seen, under the cluster as it was just asked.
func (r *run) container() fleet.Container {
	c := r.state.Container
	c.ID, c.Node, c.Stale = r.id, r.node, false
	if c.Status == fleet.Stopped && r.seenSuspended() {
		c.Status = fleet.Suspended
	}
	return c
}

// seenSuspended reports whether the picture knows it to be suspended; Proxmox itself calls it stopped.
func (r *run) seenSuspended() bool {
	for _, p := range r.s.watcher.Picture(r.step.Owner).Clusters {
		if p.Cluster == r.id.Cluster {
			c, ok := p.Container(r.id.VMID)
			return ok && c.Status == fleet.Suspended
		}
	}
	return false
}

// picture is the cluster for the rules: what was just found out, and no more.
// Whether it has quorum is asked anew where that matters; a token that may not
// see it leaves the judgement to Proxmox. That it cannot be asked is no reason to
// believe it: a deletion without quorum destroys the disks and nothing else.
func (r *run) picture(ctx context.Context) (*fleet.ClusterPicture, error) {
	p := &fleet.ClusterPicture{Cluster: r.id.Cluster, Name: r.link.cluster.Name, Quorate: true, SeenAt: r.s.now()}
	if !r.rule.Quorum { // a standalone host is asked too: it may be in a cluster since it was added
		return p, nil
	}
	quorate, err := r.link.Quorate(ctx)
	switch {
	case err == nil:
		p.Quorate = quorate
	case !problem.Is(err, problem.Forbidden):
		return nil, err
	}
	return p, nil
}

// before marks a failure that came before Proxmox was asked to change anything.
func before(err error) error {
	p := problem.Of(err)
	if p == nil {
		return err
	}
	b := *p
	b.Remedy = "Nothing was done. " + b.Remedy
	if b.Kind == problem.OutcomeUnknown {
		b.Kind = problem.Failed
	}
	return &b
}

func kindOfRefusal(code string) problem.Kind {
	switch code {
	case "quorum":
		return problem.QuorumLost
	case "lock":
		return problem.Busy
	case "state", "template", "unknown":
		return problem.State
	}
	return problem.Conflict
}

// wished reports whether a container that is there is as the action wants it.
func wished(a fleet.Action, s State) bool {
	switch a {
	case fleet.ActStart, fleet.ActResume, fleet.ActReboot:
		return s.Status == fleet.Running
	case fleet.ActStop, fleet.ActShutdown:
		return s.Status == fleet.Stopped
	case fleet.ActSuspend:
		return s.Status == fleet.Stopped || s.Status == fleet.Suspended
	}
	return false
}
