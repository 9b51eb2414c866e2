package signin

import (
	"net/http"

	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// proofView is all that the page shows which asks for the password again.
type proofView struct {
	User, Host string
	ReturnTo   string
	Wrong      string
	Problem    *problem.Problem
}

func (p *Pages) proof(w http.ResponseWriter, r *http.Request) error {
	return p.drawProof(w, r, http.StatusOK, p.returnTo(r.URL.Query().Get("return")), nil)
}

func (p *Pages) drawProof(w http.ResponseWriter, r *http.Request, status int, returnTo string, told *problem.Problem) error {
	viewer := kit.ViewerOf(r.Context())
	v := proofView{User: viewer.User.PVEUser, Host: viewer.Host, ReturnTo: returnTo}
	if told != nil {
		if v.Wrong = told.Fields["password"]; v.Wrong == "" {
			v.Problem = told
		} else if told.Kind == problem.Unauthorized {
			v.Wrong = "The password is wrong."
		}
	}
	return kit.RenderBare(w, r, status, "Your password again", proofPage(v))
}

func (p *Pages) postProof(w http.ResponseWriter, r *http.Request) error {
	returnTo := p.returnTo(r.PostFormValue("return"))
	progress, err := p.verbs.Prove(r.Context(), kit.ViewerOf(r.Context()), secret.New(r.PostFormValue("password")), returnTo, clientOf(r))
	if err == nil {
		return p.goOn(w, r, progress)
	}
	told := problem.Of(err)
	if told == nil {
		return err
	}
	return p.drawProof(w, r, statusOf(told), returnTo, told)
}
