package watch

import (
	"time"

	"berth/internal/fleet"
)

// What looking at one container closely may cost, beside the cluster's own
// budget: one request in two seconds. A page that is opened may have some at
// once, and then waits until they are paid back.
const (
	closeEvery = 2 * time.Second
	closeLoan  = 4
	// closeShare is how far apart requests are, for each container of one cluster
	// that is looked at: of many, each is asked less often.
	closeShare = time.Second
	// closeMinute is what no minute exceeds.
	closeMinute = 30
)

// closeKind is one of the parts of a detail.
type closeKind uint8

const (
	closeConfig closeKind = iota
	closeHistory
	closePending
	closeInterfaces
	closeLive
	closeTasks
	closeKinds
)

var closeNames = [closeKinds]string{"configuration", "history", "pending changes", "interfaces", "state", "tasks"}

func (k closeKind) String() string { return closeNames[k] }

// closeCall is one request of a closer.
type closeCall struct {
	kind  closeKind
	frame fleet.Frame // of history
}

// closePause is how long an answer of a kind counts.
var closePause = [closeKinds]time.Duration{
	closeConfig: time.Minute, closePending: 30 * time.Second, closeInterfaces: time.Minute,
	closeLive: 4 * time.Second, closeTasks: time.Minute,
}

// framePause is how long an answer for a frame counts: Proxmox adds a sample a
// minute to the short ones, and the long ones are some 300 KB.
var framePause = map[fleet.Frame]time.Duration{
	fleet.Hour: time.Minute, fleet.Day: 5 * time.Minute, fleet.Week: 15 * time.Minute, fleet.Month: 30 * time.Minute, fleet.Year: 30 * time.Minute,
}

// closeAgenda is what a closer wants to ask, and when.
type closeAgenda struct {
	asked   map[closeCall]time.Time // last begun
	hurried map[closeCall]bool
	fails   map[closeCall]int
	denied  map[closeCall]bool // 403s, until the rights change
	rights  fleet.Permissions  // as they were when something was denied
	saved   float64            // at most 1: a request may be made; less than 0: owed
	loan    int                // requests that may be made beyond that
	at      time.Time          // when saved was counted
	spent   bucket
	rest    time.Time // nothing before
	// As the picture had the container last.
	status fleet.Status
	lock   string
	node   string
	uptime time.Duration
}

func newCloseAgenda(now time.Time) *closeAgenda {
	return &closeAgenda{asked: map[closeCall]time.Time{}, hurried: map[closeCall]bool{}, fails: map[closeCall]int{},
		denied: map[closeCall]bool{}, saved: 1, at: now, spent: bucket{window: time.Minute}}
}

// wanted are the calls that pages of these frames want, the most telling first.
func (a *closeAgenda) wanted(seen seenCloser, frames []fleet.Frame) []closeCall {
	calls := []closeCall{{kind: closeConfig}, {closeHistory, fleet.Hour}}
	for _, f := range frames {
		if f != fleet.Hour {
			calls = append(calls, closeCall{closeHistory, f})
		}
	}
	calls = append(calls, closeCall{kind: closePending})
	if seen.container.Status == fleet.Running {
		calls = append(calls, closeCall{kind: closeInterfaces})
	}
	return append(calls, closeCall{kind: closeLive}, closeCall{kind: closeTasks})
}

// heed takes what the picture says: a container that started, stopped, moved or
// was locked is asked anew, and what was denied when the rights change.
func (a *closeAgenda) heed(seen seenCloser, now time.Time) {
	c := seen.container
	restarted := c.Uptime < a.uptime-5*time.Second
	switch {
	case a.node == "":
	case c.Node != a.node, c.Status != a.status, c.Lock != a.lock, restarted:
		a.hurry(closeConfig, closePending, closeLive, closeTasks, closeInterfaces)
		if c.Status == fleet.Running { // a lease may take a moment
			a.asked[closeCall{kind: closeInterfaces}] = now.Add(addressesStart - closePause[closeInterfaces])
			delete(a.hurried, closeCall{kind: closeInterfaces})
		}
		if c.Node != a.node {
			clear(a.fails)
			a.hurryFrames()
		}
	}
	a.status, a.lock, a.node, a.uptime = c.Status, c.Lock, c.Node, c.Uptime
	if len(a.denied) > 0 && seen.rights != nil && !samePermissions(a.rights, seen.rights.Permissions) {
		clear(a.denied)
	}
}

func (a *closeAgenda) hurry(kinds ...closeKind) {
	for _, k := range kinds {
		a.hurried[closeCall{kind: k}] = true
	}
}

func (a *closeAgenda) hurryFrames() {
	for call := range a.asked {
		if call.kind == closeHistory {
			a.hurried[call] = true
		}
	}
}

func (a *closeAgenda) hurryAll() {
	a.hurry(closeConfig, closePending, closeInterfaces, closeLive, closeTasks)
	a.hurryFrames()
}

// due is when a call is to be made.
func (a *closeAgenda) due(c closeCall) time.Time {
	begun := a.asked[c]
	switch {
	case begun.IsZero():
		return begun
	case a.fails[c] > 0:
		return begun.Add(backOff(a.fails[c], 4*time.Second, time.Minute))
	case a.hurried[c]:
		return begun.Add(closeEvery)
	case c.kind == closeHistory:
		return begun.Add(framePause[c.frame])
	}
	return begun.Add(closePause[c.kind])
}

// next is the call to make now; ok is false when there is none, and wait is how
// long not. others is how many containers of the cluster are looked at.
func (a *closeAgenda) next(now time.Time, seen seenCloser, frames []fleet.Frame, others int) (c closeCall, wait time.Duration, ok bool) {
	every := max(closeEvery, time.Duration(others)*closeShare)
	a.save(now, every)
	wait = time.Minute
	if rest := a.rest.Sub(now); rest > 0 {
		return c, rest, false
	}
	var first time.Time
	for _, call := range a.wanted(seen, frames) {
		if a.denied[call] {
			continue
		}
		at := a.due(call)
		if pause := at.Sub(now); pause > 0 {
			wait = min(wait, pause)
			continue
		}
		// Of those that are due the one that never was, in the order above, else the one that waits longest.
		if !ok || at.Before(first) {
			c, first, ok = call, at, true
		}
	}
	if !ok {
		return c, wait, false
	}
	if a.saved < 1 && a.loan == 0 {
		return c, max(time.Duration((1-a.saved)*float64(every)), time.Millisecond), false
	}
	if full := a.spent.wait(now, closeMinute); full > 0 {
		return c, full, false
	}
	return c, 0, true
}

// save counts what may be spent by now.
func (a *closeAgenda) save(now time.Time, every time.Duration) {
	a.saved = min(1, a.saved+float64(now.Sub(a.at))/float64(every))
	a.at = now
}

// open lends a page that is opened some requests, unless some are owed still.
func (a *closeAgenda) open(now time.Time) {
	if a.save(now, closeEvery); a.saved == 1 {
		a.loan = closeLoan
	}
}

// extra notes a request that a person asked for by hand; it is false when too much is owed already.
func (a *closeAgenda) extra(now time.Time) bool {
	a.save(now, closeEvery)
	if a.saved < 1-closeLoan || a.spent.wait(now, closeMinute) > 0 {
		return false
	}
	a.spend(now)
	return true
}

func (a *closeAgenda) spend(now time.Time) {
	a.saved--
	a.spent.spend(now, callNone)
}

func (a *closeAgenda) begin(c closeCall, now time.Time) {
	if a.saved < 1 {
		a.loan--
	}
	a.spend(now)
	a.asked[c] = now
	delete(a.hurried, c)
}

// deny notes a 403 for as long as the rights are these.
func (a *closeAgenda) deny(c closeCall, rights *fleet.Rights) {
	a.denied[c] = true
	a.rights = nil
	if rights != nil {
		a.rights = rights.Permissions
	}
}

// settled reports whether all that a page of a frame wants was asked since a time.
func (a *closeAgenda) settled(since time.Time, seen seenCloser, frame fleet.Frame) bool {
	for _, call := range a.wanted(seen, []fleet.Frame{frame}) {
		if !a.denied[call] && (a.asked[call].Before(since) || a.hurried[call]) {
			return false
		}
	}
	return true
}
