// Package signin has the verbs of getting in: the set-up link, the sign-in
// hosts, password and second factor, fresh proof, sessions and their tickets,
// and what administrators do to people.
//
// Three things hold throughout. A stranger causes no call to Proxmox but the
// password post, and that only to a registered host over its confirmed pin. The
// identity is the user name in Proxmox's answer, never what was typed. And
// limits delay, they never lock: a browser that has signed in before is not held
// up by the failures of others.
package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/secret"
)

// Proxmox is the hand that these verbs ask. Its errors are problems.
type Proxmox interface {
	// Look asks an address for nothing that needs a login, before anything is trusted.
	Look(ctx context.Context, address authority.Address) (authority.Seen, error)
	// Realms reads GET /access/domains, which needs no login, over a connection that satisfies the trust.
	Realms(ctx context.Context, a authority.Authority) ([]account.Realm, error)
	SignIn(ctx context.Context, a authority.Authority, user string, password secret.Text) (account.Login, error)
	AnswerTFA(ctx context.Context, a authority.Authority, user string, challenge secret.Text, kind account.FactorKind, code secret.Text) (account.Login, error)
	Renew(ctx context.Context, a authority.Authority, user string, ticket secret.Text) (account.Login, error)
	// CA reads the root of the cluster over the pinned connection and returns a trust in it, when it is
	// self-signed, none of the system's, and really the signer of the leaf that was confirmed.
	CA(ctx context.Context, a authority.Authority, ticket secret.Text) (authority.Trust, error)
}

// Store is what these verbs keep. What is absent is problem.Missing.
type Store interface {
	SignInHosts(ctx context.Context) ([]account.SignInHost, error)
	SignInHost(ctx context.Context, id account.HostID) (account.SignInHost, error)
	CreateSignInHost(ctx context.Context, h account.SignInHost) error
	UpdateSignInHost(ctx context.Context, h account.SignInHost) error
	DeleteSignInHost(ctx context.Context, id account.HostID) error
	SetRealms(ctx context.Context, id account.HostID, realms []account.Realm, at time.Time) error

	UserFor(ctx context.Context, host account.HostID, pveUser string) (account.User, error)
	SignedIn(ctx context.Context, host account.HostID, pveUser string, admin bool) (account.User, error)
	User(ctx context.Context, id account.UserID) (account.User, error)
	Users(ctx context.Context) ([]account.User, error)
	SetAdmin(ctx context.Context, id account.UserID, admin bool) error
	SetDisabled(ctx context.Context, id account.UserID, at time.Time) error

	CreateSession(ctx context.Context, s account.Session, tokenHash []byte, ticket secret.Text) error
	SessionByToken(ctx context.Context, tokenHash []byte) (account.Session, account.User, error)
	TouchSession(ctx context.Context, id string, seen time.Time) error
	ProveSession(ctx context.Context, id string, at time.Time, tokenHash []byte) error
	Sessions(ctx context.Context, user account.UserID) ([]account.Session, error)
	DeleteSession(ctx context.Context, user account.UserID, id string) error
	DeleteSessions(ctx context.Context, user account.UserID, exceptID string) (int, error)
	DeleteExpiredSessions(ctx context.Context, now time.Time) (int, error)

	Ticket(ctx context.Context, sessionID string) (account.Ticket, error)
	ClaimTicketRenewal(ctx context.Context, sessionID string, version int64, until time.Time) (bool, error)
	SwapTicket(ctx context.Context, sessionID string, fromVersion int64, ticket secret.Text, at time.Time) (bool, error)
	PutTicket(ctx context.Context, sessionID string, ticket secret.Text, at time.Time) error
	ForgetTicket(ctx context.Context, sessionID string) error
	SessionsToRenew(ctx context.Context, before time.Time) ([]account.Viewer, error)

	PutHalfLogin(ctx context.Context, h account.HalfLogin) error
	TakeTry(ctx context.Context, hash []byte, now time.Time) (account.HalfLogin, error)
	DropHalfLogin(ctx context.Context, hash []byte) error

	PutSetUpLink(ctx context.Context, hash []byte, expires time.Time) error
	OpenSetUpLink(ctx context.Context, hash, browserHash []byte, now time.Time) (bool, error)
	SetUpBrowser(ctx context.Context, browserHash []byte, now time.Time) (bool, error)
	UseSetUp(ctx context.Context, browserHash []byte, now time.Time) (bool, error)

	CountAttempts(ctx context.Context, key string, since time.Time) (int, error)
	AddAttempt(ctx context.Context, key string, at time.Time) error
	ClearAttempts(ctx context.Context, key string) error
	PruneAttempts(ctx context.Context, before time.Time) error
	Claim(ctx context.Context, name, holder string, until, now time.Time) (bool, error)
	Release(ctx context.Context, name, holder string) error

	Audit(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Options are what New needs. Zero durations take the defaults.
type Options struct {
	Store   Store
	Proxmox Proxmox
	Now     func() time.Time
	Log     *slog.Logger
	// IdleFor ends a session that no page or action used; Lifetime ends any.
	IdleFor, Lifetime time.Duration
	// Ended is told of a person whose sessions must not go on: loops and jobs of theirs end at once. May be nil.
	Ended func(account.UserID)
	// Back is told of a person who may act again. May be nil.
	Back func(account.UserID)
}

// What sessions live by unless Options say otherwise.
const (
	DefaultIdleFor  = 12 * time.Hour
	DefaultLifetime = 7 * 24 * time.Hour
)

// Service has the verbs. It is safe for concurrent use.
type Service struct {
	store    Store
	pve      Proxmox
	now      func() time.Time
	log      *slog.Logger
	lifetime time.Duration
	ended    func(account.UserID)
	back     func(account.UserID)
	holder   string // names this process in leases
	lanes    lanes
	refusals refusals
	*Sessions
}

// New makes the verbs; Run does what they leave to the background.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.IdleFor == 0 {
		o.IdleFor = DefaultIdleFor
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	if o.Ended == nil {
		o.Ended = func(account.UserID) {}
	}
	if o.Back == nil {
		o.Back = func(account.UserID) {}
	}
	return &Service{
		store: o.Store, pve: o.Proxmox, now: o.Now, log: o.Log, lifetime: o.Lifetime,
		ended: o.Ended, back: o.Back, holder: newID(),
		Sessions: newSessions(o.Store, o.Now, o.IdleFor),
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Token sizes in bytes.
const (
	tokenSize = 32 // session, device, half-login, set-up browser
	linkSize  = 16 // set-up link
)

// newToken draws a random token and the hash under which the store knows it.
func newToken(size int) (secret.Text, []byte) {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails, by its documentation
	return secret.New(base64.RawURLEncoding.EncodeToString(b)), sum(b)
}

// hashToken is the hash of a token that came from outside; false when it cannot be one of ours.
func hashToken(token string, size int) ([]byte, bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, false
	}
	return sum(b), true
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}
