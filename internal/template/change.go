package template

import "time"

// Write is one revision to be kept: of a new template when Base is 0, else of
// the template whose newest revision is Base.
type Write struct {
	Template ID
	Base     int64
	Content  Content
	Source   Source // of a new template; for another, it is changed when Kind is not empty
	By       string // who, as shown
	Note     string
}

// BucketWrite is one state of a bucket to be kept: of a new one when Base is 0.
type BucketWrite struct {
	Bucket Bucket // ID, Name, Description and Packages count
	Base   int64
}

// Change is a set of writes and deletions of one owner that happen together or
// not at all. Deletions come first, then buckets, then templates.
type Change struct {
	Writes        []Write
	Buckets       []BucketWrite
	Delete        []Held[ID]
	DeleteBuckets []Held[BucketID]
	// DropImport is a kept import that ends with the change.
	DropImport string
}

// Held is a thing as it was seen: when it has another number by now, the change is a Conflict.
type Held[I ~string] struct {
	ID   I
	Base int64
}

// Import is what was read from an archive or directory, kept until its preview is confirmed.
type Import struct {
	ID        string
	Origin    string // "site.zip", "directory web", "pasted"
	Contents  []ImportedContent
	Findings  []Finding // what was noticed in reading it, none of it an error
	ExpiresAt time.Time
}

// ImportedContent is one template of an import.
type ImportedContent struct {
	Dir     string   `json:"dir"`
	Content Content  `json:"content"`
	Follow  []string `json:"follow,omitempty"` // names of its lists that followed a bucket where it was exported
}

// ImportFor is how long a preview may be confirmed.
const ImportFor = time.Hour
