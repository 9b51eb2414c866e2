package watch

import (
	"maps"
	"strings"

	"berth/internal/fleet"
)

// Proxmox has no word for a suspended container: its process is gone, its memory
// lies in a file, and every list calls it stopped. That it is suspended is known
// from the task that did it, or from who had it done here, and holds until it
// runs again, or something is done to it after which nothing is left to be resumed.

// asSuspended makes a stopped container that is known to be suspended one.
func (s *sight) asSuspended(c *fleet.Container, prev *fleet.Container) {
	if c.Status != fleet.Stopped {
		if c.Status == fleet.Running {
			delete(s.suspended, c.ID.VMID)
		}
		return
	}
	is, known := s.suspended[c.ID.VMID]
	if is || !known && prev != nil && prev.Status == fleet.Suspended {
		c.Status = fleet.Suspended
	}
}

// takeSuspended learns from a task that ended whether its container is suspended.
func (s *sight) takeSuspended(t touch) {
	if !t.finished || s.find(t.vmid) < 0 {
		return
	}
	if len(s.suspended) > len(s.containers) {
		maps.DeleteFunc(s.suspended, func(id fleet.VMID, _ bool) bool { return s.find(id) < 0 })
	}
	well := t.task.Status == "OK" || strings.HasPrefix(t.task.Status, "WARNINGS")
	switch t.task.Type {
	case "vzsuspend":
		if well {
			s.suspended[t.vmid] = true
		}
	case "vzresume", "vzcreate", "vzrestore", "vzrollback", "vzdestroy":
		// A resume that failed leaves it to be started: there is nothing that it could be resumed from.
		s.suspended[t.vmid] = false
	}
}
