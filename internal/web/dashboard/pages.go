// Package dashboard is the page that shows the whole fleet, and the stream that
// keeps it current. Everything is drawn from the picture; nothing here waits
// for Proxmox.
package dashboard

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// Pages are the dashboard's routes. Close ends its streams.
type Pages struct {
	hub      *hub
	eyes     Eyes
	sessions Sessions
	now      func() time.Time
}

// New makes the dashboard. now is the clock; nil is the machine's.
func New(eyes Eyes, work Work, sessions Sessions, now func() time.Time) *Pages {
	if now == nil {
		now = time.Now
	}
	return &Pages{hub: newHub(eyes, work, now), eyes: eyes, sessions: sessions, now: now}
}

// Close ends all streams with a last event and waits for what feeds them.
func (p *Pages) Close() { p.hub.stopAll() }

// Routes are the dashboard's part of the site map.
func (p *Pages) Routes() []kit.Route {
	return []kit.Route{
		{Method: "GET", Pattern: "/{$}", Access: kit.SignedIn, Form: kit.PageRoute, Handle: p.index},
		{Method: "GET", Pattern: kit.URL.Live(), Access: kit.SignedIn, Form: kit.StreamRoute, Handle: p.live},
		{Method: "GET", Pattern: kit.URL.FleetData(), Access: kit.SignedIn, Form: kit.APIRoute, Handle: p.fleetData},
	}
}

func (p *Pages) index(w http.ResponseWriter, r *http.Request) error {
	owner := string(kit.ViewerOf(r.Context()).User.ID)
	p.eyes.Look(owner)
	v := newView(p.hub.stateOf(owner), readFilter(r.URL.Query()), p.now())
	v.Key = kit.FormKey()
	return kit.Render(w, r, http.StatusOK, kit.Frame{
		Title: "Containers", Under: under(v), Section: kit.SectionDashboard, Actions: headerActions(v),
	}, page(v))
}

// fleetData is the whole state as data: for fleets too large to be in the page,
// and for a page that could not be kept current by the stream.
func (p *Pages) fleetData(w http.ResponseWriter, r *http.Request) error {
	owner := string(kit.ViewerOf(r.Context()).User.ID)
	p.eyes.Look(owner)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	_, err := w.Write(p.hub.stateOf(owner).everything())
	if r.Context().Err() != nil {
		return nil // the browser went away
	}
	return err
}

// PaletteItems gives the command palette the viewer's nodes and containers.
func (p *Pages) PaletteItems(ctx context.Context) iter.Seq[kit.PaletteItem] {
	owner := string(kit.ViewerOf(ctx).User.ID)
	return func(yield func(kit.PaletteItem) bool) {
		s := p.hub.stateOf(owner)
		for _, c := range s.clusters {
			for i := range c.nodes {
				n := &c.nodes[i]
				if !yield(kit.PaletteItem{Kind: "node", Title: n.choice, Note: c.name, Find: n.Name, URL: kit.URL.DashboardOf(n.ID.String())}) {
					return
				}
			}
		}
		for _, r := range s.sorted() {
			item := kit.PaletteItem{Kind: "container", Title: r.Name, Note: r.ID.VMID.String() + " on " + r.Badge, URL: kit.URL.Container(r.ID), Judged: &r.Judged.n}
			if !yield(item) {
				return
			}
		}
	}
}

// Judgements are what can be done to containers, by the number that their items carry.
func (p *Pages) Judgements(ctx context.Context) [][]string {
	return p.hub.stateOf(string(kit.ViewerOf(ctx).User.ID)).judge.sentences()
}

// Matching lists the owner's containers that the dashboard shows under a filter, in its order.
func (p *Pages) Matching(owner string, v url.Values) []fleet.ContainerID {
	f := readFilter(v)
	rows := f.rows(p.hub.stateOf(owner))
	ids := make([]fleet.ContainerID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids
}
