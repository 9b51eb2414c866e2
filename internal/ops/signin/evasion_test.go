package signin_test

import (
	"context"
	"strings"
	"testing"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/ops/signin"
	"berth/internal/problem"
	"berth/internal/secret"
)

// hand is a Proxmox whose answer to a password is the test's.
type hand struct {
	signin.Proxmox
	answer func(ctx context.Context) (account.Login, error)
	asked  *int
}

func (h hand) SignIn(ctx context.Context, _ authority.Authority, _ string, _ secret.Text) (account.Login, error) {
	*h.asked++
	return h.answer(ctx)
}

func TestHangingUpIsNoWayAroundTheLimits(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	asked := 0
	var hangUp context.CancelFunc
	service := w.asking(func(p signin.Proxmox) signin.Proxmox {
		return hand{p, func(ctx context.Context) (account.Login, error) { hangUp(); return account.Login{}, ctx.Err() }, &asked}
	})
	for range 12 {
		var ctx context.Context
		ctx, hangUp = context.WithCancel(t.Context())
		_, _ = service.Password(ctx, account.Credentials{Host: host.ID, User: "anna@pve", Password: secret.New("wrong")}, other)
		hangUp()
	}
	if asked != 5 {
		t.Errorf("Proxmox was asked %d times, want 5", asked)
	}
}

func TestAHostThatDoesNotAnswerIsNotAskedWithoutEnd(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	asked := 0
	service := w.asking(func(p signin.Proxmox) signin.Proxmox {
		return hand{p, func(context.Context) (account.Login, error) {
			return account.Login{}, problem.New(problem.Unreachable, "It does not answer.", "")
		}, &asked}
	})
	for range 40 {
		_, _ = service.Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve", Password: secret.New("x")}, other)
	}
	if asked != 30 {
		t.Errorf("Proxmox was asked %d times, want 30", asked)
	}
	// It says nothing about the account: elsewhere, and once it answers again, she gets in.
	_, err := w.signIn(host, "anna@pve", "anna-password", home)
	w.must(err)
}

func TestATicketForAPasswordIsInTheTrail(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, err := w.signIn(host, "anna@pve", "PVE:root@pam:65A0B0C0::canary", other)
	w.wants(err, problem.Invalid)
	for _, e := range w.trail(audit.SignIn) {
		if strings.Contains(e.Detail, "canary") {
			t.Error("the ticket is in the trail")
		}
		if e.Result == audit.Refused && e.Address == other.Address {
			return
		}
	}
	t.Error("the try is not in the trail")
}

// Else whoever planted the cookie would be the administrator's browser too.
func TestALinkIsBoundToNoTokenOfOthersMaking(t *testing.T) {
	w := newWorld(t)
	link, _, err := w.SetUpLink(t.Context())
	w.must(err)
	planted := home
	planted.SetUp = strings.Repeat("A", 43)
	browser, err := w.OpenSetUp(t.Context(), link.Reveal(), planted)
	w.must(err)
	if browser.Reveal() == planted.SetUp {
		t.Error("the link is bound to a token that somebody else may know")
	}
	_, err = w.SetUp(t.Context(), planted)
	w.wants(err, problem.NotFound)
}

// narrowing narrows the policy while the CA is being read.
type narrowing struct {
	signin.Proxmox
	narrow func()
}

func (n narrowing) CA(ctx context.Context, a authority.Authority, ticket secret.Text) (authority.Trust, error) {
	n.narrow()
	return n.Proxmox.CA(ctx, a, ticket)
}

func TestANewPinBringsNoFormerPolicyBack(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	node := w.lab.Node("pve1")
	w.must(w.RepinHost(t.Context(), host.ID, node.Addr(), node.Fingerprint())) // pinned to its leaf, so that the CA is carried over
	service := w.asking(func(p signin.Proxmox) signin.Proxmox {
		return narrowing{p, func() {
			w.must(w.EditHost(t.Context(), admin, host.ID, host.Name, account.Policy{Admission: account.OnlyAdministrators}, home))
		}}
	})
	_, err := service.Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve", Password: secret.New("anna-password")}, other)
	w.must(err)
	now, err := w.Host(t.Context(), host.ID)
	w.must(err)
	if now.Policy.Admission != account.OnlyAdministrators {
		t.Errorf("the policy is %q again", now.Policy.Admission)
	}
}
