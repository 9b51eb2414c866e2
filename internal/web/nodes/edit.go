package nodes

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// editView is name and labels of a cluster.
type editView struct {
	Cluster fleet.Cluster
	Card    cardView
	Name    string
	Label   map[string]string // as typed, by PVE name
	Of      string            // the node whose label was refused
	Problem *problem.Problem
}

func (v editView) field(name string) string { return fieldOf(v.Problem, name) }

func (v editView) labelError(node string) string {
	if v.Of != node {
		return ""
	}
	return v.field("label")
}

func (v editView) label(m fleet.Member) string {
	if typed, ok := v.Label[m.Name]; ok {
		return typed
	}
	return m.Label
}

func (p *Pages) editOf(r *http.Request) (editView, error) {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return editView{}, err
	}
	cards, err := p.cards(r, []fleet.Cluster{c})
	if err != nil {
		return editView{}, err
	}
	return editView{Cluster: c, Card: cards.Cards[0], Name: c.Name, Label: map[string]string{}}, nil
}

func (p *Pages) drawEdit(w http.ResponseWriter, r *http.Request, status int, v editView) error {
	return kit.Render(w, r, status, sub("Edit “"+v.Cluster.Name+"”", ""), editPage(v))
}

func (p *Pages) edit(w http.ResponseWriter, r *http.Request) error {
	v, err := p.editOf(r)
	if err != nil {
		return err
	}
	return p.drawEdit(w, r, http.StatusOK, v)
}

// refuseEdit draws the page again with what was typed.
func (p *Pages) refuseEdit(w http.ResponseWriter, r *http.Request, cause error, typed func(*editView)) error {
	told := problem.Of(cause)
	if told == nil || told.Kind == problem.NotFound || told.Kind == problem.NeedProof {
		return cause
	}
	v, err := p.editOf(r)
	if err != nil {
		return err
	}
	typed(&v)
	v.Problem = told
	return p.drawEdit(w, r, statusOf(told.Kind), v)
}

func version(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64) // zero is no cluster's version
	return n
}

func (p *Pages) rename(w http.ResponseWriter, r *http.Request) error {
	name := r.PostFormValue("name")
	if err := p.verbs.Rename(r.Context(), by(r), clusterOf(r), version(r), name); err != nil {
		return p.refuseEdit(w, r, err, func(v *editView) { v.Name = name })
	}
	return done(w, r, kit.Success, "Saved.", kit.URL.NodeEdit(string(clusterOf(r))))
}

// label saves the labels of all members that the form has.
func (p *Pages) label(w http.ResponseWriter, r *http.Request) error {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return problem.New(problem.Invalid, "This form could not be read.", "")
	}
	typed := map[string]string{}
	for _, m := range c.Members {
		if values := r.PostForm["label-"+m.Name]; len(values) > 0 {
			typed[m.Name] = values[0]
		}
	}
	for _, m := range c.Members {
		value, there := typed[m.Name]
		if !there {
			continue
		}
		if err := p.verbs.Label(r.Context(), by(r), fleet.NodeID{Cluster: c.ID, Name: m.Name}, value); err != nil {
			return p.refuseEdit(w, r, err, func(v *editView) { v.Label, v.Of = typed, m.Name })
		}
	}
	return done(w, r, kit.Success, "Saved.", kit.URL.NodeEdit(string(c.ID)))
}

// connectionView is addresses, token and pin of a cluster.
type connectionView struct {
	Cluster   fleet.Cluster
	Addresses string // one a line
	TokenID   string
	Accepted  []string // fingerprints that were accepted in earlier rounds
	Trust     string
	Problem   *problem.Problem
}

func (v connectionView) field(name string) string { return fieldOf(v.Problem, name) }

// question is the certificate that the person has to decide about; empty when there is none.
func (v connectionView) question() string {
	if v.Problem != nil && v.Problem.Kind == problem.Untrusted {
		return v.Problem.Got
	}
	return ""
}

func (p *Pages) drawConnection(w http.ResponseWriter, r *http.Request, status int, v connectionView) error {
	f := sub("Connection of “"+v.Cluster.Name+"”", "Nothing is saved unless it works.")
	f.Crumbs = append(f.Crumbs, kit.Crumb{Text: v.Cluster.Name, URL: kit.URL.NodeEdit(string(v.Cluster.ID))})
	return kit.Render(w, r, status, f, connectionPage(v))
}

func (p *Pages) connection(w http.ResponseWriter, r *http.Request) error {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	return p.drawConnection(w, r, http.StatusOK, connectionOf(c))
}

func connectionOf(c fleet.Cluster) connectionView {
	v := connectionView{Cluster: c, TokenID: c.TokenID, Trust: trustText(c)}
	for _, a := range c.Authority.Addresses {
		v.Addresses += a.String() + "\n"
	}
	return v
}

func (p *Pages) reconnect(w http.ResponseWriter, r *http.Request) error {
	c, err := p.verbs.Cluster(r.Context(), by(r), clusterOf(r))
	if err != nil {
		return err
	}
	ch := fleet.Reconnection{Version: version(r), Addresses: lines(r.PostFormValue("addresses")), TokenID: strings.TrimSpace(r.PostFormValue("token")),
		Secret: secret.New(strings.TrimSpace(r.PostFormValue("secret"))), Accept: accepted(r)}
	err = p.verbs.Reconnect(r.Context(), by(r), c.ID, ch)
	if err == nil {
		return done(w, r, kit.Success, "The connection of “"+c.Name+"” works and is saved.", kit.URL.Nodes())
	}
	v := connectionOf(c)
	v.Addresses, v.TokenID, v.Accepted = r.PostFormValue("addresses"), ch.TokenID, ch.Accept
	if v.Problem = problem.Of(err); v.Problem == nil || v.Problem.Kind == problem.NotFound || v.Problem.Kind == problem.NeedProof {
		return err
	}
	return p.drawConnection(w, r, statusOf(v.Problem.Kind), v)
}

// accepted are the fingerprints of this and earlier rounds, without doubles.
func accepted(r *http.Request) []string {
	all := slices.Clone(r.PostForm["accept"])
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), 64)]
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' || c == ',' || c == ' ' || c == '\t' })
}

// deleteView says what goes and what stays.
type deleteView struct {
	Cluster    fleet.Cluster
	Containers int
	Command    string
}
