package settings

import (
	"context"
	"net/http"

	"berth/internal/account"
	"berth/internal/web/kit"
)

// personRow is one person as administrators see them, with what may be done and why not.
type personRow struct {
	account.Person
	Self, Last bool
}

func (r personRow) disabled() bool { return !r.User.DisabledAt.IsZero() }

func (r personRow) whyNoRevoke() string {
	if r.Last {
		return "This is the last administrator."
	}
	return ""
}

func (r personRow) whyNoDisable() string {
	switch {
	case r.Self:
		return "You cannot disable yourself."
	case r.Last:
		return "This is the last administrator."
	}
	return ""
}

func (r personRow) whyNoGrant() string {
	if r.disabled() {
		return "Enable the account first."
	}
	return ""
}

// act is the address of one of the four acts on a person.
func (r personRow) act(what string) string { return kit.URL.Person(string(r.User.ID), what) }

func (p *Pages) people(w http.ResponseWriter, r *http.Request) error {
	viewer := kit.ViewerOf(r.Context())
	list, err := p.verbs.People(r.Context(), viewer)
	if err != nil {
		return err
	}
	admins := 0
	for _, x := range list {
		if x.User.Admin && x.User.DisabledAt.IsZero() {
			admins++
		}
	}
	rows := make([]personRow, 0, len(list))
	for _, x := range list {
		last := admins == 1 && x.User.Admin && x.User.DisabledAt.IsZero()
		rows = append(rows, personRow{Person: x, Self: x.User.ID == viewer.User.ID, Last: last})
	}
	f := frame(r, "People", "Everybody who has signed in. Nobody sees another's nodes and containers, administrators neither.", kit.URL.People())
	return kit.Render(w, r, http.StatusOK, f, peoplePage(rows, p.now()))
}

type actOnPerson = func(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error

// person makes the handler of one act on a person.
func (p *Pages) person(act actOnPerson, done string) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := act(r.Context(), kit.ViewerOf(r.Context()), account.UserID(r.PathValue("person")), clientOf(r))
		return told(w, r, err, "The person "+done+".", kit.URL.People())
	}
}
