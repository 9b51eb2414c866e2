// Package job has the nouns of durable work: a job is what a person asked for,
// a step is one small part of it, a line is one line of a step's log. It knows
// no container: what a step is about is an opaque subject.
package job

import (
	"encoding/json"
	"errors"
	"time"

	"berth/internal/audit"
)

// ErrTaken says that a step ended, or that another replica took it up: who gets
// it must leave the step alone.
var ErrTaken = errors.New("the step is no longer this replica's")

// ID names a job (UUIDv7).
type ID string

// State is where a job stands. It follows from its steps, but for Planned.
type State string

const (
	Planned  State = "planned" // shown to its person, who has not started it; nothing is claimed
	Running  State = "running" // steps wait or run
	Finished State = "finished"
)

// StepState is where a step stands.
type StepState string

const (
	Waiting   StepState = "waiting"   // not begun; also after its replica went away before it began
	Active    StepState = "active"    // begun, and not ended
	Done      StepState = "done"      // as it was meant
	Warned    StepState = "warned"    // done, and Proxmox warned
	Failed    StepState = "failed"    //
	Unknown   StepState = "unknown"   // it may have been carried out: that could not be learned
	Skipped   StepState = "skipped"   // left out, Detail says why
	Cancelled StepState = "cancelled" // its person ended the job before it began, or while it could still be ended
)

// Ended reports whether nothing happens to the step any more.
func (s StepState) Ended() bool { return s != Waiting && s != Active }

// Bad reports whether a person should look at how the step ended.
func (s StepState) Bad() bool { return s == Failed || s == Unknown }

// Job is a durable piece of work that one person asked for.
type Job struct {
	ID      ID
	Owner   string // user id
	Kind    string // "start"; the kinds are those of the works that the engine was given
	Title   string // as shown: "Start web1", "Stop 48 containers"
	Actor   string // who, as shown: "root@pam"
	Address string // the client's address; of a planned one that was begun, the address of who began it
	State   State
	// Once is the mark of the form that asked for it: the same owner's same mark twice is one job. Empty: no mark.
	Once string
	// Chain: its steps stand on each other, so that what has not begun is left out once one ended badly.
	Chain     bool
	Retries   ID              // the job of which this one repeats what failed; empty: of none
	Args      json.RawMessage // what all its steps share; never a secret
	CreatedAt time.Time
	StartedAt time.Time // zero while planned
	EndedAt   time.Time // zero while not finished
	// StopAt is when its person asked that the rest be left undone; zero: not.
	StopAt time.Time
	Tally  Tally
	// Rev counts the changes of the job and its steps that a page shows.
	Rev int64
}

// Tally counts a job's steps by their state.
type Tally struct{ Waiting, Active, Done, Warned, Failed, Unknown, Skipped, Cancelled int }

// Total counts all steps.
func (t Tally) Total() int {
	return t.Waiting + t.Active + t.Ended()
}

// Ended counts the steps to which nothing happens any more.
func (t Tally) Ended() int {
	return t.Done + t.Warned + t.Failed + t.Unknown + t.Skipped + t.Cancelled
}

// Bad counts the steps at which a person should look.
func (t Tally) Bad() int { return t.Failed + t.Unknown }

// Step is one small part of a job, persisted before and after it is done.
type Step struct {
	Job ID
	N   int // place in its job, from 0
	// Owner, Kind and Actor are its job's.
	Owner, Kind, Actor string
	// Group is what is run by one replica at a time: a cluster's id.
	Group string
	// Lane is a narrow place within the group, through which only so many steps go at once: a node's name.
	Lane string
	// Subject is what the step is done to, "cluster/vmid"; two jobs that run never share one.
	// Empty: it is done to nothing that others could be at.
	Subject string
	Title   string // the subject as shown: "web1 (CT 104)"
	// Wave orders the steps of a job within a group: none begins before all of lower waves ended.
	Wave  int
	State StepState
	Args  json.RawMessage
	// Memo is what the work noted for whoever goes on after a crash, such as the UPID of the task that it waits for.
	Memo   json.RawMessage
	UPID   string // Proxmox's task, once there is one
	Detail string // how it ended, or what it is doing, one sentence
	// Problem is the problem.Kind of a bad end; empty else.
	Problem   string
	StartedAt time.Time
	EndedAt   time.Time
	// Attempt counts how often it was taken up: more than 1 after a crash.
	Attempt int
	// Lines counts its log's.
	Lines int
	// DismissedAt is when its person said that a bad end was seen; zero: not.
	DismissedAt time.Time
	// Rev is its job's at the last change of the step that a page shows.
	Rev int64
}

// Begin is who had a planned job begun, and what the trail says of it (nil: nothing).
type Begin struct {
	At      time.Time
	Address string // the client's
	Entry   *audit.Entry
}

// End is how a step ended.
type End struct {
	State   StepState
	Detail  string // one sentence
	Problem string // the problem.Kind of a bad end
	At      time.Time
	Lines   []string     // the last ones of its log
	Entry   *audit.Entry // what the trail says of it; nil: nothing
}

// Line is one line of a step's log.
type Line struct {
	N    int // from 1, without gaps
	At   time.Time
	Text string // control characters already made visible
}

// Board is what goes on for one owner, to be shown on other pages. It is never changed once given out.
type Board struct {
	Rev uint64
	// Busy has, by subject, the step that waits or is active.
	Busy map[string]Step
	// Bad has, by subject, the last step when it ended badly and was not dismissed.
	Bad map[string]Step
	// Jobs counts those that are running.
	Jobs int
}

// Filter chooses jobs or steps of one owner, newest first.
type Filter struct {
	Owner   string
	Job     ID     // steps only; empty: any
	Group   string // empty: any
	Lane    string // steps only
	Subject string // steps only
	Kind    string
	Actor   string
	State   State // jobs only; empty: any
	// Of one job's steps, those numbered From on, and below To (0: to the end).
	From, To int
	// Changed chooses, of one job's steps, those whose Rev is above Since; Kind and States are not looked at then.
	Changed bool
	Since   int64
	// States chooses steps; for jobs, those that have such a step. Empty: any.
	States []StepState
	Before time.Time // created (jobs) or started (steps) before; zero: from the newest
	Limit  int       // 0: 100
}

// Open is a step that waits or is active, with what of its job says when it may begin.
type Open struct {
	Step
	Chain     bool
	Address   string // of who had the job begun
	Stopping  bool   // its person asked that the rest be left undone
	CreatedAt time.Time
	Siblings  int // 1 when it is its job's only step, else 2
}
