package main

import (
	"context"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/pve"
	"berth/internal/secret"
)

// authorities lets the sign-in verbs ask Proxmox: one client for each call,
// since a person signs in rarely and nothing of it should be kept.
type authorities struct{ app *app }

func (x authorities) with(a authority.Authority, auth pve.Credentials, do func(*pve.Client) error) error {
	client, err := pve.New(pve.Options{Authority: a, Guard: x.app.guard, Auth: auth})
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
}

func (x authorities) Look(ctx context.Context, at authority.Address) (authority.Seen, error) {
	seen, err := pve.Look(ctx, x.app.guard, at)
	return seen.Seen, err
}

func (x authorities) Realms(ctx context.Context, a authority.Authority) (realms []account.Realm, err error) {
	err = x.with(a, nil, func(c *pve.Client) error {
		realms, err = c.Domains(ctx)
		return err
	})
	return realms, err
}

func (x authorities) SignIn(ctx context.Context, a authority.Authority, user string, password secret.Text) (login account.Login, err error) {
	err = x.with(a, nil, func(c *pve.Client) error {
		login, err = c.SignIn(ctx, user, password)
		return err
	})
	return login, err
}

func (x authorities) AnswerTFA(ctx context.Context, a authority.Authority, user string, challenge secret.Text, kind account.FactorKind, code secret.Text) (login account.Login, err error) {
	err = x.with(a, nil, func(c *pve.Client) error {
		login, err = c.AnswerTFA(ctx, user, challenge, kind, code)
		return err
	})
	return login, err
}

func (x authorities) Renew(ctx context.Context, a authority.Authority, user string, ticket secret.Text) (login account.Login, err error) {
	err = x.with(a, nil, func(c *pve.Client) error {
		login, err = c.Renew(ctx, user, ticket)
		return err
	})
	return login, err
}

// CA keeps the trust as it is where the authority's own CA may not be pinned.
func (x authorities) CA(ctx context.Context, a authority.Authority, ticket secret.Text) (trust authority.Trust, err error) {
	trust = a.Trust
	err = x.with(a, pve.Ticket{Ticket: ticket}, func(c *pve.Client) error {
		ca, ok, err := c.OwnCA(ctx, "")
		if ok {
			trust = ca
		}
		return err
	})
	return trust, err
}
