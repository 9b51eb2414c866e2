package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// Choice is what a person decides after having seen a Finding.
type Choice struct {
	Name string
	Also []string // members whose own addresses become further ways in
	// Seen is the Digest of the Finding that was shown. Another one now is a
	// conflict: what is saved is what the person saw.
	Seen string
}

// Digest stands for what a person confirms with a finding: trust, members and their addresses.
func (f Finding) Digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n%s\n", f.Trust.Mode, f.Trust.Fingerprint, f.Address.HostPort(), f.Address.Node)
	for _, m := range f.Members {
		fmt.Fprintf(sum, "%s %s %s %t\n", m.Name, m.Address.HostPort(), m.Address.Leaf, m.Usable)
	}
	if f.Known != nil {
		fmt.Fprintf(sum, "%s %d\n", f.Known.ID, f.Known.Version)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Add checks the candidate once more and stores it, or makes it another address
// of the person's entry for the same cluster. Fields of its problems: address,
// token, secret, name. On problem.Conflict without a field the finding has
// changed, and the new one is returned to be shown.
func (s *Service) Add(ctx context.Context, by By, c Candidate, choice Choice) (fleet.Cluster, Finding, error) {
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
func (s *Service) keep(ctx context.Context, by By, f Finding, choice Choice, tokenID string, token secret.Text) (fleet.Cluster, error) {
	addresses, err := f.addresses(choice.Also)
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
	c := fleet.Cluster{ID: fleet.ClusterID(newID()), Owner: by.owner(), Name: name, Standalone: f.Standalone,
		Authority: authority.Authority{Addresses: addresses, Trust: f.Trust}, TokenID: tokenID, Members: f.members(nil),
		CreatedAt: now, UpdatedAt: now, Version: 1}
	err = s.during(ctx, by, audit.ClusterAdd, name, c.ID, func() error { return s.create(ctx, by, f, c, token) })
	if err != nil {
		return fleet.Cluster{}, err
	}
	s.rights.keep(c.ID, f.Rights, now)
	s.watcher.Reload(c.ID)
	return c, nil
}

func (s *Service) create(ctx context.Context, by By, f Finding, c fleet.Cluster, token secret.Text) error {
	if err := s.store.CreateCluster(ctx, c, token); err != nil {
		return err
	}
	return s.firstDefault(ctx, by, fleet.NodeID{Cluster: c.ID, Name: c.Members[max(0, f.localIndex())].Name})
}

// join makes the finding's addresses further ones of a cluster that is there
// already. The token that was just proven there replaces the stored one.
func (s *Service) join(ctx context.Context, by By, c fleet.Cluster, addresses []authority.Address, f Finding, tokenID string, token secret.Text) (fleet.Cluster, error) {
	for _, a := range addresses {
		if _, there := sameAddress(c.Authority.Addresses, a); !there {
			c.Authority.Addresses = append(slices.Clone(c.Authority.Addresses), a)
		}
	}
	if len(c.Authority.Addresses) > MaxAddresses {
		return c, problem.Field("address", fmt.Sprintf("“%s” would have more than %d addresses.", c.Name, MaxAddresses))
	}
	c.TokenID, c.Members, c.Standalone, c.Halt, c.UpdatedAt = tokenID, f.members(c.Members), f.Standalone, nil, s.now()
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

// addresses are the one that was entered and those of the chosen members.
func (f Finding) addresses(also []string) ([]authority.Address, error) {
	addresses := []authority.Address{f.Address}
	for _, name := range also {
		i := slices.IndexFunc(f.Members, func(m MemberFound) bool { return m.Name == name })
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

// members are the finding's, with the labels that were given before.
func (f Finding) members(before []fleet.Member) []fleet.Member {
	members := make([]fleet.Member, len(f.Members))
	for i, m := range f.Members {
		members[i] = fleet.Member{Name: m.Name, Address: m.Told}
		if old := slices.IndexFunc(before, func(b fleet.Member) bool { return b.Name == m.Name }); old >= 0 {
			members[i].Label = before[old].Label
		}
	}
	return members
}

func (f Finding) localIndex() int {
	return slices.IndexFunc(f.Members, func(m MemberFound) bool { return m.Local })
}

// firstDefault makes the node the default one when the person has none yet.
func (s *Service) firstDefault(ctx context.Context, by By, node fleet.NodeID) error {
	_, there, err := s.store.Default(ctx, by.owner())
	if err != nil || there {
		return err
	}
	return s.store.SetDefault(ctx, by.owner(), node)
}
