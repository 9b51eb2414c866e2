package watch

import (
	"slices"
	"time"

	"berth/internal/fleet"
)

// confirm is a container whose status is to be read from itself; without a VMID
// all those of a node.
type confirm struct {
	node      string
	vmid      fleet.VMID
	notBefore time.Time
	by        time.Time // the list will have caught up
	why       because
}

type because struct {
	finished bool // a task ended, rather than began
	again    bool // look once more later, should it still run
	nodeBack bool
	tried    bool
}

// want notes containers to be confirmed, each once.
func (a *agenda) want(list []confirm) {
	for _, c := range list {
		i := slices.IndexFunc(a.confirms, func(o confirm) bool { return o.node == c.node && o.vmid == c.vmid })
		if i < 0 {
			a.confirms = append(a.confirms, c)
			continue
		}
		old := &a.confirms[i]
		old.by, old.notBefore = maxTime(old.by, c.by), minTime(old.notBefore, c.notBefore)
		old.why.finished = old.why.finished || c.why.finished
		old.why.again = old.why.again || c.why.again
	}
	if len(a.confirms) > 1000 {
		a.confirms = a.confirms[len(a.confirms)-1000:]
	}
}

// considerConfirms offers the confirmations: those that a finished task or a
// returned node asks for when urgent, else the rest. Three of one node, or two
// when the budget is short, are one question.
func (a *agenda) considerConfirms(now time.Time, urgent bool, consider func(call, time.Time)) {
	a.confirms = slices.DeleteFunc(a.confirms, func(c confirm) bool { return now.After(c.by) })
	together := 3
	if a.free(now) <= 6 {
		together = 2
	}
	perNode := map[string]int{}
	for _, c := range a.confirms {
		if c.vmid != 0 && !c.notBefore.After(now) {
			perNode[c.node]++
		}
	}
	for _, c := range a.confirms {
		if urgent != (c.why.finished || c.why.nodeBack) {
			continue
		}
		want := call{kind: callCurrent, node: c.node, vmid: c.vmid}
		if c.vmid == 0 || perNode[c.node] >= together {
			want = call{kind: callNodeGuests, node: c.node}
		}
		if a.denied[want] || a.bucket.usedFor(now, want.kind) >= share[want.kind] {
			continue
		}
		consider(want, c.notBefore)
	}
}

// taken removes the confirmations that a call answers and returns them.
func (a *agenda) taken(c call) []confirm {
	var taken []confirm
	a.confirms = slices.DeleteFunc(a.confirms, func(o confirm) bool {
		hit := o.node == c.node && (c.kind == callNodeGuests || c.kind == callCurrent && o.vmid == c.vmid)
		if hit {
			taken = append(taken, o)
		}
		return hit
	})
	return taken
}

// considerProbes offers a cheap question to nodes of which a call failed.
func (a *agenda) considerProbes(s *sight, now time.Time, consider func(call, time.Time)) {
	for _, name := range s.nodeNames() {
		if n := s.nodes[name]; n.probed() {
			at := n.probeAt
			if !a.looked {
				at = maxTime(at, a.visit)
			}
			consider(call{kind: callVersion, node: name}, at)
		}
	}
}

// probed reports whether only a call to the node can tell that it is back: its
// cluster does not say that it is offline.
func (n *nodeSight) probed() bool {
	return n.failed != nil && (n.status.at.IsZero() || n.status.online)
}

// probing reports whether a node is due to be probed.
func (s *sight) probing(now time.Time) bool {
	for _, n := range s.nodes {
		if n.probed() && !n.probeAt.After(now) {
			return true
		}
	}
	return false
}

// considerLazy offers versions and addresses, for which nothing waits.
func (a *agenda) considerLazy(s *sight, now time.Time, consider func(call, time.Time)) {
	if !a.looked {
		if s.version == "" && !a.denied[call{kind: callVersion}] && now.Sub(a.visit) >= 0 {
			consider(call{kind: callVersion}, a.later[callVersion])
		}
		return
	}
	lazy := a.bucket.usedFor(now, callCurrent, callNodeGuests, callVersion, callAddresses)
	if lazy >= share[callAddresses] || a.free(now) <= lazyReserve {
		return
	}
	if !a.denied[call{kind: callVersion}] {
		consider(call{kind: callVersion}, maxTime(afterOrNow(a.begun[callVersion], everyVersion), a.later[callVersion]))
	}
	for _, name := range s.nodeNames() {
		n := s.nodes[name]
		if n.state == fleet.Online && !n.local && len(s.nodes) > 1 && !a.denied[call{kind: callVersion, node: name}] {
			consider(call{kind: callVersion, node: name}, afterOrNow(n.versionAt, everyVersion))
		}
	}
	if c, wait, ok := s.nextAddresses(now, a.denied); ok {
		consider(call{kind: callAddresses, node: c.Node, vmid: c.ID.VMID}, now.Add(wait))
	}
}

// afterOrNow is a pause after a time; the zero time when there is none yet.
func afterOrNow(last time.Time, pause time.Duration) time.Time {
	if last.IsZero() {
		return last
	}
	return last.Add(pause)
}
