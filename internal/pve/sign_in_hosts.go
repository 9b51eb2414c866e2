package pve

import (
	"context"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// SignInHosts asks authorities about people. Each call makes its own client for
// the authority that it is given and closes it after: logins are rare, and no
// connection that carried a password is kept.
type SignInHosts struct {
	Guard *Guard
	Now   func() time.Time // time.Now when nil
}

// Look is pve.Look without the certificate itself.
func (h SignInHosts) Look(ctx context.Context, a authority.Address) (authority.Seen, error) {
	seen, err := Look(ctx, h.Guard, a)
	return seen.Seen, err
}

// Realms lists the realms of an authority; no login is sent.
func (h SignInHosts) Realms(ctx context.Context, a authority.Authority) (realms []account.Realm, err error) {
	err = h.with(a, nil, func(c *Client) error {
		realms, err = c.Domains(ctx)
		return err
	})
	return realms, err
}

// SignIn is Client.SignIn at an authority.
func (h SignInHosts) SignIn(ctx context.Context, a authority.Authority, user string, password secret.Text) (login account.Login, err error) {
	err = h.with(a, nil, func(c *Client) error {
		login, err = c.SignIn(ctx, user, password)
		return err
	})
	return login, err
}

// AnswerTFA is Client.AnswerTFA at an authority.
func (h SignInHosts) AnswerTFA(ctx context.Context, a authority.Authority, user string, challenge secret.Text, kind account.FactorKind, code secret.Text) (login account.Login, err error) {
	err = h.with(a, nil, func(c *Client) error {
		login, err = c.AnswerTFA(ctx, user, challenge, kind, code)
		return err
	})
	return login, err
}

// Renew is Client.Renew at an authority.
func (h SignInHosts) Renew(ctx context.Context, a authority.Authority, user string, ticket secret.Text) (login account.Login, err error) {
	err = h.with(a, nil, func(c *Client) error {
		login, err = c.Renew(ctx, user, ticket)
		return err
	})
	return login, err
}

// CA reads the cluster's own root with a person's ticket, which any login may,
// and makes the trust that pins it. Where that CA may not be pinned it is Unsupported.
func (h SignInHosts) CA(ctx context.Context, a authority.Authority, ticket secret.Text) (trust authority.Trust, err error) {
	err = h.with(a, Ticket{Ticket: ticket}, func(c *Client) error {
		pinned, ok, err := c.OwnCA(ctx, "")
		if err == nil && !ok {
			err = problem.New(problem.Unsupported, "The certificate is not one that this cluster's own CA has signed.", "")
		}
		trust = pinned
		return err
	})
	return trust, err
}

func (h SignInHosts) with(a authority.Authority, auth Credentials, ask func(*Client) error) error {
	c, err := New(Options{Authority: a, Auth: auth, Guard: h.Guard, Now: h.Now})
	if err != nil {
		return err
	}
	defer c.Close()
	return ask(c)
}
