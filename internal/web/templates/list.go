package templates

import (
	"net/http"
	"strings"
	"time"

	"berth/internal/template"
	"berth/internal/web/kit"
)

// listView is the page of all templates.
type listView struct {
	template.Listing
	Query  string
	Tag    string
	Mine   bool
	From   int // index of the first that is drawn
	Now    time.Time
	Viewer string
}

// perPage is how many cards a page has.
const perPage = 60

func (v listView) filtered() bool { return v.Query != "" || v.Tag != "" || v.Mine }

func (v listView) shown() []template.Summary {
	return v.Templates[v.From:min(v.From+perPage, len(v.Templates))]
}

// subtitle says how many there are, and how many the filter leaves.
func (v listView) subtitle() string {
	switch {
	case v.All == 0:
		return "What containers are made from"
	case v.filtered():
		return kit.Count(len(v.Templates), "template", "templates") + " of " + kit.Count(v.All, "", "")
	}
	return kit.Count(v.All, "template", "templates")
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	v := listView{Query: strings.TrimSpace(q.Get("q")), Tag: strings.TrimSpace(q.Get("tag")), Mine: q.Get("of") == "mine", Now: p.now()}
	viewer := kit.ViewerOf(r.Context())
	v.Viewer = string(viewer.User.ID)
	var err error
	v.Listing, err = p.verbs.List(r.Context(), viewer, template.Filter{Words: strings.Fields(v.Query), Tag: v.Tag, Mine: v.Mine})
	if err != nil {
		return err
	}
	v.From = pageStart(q.Get("from"), len(v.Templates))
	f := frame("Templates", strings.TrimSpace(v.subtitle()))
	f.Actions = listActions()
	return kit.Render(w, r, http.StatusOK, f, listPage(v))
}
