package signin

import (
	"net/http"
	"slices"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// factorView is all that the second factor's page shows.
type factorView struct {
	Factors account.Factors
	Kind    account.FactorKind // the one that is asked for now
	Wrong   string
	Problem *problem.Problem
}

// other is where the other kind is asked for; empty when there is none.
func (v factorView) other() string {
	if !v.Factors.TOTP || !v.Factors.Recovery {
		return ""
	}
	q := factorQuery(v.Factors)
	q.Set("use", string(account.Recovery))
	if v.Kind == account.Recovery {
		q.Set("use", string(account.TOTP))
	}
	return kit.URL.SecondFactor() + "?" + q.Encode()
}

func (v factorView) action() string {
	q := factorQuery(v.Factors)
	q.Set("use", string(v.Kind))
	return kit.URL.SecondFactor() + "?" + q.Encode()
}

func factorViewOf(r *http.Request) factorView {
	q := r.URL.Query()
	v := factorView{Factors: account.Factors{
		TOTP:     slices.Contains(q["with"], string(account.TOTP)),
		Recovery: slices.Contains(q["with"], string(account.Recovery)),
	}, Kind: account.TOTP}
	if !v.Factors.Usable() {
		v.Factors.TOTP = true
	}
	if q.Get("use") == string(account.Recovery) || !v.Factors.TOTP {
		v.Kind = account.Recovery
	}
	return v
}

func (p *Pages) secondFactor(w http.ResponseWriter, r *http.Request) error {
	if halfCookie.get(r) == "" {
		return kit.Redirect(w, r, kit.URL.SignIn(""))
	}
	return kit.RenderBare(w, r, http.StatusOK, "Second factor", factorPage(factorViewOf(r)))
}

func (p *Pages) postSecondFactor(w http.ResponseWriter, r *http.Request) error {
	v := factorViewOf(r)
	progress, err := p.verbs.SecondFactor(r.Context(), halfCookie.get(r), v.Kind, secret.New(r.PostFormValue("code")), clientOf(r))
	if err == nil {
		return p.welcome(w, r, progress)
	}
	told := problem.Of(err)
	if told == nil {
		return err
	}
	// Over: by time, by tries, or because Proxmox's yes was not enough.
	if told.Kind == problem.NotFound || told.Kind == problem.Denied {
		halfCookie.drop(w, r)
		kit.Flash(w, r, kit.Toast{Kind: kit.Failure, Text: told.Sentence()})
		return kit.Redirect(w, r, kit.URL.SignIn(""))
	}
	if v.Wrong = told.Fields["code"]; v.Wrong == "" {
		v.Problem = told
	}
	return kit.RenderBare(w, r, statusOf(told), "Second factor", factorPage(v))
}
