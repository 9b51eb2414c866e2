package kit

import (
	"net/url"
	"strconv"
)

// TemplateNew is the empty form of a template.
func (urls) TemplateNew() string { return "/templates/new" }

// TemplatesOf is the list of templates with one tag.
func (urls) TemplatesOf(tag string) string { return "/templates?" + url.Values{"tag": {tag}}.Encode() }

// TemplateStarters is where the starter set is added.
func (urls) TemplateStarters() string { return "/templates/starters" }

// TemplateExport is where templates are exported to an archive.
func (urls) TemplateExport() string { return "/templates/export" }

// TemplateCheck is where the editor has a script looked at.
func (urls) TemplateCheck() string { return "/templates/check" }

// TemplateImport is where templates are read from an archive, pasted files or a folder.
func (urls) TemplateImport() string { return "/templates/import" }

// TemplateImportOf is where one way of importing is sent: "archive", "paste", "folder".
func (urls) TemplateImportOf(way string) string { return under("/templates/import", way) }

// Import is the preview of one import; "confirm" and "discard" hang below it.
func (urls) Import(id string) string { return under("/imports", id) }

// Template is the page of one template; its tabs and actions hang below it:
// "scripts", "packages", "files", "revisions", "edit", "duplicate", "delete", "share", "take".
func (urls) Template(id string) string { return under("/templates", id) }

func (u urls) TemplatePart(id, part string) string {
	return u.Template(id) + "/" + url.PathEscape(part)
}

// TemplateRevision is one earlier state of a template.
func (u urls) TemplateRevision(id string, n int64) string {
	return u.TemplatePart(id, "revisions") + "/" + strconv.FormatInt(n, 10)
}

// TemplateCompare is the difference between two revisions.
func (u urls) TemplateCompare(id string, from, to int64) string {
	return u.TemplatePart(id, "revisions") + "?" + url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)}}.Encode()
}

// PackagesNew is where a bucket is made.
func (urls) PackagesNew() string { return "/templates/packages/new" }

// Bucket is the page of one package bucket; "add", "remove", "put-back", "paste", "describe", "delete", "take" hang below it.
func (urls) Bucket(id string) string { return under("/packages", id) }

func (u urls) BucketPart(id, part string) string { return u.Bucket(id) + "/" + url.PathEscape(part) }
