package signin

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/problem"
)

// LookAgain looks at one of a host's own addresses, for an administrator who
// has to judge a certificate that changed.
func (s *Service) LookAgain(ctx context.Context, v account.Viewer, id account.HostID, hostPort string, from account.Client) (authority.Seen, error) {
	if err := s.freshly(v); err != nil {
		return authority.Seen{}, err
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return authority.Seen{}, err
	}
	if addressOf(host, hostPort) < 0 {
		return authority.Seen{}, problem.Missing()
	}
	return s.look(ctx, by(v, from, "", ""), hostPort, string(v.User.ID))
}

// Repin pins a renewed leaf that the administrator has compared with the old
// one. Only a host that is pinned to its leaf can be: under a CA, and under the
// public ones, renewals pass by themselves, and another CA is another authority.
func (s *Service) Repin(ctx context.Context, v account.Viewer, id account.HostID, hostPort, fingerprint string, from account.Client) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	if host.Authority.Trust.Mode != authority.LeafPin {
		return problem.New(problem.Conflict, "“"+host.Name+"” is not pinned to one certificate.",
			"If it shows another CA now, it is another Proxmox: add that as a sign-in host of its own.")
	}
	repinned, err := withLeaf(host, hostPort, fingerprint)
	if err != nil {
		return err
	}
	at := addressOf(repinned, hostPort)
	alone := authority.Authority{Addresses: repinned.Authority.Addresses[at : at+1], Trust: repinned.Authority.Trust}
	return s.savePin(ctx, by(v, from, "", ""), host, repinned, func() error {
		_, err := s.pve.Realms(ctx, alone) // it must show that leaf on a second connection, too
		return err
	})
}

// RepinHost pins the leaf that an operator has read on the node itself, when
// nobody can sign in any more. It connects to nothing. A host that was under a
// CA is left with that one address; the CA is carried over again at the next sign-in.
func (s *Service) RepinHost(ctx context.Context, id account.HostID, hostPort, fingerprint string) error {
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	repinned, err := withLeaf(host, hostPort, fingerprint)
	if err != nil {
		return err
	}
	return s.savePin(ctx, audit.Entry{Actor: "command line"}, host, repinned, func() error { return nil })
}

func (s *Service) savePin(ctx context.Context, e audit.Entry, old, repinned account.SignInHost, check func() error) error {
	e.Kind, e.Subject = audit.SignInHostEdit, old.Name
	e.Detail = "Pin " + old.Authority.Trust.Fingerprint + " replaced by " + repinned.Authority.Trust.Fingerprint
	return s.during(ctx, e, func() error {
		if err := check(); err != nil {
			return err
		}
		return s.store.UpdateSignInHost(ctx, repinned)
	})
}

var fingerprintGrammar = regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`)

// withLeaf is the host pinned to another leaf. Addresses that were pinned to the old one move with it.
func withLeaf(host account.SignInHost, hostPort, fingerprint string) (account.SignInHost, error) {
	fingerprint = strings.ToUpper(strings.TrimSpace(fingerprint))
	if !fingerprintGrammar.MatchString(fingerprint) {
		return host, problem.Field("fingerprint", "A SHA-256 fingerprint has 32 pairs of hexadecimal digits with colons between them.")
	}
	at := addressOf(host, hostPort)
	if at < 0 {
		return host, problem.Missing()
	}
	old := host.Authority.Trust.Fingerprint
	addresses := slices.Clone(host.Authority.Addresses)
	if host.Authority.Trust.Mode != authority.LeafPin {
		addresses = addresses[at : at+1]
		addresses[0].Leaf = old
	}
	for i := range addresses {
		if addresses[i].Leaf == old {
			addresses[i].Leaf = fingerprint
		}
	}
	host.Authority = authority.Authority{Addresses: addresses, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: fingerprint}}
	return host, nil
}

// addressOf is the place of an address in the host's list, -1 when it is none of its.
func addressOf(host account.SignInHost, hostPort string) int {
	return slices.IndexFunc(host.Authority.Addresses, func(a authority.Address) bool { return a.HostPort() == hostPort })
}
