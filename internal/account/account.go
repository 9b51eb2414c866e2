// Package account has the nouns of signing in: the sign-in host, the user, the
// session. An identity is (sign-in host, PVE user id); root@pam of one host is
// not root@pam of another.
package account

import (
	"slices"
	"strings"
	"time"

	"berth/internal/authority"
)

// HostID names a sign-in host (UUIDv7).
type HostID string

// UserID names a user of this Berth (UUIDv7). It owns clusters, sessions, audit entries.
type UserID string

// SignInHost is an authority that people sign in through. A deleted one
// revives no identity: adding the same Proxmox again makes a new id.
type SignInHost struct {
	ID        HostID
	Name      string
	Authority authority.Authority
	Policy    Policy
	Realms    []Realm   // as last read; may be empty
	RealmsAt  time.Time // zero: never read
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Admission says who may sign in through a host.
type Admission string

const (
	OnlyAdministrators Admission = "administrators" // the default
	OnlyListed         Admission = "listed"         // users (alice@pve) or realms (@pve) in Policy.Listed
	Everyone           Admission = "everyone"
)

// Policy is the administrator's say over one sign-in host.
type Policy struct {
	Admission Admission `json:"admission"`
	// Listed has PVE user ids ("alice@pve") and whole realms ("@pve").
	Listed []string `json:"listed,omitempty"`
	// Sharing says who may share templates with everybody on this Berth:
	// OnlyAdministrators (the default, also when empty) or Everyone who may sign in.
	Sharing Admission `json:"sharing,omitempty"`
}

// MayShare reports whether the PVE user may share templates with everybody on this Berth.
func (p Policy) MayShare(pveUser string, admin bool) bool {
	return admin || p.Sharing == Everyone && p.Admits(pveUser, admin)
}

// Admits reports whether the PVE user (user@realm, as Proxmox's answer names it) may sign in.
// Administrators always may.
func (p Policy) Admits(pveUser string, admin bool) bool {
	if admin || p.Admission == Everyone {
		return true
	}
	if p.Admission != OnlyListed {
		return false
	}
	_, realm := SplitUser(pveUser)
	return slices.Contains(p.Listed, pveUser) || (realm != "" && slices.Contains(p.Listed, "@"+realm))
}

// SplitUser cuts user@realm at the last @, as Proxmox does.
func SplitUser(pveUser string) (name, realm string) {
	if i := strings.LastIndexByte(pveUser, '@'); i >= 0 {
		return pveUser[:i], pveUser[i+1:]
	}
	return pveUser, ""
}

// Realm is one of a host's ways to prove a password (GET /access/domains).
type Realm struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // pam, pve, ldap, ad, openid
	Comment string `json:"comment,omitempty"`
	Default bool   `json:"default,omitempty"`
	TFA     string `json:"tfa,omitempty"`
}

// Usable reports whether Berth can sign in through the realm; openid needs the browser to go through Proxmox's own page.
func (r Realm) Usable() bool { return r.Type != "openid" }

// User is a person who has signed in at least once.
type User struct {
	ID         UserID
	Host       HostID
	PVEUser    string // user@realm as Proxmox's answer named it
	Admin      bool
	DisabledAt time.Time // zero: enabled
	CreatedAt  time.Time
	SignedInAt time.Time
}

// Session is one browser's signed-in state. Its token is known to the browser alone; the store has a hash.
type Session struct {
	ID        string // public id, for the list of sessions; not the token
	User      UserID
	CreatedAt time.Time
	SeenAt    time.Time // moved by pages and actions, never by an open stream
	ExpiresAt time.Time // absolute end
	ProofAt   time.Time // when password and second factor were last given
	Address   string    // of the client
	Agent     string    // its User-Agent, cut at 200 bytes
	// TicketAt is when the sealed Proxmox ticket was got; zero when there is none any more.
	TicketAt      time.Time
	TicketVersion int64 // compare-and-set counter of the ticket
}

// ProofFor is how long a given password counts as fresh.
const ProofFor = 10 * time.Minute

// Proved reports whether the session's proof is fresh at that time.
func (s Session) Proved(now time.Time) bool { return now.Sub(s.ProofAt) < ProofFor }

// Viewer is who asks: every page and verb that touches a person's things takes it, or its User.
type Viewer struct {
	User    User
	Session Session
	Host    string // the sign-in host's name, for the frame
}
