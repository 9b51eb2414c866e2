package watch

import (
	"slices"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
)

// tellingFor is how long a word of /cluster/status counts when no newer one comes.
const tellingFor = 4 * time.Minute

// takeStatus merges one answer of /cluster/status, which decides who is online.
func (s *sight) takeStatus(st Status, now time.Time) effects {
	var e effects
	if s.quorate != st.Quorate || s.standalone == st.Cluster {
		e.drawn = true
	}
	s.quorate = st.Quorate || !st.Cluster
	s.standalone = !st.Cluster
	var names []string
	for _, m := range st.Nodes {
		n := s.node(m.Name)
		if n == nil {
			continue
		}
		names = append(names, m.Name)
		n.local = m.Local
		if online := m.Online || m.Local; online && !n.status.at.IsZero() && !n.status.online {
			n.failed = nil // from before it came back
		}
		n.status = tellings{now, m.Online || m.Local}
		// A row that still says offline is older than this word.
		n.contradicted = n.status.online && !n.row.at.IsZero() && !n.row.online
		if n.status.online {
			n.seenAt = now
		}
	}
	e.add(s.takeMembers(names, st.Nodes))
	e.add(s.settle(now))
	return e
}

// forgetStatus drops what /cluster/status said, when it may not be asked any more.
func (s *sight) forgetStatus() {
	for _, n := range s.nodes {
		n.status, n.contradicted = tellings{}, false
	}
}

// takeNodeRows merges the nodes' rows of /cluster/resources. Where a row and
// the status disagree the status is asked at once, and decides.
func (s *sight) takeNodeRows(rows []NodeRow, now time.Time) effects {
	var e effects
	var names []string
	for _, row := range rows {
		n := s.node(row.Name)
		if n == nil {
			continue
		}
		names = append(names, row.Name)
		if now.Sub(n.status.at) > tellingFor {
			n.status, n.contradicted = tellings{}, false
		}
		// "unknown" is a member without statistics, and not one that is offline.
		told := tellings{now, row.Status != "offline" || s.standalone || n.local}
		if told.online {
			n.contradicted = false
		}
		changed := n.row.at.IsZero() || n.row.online != told.online
		n.row = told
		if changed && !n.status.at.IsZero() && n.status.online != told.online {
			e.hurry = append(e.hurry, callStatus)
		}
		if !told.online {
			continue // its numbers stay as last seen
		}
		n.seenAt, n.numbers = now, row.Numbers
		n.cpu, n.cpus = max(row.CPU, 0), max(row.CPUs, 0)
		n.mem, n.maxMem = max(row.Mem, 0), max(row.MaxMem, 0)
		n.uptime = uptime(row.Uptime)
	}
	if len(names) > 0 && !s.cut {
		e.add(s.takeMembers(names, nil))
	}
	return e
}

// takeMembers compares a complete list of nodes with the confirmed members. A
// node counts as gone when two lists in a row lack it.
func (s *sight) takeMembers(names []string, told []Member) effects {
	var e effects
	known := s.cluster.Members
	members := make([]fleet.Member, 0, len(names))
	for _, m := range known {
		if slices.Contains(names, m.Name) {
			delete(s.absent, m.Name)
			members = append(members, m)
			continue
		}
		if s.absent[m.Name]++; s.absent[m.Name] < 2 {
			members = append(members, m)
			continue
		}
		delete(s.absent, m.Name)
		if n := s.nodes[m.Name]; n != nil {
			n.left = true
			n.status, n.row, n.failed = tellings{}, tellings{}, nil
		}
		e.events = append(e.events, event{audit.MemberLeft, m.Title(), m.Title() + " is no longer a member of " + s.cluster.Name + "."})
	}
	for _, name := range names {
		s.nodes[name].left = false
		if slices.ContainsFunc(members, func(m fleet.Member) bool { return m.Name == name }) {
			continue
		}
		members = append(members, fleet.Member{Name: name, Address: addressOf(name, told)})
		if len(known) > 0 {
			e.events = append(e.events, event{audit.MemberJoined, name,
				name + " joined " + s.cluster.Name + ". Berth reaches it through the confirmed addresses only."})
		}
	}
	slices.SortFunc(members, func(a, b fleet.Member) int { return strings.Compare(a.Name, b.Name) })
	if !sameNames(members, known) {
		s.cluster.Members = members
		e.members, e.drawn = members, true
	}
	return e
}

func addressOf(name string, told []Member) string {
	for _, m := range told {
		if m.Name == name {
			return clean(m.Address, 64)
		}
	}
	return ""
}

func sameNames(a, b []fleet.Member) bool {
	if len(a) != len(b) {
		return false
	}
	for _, m := range a {
		if !slices.ContainsFunc(b, func(o fleet.Member) bool { return o.Name == m.Name }) {
			return false
		}
	}
	return true
}

// forgetNodes drops the nodes that left and have no container listed any more.
func (s *sight) forgetNodes() {
	for name := range s.nodes {
		confirmed := slices.ContainsFunc(s.cluster.Members, func(m fleet.Member) bool { return m.Name == name })
		used := slices.ContainsFunc(s.containers, func(c fleet.Container) bool { return c.Node == name })
		if !confirmed && !used {
			delete(s.nodes, name)
		}
	}
}
