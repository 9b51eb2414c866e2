// Package storetest has the contract that the store keeps on either engine,
// and ready-made stores for other packages' tests.
package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/secret"
	"berth/internal/store"
)

// Start is the time that a Clock shows first.
var Start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Clock is a clock that tests move.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock shows Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves it on.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Keyring makes a ring of one new key.
func Keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	return Ring(t, secret.NewKey())
}

// Ring makes a ring of these keys, the first being the current one.
func Ring(t testing.TB, keys ...secret.Text) *secret.Keyring {
	t.Helper()
	text := ""
	for _, k := range keys {
		text += k.Reveal() + "\n"
	}
	ring, err := secret.ParseKeys(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// New opens an empty SQLite store in a temporary folder, closed at the end of the test.
func New(t testing.TB, now func() time.Time) *store.Store {
	t.Helper()
	return Open(t, store.Options{Dir: t.TempDir(), Keyring: Keyring(t), Now: now})
}

// Open opens a store, closed at the end of the test.
func Open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Hash is the SHA-256 of a token, as the store keeps them.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// ID makes a fresh id.
func ID() string { return uuid.Must(uuid.NewV7()).String() }

// Authority makes an authority of one address.
func Authority(host string) authority.Authority {
	return authority.Authority{
		Addresses: []authority.Address{{Host: host, Port: authority.DefaultPort, Node: "pve1"}},
		Trust:     authority.Trust{Mode: authority.CAPin, CA: "(a certificate)", Fingerprint: authority.Fingerprint([]byte(host))},
	}
}

// Host keeps a sign-in host of that name and returns it.
func Host(t testing.TB, s *store.Store, name string) account.SignInHost {
	t.Helper()
	h := account.SignInHost{ID: account.HostID(ID()), Name: name, Authority: Authority(name + ".example.org"),
		Policy: account.Policy{Admission: account.OnlyAdministrators}}
	must(t, s.CreateSignInHost(context.Background(), h))
	h, err := s.SignInHost(context.Background(), h.ID)
	must(t, err)
	return h
}

// User signs somebody in for the first time.
func User(t testing.TB, s *store.Store, host account.HostID, pveUser string) account.User {
	t.Helper()
	u, err := s.SignedIn(context.Background(), host, pveUser, false)
	must(t, err)
	return u
}

// Cluster keeps a cluster of three nodes for that owner and returns it.
func Cluster(t testing.TB, s *store.Store, owner account.UserID, name string) fleet.Cluster {
	t.Helper()
	c := fleet.Cluster{ID: fleet.ClusterID(ID()), Owner: string(owner), Name: name, Authority: Authority(name + ".example.org"),
		TokenID: "berth@pve!" + name}
	for i := range 3 {
		c.Members = append(c.Members, fleet.Member{Name: fmt.Sprintf("pve%d", i+1), Address: fmt.Sprintf("192.0.2.%d", i+1)})
	}
	must(t, s.CreateCluster(context.Background(), c, secret.New("token of "+name)))
	c, err := s.Cluster(context.Background(), string(owner), c.ID)
	must(t, err)
	return c
}

// Session keeps a session of that user under Hash(id), with a ticket.
func Session(t testing.TB, s *store.Store, user account.UserID, now time.Time) account.Session {
	t.Helper()
	v := account.Session{ID: ID(), User: user, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(7 * 24 * time.Hour), ProofAt: now,
		Address: "192.0.2.7", Agent: "Firefox"}
	must(t, s.CreateSession(context.Background(), v, Hash(v.ID), secret.New("PVE:ticket of "+v.ID)))
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
