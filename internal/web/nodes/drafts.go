package nodes

import (
	"crypto/rand"
	"sync"
	"time"

	"berth/internal/fleet"
)

// How long a checked but unsaved node is remembered, and how many of them a person has.
const (
	draftFor  = 15 * time.Minute
	maxDrafts = 5
)

// drafts keep what was checked between two steps of adding a node, since the
// token's secret must not travel to the page and back. They live in this
// process only: who loses one enters the secret again.
type drafts struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]draft
}

type draft struct {
	owner     string
	candidate fleet.Candidate
	finding   fleet.Finding
	at        time.Time
}

func newDrafts(now func() time.Time) *drafts { return &drafts{now: now, all: map[string]draft{}} }

// keep remembers a draft under a name that nobody guesses; a person's oldest gives way.
func (d *drafts) keep(owner string, c fleet.Candidate, f fleet.Finding) (name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	oldest, n := "", 0
	for key, x := range d.all {
		if x.owner != owner {
			continue
		}
		if n++; oldest == "" || x.at.Before(d.all[oldest].at) {
			oldest = key
		}
	}
	if n >= maxDrafts {
		delete(d.all, oldest)
	}
	name = rand.Text()
	d.all[name] = draft{owner, c, f, d.now()}
	return name
}

// open finds a person's own draft.
func (d *drafts) open(owner, name string) (draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	x, ok := d.all[name]
	return x, ok && x.owner == owner
}

// drop forgets a person's own draft.
func (d *drafts) drop(owner, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[name].owner == owner {
		delete(d.all, name)
	}
}

func (d *drafts) sweep() {
	now := d.now()
	for key, x := range d.all {
		if now.Sub(x.at) > draftFor {
			delete(d.all, key)
		}
	}
}
