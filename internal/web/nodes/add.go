package nodes

import (
	"net/http"
	"slices"
	"strings"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// addView is one step of adding a node. What was typed comes back; the secret never does.
type addView struct {
	Step    int // 1 address, 2 certificate, 3 token, 4 confirm
	Address string
	Port    string
	Seen    authority.Seen
	TokenID string
	Draft   string
	Name    string
	Also    []string
	Finding fleet.Finding
	Doctor  doctorView
	Digest  string
	Lost    bool // the draft is gone
	Offer   string
	Problem *problem.Problem
}

var stepNames = []string{"Address", "Certificate", "Token", "Confirm"}

func (v addView) field(name string) string { return fieldOf(v.Problem, name) }

// fieldOf is what a problem says of one field: all of it where it is about nothing else.
func fieldOf(p *problem.Problem, name string) string {
	if p == nil || p.Fields[name] == "" {
		return ""
	}
	if p.Fields[name] == p.What && p.Got == "" {
		return p.Sentence()
	}
	return p.Fields[name]
}

// bannerOf is the problem itself unless one of these fields says it, or it has fingerprints to be compared.
func bannerOf(p *problem.Problem, fields ...string) *problem.Problem {
	if p == nil || p.Got != "" {
		return p
	}
	for _, f := range fields {
		if p.Fields[f] != "" {
			return nil
		}
	}
	return p
}

// statusOf is the status of a form that is drawn again. What Proxmox did wrong
// is no 502 here: the page itself is well, and a proxy must not replace it by its own.
func statusOf(k problem.Kind) int {
	switch k {
	case problem.Conflict, problem.TooMany:
		return kit.StatusOf(k)
	}
	return http.StatusUnprocessableEntity
}

func (p *Pages) drawAdd(w http.ResponseWriter, r *http.Request, status int, v addView) error {
	return kit.Render(w, r, status, sub("Add node", "A Proxmox node, or any member of a cluster: the others come along."), addPage(v))
}

// refuse draws the step again with the problem and what was typed.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v addView, err error) error {
	if problem.Is(err, problem.NeedProof) {
		return kit.Redirect(w, r, kit.URL.Proof(kit.URL.NodeNew()))
	}
	if v.Problem = problem.Of(err); v.Problem == nil {
		return err
	}
	return p.drawAdd(w, r, statusOf(v.Problem.Kind), v)
}

func (p *Pages) addAddress(w http.ResponseWriter, r *http.Request) error {
	v := addView{Step: 1, Port: "8006"}
	var err error
	if v.Offer, err = p.offer(r); err != nil {
		return err
	}
	return p.drawAdd(w, r, http.StatusOK, v)
}

// offer is the name of the Proxmox on which a token can be made for this person.
func (p *Pages) offer(r *http.Request) (string, error) {
	host, ok, err := p.verbs.Offered(r.Context(), by(r))
	if err != nil || !ok {
		return "", err
	}
	return host.Name, nil
}

// lookAt is the end of the first step: who answers there?
func (p *Pages) lookAt(w http.ResponseWriter, r *http.Request) error {
	v := addView{Step: 1, Address: r.PostFormValue("address"), Port: r.PostFormValue("port")}
	seen, err := p.verbs.Look(r.Context(), by(r), v.Address, v.Port)
	if err != nil {
		var offerErr error
		if v.Offer, offerErr = p.offer(r); offerErr != nil {
			return offerErr
		}
		return p.refuse(w, r, v, err)
	}
	v.Step, v.Seen = 2, seen
	return p.drawAdd(w, r, http.StatusOK, v)
}

// typedAddress reads the address that the steps carry along. It was checked
// when it was typed, and is again by each verb.
func typedAddress(r *http.Request) (authority.Address, error) {
	return authority.Parse(r.PostFormValue("address"))
}

// addToken is the end of the second step: the fingerprint was confirmed.
func (p *Pages) addToken(w http.ResponseWriter, r *http.Request) error {
	address, err := typedAddress(r)
	v := addView{Step: 3, Address: r.PostFormValue("address")}
	if err != nil {
		v.Step = 1
		return p.refuse(w, r, v, err)
	}
	v.Seen = authority.Seen{Address: address, Fingerprint: r.PostFormValue("fingerprint")}
	return p.drawAdd(w, r, http.StatusOK, v)
}

// check is the end of the third step: the token is tried over that very certificate.
func (p *Pages) check(w http.ResponseWriter, r *http.Request) error {
	address, err := typedAddress(r)
	if err != nil {
		return p.refuse(w, r, addView{Step: 1, Address: r.PostFormValue("address")}, err)
	}
	c := fleet.Candidate{Address: address, Fingerprint: r.PostFormValue("fingerprint"),
		TokenID: strings.TrimSpace(r.PostFormValue("token")), Secret: secret.New(strings.TrimSpace(r.PostFormValue("secret")))}
	v := addView{Step: 3, Address: address.HostPort(), TokenID: c.TokenID, Seen: authority.Seen{Address: address, Fingerprint: c.Fingerprint}}
	f, err := p.verbs.Check(r.Context(), by(r), c)
	if err != nil {
		return p.refuse(w, r, v, err)
	}
	v.Draft = p.drafts.keep(by(r).Owner(), by(r).Viewer.Session.ID, c, f)
	v.show(f, p)
	v.Name = f.Name
	for _, m := range f.Members {
		if m.Usable {
			v.Also = append(v.Also, m.Name)
		}
	}
	return p.drawAdd(w, r, http.StatusOK, v)
}

// show makes the view the last step, about that finding.
func (v *addView) show(f fleet.Finding, p *Pages) {
	now := p.now()
	v.Step, v.Finding, v.Digest = 4, f, f.Digest()
	v.Doctor = newDoctor(v.TokenID, fleet.Rights{Permissions: f.Rights, At: now}, now)
}

// save is the last step: what was shown is stored, and nothing else.
func (p *Pages) save(w http.ResponseWriter, r *http.Request) error {
	owner, name := by(r).Owner(), r.PostFormValue("draft")
	d, ok := p.drafts.open(owner, by(r).Viewer.Session.ID, name)
	if !ok {
		return p.lost(w, r)
	}
	choice := fleet.Confirmation{Name: r.PostFormValue("name"), Also: r.PostForm["also"], Seen: r.PostFormValue("seen")}
	c, f, err := p.verbs.Add(r.Context(), by(r), d.candidate, choice)
	if err == nil {
		p.drafts.drop(owner, name)
		return done(w, r, kit.Success, savedText(c, d.finding), kit.URL.Nodes())
	}
	v := addView{Address: d.candidate.Address.HostPort(), TokenID: d.candidate.TokenID, Name: choice.Name, Also: choice.Also,
		Seen: authority.Seen{Address: d.candidate.Address, Fingerprint: d.candidate.Fingerprint}}
	if fieldOf(problem.Of(err), "secret") != "" || fieldOf(problem.Of(err), "token") != "" || problem.Is(err, problem.Untrusted) {
		p.drafts.drop(owner, name)
		v.Step = 3
		return p.refuse(w, r, v, err)
	}
	v.Draft = name
	if len(f.Members) > 0 {
		d.finding = f
	}
	v.show(d.finding, p)
	return p.refuse(w, r, v, err)
}

func savedText(c fleet.Cluster, f fleet.Finding) string {
	if f.Known != nil {
		return "“" + c.Name + "” has another address now."
	}
	return "“" + c.Name + "” is added, with " + kit.Count(len(c.Members), "node", "nodes") + "."
}

// lost asks for the secret again: the draft went with its time, with another replica, or with a restart.
func (p *Pages) lost(w http.ResponseWriter, r *http.Request) error {
	address, err := typedAddress(r)
	if err != nil {
		return p.refuse(w, r, addView{Step: 1, Address: r.PostFormValue("address")}, err)
	}
	v := addView{Step: 3, Lost: true, Address: address.HostPort(), TokenID: r.PostFormValue("token"),
		Seen: authority.Seen{Address: address, Fingerprint: r.PostFormValue("fingerprint")}}
	return p.drawAdd(w, r, http.StatusConflict, v)
}

func (v addView) chosen(name string) bool { return slices.Contains(v.Also, name) }
