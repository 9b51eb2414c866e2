package dashboard

import (
	"net/url"
	"slices"
	"strings"

	"berth/internal/fleet"
)

// filter is what the address of the dashboard asks for. js/filter.js reads and
// writes the same keys.
type filter struct {
	Nodes  []fleet.NodeID // any of them; empty: all
	Status string         // one of fleet.StatusWords; empty: all
	Q      string
	Tags   []string // all of them
	Order  fleet.Order
	Table  bool // table instead of cards
	ByNode bool // grouped by node instead of flat

	query fleet.Query
}

// maxChosen is how many nodes and tags an address may name; the rest is ignored.
const maxChosen = 50

// readFilter reads the query of an address. What makes no sense is left out.
func readFilter(v url.Values) filter {
	f := filter{
		Q:      cut(strings.TrimSpace(v.Get("q")), fleet.MaxQuery),
		Order:  fleet.ParseOrder(v.Get("sort")),
		Table:  v.Get("view") == "table",
		ByNode: v.Get("group") == "node",
	}
	for _, s := range v["node"] {
		id, ok := fleet.ParseNodeID(s)
		if ok && !slices.Contains(f.Nodes, id) && len(f.Nodes) < maxChosen {
			f.Nodes = append(f.Nodes, id)
		}
	}
	if s := v.Get("status"); slices.Contains(fleet.StatusWords, s) {
		f.Status = s
	}
	for _, t := range v["tag"] {
		t = strings.ToLower(cut(strings.TrimSpace(t), 100))
		if t != "" && !slices.Contains(f.Tags, t) && len(f.Tags) < maxChosen {
			f.Tags = append(f.Tags, t)
		}
	}
	f.query = fleet.ParseQuery(f.Q)
	return f
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// narrows reports whether the filter leaves anything out.
func (f *filter) narrows() bool {
	return len(f.Nodes) > 0 || f.Status != "" || len(f.Tags) > 0 || !f.query.Empty()
}

// match reports whether a row is asked for.
func (f *filter) match(r *row) bool {
	if len(f.Nodes) > 0 && !slices.Contains(f.Nodes, r.NodeID()) {
		return false
	}
	if f.Status != "" && !r.HasStatus(f.Status) {
		return false
	}
	for _, t := range f.Tags {
		if !slices.ContainsFunc(r.Tags, func(has string) bool { return strings.EqualFold(has, t) }) {
			return false
		}
	}
	return f.query.Match(&r.Subject)
}

// NodeID is the identity of the node that the container is on.
func (r *row) NodeID() fleet.NodeID { return fleet.NodeID{Cluster: r.ID.Cluster, Name: r.Node} }

// rows are the state's rows that the filter asks for, in its order.
func (f *filter) rows(s *state) []*row {
	all := s.sorted()
	var out []*row
	if f.narrows() {
		for _, r := range all {
			if f.match(r) {
				out = append(out, r)
			}
		}
	} else {
		out = slices.Clone(all)
	}
	if f.Order.Key != "name" || f.Order.Down {
		slices.SortFunc(out, func(a, b *row) int { return f.Order.Compare(&a.Subject, &b.Subject) })
	}
	if f.ByNode {
		by := fleet.Order{Key: "node"}
		slices.SortStableFunc(out, func(a, b *row) int {
			if a.NodeID() == b.NodeID() {
				return 0
			}
			return by.Compare(&a.Subject, &b.Subject)
		})
	}
	return out
}

// url is the address of the dashboard under this filter; defaults are left out.
func (f filter) url() string {
	var b strings.Builder
	add := func(key, value string) {
		if b.Len() == 0 {
			b.WriteString("/?")
		} else {
			b.WriteByte('&')
		}
		b.WriteString(key + "=" + url.QueryEscape(value))
	}
	for _, n := range f.Nodes {
		add("node", n.String())
	}
	if f.Status != "" {
		add("status", f.Status)
	}
	for _, t := range f.Tags {
		add("tag", t)
	}
	if f.Q != "" {
		add("q", f.Q)
	}
	if s := f.Order.String(); s != "name" {
		add("sort", s)
	}
	if f.Table {
		add("view", "table")
	}
	if f.ByNode {
		add("group", "node")
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func (f filter) withStatus(s string) filter     { f.Status = s; return f }
func (f filter) withOrder(o fleet.Order) filter { f.Order = o; return f }

func (f filter) without(tag string) filter {
	f.Tags = slices.DeleteFunc(slices.Clone(f.Tags), func(t string) bool { return t == tag })
	return f
}

func (f filter) withoutNode(id fleet.NodeID) filter {
	f.Nodes = slices.DeleteFunc(slices.Clone(f.Nodes), func(n fleet.NodeID) bool { return n == id })
	return f
}

// cleared keeps how things are shown and drops what is left out.
func (f filter) cleared() filter { return filter{Order: f.Order, Table: f.Table, ByNode: f.ByNode} }
