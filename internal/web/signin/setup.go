package signin

import (
	"net/http"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// setUpView is all that the set-up page shows: the address first, then what answered there.
type setUpView struct {
	Hosts   []account.SignInHost
	Address string
	Name    string
	Seen    *authority.Seen // set when it is to be confirmed
	Problem *problem.Problem
}

func (v setUpView) field(name string) string {
	if v.Problem == nil {
		return ""
	}
	return v.Problem.Fields[name]
}

func (v setUpView) banner() *problem.Problem {
	if v.Problem == nil || v.Problem.Fields["address"] != "" || v.Problem.Fields["name"] != "" {
		return nil
	}
	return v.Problem
}

// setUp opens the link and moves it out of the address at once; without a link it is the page itself.
func (p *Pages) setUp(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	if link := r.URL.Query().Get("link"); link != "" {
		browser, err := p.verbs.OpenSetUp(r.Context(), link, clientOf(r))
		if err != nil {
			// A link that is refused here may be good in another browser, or in a minute: no form of the page carries it on.
			r.URL.RawQuery = ""
			return p.refuseSetUp(w, r, err)
		}
		setUpCookie.setSecret(w, r, browser)
		return kit.Redirect(w, r, kit.URL.SetUp())
	}
	state, err := p.verbs.SetUp(r.Context(), clientOf(r))
	if err != nil {
		return p.refuseSetUp(w, r, err)
	}
	return kit.RenderBare(w, r, http.StatusOK, "Set up Berth", setUpPage(setUpView{Hosts: state.Hosts}))
}

// refuseSetUp draws a dead link on the page's own ground.
func (p *Pages) refuseSetUp(w http.ResponseWriter, r *http.Request, err error) error {
	told := problem.Of(err)
	if told == nil {
		return err
	}
	return kit.RenderBare(w, r, statusOf(told), "Set up Berth", deadLinkPage(told))
}

func (p *Pages) postLook(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	state, err := p.verbs.SetUp(r.Context(), clientOf(r))
	if err != nil {
		return p.refuseSetUp(w, r, err)
	}
	v := setUpView{Hosts: state.Hosts, Address: r.PostFormValue("address")}
	seen, err := p.verbs.LookSetUp(r.Context(), v.Address, clientOf(r))
	if err != nil {
		return p.redrawSetUp(w, r, v, err)
	}
	v.Seen, v.Address, v.Name = &seen, seen.Address.String(), seen.Name()
	return kit.RenderBare(w, r, http.StatusOK, "Set up Berth", setUpPage(v))
}

func (p *Pages) postRegister(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	v := setUpView{Address: r.PostFormValue("address"), Name: r.PostFormValue("name")}
	host, err := p.verbs.RegisterFirst(r.Context(), v.Name, v.Address, r.PostFormValue("fingerprint"), clientOf(r))
	if problem.Is(err, problem.NotFound) {
		return p.refuseSetUp(w, r, err)
	}
	if err != nil {
		return p.redrawSetUp(w, r, v, err)
	}
	hostCookie.set(w, r, string(host.ID))
	return kit.Redirect(w, r, kit.URL.SignIn(""))
}

func (p *Pages) redrawSetUp(w http.ResponseWriter, r *http.Request, v setUpView, err error) error {
	if v.Problem = problem.Of(err); v.Problem == nil {
		return err
	}
	return kit.RenderBare(w, r, statusOf(v.Problem), "Set up Berth", setUpPage(v))
}
