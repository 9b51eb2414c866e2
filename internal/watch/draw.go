package watch

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// drawing is what a picture shows beside the sight itself.
type drawing struct {
	spend    fleet.Spend
	retryAt  time.Time // when the cluster is tried again
	statusAt time.Time // when the nodes' states are asked again
}

// draw makes the picture of a cluster. The containers are shared with the
// pictures before, where nothing changed; nobody writes to them.
func (s *sight) draw(d drawing) *fleet.ClusterPicture {
	p := &fleet.ClusterPicture{
		Cluster:    s.cluster.ID,
		Owner:      s.cluster.Owner,
		Name:       s.cluster.Name,
		Standalone: s.standalone,
		Containers: s.containers,
		Guests:     s.vms + len(s.containers),
		Quorate:    s.quorate,
		Version:    s.version,
		SeenAt:     s.seenAt,
		Notices:    s.notices(),
		Spend:      d.spend,
		Rights:     s.rights,
		Answering:  s.answering,
	}
	if s.trouble != nil {
		t := *s.trouble
		if !halting(problem.Kind(t.Kind)) {
			t.RetryAt = d.retryAt
		}
		p.Trouble = &t
	}
	names := s.nodeNames()
	p.Nodes = make([]fleet.Node, 0, len(names))
	for _, name := range names {
		p.Nodes = append(p.Nodes, s.drawNode(s.nodes[name], d))
	}
	return p
}

func (s *sight) drawNode(n *nodeSight, d drawing) fleet.Node {
	node := fleet.Node{
		ID:       fleet.NodeID{Cluster: s.cluster.ID, Name: n.name},
		State:    n.state,
		CPU:      n.cpu,
		CPUs:     n.cpus,
		Mem:      n.mem,
		MaxMem:   n.maxMem,
		Uptime:   n.uptime,
		Version:  n.version,
		SeenAt:   n.seenAt,
		DownSeen: n.downSeen,
	}
	for _, m := range s.cluster.Members {
		if m.Name == n.name {
			node.Label = m.Label
		}
	}
	if node.Version == "" && (n.local || len(s.nodes) == 1) {
		node.Version = s.version
	}
	if n.state == fleet.Unreachable {
		node.Trouble = s.nodeTrouble(n)
		switch {
		case s.silent:
			node.Trouble.RetryAt = d.retryAt
		case n.failed != nil && !n.probeAt.IsZero():
			node.Trouble.RetryAt = n.probeAt
		default:
			node.Trouble.RetryAt = d.statusAt
		}
	}
	return node
}

// notices are what limits the sight without being a failure.
func (s *sight) notices() []fleet.Notice {
	var list []fleet.Notice
	if p := s.permissions; p != nil && !s.seenAt.IsZero() {
		if len(s.containers) == 0 && !anywhere(p, vmAudit) {
			list = append(list, fleet.Notice{Code: "no-containers-visible", Privilege: vmAudit + " on /vms",
				Text: "This token may see 0 containers: it lacks VM.Audit."})
		}
		if !p.Has("/", sysAudit) {
			list = append(list, fleet.Notice{Code: "slow-updates", Privilege: sysAudit + " on /",
				Text: "Slower updates: the token lacks Sys.Audit on /, so Berth cannot follow tasks and sees changes up to 20 seconds late."})
		}
		if hidden := s.nodesWithoutNumbers(); len(hidden) > 0 {
			list = append(list, fleet.Notice{Code: "no-node-numbers", Privilege: sysAudit + " on /nodes/" + hidden[0],
				Text: "Load and memory of " + joinTitles(s, hidden) + " are not shown: the token lacks Sys.Audit there."})
		}
	}
	if s.permissions == nil {
		list = append(list, s.kept...)
	}
	if s.cut {
		list = append(list, fleet.Notice{Code: "truncated",
			Text: fmt.Sprintf("Only the first part of a very long list is shown (%d containers).", len(s.containers))})
	}
	if s.unread == 1 {
		list = append(list, fleet.Notice{Code: "unread-rows", Text: "1 row of the list of containers and nodes could not be read and is left out."})
	} else if s.unread > 1 {
		list = append(list, fleet.Notice{Code: "unread-rows",
			Text: fmt.Sprintf("%d rows of the list of containers and nodes could not be read and are left out.", s.unread)})
	}
	if !s.quorate {
		list = append(list, fleet.Notice{Code: "no-quorum",
			Text: s.cluster.Name + " has no quorum: Proxmox refuses changes until more of its nodes are back."})
	}
	for _, kind := range []callKind{callStatus, callTasks, callPermissions} {
		if text, ok := s.partial[kind]; ok && s.mayHave(kind) {
			list = append(list, fleet.Notice{Code: "partial-" + kind.String(), Text: text})
		}
	}
	return list
}

// mayHave reports whether the token's permissions cover a list; when they do
// not, another notice says so already.
func (s *sight) mayHave(kind callKind) bool {
	return kind == callPermissions || s.permissions == nil || s.permissions.Has("/", sysAudit)
}

func (s *sight) nodesWithoutNumbers() []string {
	var hidden []string
	for _, name := range s.nodeNames() {
		n := s.nodes[name]
		if n.state == fleet.Online && !n.row.at.IsZero() && !n.numbers && !s.permissions.Has("/nodes/"+name, sysAudit) {
			hidden = append(hidden, name)
		}
	}
	return hidden
}

// joinTitles writes names as people list them: "a", "a and b", "a, b and 3 more".
func joinTitles(s *sight, names []string) string {
	titles := make([]string, 0, 3)
	for _, name := range names[:min(len(names), 3)] {
		titles = append(titles, s.title(name))
	}
	switch more := len(names) - len(titles); {
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(titles, ", "), more)
	case len(titles) == 1:
		return titles[0]
	}
	return strings.Join(titles[:len(titles)-1], ", ") + " and " + titles[len(titles)-1]
}
