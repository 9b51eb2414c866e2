package fleet

import "time"

// KeptTask is one of Proxmox's tasks on a container as Berth remembers it, also
// when Proxmox no longer does.
type KeptTask struct {
	Task
	// LogAt is when its log was read and kept; zero: not yet.
	LogAt time.Time
}
