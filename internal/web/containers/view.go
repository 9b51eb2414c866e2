package containers

import (
	"net/url"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// view is everything that the page of one container draws.
type view struct {
	owner   string
	ID      fleet.ContainerID
	Now     time.Time
	Cluster *fleet.ClusterPicture
	There   bool            // it is in its cluster now
	C       fleet.Container // as last seen; of one that is gone little more than its name
	Node    fleet.Node
	Detail  *fleet.Detail
	Frame   fleet.Frame
	Busy    *fleet.Busy
	Key     string // of the forms that act
}

// tab is one of the page's sub-pages.
type tab int

const (
	tabOverview tab = iota
	tabEvents
)

// tabs are in the order in which they are shown. Services, Console, Snapshots,
// Backups and Configuration have their places between these two.
var tabs = []struct {
	tab  tab
	text string
	url  func(fleet.ContainerID) string
}{
	{tabOverview, "Overview", kit.URL.Container},
	{tabEvents, "Events", kit.URL.ContainerEvents},
}

func (v *view) frameOf(current tab) kit.Frame {
	f := kit.Frame{
		Title: v.C.Name(), Section: kit.SectionDashboard, Beside: vmid(v), Under: slot("under", under(v)),
		Crumbs: []kit.Crumb{{Text: "Dashboard", URL: kit.URL.Dashboard()}, {Text: v.Cluster.Name, URL: kit.URL.Dashboard()}},
	}
	if v.There {
		f.Actions = slot("actions", actions(v))
		f.Crumbs[1] = kit.Crumb{Text: v.nodeTitle(), URL: kit.URL.DashboardOf(v.C.NodeID().String())}
	}
	for _, t := range tabs {
		f.Tabs = append(f.Tabs, kit.Tab{Text: t.text, URL: t.url(v.ID), Current: t.tab == current})
	}
	return f
}

// url is the overview with a frame of history.
func (v *view) url(f fleet.Frame) string {
	if f == fleet.Hour {
		return kit.URL.Container(v.ID)
	}
	return kit.URL.Container(v.ID) + "?" + url.Values{"frame": {string(f)}}.Encode()
}

// nodeTitle is what the node is called that it is on.
func (v *view) nodeTitle() string {
	if v.Node.ID.Name != "" {
		return v.Node.Title()
	}
	return v.C.Node
}

// trouble is why the container cannot be seen now; nil when it can.
func (v *view) trouble() *fleet.Trouble {
	switch {
	case !v.There:
		return nil
	case v.Cluster.Trouble != nil:
		return v.Cluster.Trouble
	case v.Node.State == fleet.Unreachable && v.Node.Trouble != nil:
		return v.Node.Trouble
	case v.Node.State == fleet.Unreachable:
		return &fleet.Trouble{What: v.nodeTitle() + " cannot be reached.", Since: v.Node.DownSeen}
	}
	return nil
}

// running reports whether it runs, as far as is known.
func (v *view) running() bool { return v.There && v.C.Status == fleet.Running }

// live is its state of now: the node's own word where that is newer than the picture's.
func (v *view) live() fleet.Live {
	c, l := v.C, v.Detail.Live
	if l.Seen() && !l.SeenAt.Before(c.SeenAt.Add(-5*time.Second)) && (l.Value.Status == c.Status || !v.There) {
		return l.Value
	}
	return fleet.Live{Name: c.Hostname, Status: c.Status, Lock: c.Lock, Tags: c.Tags, CPU: c.CPU, CPUs: c.CPUs, Mem: c.Mem, MaxMem: c.MaxMem,
		Disk: c.Disk, MaxDisk: c.MaxDisk, Uptime: c.Uptime, HAState: c.HA, Swap: l.Value.Swap, MaxSwap: l.Value.MaxSwap}
}

// seenAt is when it was last seen in any way.
func (v *view) seenAt() time.Time {
	if at := seenLast(v.Detail); !v.There || at.After(v.C.SeenAt) {
		return at
	}
	return v.C.SeenAt
}

// seenLast is when the part of a detail was seen that was seen last.
func seenLast(d *fleet.Detail) (at time.Time) {
	for _, t := range []time.Time{d.Live.SeenAt, d.Config.SeenAt, d.Pending.SeenAt, d.Interfaces.SeenAt, d.Tasks.SeenAt, d.History[fleet.Hour].SeenAt} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// pending finds the change of an option that waits for the next start.
func (v *view) pending(key string) (fleet.PendingChange, bool) {
	for _, p := range v.Detail.Pending.Value {
		if p.Key == key {
			return p, true
		}
	}
	return fleet.PendingChange{}, false
}

// options are those of the configuration, and those that will be new in it.
func (v *view) options() []fleet.Option {
	var all []fleet.Option
	have := map[string]bool{}
	for _, o := range v.Detail.Config.Value.Options {
		have[o.Key] = true
		if o.Key != "description" {
			all = append(all, o)
		}
	}
	for _, p := range v.Detail.Pending.Value {
		if !have[p.Key] {
			all = append(all, fleet.Option{Key: p.Key})
		}
	}
	return all
}

// waiting is how many changes wait for the next start, in words.
func (v *view) waiting() string {
	n := len(v.Detail.Pending.Value)
	if n == 1 {
		return "1 change waits for the next start."
	}
	return kit.Count(n, "change", "changes") + " wait for the next start."
}

// partTrouble is why a part cannot be brought up to date, where that is not the whole container's trouble.
func partTrouble(v *view, seen time.Time, t *fleet.Trouble) (say string, stale bool) {
	switch {
	case v.trouble() != nil || !v.There:
		return "", !seen.IsZero()
	case t != nil && strings.TrimSpace(t.What) != "":
		return t.What, !seen.IsZero()
	}
	return "", false
}
