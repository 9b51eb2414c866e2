package watch

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
)

// goneFor is how long a list may still name a container that was seen to be gone.
const goneFor = 4 * time.Second

// sighting is what somebody else's reading of a container's own status said.
type sighting struct {
	vmid  fleet.VMID
	guest Guest // without a node: it is gone
}

// Saw takes what a container's own status said to whoever has just acted on it;
// a guest without a node is one that is gone. The picture shows it at once, and
// it stands against the list of resources until that has caught up. A replica
// that does not ask the cluster tells the one that does, which confirms it.
// Another owner's cluster, and one that is no longer watched, are left alone.
func (w *Watcher) Saw(ctx context.Context, ownerID string, id fleet.ContainerID, g Guest) {
	l := w.loopOf(id.Cluster)
	if l == nil || l.owner != ownerID {
		return
	}
	g.VMID = id.VMID
	l.post(func(m *mailbox) { m.saw = append(m.saw, sighting{id.VMID, g}) })
	if !l.asks.Load() {
		w.announce(ctx, topicSaw, sawName(id, g.Node))
	}
}

// sawName is an announcement's id: which container, and on which node; none when it is gone.
func sawName(id fleet.ContainerID, node string) string { return id.String() + "/" + node }

func parseSawName(s string) (id fleet.ContainerID, node string, ok bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return id, "", false
	}
	n, err := strconv.Atoi(parts[1])
	return fleet.ContainerID{Cluster: fleet.ClusterID(parts[0]), VMID: fleet.VMID(n)}, parts[2], err == nil
}

// heardSaw is for the replica that asks the cluster: it looks for itself.
func (w *Watcher) heardSaw(name string) {
	id, node, ok := parseSawName(name)
	l := w.loopOf(id.Cluster)
	if !ok || l == nil || !l.asks.Load() {
		return
	}
	l.post(func(m *mailbox) { m.told = append(m.told, confirm{node: node, vmid: id.VMID}) })
}

// takeSightings merges what others saw, and notes what other replicas saw to be confirmed.
func (l *loop) takeSightings(ctx context.Context, saw []sighting, told []confirm) {
	if len(saw)+len(told) == 0 {
		return
	}
	now := l.w.now()
	var e effects
	for _, s := range saw {
		switch fleet.ParseStatus(s.guest.Status) {
		case fleet.Suspended:
			l.sight.suspended[s.vmid] = true
		case fleet.Stopped:
			l.sight.suspended[s.vmid] = false // who looked after an action knows
		}
		if s.guest.Node == "" {
			e.add(l.sight.takeGone(s.vmid))
			l.sight.gone[s.vmid] = now
			continue
		}
		delete(l.sight.gone, s.vmid)
		e.add(l.sight.takeConfirmed(s.guest.Node, []Guest{s.guest}, now))
	}
	for _, c := range told {
		if c.node == "" {
			e.hurry = append(e.hurry, callResources)
			continue
		}
		c.by, c.why.finished = now.Add(lag), true
		e.confirms = append(e.confirms, c)
	}
	l.apply(ctx, e)
}

// takeGone drops a container that was seen to be gone.
func (s *sight) takeGone(id fleet.VMID) effects {
	delete(s.confirmed, id)
	i := s.find(id)
	if i < 0 {
		return effects{}
	}
	s.containers = slices.Delete(slices.Clone(s.containers), i, i+1)
	return effects{drawn: true}
}

// notGone leaves out what a list still names although it was seen to be gone.
func (s *sight) notGone(guests []Guest, now time.Time) []Guest {
	for id, at := range s.gone {
		if now.Sub(at) >= goneFor {
			delete(s.gone, id)
		}
	}
	if len(s.gone) == 0 {
		return guests
	}
	return slices.DeleteFunc(slices.Clone(guests), func(g Guest) bool { _, gone := s.gone[g.VMID]; return gone })
}
