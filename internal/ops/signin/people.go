package signin

import (
	"context"
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// administrators are those who can act as such.
func administrators(users []account.User) []account.User {
	var found []account.User
	for _, u := range users {
		if u.Admin && u.DisabledAt.IsZero() {
			found = append(found, u)
		}
	}
	return found
}

// People lists everybody who has signed in: who they are, never what they have.
func (s *Service) People(ctx context.Context, v account.Viewer) ([]account.Person, error) {
	if err := administrator(v); err != nil {
		return nil, err
	}
	hosts, err := s.store.SignInHosts(ctx)
	if err != nil {
		return nil, err
	}
	names := map[account.HostID]string{}
	for _, h := range hosts {
		names[h.ID] = h.Name
	}
	users, err := s.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	people := make([]account.Person, 0, len(users))
	for _, u := range users {
		sessions, err := s.store.Sessions(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		people = append(people, account.Person{User: u, Host: names[u.Host], Sessions: len(sessions)})
	}
	return people, nil
}

// GrantAdministrator makes a person an administrator.
func (s *Service) GrantAdministrator(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error {
	return s.overPerson(ctx, v, id, audit.AdminGrant, from, func(u account.User, _ []account.User) error {
		if !u.DisabledAt.IsZero() {
			return problem.New(problem.Conflict, u.PVEUser+" is disabled.", "Enable the account first.")
		}
		defer s.forgetUser(id)
		return s.store.SetAdmin(ctx, id, true)
	})
}

// RevokeAdministrator takes it away again; one administrator always remains.
func (s *Service) RevokeAdministrator(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error {
	return s.overPerson(ctx, v, id, audit.AdminRevoke, from, func(_ account.User, users []account.User) error {
		if err := oneRemains(users, id); err != nil {
			return err
		}
		defer s.forgetUser(id)
		return s.store.SetAdmin(ctx, id, false)
	})
}

// Disable shuts a person out: sessions, streams, loops and jobs end at once.
func (s *Service) Disable(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error {
	return s.overPerson(ctx, v, id, audit.UserDisable, from, func(_ account.User, users []account.User) error {
		if id == v.User.ID {
			return problem.New(problem.Conflict, "You cannot disable yourself.", "Another administrator can.")
		}
		if err := oneRemains(users, id); err != nil {
			return err
		}
		return s.expel(ctx, id)
	})
}

// Enable lets a person in again; what they had is still theirs.
func (s *Service) Enable(ctx context.Context, v account.Viewer, id account.UserID, from account.Client) error {
	return s.overPerson(ctx, v, id, audit.UserEnable, from, func(account.User, []account.User) error {
		if err := s.store.SetDisabled(ctx, id, time.Time{}); err != nil {
			return err
		}
		s.back(id)
		return nil
	})
}

// expel disables a person and ends what runs in their name.
func (s *Service) expel(ctx context.Context, id account.UserID) error {
	if err := s.store.SetDisabled(ctx, id, s.now()); err != nil {
		return err
	}
	defer s.ended(id)
	defer s.forgetUser(id)
	_, err := s.store.DeleteSessions(ctx, id, "")
	return err
}

func oneRemains(users []account.User, without account.UserID) error {
	for _, u := range administrators(users) {
		if u.ID != without {
			return nil
		}
	}
	return problem.New(problem.Conflict, "This is the last administrator.", "Make somebody else one first.")
}

const peopleLease = 30 * time.Second

// overPerson runs an administrator's act on a person. A lease keeps two of
// them apart, so that two administrators cannot remove each other at once.
func (s *Service) overPerson(ctx context.Context, v account.Viewer, id account.UserID, kind audit.Kind, from account.Client, act func(account.User, []account.User) error) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	target, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	return s.during(ctx, by(v, from, kind, target.PVEUser), func() error {
		now, holder := s.now(), newID()
		won, err := s.store.Claim(ctx, "people", holder, now.Add(peopleLease), now)
		if err != nil {
			return fmt.Errorf("claiming the list of people: %w", err)
		}
		if !won {
			return problem.New(problem.Conflict, "Another administrator is changing people right now.", "Try again in a moment.")
		}
		defer func() {
			if err := s.store.Release(context.WithoutCancel(ctx), "people", holder); err != nil {
				s.log.Warn("a lease was not given back; it ends by itself", "lease", "people", "error", err)
			}
		}()
		users, err := s.store.Users(ctx)
		if err != nil {
			return err
		}
		return act(target, users)
	})
}
