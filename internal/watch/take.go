package watch

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// grace is how long after a node's return a refused call does not count against
// it: its daemons start seconds after it is a member again.
const grace = 20 * time.Second

// take gives an answer to the sight and does what follows from it.
func (l *loop) take(ctx context.Context, a answer) {
	if a.epoch != l.epoch || l.source == nil {
		return
	}
	now := l.w.now()
	l.latency.add(a.ended.Sub(a.begun))
	switch {
	case a.call.ofNode():
		l.under.node = time.Time{}
	case !a.try:
		l.under.list = false
	}
	if a.err == nil {
		l.answered(ctx, a, now)
	} else {
		l.refused(ctx, a, now)
	}
	if a.try {
		for _, reply := range l.trying {
			reply <- a.err
		}
		l.trying = nil
	}
}

// answered takes a good answer.
func (l *loop) answered(ctx context.Context, a answer, now time.Time) {
	l.took[a.call.kind] = a.ended.Sub(a.begun)
	if l.halted {
		l.resume(ctx)
	}
	l.sight.answering = a.answering
	var e effects
	if !a.call.ofNode() {
		l.agenda.misses[a.call.kind] = 0
		delete(l.sight.partial, a.call.kind)
	}
	switch a.call.kind {
	case callResources:
		l.agenda.succeeded(now)
		l.agenda.cost = l.took[callResources]
		e = l.sight.takeResources(a.resources, now)
	case callStatus:
		e = l.sight.takeStatus(a.status, now)
	case callTasks:
		e = l.followed(ctx, a, now)
	case callPermissions:
		e = l.permitted(a.permissions, now)
	case callCurrent, callNodeGuests:
		e = l.confirmed(a, now)
	case callVersion:
		e = l.versioned(a, now)
	case callAddresses:
		e = l.sight.takeAddresses(a.call.vmid, a.addresses, now)
		e.add(l.sight.nodeAnswered(a.call.node, now))
	}
	l.apply(ctx, e)
}

// followed takes a list of tasks: what they touched is asked at once.
func (l *loop) followed(ctx context.Context, a answer, now time.Time) effects {
	l.remember(ctx, a.tasks)
	touched := l.tasks.diff(a.tasks, now)
	for _, t := range touched {
		if !t.finished {
			l.agenda.hotUntil = now.Add(10 * time.Second)
		}
	}
	return l.sight.takeTasks(touched, now)
}

// permitted takes the token's rights. When they changed, what was refused may be tried again.
func (l *loop) permitted(p fleet.Permissions, now time.Time) effects {
	old := l.sight.permissions
	if p == nil {
		p = fleet.Permissions{}
	}
	l.sight.permissions = p
	l.sight.rights = &fleet.Rights{Permissions: p.Relevant(), At: now}
	if old != nil && samePermissions(old, p) {
		return effects{}
	}
	clear(l.agenda.denied)
	clear(l.sight.partial)
	if !p.Has("/", sysAudit) {
		l.sight.forgetStatus()
	}
	return effects{drawn: true}
}

// confirmed takes a container's own status. One that still runs after a task
// that stops it is asked once more.
func (l *loop) confirmed(a answer, now time.Time) effects {
	asked := l.agenda.taken(a.call)
	e := l.sight.takeConfirmed(a.call.node, a.guests, now)
	for _, c := range asked {
		if c.vmid == 0 || !c.why.again {
			continue
		}
		if i := l.sight.find(c.vmid); i >= 0 && l.sight.containers[i].Status == fleet.Running {
			e.confirms = append(e.confirms, confirm{node: c.node, vmid: c.vmid, notBefore: now.Add(5 * time.Second), by: now.Add(2 * lag)})
		}
	}
	return e
}

func (l *loop) versioned(a answer, now time.Time) effects {
	version := clean(a.version, 64)
	if a.call.node == "" {
		e := effects{drawn: version != l.sight.version}
		l.sight.version = version
		return e
	}
	e := l.sight.nodeAnswered(a.call.node, now)
	if n := l.sight.node(a.call.node); n != nil {
		e.drawn = e.drawn || n.version != version
		n.version, n.versionAt = version, now
	}
	return e
}

// refused takes a failure: of the token, of the way, of one list or of one node.
func (l *loop) refused(ctx context.Context, a answer, now time.Time) {
	p := problemOf(a.err)
	l.log.Debug("watch: call failed", "call", a.call.kind.String(), "node", a.call.node, "kind", string(p.Kind), "err", a.err)
	switch {
	case halting(p.Kind):
		l.halt(ctx, p, now)
	case p.Kind == problem.Forbidden && a.call.kind != callResources:
		l.forbidden(ctx, a.call, p)
	case a.call.ofNode():
		l.nodeRefused(ctx, a, p, now)
	case connection(p.Kind) || a.call.kind == callResources:
		l.clusterRefused(ctx, a, p, now)
	default:
		l.agenda.missed(a.call.kind, now)
		l.sight.partial[a.call.kind] = partialText(a.call.kind, p)
		l.apply(ctx, effects{drawn: l.agenda.misses[a.call.kind] == 1})
	}
}

func partialText(kind callKind, p *problem.Problem) string {
	names := map[callKind]string{callStatus: "state of the nodes", callTasks: "list of tasks", callPermissions: "token's permissions"}
	text := "The " + names[kind] + " could not be read, the rest could: " + p.What
	if p.Proxmox != "" {
		text += " Proxmox says: “" + p.Proxmox + "”."
	}
	return text
}

// clusterRefused takes a failure of the whole. The first is tried again at once
// before it is named, so that a daemon that restarts makes no alarm; a silence
// of some seconds is no such blip, unless another address can be asked.
func (l *loop) clusterRefused(ctx context.Context, a answer, p *problem.Problem, now time.Time) {
	if !a.try {
		l.agenda.failed(a.begun, now)
	}
	short := a.ended.Sub(a.begun) < 3*time.Second || len(l.sight.cluster.Authority.Addresses) > 1
	if blip := l.agenda.fails < 2 && !a.try && short; blip && l.sight.trouble == nil && !l.sight.seenAt.IsZero() {
		return
	}
	l.apply(ctx, l.sight.fail(p, now))
}

// forbidden notes a 403, which is not asked again until the permissions change.
func (l *loop) forbidden(ctx context.Context, c call, p *problem.Problem) {
	l.agenda.denied[c] = true
	if !c.ofNode() {
		l.sight.partial[c.kind] = partialText(c.kind, p)
	}
	l.agenda.taken(c)
	if c.kind == callStatus {
		l.sight.forgetStatus()
	}
	l.apply(ctx, effects{hurry: []callKind{callPermissions}, drawn: true})
}

// nodeRefused takes a failure of a call to one node through the answering one.
func (l *loop) nodeRefused(ctx context.Context, a answer, p *problem.Problem, now time.Time) {
	asked := l.agenda.taken(a.call)
	n := l.sight.node(a.call.node)
	if n == nil {
		return
	}
	var e effects
	switch {
	case beyondNode(p.Kind) && now.Sub(n.backAt) < grace:
		n.versionAt = now
		for _, c := range asked {
			c.notBefore = now.Add(3 * time.Second)
			e.confirms = append(e.confirms, c)
		}
	case beyondNode(p.Kind):
		n.probes++
		n.probeAt = now.Add(l.agenda.spread(backOff(n.probes, 2*time.Second, 8*time.Second)))
		e = l.sight.failNode(a.call.node, p, now)
		e.drawn = true
	case strings.Contains(p.Proxmox, "does not exist"):
		e.hurry = append(e.hurry, callResources) // gone, or moved
	case a.call.kind == callVersion:
		n.versionAt = now
		e = l.sight.nodeAnswered(a.call.node, now)
	case a.call.kind == callAddresses:
		e = l.sight.takeAddresses(a.call.vmid, nil, now)
	default:
		for _, c := range asked {
			if !c.why.tried {
				c.why.tried, c.notBefore = true, now.Add(2*time.Second)
				e.confirms = append(e.confirms, c)
			}
		}
	}
	l.apply(ctx, e)
}

// apply does what an answer asks for and publishes the picture when it changed.
func (l *loop) apply(ctx context.Context, e effects) {
	for _, kind := range e.hurry {
		l.agenda.hurried[kind] = true
	}
	l.agenda.want(e.confirms)
	if e.members != nil {
		l.saveMembers(ctx, e.members)
	}
	for _, ev := range e.events {
		l.record(ctx, ev)
	}
	if e.drawn {
		l.publish()
	}
}

func (l *loop) saveMembers(ctx context.Context, members []fleet.Member) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if err := l.w.options.Store.SetMembers(ctx, l.id, members); err != nil {
		l.log.Error("watch: members were not stored", "err", err)
	}
}

// eventsAnHour is how much of the trail one cluster may fill: a node that comes
// and goes, or a Proxmox that makes up members, must not bury the rest.
const eventsAnHour = 60

func (l *loop) record(ctx context.Context, ev event) {
	now := l.w.now()
	l.recorded = slices.DeleteFunc(l.recorded, func(at time.Time) bool { return now.Sub(at) > time.Hour })
	if len(l.recorded) >= eventsAnHour {
		l.log.Warn("watch: event was not recorded, there were too many within the hour", "kind", string(ev.kind), "subject", ev.subject)
		return
	}
	l.recorded = append(l.recorded, now)
	result := audit.OK
	if ev.kind == audit.NodeUnreachable {
		result = audit.Failed
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	_, err := l.w.options.Store.Audit(ctx, audit.Entry{At: now, Owner: l.owner, Actor: "Berth", Kind: ev.kind, Result: result,
		Subject: ev.subject, Cluster: string(l.id), Detail: ev.detail})
	if err != nil {
		l.log.Error("watch: event was not recorded", "kind", string(ev.kind), "err", err)
	}
}

// publish draws the picture and gives it to the cluster's owner.
func (l *loop) publish() {
	now := l.w.now()
	retryAt := l.agenda.retryAt
	if l.agenda.fails == 0 {
		retryAt = time.Time{}
	}
	statusAt, ok := l.agenda.due(callStatus, l.sight, now)
	if !ok {
		statusAt, _ = l.agenda.due(callResources, l.sight, now)
	}
	spend := l.keptSpend
	if l.lease.held {
		spend = fleet.Spend{PerMinute: l.agenda.bucket.used(now), P95: l.latency.p95()}
	}
	p := l.sight.draw(drawing{retryAt: retryAt, statusAt: maxTime(statusAt, now), spend: spend})
	if l.lease.held {
		l.keep.changed(p)
	}
	l.w.publish(p)
	if l.lease.held {
		l.promote()
	}
}

// promote makes another node the owner's default when theirs is gone.
func (l *loop) promote() {
	node, ok := l.w.successor(l.owner)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	if err := l.w.options.Store.SetDefault(ctx, l.owner, node); err != nil {
		l.log.Warn("watch: another default node was not stored", "err", err)
		return
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.setDefault(l.owner, node)
}

// halt stops the loop until its owner acts, and says so in the store, so that a restart does not ask again.
func (l *loop) halt(ctx context.Context, p *problem.Problem, now time.Time) {
	h := &fleet.Halt{Kind: string(p.Kind), What: p.What, Expected: p.Expected, Got: p.Got, At: now}
	l.halted = true
	l.sight.cluster.Halt = h
	l.sight.trouble, l.sight.silent = haltTrouble(h), false
	if p.Proxmox != "" {
		l.sight.trouble.Proxmox = p.Proxmox
	}
	e := l.sight.settle(now)
	e.drawn = true
	l.storeHalt(ctx, h)
	l.log.Warn("watch: halted", "kind", h.Kind)
	l.apply(ctx, e)
}

// resume ends a halt after a person's try went well.
func (l *loop) resume(ctx context.Context) {
	l.halted = false
	l.sight.cluster.Halt = nil
	l.storeHalt(ctx, nil)
}

func (l *loop) storeHalt(ctx context.Context, h *fleet.Halt) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	if err := l.w.options.Store.SetHalt(ctx, l.id, h); err != nil {
		l.log.Error("watch: halt was not stored", "halted", h != nil, "err", err)
		return
	}
	l.w.announce(ctx, topicCluster, string(l.id))
}
