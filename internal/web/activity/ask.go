package activity

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

// ask is what the address of the page asks for.
type ask struct {
	Kind      string // one of groups, "containers", an action; empty: all
	Result    string // one of results; empty: any
	Node      fleet.NodeID
	Container fleet.ContainerID
	Actor     string
	Text      string
	Admin     bool // Berth's own entries too

	Before int64 // trail entries with a smaller Seq; 0: from the end
	Steps  int64 // steps begun before, unix milliseconds; 0: from the newest
}

const maxText = 100

// readAsk reads an address. What makes no sense is left out.
func readAsk(q url.Values, admin bool) ask {
	a := ask{Kind: knownKind(q.Get("kind")), Text: cut(q.Get("q"), maxText), Actor: cut(q.Get("person"), maxText), Admin: admin}
	if i := slices.IndexFunc(results, func(o kit.Option) bool { return o.Value == q.Get("result") }); i > 0 {
		a.Result = results[i].Value
	}
	a.Node, _ = fleet.ParseNodeID(q.Get("node"))
	a.Container, _ = fleet.ParseContainerID(q.Get("container"))
	a.Before, a.Steps = number(q.Get("before")), number(q.Get("steps"))
	return a
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what is no number is the beginning
	return max(n, 0)
}

func (a ask) narrows() bool {
	return a.Kind != "" || a.Text != "" || a.Result != "" || a.Actor != "" || a.Node.Name != "" || a.Container.VMID != 0
}

// begun reports whether the address is of the first page.
func (a ask) begun() bool { return a.Before == 0 && a.Steps == 0 }

func (a ask) values() url.Values {
	q := url.Values{}
	for k, v := range map[string]string{"kind": a.Kind, "result": a.Result, "person": a.Actor, "q": a.Text} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if a.Node.Name != "" {
		q.Set("node", a.Node.String())
	}
	if a.Container.VMID != 0 {
		q.Set("container", a.Container.String())
	}
	return q
}

func urlOf(q url.Values) string {
	if len(q) == 0 {
		return kit.URL.Activity()
	}
	return kit.URL.Activity() + "?" + q.Encode()
}

// older is the address of the page that goes on below what was found.
func (a ask) older(f found) string {
	q := a.values()
	if f.Before > 0 {
		q.Set("before", strconv.FormatInt(f.Before, 10))
	}
	if f.Steps > 0 {
		q.Set("steps", strconv.FormatInt(f.Steps, 10))
	}
	return urlOf(q)
}

// without is the address of the first page without one of the filter's parts.
func (a ask) without(key string) string {
	q := a.values()
	q.Del(key)
	return urlOf(q)
}

// group is a choice of the filter: entries whose kind begins with one of its nouns.
type group struct {
	Key, Text string
	nouns     []string
}

// containers is the group of everything that is done to containers.
const containers = "containers"

var groups = []group{
	{containers, "Containers", []string{"container", "job"}},
	{"sign-in", "Signing in", []string{"session"}},
	{"nodes", "Nodes", []string{"cluster", "node"}},
	{"templates", "Templates and packages", []string{"template", "bucket"}},
	{"tokens", "Tokens", []string{"token"}},
	{"administration", "Administration", []string{"setup", "signin-host", "administrator", "user"}},
}

// results are the choices of the filter by how it ended.
var results = []kit.Option{{Value: "", Text: "Any result"}, {Value: "ok", Text: "Went well"}, {Value: "warned", Text: "With warnings"}, {Value: "failed", Text: "Failed"},
	{Value: "unknown", Text: "Outcome unknown"}, {Value: "refused", Text: "Refused"}}

func knownKind(key string) string {
	if _, ok := fleet.RuleOf(fleet.Action(key)); ok {
		return key
	}
	for _, g := range groups {
		if g.Key == key {
			return key
		}
	}
	return ""
}

// kinds are the choices of the filter by kind.
func kinds() []kit.Option {
	out := []kit.Option{{Value: "", Text: "Everything"}}
	for _, g := range groups {
		out = append(out, kit.Option{Value: g.Key, Text: g.Text})
		if g.Key == containers {
			for _, r := range fleet.ActionRules() {
				out = append(out, kit.Option{Value: string(r.Action), Text: "– " + r.Title})
			}
		}
	}
	return out
}

// inKind reports whether a trail entry is of the kind that is asked for.
func inKind(key string, k audit.Kind) bool {
	if key == "" {
		return true
	}
	noun, verb, _ := strings.Cut(string(k), ".")
	for _, g := range groups {
		if g.Key == key {
			return slices.Contains(g.nouns, noun)
		}
	}
	return noun == "container" && verb == key
}

// stepFilter is what of the ask the store can narrow steps by; ok is false when it asks for no steps at all.
func (a ask) stepFilter(owner string) (f job.Filter, ok bool) {
	f = job.Filter{Owner: owner, Actor: a.Actor, States: []job.StepState{job.Done, job.Warned, job.Failed, job.Unknown}}
	if a.Kind != "" && a.Kind != containers {
		f.Kind = a.Kind
		if _, action := fleet.RuleOf(fleet.Action(a.Kind)); !action {
			return f, false
		}
	}
	switch a.Result {
	case "ok":
		f.States = []job.StepState{job.Done}
	case "warned":
		f.States = []job.StepState{job.Warned}
	case "failed":
		f.States = []job.StepState{job.Failed}
	case "unknown":
		f.States = []job.StepState{job.Unknown}
	case "refused":
		return f, false
	}
	if a.Node.Name != "" {
		f.Group, f.Lane = string(a.Node.Cluster), a.Node.Name
	}
	if a.Container.VMID != 0 {
		f.Subject = a.Container.String()
	}
	return f, true
}

func cut(s string, limit int) string {
	s = strings.TrimSpace(s)
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit])
	}
	return strings.ToValidUTF8(s, "")
}
