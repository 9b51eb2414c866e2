package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/ops/signin"
	"berth/internal/problem"
)

// AdminPinCmd is for a sign-in host whose certificate changed so that nobody can sign in any more.
type AdminPinCmd struct {
	DataOptions `embed:""`
	Address     string `arg:"" help:"One of the sign-in host's addresses, as it was registered."`
	Fingerprint string `arg:"" help:"SHA-256 fingerprint, read on the node: openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem"`
}

// Run is called by kong.
func (c *AdminPinCmd) Run(ctx context.Context, s streams) error {
	address, err := authority.Parse(c.Address)
	if err != nil {
		return errors.New(problem.Of(err).Sentence())
	}
	st, err := c.beside(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	hosts, err := st.SignInHosts(ctx)
	if err != nil {
		return err
	}
	host, ok := hostAt(hosts, address)
	if !ok {
		return fmt.Errorf("no sign-in host has the address %s; one that moved is registered anew", address)
	}
	err = signin.New(signin.Options{Store: st, Now: time.Now}).RepinHost(ctx, host.ID, address.HostPort(), c.Fingerprint)
	if p := problem.Of(err); p != nil {
		return errors.New(p.Sentence())
	}
	if err == nil {
		_, err = fmt.Fprintf(s.out, "%s is pinned to the certificate that you gave.\n", host.Name)
	}
	return err
}

func hostAt(hosts []account.SignInHost, address authority.Address) (account.SignInHost, bool) {
	for _, h := range hosts {
		for _, a := range h.Authority.Addresses {
			if a.HostPort() == address.HostPort() {
				return h, true
			}
		}
	}
	return account.SignInHost{}, false
}
