package dashboard

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
)

// state is everything that one owner's dashboard shows at one moment, made from
// a picture. It is immutable; the next one shares what did not change.
type state struct {
	epoch    string
	seq      uint64
	at       time.Time
	picture  *fleet.Picture
	clusters []*clusterRows
	work     work
	judge    *judge
	judged   extent // what of the judge the rows refer to
	banners  []banner
	figures  figures

	order   sync.Once
	byName  []*row
	encode  sync.Once
	encoded []byte
}

// clusterRows are one cluster's nodes and containers. The pointer stays the
// same for as long as the cluster's picture does.
type clusterRows struct {
	picture *fleet.ClusterPicture
	id      fleet.ClusterID
	name    string
	seen    int64
	shared  string // its nodes whose title another cluster's node has too, see sharedTitles
	doing   string // what jobs do to its containers, see work.marks
	nodes   []nodeRow
	rows    []*row // by VMID
}

// figures are the numbers at the top of the page, of the whole fleet.
type figures struct{ Total, Running, Stopped, Attention int }

// id is the event id of the state: (epoch, sequence).
func (s *state) id() string { return s.epoch + "-" + strconv.FormatUint(s.seq, 10) }

// fresh is when the newest whole answer came; zero when none ever did.
func (s *state) fresh() (seen int64) {
	for _, c := range s.clusters {
		seen = max(seen, c.seen)
	}
	return seen
}

func (s *state) nodes() (n int) {
	for _, c := range s.clusters {
		n += len(c.nodes)
	}
	return n
}

// sorted are all rows by name.
func (s *state) sorted() []*row {
	s.order.Do(func() {
		s.byName = make([]*row, 0, s.figures.Total)
		for _, c := range s.clusters {
			s.byName = append(s.byName, c.rows...)
		}
		by := fleet.Order{}
		slices.SortFunc(s.byName, func(a, b *row) int { return by.Compare(&a.Subject, &b.Subject) })
	})
	return s.byName
}

// recheckAfter is how long a state stands when its picture does not change: some reasons for attention come with time alone.
const recheckAfter = time.Minute

// current reports whether the state still shows the picture and the board.
func (s *state) current(p *fleet.Picture, b *job.Board, now time.Time) bool {
	return s.work.board.Rev == b.Rev && (s.picture == p || s.picture.Rev == p.Rev && len(s.clusters) == len(p.Clusters)) && now.Sub(s.at) < recheckAfter
}

// next makes the state that follows prev (nil: the first one) from a picture.
func next(prev *state, p *fleet.Picture, w work, now time.Time) *state {
	s := &state{at: now, picture: p, work: w}
	again := false
	before := map[fleet.ClusterID]*clusterRows{}
	if prev != nil {
		s.epoch, s.seq, s.judge = prev.epoch, prev.seq, prev.judge
		again = now.Sub(prev.at) >= recheckAfter
		if !again {
			s.at = prev.at
		}
		for _, c := range prev.clusters {
			before[c.id] = c
		}
	}
	if s.judge == nil || s.judge.extent().judgements > judgeFull {
		// Rows of before refer to the judge of before: all are made anew, and browsers get everything.
		s.judge, s.epoch, before = newJudge(), newEpoch(), map[fleet.ClusterID]*clusterRows{}
	}
	shared, marks := sharedTitles(p), w.marks()
	for _, c := range p.Clusters {
		old := before[c.Cluster]
		if old == nil || old.picture != c || old.shared != shared[c.Cluster] || old.doing != marks[c.Cluster] || again {
			old = s.newClusterRows(c, old, shared[c.Cluster], now)
			old.doing = marks[c.Cluster]
		}
		s.clusters = append(s.clusters, old)
		for _, r := range old.rows {
			s.figures.add(r)
		}
	}
	s.judged = s.judge.extent()
	s.banners = bannersOf(s.clusters)
	return s
}

func (f *figures) add(r *row) {
	f.Total++
	switch r.Status {
	case fleet.Running:
		f.Running++
	case fleet.Stopped:
		f.Stopped++
	}
	if r.Attention {
		f.Attention++
	}
}

// sharedTitles lists, for each cluster, its nodes whose title is not alone in
// the fleet: those are called by their cluster's name too.
func sharedTitles(p *fleet.Picture) map[fleet.ClusterID]string {
	count := map[string]int{}
	for _, c := range p.Clusters {
		for i := range c.Nodes {
			count[c.Nodes[i].Title()]++
		}
	}
	shared := map[fleet.ClusterID]string{}
	for _, c := range p.Clusters {
		for i := range c.Nodes {
			if n := &c.Nodes[i]; count[n.Title()] > 1 {
				shared[c.Cluster] += n.ID.Name + "\n"
			}
		}
	}
	return shared
}

func (s *state) newClusterRows(c *fleet.ClusterPicture, prev *clusterRows, shared string, now time.Time) *clusterRows {
	n := &clusterRows{picture: c, id: c.Cluster, name: c.Name, seen: unix(c.SeenAt), shared: shared, nodes: make([]nodeRow, 0, len(c.Nodes)), rows: make([]*row, 0, len(c.Containers))}
	for _, node := range c.Nodes {
		var old *nodeRow
		if prev != nil {
			old = prev.node(node.ID.Name)
		}
		r := newNodeRow(node, c, old)
		r.choice = r.Title()
		if strings.Contains("\n"+shared, "\n"+r.Name+"\n") {
			r.choice = c.Name + "/" + r.choice
		}
		n.nodes = append(n.nodes, r)
	}
	i, bench := 0, s.judge.bench(c)
	for _, container := range c.Containers {
		var old *row
		if prev != nil {
			for i < len(prev.rows) && prev.rows[i].ID.VMID < container.ID.VMID {
				i++
			}
			if i < len(prev.rows) && prev.rows[i].ID.VMID == container.ID.VMID {
				old = prev.rows[i]
			}
		}
		r := newRow(container, n.node(container.Node), c.Name, old, bench.of(container, s.work.busyOf(container.ID)), s.work.endingOf(container.ID), now)
		if old != nil && r.sameStructure(old) && r.sameNumbers(old) && r.Uptime-old.Uptime < 60 {
			r = old
		}
		n.rows = append(n.rows, r)
	}
	return n
}

// node finds a node by its PVE name; nil when there is none.
func (c *clusterRows) node(name string) *nodeRow {
	i, ok := slices.BinarySearchFunc(c.nodes, name, func(n nodeRow, name string) int { return cmp.Compare(n.Name, name) })
	if !ok {
		return nil
	}
	return &c.nodes[i]
}

func (c *clusterRows) row(id fleet.VMID) *row {
	i, ok := slices.BinarySearchFunc(c.rows, id, func(r *row, id fleet.VMID) int { return cmp.Compare(r.ID.VMID, id) })
	if !ok {
		return nil
	}
	return c.rows[i]
}
