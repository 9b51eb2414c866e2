package connect

import (
	"context"
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// What one person may have and do.
const (
	MaxClusters  = 250 // entries
	MaxAddresses = 32  // of one cluster
	maxMembers   = 128 // that are shown and kept; Proxmox's own limit is lower
	maxProbes    = 90  // connections set off by hand in probeWindow: adding one takes three
	maxTold      = 256 // connections to addresses that answers told, in probeWindow
	probeWindow  = 10 * time.Minute
)

// probing counts one connection that a person sets off, with what and where. It
// is refused past the limit, so that Berth is nobody's port scanner.
func (s *Service) probing(ctx context.Context, by account.By, kind audit.Kind, subject string) error {
	n, err := s.counted(ctx, "probe:"+by.Owner(), maxProbes)
	if err != nil || n < maxProbes {
		return err
	}
	p := problem.New(problem.TooMany, fmt.Sprintf("You have set off %d connections in the last ten minutes.", n), "Wait a few minutes, then try again.")
	s.noteRefusal(ctx, audit.Entry{Owner: by.Owner(), Actor: by.Viewer.User.PVEUser, Address: by.Address, Kind: kind, Subject: subject, Detail: p.What})
	return p
}

// toldDial counts one connection to an address that nobody typed but an answer
// told; false past the limit.
func (s *Service) toldDial(ctx context.Context, owner string) (bool, error) {
	s.telling.Lock() // several members are looked at beside each other
	defer s.telling.Unlock()
	n, err := s.counted(ctx, "told:"+owner, maxTold)
	return err == nil && n < maxTold, err
}

// counted is how many connections were counted under the key before; below the most, one more is.
func (s *Service) counted(ctx context.Context, key string, most int) (int, error) {
	now := s.now()
	n, err := s.store.CountAttempts(ctx, key, now.Add(-probeWindow))
	if err == nil && n < most {
		err = s.store.AddAttempt(ctx, key, now)
	}
	if err != nil {
		return n, fmt.Errorf("counting connection attempts: %w", err)
	}
	return n, nil
}
