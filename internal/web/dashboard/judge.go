package dashboard

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/job"
)

// The browser has no rules of its own. What can be done to a container and, for
// what cannot, the sentence that says why is judged here by fleet's table. Few
// containers of a fleet differ in that, so a row carries only the number of its
// judgement, and the page has each judgement and each sentence once.

// nameHere and vmidHere stand in a sentence for the container's name and VMID.
const (
	nameHere = "\x01"
	vmidHere = "\x02"
)

// judgement is what can be done to containers of one kind.
type judgement struct {
	n int
	// Doing is what is being done to it, as its card says: "Starting"; empty: nothing.
	Doing string
	// Why has for each action of the table the number of the reason against it, from 1; 0: it can be had.
	Why []int
}

// reason is why an action cannot be had.
type reason struct {
	Sentence string // with nameHere and vmidHere
	// Counted follows a number of containers: "3 running already".
	Counted string
}

// judge numbers judgements and reasons. It only grows, so that what a browser
// has of it stays right; an owner's states of one epoch share one.
type judge struct {
	mu       sync.Mutex
	byKey    map[string]*judgement
	all      []*judgement
	reasons  []reason
	byReason map[reason]int
}

// judgeFull is how many judgements a judge may have before a new epoch begins.
const judgeFull = 3000

func newJudge() *judge {
	return &judge{byKey: map[string]*judgement{}, byReason: map[reason]int{}}
}

// extent is how much of a judge a state knows.
type extent struct{ judgements, reasons int }

func (j *judge) extent() extent {
	j.mu.Lock()
	defer j.mu.Unlock()
	return extent{len(j.all), len(j.reasons)}
}

// kind is all of a container that its judgement depends on.
type kind struct {
	status   fleet.Status
	stale    bool
	template bool
	lock     string
	node     string
	vmid     fleet.VMID // only where the token has privileges of its own on it
	busy     fleet.Busy
}

// bench judges the containers of one picture; those of one kind once.
type bench struct {
	judge *judge
	c     *fleet.ClusterPicture
	kinds map[kind]*judgement
}

func (j *judge) bench(c *fleet.ClusterPicture) bench { return bench{j, c, map[kind]*judgement{}} }

// of is the judgement of a container, with what is being done to it; nil: nothing.
func (b bench) of(c fleet.Container, busy *fleet.Busy) *judgement {
	k := kind{status: c.Status, stale: c.Stale, template: c.Template, lock: c.Lock, node: c.Node}
	if busy != nil {
		k.busy = *busy
		k.busy.Since = time.Time{} // no sentence tells it, and no two containers share it
	}
	if b.c.Rights != nil {
		if _, own := b.c.Rights.Permissions["/vms/"+c.ID.VMID.String()]; own {
			k.vmid = c.ID.VMID
		}
	}
	if known := b.kinds[k]; known != nil {
		return known
	}
	path := "/vms/" + c.ID.VMID.String()
	c.Hostname = nameHere
	refusals := fleet.JudgeAll(b.c, c, busy)
	for i := range refusals {
		refusals[i].Why = strings.ReplaceAll(refusals[i].Why, path, "/vms/"+vmidHere)
	}
	made := b.judge.take(doingOf(busy), refusals)
	b.kinds[k] = made
	return made
}

func doingOf(b *fleet.Busy) string {
	switch {
	case b == nil:
		return ""
	case b.Waiting:
		return "Waiting"
	}
	return b.Doing
}

// take finds or makes the judgement with those reasons.
func (j *judge) take(doing string, refusals []fleet.Refusal) *judgement {
	j.mu.Lock()
	defer j.mu.Unlock()
	made := &judgement{n: len(j.all), Doing: doing, Why: make([]int, len(refusals))}
	rules := fleet.ActionRules()
	for i, r := range refusals {
		if r.None() {
			continue
		}
		said := reason{r.Why, counted(rules[i], r.Code)}
		n, known := j.byReason[said]
		if !known {
			j.reasons = append(j.reasons, said)
			n = len(j.reasons)
			j.byReason[said] = n
		}
		made.Why[i] = n
	}
	key, err := json.Marshal(made)
	if err != nil {
		return made // a string and numbers always encode
	}
	if known := j.byKey[string(key)]; known != nil {
		return known
	}
	j.byKey[string(key)] = made
	j.all = append(j.all, made)
	return made
}

// counted follows the number of containers to which a refusal belongs.
func counted(rule fleet.ActionRule, code string) string {
	switch code {
	case "state":
		switch rule.Action {
		case fleet.ActStart:
			return "not stopped"
		case fleet.ActResume:
			return "not suspended"
		}
		return "not running"
	case "busy":
		return "busy"
	case "lock":
		return "locked"
	case "template":
		return "a template"
	case "stale", "unreachable":
		return "out of reach"
	case "privilege":
		return "beyond the token's privileges"
	case "quorum":
		return "without quorum"
	}
	return "in an unknown state"
}

// append writes what a browser that knows up to from lacks: the reasons and the
// judgements, each list beginning at its from; nothing when there is nothing new.
func (j *judge) append(b []byte, from, to extent) []byte {
	if from == to {
		return b
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	b = append(b, `,"judge":{"at":[`...)
	b = appendInts(b, int64(from.reasons), int64(from.judgements))
	b = append(b, `],"why":[`...)
	for i, r := range j.reasons[from.reasons:to.reasons] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendStrings(b, []string{r.Sentence, r.Counted})
	}
	b = append(b, `],"of":[`...)
	for i, one := range j.all[from.judgements:to.judgements] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = appendString(b, one.Doing)
		for _, n := range one.Why {
			b = append(b, ',')
			b = appendInts(b, int64(n))
		}
		b = append(b, ']')
	}
	return append(b, `]}`...)
}

// sentences are the reasons of each judgement, by the actions of the table.
func (j *judge) sentences() [][]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([][]string, len(j.all))
	for i, one := range j.all {
		out[i] = make([]string, len(one.Why))
		for a, n := range one.Why {
			if n > 0 {
				out[i][a] = j.reasons[n-1].Sentence
			}
		}
	}
	return out
}

// ending is the last action on a container, when it ended badly and nobody dismissed it.
type ending struct {
	Job  job.ID
	N    int
	Text string // "Start failed: Proxmox says …"
}

// work is what an owner's jobs do to containers now.
type work struct {
	board *job.Board
	busy  map[fleet.ContainerID]fleet.Busy
}

func (w work) busyOf(id fleet.ContainerID) *fleet.Busy {
	if b, ok := w.busy[id]; ok {
		return &b
	}
	return nil
}

func (w work) endingOf(id fleet.ContainerID) *ending {
	s, ok := w.board.Bad[id.String()]
	if !ok {
		return nil
	}
	what := s.Kind
	if rule, ok := fleet.RuleOf(fleet.Action(s.Kind)); ok {
		what = rule.Title
	}
	how := " failed"
	if s.State == job.Unknown {
		how = ": the outcome is not known"
	}
	text := what + how
	switch {
	case s.Detail == "":
		text += "."
	case s.State == job.Unknown:
		text += ". " + s.Detail
	default:
		text += ": " + s.Detail
	}
	return &ending{s.Job, s.N, text}
}

// marks says what work there is on each cluster, so that an unchanged one keeps its rows.
func (w work) marks() map[fleet.ClusterID]string {
	parts := map[fleet.ClusterID][]string{}
	note := func(subject string, s job.Step) {
		cluster, vmid, _ := strings.Cut(subject, "/")
		id := fleet.ClusterID(cluster)
		parts[id] = append(parts[id], strings.Join([]string{vmid, string(s.State), s.Kind, string(s.Job), s.Detail}, " "))
	}
	for subject, s := range w.board.Busy {
		s.Detail = "" // what it is doing now is not on the card
		note(subject, s)
	}
	for subject, s := range w.board.Bad {
		note(subject, s)
	}
	out := make(map[fleet.ClusterID]string, len(parts))
	for id, all := range parts {
		slices.Sort(all)
		out[id] = strings.Join(all, "\n")
	}
	return out
}
