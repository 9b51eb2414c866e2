package signin

import (
	"context"
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// SetUpLinkFor is how long a set-up link can be used.
const SetUpLinkFor = time.Hour

// SetUpLink makes a new one-time link's token; links made before die. It is
// refused once Berth has an administrator.
func (s *Service) SetUpLink(ctx context.Context) (secret.Text, time.Time, error) {
	if err := s.noAdministrator(ctx); err != nil {
		return secret.Text{}, time.Time{}, problem.New(problem.Denied,
			"This Berth has an administrator already.", "Administrators add sign-in hosts and people under Settings.")
	}
	token, hash := newToken(linkSize)
	expires := s.now().Add(SetUpLinkFor)
	err := s.during(ctx, audit.Entry{Actor: "Berth", Kind: audit.SetUpLink}, func() error {
		return s.store.PutSetUpLink(ctx, hash, expires)
	})
	if err != nil {
		return secret.Text{}, time.Time{}, fmt.Errorf("keeping the set-up link: %w", err)
	}
	return token, expires, nil
}

func linkDead() *problem.Problem {
	return problem.New(problem.NotFound, "This set-up link does not work any more.",
		"A link works once, for one hour, in the browser that opened it. Run “berth setup-link” on the server for a new one.")
}

// noAdministrator is nil while Berth has none.
func (s *Service) noAdministrator(ctx context.Context) error {
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	if len(administrators(users)) > 0 {
		return linkDead()
	}
	return nil
}

// OpenSetUp binds a set-up link to the browser that opens it and returns that browser's token.
func (s *Service) OpenSetUp(ctx context.Context, link string, from account.Client) (secret.Text, error) {
	limits := []limit{{key("link", network(from.Address)), linkMost, linkWithin}}
	if err := s.allow(ctx, limits, audit.Entry{Kind: audit.SetUpLink, Actor: "somebody", Address: from.Address}); err != nil {
		return secret.Text{}, err
	}
	if err := s.noAdministrator(ctx); err != nil {
		return secret.Text{}, err
	}
	linkHash, ok := hashToken(link, linkSize)
	if !ok {
		return secret.Text{}, linkDead()
	}
	browser, browserHash := newToken(tokenSize)
	if hash, had := hashToken(from.SetUp, tokenSize); had {
		// The same browser may open it again. A token that the link was not bound to may be known to whoever planted it.
		bound, err := s.store.SetUpBrowser(ctx, hash, s.now())
		if err != nil {
			return secret.Text{}, err
		}
		if bound {
			browser, browserHash = secret.New(from.SetUp), hash
		}
	}
	opened, err := s.store.OpenSetUpLink(ctx, linkHash, browserHash, s.now())
	if err != nil {
		return secret.Text{}, err
	}
	if !opened {
		if err := s.count(ctx, limits); err != nil {
			return secret.Text{}, err
		}
		return secret.Text{}, linkDead()
	}
	return browser, nil
}

// SetUp is what the browser of the set-up link sees. To all others it is linkDead.
func (s *Service) SetUp(ctx context.Context, from account.Client) (account.SetUp, error) {
	if err := s.settingUp(ctx, from); err != nil {
		return account.SetUp{}, err
	}
	hosts, err := s.store.SignInHosts(ctx)
	return account.SetUp{Hosts: hosts}, err
}

// settingUp is nil for the browser that opened the link, while there is no administrator.
func (s *Service) settingUp(ctx context.Context, from account.Client) error {
	hash, ok := hashToken(from.SetUp, tokenSize)
	if !ok {
		return linkDead()
	}
	live, err := s.store.SetUpBrowser(ctx, hash, s.now())
	if err != nil {
		return err
	}
	if !live {
		return linkDead()
	}
	return s.noAdministrator(ctx)
}

// takeSetUp spends the link of that browser: true once, for who becomes the first administrator.
func (s *Service) takeSetUp(ctx context.Context, browser string) (bool, error) {
	hash, ok := hashToken(browser, tokenSize)
	if !ok {
		return false, nil
	}
	if err := s.noAdministrator(ctx); err != nil {
		if problem.Of(err) != nil {
			return false, nil
		}
		return false, err
	}
	return s.store.UseSetUp(ctx, hash, s.now())
}

// LookSetUp looks at an address for the browser of the set-up link.
func (s *Service) LookSetUp(ctx context.Context, address string, from account.Client) (authority.Seen, error) {
	if err := s.settingUp(ctx, from); err != nil {
		return authority.Seen{}, err
	}
	return s.look(ctx, audit.Entry{Actor: "set-up", Address: from.Address}, address, "set-up")
}

// RegisterFirst registers a sign-in host for the browser of the set-up link,
// whose person has confirmed the fingerprint. A host with that pin that is
// there already is returned as it is.
func (s *Service) RegisterFirst(ctx context.Context, name, address, fingerprint string, from account.Client) (account.SignInHost, error) {
	if err := s.settingUp(ctx, from); err != nil {
		return account.SignInHost{}, err
	}
	h, err := s.register(ctx, audit.Entry{Actor: "set-up", Address: from.Address}, name, address, fingerprint)
	if known, ok := alreadyRegistered(err); ok {
		return known, nil
	}
	return h, err
}
