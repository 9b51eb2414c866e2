package signin_test

import (
	"context"
	"strings"
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

func secretText(s string) secret.Text { return secret.New(s) }

func TestASessionIsNewAtEachSignIn(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, from := w.viewer(host, "anna@pve", "anna-password", other)
	old := from.Session
	_, from = w.viewer(host, "anna@pve", "anna-password", from)
	if from.Session == old {
		t.Fatal("the token stayed the same")
	}
	_, err := w.ByToken(t.Context(), old)
	w.wants(err, problem.NotFound)
	// A token that somebody else put into the browser is never taken over.
	planted := other
	planted.Session = strings.Repeat("A", 43)
	p, err := w.signIn(host, "anna@pve", "anna-password", planted)
	w.must(err)
	if p.Token.Reveal() == planted.Session {
		t.Error("a planted token became the session's")
	}
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, idle := w.viewer(host, "anna@pve", "anna-password", other)
	w.clock.pass(signin.DefaultIdleFor + time.Second)
	_, err := w.ByToken(t.Context(), idle.Session)
	w.wants(err, problem.NotFound)

	v, used := w.viewer(host, "anna@pve", "anna-password", other)
	for passed := time.Duration(0); passed < signin.DefaultLifetime-time.Hour; passed += 6 * time.Hour {
		if _, err := w.ByToken(t.Context(), used.Session); err != nil {
			t.Fatalf("after %s of use: %v", passed, err)
		}
		w.clock.pass(6 * time.Hour)
	}
	w.clock.pass(time.Hour)
	_, err = w.ByToken(t.Context(), used.Session)
	w.wants(err, problem.NotFound)
	if w.Alive(t.Context(), v.Session.ID) {
		t.Error("a stream of an expired session goes on")
	}
}

func TestAStreamIsNoActivity(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	v, from := w.viewer(host, "anna@pve", "anna-password", other)
	for range int(signin.DefaultIdleFor/time.Hour) - 1 {
		w.clock.pass(time.Hour)
		if _, err := w.Peek(t.Context(), from.Session); err != nil || !w.Alive(t.Context(), v.Session.ID) {
			t.Fatalf("the session ended early: %v", err)
		}
	}
	w.clock.pass(time.Hour + time.Second)
	if w.Alive(t.Context(), v.Session.ID) {
		t.Error("a stream kept the session alive")
	}
}

func TestRevocationReachesReplicasAndStreamsWithinFiveSeconds(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	v, from := w.viewer(host, "anna@pve", "anna-password", other)
	second := w.replica()
	if _, err := second.ByToken(t.Context(), from.Session); err != nil {
		t.Fatal(err)
	}
	w.must(w.SignOut(t.Context(), v, from))
	if _, err := w.ByToken(t.Context(), from.Session); !problem.Is(err, problem.NotFound) || w.Alive(t.Context(), v.Session.ID) {
		t.Error("here it must count at once")
	}
	w.clock.pass(5 * time.Second)
	if _, err := second.ByToken(t.Context(), from.Session); !problem.Is(err, problem.NotFound) || second.Alive(t.Context(), v.Session.ID) {
		t.Error("on another replica it did not count within five seconds")
	}
	if _, err := w.store.Ticket(t.Context(), v.Session.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the ticket was not forgotten: %v", err)
	}
}

func TestRevokingSessions(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	first, a := w.viewer(host, "anna@pve", "anna-password", other)
	second, b := w.viewer(host, "anna@pve", "anna-password", home)
	list, err := w.List(t.Context(), first)
	w.must(err)
	if len(list) != 2 {
		t.Fatalf("%d sessions", len(list))
	}
	w.wants(w.Revoke(t.Context(), admin, first.Session.ID, home), problem.NotFound) // another's
	w.wants(w.Revoke(t.Context(), first, "no-such", home), problem.NotFound)
	w.must(w.Revoke(t.Context(), first, second.Session.ID, other))
	_, err = w.ByToken(t.Context(), b.Session)
	w.wants(err, problem.NotFound)
	_, err = w.ByToken(t.Context(), a.Session)
	w.must(err)
	w.must(w.SignOutEverywhere(t.Context(), first, other))
	_, err = w.ByToken(t.Context(), a.Session)
	w.wants(err, problem.NotFound)
	if _, err := w.List(t.Context(), admin); err != nil || len(w.trail(audit.SessionRevoked)) != 4 {
		t.Errorf("the trail has %d entries of it", len(w.trail(audit.SessionRevoked)))
	}
}

func TestWhatIsNoTokenIsNobody(t *testing.T) {
	w := newWorld(t)
	for _, token := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 44), strings.Repeat("=", 43), strings.Repeat("é", 43)} {
		_, err := w.ByToken(t.Context(), token)
		w.wants(err, problem.NotFound)
	}
	if w.Alive(t.Context(), "") || w.Alive(t.Context(), "x") {
		t.Error("a session that is none is alive")
	}
}

func TestTicketsAreRenewedAtHalfLife(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, from := w.viewer(host, "anna@pve", "anna-password", other)
	first, err := w.ticket(anna)
	w.must(err)
	w.RenewTickets(t.Context())
	if same, _ := w.ticket(anna); same.Reveal() != first.Reveal() {
		t.Error("a young ticket was renewed")
	}
	for range 6 { // three lives of a ticket
		w.clock.pass(time.Hour + time.Second)
		if _, err := w.ByToken(t.Context(), from.Session); err != nil {
			t.Fatal(err)
		}
		w.RenewTickets(t.Context())
	}
	last, err := w.ticket(anna)
	w.must(err)
	if last.Reveal() == first.Reveal() {
		t.Error("the ticket was not renewed")
	}
	// Two replicas at once renew it once.
	w.clock.pass(time.Hour + time.Second)
	_, err = w.ByToken(t.Context(), from.Session)
	w.must(err)
	before, second := asked(w.lab), w.replica()
	done := make(chan struct{})
	go func() { defer close(done); second.RenewTickets(t.Context()) }()
	w.RenewTickets(t.Context())
	<-done
	if n := asked(w.lab) - before; n != 2 { // anna's and the administrator's
		t.Errorf("two tickets were renewed with %d calls", n)
	}
}

func TestHowARenewalMayEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(w *world) // between sign-in and renewal
		lives  bool           // the session afterwards
		ticket bool           // its ticket
	}{
		{"refused", func(w *world) {
			w.lab.AddUser(pvesim.UserSpec{ID: "anna@pve", Password: "anna-password", Disabled: true})
		}, false, false},
		{"expired at Proxmox", func(w *world) {
			undo, err := w.sim.Fault("ticket-expired", pvesim.FaultTarget{Cluster: "lab"})
			w.must(err)
			w.Cleanup(undo)
		}, false, false},
		{"unreachable", func(w *world) {
			undo, err := w.sim.Fault("node-daemon-down", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
			w.must(err)
			w.Cleanup(undo)
		}, true, true},
		{"another certificate", func(w *world) {
			undo, err := w.sim.Fault("ca-changed", pvesim.FaultTarget{Cluster: "lab"})
			w.must(err)
			w.Cleanup(undo)
		}, true, true},
		{"lapsed", func(w *world) { w.clock.pass(time.Hour) }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			host, admin := w.setUp()
			w.open(host, admin)
			anna, from := w.viewer(host, "anna@pve", "anna-password", other)
			w.clock.pass(time.Hour + time.Second)
			c.before(w)
			w.RenewTickets(t.Context())
			_, err := w.ByToken(t.Context(), from.Session)
			if lives := err == nil; lives != c.lives {
				t.Errorf("the session lives: %v (%v)", lives, err)
			}
			_, err = w.ticket(anna)
			if has := err == nil; has != c.ticket {
				t.Errorf("the ticket is there: %v (%v)", has, err)
			}
			if err != nil {
				w.wants(err, problem.NotFound)
			}
		})
	}
}

func TestRealmsAreReadInTheBackground(t *testing.T) {
	w := newWorld(t)
	host, _ := w.setUp()
	w.must(w.store.SetRealms(t.Context(), host.ID, []account.Realm{{Name: "old", Type: "pve"}}, w.clock.now()))
	w.RefreshRealms(t.Context())
	w.replica().RefreshRealms(t.Context()) // one replica is enough
	got, err := w.Host(t.Context(), host.ID)
	w.must(err)
	if len(got.Realms) != 3 {
		t.Errorf("realms: %v", got.Realms)
	}
	if n := w.lab.Requests().Calls["GET /access/domains"]; n > 6 {
		t.Errorf("the realms were asked for %d times", n)
	}
	undo, err := w.sim.Fault("garbage-json", pvesim.FaultTarget{Cluster: "lab"})
	w.must(err)
	defer undo()
	w.clock.pass(time.Hour)
	w.RefreshRealms(t.Context())
	if got, err = w.Host(t.Context(), host.ID); err != nil || len(got.Realms) != 3 {
		t.Errorf("a broken answer cost the realms: %v, %v", got.Realms, err)
	}
}

// liar is a Proxmox that answers with something else than was asked for.
type liar struct {
	signin.Proxmox
	login account.Login
}

func (l liar) SignIn(context.Context, authority.Authority, string, secret.Text) (account.Login, error) {
	return l.login, nil
}

func (l liar) Renew(context.Context, authority.Authority, string, secret.Text) (account.Login, error) {
	return l.login, nil
}

func TestARenewalThatAnswersSomethingElseEndsTheSession(t *testing.T) {
	for name, login := range map[string]account.Login{
		"another name":  {Username: "root@pam", Ticket: secret.New("PVE:root@pam:1::x")},
		"second factor": {Username: "anna@pve", Ticket: secret.New("PVE:!tfa!x"), NeedTFA: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			host, admin := w.setUp()
			w.open(host, admin)
			_, from := w.viewer(host, "anna@pve", "anna-password", other)
			w.must(w.SignOutEverywhere(t.Context(), admin, home))
			w.clock.pass(time.Hour + time.Second)
			service := w.asking(func(p signin.Proxmox) signin.Proxmox { return liar{p, login} })
			service.RenewTickets(t.Context())
			_, err := service.ByToken(t.Context(), from.Session)
			w.wants(err, problem.NotFound)
		})
	}
}

func TestASignInThatAnswersSomethingElse(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	ask := func(login account.Login) (account.Progress, error) {
		return w.asking(func(p signin.Proxmox) signin.Proxmox { return liar{p, login} }).
			Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve", Password: secret.New("x")}, other)
	}
	// The identity is the name in the answer, whatever was typed.
	p, err := ask(account.Login{Username: "berta@pve", Ticket: secret.New("PVE:berta@pve:1::x")})
	w.must(err)
	if p.Viewer.User.PVEUser != "berta@pve" {
		t.Errorf("signed in as %s", p.Viewer.User.PVEUser)
	}
	// A challenge is no session, also where the flag beside it is missing.
	p, err = ask(account.Login{Username: "anna@pve", Ticket: secret.New("PVE:!tfa!{}:1::x"), Factors: account.Factors{TOTP: true}})
	w.must(err)
	if p.Done() {
		t.Error("a challenge became a session")
	}
	for _, odd := range []account.Login{
		{}, {Username: "anna@pve"}, {Username: "anna", Ticket: secret.New("x")}, {Username: "anna@pve!token", Ticket: secret.New("x")},
		{Username: "an\u202ena@pve", Ticket: secret.New("x")}, {Username: strings.Repeat("a", 100) + "@pve", Ticket: secret.New("x")},
	} {
		_, err := ask(odd)
		if err == nil {
			t.Errorf("%+v was taken for a sign-in", odd)
		}
	}
}
