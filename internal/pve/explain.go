package pve

import (
	"fmt"
	"regexp"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// What Proxmox's own words about a container mean. The same text comes as the
// answer to a call in one case and as the end of a task in another.

// subject is what a text is about.
type subject struct {
	guest fleet.VMID // 0: no container
	node  string
	doing string // "starting CT 100"
}

func (s subject) title() string {
	if s.guest == 0 {
		return "The container"
	}
	return "CT " + s.guest.String()
}

// verdict is the kind of a problem with its two sentences.
type verdict struct {
	kind         problem.Kind
	what, remedy string
}

var (
	configGone  = regexp.MustCompile(`^Configuration file '[^']*' does not exist`)
	isLocked    = regexp.MustCompile(`\b(?:CT|VM) is locked(?: \(([^)]*)\))?`)
	lockTimeout = regexp.MustCompile(`can't (?:lock file '([^']*)'|acquire lock).*(?:got timeout|timed out)|cfs-lock '([^']*)' error: got lock (?:request )?timeout`)
	noQuorum    = regexp.MustCompile(`no quorum|cluster not ready|unable to open file '/etc/pve/[^']*' - (?:Permission denied|Read-only file system)`)
)

// verdict judges the texts that say what is in the way. ok is false for any other text.
func (s subject) verdict(text string) (v verdict, ok bool) {
	ct := s.title()
	switch {
	case noQuorum.MatchString(text):
		return verdict{problem.QuorumLost, fmt.Sprintf("The cluster has no quorum and refused %s.", s.doing),
			"Bring the missing nodes back, or look at pvecm status on a node."}, true
	case configGone.MatchString(text):
		return verdict{problem.Gone, fmt.Sprintf("%s is not on %s any more.", ct, s.where()),
			"It was moved to another node or deleted. Look where it is now."}, true
	case strings.Contains(text, "protection mode enabled"):
		return verdict{problem.Protected, fmt.Sprintf("%s is protected: Proxmox does not delete it.", ct),
			"If it is to go, switch its protection off in Proxmox first."}, true
	case isLocked.MatchString(text):
		return s.locked(isLocked.FindStringSubmatch(text)[1]), true
	case lockTimeout.MatchString(text):
		m := lockTimeout.FindStringSubmatch(text)
		return s.held(m[1] + m[2]), true
	}
	return s.wrongState(text)
}

func (s subject) where() string {
	if s.node == "" {
		return "this node"
	}
	return s.node
}

// wrongState is about an action that does not go with the state that the container is in.
func (s subject) wrongState(text string) (verdict, bool) {
	ct := s.title()
	switch {
	case strings.HasSuffix(text, "already running"):
		return verdict{problem.State, ct + " runs already.", "There is nothing to start."}, true
	case strings.HasSuffix(text, " not running"):
		return verdict{problem.State, fmt.Sprintf("%s does not run on %s.", ct, s.where()), "Start it first, or look where it is now."}, true
	case strings.Contains(text, "container is running"), strings.Contains(text, "if the CT is running"):
		return verdict{problem.State, fmt.Sprintf("%s runs, and Proxmox refused %s.", ct, s.doing), "Stop it first."}, true
	case strings.Contains(text, "if it's a template"):
		return verdict{problem.State, ct + " is a template container and cannot run.", "Clone it, and start the clone."}, true
	}
	return verdict{}, false
}

// lockWords says who sets which lock on a container (pve-container's "lock").
var lockWords = map[string]string{
	"backup": "a backup", "create": "its creation", "destroyed": "its deletion", "disk": "a move of its disk",
	"fstrim": "a trim of its disk", "migrate": "a migration", "mounted": "pct mount", "rollback": "a roll-back",
	"snapshot": "a snapshot", "snapshot-delete": "the removal of a snapshot",
}

// locked is about the lock in the configuration, which can outlive the task that set it.
func (s subject) locked(lock string) verdict {
	by := lockWords[lock]
	if by == "" {
		by = "another task"
	}
	id := ""
	if s.guest != 0 {
		id = " " + s.guest.String()
	}
	return verdict{problem.Busy, fmt.Sprintf("%s is locked by %s.", s.title(), by),
		fmt.Sprintf("Wait until that has ended. If nothing of it runs any more, the lock was left behind: pct unlock%s on the node removes it.", id)}
}

// held is about a lock that Proxmox waited for, 10 s mostly: a file of the node, or one of the whole cluster.
func (s subject) held(lock string) verdict {
	what := s.title()
	if s.guest == 0 {
		what = "it"
	}
	if _, name, ok := strings.Cut(lock, "storage-"); ok {
		what = "the storage " + cut(name, 100)
	}
	return verdict{problem.Busy, fmt.Sprintf("Another task holds %s: Proxmox waited for it and gave up %s.", what, s.doing),
		"Try again when that task has ended."}
}

// taskDoing says what a task of a type does to a container.
var taskDoing = map[string]string{
	"vzstart": "starting", "vzstop": "stopping", "vzshutdown": "shutting down", "vzreboot": "rebooting", "vzsuspend": "suspending",
	"vzresume": "resuming", "vzdestroy": "deleting", "vzcreate": "creating", "vzrestore": "restoring", "vzclone": "cloning",
	"vzmigrate": "migrating", "vzsnapshot": "taking a snapshot of", "vzrollback": "rolling back", "vzdelsnapshot": "removing a snapshot of",
	"vztemplate": "making a template of", "vzdump": "backing up", "resize": "resizing a disk of", "move_volume": "moving a disk of",
	"hastart": "starting", "hastop": "stopping", "hashutdown": "shutting down", "hamigrate": "migrating",
}

// about is what a task works on, for sentences.
func (u UPID) about() subject {
	s := subject{node: u.Node, doing: "carrying out the task " + u.Type}
	if id, ok := u.VMID(); ok {
		s.guest = id
		if doing := taskDoing[u.Type]; doing != "" {
			s.doing = doing + " CT " + id.String()
		}
	}
	return s
}

var (
	// What PVE::Tools::upid_read_status gives when the log of an ended task has no proper last line.
	torn        = regexp.MustCompile(`^(?:unexpected status$|unable to open file - |unable to read tail|unable to extract last line)`)
	interrupted = regexp.MustCompile(`interrupted by signal|received interrupt|got signal|received signal|terminated by signal`)
	noBridge    = regexp.MustCompile(`bridge '([^']*)' does not exist`)
	noVolume    = regexp.MustCompile(`volume '([^']*)' does not exist`)
	noStart     = regexp.MustCompile(`startup for container '\d+' failed|command 'lxc-start|unable to start`)
)

// exitOK reads the exit text of a success; warnings are the number that Proxmox counted.
func exitOK(exit string) (warnings int, ok bool) {
	if exit == "OK" {
		return 0, true
	}
	n, ok := strings.CutPrefix(exit, "WARNINGS:")
	return count(value{kind: text, text: n}), ok
}

// ExplainExit says in sentences why a task ended as it did; exit is its exit
// status, u the task. Nil for OK and for WARNINGS, which is a success. A text
// that says that Proxmox itself does not know the end is OutcomeUnknown.
func ExplainExit(exit string, u UPID) *problem.Problem {
	if _, ok := exitOK(exit); ok {
		return nil
	}
	said, s := words(exit), u.about()
	p := &problem.Problem{Node: u.Node, Proxmox: said}
	v, ok := s.verdict(said)
	switch {
	case said == "" || torn.MatchString(said):
		v = verdict{problem.OutcomeUnknown, fmt.Sprintf("The task that was %s ended without a result: it may have been carried out or not.", s.doing),
			"It was cut off, as by a crash or a restart of " + s.where() + ". Look at the present state before you try again."}
	case ok && v.kind == problem.QuorumLost && u.Type == "vzdestroy":
		v.what = fmt.Sprintf("The cluster had no quorum while %s: its disks may be destroyed although its configuration is still there.", s.doing)
	case ok:
	case strings.HasPrefix(said, "Permission check failed"):
		var auth Credentials
		if strings.Contains(u.User, "!") {
			auth = Token{ID: u.User}
		}
		privilegeProblem(p, call{doing: s.doing}, auth)
		return p
	default:
		v = s.failed(said)
	}
	p.Kind, p.What, p.Remedy = v.kind, v.what, v.remedy
	return p
}

// failed is about the ends that are failures of the work itself.
func (s subject) failed(said string) verdict {
	v := verdict{problem.Failed, fmt.Sprintf("Proxmox failed while %s.", s.doing), "The log of the task has the details."}
	switch {
	case interrupted.MatchString(said):
		v.what = fmt.Sprintf("The task that was %s was interrupted.", s.doing)
		v.remedy = "Somebody stopped it, or the daemon on " + s.where() + " ended. Look at the present state, then try again."
	case noBridge.MatchString(said):
		v.remedy = fmt.Sprintf("The bridge %s is not on %s: correct the container's network, or make the bridge.", noBridge.FindStringSubmatch(said)[1], s.where())
	case noVolume.MatchString(said):
		v.remedy = "A volume is missing: " + noVolume.FindStringSubmatch(said)[1] + ". Check that its storage is there, and what became of the volume."
	case strings.Contains(said, "lxc-checkpoint"):
		v.remedy = "Suspending containers is experimental in Proxmox and needs CRIU on the node, which many containers do not go with. Shut it down instead."
	case noStart.MatchString(said):
		v.what = s.title() + " did not start."
		v.remedy = "The log of the task has the reason; where it has none, pct start with --debug on the node says more."
	}
	return v
}
