package connect

import (
	"context"
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
)

// What one person may have and do.
const (
	MaxClusters  = 250 // entries
	MaxAddresses = 32  // of one cluster
	maxMembers   = 128 // that are shown and kept; Proxmox's own limit is lower
	maxProbes    = 90  // connections set off by hand in probeWindow: adding one takes three
	probeWindow  = 10 * time.Minute
)

// probing counts one connection that a person sets off. It is refused past the
// limit, so that Berth is nobody's port scanner.
func (s *Service) probing(ctx context.Context, by account.By) error {
	key, now := "probe:"+by.Owner(), s.now()
	n, err := s.store.CountAttempts(ctx, key, now.Add(-probeWindow))
	if err != nil {
		return fmt.Errorf("counting connection attempts: %w", err)
	}
	if n >= maxProbes {
		return problem.New(problem.TooMany, fmt.Sprintf("You have set off %d connections in the last ten minutes.", n), "Wait a few minutes, then try again.")
	}
	if err := s.store.AddAttempt(ctx, key, now); err != nil {
		return fmt.Errorf("counting connection attempts: %w", err)
	}
	return nil
}
