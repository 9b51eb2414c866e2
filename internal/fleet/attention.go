package fleet

import "time"

// Attention is why a container or node needs a person's look. The list is closed.
type Attention string

const (
	AttnNodeUnreachable Attention = "node unreachable"
	AttnStatusUnknown   Attention = "status unknown"
	AttnLocked          Attention = "locked for over an hour"
	AttnMemory          Attention = "memory above 90 %"
	AttnDisk            Attention = "disk above 90 %"
	// AttnFailed is what an action leaves that ended badly, until its person dismisses it; jobs know of it, not the container.
	AttnFailed Attention = "last action failed"
)

// NeedsAttention lists why the container needs a look at that time; nil when it does not.
func (c Container) NeedsAttention(now time.Time) []Attention {
	var why []Attention
	if c.Stale {
		why = append(why, AttnNodeUnreachable)
	}
	if c.Status == Unknown {
		why = append(why, AttnStatusUnknown)
	}
	if c.Lock != "" && !c.LockedAt.IsZero() && now.Sub(c.LockedAt) > time.Hour {
		why = append(why, AttnLocked)
	}
	if c.Status == Running {
		if r, ok := c.MemRatio(); ok && r > 0.9 {
			why = append(why, AttnMemory)
		}
		if r, ok := c.DiskRatio(); ok && r > 0.9 {
			why = append(why, AttnDisk)
		}
	}
	return why
}
