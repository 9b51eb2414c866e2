package dashboard

import (
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// banner says something about the fleet that stays until it is no longer so.
// It is data, drawn by the page's template on the server and in the browser.
type banner struct {
	Key     string `json:"key"`  // what it is about; the same for as long as it is about that
	Tone    string `json:"tone"` // kit.Tone
	Title   string `json:"title"`
	Text    string `json:"text,omitempty"`
	Proxmox string `json:"proxmox,omitempty"` // Proxmox's own words
	Seen    int64  `json:"seen,omitempty"`    // unix seconds: as last seen then
	Retry   string `json:"retry,omitempty"`   // where the retry button posts to
	Waits   bool   `json:"waits,omitempty"`   // Berth does not try by itself: the button says "Try again", else "Try now"
	Link    string `json:"link,omitempty"`
	LinkTo  string `json:"linkTo,omitempty"` // what the link says
}

// retryText is what the retry button says.
func (b *banner) retryText() string {
	if b.Waits {
		return "Try again"
	}
	return "Try now"
}

// maxBanners is how many things of one sort get a banner each; more are named together.
const maxBanners = 3

// bannersOf lists what has to be said, the worst first. It is never nil: that
// nothing is left to be said has to be told as well.
func bannersOf(clusters []*clusterRows) []banner {
	if len(clusters) == 0 {
		return []banner{{Key: "no-nodes", Tone: string(kit.Warning), Title: "No Proxmox nodes configured",
			Text: "Add a node and its containers appear here. Until then there is nothing to start, stop or create containers on.",
			Link: kit.URL.Nodes(), LinkTo: "Add a node"}}
	}
	out := []banner{}
	failing := 0
	for _, c := range clusters {
		if c.picture.Trouble != nil && !locked(c) { // the network is not what a missing key lies at
			failing++
		}
	}
	if failing == len(clusters) && failing > 1 {
		out = append(out, banner{Key: "all-unreachable", Tone: string(kit.Failure), Title: "None of your nodes can be seen at the moment",
			Text: "Everything below is as last seen. If they all went at once, look at the network between Berth and them first.",
			Link: kit.URL.Nodes(), LinkTo: "Nodes"})
	}
	out = append(out, troubleBanners(clusters)...)
	out = append(out, nodeBanners(clusters)...)
	return append(out, noticeBanners(clusters)...)
}

// locked reports whether a cluster cannot be asked for want of its secret: trying again does not help.
func locked(c *clusterRows) bool { return c.picture.Trouble.Kind == string(problem.Locked) }

// troubleBanners are about clusters that cannot be seen as a whole.
func troubleBanners(clusters []*clusterRows) (out []banner) {
	var names []string
	stale := 0
	for _, c := range clusters {
		if c.picture.Trouble != nil {
			out = append(out, c.troubleBanner())
			names = append(names, c.name)
			stale += len(c.rows)
		}
	}
	if len(out) <= maxBanners {
		return out
	}
	return []banner{{Key: "clusters", Tone: string(kit.Warning), Title: kit.Count(len(names), "cluster", "clusters") + " cannot be seen",
		Text: sentences(listed(names, 8)+".", "Their "+kit.Count(stale, "container is", "containers are")+" shown as last seen.",
			"The list of nodes says what is wrong with each."),
		Link: kit.URL.Nodes(), LinkTo: "Nodes"}}
}

// troubleBanner is about a cluster that cannot be seen as a whole.
func (c *clusterRows) troubleBanner() banner {
	t := c.picture.Trouble
	b := banner{Key: "cluster/" + string(c.id), Tone: string(kit.Warning), Title: named(c.name, t.What), Proxmox: t.Proxmox,
		Seen: c.seen, Retry: kit.URL.NodeRetry(string(c.id)), Link: kit.URL.Nodes(), LinkTo: "Nodes"}
	if locked(c) {
		b.Retry, b.Text = "", sentences(shownAsLastSeen(len(c.rows), c.seen), t.Remedy)
		return b
	}
	halted := t.Kind == string(problem.Unauthorized) || t.Kind == string(problem.Untrusted)
	if halted {
		b.Waits = true
		b.Tone, b.Link, b.LinkTo = string(kit.Failure), kit.URL.NodeConnection(string(c.id)), "Change connection"
	}
	b.Text = sentences(shownAsLastSeen(len(c.rows), c.seen), t.Remedy)
	if !halted {
		b.Text = sentences(b.Text, "Berth tries again by itself.")
	}
	return b
}

// nodeBanners are about single nodes of clusters that answer.
func nodeBanners(clusters []*clusterRows) (out []banner) {
	var names []string
	stale := 0
	for _, c := range clusters {
		if c.picture.Trouble != nil {
			continue
		}
		for i := range c.nodes {
			n := &c.nodes[i]
			if n.State != string(fleet.Unreachable) {
				continue
			}
			count := c.on(n.Name)
			stale += count
			names = append(names, n.Title())
			out = append(out, c.nodeBanner(n, count))
		}
	}
	if len(out) <= maxBanners {
		return out
	}
	return []banner{{Key: "nodes", Tone: string(kit.Warning), Title: kit.Count(len(names), "node", "nodes") + " cannot be reached",
		Text: sentences(listed(names, 8)+".", "Their "+kit.Count(stale, "container is", "containers are")+" shown as last seen.", "Berth tries again by itself."),
		Link: kit.URL.Nodes(), LinkTo: "Nodes"}}
}

func (c *clusterRows) nodeBanner(n *nodeRow, count int) banner {
	b := banner{Key: "node/" + n.ID.String(), Tone: string(kit.Warning), Title: n.Title() + " cannot be reached", Seen: n.Seen,
		Retry: kit.URL.NodeRetry(string(c.id))}
	remedy := ""
	if node, ok := c.picture.Node(n.Name); ok && node.Trouble != nil {
		b.Title, b.Proxmox, remedy = named(n.Title(), node.Trouble.What), node.Trouble.Proxmox, node.Trouble.Remedy
	}
	b.Text = sentences(shownAsLastSeen(count, n.Seen), remedy, "Berth tries again by itself.")
	return b
}

// noticeBanners say what limits the view and is no failure.
func noticeBanners(clusters []*clusterRows) (out []banner) {
	alike := map[string][]banner{}
	names := map[string][]string{}
	var codes []string
	add := func(code string, c *clusterRows, b banner) {
		if alike[code] == nil {
			codes = append(codes, code)
		}
		alike[code] = append(alike[code], b)
		names[code] = append(names[code], c.name)
	}
	for _, c := range clusters {
		for _, n := range ofOneToken(c.picture.Notices) {
			add(n.Code, c, c.noticeBanner(n))
		}
		if c.seen == 0 && c.picture.Trouble == nil {
			add("first", c, banner{Key: "first/" + string(c.id), Tone: string(kit.Busy), Title: "Looking at " + c.name + " for the first time"})
		}
	}
	for _, code := range codes {
		list := alike[code]
		if len(list) > maxBanners {
			list = []banner{{Key: code, Tone: list[0].Tone, Title: noticeTitles[code], Text: "This is so in " + listed(names[code], 8) + ".",
				Link: kit.URL.Nodes(), LinkTo: "Nodes"}}
			if list[0].Title == "" {
				list[0].Title = "Berth sees " + kit.Count(len(names[code]), "cluster", "clusters") + " only in part"
			}
		}
		out = append(out, list...)
	}
	return out
}

// ofOneToken makes one notice of all that a token's missing privileges hide:
// they have one remedy. The first names the worst.
func ofOneToken(notices []fleet.Notice) []fleet.Notice {
	var out []fleet.Notice
	first := -1
	for _, n := range notices {
		switch {
		case n.Privilege == "":
			out = append(out, n)
		case first < 0:
			first = len(out)
			out = append(out, n)
		default:
			if at := strings.Index(n.Privilege, " on "); at < 0 || !strings.Contains(out[first].Privilege+",", n.Privilege[:at]+" on /,") {
				out[first].Privilege += ", " + n.Privilege // what is granted on / holds everywhere
			}
			if also := alsoHidden[n.Code]; also != "" {
				out[first].Text = strings.TrimSuffix(out[first].Text, ".") + ". " + also
			}
		}
	}
	return out
}

// alsoHidden say of a notice what it costs, where another one gives the reason.
var alsoHidden = map[string]string{
	"slow-updates":    "Changes are seen up to 20 seconds late.",
	"no-node-numbers": "Load and memory of nodes are not shown.",
}

// noticeTitles say of many clusters together what a notice says of one.
var noticeTitles = map[string]string{
	"no-containers-visible": "Tokens that may see no containers: they lack VM.Audit",
	"slow-updates":          "Slower updates: tokens lack Sys.Audit",
	"no-node-numbers":       "Load and memory of some nodes are not shown: tokens lack Sys.Audit there",
	"unread-rows":           "Lists of containers and nodes have rows that could not be read",
	"no-quorum":             "Clusters without quorum: Proxmox refuses changes there",
	"first":                 "Looking at clusters for the first time",
}

func (c *clusterRows) noticeBanner(n fleet.Notice) banner {
	title, also, _ := strings.Cut(n.Text, ". ")
	b := banner{Key: n.Code + "/" + string(c.id), Tone: string(kit.Info), Title: named(c.name, title)}
	if n.Code == "no-containers-visible" || n.Code == "no-quorum" || n.Code == "unread-rows" {
		b.Tone = string(kit.Warning)
	}
	if n.Privilege != "" {
		commands := "command."
		if strings.Contains(n.Privilege, ",") {
			commands = "commands."
		}
		b.Text = sentences(also, "Grant "+n.Privilege+"; the node's page has the exact "+commands)
		b.Link, b.LinkTo = kit.URL.Node(string(c.id)), "What this token may do"
	} else {
		b.Text = also
	}
	return b
}

// on counts the containers of one node.
func (c *clusterRows) on(node string) (n int) {
	for _, r := range c.rows {
		if r.Node == node {
			n++
		}
	}
	return n
}

func shownAsLastSeen(n int, seen int64) string {
	switch {
	case seen == 0:
		return "Nothing of it has been seen since Berth knows it."
	case n == 0:
		return "It had no containers when last seen."
	}
	return "Its " + kit.Count(n, "container is", "containers are") + " shown as last seen."
}

// named makes a sentence into a title that says whom it is about.
func named(name, what string) string {
	what = strings.TrimSuffix(strings.TrimSpace(what), ".")
	if what == "" {
		what = "cannot be seen"
		return name + " " + what
	}
	if strings.Contains(strings.ToLower(what), strings.ToLower(name)) {
		return what
	}
	return name + ": " + what
}

func sentences(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// listed names the first few and counts the rest.
func listed(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + kit.Count(len(names)-most, "more", "more")
}
