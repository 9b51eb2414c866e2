package pve

import (
	"net/http"
	"strings"

	"berth/internal/problem"
	"berth/internal/secret"
)

// Credentials are what a client shows: Token or Ticket; nil shows nothing. There
// is never more than one, since with a cookie beside a token the cookie wins.
type Credentials interface {
	// authorize adds the headers of a request; a write may need more than a read.
	authorize(h http.Header, write bool)
}

// Token is an API token. ID is user@realm!name.
type Token struct {
	ID     string
	Secret secret.Text
}

func (t Token) authorize(h http.Header, _ bool) {
	h.Set("Authorization", "PVEAPIToken="+t.ID+"="+t.Secret.Reveal())
}

// check refuses what would break a header.
func (t Token) check() error {
	if _, _, err := ParseTokenID(t.ID); err != nil {
		return err
	}
	return CheckTokenSecret(t.Secret)
}

// Ticket is a person's login. CSRF is needed for writes; Proxmox tells it beside
// a ticket and never again, so who kept only the ticket renews it first.
type Ticket struct {
	Ticket, CSRF secret.Text
}

func (t Ticket) authorize(h http.Header, write bool) {
	h.Set("Cookie", "PVEAuthCookie="+escape(t.Ticket.Reveal()))
	if write {
		h.Set("CSRFPreventionToken", t.CSRF.Reveal())
	}
}

// ParseTokenID checks user@realm!name by Proxmox's grammar and cuts it. The
// field of its problem is "token".
func ParseTokenID(id string) (user, name string, err error) {
	user, name, ok := strings.Cut(id, "!")
	if !ok || !validUser(user) || !validTokenName(name) {
		return "", "", problem.Field("token", "A token id has the form user@realm!name, such as root@pam!berth.")
	}
	return user, name, nil
}

// CheckTokenSecret refuses what cannot be a token's secret and would break a
// header. The field of its problem is "secret".
func CheckTokenSecret(s secret.Text) error {
	v := s.Reveal()
	if v == "" {
		return problem.Field("secret", "Enter the secret that Proxmox showed when the token was made.")
	}
	if len(v) > 200 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return problem.Field("secret", "This is not a token secret: Proxmox makes them like 01234567-89ab-cdef-0123-456789abcdef.")
	}
	return nil
}

// maxUser is Proxmox's own limit on user@realm and, for what consoles can carry, on token ids.
const maxUser = 64

// validUser is pve-userid: no blank, colon or slash before the last @, a realm after it.
func validUser(s string) bool {
	i := strings.LastIndexByte(s, '@')
	if i <= 0 || len(s) > maxUser || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ':' || r == '/' || r == '!' }) {
		return false
	}
	return validRealm(s[i+1:])
}

func validRealm(s string) bool { return len(s) <= 32 && validWord(s) }

// validTokenName is pve-tokenid's last part, which has the realm's grammar.
func validTokenName(s string) bool { return len(s) <= 128 && validWord(s) }

// validWord is [A-Za-z][A-Za-z0-9._-]+
func validWord(s string) bool {
	if len(s) < 2 || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// LooksLikeTicket reports whether a typed password could be taken for a ticket,
// with which Proxmox skips the second factor: "PVE:…", and its kin such as
// "PVEVNC:…". Proxmox itself minds the case; Berth does not.
func LooksLikeTicket(password string) bool {
	p := strings.TrimSpace(password)
	if len(p) < 4 || !strings.EqualFold(p[:3], "PVE") {
		return false
	}
	word, _, ok := strings.Cut(p[3:], ":")
	return ok && !strings.ContainsFunc(word, func(r rune) bool {
		return (r > 0x7f || !isLetter(byte(r))) && (r < '0' || r > '9')
	})
}
