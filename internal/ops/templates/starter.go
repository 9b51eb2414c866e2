package templates

import (
	"context"
	"slices"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/template"
	"berth/internal/template/starter"
)

// Starters are the templates that come with Berth.
func (s *Service) Starters() []template.StarterInfo { return starter.All() }

// AddStarters adds templates of the starter set to the viewer's own; dirs says which, none is all.
// One whose name the viewer has already, whatever it is, is left as it is and told in Same.
func (s *Service) AddStarters(ctx context.Context, by account.By, dirs []string) (template.Result, error) {
	var contents []template.ImportedContent
	for _, x := range starter.All() {
		if len(dirs) == 0 || slices.Contains(dirs, x.Dir) {
			contents = append(contents, template.ImportedContent{Dir: x.Dir, Content: x.Content})
		}
	}
	items, change, err := s.compare(ctx, by.Viewer, contents, template.Source{Kind: template.Starter})
	if err != nil {
		return template.Result{}, err
	}
	var result template.Result
	for _, i := range items {
		if i.Action == template.Create {
			result.Created = append(result.Created, i.Name)
		} else {
			result.Same = append(result.Same, i.Name)
		}
	}
	change.Writes = slices.DeleteFunc(change.Writes, func(w template.Write) bool { return w.Base != 0 })
	if len(change.Writes) == 0 {
		return result, nil
	}
	err = s.during(ctx, by, audit.TemplateStarter, "starter set", func() error { return s.store.ChangeTemplates(ctx, by.Owner(), change) })
	if err != nil {
		return template.Result{}, err
	}
	return result, nil
}
