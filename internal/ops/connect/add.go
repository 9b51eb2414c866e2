package connect

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// Add checks the candidate once more and stores it, or makes it another address
// of the person's entry for the same cluster. Fields of its problems: address,
// token, secret, name. On problem.Conflict without a field the finding has
// changed, and the new one is returned to be shown.
func (s *Service) Add(ctx context.Context, by account.By, c fleet.Candidate, choice fleet.Confirmation) (fleet.Cluster, fleet.Finding, error) {
	f, err := s.Check(ctx, by, c)
	if err != nil {
		return fleet.Cluster{}, f, err
	}
	if choice.Seen != f.Digest() {
		return fleet.Cluster{}, f, problem.New(problem.Conflict, "The cluster has changed since it was shown to you.", "Look at it again, then save.")
	}
	stored, err := s.keep(ctx, by, f, choice, c.TokenID, c.Secret)
	return stored, f, err
}

// keep stores a finding: as a cluster of its own, or within the known one.
func (s *Service) keep(ctx context.Context, by account.By, f fleet.Finding, choice fleet.Confirmation, tokenID string, token secret.Text) (fleet.Cluster, error) {
	addresses, err := addressesOf(f, choice.Also)
	if err != nil {
		return fleet.Cluster{}, err
	}
	if f.Known != nil {
		return s.join(ctx, by, *f.Known, addresses, f, tokenID, token)
	}
	name, wrong := fleet.CleanName(choice.Name)
	if wrong != "" {
		return fleet.Cluster{}, problem.Field("name", wrong)
	}
	now := s.now()
	c := fleet.Cluster{ID: fleet.ClusterID(newID()), Owner: by.Owner(), Name: name, Standalone: f.Standalone,
		Authority: authority.Authority{Addresses: addresses, Trust: f.Trust}, TokenID: tokenID, Members: membersOf(f, nil),
		CreatedAt: now, UpdatedAt: now, Version: 1}
	err = s.during(ctx, by, audit.ClusterAdd, name, c.ID, func() error { return s.create(ctx, by, f, c, token) })
	if err != nil {
		return fleet.Cluster{}, err
	}
	s.rights.keep(c.ID, f.Rights, now)
	s.watcher.Reload(c.ID)
	return c, nil
}

func (s *Service) create(ctx context.Context, by account.By, f fleet.Finding, c fleet.Cluster, token secret.Text) error {
	if err := s.store.CreateCluster(ctx, c, token); err != nil {
		return err
	}
	return s.firstDefault(ctx, by, fleet.NodeID{Cluster: c.ID, Name: c.Members[max(0, localIndex(f))].Name})
}

// join makes the finding's addresses further ones of a cluster that is there
// already. The token that was just proven there replaces the stored one.
func (s *Service) join(ctx context.Context, by account.By, c fleet.Cluster, addresses []authority.Address, f fleet.Finding, tokenID string, token secret.Text) (fleet.Cluster, error) {
	for _, a := range addresses {
		if _, there := sameAddress(c.Authority.Addresses, a); !there {
			c.Authority.Addresses = append(slices.Clone(c.Authority.Addresses), a)
		}
	}
	if len(c.Authority.Addresses) > MaxAddresses {
		return c, problem.Field("address", fmt.Sprintf("“%s” would have more than %d addresses.", c.Name, MaxAddresses))
	}
	c.TokenID, c.Members, c.Standalone, c.Halt, c.UpdatedAt = tokenID, membersOf(f, c.Members), f.Standalone, nil, s.now()
	err := s.during(ctx, by, audit.ClusterEdit, c.Name, c.ID, func() error {
		for _, a := range addresses {
			if err := s.greet(ctx, authority.Authority{Addresses: []authority.Address{a}, Trust: c.Authority.Trust}); err != nil {
				return aboutField("address", err)
			}
		}
		return s.store.UpdateCluster(ctx, c, &token)
	})
	if err != nil {
		return c, err
	}
	s.rights.keep(c.ID, f.Rights, s.now())
	s.watcher.Reload(c.ID)
	return c, nil
}

// addressesOf are the one that was entered and those of the chosen members.
func addressesOf(f fleet.Finding, also []string) ([]authority.Address, error) {
	addresses := []authority.Address{f.Address}
	for _, name := range also {
		i := slices.IndexFunc(f.Members, func(m fleet.FoundMember) bool { return m.Name == name })
		if i < 0 || !f.Members[i].Usable {
			return nil, problem.Field("also", "One of the chosen members cannot be used as a way in.")
		}
		if _, twice := sameAddress(addresses, f.Members[i].Address); !twice {
			addresses = append(addresses, f.Members[i].Address)
		}
	}
	if f.Trust.Mode != authority.LeafPin {
		for i := range addresses {
			addresses[i].Leaf = "" // renewed under the same trust, it may change
		}
	}
	return addresses, nil
}

// membersOf are the finding's, with the labels that were given before.
func membersOf(f fleet.Finding, before []fleet.Member) []fleet.Member {
	members := make([]fleet.Member, len(f.Members))
	for i, m := range f.Members {
		members[i] = fleet.Member{Name: m.Name, Address: m.Told}
		if old := slices.IndexFunc(before, func(b fleet.Member) bool { return b.Name == m.Name }); old >= 0 {
			members[i].Label = before[old].Label
		}
	}
	return members
}

func localIndex(f fleet.Finding) int {
	return slices.IndexFunc(f.Members, func(m fleet.FoundMember) bool { return m.Local })
}

// firstDefault makes the node the default one when the person has none yet.
func (s *Service) firstDefault(ctx context.Context, by account.By, node fleet.NodeID) error {
	_, there, err := s.store.Default(ctx, by.Owner())
	if err != nil || there {
		return err
	}
	return s.store.SetDefault(ctx, by.Owner(), node)
}
