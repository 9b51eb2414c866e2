package connect

import (
	"context"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// trust decides what is pinned: the cluster's own CA where it may be, else the
// system's roots where they vouch for the address, else the confirmed leaf. Each
// is tried without a login before it is taken.
func (s *Service) trust(ctx context.Context, conn Connection, f fleet.Finding) (authority.Trust, error) {
	if f.Address.Node != "" {
		ca, ok, err := conn.OwnCA(ctx, f.Address.Node)
		if err != nil && !problem.Is(err, problem.Forbidden) && !problem.Is(err, problem.NodeDown) && !problem.Is(err, problem.NodeBroken) {
			return authority.Trust{}, err
		}
		if ok && s.holds(ctx, ca, f.Address) {
			return ca, nil
		}
	}
	public := authority.Trust{Mode: authority.Public, Fingerprint: f.Address.Leaf}
	if s.holds(ctx, public, f.Address) {
		return public, nil
	}
	return authority.Trust{Mode: authority.LeafPin, Fingerprint: f.Address.Leaf}, nil
}

func (s *Service) holds(ctx context.Context, t authority.Trust, a authority.Address) bool {
	return s.greet(ctx, authority.Authority{Addresses: []authority.Address{a}, Trust: t}) == nil
}
