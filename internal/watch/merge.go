package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/internal/fleet"
)

// takeResources merges one answer of /cluster/resources. Rows of a node that is
// up are believed, but for what a younger confirmation knows better; containers
// of a node that is not up stay as last seen, whatever Proxmox still says of
// them; a container that is no longer listed is gone only if its node is up.
func (s *sight) takeResources(r Resources, now time.Time) effects {
	e := s.answered(now)
	s.seenAt, s.vms, s.cut, s.unread = now, r.VMs, r.Cut, r.Unread
	e.add(s.takeNodeRows(r.Nodes, now))

	rows := s.rows(s.notGone(r.Guests, now))
	merged := make([]fleet.Container, 0, max(len(rows), len(s.containers)))
	old := s.containers
	for _, row := range rows {
		for len(old) > 0 && old[0].ID.VMID < row.VMID {
			merged = s.keepIfDown(merged, old[0], now)
			old = old[1:]
		}
		var prev *fleet.Container
		if len(old) > 0 && old[0].ID.VMID == row.VMID {
			prev, old = &old[0], old[1:]
		}
		c := s.mergeRow(row, prev, now)
		e.add(s.consequences(prev, c, now))
		merged = append(merged, c)
	}
	for _, c := range old {
		merged = s.keepIfDown(merged, c, now)
	}
	if len(merged) == 0 && len(s.containers) > 0 {
		e.hurry = append(e.hurry, callPermissions)
	}
	s.containers = merged
	s.forget(now)
	s.forgetNodes()
	e.add(s.settle(now))
	e.drawn = true
	return e
}

// rows are the guests that can be containers, by VMID, each once. Of two with
// one VMID that on a node that is up counts.
func (s *sight) rows(guests []Guest) []Guest {
	rows := make([]Guest, 0, len(guests))
	for _, g := range guests {
		if g.VMID >= fleet.MinVMID && g.VMID <= fleet.MaxVMID && s.node(g.Node) != nil {
			rows = append(rows, g)
		} else {
			s.unread++
		}
	}
	slices.SortStableFunc(rows, func(a, b Guest) int {
		if d := cmp.Compare(a.VMID, b.VMID); d != 0 {
			return d
		}
		switch ua, ub := s.up(a.Node), s.up(b.Node); {
		case ua && !ub:
			return -1
		case ub && !ua:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(rows, func(a, b Guest) bool { return a.VMID == b.VMID })
}

// keepIfDown keeps a container that is no longer listed while that proves
// nothing: its node is down, the list was cut, or it was confirmed just now.
func (s *sight) keepIfDown(merged []fleet.Container, c fleet.Container, now time.Time) []fleet.Container {
	conf, confirmed := s.confirmed[c.ID.VMID]
	n := s.nodes[c.Node]
	down := n == nil || !n.left && s.stateOf(n) == fleet.Unreachable
	if down || s.cut || confirmed && now.Sub(conf.at) < 4*time.Second {
		merged = append(merged, c)
	}
	return merged
}

// mergeRow makes of a row and what was known the container as it is to be shown.
func (s *sight) mergeRow(row Guest, prev *fleet.Container, now time.Time) fleet.Container {
	up := s.up(row.Node)
	if prev != nil && !up && prev.Node == row.Node {
		return *prev // settle marks it stale
	}
	c := s.container(row, prev)
	c.SeenAt = now
	if !up {
		c.Stale = true
	}
	s.lockSeen(&c, prev, now)
	if prev == nil {
		s.withAddresses(&c)
		return c
	}
	if conf, ok := s.confirmed[c.ID.VMID]; ok && now.Sub(conf.at) < lag && !caughtUp(conf, c, now) {
		keepLagging(&c, *prev)
	}
	if c.Status == fleet.Unknown || row.Name == "" {
		keepUntold(&c, *prev, row)
	}
	s.restarted(*prev, c, now)
	s.withAddresses(&c)
	return c
}

// container reads a row; what a guest or Proxmox wrote is cleaned and bounded.
func (s *sight) container(row Guest, prev *fleet.Container) fleet.Container {
	c := fleet.Container{
		ID:       fleet.ContainerID{Cluster: s.cluster.ID, VMID: row.VMID},
		Node:     s.nodes[row.Node].name,
		Hostname: clean(row.Name, 255),
		Status:   fleet.ParseStatus(row.Status),
		Template: row.Template,
		Lock:     clean(row.Lock, 64),
		Tags:     tidyTags(row.Tags),
		CPU:      max(row.CPU, 0),
		CPUs:     max(row.CPUs, 0),
		Mem:      max(row.Mem, 0),
		MaxMem:   max(row.MaxMem, 0),
		Disk:     max(row.Disk, 0),
		MaxDisk:  max(row.MaxDisk, 0),
		Uptime:   uptime(row.Uptime),
		Pool:     clean(row.Pool, 255),
		HA:       clean(row.HA, 64),
	}
	if c.CPU != c.CPU || c.CPUs != c.CPUs { // NaN
		c.CPU, c.CPUs = 0, 0
	}
	if prev != nil {
		keepMemory(&c.Hostname, prev.Hostname)
		keepMemory(&c.Lock, prev.Lock)
		keepMemory(&c.Pool, prev.Pool)
		keepMemory(&c.HA, prev.HA)
		if slices.Equal(c.Tags, prev.Tags) {
			c.Tags = prev.Tags
		}
	}
	s.asSuspended(&c, prev)
	return c
}

// keepMemory lets an unchanged string keep its old memory, so that an answer's text is not held.
func keepMemory(to *string, old string) {
	if *to == old {
		*to = old
	}
}

func (s *sight) lockSeen(c *fleet.Container, prev *fleet.Container, now time.Time) {
	switch {
	case c.Lock == "":
		c.LockedAt = time.Time{}
	case prev != nil && prev.Lock == c.Lock && !prev.LockedAt.IsZero():
		c.LockedAt = prev.LockedAt
	default:
		c.LockedAt = now
	}
}

// caughtUp reports whether the list tells of the same run of the container as
// its confirmed status. Right after a start the list says running with no
// uptime, and before it has caught up with a reboot it tells the old uptime.
func caughtUp(conf confirmation, c fleet.Container, now time.Time) bool {
	if c.Status != conf.status {
		return false
	}
	if c.Status != fleet.Running {
		return true
	}
	return c.Uptime >= conf.uptime && c.Uptime <= conf.uptime+now.Sub(conf.at)+5*time.Second
}

// keepLagging keeps what the list tells late as it was confirmed.
func keepLagging(c *fleet.Container, prev fleet.Container) {
	c.Status, c.Hostname, c.Template = prev.Status, prev.Hostname, prev.Template
	c.CPU, c.CPUs, c.Mem, c.MaxMem = prev.CPU, prev.CPUs, prev.Mem, prev.MaxMem
	c.Disk, c.MaxDisk, c.Uptime, c.SeenAt = prev.Disk, prev.MaxDisk, prev.Uptime, prev.SeenAt
}

// keepUntold keeps the name and the sizes that a row of unknown status leaves out.
func keepUntold(c *fleet.Container, prev fleet.Container, row Guest) {
	if c.Hostname == "" {
		c.Hostname = prev.Hostname
	}
	if row.MaxMem <= 0 {
		c.Mem, c.MaxMem = prev.Mem, prev.MaxMem
	}
	if row.MaxDisk <= 0 {
		c.Disk, c.MaxDisk = prev.Disk, prev.MaxDisk
	}
	if row.CPUs <= 0 {
		c.CPU, c.CPUs = prev.CPU, prev.CPUs
	}
}

// consequences are what a merged row makes the watcher look at next.
func (s *sight) consequences(prev *fleet.Container, c fleet.Container, now time.Time) effects {
	var e effects
	if prev == nil || c.Stale {
		return e
	}
	if prev.Status != fleet.Unknown && c.Status == fleet.Unknown {
		e.hurry = append(e.hurry, callStatus) // the first sign of a dead node
	}
	if prev.Node != c.Node {
		e.confirms = append(e.confirms, confirm{node: c.Node, vmid: c.ID.VMID, by: now.Add(lag)})
	}
	return e
}

// forget drops what is kept about containers that are gone, and confirmations that the list has outlived.
func (s *sight) forget(now time.Time) {
	for id, conf := range s.confirmed {
		if now.Sub(conf.at) >= lag {
			delete(s.confirmed, id)
		}
	}
	for id := range s.addresses {
		if s.find(id) < 0 {
			delete(s.addresses, id)
		}
	}
}

// find is the index of a container, or -1.
func (s *sight) find(id fleet.VMID) int {
	i, ok := slices.BinarySearchFunc(s.containers, id, func(c fleet.Container, id fleet.VMID) int { return cmp.Compare(c.ID.VMID, id) })
	if !ok {
		return -1
	}
	return i
}

// takeConfirmed takes the statuses that a node told of its own containers, which do not lag.
func (s *sight) takeConfirmed(node string, guests []Guest, now time.Time) effects {
	e := s.nodeAnswered(node, now)
	containers := slices.Clone(s.containers)
	for _, g := range guests {
		g.Node = node
		if g.VMID < fleet.MinVMID || g.VMID > fleet.MaxVMID || s.node(node) == nil {
			continue
		}
		i, found := slices.BinarySearchFunc(containers, g.VMID, func(c fleet.Container, id fleet.VMID) int { return cmp.Compare(c.ID.VMID, id) })
		var prev *fleet.Container
		if found {
			before := containers[i]
			prev = &before
		}
		c := s.container(g, prev)
		c.SeenAt = now
		s.lockSeen(&c, prev, now)
		if prev != nil {
			c.Pool, c.HA = prev.Pool, prev.HA // not told here
			if prev.Node != node {
				e.hurry = append(e.hurry, callResources)
			}
			s.restarted(*prev, c, now)
		}
		s.withAddresses(&c)
		s.confirmed[g.VMID] = confirmation{now, c.Status, c.Uptime}
		if found {
			containers[i] = c
		} else {
			containers = slices.Insert(containers, i, c)
		}
	}
	s.containers = containers
	e.add(s.settle(now))
	e.drawn = true
	return e
}

// maxTags is how many tags of one container are shown.
const maxTags = 256

// tidyTags makes tags as Proxmox keeps them: sorted, lower-case, each once.
func tidyTags(raw []string) []string {
	tags := make([]string, 0, min(len(raw), maxTags))
	for _, tag := range raw[:min(len(raw), maxTags)] {
		if tag = clean(strings.ToLower(strings.TrimSpace(tag)), 128); tag != "" {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return nil
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// clean bounds a foreign string and shows characters that steer terminals or text direction as marks.
func clean(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsFunc(text, steers) && len(text) <= most {
		return text
	}
	runes := []rune(text)
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	for i, r := range runes {
		if steers(r) {
			runes[i] = '\uFFFD'
		}
	}
	return string(runes)
}

func steers(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x200e || r == 0x200f || r == 0x061c ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// uptime is a duration that can be one; else zero.
func uptime(d time.Duration) time.Duration {
	const century = 100 * 366 * 24 * time.Hour
	if d < 0 || d > century {
		return 0
	}
	return d.Truncate(time.Second)
}
