package signin_test

import (
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
)

// halfWay is a person with a second factor whose password was right.
func halfWay(w *world, host account.SignInHost, from account.Client) account.Progress {
	w.Helper()
	p, err := w.signIn(host, "tom@pve", "tom-password", from)
	w.must(err)
	if p.Done() || p.Half.Empty() || !p.Factors.TOTP || !p.Factors.Recovery {
		w.Fatalf("got %+v, want a half-login with TOTP and recovery keys", p)
	}
	return p
}

func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	half := halfWay(w, host, other)
	p, err := w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.must(err)
	if p.Viewer.User.PVEUser != "tom@pve" || p.ReturnTo != "/settings" {
		t.Errorf("signed in as %s, back to %s", p.Viewer.User.PVEUser, p.ReturnTo)
	}
	// Replayed: the half-login is spent.
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.wants(err, problem.NotFound)

	half = halfWay(w, host, other)
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.Recovery, secret.New(recoveryKey), other)
	w.must(err)
	half = halfWay(w, host, other)
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.Recovery, secret.New(recoveryKey), other)
	w.wants(err, problem.Unauthorized) // each key works once
}

func TestAHalfLoginIsNoSession(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	half := halfWay(w, host, other)
	_, err := w.ByToken(t.Context(), half.Half.Reveal())
	w.wants(err, problem.NotFound)
	for _, guess := range []string{"", "x", other.Session, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		_, err = w.SecondFactor(t.Context(), guess, account.TOTP, w.code(), home)
		w.wants(err, problem.NotFound)
	}
	if _, err := w.store.UserFor(t.Context(), host.ID, "tom@pve"); !problem.Is(err, problem.NotFound) {
		t.Errorf("half a login made a user: %v", err)
	}
}

func TestAHalfLoginEnds(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	half := halfWay(w, host, other)
	w.clock.pass(account.HalfLoginFor + time.Second)
	_, err := w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.wants(err, problem.NotFound)

	half = halfWay(w, host, other)
	before := asked(w.lab)
	for _, slip := range []string{"", "12345", "abcdef", "totp:123456", "PVE:root@pam"} {
		_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, secret.New(slip), other)
		w.wants(err, problem.Invalid) // costs no try
	}
	for i := range account.HalfLoginTries {
		_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, secret.New("000000"), other)
		if i < account.HalfLoginTries-1 {
			w.wants(err, problem.Unauthorized)
		} else {
			w.wants(err, problem.NotFound)
		}
	}
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.wants(err, problem.NotFound)
	if n := asked(w.lab) - before; n != account.HalfLoginTries {
		t.Errorf("Proxmox was asked %d times", n)
	}
	// Another half-login does not give five more: eight wrong codes would lock the factor.
	half = halfWay(w, host, other)
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, secret.New("000000"), other)
	w.wants(err, problem.Unauthorized)
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, secret.New("000000"), other)
	w.wants(err, problem.TooMany)
	w.clock.pass(time.Hour + time.Minute)
	half = halfWay(w, host, other)
	_, err = w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.must(err)
}

func TestAFactorThatBerthCannotDoIsSaid(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, err := w.signIn(host, "wanda@pve", "wanda-password", other)
	if p := w.wants(err, problem.Unsupported); p.Remedy == "" {
		t.Errorf("nothing is said of what to do: %+v", p)
	}
}

func TestFreshProof(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, from := w.viewer(host, "anna@pve", "anna-password", other)
	w.clock.pass(account.ProofFor + time.Second)
	anna, err := w.ByToken(t.Context(), from.Session)
	w.must(err)
	if anna.Session.Proved(w.clock.now()) {
		t.Fatal("the proof of the sign-in is still fresh")
	}
	_, err = w.Prove(t.Context(), anna, secret.New("root-password"), "/settings", from)
	w.wants(err, problem.Unauthorized)
	p, err := w.Prove(t.Context(), anna, secret.New("anna-password"), "/settings/nodes", from)
	w.must(err)
	again, err := w.ByToken(t.Context(), p.Token.Reveal())
	w.must(err)
	if again.Session.ID != anna.Session.ID || !again.Session.Proved(w.clock.now()) || p.ReturnTo != "/settings/nodes" {
		t.Errorf("after the proof: %+v, back to %s", again.Session, p.ReturnTo)
	}
	_, err = w.ByToken(t.Context(), from.Session)
	w.wants(err, problem.NotFound) // the token from before is worth nothing
	if _, err := w.ticket(again); err != nil {
		t.Errorf("the proof left no ticket: %v", err)
	}
}

func TestFreshProofWantsTheSecondFactorToo(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	half := halfWay(w, host, other)
	in, err := w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), other)
	w.must(err)
	from := other
	from.Session = in.Token.Reveal()
	w.clock.pass(account.ProofFor + time.Second)
	tom, err := w.ByToken(t.Context(), from.Session)
	w.must(err)
	p, err := w.Prove(t.Context(), tom, secret.New("tom-password"), "/", from)
	w.must(err)
	if p.Done() {
		t.Fatal("a password alone was proof enough")
	}
	if v, err := w.ByToken(t.Context(), from.Session); err != nil || v.Session.Proved(w.clock.now()) {
		t.Errorf("half a proof counts: %+v, %v", v.Session, err)
	}
	done, err := w.SecondFactor(t.Context(), p.Half.Reveal(), account.TOTP, w.code(), from)
	w.must(err)
	if done.Viewer.Session.ID != tom.Session.ID || !done.Viewer.Session.Proved(w.clock.now()) {
		t.Errorf("the proof made %+v of %+v", done.Viewer.Session, tom.Session)
	}
}

func TestTheFirstAdministratorMayHaveASecondFactor(t *testing.T) {
	w := newWorld(t)
	from := w.opened(home)
	node := w.lab.Node("pve1")
	host, err := w.RegisterFirst(t.Context(), "Lab", node.Addr(), node.Fingerprint(), from)
	w.must(err)
	half := halfWay(w, host, from)
	if _, err := w.SetUp(t.Context(), from); err != nil {
		t.Errorf("a password alone spent the set-up link: %v", err)
	}
	p, err := w.SecondFactor(t.Context(), half.Half.Reveal(), account.TOTP, w.code(), from)
	w.must(err)
	if !p.Viewer.User.Admin {
		t.Error("who set Berth up is no administrator")
	}
	_, err = w.SetUp(t.Context(), from)
	w.wants(err, problem.NotFound)
}
