// Package activity shows the audit trail: sign-ins, what happened to nodes, and
// who did it. Everybody sees their own; administrators see Berth's too.
package activity

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"berth/internal/audit"
	"berth/internal/web/kit"
)

// Trail is where the entries come from, the last first.
type Trail interface {
	AuditEntries(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
}

// Pages are the pages of the trail.
type Pages struct {
	trail Trail
	now   func() time.Time
}

func New(trail Trail, now func() time.Time) *Pages { return &Pages{trail: trail, now: now} }

func (p *Pages) Routes() []kit.Route {
	return []kit.Route{{Method: "GET", Pattern: kit.URL.Activity(), Access: kit.SignedIn, Form: kit.PageRoute, Handle: p.list}}
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	viewer := kit.ViewerOf(r.Context())
	q := r.URL.Query()
	a := ask{Group: knownGroup(q.Get("kind")), Text: cut(q.Get("q"), maxText), Admin: viewer.User.Admin}
	a.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no number is the beginning
	a.Before = max(a.Before, 0)
	found, err := p.find(r.Context(), string(viewer.User.ID), a)
	if err != nil {
		return err
	}
	v := view{ask: a, found: found, Now: p.now()}
	return kit.Render(w, r, http.StatusOK, kit.Frame{Title: "Activity", Subtitle: v.subtitle(), Section: kit.SectionActivity}, page(v))
}
