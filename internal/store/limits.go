package store

import (
	"context"
	"time"

	"berth/internal/store/query"
)

// CountAttempts counts the attempts under that key at or after a time, of all replicas.
func (s *Store) CountAttempts(ctx context.Context, key string, since time.Time) (int, error) {
	n, err := s.reads.CountAttempts(ctx, query.CountAttemptsParams{AttemptKey: plain(key), MadeAt: millis(since)})
	return int(n), failed("count attempts", err)
}

// AddAttempt notes one attempt under that key.
func (s *Store) AddAttempt(ctx context.Context, key string, at time.Time) error {
	id, err := newID()
	if err != nil {
		return err
	}
	return failed("note an attempt", s.writes.AddAttempt(ctx, query.AddAttemptParams{ID: id, AttemptKey: plain(key), MadeAt: millis(at)}))
}

// ClearAttempts forgets the attempts under that key.
func (s *Store) ClearAttempts(ctx context.Context, key string) error {
	return failed("forget attempts", s.writes.ClearAttempts(ctx, plain(key)))
}

// PruneAttempts forgets all attempts made before a time, and leases that ended before it.
func (s *Store) PruneAttempts(ctx context.Context, before time.Time) error {
	if err := s.writes.PruneAttempts(ctx, millis(before)); err != nil {
		return failed("prune attempts", err)
	}
	return failed("prune leases", s.writes.PruneLeases(ctx, millis(before)))
}

// Claim takes or prolongs the lease of that name for a holder. It is won when
// nobody holds it, when what is held ended by now, or when it is the holder's own.
func (s *Store) Claim(ctx context.Context, name, holder string, until, now time.Time) (bool, error) {
	rows, err := s.writes.Claim(ctx, query.ClaimParams{Name: plain(name), Holder: plain(holder), Until: millis(until), Now: millis(now)})
	return rows == 1, failed("claim "+name, err)
}

// Release gives a lease back; another's stays.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	return failed("release "+name, s.writes.Release(ctx, query.ReleaseParams{Name: plain(name), Holder: plain(holder)}))
}
