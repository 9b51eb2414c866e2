package connect

import (
	"context"

	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
)

// Renewed leaves an event when an address of a cluster shows another leaf that
// the same trust vouches for. old and now are fingerprints.
func (s *Service) Renewed(ctx context.Context, c fleet.Cluster, at authority.Address, old, now string) {
	_, err := s.write(ctx, audit.Entry{Owner: c.Owner, Actor: "Berth", Kind: audit.CertRenewed, Result: audit.OK,
		Subject: at.String(), Cluster: string(c.ID), Detail: "The certificate was renewed under the same trust: " + old + " became " + now + "."})
	if err != nil {
		s.log.Error("a renewed certificate is missing in the audit trail", "cluster", c.ID, "err", err)
	}
}
