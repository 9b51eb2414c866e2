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
	"berth/internal/secret"
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
	if err := s.allow(ctx, limits); err != nil {
		return authority.Seen{}, err
	}
	if err := s.count(ctx, limits); err != nil {
		return authority.Seen{}, err
	}
	e.Kind, e.Subject = audit.Probe, address.String()
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

// trust connects again and takes nothing but the leaf that was confirmed. Where
// the system's roots vouch for the address too they decide from then on, since
// such leaves are renewed every few weeks.
func (s *Service) trust(ctx context.Context, address authority.Address, fingerprint string) (authority.Authority, []account.Realm, error) {
	address.Leaf = fingerprint
	pinned := authority.Authority{
		Addresses: []authority.Address{address},
		Trust:     authority.Trust{Mode: authority.LeafPin, Fingerprint: fingerprint},
	}
	realms, err := s.pve.Realms(ctx, pinned)
	if err != nil {
		return authority.Authority{}, nil, onAddress(err)
	}
	public := pinned
	public.Trust.Mode = authority.Public
	if _, err := s.pve.Realms(ctx, public); err == nil {
		return public, realms, nil
	}
	return pinned, realms, nil
}

// carryCA moves a host from the leaf that was confirmed to the cluster's own
// CA, read over the pinned connection with an administrator's ticket: else the
// yearly renewal of that leaf would lock everybody out. Failing to is no
// failure of the sign-in.
func (s *Service) carryCA(ctx context.Context, host account.SignInHost, user account.User, ticket secret.Text) {
	if !user.Admin || host.Authority.Trust.Mode != authority.LeafPin {
		return
	}
	trust, err := s.pve.CA(ctx, host.Authority, ticket)
	if err != nil {
		s.log.Info("the sign-in host stays pinned to its certificate", "host", host.Name, "reason", err)
		return
	}
	host.Authority.Trust = trust
	// Under the CA the leaf must name the dialled address; one that does not is not carried over.
	if _, err := s.pve.Realms(ctx, host.Authority); err != nil {
		s.log.Info("the sign-in host stays pinned to its certificate", "host", host.Name, "reason", err)
		return
	}
	host.UpdatedAt = s.now()
	e := audit.Entry{Actor: "Berth", Kind: audit.SignInHostEdit, Subject: host.Name}
	if err := s.during(ctx, e, func() error { return s.store.UpdateSignInHost(ctx, host) }); err != nil {
		s.log.Warn("the sign-in host stays pinned to its certificate", "host", host.Name, "error", err)
	}
}

// EditHost changes a host's name and who may sign in through it.
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
	host.Name, host.UpdatedAt = name, s.now()
	return s.during(ctx, by(v, from, audit.SignInHostEdit, name), func() error {
		return s.store.UpdateSignInHost(ctx, host)
	})
}

// MaxListed is how many users and realms a policy may list.
const MaxListed = 500

func cleanPolicy(p account.Policy) (account.Policy, error) {
	switch p.Admission {
	case account.OnlyAdministrators, account.Everyone, account.OnlyListed:
	default:
		return p, problem.Field("admission", "Choose who may sign in.")
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
	return account.Policy{Admission: p.Admission, Listed: listed}, nil
}

// AddAddress gives a host another way in. The address must prove the host's own pin; one that does not is another Proxmox.
func (s *Service) AddAddress(ctx context.Context, v account.Viewer, id account.HostID, typed string, from account.Client) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	address, err := authority.Parse(typed)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(host.Authority.Addresses, func(a authority.Address) bool { return a.HostPort() == address.HostPort() }) {
		return problem.Field("address", "This address is there already.")
	}
	if len(host.Authority.Addresses) >= maxAddresses {
		return problem.Field("address", fmt.Sprintf("A sign-in host has at most %d addresses.", maxAddresses))
	}
	seen, err := s.look(ctx, by(v, from, "", ""), typed, string(v.User.ID))
	if err != nil {
		return err
	}
	another := problem.Field("address", "This address does not prove that it is “"+host.Name+"”. If it is another Proxmox, add it as a sign-in host of its own.")
	another.Kind, another.Expected, another.Got = problem.Untrusted, host.Authority.Trust.Fingerprint, seen.Fingerprint
	switch host.Authority.Trust.Mode {
	case authority.CAPin:
		address.Node, _, _ = strings.Cut(seen.Subject, ".") // what the CA says, once it is checked below
	default: // without a CA only the very leaf proves the same Proxmox
		if seen.Fingerprint != host.Authority.Trust.Fingerprint {
			return another
		}
		address.Leaf = seen.Fingerprint
	}
	alone := authority.Authority{Addresses: []authority.Address{address}, Trust: host.Authority.Trust}
	if _, err := s.pve.Realms(ctx, alone); problem.Is(err, problem.Untrusted) {
		return another
	} else if err != nil {
		return onAddress(err)
	}
	host.Authority.Addresses = append(slices.Clone(host.Authority.Addresses), address)
	return s.saveAddresses(ctx, v, host, address.String()+" added", from)
}

const maxAddresses = 16

// DropAddress takes a way in away; the last one stays.
func (s *Service) DropAddress(ctx context.Context, v account.Viewer, id account.HostID, hostPort string, from account.Client) error {
	if err := s.freshly(v); err != nil {
		return err
	}
	host, err := s.store.SignInHost(ctx, id)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(host.Authority.Addresses), func(a authority.Address) bool { return a.HostPort() == hostPort })
	switch len(kept) {
	case len(host.Authority.Addresses):
		return problem.Missing()
	case 0:
		return problem.Field("address", "The last address cannot be removed. Delete the sign-in host instead.")
	}
	host.Authority.Addresses = kept
	return s.saveAddresses(ctx, v, host, hostPort+" removed", from)
}

func (s *Service) saveAddresses(ctx context.Context, v account.Viewer, host account.SignInHost, what string, from account.Client) error {
	host.UpdatedAt = s.now()
	return s.during(ctx, by(v, from, audit.SignInHostEdit, host.Name+": "+what), func() error {
		return s.store.UpdateSignInHost(ctx, host)
	})
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
