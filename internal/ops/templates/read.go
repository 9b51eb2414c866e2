package templates

import (
	"context"
	"maps"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/template"
)

// List lists the templates that the viewer may see.
func (s *Service) List(ctx context.Context, v account.Viewer, f template.Filter) (template.Listing, error) {
	all, err := s.store.Templates(ctx, owner(v), template.Filter{})
	if err != nil {
		return template.Listing{}, err
	}
	out := template.Listing{Templates: all, Tags: countTags(all), All: len(all)}
	var with map[template.ID]bool
	if len(f.Words) > 0 {
		if with, err = s.store.TemplatesWith(ctx, owner(v), f.Words); err != nil {
			return out, err
		}
	}
	tag := strings.ToLower(strings.TrimSpace(f.Tag))
	out.Templates = slices.DeleteFunc(slices.Clone(all), func(t template.Summary) bool {
		return with != nil && !with[t.ID] || f.Mine && t.Owner != owner(v) || tag != "" && !slices.Contains(t.Tags, tag)
	})
	return out, nil
}

func countTags(all []template.Summary) []template.TagCount {
	n := map[string]int{}
	for _, t := range all {
		for _, tag := range t.Tags {
			n[tag]++
		}
	}
	out := make([]template.TagCount, 0, len(n))
	for _, tag := range slices.Sorted(maps.Keys(n)) {
		out = append(out, template.TagCount{Tag: tag, Count: n[tag]})
	}
	slices.SortStableFunc(out, func(a, b template.TagCount) int { return b.Count - a.Count })
	return out
}

// Get reads a template that the viewer may see.
func (s *Service) Get(ctx context.Context, v account.Viewer, id template.ID) (template.View, error) {
	t, err := s.store.Template(ctx, owner(v), id)
	if err != nil {
		return template.View{}, err
	}
	buckets, err := s.store.LinkedBuckets(ctx, owner(v), id)
	if err != nil {
		return template.View{}, err
	}
	made, err := s.madeFrom(ctx, owner(v), id)
	if err != nil {
		return template.View{}, err
	}
	t.Content = t.Content.Filled(buckets)
	return template.View{Template: t, Mine: t.Owner == owner(v), Buckets: buckets, MadeFrom: made}, nil
}

// Revisions lists the revisions of one of the viewer's own templates, the newest first.
// Of a template that another shares only the newest may be read, and no list of them.
func (s *Service) Revisions(ctx context.Context, v account.Viewer, id template.ID) ([]template.Revision, error) {
	return s.store.Revisions(ctx, owner(v), id)
}

// Revision reads one revision of one of the viewer's own templates.
func (s *Service) Revision(ctx context.Context, v account.Viewer, id template.ID, number int64) (template.Revision, template.Content, error) {
	return s.store.Revision(ctx, owner(v), id, number)
}

// Compare tells what changed from one revision of the viewer's own template to another.
func (s *Service) Compare(ctx context.Context, v account.Viewer, id template.ID, from, to int64) (template.Diff, error) {
	_, before, err := s.store.Revision(ctx, owner(v), id, from)
	if err != nil {
		return template.Diff{}, err
	}
	_, after, err := s.store.Revision(ctx, owner(v), id, to)
	if err != nil {
		return template.Diff{}, err
	}
	return template.Compare(before, after), nil
}

// Find searches templates, scripts, files, packages and buckets, for the palette. Without
// words it gives templates and buckets alone.
func (s *Service) Find(ctx context.Context, v account.Viewer, words []string, most int) ([]template.Hit, error) {
	return s.store.FindInTemplates(ctx, owner(v), words, most)
}

// MayShare says whether the viewer may share templates, as their sign-in host has it now.
func (s *Service) MayShare(ctx context.Context, v account.Viewer) (bool, error) {
	host, err := s.store.SignInHost(ctx, v.User.Host)
	if problem.Is(err, problem.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return host.Policy.MayShare(v.User.PVEUser, v.User.Admin), nil
}
