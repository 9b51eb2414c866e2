package signin

import (
	"net/http"
	"time"

	"berth/internal/account"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// cookie is one thing that a browser keeps for signing in. Over HTTPS its name
// begins with __Host-, so that no other host or path can set it.
type cookie struct {
	name string
	life time.Duration // of the session's, as long as the session itself
	same http.SameSite
}

// Lax where a link from elsewhere (a mail, a chat, the terminal) has to find it; Strict where only Berth's own forms lead.
var (
	sessionCookie = cookie{"berth-session", 0, http.SameSiteLaxMode}
	halfCookie    = cookie{"berth-half", account.HalfLoginFor, http.SameSiteStrictMode}
	deviceCookie  = cookie{"berth-device", 90 * 24 * time.Hour, http.SameSiteLaxMode}
	setUpCookie   = cookie{"berth-set-up", time.Hour, http.SameSiteLaxMode}
	hostCookie    = cookie{"berth-host", 365 * 24 * time.Hour, http.SameSiteLaxMode}
)

func (c cookie) of(r *http.Request) string {
	if kit.Secure(r.Context()) {
		return "__Host-" + c.name
	}
	return c.name
}

// get is the cookie's value; empty when there is none.
func (c cookie) get(r *http.Request) string {
	found, err := r.Cookie(c.of(r))
	if err != nil {
		return ""
	}
	return found.Value
}

func (c cookie) set(w http.ResponseWriter, r *http.Request, value string) {
	c.write(w, r, value, int(c.life/time.Second))
}

// setUntil keeps the cookie until then; the zero time is until the browser ends.
func (c cookie) setUntil(w http.ResponseWriter, r *http.Request, value secret.Text, until time.Time) {
	if value.Empty() {
		return
	}
	left := 0
	if !until.IsZero() {
		left = max(1, int(time.Until(until)/time.Second))
	}
	c.write(w, r, value.Reveal(), left)
}

func (c cookie) setSecret(w http.ResponseWriter, r *http.Request, value secret.Text) {
	if !value.Empty() {
		c.set(w, r, value.Reveal())
	}
}

func (c cookie) drop(w http.ResponseWriter, r *http.Request) { c.write(w, r, "", -1) }

func (c cookie) write(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.of(r), Value: value, Path: "/", MaxAge: maxAge,
		Secure: kit.Secure(r.Context()), HttpOnly: true, SameSite: c.same,
	})
}

// clientOf is who is at the other end, with what its browser keeps.
func clientOf(r *http.Request) account.Client {
	return account.Client{
		Address: kit.ClientAddr(r.Context()), Agent: r.UserAgent(),
		Device: deviceCookie.get(r), SetUp: setUpCookie.get(r), Session: sessionCookie.get(r),
	}
}
