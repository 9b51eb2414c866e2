// Package templates has the pages of templates: the list, a template with its
// tabs and revisions, the form, import and export. None of them needs a node.
package templates

import (
	"context"
	"io"
	"net/http"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/web/kit"
)

// Verbs are what the pages call.
type Verbs interface {
	List(ctx context.Context, v account.Viewer, f template.Filter) (template.Listing, error)
	Get(ctx context.Context, v account.Viewer, id template.ID) (template.View, error)
	Create(ctx context.Context, by account.By, c template.Content) (template.Template, error)
	Save(ctx context.Context, by account.By, id template.ID, base int64, c template.Content, note string) (template.Template, error)
	Duplicate(ctx context.Context, by account.By, id template.ID) (template.Template, error)
	Delete(ctx context.Context, by account.By, id template.ID, base int64) error
	Share(ctx context.Context, by account.By, id template.ID, shared bool) error
	MayShare(ctx context.Context, v account.Viewer) (bool, error)

	Revisions(ctx context.Context, v account.Viewer, id template.ID) ([]template.Revision, error)
	Revision(ctx context.Context, v account.Viewer, id template.ID, number int64) (template.Revision, template.Content, error)
	Compare(ctx context.Context, v account.Viewer, id template.ID, from, to int64) (template.Diff, error)
	Restore(ctx context.Context, by account.By, id template.ID, base, number int64) (template.Template, error)

	Buckets(ctx context.Context, v account.Viewer) ([]template.BucketSummary, error)
	Bucket(ctx context.Context, v account.Viewer, id template.BucketID) (template.BucketView, error)
	Lint(c template.Content) []template.Finding
	Export(ctx context.Context, v account.Viewer, ids []template.ID, format archive.Format, to io.Writer) error
	Starters() []template.StarterInfo
	AddStarters(ctx context.Context, by account.By, dirs []string) (template.Result, error)

	PreviewArchive(ctx context.Context, by account.By, name string, from io.Reader) (template.Plan, error)
	PreviewFolder(ctx context.Context, by account.By, folder string) (template.Plan, error)
	Folders(ctx context.Context, v account.Viewer) ([]string, error)
	PreviewPasted(ctx context.Context, by account.By, pasted []template.Pasted) (template.Plan, error)
	Preview(ctx context.Context, v account.Viewer, importID string) (template.Plan, error)
	Confirm(ctx context.Context, by account.By, importID, digest string, remove []template.ID) (template.Result, error)
	Discard(ctx context.Context, by account.By, importID string) error
	Find(ctx context.Context, v account.Viewer, words []string, most int) ([]template.Hit, error)
}

// Pages are the rooms of templates.
type Pages struct {
	verbs Verbs
	now   func() time.Time
}

// New makes the pages; now is the clock that ages are counted by.
func New(verbs Verbs, now func() time.Time) *Pages { return &Pages{verbs: verbs, now: now} }

// maxForm is how large a template's form may be: its content, with files that are no text written as base64.
const maxForm = 24 << 20

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	typed := func(pattern string, handle kit.Handler) kit.Route {
		r := page("POST", pattern, handle)
		r.MaxBody, r.Keep = maxForm, true
		return r
	}
	return []kit.Route{
		page("GET", "/templates", p.list),
		page("GET", "/templates/new", p.blank),
		typed("/templates/new", p.create),
		page("POST", "/templates/check", p.check),
		page("GET", "/templates/starters", p.starters),
		page("POST", "/templates/starters", p.addStarters),
		page("POST", "/templates/export", p.export),
		page("GET", "/templates/import", p.importForm),
		typed("/templates/import/archive", p.importArchive),
		typed("/templates/import/paste", p.importPaste),
		page("POST", "/templates/import/folder", p.importFolder),
		page("GET", "/imports/{import}", p.preview),
		page("POST", "/imports/{import}/confirm", p.confirm),
		page("POST", "/imports/{import}/discard", p.discard),
		page("GET", "/templates/{id}", p.tab(tabConfiguration)),
		page("GET", "/templates/{id}/scripts", p.tab(tabScripts)),
		page("GET", "/templates/{id}/packages", p.tab(tabPackages)),
		page("GET", "/templates/{id}/files", p.tab(tabFiles)),
		page("GET", "/templates/{id}/file", p.download),
		page("GET", "/templates/{id}/revisions", p.revisions),
		page("GET", "/templates/{id}/revisions/{n}", p.revision),
		page("POST", "/templates/{id}/revisions/{n}", p.restore),
		page("GET", "/templates/{id}/edit", p.edit),
		typed("/templates/{id}/edit", p.save),
		page("POST", "/templates/{id}/duplicate", p.duplicate),
		page("GET", "/templates/{id}/share", p.askShare),
		page("POST", "/templates/{id}/share", p.share),
		page("GET", "/templates/{id}/delete", p.askDelete),
		page("POST", "/templates/{id}/delete", p.delete),
	}
}

func by(r *http.Request) account.By {
	return account.By{Viewer: kit.ViewerOf(r.Context()), Address: kit.ClientAddr(r.Context())}
}

func idOf(r *http.Request) template.ID { return template.ID(r.PathValue("id")) }

func frame(title, subtitle string) kit.Frame {
	return kit.Frame{Title: title, Subtitle: subtitle, Section: kit.SectionTemplates}
}

// below is the frame of a page below the list.
func below(title, subtitle string) kit.Frame {
	f := frame(title, subtitle)
	f.Crumbs = []kit.Crumb{{Text: "Templates", URL: kit.URL.Templates()}}
	return f
}

// done leaves a toast and leads on.
func done(w http.ResponseWriter, r *http.Request, kind kit.Tone, text, to string) error {
	kit.Flash(w, r, kit.Toast{Kind: kind, Text: text})
	return kit.Redirect(w, r, to)
}

// told turns the outcome of a button press into a toast; what is missing, and what is no problem, stays an error.
func told(w http.ResponseWriter, r *http.Request, err error, success, to string) error {
	if err == nil {
		return done(w, r, kit.Success, success, to)
	}
	if p := problem.Of(err); p != nil && p.Kind != problem.NotFound && p.Kind != problem.NeedProof {
		return done(w, r, kit.Failure, p.Sentence(), to)
	}
	return err
}
