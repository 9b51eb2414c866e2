package signin

import (
	"context"
	"slices"
	"strings"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// trust connects again and takes nothing but the leaf that was confirmed. Where
// the system's roots vouch for the address too they decide from then on, since
// such leaves are renewed every few weeks.
func (s *Service) trust(ctx context.Context, address authority.Address, fingerprint string) (authority.Authority, []account.Realm, error) {
	address.Leaf = fingerprint
	pinned := authority.Authority{
		Addresses: []authority.Address{address},
		Trust:     authority.Trust{Mode: authority.LeafPin, Fingerprint: fingerprint},
	}
	realms, err := s.pve.Realms(ctx, pinned)
	if err != nil {
		return authority.Authority{}, nil, onAddress(err)
	}
	public := pinned
	public.Trust.Mode = authority.Public
	if _, err := s.pve.Realms(ctx, public); err == nil {
		return public, realms, nil
	}
	return pinned, realms, nil
}

// carryWithin is how long a person waits for it at most.
const carryWithin = 5 * time.Second

// carryCA moves a host from the leaf that was confirmed to the cluster's own
// CA, read over the pinned connection with the ticket of who signs in: else the
// yearly renewal of that leaf would lock everybody out. Failing to is no
// failure of the sign-in.
func (s *Service) carryCA(ctx context.Context, host account.SignInHost, ticket secret.Text) {
	if host.Authority.Trust.Mode != authority.LeafPin {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, carryWithin)
	defer cancel()
	trust, err := s.pve.CA(ctx, host.Authority, ticket)
	if err != nil {
		s.log.Info("the sign-in host stays pinned to its certificate", "host", host.Name, "reason", err)
		return
	}
	under, err := s.underCA(ctx, host.Authority, trust)
	if err != nil {
		s.log.Info("the sign-in host stays pinned to its certificate", "host", host.Name, "reason", err)
		return
	}
	host.Authority = under
	e := audit.Entry{Actor: "Berth", Kind: audit.SignInHostEdit, Subject: host.Name}
	if err := s.during(ctx, e, func() error { return s.store.UpdateSignInHost(ctx, host) }); err != nil {
		s.log.Warn("the sign-in host stays pinned to its certificate", "host", host.Name, "error", err)
	}
}

// underCA is the authority under its CA, tried on a connection. There a leaf
// must name the dialled address or the expected node; an address by a name of
// one's own gets the node that its leaf names, which counts only since the CA has signed it.
func (s *Service) underCA(ctx context.Context, a authority.Authority, ca authority.Trust) (authority.Authority, error) {
	a.Trust, a.Addresses = ca, slices.Clone(a.Addresses)
	_, err := s.pve.Realms(ctx, a)
	if !problem.Is(err, problem.Untrusted) {
		return a, err
	}
	for i, address := range a.Addresses {
		seen, err := s.pve.Look(ctx, address)
		if err != nil {
			return a, err
		}
		a.Addresses[i].Node, _, _ = strings.Cut(seen.Subject, ".")
	}
	_, err = s.pve.Realms(ctx, a)
	return a, err
}
