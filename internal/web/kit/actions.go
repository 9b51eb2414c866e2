package kit

import (
	"crypto/rand"
	"slices"

	"berth/internal/fleet"
)

// Act is one action as it is offered for one container.
type Act struct {
	Rule fleet.ActionRule
	URL  string // of the page that asks, and where the action is sent
	Why  string // why it cannot be had now, one sentence; empty: it can
}

// ActsOf is every action on a container as last seen, in the table's order. busy
// is what is being done to it; nil: nothing.
func ActsOf(p *fleet.ClusterPicture, c fleet.Container, busy *fleet.Busy) []Act {
	rules := fleet.ActionRules()
	acts := make([]Act, len(rules))
	for i, why := range fleet.JudgeAll(p, c, busy) {
		acts[i] = Act{Rule: rules[i], URL: URL.ContainerAction(c.ID, rules[i].Action), Why: why.Why}
	}
	return acts
}

// FormKey is a new value for a form's field "key": what is sent twice under one key is done once.
func FormKey() string { return rand.Text() }

// IsFormKey reports whether a form's mark is one that a page of Berth makes: 20 to 64 letters and digits.
func IsFormKey(s string) bool {
	if len(s) < 20 || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// ActionBarProps describe the actions of one container.
type ActionBarProps struct {
	Container fleet.Container
	Acts      []Act // as ActsOf makes them
	Busy      *fleet.Busy
	Key       string // of FormKey
	Back      string // local path to come back to without script; empty: the container's page
}

// buttonsShown is how many actions stand beside the menu of all.
const buttonsShown = 2

// first are the actions that make sense in the container's state, the usual ones before the others.
func (p ActionBarProps) first() (out []Act) {
	for _, a := range p.Acts {
		if len(out) < buttonsShown && a.Rule.Confirm != fleet.AskName && slices.Contains(a.Rule.From, p.Container.Status) {
			out = append(out, a)
		}
	}
	return out
}

func (p ActionBarProps) back() string {
	if p.Back != "" {
		return p.Back
	}
	return URL.Container(p.Container.ID)
}

// variant makes the one thing that a stopped container wants the loud button.
func (p ActionBarProps) variant(a Act) Variant {
	if a.Rule.Action == fleet.ActStart && a.Why == "" {
		return Primary
	}
	return Secondary
}

// asks reports whether a person is asked before the action begins.
func (a Act) asks() bool { return a.Rule.Confirm != fleet.AtOnce }
