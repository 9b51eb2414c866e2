package nodes

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
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
// process only, and no longer than the session that made them: who loses one
// enters the secret again.
type drafts struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string]draft
}

type draft struct {
	owner     string
	session   string
	candidate fleet.Candidate
	finding   fleet.Finding
	at        time.Time
}

func newDrafts(now func() time.Time) *drafts { return &drafts{now: now, all: map[string]draft{}} }

// keep remembers a draft under a name that nobody guesses; a person's oldest gives way.
func (d *drafts) keep(owner, session string, c fleet.Candidate, f fleet.Finding) (name string) {
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
	d.all[name] = draft{owner, session, c, f, d.now()}
	return name
}

// open finds a draft of the person and session.
func (d *drafts) open(owner, session, name string) (draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	x, ok := d.all[name]
	return x, ok && x.owner == owner && x.session == session
}

// drop forgets a person's own draft.
func (d *drafts) drop(owner, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all[name].owner == owner {
		delete(d.all, name)
	}
}

// sessions are those that have drafts.
func (d *drafts) sessions() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	var all []string
	for _, x := range d.all {
		if !slices.Contains(all, x.session) {
			all = append(all, x.session)
		}
	}
	return all
}

// end forgets the drafts of a session.
func (d *drafts) end(session string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.all, func(_ string, x draft) bool { return x.session == session })
}

// forgetEvery is how often it is looked whether the sessions of drafts go on.
const forgetEvery = 5 * time.Second

// Run forgets the drafts of sessions that have ended, wherever they were ended,
// until ctx ends. stands reports whether a session goes on; an error says that
// it cannot be told, which ends nothing.
func (p *Pages) Run(ctx context.Context, stands func(ctx context.Context, session string) (bool, error)) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, session := range p.drafts.sessions() {
			if on, err := stands(ctx, session); err == nil && !on {
				p.drafts.end(session)
			}
		}
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
