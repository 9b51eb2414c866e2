package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/internal/account"
	"berth/internal/ops/templates"
	"berth/internal/pve"
	"berth/internal/store"
	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/template/layout"
	"berth/internal/template/lint"
)

// TemplateCmd checks, imports and exports templates in the layout of docs/template-layout.md.
type TemplateCmd struct {
	Lint   TemplateLintCmd   `cmd:"" help:"Say what is wrong with templates in a folder or archive. Needs no data folder."`
	Import TemplateImportCmd `cmd:"" help:"Import templates from a folder or archive."`
	Export TemplateExportCmd `cmd:"" help:"Export templates to a folder or archive."`
}

// TemplateLintCmd checks without a database.
type TemplateLintCmd struct {
	Source string `arg:"" help:"A folder, or a .zip, .tar.gz or .tar.zst file." type:"existingpath"`
	Strict bool   `help:"Fail at warnings too."`
}

// Run is called by kong.
func (c *TemplateLintCmd) Run(ctx context.Context, s streams) error {
	_, files, err := readTemplates(ctx, c.Source)
	if err != nil {
		return err
	}
	found, findings := layout.Read(files)
	for _, f := range found {
		findings = append(findings, lint.Found(f)...)
	}
	printFindings(s.out, findings)
	errs, warnings := 0, 0
	for _, f := range findings {
		switch f.Level {
		case template.Error:
			errs++
		case template.Warning:
			warnings++
		}
	}
	told := fmt.Sprintf("%s, %s in %s", plural(errs, "error"), plural(warnings, "warning"), plural(len(found), "template"))
	if errs > 0 || c.Strict && warnings > 0 {
		return errors.New(told)
	}
	_, err = fmt.Fprintln(s.out, told+".")
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shown is foreign text as a terminal may have it: what would act on the terminal, or
// hide something from who reads it, is a mark. Colours are marks too: text can have that of its ground.
func shown(text string) string { return pve.Visible(strings.ReplaceAll(text, "\x1b", "␛")) }

func printFindings(w io.Writer, findings []template.Finding) {
	template.Sort(findings)
	for _, f := range findings {
		place := f.Place()
		if place != "" {
			place += ": "
		}
		fmt.Fprintf(w, "%s%s: %s [%s]\n", shown(place), f.Level, shown(f.Sentence()), f.Rule)
	}
}

// readTemplates reads a folder or an archive on this machine, and says what it is called.
func readTemplates(ctx context.Context, source string) (name string, files layout.Files, err error) {
	full, err := filepath.Abs(source)
	if err != nil {
		return "", nil, err
	}
	name = filepath.Base(full)
	info, err := os.Stat(full)
	if err != nil {
		return "", nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(full)
		if err != nil {
			return "", nil, err
		}
		defer root.Close()
		files, err = archive.ReadFolder(ctx, root, ".", archive.Default)
		return "folder " + name, files.Within(name), err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return "", nil, fmt.Errorf("%s is neither a file nor a folder", source)
	}
	f, err := os.Open(full)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	files, err = archive.Read(ctx, name, f, archive.Default)
	base, _, _ := strings.Cut(name, ".")
	return name, files.Within(base), err
}

// PersonOptions say whose templates are meant.
type PersonOptions struct {
	DataOptions `embed:""`
	Person      string `required:"" help:"Whose templates: the id that berth admin list shows, or user@realm where only one sign-in host has it."`
}

// open opens the store beside a running Berth and finds the person.
func (o PersonOptions) open(ctx context.Context) (*store.Store, account.By, error) {
	st, err := o.beside(ctx)
	if err != nil {
		return nil, account.By{}, err
	}
	user, err := personNamed(ctx, st, o.Person)
	if err != nil {
		return nil, account.By{}, errors.Join(err, st.Close())
	}
	// What is done stands in the trail as the command line's, not as the person's own.
	user.PVEUser = "command line"
	return st, account.By{Viewer: account.Viewer{User: user}}, nil
}

func personNamed(ctx context.Context, st *store.Store, name string) (account.User, error) {
	users, err := st.Users(ctx)
	if err != nil {
		return account.User{}, err
	}
	var found []account.User
	for _, u := range users {
		if string(u.ID) == name {
			return u, nil
		}
		if u.PVEUser == name {
			found = append(found, u)
		}
	}
	switch len(found) {
	case 0:
		return account.User{}, fmt.Errorf("nobody named %q ever signed in (see berth admin list)", name)
	case 1:
		return found[0], nil
	}
	return account.User{}, fmt.Errorf("%q is somebody else at each of %d sign-in hosts: give the id that berth admin list shows", name, len(found))
}

// TemplateImportCmd imports for a person.
type TemplateImportCmd struct {
	Source        string `arg:"" help:"A folder, or a .zip, .tar.gz or .tar.zst file." type:"existingpath"`
	PersonOptions `embed:""`
	Yes           bool `help:"Carry it out. Without it only the preview is printed."`
	Remove        bool `help:"Also remove the templates that came from the same source before and are not in it any more."`
}

// Run is called by kong.
func (c *TemplateImportCmd) Run(ctx context.Context, s streams) (err error) {
	origin, files, err := readTemplates(ctx, c.Source)
	if err != nil {
		return err
	}
	st, by, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	verbs := templates.New(templates.Options{Store: st, Now: time.Now})
	plan, err := verbs.PreviewFiles(ctx, by, origin, files)
	if err != nil {
		return err
	}
	printFindings(s.out, plan.Findings)
	if plan.Blocked() {
		return errors.New("nothing was imported: mend the errors first")
	}
	printPlan(s.out, plan, c.Remove)
	if !c.Yes {
		fmt.Fprintln(s.out, "Nothing was changed. Add --yes to carry it out.")
		return verbs.Discard(ctx, by, plan.ID)
	}
	var remove []template.ID
	for _, i := range plan.Items {
		if c.Remove && i.Action == template.Removable {
			remove = append(remove, i.Template)
		}
	}
	done, err := verbs.Confirm(ctx, by, plan.ID, plan.Digest, remove)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%d new, %d changed, %d the same, %d removed.\n", len(done.Created), len(done.Changed), len(done.Same), len(done.Removed))
	return err
}

func printPlan(w io.Writer, plan template.Plan, remove bool) {
	for _, i := range plan.Items {
		action := string(i.Action)
		if i.Action == template.Removable {
			action = "not there any more, stays"
			if remove {
				action = "removed"
			}
		}
		fmt.Fprintf(w, "%s: %s\n", i.Name, action)
		if i.Action != template.Update {
			continue
		}
		for _, f := range i.Diff.Fields {
			fmt.Fprintf(w, "  %s: %s → %s\n", f.Label, shown(f.Before), shown(f.After))
		}
		for _, t := range i.Diff.Texts {
			fmt.Fprintf(w, "  %s %s: %s\n", t.Kind, shown(t.Name), t.Action)
			for _, f := range t.About {
				fmt.Fprintf(w, "    %s: %s → %s\n", f.Label, shown(f.Before), shown(f.After))
			}
			for _, l := range t.Lines {
				if l.Op != template.Skip {
					fmt.Fprintf(w, "    %c %s\n", l.Op, shown(l.Text))
				}
			}
		}
	}
}

// TemplateExportCmd exports a person's templates.
type TemplateExportCmd struct {
	Target        string   `arg:"" help:"A folder, or a .zip, .tar.gz or .tar.zst file. Templates of the same name in the folder are written anew." type:"path"`
	Names         []string `arg:"" optional:"" help:"Names of templates. Default: all."`
	PersonOptions `embed:""`
}

// Run is called by kong.
func (c *TemplateExportCmd) Run(ctx context.Context, s streams) (err error) {
	st, by, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	verbs := templates.New(templates.Options{Store: st, Now: time.Now})
	ids, err := namedTemplates(ctx, verbs, by, c.Names)
	if err != nil {
		return err
	}
	files, err := verbs.ExportFiles(ctx, by.Viewer, ids)
	if err != nil {
		return err
	}
	if format, ok := archive.FormatOf(c.Target); ok {
		err = writeArchive(c.Target, format, files)
	} else {
		err = writeFolder(c.Target, files)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Exported %s to %s.\n", plural(countTemplates(files), "template"), c.Target)
	return err
}

func countTemplates(files layout.Files) (n int) {
	for p := range files {
		if path.Base(p) == "template.conf" && strings.Count(p, "/") == 1 {
			n++
		}
	}
	return n
}

// namedTemplates finds the person's templates of those names; none, when none are given, means all.
func namedTemplates(ctx context.Context, verbs *templates.Service, by account.By, names []string) (ids []template.ID, err error) {
	list, err := verbs.List(ctx, by.Viewer, template.Filter{Mine: true})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		i := slices.IndexFunc(list.Templates, func(t template.Summary) bool { return strings.EqualFold(t.Name, name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no template named %q", name)
		}
		ids = append(ids, list.Templates[i].ID)
	}
	return ids, nil
}

func writeArchive(target string, format archive.Format, files layout.Files) error {
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(archive.Write(f, format, files), f.Close())
}

// writeFolder writes into a folder. What an earlier export of a template left there and the template
// has no more goes; nothing else in the folder is touched.
func writeFolder(target string, files layout.Files) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return err
	}
	defer root.Close()
	for p := range files {
		if dir, ok := strings.CutSuffix(p, "/template.conf"); ok && !strings.Contains(dir, "/") {
			if err := root.RemoveAll(dir + "/container-configs"); err != nil {
				return err
			}
		}
	}
	for _, p := range files.Paths() {
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(p, ".sh") {
			mode = 0o755
		}
		if err := root.MkdirAll(path.Dir(p), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(p, files[p], mode); err != nil {
			return err
		}
	}
	return nil
}
