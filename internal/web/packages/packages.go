// Package packages has the pages of package buckets: named lists of packages
// that templates take over. None of them needs a node.
package packages

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// Verbs are what the pages call.
type Verbs interface {
	Buckets(ctx context.Context, v account.Viewer) ([]template.BucketSummary, error)
	Bucket(ctx context.Context, v account.Viewer, id template.BucketID) (template.BucketView, error)
	CreateBucket(ctx context.Context, by account.By, name, description string, packages []template.Package) (template.Bucket, error)
	DescribeBucket(ctx context.Context, by account.By, id template.BucketID, base int64, name, description string) (template.Bucket, error)
	DeleteBucket(ctx context.Context, by account.By, id template.BucketID, base int64) (copied int, err error)
	AddPackage(ctx context.Context, by account.By, id template.BucketID, p template.Package) (template.Bucket, error)
	ReadPaste(ctx context.Context, v account.Viewer, id template.BucketID, m template.Manager, text string) (template.Paste, error)
	Paste(ctx context.Context, by account.By, id template.BucketID, m template.Manager, text string) (template.Paste, error)
	RemovePackage(ctx context.Context, by account.By, id template.BucketID, key string) (template.RemovedPackage, error)
	PutBack(ctx context.Context, by account.By, id template.BucketID, removed template.RemovedPackage) (template.Bucket, error)
	TakeBucket(ctx context.Context, by account.By, id template.ID, base int64, bucket template.BucketID, linked bool) (template.Template, error)
	List(ctx context.Context, v account.Viewer, f template.Filter) (template.Listing, error)
}

// Pages are the rooms of package buckets.
type Pages struct {
	verbs Verbs
	now   func() time.Time
}

// New makes the pages; now is the clock that ages are counted by.
func New(verbs Verbs, now func() time.Time) *Pages { return &Pages{verbs: verbs, now: now} }

// maxPaste is how large a pasted list may be.
const maxPaste = 4 << 20

// Routes are this part of the site map.
func (p *Pages) Routes() []kit.Route {
	page := func(method, pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: method, Pattern: pattern, Access: kit.SignedIn, Form: kit.PageRoute, Handle: handle}
	}
	typed := func(pattern string, handle kit.Handler) kit.Route {
		r := page("POST", pattern, handle)
		r.MaxBody, r.Keep = maxPaste, true
		return r
	}
	return []kit.Route{
		page("GET", "/templates/packages", p.list),
		page("GET", "/templates/packages/new", p.blank),
		typed("/templates/packages/new", p.create),
		page("GET", "/packages/{bucket}", p.bucket),
		typed("/packages/{bucket}/add", p.add),
		page("POST", "/packages/{bucket}/remove", p.remove),
		page("POST", "/packages/{bucket}/put-back", p.putBack),
		typed("/packages/{bucket}/paste", p.paste),
		page("GET", "/packages/{bucket}/describe", p.edit),
		typed("/packages/{bucket}/describe", p.describe),
		page("GET", "/packages/{bucket}/delete", p.askDelete),
		page("POST", "/packages/{bucket}/delete", p.delete),
		page("POST", "/packages/{bucket}/take", p.take),
	}
}

func by(r *http.Request) account.By {
	return account.By{Viewer: kit.ViewerOf(r.Context()), Address: kit.ClientAddr(r.Context())}
}

func idOf(r *http.Request) template.BucketID { return template.BucketID(r.PathValue("bucket")) }

func frame(title, subtitle string) kit.Frame {
	return kit.Frame{Title: title, Subtitle: subtitle, Section: kit.SectionPackages}
}

// below is the frame of a page below the list.
func below(title, subtitle string) kit.Frame {
	f := frame(title, subtitle)
	f.Crumbs = []kit.Crumb{{Text: "Packages", URL: kit.URL.Packages()}}
	return f
}

// told turns the outcome of a button press into a toast; what is missing, and what is no problem, stays an error.
func told(w http.ResponseWriter, r *http.Request, err error, success, to string) error {
	toast := kit.Toast{Kind: kit.Success, Text: success}
	if err != nil {
		p := problem.Of(err)
		if p == nil || p.Kind == problem.NotFound || p.Kind == problem.NeedProof {
			return err
		}
		toast = kit.Toast{Kind: kit.Failure, Text: p.Sentence()}
	}
	kit.Flash(w, r, toast)
	return kit.Redirect(w, r, to)
}

// refused is the problem that a form is drawn again with; another error is not for the form.
func refused(err error) (*problem.Problem, error) {
	p := problem.Of(err)
	if p == nil || p.Kind == problem.NotFound || p.Kind == problem.NeedProof {
		return nil, err
	}
	return p, nil
}

func statusOf(p *problem.Problem) int {
	if p == nil {
		return http.StatusOK
	}
	return kit.StatusOf(p.Kind)
}

// banner is the problem where no field says it.
func banner(p *problem.Problem, fields ...string) *problem.Problem {
	for _, f := range fields {
		if p != nil && p.Fields[f] != "" {
			return nil
		}
	}
	return p
}

func wrong(p *problem.Problem, field string) string {
	if p == nil {
		return ""
	}
	return p.Fields[field]
}

func baseOf(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PostFormValue("base"), 10, 64) // zero is no version
	return n
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) error {
	buckets, err := p.verbs.Buckets(r.Context(), kit.ViewerOf(r.Context()))
	if err != nil {
		return err
	}
	subtitle := "Named lists that templates take over"
	if len(buckets) > 0 {
		subtitle = kit.Count(len(buckets), "bucket", "buckets")
	}
	f := frame("Packages", subtitle)
	f.Actions = newLink()
	return kit.Render(w, r, http.StatusOK, f, listPage(buckets, p.now()))
}

// describeView is the form of a bucket's name and description; of a new one, its first packages too.
type describeView struct {
	Bucket            template.Bucket // zero: a new one
	Name, Description string
	Manager, Text     string
	Problem           *problem.Problem
}

func (v describeView) isNew() bool { return v.Bucket.ID == "" }

func (p *Pages) drawDescribe(w http.ResponseWriter, r *http.Request, v describeView) error {
	f := below("New bucket", "A list of packages with a name, kept once and used by many templates.")
	if !v.isNew() {
		f = below("Rename “"+v.Bucket.Name+"”", "")
		f.Crumbs = append(f.Crumbs, kit.Crumb{Text: v.Bucket.Name, URL: kit.URL.Bucket(string(v.Bucket.ID))})
	}
	f.Narrow = true
	return kit.Render(w, r, statusOf(v.Problem), f, describePage(v))
}

func (p *Pages) blank(w http.ResponseWriter, r *http.Request) error {
	return p.drawDescribe(w, r, describeView{Manager: string(template.Apt)})
}

func (p *Pages) create(w http.ResponseWriter, r *http.Request) error {
	v := describeView{Name: r.PostFormValue("name"), Description: r.PostFormValue("description"), Manager: r.PostFormValue("manager"), Text: r.PostFormValue("paste")}
	paste := template.ReadPaste(nil, template.Manager(v.Manager), v.Text)
	if len(paste.Findings) > 0 {
		v.Problem = problem.Field("paste", lineText(paste.Findings[0]))
		return p.drawDescribe(w, r, v)
	}
	made, err := p.verbs.CreateBucket(r.Context(), by(r), v.Name, v.Description, paste.Added)
	if err != nil {
		if v.Problem, err = refused(err); err != nil {
			return err
		}
		return p.drawDescribe(w, r, v)
	}
	return told(w, r, nil, "“"+made.Name+"” is made, with "+kit.Count(len(made.Packages), "package", "packages")+duplicateText(paste)+".", kit.URL.Bucket(string(made.ID)))
}

func lineText(f template.Finding) string {
	return "Line " + strconv.Itoa(f.Line) + ": " + f.Sentence()
}

func duplicateText(p template.Paste) string {
	if n := len(p.Duplicates); n > 0 {
		return "; " + kit.Count(n, "duplicate was", "duplicates were") + " left out"
	}
	return ""
}

func (p *Pages) edit(w http.ResponseWriter, r *http.Request) error {
	b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), idOf(r))
	if err != nil {
		return err
	}
	return p.drawDescribe(w, r, describeView{Bucket: b.Bucket, Name: b.Name, Description: b.Description})
}

func (p *Pages) describe(w http.ResponseWriter, r *http.Request) error {
	b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), idOf(r))
	if err != nil {
		return err
	}
	v := describeView{Bucket: b.Bucket, Name: r.PostFormValue("name"), Description: r.PostFormValue("description")}
	if _, err := p.verbs.DescribeBucket(r.Context(), by(r), b.ID, baseOf(r), v.Name, v.Description); err != nil {
		if v.Problem, err = refused(err); err != nil {
			return err
		}
		return p.drawDescribe(w, r, v)
	}
	return told(w, r, nil, "Saved.", kit.URL.Bucket(string(b.ID)))
}

func (p *Pages) askDelete(w http.ResponseWriter, r *http.Request) error {
	b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), idOf(r))
	if err != nil {
		return err
	}
	f := below("Delete “"+b.Name+"”", "")
	f.Crumbs, f.Narrow = append(f.Crumbs, kit.Crumb{Text: b.Name, URL: kit.URL.Bucket(string(b.ID))}), true
	return kit.Render(w, r, http.StatusOK, f, deletePage(b))
}

func (p *Pages) delete(w http.ResponseWriter, r *http.Request) error {
	b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), idOf(r))
	if err != nil {
		return err
	}
	copied, err := p.verbs.DeleteBucket(r.Context(), by(r), b.ID, baseOf(r))
	text, to := "“"+b.Name+"” is deleted.", kit.URL.Packages()
	if copied > 0 {
		text += " " + kit.Count(copied, "template that followed it has", "templates that followed it have") + " a copy now."
	}
	if err != nil {
		to = kit.URL.Bucket(string(b.ID))
	}
	return told(w, r, err, text, to)
}
