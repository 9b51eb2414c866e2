package connect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// members learns who belongs to the cluster. Its own status tells addresses and
// quorum, where the token may read it; the list of nodes tells names and leaves to everybody.
func (s *Service) members(ctx context.Context, conn Connection, f *fleet.Finding) error {
	nodes, err := conn.Nodes(ctx)
	if err != nil {
		return err
	}
	status, err := conn.Status(ctx)
	if err != nil && !problem.Is(err, problem.Forbidden) {
		return err
	}
	if err == nil {
		f.Quorate = status.Quorate || status.Cluster == ""
	}
	f.Members = merge(nodes, status, f.Address)
	if len(f.Members) == 0 {
		what := fmt.Sprintf("%s named no node of its own.", f.Address)
		p := problem.New(problem.Garbled, what, "That is no answer of Proxmox VE as Berth knows it.")
		p.Fields = map[string]string{"address": what}
		return p
	}
	f.Standalone = status.Cluster == "" && len(f.Members) == 1
	for _, m := range f.Members {
		if m.Local {
			f.Address.Node = m.Name
		}
	}
	f.Name = clean(status.Cluster, fleet.MaxName)
	if f.Name == "" {
		f.Name = cmp.Or(f.Address.Node, f.Members[0].Name)
	}
	return nil
}

// merge makes one list of both; names that do not fit Proxmox's grammar are left out.
func merge(nodes []Node, status Status, address authority.Address) []fleet.FoundMember {
	byName := map[string]*fleet.FoundMember{}
	leaves := map[string]string{}
	add := func(name string) *fleet.FoundMember {
		if !fleet.ValidNodeName(name) || len(byName) >= maxMembers && byName[name] == nil {
			return &fleet.FoundMember{}
		}
		if byName[name] == nil {
			byName[name] = &fleet.FoundMember{Name: name}
		}
		return byName[name]
	}
	for _, n := range nodes {
		add(n.Name).Online = n.Online
		if validFingerprint(n.Fingerprint) {
			leaves[n.Name] = n.Fingerprint
		}
	}
	for _, m := range status.Members {
		member := add(m.Name)
		member.Told, member.Online, member.Local = clean(m.Address, 100), m.Online, m.Local
	}
	found := make([]fleet.FoundMember, 0, len(byName))
	for name, m := range byName {
		m.Address.Leaf = leaves[name]
		found = append(found, *m)
	}
	slices.SortFunc(found, func(a, b fleet.FoundMember) int { return strings.Compare(a.Name, b.Name) })
	markLocal(found, address)
	return found
}

// markLocal finds the node behind the address by the leaf that it serves; the
// answer's own word counts only where no leaf tells.
func markLocal(members []fleet.FoundMember, address authority.Address) {
	byLeaf := func(m fleet.FoundMember) bool { return m.Address.Leaf != "" && m.Address.Leaf == address.Leaf }
	at := slices.IndexFunc(members, byLeaf)
	if at < 0 {
		at = slices.IndexFunc(members, func(m fleet.FoundMember) bool { return m.Local })
	}
	if at < 0 && len(members) == 1 {
		at = 0
	}
	for i := range members {
		members[i].Local = i == at
	}
}

// otherWays looks which members' own addresses may become further ways in:
// those that Berth may dial and where the cluster's trust holds. Nothing that
// needs a login is asked there.
func (s *Service) otherWays(ctx context.Context, owner string, f *fleet.Finding) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	var wait sync.WaitGroup
	lanes := make(chan struct{}, 4)
	asked := 0
	for i := range f.Members {
		m := &f.Members[i]
		if m.Local {
			continue
		}
		if asked++; asked >= MaxAddresses {
			m.Why = "There are more members than addresses that Berth keeps."
			continue
		}
		wait.Go(func() {
			lanes <- struct{}{}
			defer func() { <-lanes }()
			s.otherWay(ctx, owner, f, m)
		})
	}
	wait.Wait()
}

func (s *Service) otherWay(ctx context.Context, owner string, f *fleet.Finding, m *fleet.FoundMember) {
	leaf := m.Address.Leaf
	if m.Told == "" {
		m.Why = "Its address is not known: the token lacks Sys.Audit on /."
		return
	}
	address, err := authority.Parse(m.Told)
	if err != nil {
		m.Why = "The address that the cluster gives for it is none."
		return
	}
	address.Node, address.Leaf = m.Name, leaf
	if f.Address.Port != 443 { // 443 is somebody's proxy; the members behind it listen where Proxmox does
		address.Port = f.Address.Port
	}
	m.Address = address
	if strings.EqualFold(address.HostPort(), f.Address.HostPort()) {
		m.Why = "It has the address that was entered."
		return
	}
	switch err := s.pve.Allowed(ctx, address); {
	case problem.Is(err, problem.Blocked):
		m.Why = sentence(err)
		return
	case err != nil:
		m.Why = notProven
		return
	}
	if f.Trust.Mode == authority.LeafPin && leaf == "" {
		m.Why = "The cluster gives no fingerprint for it."
		return
	}
	allowed, err := s.toldDial(ctx, owner)
	switch {
	case err != nil:
		s.log.Error("a member's address was not tried", "err", err)
		m.Why = sentence(err)
	case !allowed:
		m.Why = "Berth has tried as many members' addresses for you as it does in ten minutes."
	case s.greet(ctx, authority.Authority{Addresses: []authority.Address{address}, Trust: f.Trust}) != nil:
		m.Why = notProven
	default:
		m.Usable = true
	}
}

// notProven is all that is said of an address that nobody typed, whether it
// refused, kept silent or showed another certificate: else a Proxmox of one's
// own, telling addresses, would make Berth a port scanner.
const notProven = "Berth could not reach this member of the cluster there."

// sentence is the first sentence of a problem; Berth's own errors are not told.
func sentence(err error) string {
	if p := problem.Of(err); p != nil {
		return p.What
	}
	return "Something went wrong in Berth."
}

// greet proves that the authority's trust holds at its address, without any login.
func (s *Service) greet(ctx context.Context, a authority.Authority) error {
	conn, err := s.pve.Open(ctx, a, Login{})
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Greet(ctx)
}
