package actions

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

const (
	// maxListed is how many the page without script lists to be chosen among.
	maxListed = 500
)

// filterKeys are the keys of the dashboard's address that narrow it.
var filterKeys = []string{"node", "status", "q", "tag"}

// plan makes a plan for many containers and leads to it; nothing begins.
func (p *Pages) plan(w http.ResponseWriter, r *http.Request) error {
	rule, v, err := readMany(r)
	if err != nil {
		return err
	}
	viewer := kit.ViewerOf(r.Context())
	targets, err := p.targets(r, string(viewer.User.ID), v)
	if err != nil {
		return err
	}
	choices, err := readChoices(v, rule)
	if err != nil {
		return err
	}
	id, err := p.o.Verbs.Plan(r.Context(), viewer, kit.ClientAddr(r.Context()), fleet.ActionRequest{
		Action: rule.Action, Targets: targets, Choices: choices, Once: once(rule.Action, v.Get("key"))})
	if err != nil {
		return err
	}
	return kit.Redirect(w, r, kit.URL.Job(id))
}

// readMany reads what is common to the forms that lead to a plan.
func readMany(r *http.Request) (fleet.ActionRule, url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return fleet.ActionRule{}, nil, odd("The form could not be read.")
	}
	v := r.PostForm
	rule, ok := fleet.RuleOf(fleet.Action(v.Get("action")))
	if !ok {
		return rule, v, odd("The form names no action that there is.")
	}
	if !kit.IsFormKey(v.Get("key")) {
		return rule, v, odd("The form has no mark of its own, by which what is sent twice is done once.")
	}
	allowed := append([]string{"action", "key", "all", "plan", "id"}, slices.Concat(filterKeys, fieldsOf(rule.Action))...)
	for name, values := range v {
		several := name == "id" || name == "node" || name == "tag"
		if !slices.Contains(allowed, name) || len(values) != 1 && !several {
			return rule, v, odd("The form has a field that is none of its own, or one twice.")
		}
	}
	return rule, v, nil
}

// readChoices reads what a plan may be given beside its action.
func readChoices(v url.Values, rule fleet.ActionRule) (fleet.Choices, error) {
	f := form{Timeout: strings.TrimSpace(v.Get("timeout"))}
	for name, into := range map[string]*bool{"force": &f.Force, "stop": &f.Stop, "purge": &f.Purge, "disks": &f.Disks} {
		if v.Has(name) && v.Get(name) != "on" {
			return fleet.Choices{}, odd("The form's field “%s” has a value that it cannot have.", name)
		}
		*into = v.Has(name)
	}
	if f.Timeout != "" {
		if n, err := strconv.Atoi(f.Timeout); err != nil || n < 1 || n > maxTimeout {
			return fleet.Choices{}, problem.Field("timeout", "The time must be 1 to "+strconv.Itoa(maxTimeout)+" seconds.")
		}
	}
	return f.choices(), nil
}

// targets are the containers that the form names: one by one, all that a filter matches, or those of an earlier plan.
func (p *Pages) targets(r *http.Request, owner string, v url.Values) ([]fleet.ContainerID, error) {
	var ids []fleet.ContainerID
	switch {
	case v.Has("plan"):
		steps, err := p.o.Steps.Steps(r.Context(), job.Filter{Owner: owner, Job: job.ID(v.Get("plan")), Kind: v.Get("action"), Limit: fleet.MaxTargets})
		if err != nil {
			return nil, err
		}
		for _, s := range steps {
			if id, ok := parseSubject(s.Subject); ok {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return nil, problem.Missing()
		}
		return ids, nil
	case v.Has("all"):
		ids = p.o.Finder.Matching(owner, onlyFilter(v))
	default:
		seen := map[fleet.ContainerID]bool{}
		for _, s := range v["id"] {
			id, ok := parseSubject(s)
			if !ok {
				return nil, odd("The form names a container in a way that no page does.")
			}
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		if err := p.mine(owner, ids); err != nil {
			return nil, err
		}
	}
	switch {
	case len(ids) == 0:
		return nil, problem.New(problem.Invalid, "No container is chosen.", "Choose at least one on the dashboard.")
	case len(ids) > fleet.MaxTargets:
		return nil, problem.New(problem.Invalid, "These are too many containers for one job: "+strconv.Itoa(len(ids))+".", "Narrow the filter.")
	}
	return ids, nil
}

// mine reports what is not in the owner's fleet as what does not exist.
func (p *Pages) mine(owner string, ids []fleet.ContainerID) error {
	known := map[fleet.ClusterID]bool{}
	for _, c := range p.o.Pictures.Picture(owner).Clusters {
		known[c.Cluster] = true
	}
	for _, id := range ids {
		if !known[id.Cluster] {
			return problem.Missing()
		}
	}
	return nil
}

// parseSubject reads "cluster/vmid".
func parseSubject(s string) (fleet.ContainerID, bool) {
	cluster, vmid, ok := strings.Cut(s, "/")
	if !ok {
		return fleet.ContainerID{}, false
	}
	return parseID(cluster, vmid)
}

// onlyFilter keeps of an address or a form what narrows the dashboard.
func onlyFilter(v url.Values) url.Values {
	out := url.Values{}
	for _, k := range filterKeys {
		if v.Has(k) {
			out[k] = v[k]
		}
	}
	return out
}

// manyView is what the page of choosing among many reads.
type manyView struct {
	Filter url.Values
	Rows   []manyRow
	Total  int
	Key    string
	Counts map[fleet.Action]int // how many of all an action can be had on
}

// manyRow is a container to be chosen.
type manyRow struct {
	ID     string
	Name   string
	Note   string
	Status fleet.Status
}

// choose is the way to many containers without script: all that a filter matches, or some of them.
func (p *Pages) choose(w http.ResponseWriter, r *http.Request) error {
	owner := string(kit.ViewerOf(r.Context()).User.ID)
	v := manyView{Filter: onlyFilter(r.URL.Query()), Key: kit.FormKey(), Counts: map[fleet.Action]int{}}
	picture, busy := p.o.Pictures.Picture(owner), p.o.Verbs.Busy(owner)
	rules := fleet.ActionRules()
	for _, id := range p.o.Finder.Matching(owner, v.Filter) {
		cluster, c, ok := find(picture, id)
		if !ok {
			continue
		}
		v.Total++
		var b *fleet.Busy
		if is, ok := busy[id]; ok {
			b = &is
		}
		for i, no := range fleet.JudgeAll(cluster, c, b) {
			if no.None() {
				v.Counts[rules[i].Action]++
			}
		}
		if len(v.Rows) < maxListed {
			node := c.Node
			if n, ok := cluster.Node(c.Node); ok {
				node = n.Title()
			}
			v.Rows = append(v.Rows, manyRow{ID: id.String(), Name: c.Name(), Note: id.VMID.String() + " on " + node, Status: c.Status})
		}
	}
	return kit.Render(w, r, http.StatusOK, kit.Frame{Title: "Act on containers", Subtitle: "A plan is made first; nothing begins before you say so", Section: kit.SectionDashboard,
		Crumbs: []kit.Crumb{{Text: "Dashboard", URL: kit.URL.Dashboard()}}, Narrow: true}, manyPage(v))
}

// why says why an action can be had on none of them; empty: it can on some.
func (v manyView) why(rule fleet.ActionRule) string {
	if v.Counts[rule.Action] > 0 {
		return ""
	}
	return "None of these can be " + rule.Done + " now."
}
