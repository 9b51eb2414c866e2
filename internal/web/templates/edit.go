package templates

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// editView is the form with what was typed and what is wrong with it.
type editView struct {
	form
	ID       template.ID // empty: a new template
	Was      string      // the template's name as it stands
	Wrong    map[string]string
	Findings map[string][]template.Finding
	Checked  bool
	Buckets  []template.BucketSummary
	Problem  *problem.Problem
	Theirs   *conflictView // what somebody else saved, beside what is merged by hand
	fresh    bool          // it is as it is kept: nothing was typed yet
	known    map[string][]byte
}

func (v editView) wrong(place string) string { return v.Wrong[place] }

func (v editView) action() string {
	if v.ID == "" {
		return kit.URL.TemplateNew()
	}
	return kit.URL.TemplatePart(string(v.ID), "edit")
}

func (v editView) back() string {
	if v.ID == "" {
		return kit.URL.Templates()
	}
	return kit.URL.Template(string(v.ID))
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// same is the digest by which the file's content can be named, empty when it has to be carried.
func (v editView) same(f fileRow) string {
	if digest := digestOf(f.Content); v.known[digest] != nil {
		return digest
	}
	return ""
}

func (v editView) carried(f fileRow) string { return base64.StdEncoding.EncodeToString(f.Content) }

// free are the buckets that no list follows yet.
func (v editView) free() (out []template.BucketSummary) {
next:
	for _, b := range v.Buckets {
		for _, l := range v.Lists {
			if l.Bucket == string(b.ID) {
				continue next
			}
		}
		out = append(out, b)
	}
	return out
}

// contentsOf are a content's files that are no text, by digest.
func contentsOf(c template.Content) map[string][]byte {
	known := map[string][]byte{}
	for _, f := range c.Files {
		if !isText(f.Content) {
			known[digestOf(f.Content)] = f.Content
		}
	}
	return known
}

// mine reads one of the viewer's own templates; another's cannot be edited.
func (p *Pages) mine(r *http.Request) (template.View, error) {
	t, err := p.verbs.Get(r.Context(), kit.ViewerOf(r.Context()), idOf(r))
	if err == nil && !t.Mine {
		err = problem.New(problem.Denied, "This template is "+t.OwnerName+"’s and can only be read.", "Duplicate it, and change your copy.")
	}
	return t, err
}

func (p *Pages) draw(w http.ResponseWriter, r *http.Request, status int, v editView) error {
	var err error
	if err := p.beside(r, &v); err != nil {
		return err
	}
	if v.Buckets, err = p.verbs.Buckets(r.Context(), kit.ViewerOf(r.Context())); err != nil {
		return err
	}
	f := below("New template", "Nothing of it needs a node.")
	if v.ID != "" {
		f = below("Edit", "Every save makes a revision.")
		f.Crumbs = append(f.Crumbs, kit.Crumb{Text: v.Was, URL: v.back()})
		f.Title = "Edit “" + v.Was + "”"
	}
	f.Actions, f.Scripts, f.Styles = saveButtons(v), []string{"templates.js"}, true
	return kit.Render(w, r, status, f, editPage(v))
}

func (p *Pages) blank(w http.ResponseWriter, r *http.Request) error {
	return p.draw(w, r, http.StatusOK, editView{form: formOf(template.New(), 0), fresh: true})
}

func (p *Pages) edit(w http.ResponseWriter, r *http.Request) error {
	t, err := p.mine(r)
	if err != nil {
		return err
	}
	return p.draw(w, r, http.StatusOK, editView{form: formOf(t.Content, t.Revision), ID: t.ID, Was: t.Content.Name, fresh: true, known: contentsOf(t.Content)})
}

// read reads the form that was sent. For a template that is there, contents that the form only names are looked up.
func (p *Pages) read(r *http.Request, id template.ID) (editView, typed, error) {
	values, uploads, err := kit.ReadForm(r)
	if err != nil {
		return editView{}, typed{}, err
	}
	t := sorted(values, uploads)
	v := editView{ID: id, known: map[string][]byte{}}
	if id != "" && t.names() {
		base := t.form(nil).Base
		_, c, err := p.verbs.Revision(r.Context(), kit.ViewerOf(r.Context()), id, base)
		if err != nil && !problem.Is(err, problem.NotFound) {
			return v, t, err
		}
		v.known = contentsOf(c)
	}
	v.form = t.form(v.known)
	return v, t, nil
}

// names reports whether the form names the content of a file instead of carrying it.
func (t typed) names() bool {
	for name := range t.values {
		if strings.HasPrefix(name, "files.") && strings.HasSuffix(name, ".same") {
			return true
		}
	}
	return false
}

func (p *Pages) create(w http.ResponseWriter, r *http.Request) error {
	v, t, err := p.read(r, "")
	if err != nil {
		return err
	}
	if drawn, err := p.unsaved(w, r, v, t); drawn || err != nil {
		return err
	}
	v.arrange()
	content, reading := v.content()
	if len(reading.wrong) > 0 {
		return p.refuse(w, r, v, reading, template.Refusal(content.Check()))
	}
	made, err := p.verbs.Create(r.Context(), by(r), content)
	if err != nil {
		return p.refuse(w, r, v, reading, err)
	}
	return done(w, r, kit.Success, "“"+made.Content.Name+"” is saved.", kit.URL.Template(string(made.ID)))
}

func (p *Pages) save(w http.ResponseWriter, r *http.Request) error {
	now, err := p.mine(r)
	if err != nil {
		return err
	}
	v, t, err := p.read(r, now.ID)
	if err != nil {
		return err
	}
	v.Was = now.Content.Name
	if drawn, err := p.unsaved(w, r, v, t); drawn || err != nil {
		return err
	}
	v.arrange()
	content, reading := v.content()
	if len(reading.wrong) > 0 {
		return p.refuse(w, r, v, reading, template.Refusal(content.Check()))
	}
	saved, err := p.verbs.Save(r.Context(), by(r), now.ID, v.Base, content, strings.TrimSpace(v.Note))
	var conflict *template.Conflict
	switch {
	case errors.As(err, &conflict):
		return p.drawConflict(w, r, v, conflict)
	case err != nil:
		return p.refuse(w, r, v, reading, err)
	case saved.Revision == v.Base:
		return done(w, r, kit.Info, "Nothing was changed, so there is no new revision.", kit.URL.Template(string(saved.ID)))
	}
	return done(w, r, kit.Success, fmt.Sprintf("Saved as revision %d.", saved.Revision), kit.URL.Template(string(saved.ID)))
}

// unsaved carries out the buttons that only change the form: rows, taking a bucket over, checking, merging.
func (p *Pages) unsaved(w http.ResponseWriter, r *http.Request, v editView, t typed) (drawn bool, err error) {
	do := t.values.get("do")
	switch {
	case do == "save" || do == "":
		return false, nil
	case do == "check":
		v.arrange()
		content, reading := v.content()
		v.Checked, v.Wrong = true, reading.place(fieldsOf(template.Refusal(content.Check())))
		v.Findings = p.findings(content)
	case do == "follow" || do == "take":
		if err := p.takeBucket(r, &v, template.BucketID(t.values.get("bucket")), do == "follow"); err != nil {
			return true, err
		}
	case strings.HasPrefix(do, "copy:lists:"):
		if err := p.unlink(r, &v, strings.TrimPrefix(do, "copy:lists:")); err != nil {
			return true, err
		}
	default:
		v.change(do)
	}
	return true, p.draw(w, r, http.StatusOK, v)
}

// findings are what the linter says, by field.
func (p *Pages) findings(c template.Content) map[string][]template.Finding {
	out := map[string][]template.Finding{}
	for _, f := range p.verbs.Lint(c) {
		if f.Level != template.Error || f.Line > 0 {
			out[f.Field] = append(out[f.Field], f)
		}
	}
	return out
}

func fieldsOf(err error) map[string]string {
	if p := problem.Of(err); p != nil {
		return p.Fields
	}
	return nil
}

// refuse draws the form again with all that was typed and what is wrong with it.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v editView, reading *reading, err error) error {
	told := problem.Of(err)
	if err != nil && (told == nil || told.Kind == problem.NotFound || told.Kind == problem.NeedProof) {
		return err
	}
	status := http.StatusUnprocessableEntity
	if told != nil && told.Kind != problem.Invalid {
		status, v.Problem = kit.StatusOf(told.Kind), told
	}
	v.Wrong = reading.place(fieldsOf(err))
	if v.Problem == nil {
		v.Problem = problem.New(problem.Invalid, kit.Count(max(len(v.Wrong), 1), "thing has", "things have")+" to be put right before this can be saved.", "Nothing that you typed is lost.")
		if len(v.Wrong) == 0 && told != nil {
			v.Problem = told
		}
	}
	return p.draw(w, r, status, v)
}

// takeBucket adds one of the person's buckets to the form, as a link or as a copy.
func (p *Pages) takeBucket(r *http.Request, v *editView, id template.BucketID, linked bool) error {
	if id == "" {
		return nil
	}
	b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), id)
	if err != nil {
		return err
	}
	if linked {
		v.follow(b.Bucket)
		return nil
	}
	row := formOf(template.Content{Lists: []template.PackageList{{Name: b.Name, Packages: b.Packages}}}, 0).Lists[0]
	row.Key = freshKey()
	v.Lists = append(v.Lists, row)
	return nil
}

// unlink turns a followed list into a copy of what its bucket has now.
func (p *Pages) unlink(r *http.Request, v *editView, key string) error {
	for i, l := range v.Lists {
		if l.Key != key || !l.linked() {
			continue
		}
		b, err := p.verbs.Bucket(r.Context(), kit.ViewerOf(r.Context()), template.BucketID(l.Bucket))
		if err != nil {
			return err
		}
		v.Lists[i] = formOf(template.Content{Lists: []template.PackageList{{Name: b.Name, Packages: b.Packages}}}, 0).Lists[0]
		v.Lists[i].Key = key
	}
	return nil
}
