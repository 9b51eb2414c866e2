package templates

import (
	"context"
	"fmt"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/template/lint"
)

// Create keeps a new template of the viewer's own. Everything that is wrong is in the problem's Fields, by
// place: "name", "scripts[2].body".
func (s *Service) Create(ctx context.Context, by account.By, c template.Content) (template.Template, error) {
	return s.create(ctx, by, c, template.Source{Kind: template.Made}, "")
}

func (s *Service) create(ctx context.Context, by account.By, c template.Content, from template.Source, note string) (template.Template, error) {
	c = c.Clean()
	if err := template.Refusal(c.Check()); err != nil {
		return template.Template{}, err
	}
	id := template.ID(newID())
	err := s.store.ChangeTemplates(ctx, by.Owner(), template.Change{Writes: []template.Write{
		{Template: id, Content: c, Source: from, By: by.Viewer.User.PVEUser, Note: note}}})
	if err != nil {
		return template.Template{}, err
	}
	return s.store.Template(ctx, by.Owner(), id)
}

// Save makes a new revision of one of the viewer's own templates. base is the revision that the
// form was filled from: when there is a newer one, the error is a *template.Conflict with both texts.
// A content that is the same as it stands makes no revision.
func (s *Service) Save(ctx context.Context, by account.By, id template.ID, base int64, c template.Content, note string) (template.Template, error) {
	c = c.Clean()
	current, err := s.own(ctx, by, id)
	if err != nil {
		return current, err
	}
	if err := template.Refusal(c.Check()); err != nil {
		return current, err
	}
	canonical, err := c.Canonical()
	if err != nil {
		return current, err
	}
	if template.Digest(canonical) == current.Digest {
		return current, nil
	}
	if current.Shared {
		if err := fitToShare(c); err != nil {
			return current, err
		}
	}
	if base != current.Revision {
		return current, s.conflict(ctx, by, id, base, c)
	}
	err = s.store.ChangeTemplates(ctx, by.Owner(), template.Change{Writes: []template.Write{
		{Template: id, Base: base, Content: c, By: by.Viewer.User.PVEUser, Note: note}}})
	if p := problem.Of(err); p != nil && p.Kind == problem.Conflict && p.Fields == nil {
		if now, again := s.store.Template(ctx, by.Owner(), id); again == nil && now.Revision == base {
			return current, err // it is about something else, such as a bucket that is gone
		}
		return current, s.conflict(ctx, by, id, base, c)
	}
	if err != nil {
		return current, err
	}
	return s.store.Template(ctx, by.Owner(), id)
}

// own reads one of the viewer's own templates; another's, although shared, is denied with a way on.
func (s *Service) own(ctx context.Context, by account.By, id template.ID) (template.Template, error) {
	t, err := s.store.Template(ctx, by.Owner(), id)
	if err == nil && t.Owner != by.Owner() {
		return t, problem.New(problem.Denied, "This template is "+t.OwnerName+"’s and can only be read.", "Duplicate it, and change your copy.")
	}
	return t, err
}

func (s *Service) conflict(ctx context.Context, by account.By, id template.ID, base int64, mine template.Content) error {
	theirs, err := s.store.Template(ctx, by.Owner(), id)
	if err != nil {
		return err
	}
	c := &template.Conflict{Theirs: theirs, Mine: mine, Diff: template.Compare(theirs.Content, mine)}
	c.Problem = problem.New(problem.Conflict, fmt.Sprintf("This template was changed meanwhile: it is at revision %d, and you began with revision %d.", theirs.Revision, base),
		"Look at both, and save again what should count.")
	if _, c.Base, err = s.store.Revision(ctx, by.Owner(), id, base); err != nil && !problem.Is(err, problem.NotFound) {
		return err
	}
	return c
}

// Restore makes an older revision the newest one again, as a revision of its own.
// Buckets that it followed and that are gone are left as empty lists of their name.
func (s *Service) Restore(ctx context.Context, by account.By, id template.ID, base, number int64) (template.Template, error) {
	_, c, err := s.store.Revision(ctx, by.Owner(), id, number)
	if err != nil {
		return template.Template{}, err
	}
	buckets, err := s.store.Buckets(ctx, by.Owner())
	if err != nil {
		return template.Template{}, err
	}
	there := map[template.BucketID]bool{}
	for _, b := range buckets {
		there[b.ID] = true
	}
	for i, l := range c.Lists {
		if l.Linked() && !there[l.Bucket] {
			c.Lists[i].Bucket = ""
		}
	}
	return s.Save(ctx, by, id, base, c, fmt.Sprintf("Restored from revision %d", number))
}

// Duplicate makes a copy that is the viewer's own, of a template that they may
// read. Links follow one's own buckets only: of another's template they become copies.
func (s *Service) Duplicate(ctx context.Context, by account.By, id template.ID) (template.Template, error) {
	t, err := s.store.Template(ctx, by.Owner(), id)
	if err != nil {
		return template.Template{}, err
	}
	from, note := t.Content.Name, fmt.Sprintf("Copied from “%s”, revision %d", t.Content.Name, t.Revision)
	if t.Owner != by.Owner() {
		buckets, err := s.store.LinkedBuckets(ctx, by.Owner(), id)
		if err != nil {
			return template.Template{}, err
		}
		t.Content = t.Content.Unlinked(buckets)
		from += " by " + t.OwnerName
		note = fmt.Sprintf("Copied from “%s” by %s, revision %d", t.Content.Name, t.OwnerName, t.Revision)
	}
	names, err := s.store.TemplateNames(ctx, by.Owner())
	if err != nil {
		return template.Template{}, err
	}
	t.Content.Name = freeName(t.Content.Name, names, template.MaxName)
	return s.create(ctx, by, t.Content, template.Source{Kind: template.Copied, From: from}, note)
}

// freeName is the name itself when nobody has it, else with "copy", "copy 2" … behind it.
func freeName(name string, taken []string, most int) string {
	there := map[string]bool{}
	for _, t := range taken {
		there[strings.ToLower(strings.TrimSpace(t))] = true
	}
	for n, try := 1, name; ; n++ {
		if !there[strings.ToLower(try)] {
			return try
		}
		suffix := " copy"
		if n > 1 {
			suffix = fmt.Sprintf(" copy %d", n)
		}
		r := []rune(name)
		try = strings.TrimSpace(string(r[:min(len(r), most-len(suffix))])) + suffix
	}
}

// Delete removes one of the viewer's own templates with its revisions. Containers that were made from it stay.
func (s *Service) Delete(ctx context.Context, by account.By, id template.ID, base int64) error {
	t, err := s.own(ctx, by, id)
	if err != nil {
		return err
	}
	return s.during(ctx, by, audit.TemplateDrop, t.Content.Name, func() error {
		return s.store.ChangeTemplates(ctx, by.Owner(), template.Change{Delete: []template.Held[template.ID]{{ID: id, Base: base}}})
	})
}

// fitToShare refuses what would mislead or fail everybody who uses it: others see
// the scripts before they run them, and have to be able to trust what they see.
func fitToShare(c template.Content) error {
	for _, f := range lint.Content(c) {
		if f.Level == template.Error {
			return problem.New(problem.Invalid, "A template with errors cannot be shared: "+f.Text, "Mend what the linter says, or share it with nobody.")
		}
	}
	return nil
}

// Share lets everybody on this Berth read one of the viewer's own templates, or takes that back.
func (s *Service) Share(ctx context.Context, by account.By, id template.ID, shared bool) error {
	t, err := s.own(ctx, by, id)
	if err != nil {
		return err
	}
	kind := audit.TemplateShare
	if !shared {
		kind = audit.TemplateUnshare
	}
	return s.during(ctx, by, kind, t.Content.Name, func() error {
		if shared {
			if err := fitToShare(t.Content); err != nil {
				return err
			}
			may, err := s.MayShare(ctx, by.Viewer)
			if err != nil {
				return err
			}
			if !may {
				return problem.New(problem.Denied, "You may not share templates through "+by.Viewer.Host+".", "An administrator can allow it in the settings of the sign-in host.")
			}
		}
		return s.store.ShareTemplate(ctx, by.Owner(), id, shared)
	})
}

func sameName(a, b string) bool { return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) }
