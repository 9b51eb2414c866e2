package fleet

import (
	"slices"
	"strings"
	"time"
)

// Action is something that a person can have done to a container.
type Action string

const (
	ActStart    Action = "start"
	ActShutdown Action = "shutdown" // asks the container to end by itself
	ActStop     Action = "stop"     // pulls the plug
	ActReboot   Action = "reboot"
	ActSuspend  Action = "suspend" // keeps its memory in a file; for Proxmox it is stopped then
	ActResume   Action = "resume"
	ActDelete   Action = "delete"
)

// Confirm is what a person has to do before an action begins.
type Confirm int

const (
	AtOnce  Confirm = iota // nothing
	Ask                    // say yes
	AskName                // type the container's name
)

// Sequence is the order in which a bulk action takes containers.
type Sequence int

const (
	AnyOrder     Sequence = iota
	StartupOrder          // as Proxmox's startup order says
	ReverseOrder          // the reverse of it
)

// ActionRule is one row of the table of what can be done to a container. Cards,
// table, selection, palette, container page and engine all read it.
type ActionRule struct {
	Action  Action
	Title   string // "Shut down"
	Doing   string // "Shutting down"
	Done    string // "shut down": "web1 was shut down."
	Icon    string // one of kit's
	From    []Status
	Already string // why not, in the state in which it has no sense: "already runs"
	// Needs is what Proxmox wants on /vms/{vmid}: any one of these privileges.
	Needs   []string
	Confirm Confirm
	// Quorum: refused while the cluster has none, since it would do harm.
	Quorum   bool
	Sequence Sequence
	// Locks under which Proxmox carries it out all the same; "" is no lock and always among them.
	// PVE::API2::LXC::Status looks for "mounted" before start and stop alone, and
	// takes every other lock for a refusal; those of shutdown and reboot end half way.
	Locks []string
	// Tasks are the types of the Proxmox task that it may become.
	Tasks []string
	// Source is where Proxmox says so.
	Source string
}

var actionRules = []ActionRule{
	{Action: ActStart, Title: "Start", Doing: "Starting", Done: "started", Icon: "play",
		From: []Status{Stopped}, Already: "already runs", Needs: []string{"VM.PowerMgmt"}, Quorum: true, Sequence: StartupOrder, Locks: []string{"mounted"},
		Tasks: []string{"vzstart", "hastart"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/start"},
	{Action: ActShutdown, Title: "Shut down", Doing: "Shutting down", Done: "shut down", Icon: "power",
		From: []Status{Running}, Already: "does not run", Needs: []string{"VM.PowerMgmt"}, Sequence: ReverseOrder,
		Tasks: []string{"vzshutdown", "hastop"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/shutdown"},
	{Action: ActReboot, Title: "Reboot", Doing: "Rebooting", Done: "rebooted", Icon: "rotate-cw",
		From: []Status{Running}, Already: "does not run", Needs: []string{"VM.PowerMgmt"}, Confirm: Ask, Quorum: true,
		Tasks: []string{"vzreboot"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/reboot"},
	{Action: ActStop, Title: "Stop", Doing: "Stopping", Done: "stopped", Icon: "square",
		From: []Status{Running}, Already: "does not run", Needs: []string{"VM.PowerMgmt"}, Confirm: Ask, Sequence: ReverseOrder, Locks: []string{"mounted"},
		Tasks: []string{"vzstop", "hastop"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/stop"},
	{Action: ActSuspend, Title: "Suspend", Doing: "Suspending", Done: "suspended", Icon: "pause",
		From: []Status{Running}, Already: "does not run", Needs: []string{"VM.PowerMgmt"}, Quorum: true,
		Tasks: []string{"vzsuspend"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/suspend"},
	{Action: ActResume, Title: "Resume", Doing: "Resuming", Done: "resumed", Icon: "play",
		From: []Status{Suspended}, Already: "is not suspended", Needs: []string{"VM.PowerMgmt"},
		Tasks: []string{"vzresume"}, Source: "POST /nodes/{node}/lxc/{vmid}/status/resume"},
	{Action: ActDelete, Title: "Delete", Doing: "Deleting", Done: "deleted", Icon: "trash-2",
		From: []Status{Stopped, Running, Suspended}, Needs: []string{"VM.Allocate"}, Confirm: AskName, Quorum: true,
		Tasks: []string{"vzdestroy"}, Source: "DELETE /nodes/{node}/lxc/{vmid}"},
}

// ActionRules is the whole table, in the order in which people read it.
func ActionRules() []ActionRule { return slices.Clone(actionRules) }

// RuleOf finds an action's row; ok is false for a word that is no action.
func RuleOf(a Action) (rule ActionRule, ok bool) {
	i := slices.IndexFunc(actionRules, func(r ActionRule) bool { return r.Action == a })
	if i < 0 {
		return ActionRule{}, false
	}
	return actionRules[i], true
}

// Busy is what is being done to a container right now.
type Busy struct {
	Doing string // "Stopping"
	By    string // the person, as shown
	Since time.Time
	// Waiting: it has not begun, since others go first.
	Waiting bool
}

// Refusal is why an action cannot be had now. The zero Refusal is none.
type Refusal struct {
	Code string // stable: "state", "busy", "lock", "template", "stale", "unreachable", "privilege", "quorum", "unknown", "gone"
	Why  string // one sentence, about the container: "web1 already runs."
}

// None reports whether nothing speaks against the action.
func (r Refusal) None() bool { return r.Code == "" }

// Judge says whether an action can be had on a container as last seen, and in
// one sentence why not. busy is what is being done to it; nil: nothing.
func Judge(a Action, p *ClusterPicture, c Container, busy *Busy) Refusal {
	rule, ok := RuleOf(a)
	if !ok {
		return Refusal{"unknown", "There is no such action."}
	}
	for _, judge := range []func(ActionRule, *ClusterPicture, Container, *Busy) Refusal{
		judgeReach, judgeBusy, judgeState, judgeLock, judgeQuorum, judgePrivilege} {
		if r := judge(rule, p, c, busy); !r.None() {
			return r
		}
	}
	return Refusal{}
}

// JudgeAll judges every action, in the table's order.
func JudgeAll(p *ClusterPicture, c Container, busy *Busy) []Refusal {
	all := make([]Refusal, len(actionRules))
	for i, rule := range actionRules {
		all[i] = Judge(rule.Action, p, c, busy)
	}
	return all
}

func judgeReach(_ ActionRule, p *ClusterPicture, c Container, _ *Busy) Refusal {
	if p.Trouble != nil {
		return Refusal{"unreachable", p.Name + " cannot be asked now. " + p.Trouble.What}
	}
	if n, ok := p.Node(c.Node); ok && n.State == Unreachable {
		return Refusal{"unreachable", n.Title() + ", on which " + c.Name() + " is, cannot be reached."}
	}
	if c.Stale {
		return Refusal{"stale", c.Name() + " has not been seen lately."}
	}
	return Refusal{}
}

func judgeBusy(_ ActionRule, _ *ClusterPicture, c Container, busy *Busy) Refusal {
	switch {
	case busy == nil:
		return Refusal{}
	case busy.Waiting:
		return Refusal{"busy", c.Name() + " waits for another action of " + busy.By + ": " + busy.Doing + "."}
	}
	return Refusal{"busy", busy.Doing + " " + c.Name() + " is under way, begun by " + busy.By + "."}
}

func judgeState(rule ActionRule, _ *ClusterPicture, c Container, _ *Busy) Refusal {
	switch {
	case c.Template && rule.Action != ActDelete:
		return Refusal{"template", c.Name() + " is a template container: it cannot run."}
	case slices.Contains(rule.From, c.Status):
		return Refusal{}
	case c.Status == Unknown:
		return Refusal{"unknown", "Proxmox does not know the state of " + c.Name() + "."}
	case c.Status == Suspended && rule.Action == ActStart:
		return Refusal{"state", c.Name() + " is suspended: resume it."}
	case c.Status == Suspended:
		return Refusal{"state", c.Name() + " is suspended."}
	}
	return Refusal{"state", c.Name() + " " + rule.Already + "."}
}

func judgeLock(rule ActionRule, _ *ClusterPicture, c Container, _ *Busy) Refusal {
	if c.Lock == "" || slices.Contains(rule.Locks, c.Lock) {
		return Refusal{}
	}
	return Refusal{"lock", "Proxmox holds a lock on " + c.Name() + ": " + c.Lock + "."}
}

func judgeQuorum(rule ActionRule, p *ClusterPicture, _ Container, _ *Busy) Refusal {
	if !rule.Quorum || p.Quorate || p.Standalone || p.SeenAt.IsZero() {
		return Refusal{}
	}
	harm := "it would fail half way."
	switch rule.Action {
	case ActDelete:
		harm = "Proxmox would destroy the disk and keep the rest."
	case ActReboot:
		harm = "it would stop and could not start again."
	}
	return Refusal{"quorum", p.Name + " has no quorum: " + harm}
}

func judgePrivilege(rule ActionRule, p *ClusterPicture, c Container, _ *Busy) Refusal {
	if p.Rights == nil { // not read yet: Proxmox will say
		return Refusal{}
	}
	path := pathGuests + "/" + c.ID.VMID.String()
	if p.Rights.Permissions.hasAny(path, rule.Needs) {
		return Refusal{}
	}
	return Refusal{"privilege", "The token lacks " + strings.Join(rule.Needs, " or ") + " on " + path + "."}
}
