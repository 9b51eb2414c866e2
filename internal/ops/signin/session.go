package signin

import (
	"context"
	"fmt"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/secret"
)

// signedIn makes the session of a login that Proxmox has answered whole.
func (s *Service) signedIn(ctx context.Context, t try, login account.Login) (account.Progress, error) {
	user, err := s.admit(ctx, t, login.Username)
	if err != nil {
		return account.Progress{}, err
	}
	// Before the ticket is kept: it is sealed for the host's pin, and does not survive a change of that.
	s.carryCA(ctx, t.host, login.Ticket)
	now := s.now()
	token, hash := newToken(tokenSize)
	session := account.Session{
		ID: newID(), User: user.ID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.lifetime), ProofAt: now,
		Address: t.from.Address, Agent: clean(t.from.Agent, 190), TicketAt: now,
	}
	if err := s.store.CreateSession(ctx, session, hash, login.Ticket); problem.Is(err, problem.NotFound) {
		return account.Progress{}, notAdmitted() // disabled while they signed in
	} else if err != nil {
		return account.Progress{}, fmt.Errorf("keeping the session: %w", err)
	}
	s.dropOld(ctx, t.from.Session)
	device, err := s.remember(ctx, t.host.ID, login.Username)
	if err != nil {
		return account.Progress{}, err
	}
	return account.Progress{
		Token: token, Device: device, ReturnTo: t.returnTo,
		Viewer: account.Viewer{User: user, Session: session, Host: t.host.Name},
	}, nil
}

// admit says whether the person may sign in, and finds or makes the user. The
// browser that opened the set-up link becomes the administrator, once.
func (s *Service) admit(ctx context.Context, t try, username string) (account.User, error) {
	user, err := s.store.UserFor(ctx, t.host.ID, username)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return account.User{}, err
	}
	if !user.DisabledAt.IsZero() {
		return account.User{}, notAdmitted()
	}
	first, err := s.takeSetUp(ctx, t.from.SetUp)
	if err != nil {
		return account.User{}, err
	}
	if !first && !t.host.Policy.Admits(username, user.Admin) {
		return account.User{}, notAdmitted()
	}
	user, err = s.store.SignedIn(ctx, t.host.ID, username, first)
	if err != nil {
		return account.User{}, fmt.Errorf("keeping the user: %w", err)
	}
	if first {
		e := audit.Entry{Kind: audit.AdminGrant, Owner: string(user.ID), Actor: username, Address: t.from.Address, Subject: username, Result: audit.OK, Detail: "Through the set-up link."}
		if _, err := s.write(ctx, e); err != nil {
			return account.User{}, err
		}
	}
	return user, nil
}

func notAdmitted() *problem.Problem {
	return problem.New(problem.Denied, "This account may not sign in to Berth.", "Ask an administrator of this Berth to let you in.")
}

// dropOld ends the session that this browser had before; a session never outlives a new sign-in in its own browser.
func (s *Service) dropOld(ctx context.Context, token string) {
	hash, ok := hashToken(token, tokenSize)
	if !ok {
		return
	}
	old, user, err := s.store.SessionByToken(ctx, hash)
	if err == nil {
		err = s.store.DeleteSession(ctx, user.ID, old.ID)
		s.forget(old.ID)
	}
	if err != nil && !problem.Is(err, problem.NotFound) {
		s.log.Warn("the browser's former session was not ended; it expires by itself", "error", err)
	}
}

// remember gives the browser a token by which later failures of others do not delay it.
func (s *Service) remember(ctx context.Context, host account.HostID, user string) (secret.Text, error) {
	device, _ := newToken(tokenSize)
	if err := s.store.AddAttempt(ctx, deviceKey(host, user, device.Reveal()), s.now().Add(deviceKept)); err != nil {
		return secret.Text{}, fmt.Errorf("remembering the browser: %w", err)
	}
	return device, nil
}

// Prove asks for the password again, before secrets, pins, sign-in hosts or people are touched.
func (s *Service) Prove(ctx context.Context, v account.Viewer, password secret.Text, returnTo string, from account.Client) (account.Progress, error) {
	host, err := s.store.SignInHost(ctx, v.User.Host)
	if err != nil {
		return account.Progress{}, err
	}
	return s.password(ctx, try{
		host: host, user: v.User.PVEUser, from: from, returnTo: returnTo, proof: v.Session,
		entry: by(v, from, audit.Proof, host.Name),
	}, password)
}

// proved moves the session's proof and gives the browser a new token.
func (s *Service) proved(ctx context.Context, t try, login account.Login) (account.Progress, error) {
	user, err := s.store.User(ctx, t.proof.User)
	if err != nil {
		return account.Progress{}, err
	}
	if login.Username != user.PVEUser || t.host.ID != user.Host {
		return account.Progress{}, wrong()
	}
	now := s.now()
	token, hash := newToken(tokenSize)
	if err := s.store.ProveSession(ctx, t.proof.ID, now, hash); err != nil {
		return account.Progress{}, err
	}
	s.forget(t.proof.ID)
	s.warn(s.store.PutTicket(ctx, t.proof.ID, login.Ticket, now), "the ticket of a fresh proof was not kept")
	session := t.proof
	session.ProofAt = now
	return account.Progress{Token: token, ReturnTo: t.returnTo, Viewer: account.Viewer{User: user, Session: session, Host: t.host.Name}}, nil
}

// SignOut ends the viewer's session and forgets its ticket. Proxmox has no
// logout: the ticket stays valid there for up to two hours.
func (s *Service) SignOut(ctx context.Context, v account.Viewer, from account.Client) error {
	return s.endSession(ctx, v, v.Session.ID, audit.SignOut, "", from)
}

// Revoke ends one of the viewer's sessions.
func (s *Service) Revoke(ctx context.Context, v account.Viewer, sessionID string, from account.Client) error {
	own, err := s.store.Sessions(ctx, v.User.ID)
	if err != nil {
		return err
	}
	for _, session := range own {
		if session.ID == sessionID {
			return s.endSession(ctx, v, sessionID, audit.SessionRevoked, "signed in from "+session.Address, from)
		}
	}
	return problem.Missing()
}

func (s *Service) endSession(ctx context.Context, v account.Viewer, sessionID string, kind audit.Kind, subject string, from account.Client) error {
	return s.during(ctx, by(v, from, kind, subject), func() error {
		defer s.forget(sessionID)
		err := s.store.DeleteSession(ctx, v.User.ID, sessionID)
		if problem.Is(err, problem.NotFound) { // gone already, which is what was asked for
			return nil
		}
		return err
	})
}

// SignOutEverywhere ends all of the viewer's sessions, this one too.
func (s *Service) SignOutEverywhere(ctx context.Context, v account.Viewer, from account.Client) error {
	return s.during(ctx, by(v, from, audit.SessionRevoked, "every session"), func() error {
		defer s.forgetUser(v.User.ID)
		_, err := s.store.DeleteSessions(ctx, v.User.ID, "")
		return err
	})
}

// List has the viewer's sessions, the latest used first.
func (s *Service) List(ctx context.Context, v account.Viewer) ([]account.Session, error) {
	return s.store.Sessions(ctx, v.User.ID)
}
