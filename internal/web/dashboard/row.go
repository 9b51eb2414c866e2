package dashboard

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"berth/internal/fleet"
)

// row is one container as it is shown: names and numbers as searched, sorted,
// drawn and sent. Rows are never changed once they are part of a state.
type row struct {
	fleet.Subject
	Badge    string // how its node is called
	Attn     attention
	Template bool
	CPUs     float64
	Boot     int64 // unix seconds; zero when it does not run
	Seen     int64 // unix seconds of when it was last seen; only for stale ones
	HA       string
	Judged   *judgement // what can be done to it
	Ending   *ending    // its last action, when that ended badly; nil else

	card, line atomic.Pointer[drawn] // its markup in the two views, once drawn
}

// attention is a set of the closed list of reasons, as bits in the order of reasons.
type attention uint8

var reasons = []fleet.Attention{fleet.AttnNodeUnreachable, fleet.AttnStatusUnknown, fleet.AttnLocked, fleet.AttnMemory, fleet.AttnDisk, fleet.AttnFailed}

func attentionOf(c fleet.Container, now time.Time) (a attention) {
	for _, why := range c.NeedsAttention(now) {
		if i := slices.Index(reasons, why); i >= 0 {
			a |= 1 << i
		}
	}
	return a
}

// attnFailed is the bit of a last action that ended badly.
const attnFailed attention = 1 << 5

// words lists the reasons for people.
func (a attention) words() (out []string) {
	for i, why := range reasons {
		if a&(1<<i) != 0 {
			out = append(out, string(why))
		}
	}
	return out
}

const mib = 1 << 20

// newRow makes the row of a container. prev, where there is one, is its row of
// before: numbers that would be drawn the same keep their old value, so that
// what moves a little at every poll is not sent at every poll.
func newRow(c fleet.Container, node *nodeRow, cluster string, prev *row, judged *judgement, end *ending, now time.Time) *row {
	r := &row{
		Subject: fleet.Subject{
			ID: c.ID, Name: c.Name(), Node: c.Node, ClusterName: cluster, Status: c.Status, Stale: c.Stale, Lock: c.Lock,
			Tags: c.Tags, Pool: c.Pool, Addresses: c.Addresses,
			Live:   c.Status == fleet.Running,
			MaxMem: int(c.MaxMem / mib), MaxDisk: int(c.MaxDisk / mib),
		},
		Attn: attentionOf(c, now), Template: c.Template, CPUs: c.CPUs, HA: c.HA, Judged: judged, Ending: end,
	}
	if end != nil {
		r.Attn |= attnFailed
	}
	r.Attention = r.Attn != 0
	r.Badge = c.Node
	if node != nil {
		r.Label, r.Badge = node.Label, node.choice
	}
	if r.Stale {
		r.Seen = unix(c.SeenAt)
	}
	if r.Live {
		r.CPU = percent(c.CPU)
		r.Mem, r.Disk = int(max(c.Mem, 0)/mib), int(max(c.Disk, 0)/mib)
		r.Uptime = int(c.Uptime / time.Second)
		if c.Uptime > 0 {
			r.Boot = unix(c.SeenAt.Add(-c.Uptime))
		}
	}
	if prev != nil {
		r.keep(prev)
		if r.sameText(prev) {
			r.Subject = prev.withNumbers(r)
			return r
		}
	}
	r.Prepare()
	return r
}

// keep takes over the previous numbers where the new ones would be drawn the same.
func (r *row) keep(prev *row) {
	if r.MaxMem == prev.MaxMem && share(r.Mem, r.MaxMem) == share(prev.Mem, prev.MaxMem) {
		r.Mem = prev.Mem
	}
	if r.MaxDisk == prev.MaxDisk && share(r.Disk, r.MaxDisk) == share(prev.Disk, prev.MaxDisk) {
		r.Disk = prev.Disk
	}
	if d := r.Boot - prev.Boot; r.Boot != 0 && d > -90 && d < 90 {
		r.Boot = prev.Boot
	}
}

// sameText reports whether all that Prepare looks at is as before.
func (r *row) sameText(prev *row) bool {
	return r.Name == prev.Name && r.ID == prev.ID && r.Node == prev.Node && r.Label == prev.Label && r.Badge == prev.Badge && r.ClusterName == prev.ClusterName &&
		r.Pool == prev.Pool && slices.Equal(r.Tags, prev.Tags) && slices.Equal(r.Addresses, prev.Addresses)
}

// withNumbers is the prepared subject of before with what may move taken from the new one.
func (r *row) withNumbers(next *row) fleet.Subject {
	s := r.Subject
	s.Status, s.Stale, s.Attention, s.Lock, s.Live = next.Status, next.Stale, next.Attention, next.Lock, next.Live
	s.CPU, s.Mem, s.MaxMem, s.Disk, s.MaxDisk, s.Uptime = next.CPU, next.Mem, next.MaxMem, next.Disk, next.MaxDisk, next.Uptime
	return s
}

// sameStructure reports whether the two differ in nothing but their moving numbers.
func (r *row) sameStructure(prev *row) bool {
	return r.sameText(prev) && r.Status == prev.Status && r.Stale == prev.Stale && r.Attn == prev.Attn && r.Template == prev.Template &&
		r.Lock == prev.Lock && r.CPUs == prev.CPUs && r.MaxMem == prev.MaxMem && r.MaxDisk == prev.MaxDisk && r.HA == prev.HA && r.Seen == prev.Seen &&
		r.Judged == prev.Judged && r.sameEnding(prev)
}

func (r *row) sameEnding(prev *row) bool {
	return r.Ending == nil && prev.Ending == nil || r.Ending != nil && prev.Ending != nil && *r.Ending == *prev.Ending
}

func (r *row) sameNumbers(prev *row) bool {
	return r.CPU == prev.CPU && r.Mem == prev.Mem && r.Disk == prev.Disk && r.Boot == prev.Boot
}

// percent is a ratio in whole percent, at least 0 and at most 9999 (Proxmox's cpu may be slightly negative).
func percent(ratio float64) int {
	if math.IsNaN(ratio) || ratio <= 0 {
		return 0
	}
	return int(math.Round(min(ratio, 99.99) * 100))
}

// share is part of whole in percent, rounded up, so that it is above 90 exactly when the ratio is above 0.9.
func share(part, whole int) int {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return min((100*part+whole-1)/whole, 999)
}

// level is how a bar is coloured: warn above 70 percent, bad above 90.
func level(percent int) string {
	switch {
	case percent > 90:
		return "bad"
	case percent > 70:
		return "warn"
	}
	return "info"
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// unseen is the state of a node that answered when its cluster could last be seen.
const unseen = "unseen"

// nodeRow is one node as it is shown.
type nodeRow struct {
	ID      fleet.NodeID `json:"-"`
	Name    string       `json:"name"`
	Label   string       `json:"label,omitempty"`
	State   string       `json:"state"`
	Default bool         `json:"default,omitempty"`
	CPU     int          `json:"cpu"`
	CPUs    int          `json:"cpus"`
	Mem     int          `json:"mem"`
	MaxMem  int          `json:"maxMem"`
	Version string       `json:"version,omitempty"`
	Seen    int64        `json:"seen,omitempty"` // zero: as fresh as its cluster
	Trouble string       `json:"trouble,omitempty"`
	choice  string       // its title, with the cluster's name where the title is not alone
}

// Title is what people call the node.
func (n *nodeRow) Title() string {
	if n.Label != "" {
		return n.Label
	}
	return n.Name
}

func (n *nodeRow) online() bool { return n.State == string(fleet.Online) }

// measured reports whether there are numbers to draw: a token without Sys.Audit on the node sees none, which is not zero.
func (n *nodeRow) measured() bool { return n.online() && n.MaxMem > 0 }

func newNodeRow(n fleet.Node, c *fleet.ClusterPicture, prev *nodeRow) nodeRow {
	r := nodeRow{
		ID: n.ID, Name: n.ID.Name, Label: n.Label, State: string(n.State), Default: n.Default,
		CPU: percent(n.CPU), CPUs: n.CPUs, Mem: int(n.Mem / mib), MaxMem: int(n.MaxMem / mib), Version: n.Version,
	}
	if r.Version == "" {
		r.Version = c.Version
	}
	if n.Trouble != nil {
		r.Trouble = n.Trouble.What
	}
	if c.Trouble != nil && n.State == fleet.Online {
		// It may well be up: nobody can tell.
		r.State, r.Trouble = unseen, c.Trouble.What
	}
	if n.State != fleet.Online || c.SeenAt.Sub(n.SeenAt) > 20*time.Second || c.Trouble != nil {
		r.Seen = unix(n.SeenAt)
	}
	if prev != nil && r.MaxMem == prev.MaxMem && share(r.Mem, r.MaxMem) == share(prev.Mem, prev.MaxMem) {
		r.Mem = prev.Mem
	}
	return r
}
