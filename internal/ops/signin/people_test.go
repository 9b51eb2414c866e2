package signin_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/ops/signin"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

// shut is a Proxmox that is slow enough for an administrator to disable who signs in.
type shut struct {
	signin.Proxmox
	during func()
}

func (p shut) SignIn(ctx context.Context, a authority.Authority, user string, password secret.Text) (account.Login, error) {
	login, err := p.Proxmox.SignIn(ctx, a, user, password)
	p.during()
	return login, err
}

func (p shut) CA(ctx context.Context, a authority.Authority, ticket secret.Text) (authority.Trust, error) {
	p.during()
	return p.Proxmox.CA(ctx, a, ticket)
}

func TestWhoIsDisabledDuringTheSignInGetsNoSession(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, _ := w.viewer(host, "anna@pve", "anna-password", home)
	// The leaf again, so that the sign-in asks once more after it has looked whether anna is disabled.
	w.must(w.RepinHost(t.Context(), host.ID, w.lab.Node("pve1").Addr(), w.lab.Node("pve1").Fingerprint()))
	host, err := w.Host(t.Context(), host.ID)
	w.must(err)
	calls := 0
	slow := w.asking(func(p signin.Proxmox) signin.Proxmox {
		return shut{p, func() {
			if calls++; calls == 2 {
				w.must(w.Disable(t.Context(), admin, anna.User.ID, home))
			}
		}}
	})
	_, err = slow.Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve", Password: secret.New("anna-password")}, home)
	if calls < 2 {
		t.Fatal("nobody was disabled during the sign-in")
	}
	w.wants(err, problem.Denied)
	w.must(w.Enable(t.Context(), admin, anna.User.ID, home))
	left, err := w.store.Sessions(t.Context(), anna.User.ID)
	if err != nil || len(left) != 0 {
		t.Errorf("sessions of who was disabled: %v, %v", left, err)
	}
}

func TestOnlyAdministratorsWithFreshProof(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, _ := w.viewer(host, "anna@pve", "anna-password", other)
	stale := admin
	stale.Session.ProofAt = w.clock.now().Add(-account.ProofFor)
	for name, act := range map[string]func(account.Viewer) error{
		"look": func(v account.Viewer) error { _, err := w.Look(t.Context(), v, "127.0.0.1", home); return err },
		"add": func(v account.Viewer) error {
			_, err := w.AddHost(t.Context(), v, "x", "127.0.0.1", "", home)
			return err
		},
		"edit":    func(v account.Viewer) error { return w.EditHost(t.Context(), v, host.ID, "x", host.Policy, home) },
		"address": func(v account.Viewer) error { return w.AddAddress(t.Context(), v, host.ID, "127.0.0.2", home) },
		"drop":    func(v account.Viewer) error { return w.DropAddress(t.Context(), v, host.ID, "x", home) },
		"delete":  func(v account.Viewer) error { return w.DeleteHost(t.Context(), v, host.ID, home) },
		"grant":   func(v account.Viewer) error { return w.GrantAdministrator(t.Context(), v, anna.User.ID, home) },
		"revoke":  func(v account.Viewer) error { return w.RevokeAdministrator(t.Context(), v, anna.User.ID, home) },
		"disable": func(v account.Viewer) error { return w.Disable(t.Context(), v, anna.User.ID, home) },
		"enable":  func(v account.Viewer) error { return w.Enable(t.Context(), v, anna.User.ID, home) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := act(anna); !problem.Is(err, problem.Denied) {
				t.Errorf("somebody: %v", err)
			}
			if err := act(stale); !problem.Is(err, problem.NeedProof) {
				t.Errorf("an administrator without fresh proof: %v", err)
			}
		})
	}
	_, err := w.People(t.Context(), anna)
	w.wants(err, problem.Denied)
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, _ := w.viewer(host, "anna@pve", "anna-password", other)
	w.wants(w.RevokeAdministrator(t.Context(), admin, admin.User.ID, home), problem.Conflict)
	w.wants(w.Disable(t.Context(), admin, admin.User.ID, home), problem.Conflict)
	w.must(w.GrantAdministrator(t.Context(), admin, anna.User.ID, home))
	anna, _ = w.viewer(host, "anna@pve", "anna-password", other)
	// Two who take it from each other at once: one of them remains.
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.RevokeAdministrator(t.Context(), admin, anna.User.ID, home) })
	wg.Go(func() { _ = w.RevokeAdministrator(t.Context(), anna, admin.User.ID, other) })
	wg.Wait()
	if n, err := w.store.Administrators(t.Context()); err != nil || n != 1 {
		t.Errorf("%d administrators remain, %v", n, err)
	}
}

func TestDisablingEndsEverythingAtOnce(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, from := w.viewer(host, "anna@pve", "anna-password", other)
	w.must(w.Disable(t.Context(), admin, anna.User.ID, home))
	_, err := w.ByToken(t.Context(), from.Session)
	w.wants(err, problem.NotFound)
	if w.Alive(t.Context(), anna.Session.ID) {
		t.Error("a stream goes on")
	}
	if len(w.expired) != 1 || w.expired[0] != anna.User.ID {
		t.Errorf("loops were ended of %v", w.expired)
	}
	_, err = w.signIn(host, "anna@pve", "anna-password", other)
	w.wants(err, problem.Denied)
	w.must(w.Enable(t.Context(), admin, anna.User.ID, home))
	again, _ := w.viewer(host, "anna@pve", "anna-password", other)
	if again.User.ID != anna.User.ID {
		t.Error("she became somebody else")
	}
	people, err := w.People(t.Context(), admin)
	w.must(err)
	if len(people) != 2 || people[1].Sessions != 1 || people[1].Host != "Lab" {
		t.Errorf("people: %+v", people)
	}
	if len(w.trail(audit.UserDisable)) != 2 || len(w.trail(audit.UserEnable)) != 2 {
		t.Error("intent or result is missing in the trail")
	}
}

func TestANarrowerPolicyEndsSessions(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, from := w.viewer(host, "anna@pve", "anna-password", other)
	listed := account.Policy{Admission: account.OnlyListed, Listed: []string{"anna@pve"}}
	w.must(w.EditHost(t.Context(), admin, host.ID, host.Name, listed, home))
	if _, err := w.ByToken(t.Context(), from.Session); err != nil {
		t.Errorf("who is listed was signed out: %v", err)
	}
	w.must(w.EditHost(t.Context(), admin, host.ID, host.Name, account.Policy{Admission: account.OnlyAdministrators}, home))
	_, err := w.ByToken(t.Context(), from.Session)
	w.wants(err, problem.NotFound)
	if w.Alive(t.Context(), anna.Session.ID) {
		t.Error("a stream goes on")
	}
	if !w.Alive(t.Context(), admin.Session.ID) {
		t.Error("the administrator was signed out")
	}
}

func TestAnotherAddressMustProveTheSameTrust(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	attic := w.sim.Cluster("attic").Node("attic")
	err := w.AddAddress(t.Context(), admin, host.ID, attic.Addr(), home)
	p := w.wants(err, problem.Untrusted)
	if p.Fields["address"] == "" || p.Got != attic.Fingerprint() {
		t.Errorf("the refusal says %+v", p)
	}
	pve2 := w.lab.Node("pve2")
	w.must(w.AddAddress(t.Context(), admin, host.ID, pve2.Addr(), home))
	w.wants(w.AddAddress(t.Context(), admin, host.ID, pve2.Addr(), home), problem.Invalid)
	// The first one down: people sign in through the second.
	undo, err := w.sim.Fault("node-daemon-down", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	w.must(err)
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.must(err)
	undo()
	host, err = w.Host(t.Context(), host.ID)
	w.must(err)
	first := host.Authority.Addresses[0].HostPort()
	w.must(w.DropAddress(t.Context(), admin, host.ID, first, home))
	w.wants(w.DropAddress(t.Context(), admin, host.ID, first, home), problem.NotFound)
	w.wants(w.DropAddress(t.Context(), admin, host.ID, host.Authority.Addresses[1].HostPort(), home), problem.Invalid)
}

func TestIdentitiesOfHostsStayApart(t *testing.T) {
	w := newWorld(t)
	_, admin := w.setUp()
	attic := w.sim.Cluster("attic").Node("attic")
	add := func() account.SignInHost {
		t.Helper()
		seen, err := w.Look(t.Context(), admin, attic.Addr(), home)
		w.must(err)
		h, err := w.AddHost(t.Context(), admin, "Attic", attic.Addr(), seen.Fingerprint, home)
		w.must(err)
		w.must(w.EditHost(t.Context(), admin, h.ID, "Attic", account.Policy{Admission: account.Everyone}, home))
		return h
	}
	second := add()
	_, err := w.AddHost(t.Context(), admin, "Again", attic.Addr(), attic.Fingerprint(), home)
	w.wants(err, problem.Conflict)
	root, from := w.viewer(second, "root@pam", "attic-password", other)
	if root.User.ID == admin.User.ID || root.User.Admin {
		t.Fatalf("root@pam of the attic is %+v", root.User)
	}
	w.wants(w.DeleteHost(t.Context(), admin, admin.User.Host, home), problem.Conflict)
	w.must(w.DeleteHost(t.Context(), admin, second.ID, home))
	_, err = w.ByToken(t.Context(), from.Session)
	w.wants(err, problem.NotFound)
	_, err = w.signIn(second, "root@pam", "attic-password", other)
	w.wants(err, problem.Invalid)
	third := add()
	again, _ := w.viewer(third, "root@pam", "attic-password", other)
	if third.ID == second.ID || again.User.ID == root.User.ID {
		t.Error("a deleted host or its people came back")
	}
}

func TestAddressesThatNobodyMayProbe(t *testing.T) {
	w := newWorld(t)
	from := w.opened(home)
	for _, typed := range []string{"", "169.254.169.254", "[::]", "0.0.0.0", "http://127.0.0.1:8006", "127.0.0.1:0", "127.0.0.1:99999", "pve/../x", "root@pve", "$(id)", "fe80::1%eth0", strings.Repeat("a", 400)} {
		_, err := w.LookSetUp(t.Context(), typed, from)
		p := problem.Of(err)
		if p == nil || len(p.Fields) == 0 && p.Kind != problem.TooMany {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for range 30 {
		_, err := w.LookSetUp(t.Context(), "169.254.169.254", from)
		if problem.Is(err, problem.TooMany) {
			return
		}
	}
	t.Error("probes are not limited")
}

func TestTheCAIsCarriedOverOnlyWhenItSignedTheLeaf(t *testing.T) {
	w := newWorld(t)
	undo, err := w.sim.Fault("leaf-foreign-ca", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	w.must(err)
	defer undo()
	host, admin := w.setUp()
	if host.Authority.Trust.Mode != authority.LeafPin {
		t.Fatalf("a CA that did not sign the leaf was pinned: %+v", host.Authority.Trust)
	}
	w.wants(w.AddAddress(t.Context(), admin, host.ID, w.lab.Node("pve2").Addr(), home), problem.Untrusted)
	w.clock.pass(time.Minute)
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.must(err)
}

// A name of one's own that no certificate has is as good as the node behind it.
func TestTheCAIsCarriedOverForANameOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	from := w.opened(home)
	node := w.lab.Node("pve1")
	_, port, _ := strings.Cut(node.Addr(), ":")
	host, err := w.RegisterFirst(t.Context(), "Lab", "proxmox.home:"+port, node.Fingerprint(), from)
	w.must(err)
	_, err = w.signIn(host, "root@pam", "root-password", from)
	w.must(err)
	host, err = w.Host(t.Context(), host.ID)
	w.must(err)
	if host.Authority.Trust.Mode != authority.CAPin || host.Authority.Addresses[0].Node != "pve1" {
		t.Fatalf("trust %s, addresses %+v", host.Authority.Trust.Mode, host.Authority.Addresses)
	}
	undo, err := w.sim.Fault("leaf-other-member", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	w.must(err)
	defer undo()
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.wants(err, problem.Untrusted) // the CA alone is not enough
}

func TestARenewedLeafIsConfirmedByAPerson(t *testing.T) {
	w := newWorld(t)
	undo, err := w.sim.Fault("leaf-foreign-ca", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	w.must(err)
	host, admin := w.setUp()
	old := host.Authority.Trust.Fingerprint
	undo() // the leaf is another one now
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.wants(err, problem.Untrusted)
	at := host.Authority.Addresses[0].HostPort()
	seen, err := w.LookAgain(t.Context(), admin, host.ID, at, home)
	w.must(err)
	if seen.Fingerprint == old || seen.Fingerprint != w.lab.Node("pve1").Fingerprint() {
		t.Fatalf("the look saw %s", seen.Fingerprint)
	}
	_, err = w.LookAgain(t.Context(), admin, host.ID, "127.0.0.1:1", home)
	w.wants(err, problem.NotFound) // only its own addresses
	w.wants(w.Repin(t.Context(), admin, host.ID, at, "AA", home), problem.Invalid)
	w.wants(w.Repin(t.Context(), admin, host.ID, at, w.lab.Node("pve2").Fingerprint(), home), problem.Untrusted)
	w.must(w.Repin(t.Context(), admin, host.ID, at, seen.Fingerprint, home))
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.must(err)
	// Under the CA since that sign-in: nothing to confirm any more.
	w.wants(w.Repin(t.Context(), admin, host.ID, at, old, home), problem.Conflict)
}

func TestAnOperatorPinsWhenNobodyCanSignIn(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	undo, err := w.sim.Fault("ca-changed", pvesim.FaultTarget{Cluster: "lab"})
	w.must(err)
	defer undo()
	_, err = w.signIn(host, "root@pam", "root-password", home)
	w.wants(err, problem.Untrusted)
	at := host.Authority.Addresses[0].HostPort()
	w.wants(w.RepinHost(t.Context(), host.ID, "192.0.2.1:8006", w.lab.Node("pve1").Fingerprint()), problem.NotFound)
	w.must(w.RepinHost(t.Context(), host.ID, at, strings.ToLower(w.lab.Node("pve1").Fingerprint())))
	p, err := w.signIn(host, "root@pam", "root-password", home)
	w.must(err)
	if p.Viewer.User.ID != admin.User.ID {
		t.Error("the administrator became somebody else")
	}
}
