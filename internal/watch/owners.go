package watch

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"berth/internal/fleet"
)

// lookFor is how long a page that was made counts as somebody looking.
const lookFor = 30 * time.Second

// owner is what one person sees, and whether they look.
type owner struct {
	picture     *fleet.Picture
	subscribers map[chan struct{}]struct{}
	watching    int
	lookedUntil time.Time // here
	lookedAway  time.Time // at another replica
	theDefault  fleet.NodeID
}

// Picture is the owner's fleet as last seen. It is never nil, never changed and never waits.
func (w *Watcher) Picture(ownerID string) *fleet.Picture {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if o := w.owners[ownerID]; o != nil && o.picture != nil {
		return o.picture
	}
	return &fleet.Picture{Owner: ownerID}
}

// Subscribe gives a channel that receives when Picture(owner) is new. Signals
// that were not taken become one; a slow reader holds nobody up. The second
// value ends the subscription.
func (w *Watcher) Subscribe(ownerID string) (<-chan struct{}, func()) {
	signal := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner(ownerID).subscribers[signal] = struct{}{}
	return signal, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.owner(ownerID).subscribers, signal)
	}
}

// Look says that a page was made for the owner: somebody looks for 30 s.
func (w *Watcher) Look(ownerID string) {
	now := w.now()
	w.mu.Lock()
	o := w.owner(ownerID)
	was := o.looked(now)
	o.lookedUntil = now.Add(lookFor)
	w.mu.Unlock()
	if !was {
		w.attend(ownerID)
		w.announceSoon(topicLook, ownerID)
	}
}

// Watching says that a visible stream is open for the owner, until it is released.
func (w *Watcher) Watching(ownerID string) (release func()) {
	now := w.now()
	w.mu.Lock()
	o := w.owner(ownerID)
	was := o.looked(now)
	o.watching++
	w.mu.Unlock()
	if !was {
		w.attend(ownerID)
		w.announceSoon(topicLook, ownerID)
	}
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.owner(ownerID).watching--
	})
}

func (o *owner) looked(now time.Time) bool {
	return o.watching > 0 || now.Before(o.lookedUntil) || now.Before(o.lookedAway)
}

// looked reports whether somebody looks at the owner's fleet.
func (w *Watcher) looked(ownerID string, now time.Time) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	o := w.owners[ownerID]
	return o != nil && o.looked(now)
}

// lookedAway reports whether somebody looks at the owner's fleet at another replica.
func (w *Watcher) lookedAway(ownerID string, now time.Time) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	o := w.owners[ownerID]
	return o != nil && now.Before(o.lookedAway)
}

// attend wakes the owner's loops, because somebody began to look.
func (w *Watcher) attend(ownerID string) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, r := range w.loops {
		if r.loop.owner == ownerID {
			r.loop.post(func(*mailbox) {})
		}
	}
}

// owner finds or begins what is known of an owner. The caller holds w.mu.
func (w *Watcher) owner(id string) *owner {
	o := w.owners[id]
	if o == nil {
		o = &owner{subscribers: map[chan struct{}]struct{}{}}
		w.owners[id] = o
	}
	return o
}

// publish gives a new picture of a cluster to its owner, unless the cluster was dropped meanwhile.
func (w *Watcher) publish(p *fleet.ClusterPicture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.loops[p.Cluster]; ok {
		w.place(p)
	}
}

// place puts a cluster's picture into its owner's. The caller holds w.mu, and p was not published yet.
func (w *Watcher) place(p *fleet.ClusterPicture) {
	o := w.owner(p.Owner)
	p.Rev = w.rev + 1
	for i := range p.Nodes {
		p.Nodes[i].Default = p.Nodes[i].ID == o.theDefault
	}
	var clusters []*fleet.ClusterPicture
	if o.picture != nil {
		clusters = slices.Clone(o.picture.Clusters)
	}
	i := slices.IndexFunc(clusters, func(old *fleet.ClusterPicture) bool { return old.Cluster == p.Cluster })
	if i >= 0 {
		clusters[i] = p
	} else {
		clusters = append(clusters, p)
		slices.SortStableFunc(clusters, func(a, b *fleet.ClusterPicture) int { return w.byAge(a.Cluster, b.Cluster) })
	}
	w.show(p.Owner, clusters)
}

// byAge orders clusters as they were added.
func (w *Watcher) byAge(a, b fleet.ClusterID) int {
	ra, rb := w.loops[a], w.loops[b]
	if ra == nil || rb == nil {
		return cmp.Compare(a, b)
	}
	if d := ra.cluster.CreatedAt.Compare(rb.cluster.CreatedAt); d != 0 {
		return d
	}
	return cmp.Compare(a, b)
}

// show swaps an owner's picture and signals the subscribers. The caller holds w.mu.
func (w *Watcher) show(ownerID string, clusters []*fleet.ClusterPicture) {
	o := w.owner(ownerID)
	w.rev++
	o.picture = &fleet.Picture{Owner: ownerID, Rev: w.rev, Clusters: clusters}
	for signal := range o.subscribers {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}

// setDefault marks another node as the owner's default. The caller holds w.mu.
func (w *Watcher) setDefault(ownerID string, node fleet.NodeID) {
	o := w.owner(ownerID)
	if o.theDefault == node {
		return
	}
	old := o.theDefault
	o.theDefault = node
	for id, r := range w.loops {
		if r.loop.owner == ownerID && (id == old.Cluster || id == node.Cluster) {
			w.remark(r.loop.id, o)
		}
	}
}

// successor is the node that should be the owner's default because theirs is
// gone: the first online one of the same cluster, or of the oldest when the
// cluster is gone too.
func (w *Watcher) successor(ownerID string) (fleet.NodeID, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	o := w.owners[ownerID]
	if o == nil || o.picture == nil {
		return fleet.NodeID{}, false
	}
	candidates := o.picture.Clusters
	for _, p := range o.picture.Clusters {
		if p.Cluster != o.theDefault.Cluster {
			continue
		}
		if _, there := p.Node(o.theDefault.Name); there {
			return fleet.NodeID{}, false
		}
		candidates = []*fleet.ClusterPicture{p}
	}
	for _, p := range candidates {
		for _, n := range p.Nodes {
			if n.State == fleet.Online {
				return n.ID, true
			}
		}
	}
	return fleet.NodeID{}, false
}

// remark publishes a cluster's picture again with another default node. The caller holds w.mu.
func (w *Watcher) remark(id fleet.ClusterID, o *owner) {
	for _, p := range o.picture.Clusters {
		if p.Cluster == id {
			again := *p
			again.Nodes = slices.Clone(p.Nodes)
			w.place(&again)
			return
		}
	}
}
