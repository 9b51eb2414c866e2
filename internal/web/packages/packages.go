// Package packages is the page of package buckets. They are not made yet: it
// says what will be here, and works with no node.
package packages

import (
	"net/http"

	"berth/internal/web/kit"
)

// Pages are the pages of package buckets.
type Pages struct{}

func New() *Pages { return &Pages{} }

func (p *Pages) Routes() []kit.Route {
	return []kit.Route{{Method: "GET", Pattern: kit.URL.Packages(), Access: kit.SignedIn, Form: kit.PageRoute, Handle: p.list}}
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	return kit.Render(w, r, http.StatusOK, kit.Frame{Title: "Packages", Subtitle: "Named lists that templates take over", Section: kit.SectionPackages,
		Crumbs: []kit.Crumb{{Text: "Templates", URL: kit.URL.Templates()}}}, list())
}
