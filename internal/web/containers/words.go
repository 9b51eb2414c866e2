package containers

import (
	"net/url"
	"strconv"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

func query(s string) string { return url.QueryEscape(s) }

// statusOf is how the state is drawn; what is only as last seen says so.
func statusOf(v *view) (kit.Tone, string, string) {
	tone, icon, word := kit.StatusLook(v.C.Status)
	if v.trouble() != nil || v.C.Stale {
		return kit.Warning, "clock", word + ", as last seen"
	}
	return tone, icon, word
}

func acts(v *view) []kit.Act { return kit.ActsOf(v.Cluster, v.C, v.Busy) }

func busyWords(v *view) string {
	words := v.Busy.Doing
	if v.Busy.Waiting {
		words = "Waiting: " + strings.ToLower(words[:1]) + words[1:]
	}
	return words + ", " + v.Busy.By
}

func goneText(v *view) string {
	if seenLast(v.Detail).IsZero() {
		return "It was deleted, or this token may not see it any more. What was done to it is under Events."
	}
	return "It was deleted, or this token may not see it any more. What is shown was seen " + kit.Ago(seenLast(v.Detail), v.Now) + "; what was done to it is under Events."
}

// denied are the parts that the token may not read, each once.
func (v *view) denied() (out []string) {
	d := v.Detail
	for _, t := range []*fleet.Trouble{d.Config.Trouble, d.Pending.Trouble, d.Interfaces.Trouble, d.Live.Trouble, d.Tasks.Trouble, d.History[fleet.Hour].Trouble} {
		if t == nil || t.Kind != string(problem.Forbidden) {
			continue
		}
		what := t.What
		if i := strings.Index(what, ", so its "); i > 0 { // one privilege, said once
			what = what[:i] + ", so not all of it can be shown."
		}
		if len(out) == 0 || out[len(out)-1] != what {
			out = append(out, what)
		}
	}
	return out
}

func coreWords(n float64) string {
	if n == 1 {
		return "1 core"
	}
	return number(n) + " cores"
}

func cpuText(v *view) string {
	l := v.live()
	if !v.running() {
		return "–"
	}
	return percentText(l.CPU*100) + " of " + coreWords(l.CPUs)
}

func memoryText(v *view) string {
	l := v.live()
	if !v.running() {
		return "–"
	}
	return kit.OfBytes(l.Mem, l.MaxMem)
}

// trafficText is what goes through the network now, else in the last minute that was measured.
func trafficText(v *view) string {
	if !v.running() {
		return "–"
	}
	in, okIn := rate(v, func(l fleet.Live) int64 { return l.NetIn })
	out, okOut := rate(v, func(l fleet.Live) int64 { return l.NetOut })
	if okIn && okOut {
		return perSecond(in) + " in, " + perSecond(out) + " out"
	}
	list := v.Detail.History[fleet.Hour].Value
	for i := len(list) - 1; i >= 0 && i >= len(list)-3; i-- {
		if s := list[i]; s.NetIn.Known() && s.NetOut.Known() {
			return perSecond(float64(s.NetIn)) + " in, " + perSecond(float64(s.NetOut)) + " out"
		}
	}
	return "–"
}

func seriesTitle(c chart, line series) string {
	switch {
	case len(c.Series) == 1:
		return c.Title
	case line.Key == "mem" || line.Key == "disk":
		return c.Title
	}
	if line.Name == "CPU" {
		return c.Title + ", " + line.Name
	}
	return c.Title + ", " + strings.ToLower(line.Name)
}

func tableNote(r record) string {
	n, shown := len(r.Samples), len(r.rows())
	if n == shown {
		return strconv.Itoa(n) + " samples"
	}
	return strconv.Itoa(shown) + " of " + strconv.Itoa(n) + " samples"
}
