package signin_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/ops/signin"
	"berth/internal/problem"
	"berth/internal/pve"
	"berth/internal/pvesim"
	"berth/internal/secret"
	"berth/internal/store"
)

// clock is the time of a world: Berth's, the store's and the simulator's.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a Berth with a store on disk and a simulated Proxmox.
type world struct {
	*testing.T
	*signin.Service
	clock   *clock
	sim     *pvesim.Sim
	lab     *pvesim.Cluster
	store   *store.Store
	log     *strings.Builder
	expired []account.UserID // people whose loops were ended
}

const (
	totpSecret  = "JBSWY3DPEHPK3PXP"
	recoveryKey = "1111-2222-3333-4444"
	spareKey    = "5555-6666-7777-8888"
)

var (
	home  = account.Client{Address: "192.0.2.10", Agent: "Firefox/140 Linux"}
	other = account.Client{Address: "198.51.100.7", Agent: "Chrome/140 Windows"}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}, log: &strings.Builder{}}
	var err error
	w.sim, err = pvesim.Start(pvesim.Config{Seed: 1, AuthDelay: -1, TaskTime: 0.01, Now: w.clock.now, Clusters: []pvesim.ClusterSpec{
		{Name: "lab", Nodes: []pvesim.NodeSpec{{Name: "pve1"}, {Name: "pve2"}}, Users: []pvesim.UserSpec{
			{ID: "root@pam", Password: "root-password"},
			{ID: "anna@pve", Password: "anna-password"},
			{ID: "tom@pve", Password: "tom-password", TOTPSecret: totpSecret, Recovery: []string{recoveryKey, spareKey}},
			{ID: "wanda@pve", Password: "wanda-password", WebAuthn: true},
		}, Realms: []pvesim.RealmSpec{
			{Realm: "pam", Type: "pam", Comment: "Linux PAM", Default: true},
			{Realm: "pve", Type: "pve"},
			{Realm: "company", Type: "openid"},
		}},
		{Name: "attic", Standalone: true, Nodes: []pvesim.NodeSpec{{Name: "attic"}}, Users: []pvesim.UserSpec{{ID: "root@pam", Password: "attic-password"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.sim.Close)
	w.lab = w.sim.Cluster("lab")
	dir := t.TempDir()
	w.store, err = store.Open(t.Context(), store.Options{Dir: dir, Now: w.clock.now, MakeKey: func() (*secret.Keyring, error) {
		return secret.CreateKeyFile(filepath.Join(dir, "key"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Service = w.replica()
	return w
}

// replica is one more Berth on the same store.
func (w *world) replica() *signin.Service { return w.asking(nil) }

// asking is a Berth whose hand to Proxmox lies where change says so.
func (w *world) asking(change func(signin.Proxmox) signin.Proxmox) *signin.Service {
	guard := pve.NewGuard(pve.GuardOptions{Allow: []pve.Rule{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}}, Resolver: here{}})
	var hand signin.Proxmox = pve.SignInHosts{Guard: guard, Now: w.clock.now}
	if change != nil {
		hand = change(hand)
	}
	return signin.New(signin.Options{
		Store: w.store, Proxmox: hand, Now: w.clock.now,
		Log:   slog.New(slog.NewTextHandler(w.log, nil)),
		Ended: func(id account.UserID) { w.expired = append(w.expired, id) },
	})
}

// here resolves every name to this machine.
type here struct{}

func (here) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func (w *world) ctx() context.Context { return w.Context() }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wants fails unless the error is a problem of that kind.
func (w *world) wants(err error, kind problem.Kind) *problem.Problem {
	w.Helper()
	if !problem.Is(err, kind) {
		w.Fatalf("got %v, want a problem of kind %s", err, kind)
	}
	return problem.Of(err)
}

// opened opens a new set-up link in that browser.
func (w *world) opened(from account.Client) account.Client {
	w.Helper()
	link, _, err := w.SetUpLink(w.ctx())
	w.must(err)
	browser, err := w.OpenSetUp(w.ctx(), link.Reveal(), from)
	w.must(err)
	from.SetUp = browser.Reveal()
	return from
}

// setUp goes the whole first way and returns the host and its administrator.
func (w *world) setUp() (account.SignInHost, account.Viewer) {
	w.Helper()
	from := w.opened(home)
	node := w.lab.Node("pve1")
	host, err := w.RegisterFirst(w.ctx(), "Lab", node.Addr(), node.Fingerprint(), from)
	w.must(err)
	p, err := w.Password(w.ctx(), account.Credentials{Host: host.ID, User: "root", Realm: "pam", Password: secret.New("root-password")}, from)
	w.must(err)
	v, err := w.ByToken(w.ctx(), p.Token.Reveal())
	w.must(err)
	host, err = w.Host(w.ctx(), host.ID)
	w.must(err)
	return host, v
}

// open lets everyone sign in through the host.
func (w *world) open(host account.SignInHost, admin account.Viewer) {
	w.Helper()
	w.must(w.EditHost(w.ctx(), admin, host.ID, host.Name, account.Policy{Admission: account.Everyone}, home))
}

func (w *world) signIn(host account.SignInHost, user, password string, from account.Client) (account.Progress, error) {
	return w.Password(w.ctx(), account.Credentials{Host: host.ID, User: user, Password: secret.New(password), ReturnTo: "/settings"}, from)
}

// viewer signs in and says who that is.
func (w *world) viewer(host account.SignInHost, user, password string, from account.Client) (account.Viewer, account.Client) {
	w.Helper()
	p, err := w.signIn(host, user, password, from)
	w.must(err)
	v, err := w.ByToken(w.ctx(), p.Token.Reveal())
	w.must(err)
	from.Session, from.Device = p.Token.Reveal(), p.Device.Reveal()
	return v, from
}

// ticket is what is kept of a session's Proxmox login; problem.Missing when nothing is.
func (w *world) ticket(v account.Viewer) (secret.Text, error) {
	ticket, err := w.store.Ticket(w.ctx(), v.Session.ID)
	return ticket.Secret, err
}

// asked is how often the cluster was asked for a ticket.
func asked(c *pvesim.Cluster) int { return c.Requests().Calls["POST /access/ticket"] }

// code is the TOTP code of the world's time.
func (w *world) code() secret.Text {
	key, err := base32.StdEncoding.DecodeString(totpSecret)
	w.must(err)
	var step [8]byte
	binary.BigEndian.PutUint64(step[:], uint64(w.clock.now().Unix()/30))
	mac := hmac.New(sha1.New, key)
	mac.Write(step[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return secret.New(fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1000000))
}

// trail is every entry of that kind, the oldest first, of all owners.
func (w *world) trail(kind audit.Kind) []audit.Entry {
	w.Helper()
	users, err := w.store.Users(w.ctx())
	w.must(err)
	seen := map[string]bool{}
	var all []audit.Entry
	owners := []string{""}
	for _, u := range users {
		owners = append(owners, string(u.ID))
	}
	for _, o := range owners {
		list, err := w.store.AuditEntries(w.ctx(), store.AuditFilter{Owner: o, Kind: kind, Limit: 500})
		w.must(err)
		for _, e := range list {
			if !seen[e.ID] {
				seen[e.ID] = true
				all = append(all, e)
			}
		}
	}
	return all
}
