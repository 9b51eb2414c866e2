package store

import (
	"context"
	"time"

	"berth/internal/account"
	"berth/internal/secret"
	"berth/internal/store/query"
)

// CreateSession keeps a new session under the hash of its token, with the
// sealed ticket unless that is empty. TicketAt and TicketVersion are set by the
// store. Who is disabled, also at the same moment, gets none: problem.Missing.
func (s *Store) CreateSession(ctx context.Context, v account.Session, tokenHash []byte, ticket secret.Text) error {
	p := query.CreateSessionParams{ID: v.ID, TokenHash: tokenHash, UserID: string(v.User), CreatedAt: millis(v.CreatedAt),
		SeenAt: millis(v.SeenAt), ExpiresAt: millis(v.ExpiresAt), ProofAt: millis(v.ProofAt),
		Address: plain(v.Address), Agent: plain(v.Agent)}
	if !ticket.Empty() {
		owner, err := s.reads.SessionOwner(ctx, string(v.User))
		if err != nil {
			return failed("find the session's user", err)
		}
		if p.Ticket, err = s.sealTicket(ticket, v.ID, owner.ID, owner.HostID, owner.Authority); err != nil {
			return err
		}
		p.TicketAt, p.TicketVersion = millis(orNow(v.TicketAt, s.now())), 1
	}
	err := s.tx(ctx, func(q *query.Queries) error {
		if rows, err := q.LockEnabledUser(ctx, p.UserID); err != nil || rows == 0 {
			return changedOne("find the session's user", rows, err) // gone with their host, or disabled
		}
		return q.CreateSession(ctx, p)
	})
	return failed("keep the session", err)
}

// SessionByToken finds the session of a token's hash and its user in one
// query. Expired and idle sessions and those of disabled users are not found.
func (s *Store) SessionByToken(ctx context.Context, tokenHash []byte) (account.Session, account.User, error) {
	r, err := s.reads.SessionByToken(ctx, query.SessionByTokenParams{TokenHash: tokenHash, Now: millis(s.now()), IdleSince: s.idleSince()})
	if err != nil {
		return account.Session{}, account.User{}, failed("read the session", err)
	}
	return session(r.Session), user(r.User), nil
}

// TouchSession notes that the session was used; it never moves back.
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error {
	return failed("note the session's use", s.writes.TouchSession(ctx, query.TouchSessionParams{ID: id, SeenAt: millis(seen)}))
}

// ProveSession notes that password and second factor were given again. A
// non-nil newTokenHash replaces the token in the same step.
func (s *Store) ProveSession(ctx context.Context, id string, at time.Time, newTokenHash []byte) error {
	var rows int64
	var err error
	if newTokenHash == nil {
		rows, err = s.writes.ProveSession(ctx, query.ProveSessionParams{ID: id, ProofAt: millis(at)})
	} else {
		rows, err = s.writes.ProveSessionAnew(ctx, query.ProveSessionAnewParams{ID: id, ProofAt: millis(at), TokenHash: newTokenHash})
	}
	return changedOne("note the session's proof", rows, err)
}

// Sessions lists a user's living sessions, the last used first.
func (s *Store) Sessions(ctx context.Context, owner account.UserID) ([]account.Session, error) {
	rows, err := s.reads.SessionsOf(ctx, query.SessionsOfParams{UserID: string(owner), Now: millis(s.now()), IdleSince: s.idleSince()})
	sessions := make([]account.Session, len(rows))
	for i, r := range rows {
		sessions[i] = session(r)
	}
	return sessions, failed("list the sessions", err)
}

// DeleteSession ends one session of that user and forgets its ticket.
func (s *Store) DeleteSession(ctx context.Context, owner account.UserID, id string) error {
	rows, err := s.writes.DeleteSession(ctx, query.DeleteSessionParams{UserID: string(owner), ID: id})
	return changedOne("end the session", rows, err)
}

// DeleteSessions ends all sessions of that user but one; with an empty
// exceptID, all. It returns how many ended.
func (s *Store) DeleteSessions(ctx context.Context, owner account.UserID, exceptID string) (int, error) {
	rows, err := s.writes.DeleteSessionsBut(ctx, query.DeleteSessionsButParams{UserID: string(owner), ID: exceptID})
	return int(rows), failed("end the sessions", err)
}

// DeleteExpiredSessions removes expired and idle sessions and lapsed half
// sign-ins, and returns how many sessions.
func (s *Store) DeleteExpiredSessions(ctx context.Context, now time.Time) (int, error) {
	if err := s.writes.DeleteExpiredHalfLogins(ctx, millis(now)); err != nil {
		return 0, failed("remove lapsed half sign-ins", err)
	}
	rows, err := s.writes.DeleteExpiredSessions(ctx, query.DeleteExpiredSessionsParams{Now: millis(now), IdleSince: millis(now.Add(-s.idle))})
	return int(rows), failed("remove expired sessions", err)
}

func (s *Store) idleSince() int64 { return millis(s.now().Add(-s.idle)) }

func session(r query.Session) account.Session {
	return account.Session{ID: r.ID, User: account.UserID(r.UserID), CreatedAt: moment(r.CreatedAt), SeenAt: moment(r.SeenAt),
		ExpiresAt: moment(r.ExpiresAt), ProofAt: moment(r.ProofAt), Address: r.Address, Agent: r.Agent,
		TicketAt: moment(r.TicketAt), TicketVersion: r.TicketVersion}
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
