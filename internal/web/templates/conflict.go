package templates

import (
	"net/http"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// conflictView is what somebody else saved meanwhile, beside what was typed.
type conflictView struct {
	Revision template.Revision
	Content  template.Content // theirs
	Mine     template.Content
	Diff     template.Diff // from theirs to mine
}

// pair is one text as both have it.
type pair struct {
	Kind         template.TextKind
	Name         string
	Theirs, Mine string
}

// pairs are the texts that differ, whole.
func (c *conflictView) pairs() (out []pair) {
	for _, t := range c.Diff.Texts {
		if !t.Binary && t.Kind != template.PackageText {
			out = append(out, pair{t.Kind, t.Name, textOf(c.Content, t), textOf(c.Mine, t)})
		}
	}
	return out
}

func textOf(c template.Content, t template.TextChange) string {
	for _, s := range c.Scripts {
		if t.Kind == template.ScriptText && s.Name == t.Name {
			return s.Body
		}
	}
	for _, f := range c.Files {
		if t.Kind == template.FileText && f.Path == t.Name {
			return string(f.Content)
		}
	}
	return ""
}

// drawConflict shows what was saved meanwhile above the form. The form has all
// that was typed and stands on the newest revision now, so that saving it again
// takes it, and it can be merged by hand before.
func (p *Pages) drawConflict(w http.ResponseWriter, r *http.Request, v editView, c *template.Conflict) error {
	v.Base, v.Beside, v.Problem = c.Theirs.Revision, c.Theirs.Revision, c.Problem
	for digest, content := range contentsOf(c.Theirs.Content) {
		v.known[digest] = content
	}
	return p.draw(w, r, kit.StatusOf(problem.Conflict), v)
}

// beside looks up what the form is to be compared with.
func (p *Pages) beside(r *http.Request, v *editView) error {
	if v.ID == "" || v.Beside == 0 {
		return nil
	}
	rev, theirs, err := p.verbs.Revision(r.Context(), kit.ViewerOf(r.Context()), v.ID, v.Beside)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	mine := v.form
	mine.arrange()
	content, _ := mine.content()
	v.Theirs = &conflictView{Revision: rev, Content: theirs, Mine: content, Diff: template.Compare(theirs, content)}
	return nil
}
