package templates

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/template/layout"
	"berth/internal/template/lint"
)

// PreviewArchive reads an archive and says what importing it would do. Nothing is changed.
func (s *Service) PreviewArchive(ctx context.Context, by account.By, name string, from io.Reader) (template.Plan, error) {
	leave, err := s.turns.take(ctx, by.Owner())
	if err != nil {
		return template.Plan{}, err
	}
	defer leave()
	files, err := archive.Read(ctx, name, from, archive.Default)
	if err != nil {
		return template.Plan{}, onField("archive", err)
	}
	name = clean(path.Base(strings.ReplaceAll(name, `\`, "/")), 100)
	if format, ok := archive.FormatOf(name); ok {
		files = files.Within(name[:max(0, len(name)-len(format)-1)])
	}
	return s.PreviewFiles(ctx, by, name, files)
}

// PreviewFolder reads a folder below the import folder that Berth was started with, for administrators.
func (s *Service) PreviewFolder(ctx context.Context, by account.By, folder string) (template.Plan, error) {
	if err := s.mayReadFolders(by.Viewer); err != nil {
		return template.Plan{}, err
	}
	leave, err := s.turns.take(ctx, by.Owner())
	if err != nil {
		return template.Plan{}, err
	}
	defer leave()
	files, err := archive.ReadFolder(ctx, s.root, folder, archive.Default)
	if err != nil {
		return template.Plan{}, onField("folder", err)
	}
	folder = clean(strings.Trim(folder, "/"), 90)
	return s.PreviewFiles(ctx, by, "folder "+folder, files.Within(path.Base(folder)))
}

// Folders lists the folders that PreviewFolder takes, for administrators.
func (s *Service) Folders(_ context.Context, v account.Viewer) ([]string, error) {
	if err := s.mayReadFolders(v); err != nil {
		return nil, err
	}
	names, err := archive.Folders(s.root)
	if err != nil {
		return nil, fmt.Errorf("list the import folder: %w", err)
	}
	return names, nil
}

func (s *Service) mayReadFolders(v account.Viewer) error {
	switch {
	case !v.User.Admin:
		return problem.New(problem.Denied, "Only administrators import from folders of the server.", "Upload an archive instead.")
	case s.root == nil:
		return problem.New(problem.Denied, "This Berth was started without an import folder.", "Start it with --import-root, or upload an archive.")
	}
	return nil
}

// PreviewPasted says what importing pasted files would do.
func (s *Service) PreviewPasted(ctx context.Context, by account.By, pasted []template.Pasted) (template.Plan, error) {
	// Packed and read again, so that pasted files keep the same rules as those of an archive.
	files, size := layout.Files{}, 0
	for _, p := range pasted {
		name := strings.TrimSpace(p.Path)
		if _, twice := files[name]; twice {
			return template.Plan{}, problem.Field("pasted", "“"+clean(name, 80)+"” is there twice.")
		}
		files[name] = []byte(strings.ReplaceAll(p.Text, "\r\n", "\n"))
		if size += len(p.Text); size > int(archive.Default.In) {
			return template.Plan{}, problem.Field("pasted", "Pasted files have at most 20 MiB together.")
		}
	}
	var packed bytes.Buffer
	if err := archive.Write(&packed, archive.Zip, files); err != nil {
		return template.Plan{}, fmt.Errorf("pack pasted files: %w", err)
	}
	limits := archive.Default
	limits.Ratio = 0 // what was typed came unpacked
	files, err := archive.Read(ctx, "pasted.zip", &packed, limits)
	if err != nil {
		return template.Plan{}, onField("pasted", err)
	}
	return s.PreviewFiles(ctx, by, "pasted files", files)
}

// onField puts a problem beside the field that it is about.
func onField(field string, err error) error {
	p := problem.Of(err)
	if p == nil || p.Fields != nil {
		return err
	}
	told := *p
	told.Fields = map[string]string{field: p.Sentence()}
	return &told
}

// PreviewFiles says what importing files that were read already would do. They are kept, so
// that exactly they are imported when it is confirmed. origin names where they came from.
func (s *Service) PreviewFiles(ctx context.Context, by account.By, origin string, files layout.Files) (template.Plan, error) {
	found, findings := layout.Read(files)
	im := template.Import{ID: newID(), Origin: origin, ExpiresAt: s.now().Add(template.ImportFor)}
	for _, f := range found {
		im.Contents = append(im.Contents, template.ImportedContent{Dir: f.Dir, Content: f.Content, Follow: f.Follow})
		findings = append(findings, lint.Found(f)...)
	}
	template.Sort(findings)
	if template.HasErrors(findings) {
		return template.Plan{Origin: origin, Findings: findings}, nil // nothing to confirm, nothing to keep
	}
	im.Findings = findings
	if err := s.store.PutImport(ctx, by.Owner(), im); err != nil {
		return template.Plan{}, err
	}
	plan, _, err := s.plan(ctx, by.Viewer, im)
	plan.Findings = findings
	return plan, err
}

// Preview draws the plan of a kept import again, as things are now.
func (s *Service) Preview(ctx context.Context, v account.Viewer, id string) (template.Plan, error) {
	im, err := s.store.Import(ctx, owner(v), id)
	if err != nil {
		return template.Plan{}, err
	}
	plan, _, err := s.plan(ctx, v, im)
	plan.Findings = im.Findings
	return plan, err
}

// Discard forgets a kept import.
func (s *Service) Discard(ctx context.Context, by account.By, id string) error {
	return s.store.DropImport(ctx, by.Owner(), id)
}

// plan compares an import with the viewer's templates, and gives the change that carries it out.
func (s *Service) plan(ctx context.Context, v account.Viewer, im template.Import) (template.Plan, template.Change, error) {
	plan := template.Plan{ID: im.ID, Origin: im.Origin, ExpiresAt: im.ExpiresAt}
	from := template.Source{Kind: template.Imported, From: im.Origin}
	items, change, err := s.compare(ctx, v, im.Contents, from)
	if err != nil {
		return plan, change, err
	}
	before, err := s.store.TemplatesFrom(ctx, owner(v), from)
	if err != nil {
		return plan, change, err
	}
	for _, t := range before {
		if !slices.ContainsFunc(items, func(i template.PlanItem) bool { return i.Template == t.ID }) {
			items = append(items, template.PlanItem{Action: template.Removable, Name: t.Name, Template: t.ID, Base: t.Revision})
		}
	}
	order := []template.PlanAction{template.Create, template.Update, template.Keep, template.Removable}
	slices.SortStableFunc(items, func(a, b template.PlanItem) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	plan.Items = items
	plan.Digest, err = planDigest(items)
	return plan, change, err
}

// compare tells what becomes of each content, found by its name among the viewer's templates.
func (s *Service) compare(ctx context.Context, v account.Viewer, contents []template.ImportedContent, from template.Source) (items []template.PlanItem, change template.Change, err error) {
	own, err := s.bucketsByName(ctx, v)
	if err != nil {
		return nil, change, err
	}
	for _, im := range contents {
		c, err := s.linked(ctx, v, im, own)
		if err != nil {
			return nil, change, err
		}
		there, ok, err := s.store.TemplateNamed(ctx, owner(v), c.Name)
		if err != nil {
			return nil, change, err
		}
		item := template.PlanItem{Action: template.Create, Dir: im.Dir, Name: c.Name, Content: c, Diff: template.Compare(template.Content{}, c)}
		write := template.Write{Template: template.ID(newID()), Content: c, Source: from, By: v.User.PVEUser, Note: noteOf(from)}
		if ok {
			item.Action, item.Template, item.Base = template.Update, there.ID, there.Revision
			item.Diff = template.Compare(there.Content, c)
			write.Template, write.Base = there.ID, there.Revision
			if item.Diff.Empty() {
				item.Action = template.Keep
			}
		}
		items = append(items, item)
		if item.Action != template.Keep {
			change.Writes = append(change.Writes, write)
		}
	}
	return items, change, nil
}

func noteOf(from template.Source) string {
	if from.Kind == template.Starter {
		return "From the starter set"
	}
	return "Imported from " + from.From
}

func (s *Service) bucketsByName(ctx context.Context, v account.Viewer) (map[string]template.BucketID, error) {
	all, err := s.store.Buckets(ctx, owner(v))
	out := make(map[string]template.BucketID, len(all))
	for _, b := range all {
		out[strings.ToLower(b.Name)] = b.ID
	}
	return out, err
}

// linked lets lists follow the viewer's own bucket of that name again, where it
// has the same packages now as the list. A list that differs is a copy.
func (s *Service) linked(ctx context.Context, v account.Viewer, im template.ImportedContent, own map[string]template.BucketID) (template.Content, error) {
	c := im.Content
	c.Lists = slices.Clone(c.Lists)
	for i, l := range c.Lists {
		id, ok := own[strings.ToLower(l.Name)]
		if !ok || !slices.Contains(im.Follow, l.Name) {
			continue
		}
		b, err := s.store.Bucket(ctx, owner(v), id)
		if err != nil {
			return c, err
		}
		if template.DigestPackages(b.Packages) == template.DigestPackages(l.Packages) {
			c.Lists[i].Bucket = id
		}
	}
	return c.Clean(), nil
}

// planDigest is over all that a plan would do: when any of it is another by now, the digest is too.
func planDigest(items []template.PlanItem) (string, error) {
	h := sha256.New()
	for _, i := range items {
		canonical, err := i.Content.Canonical()
		if err != nil {
			return "", err
		}
		row, err := json.Marshal([]any{i.Action, i.Template, i.Base, i.Name, template.Digest(canonical)})
		if err != nil {
			return "", fmt.Errorf("digest a plan: %w", err)
		}
		h.Write(append(row, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Confirm carries out exactly the plan that was seen, in one step: digest is that
// plan's. When something changed meanwhile it is a Conflict, and nothing is done. remove
// are those of the plan's removable templates that are to go.
func (s *Service) Confirm(ctx context.Context, by account.By, id, digest string, remove []template.ID) (template.Result, error) {
	im, err := s.store.Import(ctx, by.Owner(), id)
	if err != nil {
		return template.Result{}, err
	}
	plan, change, err := s.plan(ctx, by.Viewer, im)
	if err != nil {
		return template.Result{}, err
	}
	if plan.Digest != digest {
		return template.Result{}, problem.New(problem.Conflict, "Your templates changed since you saw this preview.", "Look at it again, and confirm it then.")
	}
	result := resultOf(plan.Items)
	for _, item := range plan.Items {
		if item.Action == template.Removable && slices.Contains(remove, item.Template) {
			change.Delete = append(change.Delete, template.Held[template.ID]{ID: item.Template, Base: item.Base})
			result.Removed = append(result.Removed, item.Name)
		}
	}
	change.DropImport = id
	err = s.during(ctx, by, audit.TemplateImport, im.Origin, func() error { return s.store.ChangeTemplates(ctx, by.Owner(), change) })
	if err != nil {
		return template.Result{}, err
	}
	return result, nil
}

func resultOf(items []template.PlanItem) (r template.Result) {
	for _, i := range items {
		switch i.Action {
		case template.Create:
			r.Created = append(r.Created, i.Name)
		case template.Update:
			r.Changed = append(r.Changed, i.Name)
		case template.Keep:
			r.Same = append(r.Same, i.Name)
		}
	}
	return r
}

// Export writes templates that the viewer may read as an archive in the layout; without
// ids, all of the viewer's own. Equal templates give equal bytes.
func (s *Service) Export(ctx context.Context, v account.Viewer, ids []template.ID, format archive.Format, to io.Writer) error {
	files, err := s.ExportFiles(ctx, v, ids)
	if err != nil {
		return err
	}
	return archive.Write(to, format, files)
}

// ExportFiles gives the files of Export.
func (s *Service) ExportFiles(ctx context.Context, v account.Viewer, ids []template.ID) (layout.Files, error) {
	if len(ids) == 0 {
		all, err := s.store.Templates(ctx, owner(v), template.Filter{Mine: true})
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			ids = append(ids, t.ID)
		}
	}
	contents := make([]template.Content, 0, len(ids))
	for _, id := range ids {
		t, err := s.store.Template(ctx, owner(v), id)
		if err != nil {
			return nil, err
		}
		buckets, err := s.store.LinkedBuckets(ctx, owner(v), id)
		if err != nil {
			return nil, err
		}
		contents = append(contents, t.Content.Filled(buckets))
	}
	slices.SortStableFunc(contents, func(a, b template.Content) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return layout.WriteAll(contents), nil
}

// Lint says what is wrong and what looks wrong with a content, in the order of
// the form. A content without errors can be saved.
func (s *Service) Lint(c template.Content) []template.Finding { return lint.Content(c) }
