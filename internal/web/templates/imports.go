package templates

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

// importView is the page that takes an archive, pasted files or a folder.
type importView struct {
	Folders []string // nil: folders of the server are not for this person
	Folder  string
	Pasted  []pastedRow
	Wrong   map[string]string
	Problem *problem.Problem
	Found   []template.Finding // why what was read cannot be imported, and what else was noticed
}

type pastedRow struct{ Key, Path, Text string }

func (v importView) wrong(field string) string { return v.Wrong[field] }

func (p *Pages) drawImport(w http.ResponseWriter, r *http.Request, v importView, err error) error {
	status := http.StatusOK
	if err != nil {
		told := problem.Of(err)
		if told == nil || told.Kind == problem.NotFound || told.Kind == problem.NeedProof {
			return err
		}
		v.Problem, v.Wrong, status = told, told.Fields, kit.StatusOf(told.Kind)
	}
	folders, err := p.verbs.Folders(r.Context(), kit.ViewerOf(r.Context()))
	if err != nil && !problem.Is(err, problem.Denied) {
		return err
	}
	v.Folders = folders
	if len(v.Pasted) == 0 {
		v.Pasted = []pastedRow{{Key: "0", Path: "my-template/template.conf"}}
	}
	f := below("Import templates", "Nothing is changed before you have seen what would be.")
	return kit.Render(w, r, status, f, importPage(v))
}

func (p *Pages) importForm(w http.ResponseWriter, r *http.Request) error {
	return p.drawImport(w, r, importView{}, nil)
}

// upper begins a sentence with an origin, such as "pasted files"; a file's name stays as it is.
func upper(origin string) string {
	for _, word := range []string{"pasted", "folder"} {
		if strings.HasPrefix(origin, word+" ") {
			return strings.ToUpper(word[:1]) + origin[1:]
		}
	}
	return "“" + origin + "”"
}

// planned leads to the preview of what was read.
func (p *Pages) planned(w http.ResponseWriter, r *http.Request, v importView, plan template.Plan, err error) error {
	if err == nil && plan.Blocked() {
		v.Found = plan.Findings
		err = problem.New(problem.Invalid, upper(plan.Origin)+" cannot be imported like this. Nothing was changed.", "Put right what is marked as an error, and import it again.")
	}
	if err != nil {
		return p.drawImport(w, r, v, err)
	}
	return kit.Redirect(w, r, kit.URL.Import(plan.ID))
}

func (p *Pages) importArchive(w http.ResponseWriter, r *http.Request) error {
	values, uploads, err := kit.ReadForm(r)
	if err != nil {
		return err
	}
	name, content := "", []byte(nil)
	for _, u := range uploads {
		if u.Name == "archive" {
			name, content = u.File, u.Content
		}
	}
	if kept, ok := kit.KeptUpload(values, "archive"); ok && content == nil {
		name, content = sorted(values, nil).values.get("archive.name"), kept
	}
	if len(content) == 0 {
		return p.drawImport(w, r, importView{}, problem.Field("archive", "Choose a .zip, .tar.gz or .tar.zst file that is not empty."))
	}
	plan, err := p.verbs.PreviewArchive(r.Context(), by(r), name, bytes.NewReader(content))
	return p.planned(w, r, importView{}, plan, err)
}

func (p *Pages) importPaste(w http.ResponseWriter, r *http.Request) error {
	values, uploads, err := kit.ReadForm(r)
	if err != nil {
		return err
	}
	t := sorted(values, uploads)
	v := importView{}
	for _, k := range t.values.keys("pasted") {
		v.Pasted = append(v.Pasted, pastedRow{Key: k, Path: t.values.get("pasted." + k + ".path"), Text: t.values.lines("pasted." + k + ".text")})
	}
	if t.values.get("do") == "add" {
		v.Pasted = append(v.Pasted, pastedRow{Key: freshKey()})
		return p.drawImport(w, r, v, nil)
	}
	var pasted []template.Pasted
	for _, row := range v.Pasted {
		if row.Path != "" || row.Text != "" {
			pasted = append(pasted, template.Pasted{Path: row.Path, Text: row.Text})
		}
	}
	plan, err := p.verbs.PreviewPasted(r.Context(), by(r), pasted)
	return p.planned(w, r, v, plan, err)
}

func (p *Pages) importFolder(w http.ResponseWriter, r *http.Request) error {
	folder := r.PostFormValue("folder")
	plan, err := p.verbs.PreviewFolder(r.Context(), by(r), folder)
	return p.planned(w, r, importView{Folder: folder}, plan, err)
}

// previewView is what an import would do.
type previewView struct {
	template.Plan
	Removable []template.PlanItem
	Expires   string
}

func (p *Pages) preview(w http.ResponseWriter, r *http.Request) error {
	plan, err := p.verbs.Preview(r.Context(), kit.ViewerOf(r.Context()), r.PathValue("import"))
	if err != nil {
		return err
	}
	v := previewView{Plan: plan, Expires: kit.Until(plan.ExpiresAt, p.now())}
	for _, i := range plan.Items {
		if i.Action == template.Removable {
			v.Removable = append(v.Removable, i)
		}
	}
	f := below("Import of "+plan.Origin, "")
	f.Subtitle = planText(plan)
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: "Import", URL: kit.URL.TemplateImport()})
	return kit.Render(w, r, http.StatusOK, f, previewPage(v))
}

// planText counts what would happen.
func planText(plan template.Plan) string {
	text := strconv.Itoa(plan.Count(template.Create)) + " new, " + strconv.Itoa(plan.Count(template.Update)) + " changed, " + strconv.Itoa(plan.Count(template.Keep)) + " the same"
	if n := plan.Count(template.Removable); n > 0 {
		text += ", " + strconv.Itoa(n) + " not in it any more"
	}
	if plan.Count(template.Keep) == len(plan.Items) {
		return text + ". Nothing would change."
	}
	return text + ". Nothing is done yet."
}

// changes reports whether confirming would do anything.
func (v previewView) changes() bool {
	return v.Count(template.Create)+v.Count(template.Update)+len(v.Removable) > 0
}

func (p *Pages) confirm(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return problem.New(problem.Invalid, "This form could not be read.", "")
	}
	var remove []template.ID
	for _, id := range r.PostForm["remove"] {
		remove = append(remove, template.ID(id))
	}
	id := r.PathValue("import")
	result, err := p.verbs.Confirm(r.Context(), by(r), id, r.PostForm.Get("digest"), remove)
	to := kit.URL.Templates()
	if err != nil {
		to = kit.URL.Import(id) // drawn anew: what changed meanwhile is in it
	}
	return told(w, r, err, resultText(result), to)
}

func (p *Pages) discard(w http.ResponseWriter, r *http.Request) error {
	err := p.verbs.Discard(r.Context(), by(r), r.PathValue("import"))
	return told(w, r, err, "The import is dropped; nothing was changed.", kit.URL.Templates())
}
