// Package template has the nouns of what containers are made from: templates
// with their revisions, scripts, files, inputs and packages, and package
// buckets. It also holds the limits that forms share, the rules that a
// template has to keep, and the difference between two revisions. Nothing here
// talks to anybody.
package template

import "time"

// ID names a template (UUIDv7).
type ID string

// BucketID names a package bucket (UUIDv7).
type BucketID string

// Template is a template as it stands: its identity and the content of its newest revision.
type Template struct {
	ID        ID
	Owner     string // user id
	OwnerName string // as shown: "alice@pve"; set by the store
	Content   Content
	Revision  int64  // number of the newest revision, from 1; what a save compares
	Digest    string // of Content
	Shared    bool   // everybody on this Berth may read it
	Source    Source
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Source says where a template came from.
type Source struct {
	Kind SourceKind
	// From names it: the archive or directory of an import, the starter's name,
	// the template that was copied. Empty when it was made by hand.
	From string
}

// SourceKind is a way in which templates come to be.
type SourceKind string

const (
	Made     SourceKind = "made"
	Imported SourceKind = "import"
	Starter  SourceKind = "starter"
	Copied   SourceKind = "copy"
)

// Content is all that a revision holds. Clean brings it into the one form that
// is stored; Check says what is wrong with it.
type Content struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`

	// OS is a pattern for OS templates such as "debian-12-standard": the newest
	// image of the node whose name begins with it is taken.
	OS     string `json:"os"`
	Cores  int    `json:"cores"`
	Memory int    `json:"memory"` // MiB
	Swap   int    `json:"swap"`   // MiB
	Disk   int    `json:"disk"`   // GiB
	// Storage and Bridge are names on the node; empty: the node's own default.
	Storage string `json:"storage,omitempty"`
	Bridge  string `json:"bridge,omitempty"`

	Unprivileged bool `json:"unprivileged"`
	Nesting      bool `json:"nesting,omitempty"`
	Keyctl       bool `json:"keyctl,omitempty"`
	Fuse         bool `json:"fuse,omitempty"`
	OnBoot       bool `json:"onboot,omitempty"`

	Inputs  []Input       `json:"inputs,omitempty"`
	Scripts []Script      `json:"scripts,omitempty"` // in the order in which they run
	Files   []File        `json:"files,omitempty"`
	Lists   []PackageList `json:"lists,omitempty"`
}

// New is the content that an empty form begins with.
func New() Content {
	return Content{OS: "debian-12-standard", Cores: 1, Memory: 512, Swap: 512, Disk: 8, Unprivileged: true}
}

// Script runs in the container as root with bash, and nobody to answer it.
type Script struct {
	Name string `json:"name"` // as in NN-name.sh, unique in its template
	// Number is the NN that an import found; 0 for none. Order in Content is what counts.
	Number   int    `json:"number,omitempty"`
	About    string `json:"about,omitempty"`
	Body     string `json:"body"`
	Disabled bool   `json:"disabled,omitempty"`
	Timeout  int    `json:"timeout,omitempty"` // seconds; 0: DefaultScriptTimeout
}

// Limit is how long the script may run.
func (s Script) Limit() time.Duration {
	if s.Timeout == 0 {
		return DefaultScriptTimeout
	}
	return time.Duration(s.Timeout) * time.Second
}

// File is written into the container before packages and scripts.
type File struct {
	Path    string `json:"path"`            // absolute, with the file's name
	Owner   string `json:"owner,omitempty"` // user or user:group; empty: root:root
	Mode    uint32 `json:"mode,omitempty"`  // permission bits; 0: DefaultFileMode
	Policy  Policy `json:"policy,omitempty"`
	Content []byte `json:"content,omitempty"` // text may carry {{input}}
}

// Policy says what happens when the file is there already.
type Policy string

const (
	IfAbsent Policy = "default" // written only when it is not there
	Replace  Policy = "replace" // overwritten when it differs
	Backup   Policy = "backup"  // the old one is kept as NAME.backup-YYYYMMDD-HHMMSS
)

// Policies are all of them, in the order of a form's choice.
var Policies = []Policy{IfAbsent, Replace, Backup}

// PackageList is a named list of packages in a template: its own, or one that
// follows a bucket of the template's owner.
type PackageList struct {
	Name string `json:"name"`
	// Bucket is the one that is followed; Packages are then the bucket's and not
	// part of the revision: Clean takes them out, the store fills them in on request.
	Bucket   BucketID  `json:"bucket,omitempty"`
	Packages []Package `json:"packages,omitempty"`
}

// Linked reports whether the list follows a bucket.
func (l PackageList) Linked() bool { return l.Bucket != "" }

// Bucket is a named list of packages that templates can take over.
type Bucket struct {
	ID          BucketID
	Owner       string
	Name        string
	Description string
	Packages    []Package
	Version     int64 // counts changes, from 1; what a save compares
	Digest      string
	UsedBy      int // templates of the owner that follow it; set by the store
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// BucketSummary is a bucket as a list shows it: Bucket without its packages, and their number.
type BucketSummary struct {
	Bucket
	Packages int
}

// Revision is one saved state of a template, without its content.
type Revision struct {
	Template ID
	Number   int64
	At       time.Time
	By       string // who, as shown
	Digest   string // SHA-256 of the canonical content, hex
	Note     string // "Imported from site.zip", "Restored from revision 3"; may be empty
	Size     int64  // bytes of the canonical content
}

// Counts are how many things a template has.
type Counts struct {
	Scripts, Files, Inputs int
	Packages               int // with those of linked buckets
	Linked                 int // lists that follow a bucket
}

// Summary is a template as a list shows it, without scripts, files and packages.
type Summary struct {
	ID           ID
	Owner        string
	OwnerName    string
	Name         string
	Description  string
	Tags         []string
	OS           string
	Cores        int
	Memory       int // MiB
	Swap         int // MiB
	Disk         int // GiB
	Unprivileged bool
	Counts       Counts
	Source       Source
	Shared       bool
	Revision     int64
	Digest       string
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Filter chooses templates of a list.
type Filter struct {
	Words []string // each in the name, description, tags, or the names of scripts, files or packages
	Tag   string   // one tag, whole
	// Mine leaves out those that others share.
	Mine bool
}

// Hit is a thing inside templates and buckets that a search found.
type Hit struct {
	Kind     HitKind
	Template ID       // unless it is in a bucket
	Bucket   BucketID // unless it is in a template
	Title    string   // the template's or bucket's name
	Name     string   // of the script, file or package; empty for the template or bucket itself
	Shared   bool     // it is another's
}

// HitKind is what a Hit is.
type HitKind string

const (
	TemplateHit HitKind = "template"
	ScriptHit   HitKind = "script"
	FileHit     HitKind = "file"
	PackageHit  HitKind = "package"
	BucketHit   HitKind = "bucket"
)
