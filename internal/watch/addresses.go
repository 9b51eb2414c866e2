package watch

import (
	"slices"
	"time"

	"berth/internal/fleet"
)

const (
	addressesFor   = 15 * time.Minute // how long an answer counts
	addressesNone  = time.Minute      // how long an empty one does: a lease may still come
	addressesStart = 8 * time.Second  // how long a container that started gets for its lease
)

// takeAddresses keeps what a container's interfaces told. Addresses are in no
// other answer, so they are asked one container at a time from what the budget leaves.
func (s *sight) takeAddresses(id fleet.VMID, list []string, now time.Time) effects {
	next := now.Add(addressesFor)
	if len(list) == 0 {
		next = now.Add(addressesNone)
	}
	list = slices.Clone(list[:min(len(list), 32)])
	for i, a := range list {
		list[i] = clean(a, 64)
	}
	s.addresses[id] = addressed{list: list, next: next, asked: true}
	i := s.find(id)
	if i < 0 || slices.Equal(s.containers[i].Addresses, list) {
		return effects{}
	}
	containers := slices.Clone(s.containers)
	s.withAddresses(&containers[i])
	s.containers = containers
	return effects{drawn: true}
}

// withAddresses gives a container the addresses that are known; one that does not run has none.
func (s *sight) withAddresses(c *fleet.Container) {
	c.Addresses = nil
	if a, ok := s.addresses[c.ID.VMID]; ok && c.Status == fleet.Running {
		c.Addresses = a.list
	}
}

// restarted makes a container's addresses be asked anew after it started.
func (s *sight) restarted(prev, c fleet.Container, now time.Time) {
	if c.Status == fleet.Running && (prev.Status != fleet.Running || c.Uptime < prev.Uptime-5*time.Second) {
		a := s.addresses[c.ID.VMID]
		a.next = now.Add(addressesStart)
		s.addresses[c.ID.VMID] = a
	}
}

// nextAddresses is the running container whose addresses are due longest: those
// never asked first. wait is how long until one is due; ok is false when there is none at all.
func (s *sight) nextAddresses(now time.Time, denied map[call]bool) (c fleet.Container, wait time.Duration, ok bool) {
	var best time.Time
	for _, candidate := range s.containers {
		if candidate.Status != fleet.Running || candidate.Stale ||
			denied[call{callAddresses, candidate.Node, candidate.ID.VMID}] {
			continue
		}
		due := s.addresses[candidate.ID.VMID].next
		if !ok || due.Before(best) {
			c, best, ok = candidate, due, true
		}
	}
	return c, max(best.Sub(now), 0), ok
}
