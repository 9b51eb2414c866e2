package settings

import (
	"net/http"
	"strings"
	"time"

	"berth/internal/account"
	"berth/internal/web/kit"
)

// sessionRow is one session as its owner sees it.
type sessionRow struct {
	account.Session
	Current bool
	Where   string // browser and system, in words
	Now     time.Time
}

func (p *Pages) sessions(w http.ResponseWriter, r *http.Request) error {
	viewer, now := kit.ViewerOf(r.Context()), p.now()
	list, err := p.verbs.List(r.Context(), viewer)
	if err != nil {
		return err
	}
	rows := make([]sessionRow, 0, len(list))
	for _, s := range list {
		rows = append(rows, sessionRow{Session: s, Current: s.ID == viewer.Session.ID, Where: browser(s.Agent), Now: now})
	}
	f := frame(r, "Sessions", "Where you are signed in to Berth.", kit.URL.Sessions())
	f.Actions = signOutAll()
	return kit.Render(w, r, http.StatusOK, f, sessionsPage(rows))
}

func (p *Pages) revoke(w http.ResponseWriter, r *http.Request) error {
	viewer, id := kit.ViewerOf(r.Context()), r.PathValue("session")
	err := p.verbs.Revoke(r.Context(), viewer, id, clientOf(r))
	back := kit.URL.Sessions()
	if err == nil && id == viewer.Session.ID {
		back = kit.URL.SignIn("")
	}
	return told(w, r, err, "The session is ended.", back)
}

func (p *Pages) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	err := p.verbs.SignOutEverywhere(r.Context(), kit.ViewerOf(r.Context()), clientOf(r))
	return told(w, r, err, "You are signed out everywhere.", kit.URL.SignIn(""))
}

// browser names browser and system of a User-Agent, as far as it is worth knowing to tell one's own sessions apart.
func browser(agent string) string {
	name := first(agent, [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}})
	system := first(agent, [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	switch {
	case name == "" && system == "":
		return "Unknown browser"
	case name == "":
		return "Browser on " + system
	case system == "":
		return name
	}
	return name + " on " + system
}

func first(text string, marks [][2]string) string {
	for _, m := range marks {
		if strings.Contains(text, m[0]) {
			return m[1]
		}
	}
	return ""
}
