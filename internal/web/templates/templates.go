// Package templates is the page of templates. They are not made yet: it says
// what will be here, and works with no node.
package templates

import (
	"net/http"

	"berth/internal/web/kit"
)

// Pages are the pages of templates.
type Pages struct{}

func New() *Pages { return &Pages{} }

func (p *Pages) Routes() []kit.Route {
	return []kit.Route{{Method: "GET", Pattern: kit.URL.Templates(), Access: kit.SignedIn, Form: kit.PageRoute, Handle: p.list}}
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	return kit.Render(w, r, http.StatusOK, kit.Frame{Title: "Templates", Subtitle: "What containers are made from", Section: kit.SectionTemplates}, list())
}
