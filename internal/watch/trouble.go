package watch

import (
	"fmt"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// connection reports whether a kind means that nobody answered. A wrong or
// unreadable answer is an answer, and is never called unreachable.
func connection(k problem.Kind) bool {
	switch k {
	case problem.DNS, problem.Unreachable, problem.Refused, problem.Timeout, problem.TLS:
		return true
	}
	return false
}

// halting reports whether only the owner can make the watcher go on.
func halting(k problem.Kind) bool { return k == problem.Unauthorized || k == problem.Untrusted }

// beyondNode reports whether a kind, from a call to one node through another,
// tells that this node does not answer.
func beyondNode(k problem.Kind) bool {
	return k == problem.NodeDown || k == problem.NodeBroken || k == problem.Timeout
}

// problemOf is err's problem; an error without one is told as unreadable, its text only in the log.
func problemOf(err error) *problem.Problem {
	if p := problem.Of(err); p != nil {
		return p
	}
	return &problem.Problem{Kind: problem.Garbled, What: "The answer could not be read.",
		Remedy: "Berth tries again by itself; its log has the reason.", Err: err}
}

func troubleOf(p *problem.Problem, now time.Time) *fleet.Trouble {
	return &fleet.Trouble{Kind: string(p.Kind), What: p.What, Remedy: p.Remedy, Proxmox: p.Proxmox, Since: now}
}

// haltTrouble is how a halt reads on the page; it has no time at which Berth tries again.
func haltTrouble(h *fleet.Halt) *fleet.Trouble {
	t := &fleet.Trouble{Kind: h.Kind, What: h.What, Since: h.At}
	switch problem.Kind(h.Kind) {
	case problem.Untrusted:
		t.Remedy = "Nothing is sent there until you confirm the new certificate under Settings, Nodes."
		if h.Expected != "" && h.Got != "" {
			t.Remedy = "Expected " + h.Expected + ", got " + h.Got + ". " + t.Remedy
		}
	default:
		t.Remedy = "Enter a new token secret under Settings, Nodes, or press Try again."
	}
	return t
}

// nodeTrouble is what is wrong with a node that is unreachable.
func (s *sight) nodeTrouble(n *nodeSight) *fleet.Trouble {
	title := s.title(n.name)
	var t fleet.Trouble
	switch {
	case s.silent && s.trouble != nil:
		t = *s.trouble
	case n.left:
		t = fleet.Trouble{Kind: string(problem.NodeDown),
			What:   title + " is no longer a member of " + s.cluster.Name + ".",
			Remedy: "Proxmox still lists containers there; remove the rest of the node from the cluster's configuration."}
	case !n.status.at.IsZero() && !n.status.online, n.failed == nil:
		t = fleet.Trouble{Kind: string(problem.NodeDown),
			What:   title + " cannot be reached: the other nodes of " + s.cluster.Name + " list it as offline.",
			Remedy: "Check that the machine is on and its network works."}
	default:
		t = *n.failed
	}
	t.Since = n.downSeen
	return &t
}

// roundDuration writes a duration as people say it: "40 s", "12 min", "5 h", "3 days".
func roundDuration(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24+0.5))
}
