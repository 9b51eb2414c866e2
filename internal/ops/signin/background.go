package signin

import (
	"context"
	"sync"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// What Proxmox gives a ticket, and when Berth renews it.
const (
	ticketLife  = 2 * time.Hour
	ticketHalf  = time.Hour
	renewEvery  = time.Minute
	renewClaim  = 2 * time.Minute // also how long an unreachable host is left alone
	realmsEvery = 15 * time.Minute
	tidyEvery   = time.Hour
)

// Run does what needs nobody to ask, until ctx ends: tickets are renewed,
// realms read anew, what is over is removed. With several replicas one of them does each.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, job := range []struct {
		every time.Duration
		do    func(context.Context)
	}{
		{renewEvery, s.RenewTickets},
		{realmsEvery, s.RefreshRealms},
		{tidyEvery, s.Tidy},
		{refusalEvery, s.TellRefusals},
	} {
		wg.Go(func() {
			tick := time.NewTicker(job.every)
			defer tick.Stop()
			for {
				job.do(ctx)
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	wg.Wait()
}

// RenewTickets renews every ticket that has reached half its life. Hosts are asked beside each other, one ticket at a time each.
func (s *Service) RenewTickets(ctx context.Context) {
	due, err := s.store.SessionsToRenew(ctx, s.now().Add(-ticketHalf))
	if err != nil {
		s.log.Warn("tickets due for renewal could not be listed", "error", err)
		return
	}
	byHost := map[account.HostID][]account.Viewer{}
	for _, v := range due {
		byHost[v.User.Host] = append(byHost[v.User.Host], v)
	}
	var wg sync.WaitGroup
	for id, viewers := range byHost {
		wg.Go(func() {
			host, err := s.store.SignInHost(ctx, id)
			if err != nil {
				return
			}
			for _, v := range viewers {
				if ctx.Err() != nil || !s.renew(ctx, host, v) {
					return
				}
			}
		})
	}
	wg.Wait()
}

// renew renews one ticket; false when the host does not answer, so that the others of it need not be tried now.
func (s *Service) renew(ctx context.Context, host account.SignInHost, v account.Viewer) (answered bool) {
	now, id := s.now(), v.Session.ID
	if now.Sub(v.Session.TicketAt) >= ticketLife {
		// It has lapsed, which says nothing about the account: the session stays, and asks for the password where the ticket is needed.
		s.warn(s.store.ForgetTicket(ctx, id), "a lapsed ticket was not forgotten")
		return true
	}
	won, err := s.store.ClaimTicketRenewal(ctx, id, v.Session.TicketVersion, now.Add(renewClaim))
	if err != nil || !won {
		s.warn(err, "a ticket's renewal could not be claimed")
		return true
	}
	ticket, err := s.store.Ticket(ctx, id)
	if err != nil || ticket.Version != v.Session.TicketVersion {
		if problem.Is(err, problem.Locked) {
			s.warn(s.store.ForgetTicket(ctx, id), "a ticket that does not open was not forgotten")
		}
		return true
	}
	login, err := s.pve.Renew(ctx, ticket.Authority, v.User.PVEUser, ticket.Secret)
	switch {
	case problem.Is(err, problem.Unauthorized):
		s.expire(ctx, host, v, "Proxmox refused to renew the ticket.")
	case err != nil:
		s.log.Info("a ticket was not renewed; it is tried again", "host", host.Name, "reason", err)
		return false
	case login.NeedTFA:
		s.expire(ctx, host, v, "Proxmox wants a second factor again.")
	case login.Username != v.User.PVEUser:
		s.expire(ctx, host, v, "Proxmox answered the renewal with another name.")
	default:
		_, err := s.store.SwapTicket(ctx, id, ticket.Version, login.Ticket, now)
		s.warn(err, "a renewed ticket was not kept")
	}
	return true
}

func (s *Service) warn(err error, what string) {
	if err != nil {
		s.log.Warn(what, "error", err)
	}
}

// expire ends a session that Proxmox no longer stands for.
func (s *Service) expire(ctx context.Context, host account.SignInHost, v account.Viewer, why string) {
	e := audit.Entry{Owner: string(v.User.ID), Actor: "Berth", Kind: audit.SessionRevoked, Subject: host.Name, Detail: why, Result: audit.OK}
	if _, err := s.write(ctx, e); err != nil {
		s.log.Error("the end of a session is missing in the audit trail", "error", err)
	}
	defer s.forget(v.Session.ID)
	if err := s.store.DeleteSession(ctx, v.User.ID, v.Session.ID); err != nil && !problem.Is(err, problem.NotFound) {
		s.log.Warn("a session that Proxmox no longer stands for was not ended; it is tried again", "error", err)
	}
}

// RefreshRealms reads the realms of each sign-in host anew, so that no stranger ever has to cause it.
func (s *Service) RefreshRealms(ctx context.Context) {
	now := s.now()
	won, err := s.store.Claim(ctx, "realms", s.holder, now.Add(realmsEvery-time.Second), now)
	if err != nil || !won {
		s.warn(err, "reading the realms could not be claimed")
		return
	}
	hosts, err := s.store.SignInHosts(ctx)
	if err != nil {
		s.warn(err, "sign-in hosts could not be listed")
		return
	}
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() {
			realms, err := s.pve.Realms(ctx, h.Authority)
			if err != nil {
				s.log.Info("realms were not read; the last ones stand", "host", h.Name, "reason", err)
				return
			}
			s.warn(s.store.SetRealms(ctx, h.ID, realms, now), "realms were not kept")
		})
	}
	wg.Wait()
}

// Tidy removes sessions and counters that are over.
func (s *Service) Tidy(ctx context.Context) {
	now := s.now()
	_, err := s.store.DeleteExpiredSessions(ctx, now)
	s.warn(err, "expired sessions were not removed")
	s.warn(s.store.PruneAttempts(ctx, now.Add(-attemptsKept)), "old counters were not removed")
}
