package account

import (
	"time"

	"berth/internal/authority"
	"berth/internal/secret"
)

// Login is what Proxmox answers to a password, a second factor or a renewal.
type Login struct {
	// Username is the identity: user@realm in Proxmox's own words, whatever was typed.
	Username string
	// Ticket is the ticket, or, while a second factor is wanted, the challenge that the next call must carry.
	Ticket secret.Text
	// CSRF goes with the ticket in calls that change something; empty while a second factor is wanted.
	CSRF secret.Text
	// NeedTFA says that Ticket is a challenge and no session may be made of it.
	NeedTFA bool
	Factors Factors
}

// Factors are the second factors that an account has, as the challenge lists them.
type Factors struct {
	TOTP     bool `json:"totp,omitempty"`
	Recovery bool `json:"recovery,omitempty"`
	// Others are the kinds that Berth cannot do, in Proxmox's words: webauthn, u2f, yubico.
	Others []string `json:"others,omitempty"`
}

// Usable reports whether Berth can answer at least one of them.
func (f Factors) Usable() bool { return f.TOTP || f.Recovery }

// FactorKind is which second factor an answer is for.
type FactorKind string

const (
	TOTP     FactorKind = "totp"
	Recovery FactorKind = "recovery"
)

// HalfLoginFor is how long a second factor is waited for, HalfLoginTries how often it may be wrong.
const (
	HalfLoginFor   = 5 * time.Minute
	HalfLoginTries = 5
)

// HalfLogin is a password that was right, waiting for the second factor. It is
// bound to the browser by a token of which the store has the hash, and is never a session.
type HalfLogin struct {
	Hash      []byte // SHA-256 of the browser's token
	Host      HostID
	PVEUser   string // as the first answer named it
	Challenge secret.Text
	ReturnTo  string // a local path, already checked
	ExpiresAt time.Time
	Tries     int // answers given, with the one that was just counted
	// Authority is the host's, from the reading that opened the challenge: the
	// only place where that may go. The store sets it.
	Authority authority.Authority
}

// Ticket is a session's Proxmox login.
type Ticket struct {
	Secret  secret.Text
	Version int64 // that a swap compares
	// Authority is the host's, from the reading that opened the ticket: the only place where that may go.
	Authority authority.Authority
}

// Client is who is at the other end of a request, for limits and for the list of sessions.
type Client struct {
	Address string // IP, as the server found it behind the proxies it trusts
	Agent   string // User-Agent
	// Device is the token of a browser that has signed in before; empty for a new one. It proves
	// nothing but that strangers' failures are not to delay this browser.
	Device string
	// SetUp is the token of the browser that opened the set-up link; empty for all others.
	SetUp string
	// Session is the token of the session that this browser had, which ends when it signs in anew.
	Session string
}

// Progress is how far a sign-in came: either a session, or a half-login that wants a second factor.
type Progress struct {
	Token    secret.Text // of the new session; for the browser's cookie only
	Device   secret.Text // of this browser from now on
	Half     secret.Text // of the half-login; for the browser's cookie only
	Factors  Factors
	ReturnTo string
	Viewer   Viewer // when Token is set
}

// Done reports whether there is a session now.
func (p Progress) Done() bool { return !p.Token.Empty() }

// Credentials are what the sign-in form carries.
type Credentials struct {
	Host     HostID
	User     string // with or without @realm
	Realm    string // empty when User carries it
	Password secret.Text
	ReturnTo string
}

// SetUp is what the browser that opened the set-up link may know.
type SetUp struct {
	// Hosts are registered already; signing in through one of them finishes the set-up.
	Hosts []SignInHost
}

// Person is a user as administrators see them: never their fleet.
type Person struct {
	User     User
	Host     string // name of the sign-in host; empty when that is gone
	Sessions int
}
