package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// administrator refuses everybody else, whatever the route that led here.
func administrator(v account.Viewer) error {
	if !v.User.Admin {
		return problem.New(problem.Denied, "Only administrators may do this.", "")
	}
	return nil
}

// freshly refuses when the password was not given a short while ago.
func (s *Service) freshly(v account.Viewer) error {
	if err := administrator(v); err != nil {
		return err
	}
	if !v.Session.Proved(s.now()) {
		return problem.New(problem.NeedProof, "Your password is needed again for this.", "")
	}
	return nil
}

// Hosts are the registered sign-in hosts, in the order in which they were added.
func (s *Service) Hosts(ctx context.Context) ([]account.SignInHost, error) {
	return s.store.SignInHosts(ctx)
}

// Host is one of them.
func (s *Service) Host(ctx context.Context, id account.HostID) (account.SignInHost, error) {
	return s.store.SignInHost(ctx, id)
}

// Look looks at an address before it is trusted, for an administrator.
func (s *Service) Look(ctx context.Context, v account.Viewer, address string, from account.Client) (authority.Seen, error) {
	if err := s.freshly(v); err != nil {
		return authority.Seen{}, err
	}
	return s.look(ctx, by(v, from, audit.Probe, ""), address, string(v.User.ID))
}

// look counts and audits a probe by that person, and makes it.
func (s *Service) look(ctx context.Context, e audit.Entry, typed, person string) (authority.Seen, error) {
	address, err := authority.Parse(typed)
	if err != nil {
		return authority.Seen{}, err
	}
	limits := []limit{{key("probe", person), probeMost, probeWithin}}
	e.Kind, e.Subject = audit.Probe, address.String()
	if err := s.allow(ctx, limits, e); err != nil {
		return authority.Seen{}, err
	}
	if err := s.count(ctx, limits); err != nil {
		return authority.Seen{}, err
	}
	var seen authority.Seen
	err = s.during(ctx, e, func() error {
		if seen, err = s.pve.Look(ctx, address); err != nil {
			return onAddress(err)
		}
		if !seen.Proxmox {
			return onAddress(problem.New(problem.NotProxmox, "Something answers at "+address.String()+", but it is not Proxmox VE.", "Check the address and the port; Proxmox VE listens on 8006."))
		}
		return nil
	})
	return seen, err
}

// onAddress makes a failure one of the address field, so that the page shows it there.
func onAddress(err error) error {
	p := problem.Of(err)
	if p == nil || p.Fields != nil {
		return err
	}
	told := *p
	told.Fields = map[string]string{"address": p.Sentence()}
	return &told
}

// AddHost registers a sign-in host whose fingerprint the administrator has confirmed.
func (s *Service) AddHost(ctx context.Context, v account.Viewer, name, address, fingerprint string, from account.Client) (account.SignInHost, error) {
	if err := s.freshly(v); err != nil {
		return account.SignInHost{}, err
	}
	return s.register(ctx, by(v, from, "", ""), name, address, fingerprint)
}

// registered says that an authority is a sign-in host already.
type registered struct {
	*problem.Problem
	host account.SignInHost
}

func (r *registered) Unwrap() error { return r.Problem }

func alreadyRegistered(err error) (account.SignInHost, bool) {
	var r *registered
	if errors.As(err, &r) {
		return r.host, true
	}
	return account.SignInHost{}, false
}

func (s *Service) register(ctx context.Context, e audit.Entry, typedName, typedAddress, fingerprint string) (account.SignInHost, error) {
	address, err := authority.Parse(typedAddress)
	if err != nil {
		return account.SignInHost{}, err
	}
	if strings.TrimSpace(typedName) == "" {
		typedName = address.Host
	}
	name, wrongName := fleet.CleanName(typedName)
	if wrongName != "" {
		return account.SignInHost{}, problem.Field("name", wrongName)
	}
	hosts, err := s.store.SignInHosts(ctx)
	if err != nil {
		return account.SignInHost{}, err
	}
	for _, h := range hosts {
		if h.Authority.Trust.Fingerprint == fingerprint || slices.ContainsFunc(h.Authority.Addresses, func(a authority.Address) bool {
			return a.Host == address.Host && a.Port == address.Port && a.Leaf == fingerprint
		}) {
			p := problem.Field("address", "This Proxmox is registered already, as “"+h.Name+"”.")
			p.Kind = problem.Conflict
			return account.SignInHost{}, &registered{p, h}
		}
	}
	e.Kind, e.Subject = audit.SignInHostAdd, name+" ("+address.String()+")"
	var host account.SignInHost
	err = s.during(ctx, e, func() error {
		a, realms, err := s.trust(ctx, address, fingerprint)
		if err != nil {
			return err
		}
		now := s.now()
		host = account.SignInHost{
			ID: account.HostID(newID()), Name: name, Authority: a, Policy: account.Policy{Admission: account.OnlyAdministrators},
			Realms: realms, RealmsAt: now, CreatedAt: now, UpdatedAt: now,
		}
		return s.store.CreateSignInHost(ctx, host)
	})
	if err != nil {
		return account.SignInHost{}, err
	}
	return host, nil
}

// EditHost changes a host's name and who may sign in through it. Sessions of
// people who may not any more end.
func (s *Service) EditHost(ctx context.Context, v account.Viewer, id account.HostID, typedName string, policy account.Policy, from account.Client) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	name, wrongName := fleet.CleanName(typedName)
	if wrongName != "" {
		return problem.Field("name", wrongName)
	}
	if host.Policy, err = cleanPolicy(policy); err != nil {
		return err
	}
	host.Name = name
	return s.during(ctx, by(v, from, audit.SignInHostEdit, name), func() error {
		if err := s.store.UpdateSignInHost(ctx, host); err != nil {
			return err
		}
		return s.endUnadmitted(ctx, host)
	})
}

// endUnadmitted ends the sessions of whom the host's policy does not admit: a
// narrower policy is about who is in, too.
func (s *Service) endUnadmitted(ctx context.Context, host account.SignInHost) error {
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.Host != host.ID || host.Policy.Admits(u.PVEUser, u.Admin) {
			continue
		}
		if _, err := s.store.DeleteSessions(ctx, u.ID, ""); err != nil {
			return err
		}
		s.forgetUser(u.ID)
	}
	return nil
}

// MaxListed is how many users and realms a policy may list.
const MaxListed = 500

func cleanPolicy(p account.Policy) (account.Policy, error) {
	switch p.Admission {
	case account.OnlyAdministrators, account.Everyone, account.OnlyListed:
	default:
		return p, problem.Field("admission", "Choose who may sign in.")
	}
	switch p.Sharing {
	case "", account.OnlyAdministrators, account.Everyone:
	default:
		return p, problem.Field("sharing", "Choose who may share templates.")
	}
	listed := []string{}
	for _, line := range p.Listed {
		line = strings.TrimSpace(line)
		switch name, realm := account.SplitUser(line); {
		case line == "" || slices.Contains(listed, line):
			continue
		case name == "" && !realmGrammar.MatchString(realm), name != "" && !validUser(line):
			return p, problem.Field("listed", "“"+clean(line, 80)+"” is neither a user such as alice@pve nor a realm such as @pve.")
		}
		listed = append(listed, line)
	}
	switch {
	case len(listed) > MaxListed:
		return p, problem.Field("listed", fmt.Sprintf("At most %d users and realms can be listed.", MaxListed))
	case p.Admission == account.OnlyListed && len(listed) == 0:
		return p, problem.Field("listed", "List at least one user or realm.")
	}
	return account.Policy{Admission: p.Admission, Listed: listed, Sharing: p.Sharing}, nil
}

// DeleteHost removes a sign-in host with everybody who signed in through it:
// their sessions, clusters and secrets. The administrator's own cannot be removed.
func (s *Service) DeleteHost(ctx context.Context, v account.Viewer, id account.HostID, from account.Client) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	if id == v.User.Host {
		return problem.New(problem.Conflict, "You are signed in through this host, so it cannot be deleted.", "Sign in through another one first.")
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	users, err := s.store.Users(ctx)
	if err != nil {
		return err
	}
	return s.during(ctx, by(v, from, audit.SignInHostDrop, host.Name), func() error {
		for _, u := range users {
			if u.Host != id {
				continue
			}
			if err := s.expel(ctx, u.ID); err != nil {
				return err
			}
		}
		return s.store.DeleteSignInHost(ctx, id)
	})
}
