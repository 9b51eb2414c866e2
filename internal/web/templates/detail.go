package templates

import (
	"fmt"
	"mime"
	"net/http"
	"path"
	"strconv"
	"time"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// tab is one of a template's pages.
type tab string

const (
	tabConfiguration tab = ""
	tabScripts       tab = "scripts"
	tabPackages      tab = "packages"
	tabFiles         tab = "files"
	tabRevisions     tab = "revisions"
)

// detailView is a template as its pages show it.
type detailView struct {
	template.View
	MayShare bool
	Now      time.Time
}

func (v detailView) url(part string) string { return kit.URL.TemplatePart(string(v.ID), part) }

// whyNot says why the viewer cannot change it; empty when they can.
func (v detailView) whyNot() string {
	if v.Mine {
		return ""
	}
	return "It is " + v.OwnerName + "’s and can only be read. Duplicate it, and change your copy."
}

// packages is how many packages it installs, those of followed buckets too.
func (v detailView) packages() (n int) {
	for _, l := range v.Content.Lists {
		n += len(l.Packages)
	}
	return n
}

// tabs are the template's pages with their counts; others see no revisions but the newest.
func (v detailView) tabs(current tab) []kit.Tab {
	of := func(t tab, text string, n int) kit.Tab {
		if n > 0 {
			text += " " + strconv.Itoa(n)
		}
		url := kit.URL.Template(string(v.ID))
		if t != tabConfiguration {
			url = v.url(string(t))
		}
		return kit.Tab{Text: text, URL: url, Current: t == current}
	}
	tabs := []kit.Tab{of(tabConfiguration, "Configuration", 0), of(tabScripts, "Scripts", len(v.Content.Scripts)),
		of(tabPackages, "Packages", v.packages()), of(tabFiles, "Files", len(v.Content.Files))}
	if v.Mine {
		tabs = append(tabs, of(tabRevisions, "Revisions", 0))
	}
	return tabs
}

func (p *Pages) detail(r *http.Request) (detailView, error) {
	viewer := kit.ViewerOf(r.Context())
	t, err := p.verbs.Get(r.Context(), viewer, idOf(r))
	if err != nil {
		return detailView{}, err
	}
	v := detailView{View: t, Now: p.now()}
	if v.Mine {
		v.MayShare, err = p.verbs.MayShare(r.Context(), viewer)
	}
	return v, err
}

func (v detailView) frame(current tab) kit.Frame {
	f := below(v.Content.Name, "")
	f.Under, f.Actions, f.Tabs = detailUnder(v), detailActions(v), v.tabs(current)
	f.Beside = sharedMark(v.Mine, v.Shared, v.OwnerName)
	return f
}

// tab answers one of the pages that only read the newest revision.
func (p *Pages) tab(current tab) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := p.detail(r)
		if err != nil {
			return err
		}
		content := configurationPage(v)
		switch current {
		case tabScripts:
			content = scriptsPage(v)
		case tabPackages:
			content = packagesPage(v)
		case tabFiles:
			content = filesPage(v)
		}
		return kit.Render(w, r, http.StatusOK, v.frame(current), content)
	}
}

// download gives one of the template's files as it is.
func (p *Pages) download(w http.ResponseWriter, r *http.Request) error {
	v, err := p.detail(r)
	if err != nil {
		return err
	}
	for _, f := range v.Content.Files {
		if f.Path == r.URL.Query().Get("path") {
			h := w.Header()
			h.Set("Content-Type", "application/octet-stream")
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(f.Path)}))
			h.Set("Content-Length", strconv.Itoa(len(f.Content)))
			_, err := w.Write(f.Content)
			if r.Context().Err() != nil {
				return nil
			}
			return err
		}
	}
	return problem.Missing()
}

func (p *Pages) duplicate(w http.ResponseWriter, r *http.Request) error {
	made, err := p.verbs.Duplicate(r.Context(), by(r), idOf(r))
	to := kit.URL.Template(string(idOf(r)))
	if err == nil {
		to = kit.URL.TemplatePart(string(made.ID), "edit")
	}
	return told(w, r, err, "“"+made.Content.Name+"” is a copy of your own.", to)
}

func (p *Pages) askShare(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.mine(r); err != nil {
		return err
	}
	v, err := p.detail(r)
	if err != nil {
		return err
	}
	f := below("Share “"+v.Content.Name+"”", "")
	if v.Shared {
		f.Title = "Stop sharing “" + v.Content.Name + "”"
	}
	f.Crumbs, f.Narrow = append(f.Crumbs, kit.Crumb{Text: v.Content.Name, URL: kit.URL.Template(string(v.ID))}), true
	return kit.Render(w, r, http.StatusOK, f, sharePage(v))
}

func (p *Pages) share(w http.ResponseWriter, r *http.Request) error {
	shared := r.PostFormValue("shared") == "yes"
	text := "Everybody on this Berth can read it now."
	if !shared {
		text = "It is yours alone again."
	}
	return told(w, r, p.verbs.Share(r.Context(), by(r), idOf(r), shared), text, kit.URL.Template(string(idOf(r))))
}

func (p *Pages) askDelete(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.mine(r); err != nil {
		return err
	}
	v, err := p.detail(r)
	if err != nil {
		return err
	}
	f := below("Delete “"+v.Content.Name+"”", "")
	f.Crumbs, f.Narrow = append(f.Crumbs, kit.Crumb{Text: v.Content.Name, URL: kit.URL.Template(string(v.ID))}), true
	return kit.Render(w, r, http.StatusOK, f, deletePage(v))
}

func (p *Pages) delete(w http.ResponseWriter, r *http.Request) error {
	t, err := p.mine(r)
	if err != nil {
		return err
	}
	err = p.verbs.Delete(r.Context(), by(r), t.ID, baseOf(r))
	to := kit.URL.Templates()
	if err != nil {
		to = kit.URL.Template(string(t.ID))
	}
	return told(w, r, err, "“"+t.Content.Name+"” is deleted.", to)
}

// baseOf is the revision that the person saw; zero is none.
func baseOf(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PostFormValue("base"), 10, 64)
	return n
}

// revisionsView is a template's history, with the difference between two of it.
type revisionsView struct {
	detailView
	Revisions []template.Revision // the newest first
	From, To  int64
	Diff      template.Diff
	Compared  bool
}

func (p *Pages) revisions(w http.ResponseWriter, r *http.Request) error {
	v := revisionsView{}
	var err error
	if v.detailView, err = p.detail(r); err != nil {
		return err
	}
	viewer := kit.ViewerOf(r.Context())
	if v.Revisions, err = p.verbs.Revisions(r.Context(), viewer, v.ID); err != nil {
		return err
	}
	q := r.URL.Query()
	v.From, _ = strconv.ParseInt(q.Get("from"), 10, 64)
	v.To, _ = strconv.ParseInt(q.Get("to"), 10, 64)
	if q.Has("from") || q.Has("to") {
		if v.Diff, err = p.verbs.Compare(r.Context(), viewer, v.ID, v.From, v.To); err != nil {
			return err
		}
		v.Compared = true
	} else if len(v.Revisions) > 1 {
		v.From, v.To = v.Revisions[1].Number, v.Revisions[0].Number
	}
	return kit.Render(w, r, http.StatusOK, v.frame(tabRevisions), revisionsPage(v))
}

// revisionView is one earlier state.
type revisionView struct {
	detailView
	Revision template.Revision
	Old      template.Content
	Diff     template.Diff // from it to how the template stands
}

func numberOf(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("n"), 10, 64) // zero is no revision
	return n
}

func (p *Pages) revision(w http.ResponseWriter, r *http.Request) error {
	now, err := p.detail(r)
	if err != nil {
		return err
	}
	v := revisionView{detailView: now}
	if v.Revision, v.Old, err = p.verbs.Revision(r.Context(), kit.ViewerOf(r.Context()), now.ID, numberOf(r)); err != nil {
		return err
	}
	if v.Diff, err = p.verbs.Compare(r.Context(), kit.ViewerOf(r.Context()), now.ID, v.Revision.Number, now.Template.Revision); err != nil {
		return err
	}
	v.Content = v.Old
	f := below(fmt.Sprintf("Revision %d", v.Revision.Number), "")
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: now.Content.Name, URL: kit.URL.Template(string(now.ID))}, kit.Crumb{Text: "Revisions", URL: v.url(string(tabRevisions))})
	return kit.Render(w, r, http.StatusOK, f, revisionPage(v))
}

func (p *Pages) restore(w http.ResponseWriter, r *http.Request) error {
	number := numberOf(r)
	t, err := p.verbs.Restore(r.Context(), by(r), idOf(r), baseOf(r), number)
	return told(w, r, err, fmt.Sprintf("It is as it was in revision %d, as revision %d.", number, t.Revision), kit.URL.TemplatePart(string(idOf(r)), string(tabRevisions)))
}
