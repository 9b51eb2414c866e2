package signin

import (
	"net/http"
	"slices"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// loginView is all that the sign-in page shows.
type loginView struct {
	Hosts    []account.SignInHost
	Host     account.SignInHost
	User     string
	Realm    string
	ReturnTo string
	SetUp    bool // the browser of the set-up link: whoever signs in becomes administrator
	Problem  *problem.Problem
}

// field is what is wrong with one field; a problem without fields is drawn above the form instead.
func (v loginView) field(name string) string {
	if v.Problem == nil {
		return ""
	}
	return v.Problem.Fields[name]
}

func (v loginView) banner() *problem.Problem {
	if v.Problem == nil || len(v.Problem.Fields) > 0 {
		return nil
	}
	return v.Problem
}

// realms are the host's own list, those that Berth cannot use said so.
func (v loginView) realms() []kit.Option {
	options := make([]kit.Option, 0, len(v.Host.Realms))
	for _, r := range v.Host.Realms {
		text := r.Name
		if r.Comment != "" && r.Comment != r.Name {
			text = r.Comment + " (" + r.Name + ")"
		}
		if !r.Usable() {
			text += ": not possible here, it signs in on another site"
		}
		options = append(options, kit.Option{Value: r.Name, Text: text, Disabled: !r.Usable()})
	}
	return options
}

func (v loginView) hosts() []kit.Option {
	options := make([]kit.Option, 0, len(v.Hosts))
	for _, h := range v.Hosts {
		options = append(options, kit.Option{Value: string(h.ID), Text: h.Name})
	}
	return options
}

// firstRealm is the one that is chosen before anybody chose: the host's default, else the first that works.
func firstRealm(realms []account.Realm) string {
	for _, r := range realms {
		if r.Default && r.Usable() {
			return r.Name
		}
	}
	for _, r := range realms {
		if r.Usable() {
			return r.Name
		}
	}
	return ""
}

// view fills the page for the host that was asked for, else the one used last, else the first.
func (p *Pages) view(r *http.Request, asked, returnTo string) (loginView, error) {
	hosts, err := p.verbs.Hosts(r.Context())
	if err != nil {
		return loginView{}, err
	}
	v := loginView{Hosts: hosts, ReturnTo: p.returnTo(returnTo)}
	if len(hosts) > 0 {
		v.Host = hosts[0]
	}
	for _, id := range []string{hostCookie.get(r), asked} {
		if i := slices.IndexFunc(hosts, func(h account.SignInHost) bool { return string(h.ID) == id }); i >= 0 {
			v.Host = hosts[i]
		}
	}
	v.Realm = firstRealm(v.Host.Realms)
	if setUpCookie.get(r) != "" {
		_, err := p.verbs.SetUp(r.Context(), clientOf(r))
		v.SetUp = err == nil
		if err != nil && problem.Of(err) == nil {
			return loginView{}, err
		}
	}
	return v, nil
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) error {
	returnTo := r.URL.Query().Get("return")
	if kit.ViewerOf(r.Context()).User.ID != "" {
		return kit.Redirect(w, r, p.returnTo(returnTo))
	}
	v, err := p.view(r, r.URL.Query().Get("host"), returnTo)
	if err != nil {
		return err
	}
	return p.drawLogin(w, r, http.StatusOK, v)
}

func (p *Pages) drawLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) error {
	if len(v.Hosts) == 0 {
		if v.SetUp {
			return kit.Redirect(w, r, kit.URL.SetUp())
		}
		return kit.RenderBare(w, r, status, "Set up Berth", notSetUp())
	}
	return kit.RenderBare(w, r, status, "Sign in", loginPage(v))
}

func (p *Pages) postPassword(w http.ResponseWriter, r *http.Request) error {
	host, returnTo := r.PostFormValue("host"), p.returnTo(r.PostFormValue("return"))
	progress, err := p.verbs.Password(r.Context(), account.Credentials{
		Host: account.HostID(host), User: r.PostFormValue("user"), Realm: r.PostFormValue("realm"),
		Password: secret.New(r.PostFormValue("password")), ReturnTo: returnTo,
	}, clientOf(r))
	if err == nil {
		hostCookie.set(w, r, host)
		return p.goOn(w, r, progress)
	}
	told := problem.Of(err)
	if told == nil {
		return err
	}
	v, err := p.view(r, host, returnTo)
	if err != nil {
		return err
	}
	v.User, v.Problem = r.PostFormValue("user"), told
	if realm := r.PostFormValue("realm"); realm != "" {
		v.Realm = realm
	}
	return p.drawLogin(w, r, statusOf(told), v)
}

// statusOf answers a refused sign-in with 401 and a form that was filled
// wrongly with 422, whatever the kind: a proxy in between may put its own page
// in place of a 502.
func statusOf(p *problem.Problem) int {
	switch {
	case p.Kind == problem.Unauthorized:
		return http.StatusUnauthorized
	case len(p.Fields) > 0:
		return http.StatusUnprocessableEntity
	}
	return kit.StatusOf(p.Kind)
}
