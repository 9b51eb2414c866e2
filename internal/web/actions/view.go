package actions

import (
	"strconv"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// askView is what the page that asks reads.
type askView struct {
	target
	form
	Problem  *problem.Problem // why it was not done; nil at first
	Disks    []string
	Scripted bool // drawn for a dialog
}

func (v askView) name() string { return v.container.Name() }

func (v askView) title() string { return v.rule.Title + " " + v.name() + "?" }

func (v askView) url() string { return kit.URL.ContainerAction(v.container.ID, v.rule.Action) }

// why says why the action cannot be had now. A running container is no reason
// against a delete, which may stop it first.
func (v askView) why() string { return v.refusal.Why }

// meaning is what the action does, in a sentence or two.
func (v askView) meaning() string {
	switch v.rule.Action {
	case fleet.ActStart:
		return "The container begins to run."
	case fleet.ActShutdown:
		return "The container is asked to end by itself, so that its services can finish what they do."
	case fleet.ActStop:
		return "This pulls the plug: what is not written to disk yet is lost. Shutting down lets the container end by itself."
	case fleet.ActReboot:
		return "The container is shut down and started again. What uses it is interrupted for as long as that takes."
	case fleet.ActSuspend:
		return "The container is frozen where it is, and keeps its memory, until it is resumed."
	case fleet.ActResume:
		return "The container goes on where it was suspended."
	}
	return "The container and its disks are destroyed. This cannot be undone. Backups of it stay."
}

// instead is the gentler action that a person may rather want, where there is one.
func (v askView) instead() (title, url string) {
	if v.rule.Action == fleet.ActStop && v.container.Status == fleet.Running {
		return "Shut down instead", kit.URL.ContainerAction(v.container.ID, fleet.ActShutdown)
	}
	return "", ""
}

func (v askView) destroys() bool { return v.rule.Confirm == fleet.AskName }

// running reports whether the container must be stopped before it can be deleted.
func (v askView) running() bool { return v.container.Status != fleet.Stopped }

func (v askView) fault(field string) string {
	if v.Problem == nil {
		return ""
	}
	return v.Problem.Fields[field]
}

// said is the problem that is drawn above the form; one with fields is said at its fields.
func (v askView) said() *problem.Problem {
	if v.Problem != nil && len(v.Problem.Fields) > 0 {
		return nil
	}
	return v.Problem
}

func (v askView) variant() kit.Variant {
	switch v.rule.Action {
	case fleet.ActStop, fleet.ActDelete:
		return kit.Destructive
	}
	return kit.Primary
}

// facts say what will be destroyed.
func (v askView) facts() []kit.KV {
	c := v.container
	node := c.Node
	if n, ok := v.cluster.Node(c.Node); ok {
		node = n.Title()
	}
	_, _, status := kit.StatusLook(c.Status)
	rows := []kit.KV{
		{Key: "Name", Value: c.Name()},
		{Key: "VMID", Value: c.ID.VMID.String()},
		{Key: "Node", Value: node + " of " + v.cluster.Name},
		{Key: "Status", Value: status},
	}
	switch {
	case len(v.Disks) > 0:
		for i, d := range v.Disks {
			key := ""
			if i == 0 {
				key = kit.Count(len(v.Disks), "Disk", "Disks")[len(strconv.Itoa(len(v.Disks)))+1:]
			}
			rows = append(rows, kit.KV{Key: key, Value: d, Mono: true})
		}
	case c.MaxDisk > 0:
		rows = append(rows, kit.KV{Key: "Disks", Value: kit.Bytes(c.MaxDisk) + " root disk, and every further disk of its configuration"})
	default:
		rows = append(rows, kit.KV{Key: "Disks", Value: "every disk of its configuration"})
	}
	return rows
}
