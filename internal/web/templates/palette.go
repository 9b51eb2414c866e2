package templates

import (
	"context"
	"iter"
	"strings"

	"berth/internal/template"
	"berth/internal/web/kit"
)

// mostFound bounds what the palette is given of templates and buckets.
const mostFound = 200

// PaletteItems gives the command palette the viewer's templates and buckets, and those templates that others share.
func (p *Pages) PaletteItems(ctx context.Context) iter.Seq[kit.PaletteItem] {
	return func(yield func(kit.PaletteItem) bool) {
		items, err := p.PaletteFind(ctx, nil)
		if err != nil {
			return // the palette still has all else; the pages say what is wrong
		}
		for _, item := range items {
			if !yield(item) {
				return
			}
		}
	}
}

// PaletteFind gives what words find in templates and buckets: scripts, files and packages too.
func (p *Pages) PaletteFind(ctx context.Context, words []string) ([]kit.PaletteItem, error) {
	hits, err := p.verbs.Find(ctx, kit.ViewerOf(ctx), words, mostFound)
	if err != nil {
		return nil, err
	}
	items := make([]kit.PaletteItem, 0, len(hits))
	for _, h := range hits {
		items = append(items, paletteItem(h))
	}
	return items, nil
}

func paletteItem(h template.Hit) kit.PaletteItem {
	item := kit.PaletteItem{Kind: string(h.Kind), Title: h.Title, URL: kit.URL.Template(string(h.Template)), Find: "template"}
	if h.Bucket != "" {
		item.URL, item.Find = kit.URL.Bucket(string(h.Bucket)), "bucket"
	}
	if h.Name != "" {
		item.Title, item.Note = h.Name, "in "+h.Title
	}
	if h.Kind == template.PackageHit { // its manager stands before its name
		manager, name, _ := strings.Cut(h.Name, " ")
		item.Title, item.Note = name, manager+", in "+h.Title
	}
	switch {
	case h.Template == "":
	case h.Kind == template.ScriptHit:
		item.URL = kit.URL.TemplatePart(string(h.Template), string(tabScripts))
	case h.Kind == template.FileHit:
		item.URL = kit.URL.TemplatePart(string(h.Template), string(tabFiles))
	case h.Kind == template.PackageHit:
		item.URL = kit.URL.TemplatePart(string(h.Template), string(tabPackages))
	}
	if h.Shared {
		item.Note += " (shared)"
	}
	return item
}
