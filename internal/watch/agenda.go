package watch

import (
	"slices"
	"time"

	"berth/internal/fleet"
)

// callKind is one of the requests that the watcher makes.
type callKind uint8

const (
	callNone callKind = iota
	callPermissions
	callResources
	callStatus
	callTasks
	callCurrent
	callNodeGuests
	callVersion
	callAddresses
	callKinds
)

var kindNames = [callKinds]string{"none", "permissions", "resources", "status", "tasks", "current", "node guests", "version", "addresses"}

func (k callKind) String() string { return kindNames[k] }

// call is one request with what it is about.
type call struct {
	kind callKind
	node string
	vmid fleet.VMID
}

// ofNode reports whether the answer comes from one node through the answering
// one, so that it may hang while the cluster answers.
func (c call) ofNode() bool { return c.node != "" }

// pace is how often things are asked.
type pace struct {
	list     time.Duration // resources and status
	tasks    time.Duration
	tasksHot time.Duration // while a task on a container runs
	tight    time.Duration // tasks, while the budget is nearly spent
	live     time.Duration // resources, where tasks may not be read
	visit    time.Duration // everything, while nobody looks
	window   time.Duration // of the budget
	retry    time.Duration // after the first failure of the whole; doubled with each further one
	retries  time.Duration // at most, while somebody looks
}

var usualPace = pace{list: 9800 * time.Millisecond, tasks: 3600 * time.Millisecond, tasksHot: 2 * time.Second, tight: 4500 * time.Millisecond,
	live: 3 * time.Second, visit: 61 * time.Second, window: time.Minute,
	retry: time.Second, retries: 9500 * time.Millisecond}

const (
	everyRights  = time.Hour
	everyVersion = 6 * time.Hour
	// aside is how long a call to one node may hang before the lists go on beside it.
	// Until then calls come one after the other, over one connection.
	aside = time.Second
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

// agenda is what a loop wants to ask and when. It makes no call itself: next is
// a function of what is in it, of the sight and of the budget.
type agenda struct {
	looked   bool
	denied   map[call]bool // 403s, until the permissions change
	begun    [callKinds]time.Time
	hurried  [callKinds]bool
	later    [callKinds]time.Time // not before: that list failed alone
	misses   [callKinds]int
	visit    time.Time // when nobody looks: start of the next visit
	fails    int       // of the cluster as a whole, in a row
	retryAt  time.Time
	hotUntil time.Time // a task on a container runs
	confirms []confirm
	cost     time.Duration // of the last list of resources
	bucket   bucket
	pace     pace
	jitter   func() float64 // 0 to 1
}

func newAgenda(p pace, jitter func() float64) *agenda {
	return &agenda{denied: map[call]bool{}, pace: p, bucket: bucket{window: p.window}, jitter: jitter}
}

// look switches between the two paces. Somebody who begins to look gets
// everything anew at once, unless it is fresh.
func (a *agenda) look(looked bool, now time.Time) {
	if looked == a.looked {
		return
	}
	a.looked = looked
	if looked {
		a.retryAt = minTime(a.retryAt, now)
		return
	}
	a.visit = a.begun[callResources].Add(a.spread(a.pace.visit))
	a.confirms = nil
}

// spread lengthens a pause by up to a twentieth, so that clusters do not keep step.
func (a *agenda) spread(d time.Duration) time.Duration {
	return d + time.Duration(a.jitter()*float64(d)/20)
}

func (a *agenda) limit() int {
	if a.looked {
		return budgetLooked
	}
	return budgetIdle
}

// may reports whether the token may read a list, as far as is known.
func (a *agenda) may(kind callKind, s *sight) bool {
	if a.denied[call{kind: kind}] {
		return false
	}
	if kind == callStatus || kind == callTasks {
		return s.permissions == nil || s.permissions.Has("/", sysAudit)
	}
	return true
}

// free is how many requests the budget has left.
func (a *agenda) free(now time.Time) int { return a.limit() - a.bucket.used(now) }

// lists are the calls that come again and again.
var lists = []callKind{callResources, callPermissions, callStatus, callTasks}

// due is when a list is to be asked again; never is false when it is not to be asked.
func (a *agenda) due(kind callKind, s *sight, now time.Time) (at time.Time, ok bool) {
	if !a.may(kind, s) {
		return at, false
	}
	begun := a.begun[kind]
	if !a.looked {
		return a.dueInVisit(kind)
	}
	switch {
	case a.hurried[kind]:
		at = begun.Add(time.Second)
	case begun.IsZero():
		at = now
	case kind == callPermissions:
		at = begun.Add(everyRights)
	case kind == callTasks && a.free(now) <= 2:
		// Rather a little later each time than a long silence when all is spent.
		at = begun.Add(a.pace.tight)
	case kind == callTasks && now.Before(a.hotUntil):
		at = begun.Add(a.pace.tasksHot)
	case kind == callTasks:
		at = begun.Add(a.pace.tasks)
	case kind == callResources && !a.may(callTasks, s):
		// Long lists cost Proxmox more, so they come less often.
		at = begun.Add(min(max(a.pace.live, 10*a.cost), a.pace.list))
	default:
		at = begun.Add(a.pace.list)
	}
	return maxTime(at, a.later[kind]), true
}

// dueInVisit is when a list is asked while nobody looks: all of them in one
// visit, each once, and the permissions in the first visit after their hour.
func (a *agenda) dueInVisit(kind callKind) (at time.Time, ok bool) {
	begun := a.begun[kind]
	switch {
	case a.hurried[kind]:
		return maxTime(a.visit, begun.Add(time.Second)), true
	case begun.IsZero():
	case !begun.Before(a.visit), kind == callPermissions && begun.Add(everyRights).After(a.visit):
		return at, false
	}
	return a.visit, !a.later[kind].After(a.visit)
}

// lanes say what is under way.
type lanes struct {
	list bool      // a list is being asked
	node time.Time // since when a node is being asked; zero: none is
}

// next is the call to make now. When there is none, wait is how long nothing
// will be due, unless something happens.
func (a *agenda) next(now time.Time, s *sight, under lanes) (c call, wait time.Duration) {
	if under.list {
		return call{}, time.Minute
	}
	if !under.node.IsZero() && now.Sub(under.node) < aside {
		return call{}, under.node.Add(aside).Sub(now)
	}
	if full := a.bucket.wait(now, a.limit()); full > 0 {
		return call{}, full
	}
	if a.fails > 0 {
		return a.when(call{kind: callResources}, a.retryAt, now)
	}
	a.endVisit(s, now)
	wait = time.Minute
	consider := func(candidate call, at time.Time) {
		if c.kind == callNone {
			found, w := a.when(candidate, at, now)
			c, wait = found, min(wait, w)
		}
	}
	nodeFree := under.node.IsZero()
	if nodeFree && a.free(now) > 2 {
		a.considerConfirms(now, true, consider)
	}
	if kind, at, ok := a.earliest(s, now); ok {
		consider(call{kind: kind}, at)
	}
	if nodeFree {
		a.considerConfirms(now, true, consider)
		if a.free(now) > 4 || !a.looked {
			a.considerConfirms(now, false, consider)
		}
		a.considerProbes(s, now, consider)
		a.considerLazy(s, now, consider)
	}
	return c, wait
}

func (a *agenda) when(c call, at, now time.Time) (call, time.Duration) {
	if at.After(now) {
		return call{}, at.Sub(now)
	}
	return c, 0
}

// earliest is the list that is due first, with its own share of the budget left.
func (a *agenda) earliest(s *sight, now time.Time) (kind callKind, at time.Time, ok bool) {
	for _, k := range lists {
		due, wanted := a.due(k, s, now)
		if !wanted {
			continue
		}
		if a.bucket.usedFor(now, k) >= share[k] {
			due = maxTime(due, now.Add(time.Second))
		}
		if !ok || due.Before(at) && at.After(now) {
			kind, at, ok = k, due, true
		}
	}
	return kind, at, ok
}

// endVisit sets the time of the next visit when everything of the present one was asked.
func (a *agenda) endVisit(s *sight, now time.Time) {
	if a.looked || a.visit.After(now) {
		return
	}
	for _, k := range lists {
		if at, wanted := a.due(k, s, now); wanted && !at.After(now) {
			return
		}
	}
	if now.Sub(a.visit) < 2*time.Second && a.bucket.used(now) < budgetIdle && (len(a.confirms) > 0 || s.version == "") {
		return // one more may be asked in this visit
	}
	a.visit = a.begun[callResources].Add(a.spread(a.pace.visit))
	a.confirms = nil
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
		if n := s.nodes[name]; n.failed != nil && (n.status.at.IsZero() || n.status.online) {
			consider(call{kind: callVersion, node: name}, n.probeAt)
		}
	}
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

// start notes that a call is being made.
func (a *agenda) start(c call, now time.Time) {
	a.bucket.spend(now, c.kind)
	if !c.ofNode() {
		a.begun[c.kind], a.hurried[c.kind] = now, false
	}
	// Both tell which nodes are offline: half a pause apart a dead one is named sooner.
	if c.kind == callStatus && a.looked && now.Sub(a.begun[callResources]) < a.pace.list/4 {
		a.begun[callStatus] = now.Add(-a.pace.list / 2)
	}
}

// missed notes that a list could not be had while the cluster answers, and lets it rest.
func (a *agenda) missed(kind callKind, now time.Time) {
	a.misses[kind]++
	a.later[kind] = now.Add(backOff(a.misses[kind], 5*time.Second, time.Minute))
}

// failed notes a failure of the cluster as a whole and sets the next attempt,
// counted from when the failed one began: a call that hung has waited already.
func (a *agenda) failed(begun, now time.Time) {
	a.fails++
	switch {
	case !a.looked && a.fails == 1:
		a.retryAt = now.Add(2 * time.Second)
		return
	case !a.looked:
		a.retryAt = maxTime(begun.Add(a.spread(a.pace.visit)), now)
		a.visit = a.retryAt
		return
	}
	pause := backOff(a.fails, a.pace.retry, a.pace.retries)
	a.retryAt = maxTime(begun.Add(a.spread(pause)), now.Add(a.pace.retry))
}

// succeeded ends a failure of the cluster as a whole: everything is asked anew.
func (a *agenda) succeeded(now time.Time) {
	if a.fails == 0 {
		return
	}
	a.fails = 0
	a.hurried[callStatus] = true
}

// backOff doubles a pause with each failure in a row, up to a most.
func backOff(fails int, first, most time.Duration) time.Duration {
	d := first
	for range fails - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return min(d, most)
}

func maxTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
