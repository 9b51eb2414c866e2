package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// Topics between replicas; the id is a cluster's, or an owner's.
const (
	topicPicture = "watch.picture"
	topicCluster = "watch.cluster"
	topicTry     = "watch.try"
	topicLook    = "watch.look"
	topicSaw     = "watch.saw"
	// topicResync is the store's own: announcements may have been lost, everything is to be read anew.
	topicResync = "resync"
)

// Store is what the watcher keeps and reads.
type Store interface {
	// AllClusters are those of every owner who is not disabled.
	AllClusters(ctx context.Context) ([]fleet.Cluster, error)
	SetHalt(ctx context.Context, id fleet.ClusterID, halt *fleet.Halt) error
	SetMembers(ctx context.Context, id fleet.ClusterID, members []fleet.Member) error
	Default(ctx context.Context, owner string) (fleet.NodeID, bool, error)
	SetDefault(ctx context.Context, owner string, node fleet.NodeID) error
	SavePicture(ctx context.Context, id fleet.ClusterID, data []byte, seenAt time.Time) error
	LoadPictures(ctx context.Context) (map[fleet.ClusterID][]byte, error)
	LoadPicture(ctx context.Context, id fleet.ClusterID) ([]byte, error)
	// What is kept of containers that were looked at closely, and Proxmox's tasks on containers.
	SaveDetail(ctx context.Context, id fleet.ContainerID, data []byte, seenAt time.Time) error
	Detail(ctx context.Context, owner string, id fleet.ContainerID) ([]byte, error)
	KeepGuestTasks(ctx context.Context, cluster fleet.ClusterID, tasks map[fleet.VMID][]fleet.Task) error
	GuestTasks(ctx context.Context, owner string, id fleet.ContainerID) ([]fleet.KeptTask, error)
	KeepGuestTaskLog(ctx context.Context, owner string, id fleet.ContainerID, upid string, lines []string, at time.Time) error
	PruneDetails(ctx context.Context, seenBefore, tasksBefore time.Time) error
	Audit(ctx context.Context, entry audit.Entry) (audit.Entry, error)
	Claim(ctx context.Context, name, holder string, until, now time.Time) (won bool, err error)
	Release(ctx context.Context, name, holder string) error
	Announce(ctx context.Context, topic, id string) error
	// Listen calls what for each announcement of any replica, this one included, until ctx ends.
	Listen(ctx context.Context, what func(topic, id string)) error
}

// Options are what a Watcher stands on.
type Options struct {
	Store Store
	// Dial makes the source of a cluster without connecting yet. It fetches the
	// secret itself, so that the watcher never holds one.
	Dial func(ctx context.Context, c fleet.Cluster) (Source, error)
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: slog.Default
	// Holder names this replica in leases; it is different in each process.
	Holder string
	// Alone says that no other replica can use the store: leases and announcements are left out.
	Alone bool
	// Jitter is 0 to 1; nil: random.
	Jitter func() float64
}

// Watcher watches the clusters of all owners. Its methods may be called from
// any goroutine, before and while Run runs; none of them waits for Proxmox, but TryNow.
type Watcher struct {
	options Options
	now     func() time.Time
	log     *slog.Logger
	jitter  func() float64
	pace    pace

	reconciling sync.Mutex // one reader of the clusters at a time

	mu     sync.RWMutex
	ctx    context.Context // of Run; nil before and after
	loops  map[fleet.ClusterID]*running
	owners map[string]*owner
	// closers look at single containers; also those that nobody looks at now, for a while.
	closers map[closerKey]*closer
	rev     uint64
	group   sync.WaitGroup
	loaded  bool
}

// running is a loop with the cluster's row as it was read last.
type running struct {
	loop    *loop
	cluster fleet.Cluster
	stop    context.CancelFunc // nil: not started
	done    chan struct{}
}

// New makes a watcher; nothing happens before Load or Run.
func New(options Options) *Watcher {
	w := &Watcher{options: options, now: options.Now, log: options.Log, jitter: options.Jitter, pace: usualPace,
		loops: map[fleet.ClusterID]*running{}, owners: map[string]*owner{},
		closers: map[closerKey]*closer{}}
	if w.now == nil {
		w.now = time.Now
	}
	if w.log == nil {
		w.log = slog.Default()
	}
	if w.jitter == nil {
		w.jitter = rand.Float64
	}
	return w
}

// Load reads the clusters and their kept pictures, so that the first page has
// what was seen last. Run does it when nobody did.
func (w *Watcher) Load(ctx context.Context) error {
	w.reconciling.Lock()
	defer w.reconciling.Unlock()
	if w.loaded {
		return nil
	}
	pictures, err := w.options.Store.LoadPictures(ctx)
	if err != nil {
		return fmt.Errorf("loading the kept pictures: %w", err)
	}
	if err := w.reconcile(ctx, pictures); err != nil {
		return err
	}
	w.loaded = true
	return nil
}

// Run watches until ctx ends, and returns when every loop has ended and kept its last picture.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.Load(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	w.ctx = ctx
	for _, r := range w.loops {
		w.start(r)
	}
	closers := slices.Collect(maps.Values(w.closers))
	w.mu.Unlock()
	for _, c := range closers {
		w.attendClosely(c)
	}
	w.group.Go(func() { w.prune(ctx) })
	if !w.options.Alone {
		w.group.Go(func() { w.listen(ctx) })
		w.group.Go(func() { w.tellLooking(ctx) })
	}
	<-ctx.Done()
	w.mu.Lock()
	w.ctx = nil
	w.mu.Unlock()
	w.group.Wait()
	return nil
}

// start starts a loop's goroutine. The caller holds w.mu and w.ctx is set.
func (w *Watcher) start(r *running) {
	if r.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(w.ctx)
	r.stop, r.done = stop, make(chan struct{})
	w.group.Go(func() {
		defer close(r.done)
		r.loop.run(ctx)
	})
}

// count is how many clusters are watched.
func (w *Watcher) count() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.loops)
}

// TryNow makes exactly one call to a cluster because a person asked for it, and
// returns how it ended. It is the only call to a halted cluster; when it goes
// well the watching goes on. Another owner's cluster is not found.
func (w *Watcher) TryNow(ctx context.Context, ownerID string, id fleet.ClusterID) error {
	w.mu.RLock()
	r := w.loops[id]
	started := r != nil && r.stop != nil
	w.mu.RUnlock()
	if r == nil || r.loop.owner != ownerID {
		return problem.Missing()
	}
	if !started {
		return problem.New(problem.Conflict, "Berth is only just starting.", "Try again in a moment.")
	}
	reply := make(chan error, 1)
	r.loop.post(func(m *mailbox) { m.tries = append(m.tries, reply) })
	select {
	case err := <-reply:
		return err
	case <-r.done:
		return problem.Missing()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reload reads a cluster anew after it was added, changed or deleted; empty
// reads all. When it returns Picture shows the change.
func (w *Watcher) Reload(id fleet.ClusterID) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.reread(ctx)
	w.announce(ctx, topicCluster, string(id))
}

func (w *Watcher) reread(ctx context.Context) {
	w.reconciling.Lock()
	defer w.reconciling.Unlock()
	if !w.loaded {
		return // Load reads them
	}
	if err := w.reconcile(ctx, nil); err != nil {
		w.log.Error("watch: clusters were not read anew", "err", err)
	}
}

// reconcile makes the loops fit the clusters in the store. The caller holds w.reconciling.
func (w *Watcher) reconcile(ctx context.Context, pictures map[fleet.ClusterID][]byte) error {
	clusters, err := w.options.Store.AllClusters(ctx)
	if err != nil {
		return fmt.Errorf("reading the clusters: %w", err)
	}
	defaults, err := w.defaults(ctx, clusters)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	present := map[fleet.ClusterID]bool{}
	for _, c := range clusters {
		present[c.ID] = true
		w.keepLoop(c, pictures[c.ID])
	}
	for id, r := range w.loops {
		if !present[id] {
			w.dropLoop(r)
		}
	}
	for ownerID, d := range defaults {
		w.setDefault(ownerID, d)
	}
	return nil
}

func (w *Watcher) defaults(ctx context.Context, clusters []fleet.Cluster) (map[string]fleet.NodeID, error) {
	defaults := map[string]fleet.NodeID{}
	for _, c := range clusters {
		if _, known := defaults[c.Owner]; known {
			continue
		}
		d, _, err := w.options.Store.Default(ctx, c.Owner)
		if err != nil {
			return nil, fmt.Errorf("reading an owner's default node: %w", err)
		}
		defaults[c.Owner] = d
	}
	return defaults, nil
}

// keepLoop begins a loop for a new cluster, or gives the loop the changed row. The caller holds w.mu.
func (w *Watcher) keepLoop(c fleet.Cluster, row []byte) {
	if r, ok := w.loops[c.ID]; ok && r.loop.owner == c.Owner {
		if !reflect.DeepEqual(r.cluster, c) {
			r.cluster = c
			r.loop.post(func(m *mailbox) { m.cluster = &c })
		}
		return
	}
	r := &running{loop: newLoop(w, c, row), cluster: c}
	w.loops[c.ID] = r
	w.place(r.loop.sight.draw(drawing{spend: r.loop.keptSpend}))
	if w.ctx != nil {
		w.start(r)
	}
}

// dropLoop ends the loop of a deleted cluster and takes it out of its owner's picture. The caller holds w.mu.
func (w *Watcher) dropLoop(r *running) {
	r.loop.drop()
	if r.stop != nil {
		r.stop()
	}
	delete(w.loops, r.loop.id)
	for key, c := range w.closers {
		if key.id.Cluster == r.loop.id {
			c.forget.Stop()
			delete(w.closers, key)
		}
	}
	o := w.owner(r.loop.owner)
	clusters := slices.DeleteFunc(slices.Clone(o.picture.Clusters), func(p *fleet.ClusterPicture) bool { return p.Cluster == r.loop.id })
	w.show(r.loop.owner, clusters)
}

// announce tells the other replicas; a lost word costs seconds, never data.
func (w *Watcher) announce(ctx context.Context, topic, id string) {
	if w.options.Alone {
		return
	}
	if err := w.options.Store.Announce(ctx, topic, id); err != nil && !errors.Is(err, context.Canceled) {
		w.log.Warn("watch: other replicas were not told", "topic", topic, "err", err)
	}
}

// announceSoon does it without holding up a page.
func (w *Watcher) announceSoon(topic, id string) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if ctx := w.ctx; ctx != nil && !w.options.Alone {
		w.group.Go(func() { w.announce(ctx, topic, id) })
	}
}
