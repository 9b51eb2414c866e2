package pve

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// TaskStatus is how far a task is.
type TaskStatus struct {
	UPID    UPID
	Running bool
	// Exit is Proxmox's word for the end: "OK", "WARNINGS: 2" or the error, one
	// clean line. Empty while it runs. ExplainExit makes sentences of it.
	Exit string
	// OK: it ended well; warnings are no failure.
	OK        bool
	Warnings  int
	StartedAt time.Time
	User      string // user@realm
	Token     string // name of the token that started it; empty for a person's login
}

// OnlyRequested reports whether the task's end says no more than that the
// cluster's HA was asked: the work itself comes later.
func (u UPID) OnlyRequested() bool { return strings.HasPrefix(u.Type, "ha") }

// TaskStatus asks the task's own node (GET /nodes/{node}/tasks/{upid}/status).
// One's own tasks need no privilege, those of others Sys.Audit on the node. A
// task that Proxmox does not know (any more) is a Forgotten problem.
func (c *Client) TaskStatus(ctx context.Context, u UPID) (TaskStatus, error) {
	call, err := getTask("reading the state of a task", u, "status")
	if err != nil {
		return TaskStatus{}, err
	}
	v, err := c.tree(ctx, call)
	if p := problem.Of(err); p != nil && isStatus(err, http.StatusBadRequest) && strings.Contains(p.Fields["upid"], "no such task") {
		return TaskStatus{}, forgotten(p, "Proxmox does not know the task that was "+u.about().doing+" any more.")
	}
	if err != nil {
		return TaskStatus{}, err
	}
	s := TaskStatus{UPID: u, StartedAt: u.StartedAt, User: v.get("user").line(), Token: v.get("tokenid").line()}
	switch v.get("status").raw() {
	case "running":
		s.Running = true
	case "stopped":
		s.Exit = v.get("exitstatus").line()
		s.Warnings, s.OK = exitOK(s.Exit)
	default:
		return TaskStatus{}, c.oddAnswer(call.doing)
	}
	if s.User == "" {
		s.User, s.Token, _ = strings.Cut(u.User, "!")
	}
	return s, nil
}

func forgotten(p *problem.Problem, what string) error {
	return &problem.Problem{Kind: problem.Forgotten, Node: p.Node, Proxmox: p.Proxmox, Err: p.Err, What: what,
		Remedy: "A node keeps its newest thousand or so tasks; those before are dropped. What Berth had read by then is kept."}
}

// LogLine is one line of a task's log.
type LogLine struct {
	N    int    // from 1
	Text string // as Visible makes it
}

// maxLogPage is how many lines one call reads at most.
const maxLogPage = 5000

// TaskLog reads up to limit lines of a task's log from line start+1 on (GET
// /nodes/{node}/tasks/{upid}/log); 0 and anything above 5000 are 5000. It gives
// also how many there are by now. Past the end, and while nothing is written yet,
// there are none. Privileges are those of TaskStatus. Whoever wants it whole
// reads the status first, then the log: an ended task writes no more. A log that
// was rotated away, or never was, is a Forgotten problem.
func (c *Client) TaskLog(ctx context.Context, u UPID, start, limit int) (lines []LogLine, total int, err error) {
	call, err := getTask("reading the log of a task", u, "log")
	if err != nil {
		return nil, 0, err
	}
	start = max(start, 0)
	if limit <= 0 || limit > maxLogPage {
		limit = maxLogPage
	}
	call.params = params{"start": strconv.Itoa(start), "limit": strconv.Itoa(limit)}
	call.limit = maxListBytes
	var l List[LogLine]
	err = c.do(ctx, call, func(body io.Reader) (err error) {
		r := newReader(body)
		r.maxString = maxLine + utf8.UTFMax // more than Visible leaves, so that it says what was cut
		l, err = readListOf(r, logRow)
		return err
	})
	if p := problem.Of(err); p != nil && isStatus(err, http.StatusBadRequest) && strings.Contains(p.Fields["upid"], "no such task") {
		return nil, 0, forgotten(p, "Proxmox does not have the log of the task that was "+u.about().doing+" any more.")
	}
	if err != nil {
		return nil, 0, err
	}
	if said, ok := stopgap(l); ok {
		if said == noContent {
			return nil, 0, nil
		}
		p := &problem.Problem{Node: u.Node, Proxmox: words(said)}
		return nil, 0, forgotten(p, "Proxmox does not have the log of the task that was "+u.about().doing+" any more.")
	}
	if len(l.Rows) > limit {
		l.Rows = l.Rows[:limit]
	}
	return l.Rows, max(l.Total, start+len(l.Rows)), nil
}

const noContent = "no content"

// stopgap finds the one line that PVE::Tools::dump_logfile gives instead of a
// log: for an empty file, and for one that it cannot open. It is numbered 1
// wherever the page begins.
func stopgap(l List[LogLine]) (said string, ok bool) {
	if len(l.Rows) != 1 || l.Rows[0].N != 1 || l.Total > 1 {
		return "", false
	}
	said = l.Rows[0].Text
	return said, said == noContent || strings.HasPrefix(said, "unable to open file - ")
}

func logRow(v value) (LogLine, bool) {
	n, ok := v.get("n").int()
	return LogLine{N: int(n), Text: Visible(strings.TrimRight(v.get("t").raw(), "\r\n"))}, ok && n > 0
}

// getTask is a read about one task, from its own node.
func getTask(doing string, u UPID, path ...string) (call, error) {
	if again, err := ParseUPID(u.String()); err != nil || again.Node != u.Node {
		return call{}, problem.New(problem.Invalid, "This is not the name of a task.", "")
	}
	return getNode(doing, u.Node, append([]string{"tasks", u.String()}, path...)...)
}

// TaskFilter narrows NodeTasks; the zero value is the 50 newest ended ones.
type TaskFilter struct {
	VMID    fleet.VMID // 0: any
	Type    string     // "vzstart"; empty: any
	Since   time.Time  // started at or after it
	Failed  bool       // only those that ended badly
	Running bool       // also those that run
	Start   int        // to leave out, for the next page
	Limit   int        // 0: Proxmox's 50; at most 1000
}

// NodeTasks lists a node's tasks, the newest first (GET /nodes/{node}/tasks);
// Total is how many fit the filter. One's own need no privilege, those of others
// Sys.Audit on the node. Proxmox keeps about a thousand ended ones a node.
func (c *Client) NodeTasks(ctx context.Context, node string, f TaskFilter) (List[Task], error) {
	call, err := getNode("reading the tasks of "+node, node, "tasks")
	if err != nil {
		return List[Task]{}, err
	}
	p := params{}
	if f.VMID != 0 {
		p["vmid"] = f.VMID.String()
	}
	if f.Type != "" {
		p["typefilter"] = f.Type
	}
	if !f.Since.IsZero() {
		p["since"] = strconv.FormatInt(f.Since.Unix(), 10)
	}
	if f.Failed {
		p["errors"] = flag(true)
	}
	if f.Running {
		p["source"] = "all"
	}
	if f.Start > 0 {
		p["start"] = strconv.Itoa(f.Start)
	}
	if f.Limit > 0 {
		p["limit"] = strconv.Itoa(min(f.Limit, 1000))
	}
	call.params = p
	return list(ctx, c, call, taskRow)
}
