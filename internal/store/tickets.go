package store

import (
	"context"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store/query"
)

// Ticket opens the session's Proxmox ticket, with the authority that it is bound
// to. A session without ticket is problem.Missing.
func (s *Store) Ticket(ctx context.Context, sessionID string) (account.Ticket, error) {
	r, err := s.reads.SealedTicket(ctx, sessionID)
	if err != nil {
		return account.Ticket{}, failed("read the ticket", err)
	}
	if r.Ticket == nil {
		return account.Ticket{}, problem.Missing()
	}
	t := account.Ticket{Version: r.TicketVersion}
	if err := decode(r.Authority, &t.Authority); err != nil {
		return account.Ticket{}, failed("read the ticket's host", err)
	}
	t.Secret, err = s.vault.open(r.Ticket, ticketAD(sessionID, r.UserID, r.HostID, t.Authority.Binding()))
	return t, err
}

// PutTicket gives the session a new ticket, whatever it had: its password was given again.
func (s *Store) PutTicket(ctx context.Context, sessionID string, ticket secret.Text, at time.Time) error {
	sealed, err := s.sealTicketOf(ctx, sessionID, ticket)
	if err != nil {
		return err
	}
	rows, err := s.writes.PutTicket(ctx, query.PutTicketParams{ID: sessionID, Sealed: sealed, TicketAt: millis(at)})
	return changedOne("keep the ticket", rows, err)
}

// ClaimTicketRenewal is won by one caller per version, until the given time or the swap.
func (s *Store) ClaimTicketRenewal(ctx context.Context, sessionID string, version int64, until time.Time) (bool, error) {
	rows, err := s.writes.ClaimTicketRenewal(ctx, query.ClaimTicketRenewalParams{
		ID: sessionID, TicketVersion: version, Until: millis(until), Now: millis(s.now())})
	return rows == 1, failed("claim the ticket's renewal", err)
}

// SwapTicket replaces the ticket when it is still that version. It is not when
// somebody else renewed it, or when it was forgotten meanwhile.
func (s *Store) SwapTicket(ctx context.Context, sessionID string, fromVersion int64, ticket secret.Text, at time.Time) (bool, error) {
	sealed, err := s.sealTicketOf(ctx, sessionID, ticket)
	if problem.Is(err, problem.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rows, err := s.writes.SwapTicket(ctx, query.SwapTicketParams{ID: sessionID, TicketVersion: fromVersion, Sealed: sealed, TicketAt: millis(at)})
	return rows == 1, failed("swap the ticket", err)
}

// SessionsToRenew lists living sessions whose ticket was got at or before that
// time and that nobody is renewing, the oldest ticket first.
func (s *Store) SessionsToRenew(ctx context.Context, before time.Time) ([]account.Viewer, error) {
	rows, err := s.reads.SessionsToRenew(ctx, query.SessionsToRenewParams{Before: millis(before), Now: millis(s.now()), IdleSince: s.idleSince()})
	out := make([]account.Viewer, len(rows))
	for i, r := range rows {
		out[i] = account.Viewer{User: user(r.User), Session: session(r.Session)}
	}
	return out, failed("list the tickets to renew", err)
}

// ForgetTicket removes the session's ticket; the session stays.
func (s *Store) ForgetTicket(ctx context.Context, sessionID string) error {
	return failed("forget the ticket", s.writes.ForgetTicket(ctx, sessionID))
}

func (s *Store) sealTicketOf(ctx context.Context, sessionID string, ticket secret.Text) ([]byte, error) {
	r, err := s.reads.SealedTicket(ctx, sessionID)
	if err != nil {
		return nil, failed("read the session", err)
	}
	return s.sealTicket(ticket, sessionID, r.UserID, r.HostID, r.Authority)
}

func (s *Store) sealTicket(ticket secret.Text, session, user, host, hostAuthority string) ([]byte, error) {
	bound, err := binding(hostAuthority)
	if err != nil {
		return nil, failed("read the ticket's host", err)
	}
	return s.vault.seal(ticket, ticketAD(session, user, host, bound))
}
