package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// limit is a sliding window over failures. Nothing is ever locked: what is refused now passes when the window has moved on.
type limit struct {
	key    string
	most   int
	within time.Duration
}

// The limits on failures. The hourly ones of an account stay below what
// Proxmox allows itself (eight wrong codes lock a TOTP factor, a hundred any).
// Those that a stranger with many addresses could fill do not count for a
// browser that has signed in to the account before; it has its own instead.
const (
	pairMost, pairWithin       = 5, 5 * time.Minute
	addressMost, addressWithin = 30, 10 * time.Minute
	accountMost, accountWithin = 20, time.Hour
	hostMost, hostWithin       = 200, time.Hour
	deviceMost, deviceWithin   = 10, time.Hour
	codeMost, codeWithin       = 6, time.Hour
	linkMost, linkWithin       = 20, 10 * time.Minute
	probeMost, probeWithin     = 20, 10 * time.Minute
	attemptsKept               = 24 * time.Hour
	deviceKept                 = 90 * 24 * time.Hour
)

// key names a counter. It is hashed, so that a password typed into the wrong field is not kept, and of one length.
func key(kind string, parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + ":" + hex.EncodeToString(h[:16])
}

// network is what an address counts as: itself, or for IPv6 its /64, since one customer has at least that many.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}

// passwordLimits are what a wrong password counts for, and whether the browser is known to have signed in to the account.
func (s *Service) passwordLimits(ctx context.Context, host account.HostID, user string, from account.Client) (limits []limit, known bool, err error) {
	user = strings.ToLower(user) // some realms do not tell cases apart
	known, err = s.knowsDevice(ctx, host, user, from.Device)
	if err != nil {
		return nil, false, err
	}
	if known {
		return []limit{{key("device", string(host), user, from.Device), deviceMost, deviceWithin}}, true, nil
	}
	net := network(from.Address)
	return []limit{
		{key("pair", string(host), user, net), pairMost, pairWithin},
		{key("address", net), addressMost, addressWithin},
		{key("account", string(host), user), accountMost, accountWithin},
		{key("host", string(host)), hostMost, hostWithin},
	}, false, nil
}

// codeLimits are what a wrong second factor counts for; only who has the password gets so far.
func codeLimits(host account.HostID, user string) []limit {
	return []limit{{key("code", string(host), strings.ToLower(user)), codeMost, codeWithin}}
}

// allow refuses when one of the limits is reached. e is what was tried, for the trail.
func (s *Service) allow(ctx context.Context, limits []limit, e audit.Entry) error {
	now := s.now()
	for _, l := range limits {
		n, err := s.store.CountAttempts(ctx, l.key, now.Add(-l.within))
		if err != nil {
			return fmt.Errorf("counting attempts: %w", err)
		}
		if n >= l.most {
			kind, _, _ := strings.Cut(l.key, ":")
			s.log.Warn("tries are held back by a limit", "limit", kind)
			refusal := tooMany(l.within)
			e.Detail = refusal.What
			s.NoteRefusal(ctx, e)
			return refusal
		}
	}
	return nil
}

func tooMany(within time.Duration) *problem.Problem {
	minutes := int(within / time.Minute)
	return problem.New(problem.TooMany, "There were too many tries.",
		fmt.Sprintf("Wait a while, at most %d minutes, and try again. Nothing is locked.", minutes))
}

// count notes a failure for each of the limits.
func (s *Service) count(ctx context.Context, limits []limit) error {
	now := s.now()
	for _, l := range limits {
		if err := s.store.AddAttempt(ctx, l.key, now); err != nil {
			return fmt.Errorf("counting an attempt: %w", err)
		}
	}
	return nil
}

// countFailure counts what came of asking Proxmox. Who hangs up before the
// answer counts as refused, or hanging up would be the way around every limit;
// what fails otherwise counts for the address alone, so that nobody can keep
// Berth busy with a host that does not answer.
func (s *Service) countFailure(ctx context.Context, limits []limit, err error) error {
	switch {
	case err == nil:
		return nil
	case problem.Is(err, problem.Unauthorized), ctx.Err() != nil:
	default:
		limits = slices.DeleteFunc(slices.Clone(limits), func(l limit) bool { return !strings.HasPrefix(l.key, "address:") })
	}
	return s.count(context.WithoutCancel(ctx), limits)
}

// deviceKey is the row that remembers a browser: an attempt dated at the end of that memory.
func deviceKey(host account.HostID, user, device string) string {
	return key("known", string(host), strings.ToLower(user), device)
}

func (s *Service) knowsDevice(ctx context.Context, host account.HostID, user, device string) (bool, error) {
	if _, ours := hashToken(device, tokenSize); !ours {
		return false, nil
	}
	n, err := s.store.CountAttempts(ctx, deviceKey(host, user, device), s.now())
	if err != nil {
		return false, fmt.Errorf("looking a browser up: %w", err)
	}
	return n > 0, nil
}
