package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/store/query"
)

// UserFor finds the user of that identity.
func (s *Store) UserFor(ctx context.Context, host account.HostID, pveUser string) (account.User, error) {
	r, err := s.reads.UserFor(ctx, query.UserForParams{HostID: string(host), PveUser: plain(pveUser)})
	return user(r), failed("find the user", err)
}

// SignedIn finds or makes the user of that identity and notes that they signed
// in now. admin true makes an administrator; false takes nothing away.
func (s *Store) SignedIn(ctx context.Context, host account.HostID, pveUser string, admin bool) (account.User, error) {
	id, err := newID()
	if err != nil {
		return account.User{}, err
	}
	r, err := s.writes.SignedIn(ctx, query.SignedInParams{ID: id, HostID: string(host), PveUser: plain(pveUser), Admin: admin, CreatedAt: millis(s.now())})
	if orphaned(err) {
		err = sql.ErrNoRows // the host was deleted meanwhile
	}
	return user(r), failed("keep the user", err)
}

// User finds one by id.
func (s *Store) User(ctx context.Context, id account.UserID) (account.User, error) {
	r, err := s.reads.UserByID(ctx, string(id))
	return user(r), failed("find the user", err)
}

// Users lists everybody who ever signed in, oldest first.
func (s *Store) Users(ctx context.Context) ([]account.User, error) {
	rows, err := s.reads.Users(ctx)
	users := make([]account.User, len(rows))
	for i, r := range rows {
		users[i] = user(r)
	}
	return users, failed("list the users", err)
}

// SetAdmin makes somebody an administrator or takes that away.
func (s *Store) SetAdmin(ctx context.Context, id account.UserID, admin bool) error {
	rows, err := s.writes.SetAdmin(ctx, query.SetAdminParams{ID: string(id), Admin: admin})
	return changedOne("change the administrator", rows, err)
}

// SetDisabled disables a user as of that time and ends all their sessions in
// the same step; the zero time enables them again.
func (s *Store) SetDisabled(ctx context.Context, id account.UserID, at time.Time) error {
	return failed("disable the user", s.tx(ctx, func(q *query.Queries) error {
		rows, err := q.SetDisabled(ctx, query.SetDisabledParams{ID: string(id), DisabledAt: millis(at)})
		if err != nil || rows == 0 {
			return changedOne("disable the user", rows, err)
		}
		if at.IsZero() {
			return nil
		}
		_, err = q.DeleteSessionsBut(ctx, query.DeleteSessionsButParams{UserID: string(id)})
		return err
	}))
}

// Administrators counts the administrators who are not disabled.
func (s *Store) Administrators(ctx context.Context) (int, error) {
	n, err := s.reads.Administrators(ctx)
	return int(n), failed("count the administrators", err)
}

func user(r query.User) account.User {
	return account.User{ID: account.UserID(r.ID), Host: account.HostID(r.HostID), PVEUser: r.PveUser, Admin: r.Admin,
		DisabledAt: moment(r.DisabledAt), CreatedAt: moment(r.CreatedAt), SignedInAt: moment(r.SignedInAt)}
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}
