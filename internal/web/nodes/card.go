package nodes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// listView is the page of the cards.
type listView struct{ Cards []cardView }

func (v listView) subtitle() string {
	nodes := 0
	for _, c := range v.Cards {
		nodes += len(c.Members)
	}
	if len(v.Cards) == 0 {
		return ""
	}
	return kit.Count(len(v.Cards), "entry", "entries") + ", " + kit.Count(nodes, "node", "nodes")
}

// cardView is one cluster or standalone host.
type cardView struct {
	ID, Name   string
	Kind       string // "cluster of 3", "standalone"
	Members    []memberView
	Addresses  []addressView
	TokenID    string
	Trust      string
	Pin        string // fingerprint
	PinIs      string // of what it is: "Pinned CA"
	Version    string // "9.2.11, quorate"; empty when not known
	Containers string
	Cost       string // empty when nothing was asked yet
	Tone       kit.Tone
	Icon, Word string
	Trouble    *problem.Problem
	CanRetry   bool
	RetryText  string // when Berth tries again by itself
	Changed    bool   // the certificate is not the pinned one
	Refused    bool   // the token was refused
	SeenAt     time.Time
	Now        time.Time
	Notices    []fleet.Notice
	Doctor     doctorView
	Open       bool // the doctor is unfolded
	Brief      bool // what the token may do is on the node's own page
	Test       *testView
}

// others are the members that could become the default node; a large cluster has them on its own page.
func (c cardView) others() []memberView {
	var others []memberView
	for _, m := range c.Members {
		if !m.Default && len(c.Members) <= 8 {
			others = append(others, m)
		}
	}
	return others
}

type memberView struct {
	Title, Name, Node string
	State             fleet.NodeState
	Default           bool
}

type addressView struct {
	Text      string
	Answering bool
}

// testView is what the last test by hand found.
type testView struct {
	At   time.Time
	Ways []wayView
}

type wayView struct {
	Address string
	Good    bool
	Text    string
}

// cardInput is what all cards of a page are drawn from.
type cardInput struct {
	picture *fleet.Picture
	node    fleet.NodeID // the default one
	now     time.Time
	rights  func(fleet.ClusterID) (fleet.Rights, bool)
	test    func(fleet.ClusterID) (fleet.TestReport, bool)
}

func (in cardInput) card(c fleet.Cluster) cardView {
	seen := pictureOf(in.picture, c.ID)
	v := cardView{ID: string(c.ID), Name: c.Name, Kind: kindOf(c), TokenID: c.TokenID, Now: in.now,
		Trust: trustText(c), Pin: c.Authority.Trust.Fingerprint, Addresses: addressesOf(c, seen.Answering), SeenAt: seen.SeenAt,
		Notices: seen.Notices}
	v.PinIs = pinnedWord(c.Authority.Trust)
	for _, m := range c.Members {
		v.Members = append(v.Members, in.member(c.ID, m, seen))
	}
	in.state(&v, c, seen)
	if v.Trouble != nil {
		v.Addresses = addressesOf(c, "")
	}
	if !seen.SeenAt.IsZero() {
		v.Version, v.Containers = versionText(c, seen), kit.Count(len(seen.Containers), "container", "containers")
	}
	if seen.Spend.PerMinute > 0 {
		v.Cost = fmt.Sprintf("%s a minute, p95 %s", kit.Count(seen.Spend.PerMinute, "request", "requests"), millis(seen.Spend.P95))
	}
	rights, ok := in.rights(c.ID)
	if seen.Rights != nil && (!ok || seen.Rights.At.After(rights.At)) {
		rights, ok = *seen.Rights, true
	}
	if ok {
		v.Doctor = newDoctor(c.TokenID, rights, in.now)
	}
	if report, ok := in.test(c.ID); ok {
		v.Test = testOf(report)
	}
	return v
}

// pictureOf is the cluster's picture, or an empty one.
func pictureOf(p *fleet.Picture, id fleet.ClusterID) *fleet.ClusterPicture {
	if p != nil {
		for _, c := range p.Clusters {
			if c.Cluster == id {
				return c
			}
		}
	}
	return &fleet.ClusterPicture{Cluster: id}
}

func containersOf(p *fleet.Picture, id fleet.ClusterID) int { return len(pictureOf(p, id).Containers) }

func kindOf(c fleet.Cluster) string {
	if c.Standalone {
		return "standalone"
	}
	return fmt.Sprintf("cluster of %d", len(c.Members))
}

func (in cardInput) member(id fleet.ClusterID, m fleet.Member, seen *fleet.ClusterPicture) memberView {
	v := memberView{Title: m.Title(), Name: m.Name, Node: fleet.NodeID{Cluster: id, Name: m.Name}.String(), State: fleet.NotSeen, Default: in.node == fleet.NodeID{Cluster: id, Name: m.Name}}
	if n, ok := seen.Node(m.Name); ok {
		v.State = n.State
	}
	return v
}

// state says in one word how the cluster does, and what is wrong where it is not well.
func (in cardInput) state(v *cardView, c fleet.Cluster, seen *fleet.ClusterPicture) {
	down := slices.Collect(func(yield func(string) bool) {
		for _, n := range seen.Nodes {
			if n.State == fleet.Unreachable && !yield(n.Title()) {
				return
			}
		}
	})
	switch {
	case c.Halt != nil:
		v.Trouble = haltProblem(c)
	case seen.Trouble != nil:
		t := seen.Trouble
		v.Trouble = &problem.Problem{Kind: problem.Kind(t.Kind), What: t.What, Remedy: t.Remedy, Proxmox: t.Proxmox}
		if !t.RetryAt.IsZero() && v.Trouble.Kind != problem.Locked {
			v.RetryText = "Berth tries again " + kit.Until(t.RetryAt, in.now) + "."
		}
	}
	v.CanRetry = v.Trouble != nil && v.Trouble.Kind != problem.Locked
	switch {
	case v.Trouble != nil && v.Trouble.Kind == problem.Untrusted:
		v.Changed = true
		v.Tone, v.Icon, v.Word = kit.Failure, "shield-alert", "Certificate changed"
	case v.Trouble != nil && v.Trouble.Kind == problem.Unauthorized:
		v.Refused = true
		v.Tone, v.Icon, v.Word = kit.Failure, "lock", "Token refused"
	case v.Trouble != nil && v.Trouble.Kind == problem.Locked:
		v.Refused = v.Trouble.Remedy != "" // a secret of its own is lost, not Berth's key
		v.Tone, v.Icon, v.Word = kit.Failure, "lock", "Token locked"
	case v.Trouble != nil:
		v.Tone, v.Icon, v.Word = kit.Warning, "triangle-alert", "Unreachable"
	case seen.SeenAt.IsZero():
		v.Tone, v.Icon, v.Word = kit.Neutral, "circle-dashed", "Not seen yet"
	case len(down) > 0:
		v.Tone, v.Icon, v.Word = kit.Warning, "triangle-alert", strings.Join(down, ", ")+" unreachable"
	case !c.Standalone && !seen.Quorate:
		v.Tone, v.Icon, v.Word = kit.Warning, "triangle-alert", "No quorum"
	default:
		v.Tone, v.Icon, v.Word = kit.Success, "circle-check", "Reachable"
	}
}

func haltProblem(c fleet.Cluster) *problem.Problem {
	p := &problem.Problem{Kind: problem.Kind(c.Halt.Kind), What: c.Halt.What, Expected: c.Halt.Expected, Got: c.Halt.Got}
	p.Remedy = "Berth asks nothing more until you act: try again, or edit the connection."
	if p.Kind == problem.Unauthorized {
		p.Remedy = "Berth asks nothing more until you act: give it another token, or try again once this one is good again."
	}
	return p
}

func versionText(c fleet.Cluster, seen *fleet.ClusterPicture) string {
	switch {
	case seen.Version == "":
		return ""
	case c.Standalone:
		return seen.Version
	case seen.Quorate:
		return seen.Version + ", quorate"
	}
	return seen.Version + ", without quorum"
}

func addressesOf(c fleet.Cluster, answering string) []addressView {
	var views []addressView
	for _, a := range c.Authority.Addresses {
		views = append(views, addressView{Text: a.String(), Answering: len(c.Authority.Addresses) > 1 && a.String() == answering})
	}
	return views
}

func trustText(c fleet.Cluster) string {
	switch c.Authority.Trust.Mode {
	case authority.CAPin:
		if c.Standalone {
			return "The host's own CA"
		}
		return "The cluster's own CA"
	case authority.Public:
		return "A public CA and the host name"
	}
	if len(c.Authority.Addresses) > 1 {
		return "One certificate for each address"
	}
	return "This one certificate"
}

func millis(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func testOf(r fleet.TestReport) *testView {
	v := &testView{At: r.At}
	for _, w := range r.Ways {
		view := wayView{Address: w.Address.String(), Good: w.Trouble == nil, Text: "answered in " + millis(w.Took) + ", and the certificate is right"}
		if w.Trouble != nil {
			view.Text = w.Trouble.Sentence()
		}
		v.Ways = append(v.Ways, view)
	}
	token := wayView{Address: "Token", Good: r.Trouble == nil, Text: "taken; Proxmox VE " + r.Release}
	if r.Trouble != nil {
		token.Text = r.Trouble.Sentence()
	}
	v.Ways = append(v.Ways, token)
	return v
}

// summary is a report in one sentence.
func summary(r fleet.TestReport, name string) string {
	if r.Trouble != nil {
		return r.Trouble.Sentence()
	}
	for _, w := range r.Ways {
		if w.Trouble != nil {
			return fmt.Sprintf("“%s” answers, but not on every address. %s", name, w.Trouble.What)
		}
	}
	return fmt.Sprintf("“%s” answers, runs Proxmox VE %s, and takes the token.", name, r.Release)
}
