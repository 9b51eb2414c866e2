package packages

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// bucketView is one bucket, with its two forms as they were typed.
type bucketView struct {
	template.BucketView
	Free    []template.Summary // the person's templates that do not follow it
	Line    string
	Note    string
	Manager string
	Text    string // of the paste
	Paste   *template.Paste
	Removed *template.RemovedPackage // one whose undo does not fit into a toast
	Problem *problem.Problem
	Now     time.Time
}

func (v bucketView) url(part string) string { return kit.URL.BucketPart(string(v.ID), part) }

func (p *Pages) read(r *http.Request) (bucketView, error) {
	viewer := kit.ViewerOf(r.Context())
	v := bucketView{Manager: string(template.Apt), Now: p.now()}
	var err error
	if v.BucketView, err = p.verbs.Bucket(r.Context(), viewer, idOf(r)); err != nil {
		return v, err
	}
	mine, err := p.verbs.List(r.Context(), viewer, template.Filter{Mine: true})
	if err != nil {
		return v, err
	}
	follows := map[template.ID]bool{}
	for _, u := range v.Users {
		follows[u.ID] = true
	}
	for _, t := range mine.Templates {
		if !follows[t.ID] {
			v.Free = append(v.Free, t)
		}
	}
	return v, nil
}

func (p *Pages) draw(w http.ResponseWriter, r *http.Request, v bucketView) error {
	f := below(v.Name, "")
	f.Under, f.Actions = bucketUnder(v), bucketActions(v)
	return kit.Render(w, r, statusOf(v.Problem), f, bucketPage(v))
}

func (p *Pages) bucket(w http.ResponseWriter, r *http.Request) error {
	v, err := p.read(r)
	if err != nil {
		return err
	}
	return p.draw(w, r, v)
}

func (p *Pages) add(w http.ResponseWriter, r *http.Request) error {
	v, err := p.read(r)
	if err != nil {
		return err
	}
	v.Manager, v.Line, v.Note = r.PostFormValue("manager"), r.PostFormValue("package"), r.PostFormValue("note")
	one, sentence := template.ParsePackage(template.Manager(v.Manager), v.Line)
	one.Note = strings.TrimSpace(v.Note)
	if sentence != "" {
		v.Problem = problem.Field("package", sentence)
		return p.draw(w, r, v)
	}
	if _, err := p.verbs.AddPackage(r.Context(), by(r), v.ID, one); err != nil {
		if v.Problem, err = refused(err); err != nil {
			return err
		}
		return p.draw(w, r, v)
	}
	return told(w, r, nil, one.Name+" is added.", kit.URL.Bucket(string(v.ID)))
}

// paste shows what a pasted list would add, and adds it once that was seen.
func (p *Pages) paste(w http.ResponseWriter, r *http.Request) error {
	v, err := p.read(r)
	if err != nil {
		return err
	}
	v.Manager, v.Text = r.PostFormValue("manager"), strings.ReplaceAll(r.PostFormValue("paste"), "\r\n", "\n")
	m := template.Manager(v.Manager)
	if r.PostFormValue("do") == "add" {
		added, err := p.verbs.Paste(r.Context(), by(r), v.ID, m, v.Text)
		if err == nil {
			return told(w, r, nil, kit.Count(len(added.Added), "package is", "packages are")+" added"+duplicateText(added)+".", kit.URL.Bucket(string(v.ID)))
		}
		if v.Problem, err = refused(err); err != nil {
			return err
		}
	}
	seen, err := p.verbs.ReadPaste(r.Context(), kit.ViewerOf(r.Context()), v.ID, m, v.Text)
	if err != nil {
		if v.Problem, err = refused(err); err != nil {
			return err
		}
		return p.draw(w, r, v)
	}
	if len(seen.Added)+len(seen.Duplicates)+len(seen.Findings) == 0 && v.Problem == nil {
		v.Problem = problem.Field("paste", "There is no package in it. Write one a line.")
	} else {
		v.Paste = &seen
	}
	return p.draw(w, r, v)
}

// longestUndo is what of a package still fits into the cookie of a toast.
const longestUndo = 1200

func (p *Pages) remove(w http.ResponseWriter, r *http.Request) error {
	removed, err := p.verbs.RemovePackage(r.Context(), by(r), idOf(r), r.PostFormValue("key"))
	if err != nil {
		return told(w, r, err, "", kit.URL.Bucket(string(idOf(r))))
	}
	if len(removed.Line())+len(removed.Note) > longestUndo {
		v, err := p.read(r)
		if err != nil {
			return err
		}
		v.Removed = &removed
		return p.draw(w, r, v)
	}
	kit.Flash(w, r, kit.Toast{Kind: kit.Success, Text: removed.Name + " is removed.",
		Undo: &kit.Undo{URL: kit.URL.BucketPart(string(idOf(r)), "put-back"), Fields: undoFields(removed)}})
	return kit.Redirect(w, r, kit.URL.Bucket(string(idOf(r))))
}

// undoFields are what a removed package is put back from.
func undoFields(p template.RemovedPackage) map[string]string {
	return map[string]string{"manager": string(p.Manager), "package": p.Line(), "note": p.Note, "at": strconv.Itoa(p.At)}
}

func (p *Pages) putBack(w http.ResponseWriter, r *http.Request) error {
	// Whose bucket it is comes before what is wrong with the form.
	if _, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), idOf(r)); err != nil {
		return err
	}
	one, sentence := template.ParsePackage(template.Manager(r.PostFormValue("manager")), r.PostFormValue("package"))
	one.Note = r.PostFormValue("note")
	at, err := strconv.Atoi(r.PostFormValue("at"))
	if err != nil || sentence != "" {
		return told(w, r, problem.New(problem.Invalid, "This package cannot be put back.", "Add it again."), "", kit.URL.Bucket(string(idOf(r))))
	}
	_, err = p.verbs.PutBack(r.Context(), by(r), idOf(r), template.RemovedPackage{Package: one, At: at})
	return told(w, r, err, one.Name+" is back.", kit.URL.Bucket(string(idOf(r))))
}

// take takes the bucket into one of the person's templates.
func (p *Pages) take(w http.ResponseWriter, r *http.Request) error {
	id, revision, _ := strings.Cut(r.PostFormValue("template"), " ")
	base, _ := strconv.ParseInt(revision, 10, 64) // zero is no revision
	linked := r.PostFormValue("do") != "copy"
	t, err := p.verbs.TakeBucket(r.Context(), by(r), template.ID(id), base, idOf(r), linked)
	text := "“" + t.Content.Name + "” follows this bucket now."
	if !linked {
		text = "“" + t.Content.Name + "” has a copy of it now."
	}
	return told(w, r, err, text, kit.URL.Bucket(string(idOf(r))))
}
