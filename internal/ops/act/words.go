package act

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// titleOf is a container as steps and the trail show it: "web1 (CT 104)".
func titleOf(c fleet.Container) string {
	name, number := c.Name(), "CT "+c.ID.VMID.String()
	if name == number {
		return number
	}
	return name + " (" + number + ")"
}

// jobTitle is "Start web1" or "Stop 48 containers".
func jobTitle(rule fleet.ActionRule, containers []fleet.Container) string {
	if len(containers) == 1 {
		return rule.Title + " " + containers[0].Name()
	}
	return fmt.Sprintf("%s %d containers", rule.Title, len(containers))
}

// sameName compares names of one VMID in what a host name can hold: what shows them
// may have cut them or marked odd characters. Without a host name Proxmox's
// lists call a container CT100, and its configuration has none.
func sameName(id fleet.VMID, a, b string) bool { return nameIn(id, a) == nameIn(id, b) }

func nameIn(id fleet.VMID, name string) string {
	if name = plainName(name); name == "" {
		return "CT" + id.String()
	}
	return name
}

func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 60)]
}

func about(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}

// nothingDone is a problem that was met before Proxmox was asked for anything.
func nothingDone(kind problem.Kind, what string) *problem.Problem {
	return problem.New(kind, what, "Nothing was done.")
}

// stateWord says in what state a container is: "runs", "is stopped".
func stateWord(s fleet.Status) string {
	switch s {
	case fleet.Running:
		return "runs"
	case fleet.Stopped:
		return "is stopped"
	case fleet.Suspended:
		return "is suspended"
	}
	return "is in a state that Proxmox does not know"
}
