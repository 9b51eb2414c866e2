package connect

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// Reconnect changes addresses, token or pins of a cluster, after all of it was
// tried. A certificate that the pin does not prove ends in a problem of kind
// Untrusted with both fingerprints; it is taken only when its own is in Accept.
// A changed address, token or pin asks for the secret again. Fields: addresses,
// token, secret.
func (s *Service) Reconnect(ctx context.Context, by account.By, id fleet.ClusterID, ch fleet.Reconnection) error {
	c, err := s.store.Cluster(ctx, by.Owner(), id)
	if err != nil {
		return err
	}
	if ch.Version != c.Version {
		return changedMeanwhile()
	}
	next, err := s.changed(ctx, by, c, ch)
	if err != nil {
		return err
	}
	if next.mustProve && ch.Secret.Empty() {
		return problem.Field("secret", "Enter the secret again: it was stored for the old addresses, token and certificate.")
	}
	kind := audit.ClusterEdit
	if len(ch.Accept) > 0 {
		kind = audit.PinChange
	}
	if err := s.probing(ctx, by, kind, c.Name); err != nil {
		return err
	}
	return s.during(ctx, by, kind, c.Name, c.ID, func() error { return s.reconnect(ctx, by, next) })
}

// plan is a change that can be tried.
type plan struct {
	before    fleet.Cluster
	after     fleet.Cluster
	secret    secret.Text
	accept    []string
	mustProve bool // the stored secret may not be used for it
}

func (s *Service) changed(ctx context.Context, by account.By, c fleet.Cluster, ch fleet.Reconnection) (plan, error) {
	p := plan{before: c, after: c, secret: ch.Secret, accept: ch.Accept}
	if _, _, ok := fleet.ParseTokenID(ch.TokenID); !ok {
		return p, problem.Field("token", "Enter the whole token ID, such as root@pam!berth.")
	}
	if !ch.Secret.Empty() {
		if err := validSecret(ch.Secret); err != nil {
			return p, err
		}
	}
	others, err := s.store.Clusters(ctx, by.Owner())
	if err != nil {
		return p, fmt.Errorf("reading clusters: %w", err)
	}
	others = slices.DeleteFunc(others, func(o fleet.Cluster) bool { return o.ID == c.ID })
	addresses, moved, err := readAddresses(c, ch.Addresses, others)
	if err != nil {
		return p, err
	}
	p.after.Authority.Addresses, p.after.TokenID = addresses, ch.TokenID
	p.mustProve = moved || ch.TokenID != c.TokenID || len(ch.Accept) > 0
	return p, nil
}
