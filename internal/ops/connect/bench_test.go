package connect_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/ops/connect"
	"berth/internal/problem"
	"berth/internal/pve"
	"berth/internal/pvesim"
	"berth/internal/secret"
	"berth/internal/store"
)

// bench is the verbs over the real store and client, before a simulated Proxmox.
type bench struct {
	*connect.Service
	t       *testing.T
	sim     *pvesim.Sim
	store   *store.Store
	guard   *pve.Guard
	watcher *watcher
	clock   *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// watcher remembers what it was told, and has a picture that a test can set.
type watcher struct {
	mu       sync.Mutex
	reloaded []fleet.ClusterID
	tried    []fleet.ClusterID
	picture  *fleet.Picture
}

func (w *watcher) Reload(id fleet.ClusterID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reloaded = append(w.reloaded, id)
}
func (w *watcher) TryNow(_ context.Context, _ string, id fleet.ClusterID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried = append(w.tried, id)
	return nil
}
func (w *watcher) Picture(owner string) *fleet.Picture {
	if w.picture == nil {
		return &fleet.Picture{Owner: owner}
	}
	return w.picture
}

func fleetOfThree() []pvesim.ClusterSpec {
	return []pvesim.ClusterSpec{
		{Name: "lab", Version: "9.2.11", Nodes: []pvesim.NodeSpec{{Name: "pve1", Containers: 2}, {Name: "pve2", Containers: 1}, {Name: "pve3"}}},
		{Name: "attic", Standalone: true, Version: "8.4.5", Nodes: []pvesim.NodeSpec{{Name: "attic", Containers: 1}}},
		{Name: "twin", Version: "9.2.11", Nodes: []pvesim.NodeSpec{{Name: "pve1"}, {Name: "pve2"}}},
	}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	listen, err := pvesim.OwnAddresses("", 0)
	if err != nil {
		t.Skipf("this system has no loopback addresses beside 127.0.0.1: %v", err)
	}
	sim, err := pvesim.Start(pvesim.Config{Seed: 1, AuthDelay: -1, TaskTime: 0.001, LagTime: -1, Listen: listen, Clusters: fleetOfThree()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	ring, err := secret.ParseKeys(secret.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	clock := &clock{now: time.Now()}
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Keyring: ring, SessionIdle: time.Hour, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	guard := pve.NewGuard(pve.GuardOptions{Allow: []pve.Rule{{Prefix: netip.MustParsePrefix("127.77.0.0/16")}}})
	b := &bench{t: t, sim: sim, store: st, guard: guard, watcher: &watcher{}, clock: clock}
	b.Service = connect.New(connect.Options{Store: st, Proxmox: reach.Proxmox{Guard: guard}, Watcher: b.watcher, Now: clock.Now})
	return b
}

// person signs in through the lab and has a ticket.
func (b *bench) person(pveUser string) account.By {
	b.t.Helper()
	ctx := b.t.Context()
	hosts, err := b.store.SignInHosts(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(hosts) == 0 {
		host := account.SignInHost{ID: "0198f000-0000-7000-8000-000000000001", Name: "lab", Authority: b.authority("lab", "pve1"), CreatedAt: b.clock.Now(), UpdatedAt: b.clock.Now()}
		if err := b.store.CreateSignInHost(ctx, host); err != nil {
			b.t.Fatal(err)
		}
		hosts = append(hosts, host)
	}
	user, err := b.store.SignedIn(ctx, hosts[0].ID, pveUser, false)
	if err != nil {
		b.t.Fatal(err)
	}
	session := account.Session{ID: "session-of-" + pveUser, User: user.ID, CreatedAt: b.clock.Now(), SeenAt: b.clock.Now(), ExpiresAt: b.clock.Now().Add(time.Hour), ProofAt: b.clock.Now()}
	var ticket secret.Text
	if password := b.sim.Cluster("lab").Password(pveUser); password != "" {
		client, err := pve.New(pve.Options{Authority: hosts[0].Authority, Guard: b.guard})
		if err != nil {
			b.t.Fatal(err)
		}
		defer client.Close()
		login, err := client.SignIn(ctx, pveUser, secret.New(password))
		if err != nil {
			b.t.Fatal(err)
		}
		ticket = login.Ticket
	}
	if err := b.store.CreateSession(ctx, session, []byte(pveUser), ticket); err != nil {
		b.t.Fatal(err)
	}
	return account.By{Viewer: account.Viewer{User: user, Session: session, Host: "lab"}, Address: "192.0.2.9"}
}

// authority is a node with its leaf pinned.
func (b *bench) authority(cluster, node string) authority.Authority {
	b.t.Helper()
	n := b.sim.Cluster(cluster).Node(node)
	a, err := authority.Parse(n.Addr())
	if err != nil {
		b.t.Fatal(err)
	}
	a.Node, a.Leaf = node, n.Fingerprint()
	return authority.Authority{Addresses: []authority.Address{a}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: a.Leaf}}
}

// token makes a token of root on the simulator with a role on /, or with all of root's rights for none.
func (b *bench) token(cluster, name, role string) secret.Text {
	spec := pvesim.TokenSpec{ID: name, PrivSep: role != ""}
	if role != "" {
		spec.ACL = []pvesim.ACLSpec{{Path: "/", Role: role}}
	}
	return secret.New(b.sim.Cluster(cluster).AddToken("root@pam", name, spec))
}

func (b *bench) candidate(cluster, node, name, role string) fleet.Candidate {
	a := b.authority(cluster, node)
	address := a.Addresses[0]
	address.Node, address.Leaf = "", ""
	return fleet.Candidate{Address: address, Fingerprint: a.Trust.Fingerprint, TokenID: "root@pam!" + name, Secret: b.token(cluster, name, role)}
}

// add adds a cluster as the pages do: look, check, add.
func (b *bench) add(by account.By, c fleet.Candidate, name string, also ...string) fleet.Cluster {
	b.t.Helper()
	ctx := b.t.Context()
	seen, err := b.Look(ctx, by, c.Address.HostPort(), "")
	if err != nil {
		b.t.Fatalf("Look: %v", err)
	}
	c.Fingerprint = seen.Fingerprint
	f, err := b.Check(ctx, by, c)
	if err != nil {
		b.t.Fatalf("Check: %v", err)
	}
	stored, _, err := b.Add(ctx, by, c, fleet.Confirmation{Name: name, Also: also, Seen: f.Digest()})
	if err != nil {
		b.t.Fatalf("Add: %v", err)
	}
	return stored
}

// trail is kind and result of the person's entries, oldest first.
func (b *bench) trail(by account.By) []string {
	b.t.Helper()
	entries, err := b.store.AuditEntries(b.t.Context(), store.AuditFilter{Owner: string(by.Viewer.User.ID)})
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for i := len(entries) - 1; i >= 0; i-- {
		lines = append(lines, string(entries[i].Kind)+" "+string(entries[i].Result))
	}
	return lines
}

func (b *bench) clusters(by account.By) []fleet.Cluster {
	b.t.Helper()
	all, err := b.store.Clusters(b.t.Context(), string(by.Viewer.User.ID))
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// wants fails unless err is a problem of that kind about that field; an empty field is not looked at.
func wants(t *testing.T, what string, err error, kind problem.Kind, field string) {
	t.Helper()
	p := problem.Of(err)
	switch {
	case p == nil:
		t.Errorf("%s: %v, want a problem of kind %s", what, err, kind)
	case p.Kind != kind:
		t.Errorf("%s: kind %s (%v), want %s", what, p.Kind, err, kind)
	case field != "" && p.Fields[field] == "":
		t.Errorf("%s: fields %v, want one about %q", what, p.Fields, field)
	case p.What == "" || !strings.HasSuffix(p.What, ".") && !strings.HasSuffix(p.What, "?"):
		t.Errorf("%s: %q is no sentence", what, p.What)
	}
}
