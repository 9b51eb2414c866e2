package settings

import (
	"cmp"
	"net/http"
	"strings"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

func (p *Pages) hosts(w http.ResponseWriter, r *http.Request) error {
	list, err := p.verbs.Hosts(r.Context())
	if err != nil {
		return err
	}
	f := frame(r, "Sign-in hosts", "The Proxmox that people sign in with. Only these are ever asked about a password.", kit.URL.SignInHosts())
	f.Actions = addHostLink()
	return kit.Render(w, r, http.StatusOK, f, hostsPage(list, p.now()))
}

// newHostView is the form for a sign-in host: the address first, then what answered there.
type newHostView struct {
	Address, Name string
	Seen          *authority.Seen
	Problem       *problem.Problem
}

func (v newHostView) field(name string) string { return fieldOf(v.Problem, name) }

// fieldOf is what a problem says of one field.
func fieldOf(p *problem.Problem, name string) string {
	if p == nil {
		return ""
	}
	return p.Fields[name]
}

// statusOf answers a form that was filled wrongly with 422, whatever the kind:
// a proxy in between may put its own page in place of a 502.
func statusOf(p *problem.Problem) int {
	if len(p.Fields) > 0 {
		return http.StatusUnprocessableEntity
	}
	return kit.StatusOf(p.Kind)
}

// bannerOf is the problem itself when it is about none of the fields.
func bannerOf(p *problem.Problem, fields ...string) *problem.Problem {
	for _, f := range fields {
		if fieldOf(p, f) != "" {
			return nil
		}
	}
	return p
}

func (p *Pages) newHost(w http.ResponseWriter, r *http.Request) error {
	return p.drawNewHost(w, r, http.StatusOK, newHostView{})
}

func (p *Pages) drawNewHost(w http.ResponseWriter, r *http.Request, status int, v newHostView) error {
	f := frame(r, "Add sign-in host", "", "")
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: "Sign-in hosts", URL: kit.URL.SignInHosts()})
	f.Tabs, f.Narrow = nil, true
	return kit.Render(w, r, status, f, newHostPage(v))
}

func (p *Pages) lookAtHost(w http.ResponseWriter, r *http.Request) error {
	v := newHostView{Address: r.PostFormValue("address")}
	seen, err := p.verbs.Look(r.Context(), kit.ViewerOf(r.Context()), v.Address, clientOf(r))
	if err != nil {
		return p.redrawNewHost(w, r, v, err)
	}
	v.Seen, v.Address, v.Name = &seen, seen.Address.String(), seen.Name()
	return p.drawNewHost(w, r, http.StatusOK, v)
}

func (p *Pages) addHost(w http.ResponseWriter, r *http.Request) error {
	v := newHostView{Address: r.PostFormValue("address"), Name: r.PostFormValue("name")}
	host, err := p.verbs.AddHost(r.Context(), kit.ViewerOf(r.Context()), v.Name, v.Address, r.PostFormValue("fingerprint"), clientOf(r))
	if err != nil {
		return p.redrawNewHost(w, r, v, err)
	}
	kit.Flash(w, r, kit.Toast{Kind: kit.Success, Text: "“" + host.Name + "” is registered. Say who may sign in through it."})
	return kit.Redirect(w, r, kit.URL.SignInHost(string(host.ID)))
}

func (p *Pages) redrawNewHost(w http.ResponseWriter, r *http.Request, v newHostView, err error) error {
	if v.Problem = problem.Of(err); v.Problem == nil || v.Problem.Kind == problem.NeedProof {
		return err
	}
	return p.drawNewHost(w, r, statusOf(v.Problem), v)
}

// hostView is the page of one sign-in host.
type hostView struct {
	Host       account.SignInHost
	Name       string
	Admission  string
	Listed     string
	Sharing    string
	NewAddress string
	Own        bool // the viewer signs in through it
	// Seen is what its address shows now, to be compared with the pin.
	Seen    *authority.Seen
	Problem *problem.Problem
}

func (v hostView) field(name string) string { return fieldOf(v.Problem, name) }

func admissions() []kit.Option {
	return []kit.Option{
		{Value: string(account.OnlyAdministrators), Text: "Administrators only", Hint: "Nobody else gets in, whatever Proxmox says."},
		{Value: string(account.OnlyListed), Text: "Listed users and realms", Hint: "And administrators."},
		{Value: string(account.Everyone), Text: "Everyone with an account there", Hint: "Each person sees only the nodes that they add themselves."},
	}
}

func sharings() []kit.Option {
	return []kit.Option{
		{Value: string(account.OnlyAdministrators), Text: "Administrators only"},
		{Value: string(account.Everyone), Text: "Everyone who may sign in", Hint: "What they share, everybody on this Berth can read and copy."},
	}
}

func (p *Pages) viewOf(r *http.Request) (hostView, error) {
	h, err := p.verbs.Host(r.Context(), account.HostID(r.PathValue("host")))
	return hostView{
		Host: h, Name: h.Name, Admission: string(h.Policy.Admission), Listed: strings.Join(h.Policy.Listed, "\n"),
		Sharing: string(cmp.Or(h.Policy.Sharing, account.OnlyAdministrators)),
		Own:     kit.ViewerOf(r.Context()).User.Host == h.ID,
	}, err
}

func (p *Pages) drawHost(w http.ResponseWriter, r *http.Request, status int, v hostView) error {
	f := frame(r, v.Host.Name, "", "")
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: "Sign-in hosts", URL: kit.URL.SignInHosts()})
	f.Tabs, f.Narrow = nil, true
	return kit.Render(w, r, status, f, hostPage(v))
}

func (p *Pages) host(w http.ResponseWriter, r *http.Request) error {
	v, err := p.viewOf(r)
	if err != nil {
		return err
	}
	return p.drawHost(w, r, http.StatusOK, v)
}

// redrawHost shows a refused form with what was typed.
func (p *Pages) redrawHost(w http.ResponseWriter, r *http.Request, err error, typed func(*hostView)) error {
	told := problem.Of(err)
	if told == nil || told.Kind == problem.NotFound || told.Kind == problem.NeedProof {
		return err
	}
	v, err := p.viewOf(r)
	if err != nil {
		return err
	}
	typed(&v)
	v.Problem = told
	return p.drawHost(w, r, statusOf(told), v)
}

func (p *Pages) editHost(w http.ResponseWriter, r *http.Request) error {
	id, name := r.PathValue("host"), r.PostFormValue("name")
	admission, listed := r.PostFormValue("admission"), r.PostFormValue("listed")
	sharing := r.PostFormValue("sharing")
	policy := account.Policy{Admission: account.Admission(admission), Sharing: account.Admission(sharing), Listed: strings.FieldsFunc(listed, func(c rune) bool { return c == '\n' || c == '\r' || c == ',' })}
	err := p.verbs.EditHost(r.Context(), kit.ViewerOf(r.Context()), account.HostID(id), name, policy, clientOf(r))
	if err != nil {
		return p.redrawHost(w, r, err, func(v *hostView) { v.Name, v.Admission, v.Listed, v.Sharing = name, admission, listed, sharing })
	}
	return told(w, r, nil, "Saved.", kit.URL.SignInHost(id))
}

func (p *Pages) addAddress(w http.ResponseWriter, r *http.Request) error {
	id, address := r.PathValue("host"), r.PostFormValue("address")
	err := p.verbs.AddAddress(r.Context(), kit.ViewerOf(r.Context()), account.HostID(id), address, clientOf(r))
	if err != nil {
		return p.redrawHost(w, r, err, func(v *hostView) { v.NewAddress = address })
	}
	return told(w, r, nil, "The address is added.", kit.URL.SignInHost(id))
}

func (p *Pages) dropAddress(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("host")
	err := p.verbs.DropAddress(r.Context(), kit.ViewerOf(r.Context()), account.HostID(id), r.PostFormValue("address"), clientOf(r))
	return told(w, r, err, "The address is removed.", kit.URL.SignInHost(id))
}

// renewable reports whether a renewed certificate has to be confirmed by a person.
func (v hostView) renewable() bool { return v.Host.Authority.Trust.Mode == authority.LeafPin }

func (v hostView) changed() bool {
	return v.Seen != nil && v.Seen.Fingerprint != v.Host.Authority.Trust.Fingerprint
}

func (p *Pages) lookAgain(w http.ResponseWriter, r *http.Request) error {
	v, err := p.viewOf(r)
	if err != nil {
		return err
	}
	seen, err := p.verbs.LookAgain(r.Context(), kit.ViewerOf(r.Context()), v.Host.ID, r.PostFormValue("address"), clientOf(r))
	if err != nil {
		return told(w, r, err, "", kit.URL.SignInHost(string(v.Host.ID)))
	}
	v.Seen = &seen
	return p.drawHost(w, r, http.StatusOK, v)
}

func (p *Pages) repin(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("host")
	err := p.verbs.Repin(r.Context(), kit.ViewerOf(r.Context()), account.HostID(id), r.PostFormValue("address"), r.PostFormValue("fingerprint"), clientOf(r))
	return told(w, r, err, "The new certificate is pinned.", kit.URL.SignInHost(id))
}

func (p *Pages) deleteHost(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("host")
	h, err := p.verbs.Host(r.Context(), account.HostID(id))
	if err != nil {
		return err
	}
	if strings.TrimSpace(r.PostFormValue("confirm")) != h.Name {
		return p.redrawHost(w, r, problem.Field("confirm", "Type the name of the sign-in host to delete it."), func(*hostView) {})
	}
	if err := p.verbs.DeleteHost(r.Context(), kit.ViewerOf(r.Context()), account.HostID(id), clientOf(r)); err != nil {
		return told(w, r, err, "", kit.URL.SignInHost(id))
	}
	return told(w, r, nil, "“"+h.Name+"” is deleted.", kit.URL.SignInHosts())
}

// trustText says in words what a host's pin is.
func trustText(t authority.Trust) string {
	switch t.Mode {
	case authority.CAPin:
		return "The cluster's own CA"
	case authority.Public:
		return "A public CA and the host name"
	}
	return "This one certificate"
}

func admissionText(p account.Policy) string {
	switch p.Admission {
	case account.Everyone:
		return "Everyone with an account there"
	case account.OnlyListed:
		return kit.Count(len(p.Listed), "listed user or realm", "listed users and realms")
	}
	return "Administrators only"
}
