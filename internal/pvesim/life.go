package pvesim

import (
	"math/rand/v2"
	"time"
)

// live lets something happen by itself every now and then, as in a home where
// people and timers are at work, until the simulation ends. The same seed makes
// the same choices.
func (s *Sim) live(every time.Duration) {
	defer s.wait.Done()
	r := rand.New(rand.NewPCG(uint64(s.cfg.Seed), 0x11fe))
	for s.pause(every/2 + time.Duration(r.Int64N(int64(every)))) {
		c := s.clusters[r.IntN(len(s.clusters))]
		if vmid, what := c.nextEvent(r); what != "" {
			c.Act(vmid, what) // a refusal is life too
		}
	}
}

// nextEvent chooses a container and what happens to it. What was stopped is
// started again soon, so that the fleet keeps its shape.
func (c *Cluster) nextEvent(r *rand.Rand) (vmid int, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.sortedGuests()
	if len(list) == 0 {
		return 0, ""
	}
	g := list[r.IntN(len(list))]
	for _, o := range list {
		if o.onboot && !o.running && o.lock == "" && o.kind == "lxc" && r.IntN(3) > 0 {
			return o.vmid, "start"
		}
	}
	if g.kind != "lxc" || g.template || g.lock != "" || g.node.dead() {
		return 0, ""
	}
	if !g.running {
		return g.vmid, "backup"
	}
	switch n := r.IntN(20); {
	case n < 8:
		return g.vmid, "backup"
	case n < 12:
		return g.vmid, "reboot"
	case n < 14:
		return g.vmid, "shutdown"
	case n < 15:
		return g.vmid, "crash"
	case n < 17 && len(c.nodes) > 1:
		return g.vmid, "migrate " + c.nodes[(g.node.index+r.IntN(len(c.nodes)-1))%len(c.nodes)].spec.Name
	case n < 18:
		return g.vmid, "tag watch"
	case n < 19:
		return g.vmid, "untag watch"
	}
	return g.vmid, "reboot-inside"
}
