package connect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// readAddresses reads what was typed. Those that are there already keep their
// node and pin. moved says that there is one to which the secret was not confirmed to go.
func readAddresses(c fleet.Cluster, typed []string, others []fleet.Cluster) (addresses []authority.Address, moved bool, err error) {
	for _, line := range typed {
		if strings.TrimSpace(line) == "" {
			continue
		}
		a, err := authority.Parse(line)
		if err != nil {
			return nil, false, problem.Field("addresses", fmt.Sprintf("%s: %s", clean(line, 80), sentence(err)))
		}
		if _, twice := sameAddress(addresses, a); twice {
			continue
		}
		if other, taken := withAddress(others, a); taken {
			return nil, false, conflict("addresses", fmt.Sprintf("%s is already an address of “%s”.", a, other.Name), "")
		}
		if old, there := sameAddress(c.Authority.Addresses, a); there {
			a = old
		} else {
			moved = true
		}
		addresses = append(addresses, a)
	}
	switch {
	case len(addresses) == 0:
		return nil, false, problem.Field("addresses", "Enter at least one address.")
	case len(addresses) > MaxAddresses:
		return nil, false, problem.Field("addresses", fmt.Sprintf("An entry has at most %d addresses.", MaxAddresses))
	}
	return addresses, moved, nil
}

// reconnect tries the plan and stores it when all of it holds.
func (s *Service) reconnect(ctx context.Context, by account.By, p plan) error {
	good, err := s.settle(ctx, &p)
	if err != nil {
		return err
	}
	token := p.secret
	if token.Empty() {
		if token, err = s.store.ClusterSecret(ctx, by.Owner(), p.before.ID); err != nil {
			return fmt.Errorf("opening the token's secret: %w", err)
		}
	}
	rights, err := s.sameCluster(ctx, p, authority.Authority{Addresses: good, Trust: p.after.Authority.Trust}, Login{TokenID: p.after.TokenID, Secret: token})
	if err != nil {
		return toField("addresses", err)
	}
	p.after.Halt, p.after.UpdatedAt = nil, s.now()
	if p.secret.Empty() {
		err = s.store.UpdateCluster(ctx, p.after, nil)
	} else {
		err = s.store.UpdateCluster(ctx, p.after, &p.secret)
	}
	if err != nil {
		return err
	}
	s.rights.keep(p.after.ID, rights, s.now())
	s.watcher.Reload(p.after.ID)
	return nil
}

// settle finds what each address is pinned to, and returns those that answer.
// An address that was there before may be silent: a dead node must not keep its
// owner from giving another one.
func (s *Service) settle(ctx context.Context, p *plan) (good []authority.Address, err error) {
	rebased := false
	var silent error
	addresses := p.after.Authority.Addresses
	for i := 0; i < len(addresses); i++ {
		err := s.proves(ctx, &addresses[i], p.after.Authority.Trust, p.before.Members)
		switch {
		case err == nil:
			good = append(good, addresses[i])
		case problem.Is(err, problem.Untrusted) && p.after.Authority.Trust.Mode == authority.LeafPin:
			if addresses[i].Leaf, err = s.accepted(ctx, addresses[i], p.accept, err); err != nil {
				return nil, err
			}
			good = append(good, addresses[i])
		case problem.Is(err, problem.Untrusted) && !rebased:
			if err := s.rebase(ctx, p, i, err); err != nil {
				return nil, err
			}
			rebased, good, i = true, nil, -1 // all of them, under the new trust
		case problem.Is(err, problem.Untrusted):
			return nil, toField("addresses", err)
		default:
			if _, there := sameAddress(p.before.Authority.Addresses, addresses[i]); !there {
				return nil, toField("addresses", err)
			}
			silent = err
		}
	}
	if len(good) == 0 {
		return nil, toField("addresses", silent)
	}
	if p.after.Authority.Trust.Mode == authority.LeafPin {
		p.after.Authority.Trust.Fingerprint = good[0].Leaf
	}
	return good, nil
}

// proves reports whether the trust holds at the address. Where a new one's
// certificate names a member instead of the address, that member is expected there from then on.
func (s *Service) proves(ctx context.Context, a *authority.Address, t authority.Trust, members []fleet.Member) error {
	err := s.greet(ctx, authority.Authority{Addresses: []authority.Address{*a}, Trust: t})
	if !problem.Is(err, problem.Untrusted) || t.Mode != authority.CAPin || a.Node != "" {
		return err
	}
	seen, lookErr := s.pve.Look(ctx, *a)
	if lookErr != nil {
		return err
	}
	name, _, _ := strings.Cut(seen.Subject, ".")
	if !slices.ContainsFunc(members, func(m fleet.Member) bool { return m.Name == name }) {
		return err
	}
	named := *a
	named.Node = name
	if s.greet(ctx, authority.Authority{Addresses: []authority.Address{named}, Trust: t}) != nil {
		return err
	}
	*a = named
	return nil
}

// accepted gives the fingerprint that the address shows now, when the person
// accepted it; else the problem with both fingerprints.
func (s *Service) accepted(ctx context.Context, a authority.Address, accept []string, distrust error) (string, error) {
	seen, err := s.pve.Look(ctx, a)
	if err != nil {
		return "", toField("addresses", err)
	}
	if !seen.Proxmox {
		return "", toField("addresses", notProxmox(a))
	}
	if slices.Contains(accept, seen.Fingerprint) {
		return seen.Fingerprint, nil
	}
	told := *problem.Of(distrust)
	told.Got = seen.Fingerprint
	return "", toField("addresses", &told)
}

// rebase takes the trust anew from an address whose changed certificate the person accepted.
func (s *Service) rebase(ctx context.Context, p *plan, at int, distrust error) error {
	addresses := p.after.Authority.Addresses
	leaf, err := s.accepted(ctx, addresses[at], p.accept, distrust)
	if err != nil {
		return err
	}
	f, err := s.inspect(ctx, p.before.Owner, addresses[at], leaf, Login{TokenID: p.after.TokenID, Secret: p.secret})
	if err != nil {
		return toField("addresses", err)
	}
	p.after.Authority.Trust, p.after.Members, p.after.Standalone = f.Trust, membersOf(f, p.before.Members), f.Standalone
	addresses[at].Node = f.Address.Node
	if f.Trust.Mode == authority.LeafPin {
		addresses[at].Leaf = leaf
	}
	return nil
}

// sameCluster uses the token over the settled addresses, and makes sure that
// what answers is the cluster that the entry stands for.
func (s *Service) sameCluster(ctx context.Context, p plan, a authority.Authority, as Login) (fleet.Permissions, error) {
	for _, address := range a.Addresses {
		if _, there := sameAddress(p.before.Authority.Addresses, address); there && len(p.accept) == 0 {
			continue
		}
		if err := s.isMember(ctx, p, authority.Authority{Addresses: []authority.Address{address}, Trust: a.Trust}, as); err != nil {
			return nil, err
		}
	}
	conn, err := s.pve.Open(ctx, a, as)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := supported(ctx, conn, a.Addresses[0]); err != nil {
		return nil, err
	}
	rights, err := conn.Permissions(ctx)
	return rights, refused(err)
}

func (s *Service) isMember(ctx context.Context, p plan, a authority.Authority, as Login) error {
	conn, err := s.pve.Open(ctx, a, as)
	if err != nil {
		return err
	}
	defer conn.Close()
	nodes, err := conn.Nodes(ctx)
	if err != nil {
		return refused(err)
	}
	for _, n := range nodes {
		if slices.ContainsFunc(p.before.Members, func(m fleet.Member) bool { return m.Name == n.Name }) {
			return nil
		}
	}
	return problem.Field("addresses", fmt.Sprintf("%s belongs to another Proxmox than “%s”: add it as a node of its own.", a.Addresses[0], p.before.Name))
}

// toField puts a problem beside the given field, except one that is about the secret or token.
func toField(field string, err error) error {
	p := problem.Of(err)
	if p == nil || p.Fields["secret"] != "" || p.Fields["token"] != "" {
		return err
	}
	told := *p
	told.Fields = map[string]string{field: p.What}
	return &told
}
