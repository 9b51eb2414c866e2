package templates

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/web/kit"
)

// checked is what the editor is told of one finding.
type checked struct {
	Level template.Level `json:"level"`
	Line  int            `json:"line"`
	Text  string         `json:"text"`
}

// check answers what the linter says of the scripts that were sent, with the
// inputs that go with them. Nothing is kept.
func (p *Pages) check(w http.ResponseWriter, r *http.Request) error {
	values, uploads, err := kit.ReadForm(r)
	if err != nil {
		return err
	}
	content, _ := sorted(values, uploads).form(nil).content()
	found := []checked{}
	for _, f := range p.verbs.Lint(content) {
		if strings.HasPrefix(f.Field, "scripts[") {
			found = append(found, checked{f.Level, f.Line, f.Sentence()})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"findings": found})
}

// export sends the chosen templates as one archive.
func (p *Pages) export(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return problem.New(problem.Invalid, "This form could not be read.", "")
	}
	var ids []template.ID
	for _, id := range r.PostForm["id"] {
		ids = append(ids, template.ID(id))
	}
	if len(ids) == 0 {
		return done(w, r, kit.Warning, "Select the templates to export first.", kit.URL.Templates())
	}
	format := archive.Format(r.PostForm.Get("format"))
	if !slices.Contains([]archive.Format{archive.Zip, archive.TarGz, archive.TarZst}, format) {
		format = archive.Zip
	}
	name := "templates"
	if len(ids) == 1 {
		t, err := p.verbs.Get(r.Context(), kit.ViewerOf(r.Context()), ids[0])
		if err != nil {
			return err
		}
		name = fileName(t.Content.Name)
	}
	// Whole before the first byte is sent, so that a failure is told as one.
	var b bytes.Buffer
	if err := p.verbs.Export(r.Context(), kit.ViewerOf(r.Context()), ids, format, &b); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + "." + string(format)}))
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	_, err := w.Write(b.Bytes())
	if r.Context().Err() != nil {
		return nil // nobody is left to be told
	}
	return err
}

// fileName is a name that every file system takes.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(name))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	if name = strings.Trim(name, "-"); name == "" {
		return "template"
	}
	return name
}

// startersView is the starter set, with what of it the viewer has by name.
type startersView struct {
	All  []template.StarterInfo
	Have map[string]bool // by name in lower case
}

// has reports whether a template of the viewer's has this one's name: names are told apart by more than case.
func (v startersView) has(s template.StarterInfo) bool {
	return v.Have[strings.ToLower(s.Content.Name)]
}

// left is how many can still be added.
func (v startersView) left() (n int) {
	for _, s := range v.All {
		if !v.has(s) {
			n++
		}
	}
	return n
}

func (p *Pages) starters(w http.ResponseWriter, r *http.Request) error {
	mine, err := p.verbs.List(r.Context(), kit.ViewerOf(r.Context()), template.Filter{Mine: true})
	if err != nil {
		return err
	}
	v := startersView{All: p.verbs.Starters(), Have: map[string]bool{}}
	for _, s := range mine.Templates {
		v.Have[strings.ToLower(s.Name)] = true
	}
	f := below("Add the starter set", "Templates that come with Berth. What you add is yours, to change as you like.")
	return kit.Render(w, r, http.StatusOK, f, startersPage(v))
}

func (p *Pages) addStarters(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return problem.New(problem.Invalid, "This form could not be read.", "")
	}
	dirs := r.PostForm["dir"]
	if len(dirs) == 0 {
		return done(w, r, kit.Warning, "Choose at least one template of the set.", kit.URL.TemplateStarters())
	}
	result, err := p.verbs.AddStarters(r.Context(), by(r), dirs)
	text := kit.Count(len(result.Created), "template is", "templates are") + " added."
	if n := len(result.Same); n > 0 {
		text += " " + kit.Count(n, "name is", "names are") + " yours already; nothing of those was touched."
	}
	return told(w, r, err, text, kit.URL.Templates())
}

// resultText says what an import or the starter set did.
func resultText(res template.Result) string {
	var parts []string
	for _, one := range []struct {
		names []string
		word  string
	}{{res.Created, "new"}, {res.Changed, "changed"}, {res.Removed, "removed"}, {res.Same, "the same as before"}} {
		if n := len(one.names); n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+one.word)
		}
	}
	if len(parts) == 0 {
		return "Nothing was changed."
	}
	return "Templates: " + strings.Join(parts, ", ") + "."
}
