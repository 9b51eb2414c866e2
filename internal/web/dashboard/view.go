package dashboard

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

const (
	// wholeUpTo is how many containers a page has in full; above, it has the first of its filter.
	wholeUpTo = 1500
	firstOf   = 240
	// rowOfNodes is how many nodes are offered as a row of choices; above, a combobox.
	rowOfNodes = 12
)

// view is what the page's template reads.
type view struct {
	Now      time.Time
	State    *state
	Filter   filter
	Nodes    []nodeView
	Sections []section
	Matched  int
	Shown    int
	Key      string // of the form that acts on all
	all      []*row // that the filter shows, drawn or not
}

// nodeView is a node in the strip and in the filter.
type nodeView struct {
	*nodeRow
	ID      string // cluster/node
	Choice  string // how the filter calls it: with its cluster where the name is not alone
	Count   int
	Seen    int64
	Chosen  bool
	Cluster string
}

// section is a part of the list: one node's containers, or all.
type section struct {
	Node *nodeView // nil: not grouped
	Key  string
	Rows []*row
}

func newView(s *state, f filter, now time.Time) *view {
	v := &view{Now: now, State: s, Filter: f}
	v.takeNodes()
	rows := f.rows(s)
	v.Matched, v.Shown, v.all = len(rows), len(rows), rows
	if s.figures.Total > wholeUpTo && len(rows) > firstOf {
		v.Shown = firstOf
		rows = rows[:firstOf]
	}
	v.takeSections(rows)
	return v
}

func (v *view) takeNodes() {
	v.Nodes = make([]nodeView, 0, v.State.nodes())
	for _, c := range v.State.clusters {
		counts := make(map[string]int, len(c.nodes))
		for _, r := range c.rows {
			counts[r.Node]++
		}
		for i := range c.nodes {
			n := &c.nodes[i]
			one := nodeView{nodeRow: n, ID: n.ID.String(), Choice: n.choice, Count: counts[n.Name], Seen: n.Seen, Cluster: c.name}
			if one.Seen == 0 {
				one.Seen = c.seen
			}
			for _, id := range v.Filter.Nodes {
				one.Chosen = one.Chosen || id == n.ID
			}
			v.Nodes = append(v.Nodes, one)
		}
	}
}

func (v *view) takeSections(rows []*row) {
	if !v.Filter.ByNode {
		if len(rows) > 0 {
			v.Sections = []section{{Rows: rows}}
		}
		return
	}
	nodes := make(map[fleet.NodeID]*nodeView, len(v.Nodes))
	for i := range v.Nodes {
		nodes[v.Nodes[i].nodeRow.ID] = &v.Nodes[i]
	}
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].NodeID() == rows[i].NodeID() {
			j++
		}
		id := rows[i].NodeID()
		n := nodes[id]
		if n == nil { // a container on a node that nothing else is known of
			n = &nodeView{nodeRow: &nodeRow{ID: id, Name: id.Name, State: string(fleet.NotSeen)}, ID: id.String(), Choice: id.Name}
		}
		v.Sections = append(v.Sections, section{Node: n, Key: id.String(), Rows: rows[i:j]})
		i = j
	}
}

// allNote says of which containers the menu of actions speaks.
func (v *view) allNote() string {
	switch {
	case v.Matched == 0:
		return "No container is shown."
	case v.Filter.narrows():
		return "All " + strconv.Itoa(v.Matched) + " that match. A plan is shown first."
	}
	return "All " + strconv.Itoa(v.Matched) + ". A plan is shown first."
}

// empty says which of the states without a list the page is in.
func (v *view) empty() string {
	switch {
	case len(v.State.clusters) == 0:
		return "no-nodes"
	case v.State.figures.Total == 0:
		return "no-containers"
	case v.Matched == 0:
		return "no-match"
	}
	return ""
}

// Subtitle is the line under the heading: "8 on 4 nodes".
func (v *view) Subtitle() string {
	n := v.State.nodes()
	switch {
	case len(v.State.clusters) == 0:
		return "Nothing to show yet"
	case v.State.figures.Total == 0:
		return "None on " + kit.Count(n, "node", "nodes")
	}
	return strconv.Itoa(v.State.figures.Total) + " on " + kit.Count(n, "node", "nodes")
}

// Result says how many the filter leaves; empty when it leaves all that there are on the page.
func (v *view) Result() string {
	switch {
	case v.empty() != "":
		return ""
	case v.Shown < v.Matched:
		return "The first " + strconv.Itoa(v.Shown) + " of " + strconv.Itoa(v.Matched) + " are shown."
	case v.Filter.narrows():
		return strconv.Itoa(v.Matched) + " of " + kit.Count(v.State.figures.Total, "container", "containers")
	}
	return ""
}

// newContainerWhy says why nothing can be created; never empty as long as this Berth cannot create.
func (v *view) newContainerWhy() string {
	if len(v.State.clusters) == 0 {
		return "Add a node first: a container needs one to run on."
	}
	return "This version of Berth shows containers; it cannot create them yet."
}

// several reports whether there is more than one node, and so something to choose.
func (v *view) several() bool { return len(v.Nodes) > 1 }

func (v *view) combobox() bool { return len(v.Nodes) > rowOfNodes }

// statusChoices are the states offered as a row; others can be searched for.
var statusChoices = []struct{ Value, Text string }{{"", "All"}, {"running", "Running"}, {"stopped", "Stopped"}, {"attention", "Attention"}}

// sortChoices are the orders offered in the cards view, with how they read.
var sortChoices = []struct{ Value, Text string }{
	{"name", "Name"}, {"-cpu", "CPU, highest first"}, {"-mem", "Memory, fullest first"}, {"-disk", "Disk, fullest first"},
	{"-uptime", "Uptime, longest first"}, {"uptime", "Uptime, shortest first"}, {"status", "Status"}, {"node", "Node"}, {"vmid", "VMID"}, {"tags", "Tags"},
}

// columns are the table's, with what each sorts by first.
var columns = []struct{ Key, Text, First string }{
	{"name", "Name", "name"}, {"vmid", "VMID", "vmid"}, {"node", "Node", "node"}, {"status", "Status", "status"}, {"cpu", "CPU", "-cpu"},
	{"mem", "Memory", "-mem"}, {"disk", "Disk", "-disk"}, {"uptime", "Uptime", "-uptime"}, {"", "Address", ""}, {"tags", "Tags", "tags"},
}

func (v *view) viewName() string {
	if v.Filter.Table {
		return "table"
	}
	return "cards"
}

type choice struct{ Value, Text string }

// sorts are the orders offered, and the present one where it is none of them.
func (v *view) sorts() (out []choice) {
	now := v.Filter.Order.String()
	found := false
	for _, c := range sortChoices {
		out = append(out, choice(c))
		found = found || c.Value == now
	}
	if !found {
		out = append(out, choice{now, orderWords(v.Filter.Order)})
	}
	return out
}

func orderWords(o fleet.Order) string {
	for _, c := range columns {
		if c.Key == o.Key {
			if o.Down {
				return c.Text + ", falling"
			}
			return c.Text + ", rising"
		}
	}
	return o.String()
}

// statuses are the states offered, and the present one where it is none of them.
func (v *view) statuses() (out []choice) {
	found := false
	for _, c := range statusChoices {
		out = append(out, choice(c))
		found = found || c.Value == v.Filter.Status
	}
	if !found {
		out = append(out, choice{v.Filter.Status, sentence(v.Filter.Status)})
	}
	return out
}

// onlyChosen reports whether the node is the one that the filter names, alone.
func (v *view) onlyChosen(n nodeView) bool { return n.Chosen && len(v.Filter.Nodes) == 1 }

// chosenNodes are the filter's nodes when the row of choices cannot show them: several, or one that is not there.
func (v *view) chosenNodes() (out []nodeView) {
	for _, id := range v.Filter.Nodes {
		known := false
		for _, n := range v.Nodes {
			if n.nodeRow.ID != id {
				continue
			}
			known = true
			if len(v.Filter.Nodes) > 1 {
				out = append(out, n)
			}
		}
		if !known {
			out = append(out, nodeView{nodeRow: &nodeRow{ID: id, Name: id.Name}, ID: id.String(), Choice: id.Name})
		}
	}
	return out
}

// mould is the container that the script's clones begin as, with every part that a live one has.
var mould = &row{Subject: fleet.Subject{Live: true, Status: fleet.Running, Name: "x"}, Judged: &judgement{},
	Ending: &ending{Job: "x", Text: "x"}}

var mouldNode = &nodeView{nodeRow: &nodeRow{State: string(fleet.Online), Default: true, MaxMem: 1}}

// embedded is the whole state as data, where the page has all containers; the script reads it and asks for nothing.
func embedded(v *view) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		if v.State.figures.Total > wholeUpTo {
			return nil
		}
		if _, err := io.WriteString(w, `<script type="application/json" id="fleet">`); err != nil {
			return err
		}
		if _, err := w.Write(v.State.everything()); err != nil {
			return err
		}
		_, err := io.WriteString(w, `</script>`)
		return err
	})
}
