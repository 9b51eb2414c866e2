// Package templates has the verbs of templates and package buckets: keep,
// duplicate, delete, restore, share; buckets and their packages; import and
// export. None of them needs a node.
//
// Everything is the viewer's own, with one exception: templates that their
// owner shared may be read, duplicated and exported by everybody. What is
// another's and what is absent is the same problem.Missing.
package templates

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/template"
)

// Store is what these verbs keep.
type Store interface {
	Templates(ctx context.Context, viewer string, f template.Filter) ([]template.Summary, error)
	TemplatesWith(ctx context.Context, viewer string, words []string) (map[template.ID]bool, error)
	Template(ctx context.Context, viewer string, id template.ID) (template.Template, error)
	TemplateNamed(ctx context.Context, owner, name string) (template.Template, bool, error)
	TemplatesFrom(ctx context.Context, owner string, from template.Source) ([]template.Summary, error)
	TemplateNames(ctx context.Context, owner string) ([]string, error)
	Revisions(ctx context.Context, owner string, id template.ID) ([]template.Revision, error)
	Revision(ctx context.Context, owner string, id template.ID, number int64) (template.Revision, template.Content, error)
	ShareTemplate(ctx context.Context, owner string, id template.ID, shared bool) error
	FindInTemplates(ctx context.Context, viewer string, words []string, most int) ([]template.Hit, error)
	ChangeTemplates(ctx context.Context, owner string, c template.Change) error

	Buckets(ctx context.Context, owner string) ([]template.BucketSummary, error)
	Bucket(ctx context.Context, owner string, id template.BucketID) (template.Bucket, error)
	LinkedBuckets(ctx context.Context, viewer string, id template.ID) (map[template.BucketID]template.Bucket, error)
	BucketUsers(ctx context.Context, owner string, id template.BucketID) ([]template.Summary, error)

	PutImport(ctx context.Context, owner string, im template.Import) error
	Import(ctx context.Context, owner, id string) (template.Import, error)
	DropImport(ctx context.Context, owner, id string) error

	SignInHost(ctx context.Context, id account.HostID) (account.SignInHost, error)
	Audit(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Options are what New needs.
type Options struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
	// MadeFrom lists the owner's containers that were made from a template; nil: none are known.
	MadeFrom func(ctx context.Context, owner string, id template.ID) ([]fleet.ContainerID, error)
	// ImportRoot is the folder that directory imports are confined to; nil: there are none.
	ImportRoot *os.Root
}

// Service has the verbs. It is safe for concurrent use.
type Service struct {
	store    Store
	now      func() time.Time
	log      *slog.Logger
	madeFrom func(ctx context.Context, owner string, id template.ID) ([]fleet.ContainerID, error)
	root     *os.Root
	turns    *turns
}

// New makes the verbs.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MadeFrom == nil {
		o.MadeFrom = func(context.Context, string, template.ID) ([]fleet.ContainerID, error) { return nil, nil }
	}
	return &Service{store: o.Store, now: o.Now, log: o.Log, madeFrom: o.MadeFrom, root: o.ImportRoot, turns: newTurns()}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func owner(v account.Viewer) string { return string(v.User.ID) }
