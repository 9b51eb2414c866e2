package store

import (
	"context"
	"time"

	"berth/internal/account"
	"berth/internal/store/query"
)

// HalfLogin is a password that Proxmox took and for which it wants a second
// factor. Challenge is kept sealed.
type HalfLogin = account.HalfLogin

// PutHalfLogin keeps a half sign-in until it expires.
func (s *Store) PutHalfLogin(ctx context.Context, h account.HalfLogin) error {
	auth, err := s.reads.HostAuthority(ctx, string(h.Host))
	if err != nil {
		return failed("find the sign-in host", err)
	}
	bound, err := binding(auth)
	if err != nil {
		return failed("read the sign-in host", err)
	}
	sealed, err := s.vault.seal(h.Challenge, challengeAD(h.Hash, string(h.Host), plain(h.PVEUser), bound))
	if err != nil {
		return err
	}
	return failed("keep the half sign-in", s.writes.PutHalfLogin(ctx, query.PutHalfLoginParams{
		Hash: h.Hash, HostID: string(h.Host), PveUser: plain(h.PVEUser), Challenge: sealed, ReturnTo: plain(h.ReturnTo), ExpiresAt: millis(h.ExpiresAt)}))
}

// TakeTry counts one try and gives the half sign-in. After account.HalfLoginTries, and once
// it expired, it is problem.Missing. However many ask at once, no more than
// account.HalfLoginTries succeed.
func (s *Store) TakeTry(ctx context.Context, hash []byte, now time.Time) (account.HalfLogin, error) {
	r, err := s.writes.TakeTry(ctx, query.TakeTryParams{Hash: hash, Now: millis(now), Most: account.HalfLoginTries})
	if err != nil {
		return account.HalfLogin{}, failed("count the try", err)
	}
	auth, err := s.reads.HostAuthority(ctx, r.HostID)
	if err != nil {
		return account.HalfLogin{}, failed("find the sign-in host", err)
	}
	h := account.HalfLogin{Hash: hash, Host: account.HostID(r.HostID), PVEUser: r.PveUser,
		ReturnTo: r.ReturnTo, ExpiresAt: moment(r.ExpiresAt), Tries: int(r.Tries)}
	if err := decode(auth, &h.Authority); err != nil {
		return account.HalfLogin{}, failed("read the sign-in host", err)
	}
	h.Challenge, err = s.vault.open(r.Challenge, challengeAD(hash, r.HostID, r.PveUser, h.Authority.Binding()))
	if err != nil {
		return account.HalfLogin{}, err
	}
	return h, nil
}

// DropHalfLogin ends a half sign-in, whether it is there or not.
func (s *Store) DropHalfLogin(ctx context.Context, hash []byte) error {
	return failed("drop the half sign-in", s.writes.DropHalfLogin(ctx, hash))
}

// PutSetUpLink keeps the hash of a new set-up link; every earlier one is dead.
func (s *Store) PutSetUpLink(ctx context.Context, hash []byte, expires time.Time) error {
	return failed("keep the set-up link", s.writes.PutSetUpLink(ctx, query.PutSetUpLinkParams{Hash: hash, ExpiresAt: millis(expires)}))
}

// OpenSetUpLink binds the link to the browser that opens it first; that one
// may open it again. False: no such link, expired, or another browser's.
func (s *Store) OpenSetUpLink(ctx context.Context, hash, browserHash []byte, now time.Time) (bool, error) {
	rows, err := s.writes.OpenSetUpLink(ctx, query.OpenSetUpLinkParams{Hash: hash, Browser: browserHash, Now: millis(now)})
	return rows == 1, failed("open the set-up link", err)
}

// SetUpBrowser reports whether that browser opened a link that is still good.
func (s *Store) SetUpBrowser(ctx context.Context, browserHash []byte, now time.Time) (bool, error) {
	n, err := s.reads.SetUpBrowsers(ctx, query.SetUpBrowsersParams{Browser: browserHash, Now: millis(now)})
	return n == 1, failed("find the set-up link", err)
}

// UseSetUp takes the link that the browser opened; true for one caller only.
func (s *Store) UseSetUp(ctx context.Context, browserHash []byte, now time.Time) (bool, error) {
	rows, err := s.writes.UseSetUp(ctx, query.UseSetUpParams{Browser: browserHash, Now: millis(now)})
	return rows == 1, failed("use the set-up link", err)
}
