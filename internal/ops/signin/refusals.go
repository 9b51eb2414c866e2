package signin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// refusals keep what was refused before any intent from flooding the trail:
// whoever is turned away causes one entry a minute, which says how often since
// the one before. Of more than refusalKeys at once only a count is kept, for
// each person by themselves and for all who are nobody's.
type refusals struct {
	mu    sync.Mutex
	byKey map[refusalKey]refusal
}

type refusalKey struct {
	owner                 string
	kind                  audit.Kind
	who, subject, network string
}

type refusal struct {
	last  audit.Entry
	until time.Time // nothing is written before
	more  int       // times since the entry that was written
}

const (
	refusalEvery = time.Minute
	refusalKeys  = 64
	ownKeys      = 16 // of one person
)

// crowdOf stands for all of an owner's that have no key of their own.
func crowdOf(owner string) refusalKey { return refusalKey{owner: owner} }

// full says whether the owner's refusals have as many keys as they may.
func (r *refusals) full(owner string) bool {
	most, n := refusalKeys, 0
	if owner != "" {
		most = ownKeys
	}
	for key := range r.byKey {
		if key.owner == owner {
			n++
		}
	}
	return n >= most
}

// add says whether the entry is to be written now.
func (r *refusals) add(e audit.Entry, now time.Time) (audit.Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byKey == nil {
		r.byKey = map[refusalKey]refusal{}
	}
	key := refusalKey{e.Owner, e.Kind, e.Actor, e.Subject, network(e.Address)}
	known, ok := r.byKey[key]
	if !ok && r.full(e.Owner) {
		key, e = crowdOf(e.Owner), crowded(e)
		known, ok = r.byKey[key]
	}
	if ok && now.Before(known.until) {
		known.last, known.more = e, known.more+1
		r.byKey[key] = known
		return e, false
	}
	r.byKey[key] = refusal{last: e, until: now.Add(refusalEvery)}
	return andMore(e, known.more), true
}

// due are entries for what was refused since the last one and is told by no
// later refusal. Keys that were quiet for a minute are forgotten.
func (r *refusals) due(now time.Time) []audit.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var due []audit.Entry
	for key, known := range r.byKey {
		switch {
		case now.Before(known.until):
		case known.more == 0:
			delete(r.byKey, key)
		default:
			due = append(due, andMore(known.last, known.more-1))
			r.byKey[key] = refusal{last: known.last, until: now.Add(refusalEvery)}
		}
	}
	slices.SortFunc(due, func(a, b audit.Entry) int { return a.At.Compare(b.At) })
	return due
}

func crowded(e audit.Entry) audit.Entry {
	if e.Owner != "" {
		e.Subject = "several"
		return e
	}
	return audit.Entry{At: e.At, Actor: "many", Kind: e.Kind, Result: e.Result, Detail: e.Detail}
}

func andMore(e audit.Entry, more int) audit.Entry {
	if more > 0 {
		e.Detail += fmt.Sprintf(" (And %d more times since the entry before.)", more)
	}
	return e
}

// NoteRefusal puts into the trail that somebody was turned away before anything
// was done, at most once a minute for each person or address and what they
// asked for. Result and time are set here. It outlives the request, and failing
// to write changes nothing for who was turned away.
func (s *Service) NoteRefusal(ctx context.Context, e audit.Entry) {
	e.Result, e.At = audit.Refused, s.now()
	e.Subject = clean(e.Subject, 200)
	if e, now := s.refusals.add(e, e.At); now {
		s.writeRefusal(ctx, e)
	}
}

func (s *Service) writeRefusal(ctx context.Context, e audit.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.write(ctx, e); err != nil {
		s.log.Error("a refusal is missing in the audit trail", "kind", e.Kind, "error", err)
	}
}

// TellRefusals writes the counts of what was refused and is not in the trail yet.
func (s *Service) TellRefusals(ctx context.Context) {
	for _, e := range s.refusals.due(s.now()) {
		s.writeRefusal(ctx, e)
	}
}

// TurnedAway notes that a signed-in person was refused a page: one for
// administrators, which only those see in the trail, or an act without fresh proof.
func (s *Service) TurnedAway(ctx context.Context, v account.Viewer, address, route string, err error) {
	e := audit.Entry{Kind: audit.PageRefused, Actor: v.User.PVEUser, Address: address, Subject: route, Detail: "Only administrators may open this."}
	if problem.Is(err, problem.NeedProof) {
		e.Owner, e.Detail = string(v.User.ID), sentenceOf(err)
	}
	s.NoteRefusal(ctx, e)
}
