package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// offer is one action as it is offered for many containers. js/bulk.js makes the
// same of the rows that are chosen.
type offer struct {
	Rule fleet.ActionRule
	Can  int
	Out  string // what is left out: "3 running already, 1 locked"; empty: nothing
	Why  string // why it can be had on none; empty: it can
}

// count is "12 of 15", or "15" when it can be had on all.
func (o offer) count(of int) string {
	if o.Can == of {
		return strconv.Itoa(of)
	}
	return strconv.Itoa(o.Can) + " of " + strconv.Itoa(of)
}

// offers judges every action for rows together.
func offers(j *judge, rows []*row) []offer {
	kinds := map[*judgement]int{}
	for _, r := range rows {
		kinds[r.Judged]++
	}
	rules := fleet.ActionRules()
	out := make([]offer, len(rules))
	for i, rule := range rules {
		o := offer{Rule: rule}
		counts := map[string]int{}
		for judged, n := range kinds {
			if why := judged.Why[i]; why == 0 {
				o.Can += n
			} else {
				counts[j.counted(why)] += n
			}
		}
		o.Out = leftOut(counts)
		switch {
		case len(rows) == 0:
			o.Why = "There is no container to " + strings.ToLower(rule.Title) + "."
		case o.Can == 0:
			o.Why = "None: " + o.Out + "."
		}
		out[i] = o
	}
	return out
}

// leftOut lists the reasons with their numbers, the most frequent first.
func leftOut(counts map[string]int) string {
	var words []string
	for w := range counts {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, w := range words {
		words[i] = strconv.Itoa(counts[w]) + " " + w
	}
	return strings.Join(words, ", ")
}

// counted is what follows a number of containers that a reason keeps out.
func (j *judge) counted(reason int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reasons[reason-1].Counted
}

// offers are the actions on all that the filter shows; without a node, each with the reason.
func (v *view) offers() []offer {
	if len(v.State.clusters) == 0 {
		out := offers(v.State.judge, nil)
		for i := range out {
			out[i].Why = "Add a node first: there is no container yet."
		}
		return out
	}
	return offers(v.State.judge, v.all)
}

// narrowing are the parts of the address that say which containers are meant.
func (f filter) narrowing() (out []kit.KV) {
	for _, n := range f.Nodes {
		out = append(out, kit.KV{Key: "node", Value: n.String()})
	}
	if f.Status != "" {
		out = append(out, kit.KV{Key: "status", Value: f.Status})
	}
	for _, t := range f.Tags {
		out = append(out, kit.KV{Key: "tag", Value: t})
	}
	if f.Q != "" {
		out = append(out, kit.KV{Key: "q", Value: f.Q})
	}
	return out
}

// chooseURL is where some of the containers that the filter shows are chosen without script.
func (f filter) chooseURL() string {
	q := url.Values{}
	for _, p := range f.narrowing() {
		q.Add(p.Key, p.Value)
	}
	if len(q) == 0 {
		return kit.URL.Actions()
	}
	return kit.URL.Actions() + "?" + q.Encode()
}
