package connect

import (
	"context"
	"fmt"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// Look is the first step of adding: what answers at an address that a person
// typed. It makes one request that needs no login, and trusts nothing of the
// answer. Problems of kind Invalid and Conflict are about the field "address".
func (s *Service) Look(ctx context.Context, by account.By, typed, port string) (authority.Seen, error) {
	address, err := ParseAddress(typed, port)
	if err != nil {
		return authority.Seen{}, err
	}
	if err := s.notYetMine(ctx, by, address); err != nil {
		return authority.Seen{}, err
	}
	if err := s.probing(ctx, by, audit.Probe, address.HostPort()); err != nil {
		return authority.Seen{}, err
	}
	var seen authority.Seen
	err = s.during(ctx, by, audit.Probe, address.HostPort(), "", func() error {
		seen, err = s.pve.Look(ctx, address)
		if err != nil {
			return aboutField("address", err)
		}
		if !seen.Proxmox {
			return notProxmox(address)
		}
		return nil
	})
	seen.Address = address
	return seen, err
}

// ParseAddress reads an address and a port that was typed beside it. A port in
// the address itself counts only where the field beside it is empty or the usual.
func ParseAddress(typed, port string) (authority.Address, error) {
	address, err := authority.Parse(typed)
	if err != nil {
		return address, err
	}
	port = strings.TrimSpace(port)
	if port == "" {
		return address, nil
	}
	n, err := authority.ParsePort(port)
	if err != nil {
		return address, err
	}
	switch {
	case address.Port == authority.DefaultPort:
		address.Port = n
	case n != address.Port && n != authority.DefaultPort:
		return address, problem.Field("port", fmt.Sprintf("The address says port %d and this field %d: leave one of them out.", address.Port, n))
	}
	return address, nil
}

func notProxmox(address authority.Address) error {
	what := fmt.Sprintf("Something answers at %s, but it is not Proxmox VE.", address)
	p := problem.New(problem.NotProxmox, what, "Check the address and the port; Proxmox VE listens on 8006.")
	p.Fields = map[string]string{"address": what}
	return p
}

// notYetMine refuses an address that one of the person's own clusters has.
func (s *Service) notYetMine(ctx context.Context, by account.By, address authority.Address) error {
	clusters, err := s.store.Clusters(ctx, by.Owner())
	if err != nil {
		return fmt.Errorf("reading clusters: %w", err)
	}
	if c, ok := withAddress(clusters, address); ok {
		return conflict("address", fmt.Sprintf("%s is already an address of “%s”.", address, c.Name), "Edit that entry instead.")
	}
	if len(clusters) >= MaxClusters {
		return problem.New(problem.TooMany, fmt.Sprintf("You have %d entries, which is the most that one person can have.", len(clusters)), "Delete one that is no longer needed.")
	}
	return nil
}

func withAddress(clusters []fleet.Cluster, address authority.Address) (fleet.Cluster, bool) {
	for _, c := range clusters {
		if _, ok := sameAddress(c.Authority.Addresses, address); ok {
			return c, true
		}
	}
	return fleet.Cluster{}, false
}

func sameAddress(addresses []authority.Address, a authority.Address) (authority.Address, bool) {
	for _, x := range addresses {
		if strings.EqualFold(x.HostPort(), a.HostPort()) {
			return x, true
		}
	}
	return authority.Address{}, false
}

func conflict(field, what, remedy string) *problem.Problem {
	p := problem.New(problem.Conflict, what, remedy)
	p.Fields = map[string]string{field: what}
	return p
}

// aboutField says beside which field a problem belongs; problems that name a field, and errors that are none, stay as they are.
func aboutField(field string, err error) error {
	p := problem.Of(err)
	if p == nil || len(p.Fields) > 0 {
		return err
	}
	told := *p
	told.Fields = map[string]string{field: p.What}
	return &told
}
