package template

import (
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// View is a template as its page shows it.
type View struct {
	Template // Content has the packages of followed buckets filled in
	// Mine says that the viewer may change it.
	Mine bool
	// Buckets are those that it follows.
	Buckets map[BucketID]Bucket
	// MadeFrom are the viewer's own containers that were made from it.
	MadeFrom []fleet.ContainerID
}

// Listing is a page of templates.
type Listing struct {
	Templates []Summary  // the viewer's own and those that others share, by name
	Tags      []TagCount // of all that the viewer may see, most used first
	All       int        // how many the viewer may see without the filter
}

// TagCount is how many templates have a tag.
type TagCount struct {
	Tag   string
	Count int
}

// Conflict is what the second of two savers gets: its Problem says so, and both texts are there.
type Conflict struct {
	*problem.Problem
	Base   Content  // what both began with; empty when that revision is gone
	Theirs Template // as it stands now
	Mine   Content  // what was to be saved
	// Diff leads from Theirs to Mine.
	Diff Diff
}

func (c *Conflict) Unwrap() error { return c.Problem }

// BucketView is a bucket as its page shows it.
type BucketView struct {
	Bucket
	Users []Summary // the templates that follow it: id, name and revision
}

// RemovedPackage is a package that was taken out, with the place where it was, so that it can be put back.
type RemovedPackage struct {
	Package
	At int
}

// Pasted is one file of a pasted import.
type Pasted struct {
	Path string // in the layout: "web/template.conf"
	Text string
}

// Plan is what an import would do. Nothing is changed before it is confirmed.
type Plan struct {
	ID        string // of the kept import
	Origin    string // "site.zip"
	Digest    string // of all that the plan would do; a confirmation carries it
	ExpiresAt time.Time
	Items     []PlanItem // new and changed first, then the same, then what could be removed
	Findings  []Finding  // of the whole and of each template, with file and line
}

// Blocked reports whether something is so wrong that the plan cannot be confirmed.
func (p Plan) Blocked() bool { return HasErrors(p.Findings) }

// Count is how many items have an action.
func (p Plan) Count(a PlanAction) (n int) {
	for _, i := range p.Items {
		if i.Action == a {
			n++
		}
	}
	return n
}

// PlanItem is what becomes of one template.
type PlanItem struct {
	Action   PlanAction
	Dir      string // in the layout; empty for what could be removed
	Name     string
	Template ID    // the one that is changed, stays the same or could be removed
	Base     int64 // its revision
	// Diff leads from the template as it stands to the imported one; from nothing, for a new one.
	Diff    Diff
	Content Content // as it would be; empty for what could be removed
}

// PlanAction is what an import does with one template.
type PlanAction string

const (
	Create PlanAction = "new"
	Update PlanAction = "changed"
	Keep   PlanAction = "same"
	// Removable came from the same origin before and is not there any more; it is removed only when the person says so.
	Removable PlanAction = "removable"
)

// Result is what an import or the starter set did, by names.
type Result struct {
	Created, Changed, Same, Removed []string
}

// StarterInfo is one template of the starter set.
type StarterInfo struct {
	Dir     string
	Content Content
}
