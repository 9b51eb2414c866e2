package audit

// What is done to templates and buckets and concerns others, or cannot be undone.
const (
	TemplateShare   Kind = "template.share"
	TemplateUnshare Kind = "template.unshare"
	TemplateDrop    Kind = "template.delete"
	TemplateImport  Kind = "template.import"
	TemplateStarter Kind = "template.starter"
	BucketDrop      Kind = "bucket.delete"
)
