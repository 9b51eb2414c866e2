package templates

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/template"
)

// Buckets lists the viewer's buckets by name.
func (s *Service) Buckets(ctx context.Context, v account.Viewer) ([]template.BucketSummary, error) {
	return s.store.Buckets(ctx, owner(v))
}

// Bucket reads one of the viewer's buckets.
func (s *Service) Bucket(ctx context.Context, v account.Viewer, id template.BucketID) (template.BucketView, error) {
	b, err := s.store.Bucket(ctx, owner(v), id)
	if err != nil {
		return template.BucketView{}, err
	}
	users, err := s.store.BucketUsers(ctx, owner(v), id)
	return template.BucketView{Bucket: b, Users: users}, err
}

// CreateBucket keeps a new bucket.
func (s *Service) CreateBucket(ctx context.Context, by account.By, name, description string, packages []template.Package) (template.Bucket, error) {
	b := template.Bucket{ID: template.BucketID(newID()), Name: name, Description: description, Packages: packages}
	return s.writeBucket(ctx, by, b, 0)
}

// DescribeBucket changes a bucket's name and description. base is the version that the form was filled from.
func (s *Service) DescribeBucket(ctx context.Context, by account.By, id template.BucketID, base int64, name, description string) (template.Bucket, error) {
	b, err := s.store.Bucket(ctx, by.Owner(), id)
	if err != nil {
		return b, err
	}
	b.Name, b.Description = name, description
	return s.writeBucket(ctx, by, b, base)
}

func (s *Service) writeBucket(ctx context.Context, by account.By, b template.Bucket, base int64) (template.Bucket, error) {
	b = b.Clean()
	if err := template.Refusal(b.Check()); err != nil {
		return b, err
	}
	if err := s.store.ChangeTemplates(ctx, by.Owner(), template.Change{Buckets: []template.BucketWrite{{Bucket: b, Base: base}}}); err != nil {
		return b, err
	}
	return s.store.Bucket(ctx, by.Owner(), b.ID)
}

// again repeats an act on a bucket that needs no version of the person's, when it was changed in between.
func (s *Service) again(ctx context.Context, by account.By, id template.BucketID, act func(b *template.Bucket) error) (template.Bucket, error) {
	for try := 0; ; try++ {
		b, err := s.store.Bucket(ctx, by.Owner(), id)
		if err != nil {
			return b, err
		}
		if err := act(&b); err != nil {
			return b, err
		}
		saved, err := s.writeBucket(ctx, by, b, b.Version)
		if err == nil || try == 5 || !problem.Is(err, problem.Conflict) {
			return saved, err
		}
	}
}

// AddPackage adds one package. One that is there already, by manager and name, is a
// Conflict on the field "package".
func (s *Service) AddPackage(ctx context.Context, by account.By, id template.BucketID, p template.Package) (template.Bucket, error) {
	p = p.Clean()
	if wrong := p.Problem(); wrong != "" {
		return template.Bucket{}, problem.Field("package", wrong)
	}
	return s.again(ctx, by, id, func(b *template.Bucket) error {
		for _, there := range b.Packages {
			if there.Key() == p.Key() {
				wrong := problem.Field("package", fmt.Sprintf("%s is in this bucket already for %s, as “%s”.", p.Name, p.Manager, there.Line()))
				wrong.Kind = problem.Conflict
				return wrong
			}
		}
		if len(b.Packages) == template.MaxPackages {
			return problem.Field("package", fmt.Sprintf("A bucket has at most %d packages.", template.MaxPackages))
		}
		b.Packages = append(b.Packages, p)
		return nil
	})
}

// ReadPaste reads pasted lines for a bucket and says what they would add, what is there already and
// what cannot be read. Nothing is changed.
func (s *Service) ReadPaste(ctx context.Context, v account.Viewer, id template.BucketID, m template.Manager, text string) (template.Paste, error) {
	b, err := s.store.Bucket(ctx, owner(v), id)
	if err != nil {
		return template.Paste{}, err
	}
	if err := pasteFits(text); err != nil {
		return template.Paste{}, err
	}
	return template.ReadPaste(b.Packages, m, text), nil
}

// maxPaste is how many bytes a paste may have.
const maxPaste = 1 << 20

func pasteFits(text string) error {
	if len(text) > maxPaste {
		return problem.Field("paste", "A paste has at most 1 MiB.")
	}
	return nil
}

// Paste adds what pasted lines have and the bucket has not, and reports the rest. A line that
// cannot be read adds nothing at all: the error is Invalid on the field "paste", and the report has all such lines.
func (s *Service) Paste(ctx context.Context, by account.By, id template.BucketID, m template.Manager, text string) (template.Paste, error) {
	if err := pasteFits(text); err != nil {
		return template.Paste{}, err
	}
	var report template.Paste
	_, err := s.again(ctx, by, id, func(b *template.Bucket) error {
		report = template.ReadPaste(b.Packages, m, text)
		switch n := len(report.Findings); {
		case n > 0:
			f := report.Findings[0]
			what := fmt.Sprintf("Line %d cannot be read: %s", f.Line, f.Text)
			if n > 1 {
				what = fmt.Sprintf("%d lines cannot be read; the first is line %d: %s", n, f.Line, f.Text)
			}
			return problem.Field("paste", what)
		case len(b.Packages)+len(report.Added) > template.MaxPackages:
			return problem.Field("paste", fmt.Sprintf("A bucket has at most %d packages.", template.MaxPackages))
		}
		b.Packages = append(b.Packages, report.Added...)
		return nil
	})
	return report, err
}

// RemovePackage takes out the package with that key (template.Package.Key) and returns what PutBack needs to undo it.
func (s *Service) RemovePackage(ctx context.Context, by account.By, id template.BucketID, key string) (template.RemovedPackage, error) {
	var removed template.RemovedPackage
	_, err := s.again(ctx, by, id, func(b *template.Bucket) error {
		i := slices.IndexFunc(b.Packages, func(p template.Package) bool { return p.Key() == key })
		if i < 0 {
			return problem.Missing()
		}
		removed = template.RemovedPackage{Package: b.Packages[i], At: i}
		b.Packages = slices.Delete(b.Packages, i, i+1)
		return nil
	})
	return removed, err
}

// PutBack undoes RemovePackage. When the package is there again already nothing happens.
func (s *Service) PutBack(ctx context.Context, by account.By, id template.BucketID, removed template.RemovedPackage) (template.Bucket, error) {
	removed.Package = removed.Package.Clean()
	return s.again(ctx, by, id, func(b *template.Bucket) error {
		if slices.ContainsFunc(b.Packages, func(p template.Package) bool { return p.Key() == removed.Key() }) {
			return nil
		}
		b.Packages = slices.Insert(b.Packages, max(0, min(removed.At, len(b.Packages))), removed.Package)
		return nil
	})
}

// DeleteBucket removes a bucket. Templates that follow it get a copy of its
// packages as they are, as a new revision; how many did is returned. base is the
// bucket's version that the person saw.
func (s *Service) DeleteBucket(ctx context.Context, by account.By, id template.BucketID, base int64) (copied int, err error) {
	b, err := s.store.Bucket(ctx, by.Owner(), id)
	if err != nil {
		return 0, err
	}
	err = s.during(ctx, by, audit.BucketDrop, b.Name, func() error {
		users, err := s.store.BucketUsers(ctx, by.Owner(), id)
		if err != nil {
			return err
		}
		change := template.Change{DeleteBuckets: []template.Held[template.BucketID]{{ID: id, Base: base}}}
		for _, u := range users {
			w, err := s.unlinked(ctx, by, u.ID, b)
			if err != nil {
				return err
			}
			change.Writes = append(change.Writes, w)
		}
		copied = len(users)
		return s.store.ChangeTemplates(ctx, by.Owner(), change)
	})
	return copied, err
}

func (s *Service) unlinked(ctx context.Context, by account.By, id template.ID, b template.Bucket) (template.Write, error) {
	t, err := s.store.Template(ctx, by.Owner(), id)
	if err != nil {
		return template.Write{}, err
	}
	lists := slices.Clone(t.Content.Lists)
	for i, l := range lists {
		if l.Bucket == b.ID {
			lists[i] = template.PackageList{Name: l.Name, Packages: b.Packages}
		}
	}
	t.Content.Lists = lists
	return template.Write{Template: id, Base: t.Revision, Content: t.Content, By: by.Viewer.User.PVEUser,
		Note: "The bucket “" + b.Name + "” was deleted; its packages were copied"}, nil
}

// TakeBucket takes one of the viewer's buckets into one of their templates, linked or as a
// copy. A list of the bucket's name in the template is replaced.
func (s *Service) TakeBucket(ctx context.Context, by account.By, id template.ID, base int64, bucket template.BucketID, linked bool) (template.Template, error) {
	t, err := s.own(ctx, by, id)
	if err != nil {
		return t, err
	}
	b, err := s.store.Bucket(ctx, by.Owner(), bucket)
	if err != nil {
		return t, err
	}
	list := template.PackageList{Name: b.Name, Packages: b.Packages}
	note := "Took a copy of the bucket “" + b.Name + "”"
	if linked {
		list, note = template.PackageList{Name: b.Name, Bucket: b.ID}, "Follows the bucket “"+b.Name+"”"
	}
	t.Content.Lists = slices.DeleteFunc(slices.Clone(t.Content.Lists), func(l template.PackageList) bool {
		return l.Bucket == bucket || sameName(l.Name, b.Name)
	})
	t.Content.Lists = append(t.Content.Lists, list)
	return s.Save(ctx, by, id, base, t.Content, note)
}
