package nodes

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// ownView is making a token on the Proxmox that the person signed in to.
type ownView struct {
	Host    string
	User    string
	Tier    string
	Scope   string // "all" or "pools"
	Pools   string
	Token   string // name of the token
	Days    string
	Plan    *fleet.TokenPlan // nil in the first step
	Label   string           // name of the entry
	Also    []string
	Digest  string
	Problem *problem.Problem
}

func (v ownView) field(name string) string { return fieldOf(v.Problem, name) }
func (v ownView) chosen(name string) bool  { return slices.Contains(v.Also, name) }

func tierOptions() []kit.Option {
	return []kit.Option{
		{Value: string(fleet.TierLook), Text: "Look", Hint: "See nodes, containers, storages and tasks. It cannot change anything. This is all that Berth uses today."},
		{Value: string(fleet.TierManage), Text: "Manage", Hint: "All of that, and create, start, stop, change, back up and delete containers."},
	}
}

func scopeOptions() []kit.Option {
	return []kit.Option{
		{Value: "all", Text: "The whole cluster"},
		{Value: "pools", Text: "Only these pools", Hint: "Node figures and quick updates need Sys.Audit on the whole cluster and are left out then."},
	}
}

func dayOptions() []kit.Option {
	var options []kit.Option
	for _, days := range fleet.ExpiryDays {
		text := kit.Count(days, "day", "days")
		if days == 365 {
			text = "1 year"
		}
		options = append(options, kit.Option{Value: strconv.Itoa(days), Text: text})
	}
	return options
}

func (p *Pages) drawOwn(w http.ResponseWriter, r *http.Request, status int, v ownView) error {
	f := sub("Create a token for me", "On “"+v.Host+"”, the Proxmox that you signed in to as "+v.User+".")
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: "Add node", URL: kit.URL.NodeNew()})
	return kit.Render(w, r, status, f, ownPage(v))
}

// readOwn is the form as typed, for the host that the person signed in through.
func (p *Pages) readOwn(r *http.Request) (ownView, error) {
	host, offered, err := p.verbs.Offered(r.Context(), by(r))
	if err != nil {
		return ownView{}, err
	}
	if !offered {
		return ownView{}, problem.New(problem.Conflict, "The Proxmox that you signed in to is one of your nodes already.", "Edit that entry to give it another token.")
	}
	v := ownView{Host: host.Name, User: by(r).Viewer.User.PVEUser, Tier: r.PostFormValue("tier"), Scope: r.PostFormValue("scope"), Pools: r.PostFormValue("pools"),
		Token: strings.TrimSpace(r.PostFormValue("name")), Days: r.PostFormValue("days"), Label: r.PostFormValue("label"), Also: r.PostForm["also"]}
	return v, nil
}

func (v ownView) wish() fleet.TokenWish {
	w := fleet.TokenWish{Tier: fleet.Tier(v.Tier), Name: v.Token}
	w.Days, _ = strconv.Atoi(v.Days) // zero is none of the offered ones
	if v.Scope == "pools" {
		w.Pools = strings.FieldsFunc(v.Pools, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' })
		if len(w.Pools) == 0 {
			w.Pools = []string{""} // said to be wrong by the verb
		}
	}
	return w
}

func (p *Pages) wishToken(w http.ResponseWriter, r *http.Request) error {
	v, err := p.readOwn(r)
	if err != nil {
		return err
	}
	v.Tier, v.Scope, v.Days, v.Token = string(fleet.TierLook), "all", "365", "berth"
	return p.drawOwn(w, r, http.StatusOK, v)
}

// planToken shows what would be done.
func (p *Pages) planToken(w http.ResponseWriter, r *http.Request) error {
	v, err := p.readOwn(r)
	if err != nil {
		return err
	}
	plan, err := p.verbs.Prepare(r.Context(), by(r), v.wish())
	if err != nil {
		return p.refuseOwn(w, r, v, err)
	}
	v.Plan, v.Digest, v.Label = &plan, plan.Digest(), plan.Finding.Name
	for _, m := range plan.Finding.Members {
		if m.Usable {
			v.Also = append(v.Also, m.Name)
		}
	}
	return p.drawOwn(w, r, http.StatusOK, v)
}

// refuseOwn draws the form again; a lapsed ticket leads to the password and back.
func (p *Pages) refuseOwn(w http.ResponseWriter, r *http.Request, v ownView, err error) error {
	v.Problem = problem.Of(err)
	switch {
	case v.Problem == nil:
		return err
	case v.Problem.Kind == problem.NeedProof:
		return kit.Redirect(w, r, kit.URL.Proof(kit.URL.NodeToken()))
	}
	return p.drawOwn(w, r, statusOf(v.Problem.Kind), v)
}

// makeToken does what was shown.
func (p *Pages) makeToken(w http.ResponseWriter, r *http.Request) error {
	v, err := p.readOwn(r)
	if err != nil {
		return err
	}
	c, missing, err := p.verbs.MakeToken(r.Context(), by(r), v.wish(), fleet.Confirmation{Name: v.Label, Also: v.Also, Seen: r.PostFormValue("seen")})
	if err != nil {
		return p.remake(w, r, v, err)
	}
	toast := kit.Toast{Kind: kit.Success, Text: "The token " + c.TokenID + " is made, and “" + c.Name + "” is added."}
	if len(missing) > 0 {
		toast = kit.Toast{Kind: kit.Warning, Text: toast.Text + " Your own account lacks " + joined(missing[:min(len(missing), 5)]) + ", so the token does too."}
	}
	kit.Flash(w, r, toast)
	return kit.Redirect(w, r, kit.URL.Nodes())
}

// remake shows the plan again as it is now, with what went wrong.
func (p *Pages) remake(w http.ResponseWriter, r *http.Request, v ownView, cause error) error {
	told := problem.Of(cause)
	if told == nil || told.Kind == problem.NeedProof || told.Fields["name"] != "" {
		return p.refuseOwn(w, r, v, cause)
	}
	plan, err := p.verbs.Prepare(r.Context(), by(r), v.wish())
	if err != nil {
		return p.refuseOwn(w, r, v, cause)
	}
	v.Plan, v.Digest = &plan, plan.Digest()
	return p.refuseOwn(w, r, v, cause)
}
