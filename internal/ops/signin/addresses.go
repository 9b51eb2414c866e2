package signin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/problem"
)

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
	notIts := problem.Field("address", "This address does not prove that it is “"+host.Name+"”. If it is another Proxmox, add it as a sign-in host of its own.")
	notIts.Kind, notIts.Expected, notIts.Got = problem.Untrusted, host.Authority.Trust.Fingerprint, seen.Fingerprint
	another := func() error {
		e := by(v, from, audit.SignInHostEdit, host.Name+": "+address.String())
		e.Detail = "The address proves another Proxmox: expected " + notIts.Expected + ", got " + notIts.Got + "."
		s.NoteRefusal(ctx, e)
		return notIts
	}
	switch host.Authority.Trust.Mode {
	case authority.CAPin:
		address.Node, _, _ = strings.Cut(seen.Subject, ".") // what the CA says, once it is checked below
	default: // without a CA only the very leaf proves the same Proxmox
		if seen.Fingerprint != host.Authority.Trust.Fingerprint {
			return another()
		}
		address.Leaf = seen.Fingerprint
	}
	alone := authority.Authority{Addresses: []authority.Address{address}, Trust: host.Authority.Trust}
	if _, err := s.pve.Realms(ctx, alone); problem.Is(err, problem.Untrusted) {
		return another()
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
	return s.during(ctx, by(v, from, audit.SignInHostEdit, host.Name+": "+what), func() error {
		return s.store.UpdateSignInHost(ctx, host)
	})
}
