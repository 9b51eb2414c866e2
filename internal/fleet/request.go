package fleet

import "time"

const (
	// MaxTargets is how many containers one request may name.
	MaxTargets = 20_000
	// MaxShutdown is the longest time that a shutdown may give a container to end.
	MaxShutdown = time.Hour
)

// Choices are what a person may choose about an action beside the action itself.
// Each belongs to one action and is nothing to the others.
type Choices struct {
	// Timeout is how long a shutdown gives the container to end; zero: Proxmox's own (60 s).
	Timeout time.Duration `json:"timeout,omitempty"`
	// Force stops it when it did not end within Timeout.
	Force bool `json:"force,omitempty"`
	// StopFirst stops a running container, so that it can be deleted.
	StopFirst bool `json:"stopFirst,omitempty"`
	// Purge takes a deleted container out of backup jobs, replication and HA too.
	Purge bool `json:"purge,omitempty"`
	// UnreferencedDisks deletes disks of that VMID which its configuration does not name.
	UnreferencedDisks bool `json:"unreferencedDisks,omitempty"`
}

// ActionRequest is what a person asks to have done to one container or many.
type ActionRequest struct {
	Action  Action
	Targets []ContainerID
	Choices Choices
	// Names are what the containers were called on the page that the person
	// pressed on, typed by hand where the rule wants AskName: a container of
	// another name is not the one that was meant. Those not named are not compared.
	Names map[ContainerID]string
	// Once is the mark of the form: what one person sends twice under one mark is one job. Empty: no mark.
	Once string
}
