// Package act has the one path of every action on containers: judged from the
// picture, kept as a job, carried out by the works that the engine runs.
//
// Four things hold throughout. A person's request never waits for Proxmox.
// Proxmox is asked once for each thing: what is about to be asked is durable
// before the call, the task's UPID before it is waited for, and a call whose
// answer was lost is looked into and never repeated. Nothing is done to a
// container that is not the one that was meant. And every call stands in the
// audit trail before it is made.
package act

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
)

// Engine runs jobs; it knows no container.
type Engine interface {
	// Submit stores a job. When it runs at once, steps whose subject is taken become Skipped; when all are, it is a Conflict and nothing is stored.
	// The same owner's same Once is one job.
	Submit(ctx context.Context, j job.Job, steps []job.Step) (job.ID, error)
	// Start begins a planned job for somebody at that address, and writes the entry with it, if it is new.
	Start(ctx context.Context, owner string, id job.ID, address string, entry *audit.Entry) error
	// Cancel leaves the rest of a job undone, and writes the entry with it, if that is new.
	Cancel(ctx context.Context, owner string, id job.ID, entry *audit.Entry) error
	Dismiss(ctx context.Context, owner string, id job.ID, n int) error
	Board(owner string) *job.Board
}

// Store is what these verbs read and keep. What is absent or another's is problem.Missing.
type Store interface {
	Cluster(ctx context.Context, owner string, id fleet.ClusterID) (fleet.Cluster, error)
	User(ctx context.Context, id account.UserID) (account.User, error)
	Job(ctx context.Context, owner string, id job.ID) (job.Job, error)
	// JobOnce is the job that a form of that mark made.
	JobOnce(ctx context.Context, owner, once string) (job.ID, error)
	Steps(ctx context.Context, f job.Filter) ([]job.Step, error)
	Audit(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Watcher has the picture, and is told what an action saw.
type Watcher interface {
	Picture(owner string) *fleet.Picture
	// Saw takes a container's own status; one without a node is gone.
	Saw(ctx context.Context, owner string, c fleet.Container)
}

// Options are what New needs.
type Options struct {
	Engine  Engine // may be set later, by Use: the engine needs the works first
	Store   Store
	Watcher Watcher
	// Dial prepares calls to a cluster with its token; it connects to nobody yet.
	Dial func(ctx context.Context, c fleet.Cluster) (Connection, error)
	Now  func() time.Time
	Log  *slog.Logger
	// Refused notes in the trail, boundedly, what was refused before any intent; nil: nothing does.
	Refused func(ctx context.Context, e audit.Entry)
	// DeletesPerStorage is how many containers are deleted from one storage at once; 0: 2. Proxmox locks it.
	DeletesPerStorage int
}

// Service has the verbs and the works. It is safe for concurrent use.
type Service struct {
	engine            Engine
	store             Store
	watcher           Watcher
	now               func() time.Time
	log               *slog.Logger
	links             *links
	noteRefusal       func(ctx context.Context, e audit.Entry)
	deletesPerStorage int

	mu      sync.Mutex
	changed chan struct{} // closed and made anew by Recheck
}

// New makes the verbs; nothing happens before the engine runs.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(context.Context, audit.Entry) {}
	}
	if o.DeletesPerStorage <= 0 {
		o.DeletesPerStorage = 2
	}
	return &Service{engine: o.Engine, store: o.Store, watcher: o.Watcher, now: o.Now, log: o.Log,
		links: &links{dial: o.Dial, open: map[fleet.ClusterID]*link{}}, noteRefusal: o.Refused, deletesPerStorage: o.DeletesPerStorage,
		changed: make(chan struct{})}
}

// Use gives the engine that runs the jobs.
func (s *Service) Use(e Engine) { s.engine = e }

// Recheck makes every step under way look at once whether its cluster and its
// person are still there. A deleted cluster's steps and a disabled person's end.
func (s *Service) Recheck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Service) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
