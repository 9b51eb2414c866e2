package watch

import (
	"slices"
	"time"
)

// What watching may cost Proxmox, in requests per minute.
const (
	budgetLooked = 36
	budgetIdle   = 4
)

// Shares of the budget while somebody looks. Resources and status come every
// 9.8 s and tasks every 3.6 s, which makes 29; the rest is for what changes ask.
var share = map[callKind]int{
	callResources:   24, // 7, or 20 where tasks may not be read
	callStatus:      9,
	callTasks:       18,
	callCurrent:     10, // beyond 6 they borrow from tasks
	callNodeGuests:  6,
	callPermissions: 4,
	callVersion:     6,
	callAddresses:   3,
}

// lazyReserve is what addresses and versions leave free for confirmations.
const lazyReserve = 4

// bucket is the token bucket of one cluster: a token that was spent comes back
// a minute later, so no minute ever sees more requests than the bucket holds.
type bucket struct {
	window time.Duration
	spent  []spending // by time
}

type spending struct {
	at   time.Time
	kind callKind
}

func (b *bucket) spend(now time.Time, kind callKind) {
	b.prune(now)
	b.spent = append(b.spent, spending{now, kind})
}

func (b *bucket) prune(now time.Time) {
	old := 0
	for old < len(b.spent) && now.Sub(b.spent[old].at) >= b.window {
		old++
	}
	if old > 0 {
		b.spent = slices.Delete(b.spent, 0, old)
	}
}

// used counts the requests of the last minute.
func (b *bucket) used(now time.Time) int {
	b.prune(now)
	return len(b.spent)
}

// usedFor counts those of some kinds.
func (b *bucket) usedFor(now time.Time, kinds ...callKind) (n int) {
	b.prune(now)
	for _, s := range b.spent {
		if slices.Contains(kinds, s.kind) {
			n++
		}
	}
	return n
}

// wait is how long until fewer than limit requests were made within a minute; zero when that is so now.
func (b *bucket) wait(now time.Time, limit int) time.Duration {
	b.prune(now)
	over := len(b.spent) - limit
	if over < 0 {
		return 0
	}
	return b.spent[over].at.Add(b.window).Sub(now)
}

// latencies are how fast Proxmox answered of late.
type latencies struct {
	ring [180]time.Duration // five minutes of a full budget
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.ring[l.n%len(l.ring)] = d
	l.n++
}

// p95 is zero when nothing was measured.
func (l *latencies) p95() time.Duration {
	n := min(l.n, len(l.ring))
	if n == 0 {
		return 0
	}
	sorted := slices.Clone(l.ring[:n])
	slices.Sort(sorted)
	return sorted[(n*95+99)/100-1]
}
