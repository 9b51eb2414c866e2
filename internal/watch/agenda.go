package watch

import (
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
	resting  time.Time // nothing before: many loops begin at once
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

// look switches to the other of the two paces. Somebody who begins to look gets
// everything anew at once, unless it is fresh.
func (a *agenda) look(looked bool, now time.Time) {
	a.looked = looked
	if looked {
		a.retryAt = minTime(a.retryAt, now)
		return
	}
	a.visit = a.begun[callResources].Add(a.spread(a.pace.visit))
	a.confirms = nil
}

// begin lets the loop of one of many clusters begin a little later than the
// others: a hundred handshakes at once would hold up the pages.
func (a *agenda) begin(clusters int, now time.Time) {
	if clusters > 5 {
		a.resting = now.Add(time.Duration(a.jitter() * float64(clusters) * float64(10*time.Millisecond)))
	}
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
	return kind == callResources || s.mayHave(kind)
}

// free is how many requests the budget has left.
func (a *agenda) free(now time.Time) int { return a.limit() - a.bucket.used(now) }

// lists are the calls that come again and again.
var lists = []callKind{callResources, callPermissions, callStatus, callTasks}

// due is when a list is to be asked again; ok is false when it is not to be asked.
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
	if rest := a.resting.Sub(now); rest > 0 {
		return call{}, rest
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
	more := len(a.confirms) > 0 || s.version == "" || s.probing(now)
	if more && now.Sub(a.visit) < 2*time.Second && a.bucket.used(now) < budgetIdle {
		return // one more may be asked in this visit
	}
	a.visit = a.begun[callResources].Add(a.spread(a.pace.visit))
	a.confirms = nil
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
		a.retryAt = now.Add(a.pace.retry)
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
