package containers

import (
	"regexp"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

// stepEvent is one of Berth's own steps.
func stepEvent(s job.Step, now time.Time) kit.Event {
	e := kit.Event{At: s.StartedAt, Kind: "berth", Result: string(s.State), Icon: "activity", What: s.Kind, Actor: s.Actor, Detail: s.Detail, Tone: kit.Neutral}
	if rule, ok := fleet.RuleOf(fleet.Action(s.Kind)); ok {
		e.Icon, e.What = rule.Icon, rule.Title
	}
	if e.At.IsZero() {
		e.At = s.EndedAt
	}
	if e.At.IsZero() { // it waits: nothing is newer
		e.At = now
	}
	if !s.EndedAt.IsZero() && !s.StartedAt.IsZero() {
		e.Took = s.EndedAt.Sub(s.StartedAt)
	}
	switch s.State {
	case job.Waiting:
		e.Tone, e.Word, e.Look = kit.Busy, "Waiting", "hourglass"
	case job.Active:
		e.Tone, e.Word, e.Look = kit.Busy, "Running", "loader"
	case job.Warned:
		e.Tone, e.Word, e.Look = kit.Warning, "Warnings", "triangle-alert"
	case job.Failed:
		e.Tone, e.Word, e.Look = kit.Failure, "Failed", "circle-alert"
	case job.Unknown:
		e.Tone, e.Word, e.Look = kit.Warning, "Outcome unknown", "circle-help"
	case job.Skipped:
		e.Word, e.Look = "Left out", "ban"
	case job.Cancelled:
		e.Word, e.Look = "Cancelled", "ban"
	}
	e.More = []kit.EventLink{{Text: "Log", URL: kit.URL.JobStep(s.Job, s.N)}}
	return e
}

// refusalEvent is what Berth did not let happen.
func refusalEvent(e audit.Entry) kit.Event {
	out := kit.Event{At: e.At, Kind: "berth", Result: string(e.Result), Icon: "lock", What: string(e.Kind), Actor: e.Actor, Address: e.Address,
		Detail: e.Detail, Tone: kit.Warning, Word: "Refused", Look: "lock"}
	if rule, ok := fleet.RuleOf(fleet.Action(strings.TrimPrefix(string(e.Kind), "container."))); ok {
		out.Icon, out.What = rule.Icon, rule.Title
	}
	return out
}

// taskWords are Proxmox's types of tasks on containers, as people call them.
var taskWords = map[string]struct{ icon, what string }{
	"vzcreate": {"plus", "Create"}, "vzstart": {"play", "Start"}, "vzstop": {"square", "Stop"}, "vzshutdown": {"power", "Shut down"},
	"vzreboot": {"rotate-cw", "Reboot"}, "vzsuspend": {"pause", "Suspend"}, "vzresume": {"play", "Resume"}, "vzdestroy": {"trash-2", "Delete"},
	"vzsnapshot": {"clock", "Take a snapshot"}, "vzrollback": {"clock", "Roll back"}, "vzdelsnapshot": {"clock", "Delete a snapshot"},
	"vzclone": {"copy", "Clone"}, "vztemplate": {"layers", "Make a template"}, "vzmigrate": {"arrow-right", "Move to another node"},
	"vzdump": {"box", "Back up"}, "vzrestore": {"box", "Restore"}, "resize": {"pencil", "Resize a disk"}, "move_volume": {"arrow-right", "Move a disk"},
	"vncproxy": {"terminal", "Console"}, "termproxy": {"terminal", "Console"}, "vzconsole": {"terminal", "Console"},
	"hastart": {"play", "Start, by HA"}, "hastop": {"square", "Stop, by HA"}, "hamigrate": {"arrow-right", "Move, by HA"},
}

// taskEvent is one of Proxmox's tasks that Berth did not start.
func taskEvent(id fleet.ContainerID, a ask, k fleet.KeptTask) kit.Event {
	a.Task = k.UPID
	e := kit.Event{At: k.StartedAt, Kind: "proxmox", Result: k.Status, Icon: "server", What: k.Type, Actor: actorOf(k.Task), Notes: []string{"on " + k.Node}, Tone: kit.Neutral,
		More: []kit.EventLink{{Text: "Log", URL: a.url(id) + "#log"}}}
	if w, ok := taskWords[k.Type]; ok {
		e.Icon, e.What = w.icon, w.what
	}
	if !k.EndedAt.IsZero() {
		e.Took = k.EndedAt.Sub(k.StartedAt)
	}
	switch {
	case k.Running():
		e.Tone, e.Word, e.Look, e.Result = kit.Busy, "Running", "loader", "running"
	case strings.HasPrefix(k.Status, "WARNINGS"):
		e.Tone, e.Word, e.Look, e.Detail = kit.Warning, "Warnings", "triangle-alert", k.Status
	case !k.OK():
		e.Tone, e.Word, e.Look, e.Detail = kit.Failure, "Failed", "circle-alert", k.Status
	}
	return e
}

func actorOf(t fleet.Task) string {
	if t.Token != "" {
		return t.User + "!" + t.Token
	}
	return t.User
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plain is a line of a log without its colours.
func plain(line string) string { return colours.ReplaceAllString(line, "") }
