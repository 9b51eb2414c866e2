package dashboard

import (
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// look is how a status is drawn: always a word and an icon, not only a colour.
type look struct{ Tone, Icon, Word string }

func (r *row) look() look {
	tone, icon, word := kit.StatusLook(r.Status)
	switch {
	case r.Judged.Doing != "":
		tone, icon, word = kit.Busy, "loader", r.Judged.Doing+"…"
	case r.Stale:
		tone, icon = kit.Warning, "clock"
	}
	return look{string(tone), icon, word}
}

// ofMiB is "7.4 of 8 GiB" from sizes in MiB.
func ofMiB(part, whole int) string { return kit.OfBytes(int64(part)*mib, int64(whole)*mib) }

// shareText is the share in percent, as the table has room for; without a whole, the part alone.
func shareText(part, whole int) string {
	if whole <= 0 {
		return ofMiB(part, whole)
	}
	return strconv.Itoa(share(part, whole)) + " %"
}

// sizes say what is allotted: "2 cores, 4 GiB memory, 32 GiB disk".
func (r *row) sizes() string {
	out := ""
	add := func(s string) {
		if out != "" {
			out += ", "
		}
		out += s
	}
	if r.CPUs > 0 {
		n := strconv.FormatFloat(r.CPUs, 'f', -1, 64)
		if r.CPUs == 1 {
			add("1 core")
		} else {
			add(n + " cores")
		}
	}
	if r.MaxMem > 0 {
		add(kit.Bytes(int64(r.MaxMem)*mib) + " memory")
	}
	if r.MaxDisk > 0 {
		add(kit.Bytes(int64(r.MaxDisk)*mib) + " disk")
	}
	return out
}

// up is the uptime as shown; as last seen for a stale one.
func (r *row) up(now time.Time) string {
	if !r.Live || r.Boot == 0 {
		return ""
	}
	end := now
	if r.Stale {
		end = time.Unix(r.Seen, 0)
	}
	return "up " + kit.Duration(end.Sub(time.Unix(r.Boot, 0)))
}

// address is the first one, with how many more there are.
func (r *row) address() string {
	switch len(r.Addresses) {
	case 0:
		return ""
	case 1:
		return r.Addresses[0]
	}
	return r.Addresses[0] + " +" + strconv.Itoa(len(r.Addresses)-1)
}

// concerns are the reasons for attention that the card does not show otherwise, in one phrase.
func (r *row) concerns() string {
	return sentence(strings.Join((r.Attn &^ (0b11 | attnFailed)).words(), ", ")) // unreachable and unknown are its status; how it failed is said in full
}

func ago(seen int64, now time.Time) string {
	if seen == 0 {
		return "never"
	}
	return kit.Ago(time.Unix(seen, 0), now)
}

func (v *view) stripSummary() string {
	down := 0
	for _, n := range v.Nodes {
		if !n.online() {
			down++
		}
	}
	if down == 0 {
		return strconv.Itoa(len(v.Nodes)) + ", all online"
	}
	return strconv.Itoa(len(v.Nodes)) + ", " + strconv.Itoa(down) + " not seen"
}

func (n *nodeView) title() string {
	if n.Label != "" {
		return n.Name + " of " + n.Cluster
	}
	return "of " + n.Cluster
}

// shortVersion is the release that people speak of: 9.2 of 9.2.11.
func (n *nodeView) shortVersion() string {
	parts := strings.SplitN(n.Version, ".", 3)
	if len(parts) < 2 {
		return n.Version
	}
	return parts[0] + "." + parts[1]
}

func (n *nodeView) stateSentence() string {
	switch {
	case n.Trouble != "":
		return n.Trouble
	case n.State == string(fleet.NotSeen):
		return "Not seen yet."
	case n.online():
		return "Load and memory are not shown."
	}
	return "Cannot be seen."
}

func nodeIcon(state string) string {
	switch fleet.NodeState(state) {
	case fleet.Online:
		return "server"
	case fleet.Unreachable:
		return "triangle-alert"
	}
	return "circle-dashed"
}

func bannerIcon(tone string) string {
	switch kit.Tone(tone) {
	case kit.Warning:
		return "triangle-alert"
	case kit.Failure:
		return "circle-alert"
	case kit.Busy:
		return "loader"
	}
	return "info"
}

// sentence gives a phrase its capital letter.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func reasonsText() string {
	var all []string
	for _, r := range reasons {
		all = append(all, string(r))
	}
	return strings.Join(all, "|")
}

// dots mark an action that asks before it begins.
func dots(rule fleet.ActionRule) string {
	if rule.Confirm == fleet.AtOnce {
		return ""
	}
	return "…"
}
