package pvesim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// task is one piece of work with a UPID. It ends by itself at end: whoever
// looks at the cluster next settles what has come due.
type task struct {
	upid       string
	node       *Node
	pid        int
	pstart     int64
	start, end time.Time
	kind, id   string
	user, tok  string
	exit       string // what it will end with
	log        []string
	work       func(at time.Time) (exit string) // at its end; a text replaces exit
	done       bool
}

const keptTasks = 500 // a cluster forgets older ones, as PVE rotates its lists

// usualTime is how long a task of a kind takes on a real node.
var usualTime = map[string]time.Duration{
	"vzstart": 1500 * time.Millisecond, "vzstop": time.Second, "vzshutdown": 3500 * time.Millisecond,
	"vzreboot": 5 * time.Second, "vzcreate": 1500 * time.Millisecond, "vzdestroy": 800 * time.Millisecond,
	"vzmigrate": 12 * time.Second, "vzdump": 8 * time.Second,
}

// begin starts a task on a node. Its work happens when it ends.
func (c *Cluster) begin(n *Node, kind, id, who string, at time.Time, work func(at time.Time) string) *task {
	owner, tok, _ := strings.Cut(who, "!")
	c.nextPID += 7 + c.nextPID%13
	took := time.Duration(float64(usualTime[kind]) * c.sim.cfg.TaskTime * c.taskFactor(n))
	t := &task{
		node: n, pid: c.nextPID, pstart: int64(at.Sub(n.boot).Seconds() * 100), start: at, end: at.Add(took),
		kind: kind, id: id, user: owner, tok: tok, exit: "OK", work: work,
	}
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", n.spec.Name, t.pid, t.pstart&0xffffffff, at.Unix(), kind, id, who)
	c.tasks = append(c.tasks, t)
	c.forgetTasks()
	return t
}

// forgetTasks drops the oldest finished ones.
func (c *Cluster) forgetTasks() {
	if len(c.tasks) > keptTasks && c.tasks[0].done {
		c.tasks = append([]*task(nil), c.tasks[1:]...)
	}
}

// settle ends what has come due, in the order in which it ends.
func (c *Cluster) settle(at time.Time) {
	var due []*task
	for _, t := range c.tasks {
		if !t.done && !t.end.After(at) && !t.node.deadAt(t.end) {
			due = append(due, t)
		}
	}
	slices.SortStableFunc(due, func(a, b *task) int { return a.end.Compare(b.end) })
	for _, t := range due {
		t.done = true
		if t.work != nil {
			if exit := t.work(t.end); exit != "" {
				t.exit = exit
			}
		}
		last := "TASK OK"
		switch {
		case strings.HasPrefix(t.exit, "WARNINGS"):
			last = "TASK " + t.exit
		case t.exit != "OK":
			last = "TASK ERROR: " + t.exit
		}
		t.log = append(t.log, last)
	}
}

// visibleTo follows Proxmox's check_task_user: a token sees its own tasks, a
// user their own and those of their tokens.
func (t *task) visibleTo(who string) bool {
	if t.tok != "" && who == t.user+"!"+t.tok {
		return true
	}
	return who == t.user
}

func (t *task) common() obj {
	o := obj{
		{"upid", t.upid}, {"node", t.node.spec.Name}, {"pid", t.pid},
		{"starttime", t.start.Unix()}, {"type", t.kind}, {"id", t.id}, {"user", t.user},
	}
	return o.withIf(t.tok != "", "tokenid", t.tok)
}

// inClusterList is a row of /cluster/tasks: running ones have a pid and no
// status, finished ones a status and saved.
func (t *task) inClusterList() obj {
	if !t.done {
		return t.common()
	}
	o := obj{
		{"upid", t.upid}, {"node", t.node.spec.Name}, {"starttime", t.start.Unix()}, {"endtime", t.end.Unix()},
		{"type", t.kind}, {"id", t.id}, {"user", t.user}, {"status", t.exit}, {"saved", text("1")},
	}
	return o.withIf(t.tok != "", "tokenid", t.tok)
}

func (t *task) inNodeList() obj {
	o := t.common().with("pstart", t.pstart)
	if t.done {
		o = o.with("endtime", t.end.Unix()).with("status", t.exit)
	}
	return o
}

// finishedPerNode is how many finished tasks a node broadcasts.
const finishedPerNode = 25

// clusterTasks needs Sys.Audit on / for the tasks of others; a token without it
// sees nothing, not even its own.
func clusterTasks(cl *call) (any, error) {
	c := cl.cluster
	all := c.may(cl.who, "/", "Sys.Audit") && !c.faultOn("permission-lost", cl.via)
	list, finished := []obj{}, map[*Node]int{}
	var running []obj
	for i := len(c.tasks) - 1; i >= 0; i-- {
		t := c.tasks[i]
		if !all && t.user != cl.who || t.node.dead() {
			continue
		}
		if !t.done {
			running = append(running, t.inClusterList())
			continue
		}
		if finished[t.node]++; finished[t.node] <= finishedPerNode {
			list = append(list, t.inClusterList())
		}
	}
	rows := append(running, list...)
	if c.faultOn("odd-rows", cl.via) {
		rows = oddTasks(rows)
	}
	return rows, nil
}

func nodeTasks(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	audit := c.may(cl.who, "/nodes/"+cl.node.spec.Name, "Sys.Audit")
	source := args["source"]
	var rows []obj
	for i := len(c.tasks) - 1; i >= 0; i-- {
		t := c.tasks[i]
		if t.node != cl.node || !audit && !t.visibleTo(cl.who) || !t.matches(args) {
			continue
		}
		if source == "active" && t.done || (source == "" || source == "archive") && !t.done {
			continue
		}
		rows = append(rows, t.inNodeList())
	}
	start, limit := atoi(args["start"]), 50
	if v, there := args["limit"]; there {
		limit = atoi(v)
	}
	page := []obj{}
	if start < len(rows) {
		page = append(page, rows[start:min(start+limit, len(rows))]...)
	}
	return counted{page, len(rows)}, nil
}

func (t *task) matches(args map[string]string) bool {
	if v := args["vmid"]; v != "" && t.id != v {
		return false
	}
	if v := args["typefilter"]; v != "" && t.kind != v {
		return false
	}
	if v := args["userfilter"]; v != "" && !strings.Contains(t.user, v) {
		return false
	}
	if v := args["since"]; v != "" && t.start.Unix() < int64(atoi(v)) {
		return false
	}
	if v := args["until"]; v != "" && t.start.Unix() > int64(atoi(v)) {
		return false
	}
	if args["errors"] == "1" && (!t.done || t.exit == "OK") {
		return false
	}
	if v := args["statusfilter"]; v != "" {
		return slices.Contains(splitList(v), t.outcome())
	}
	return true
}

func (t *task) outcome() string {
	switch {
	case !t.done:
		return "unknown"
	case t.exit == "OK":
		return "ok"
	case strings.HasPrefix(t.exit, "WARNINGS"):
		return "warning"
	}
	return "error"
}

var upidForm = regexp.MustCompile(`^UPID:[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$`)

func (c *Cluster) findTask(cl *call) (*task, error) {
	upid := cl.args["upid"]
	if !upidForm.MatchString(upid) {
		return nil, badParam("upid", "unable to parse worker upid")
	}
	for _, t := range c.tasks {
		if t.upid == upid && t.node == cl.node {
			if !t.visibleTo(cl.who) && !c.may(cl.who, "/nodes/"+cl.node.spec.Name, "Sys.Audit") {
				return nil, forbidden("/nodes/"+cl.node.spec.Name, "Sys.Audit")
			}
			return t, nil
		}
	}
	return nil, nil
}

func taskStatus(cl *call) (any, error) {
	t, err := cl.cluster.findTask(cl)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, badParam("upid", "no such task")
	}
	o := t.common().with("pstart", t.pstart)
	if t.done {
		return o.with("status", "stopped").with("exitstatus", t.exit), nil
	}
	return o.with("status", "running"), nil
}

func taskLog(cl *call) (any, error) {
	t, err := cl.cluster.findTask(cl)
	if err != nil {
		return nil, err
	}
	lines := []string{"unable to open file - No such file or directory"}
	if t != nil {
		lines = t.log
	}
	if t != nil && len(lines) == 0 {
		lines = []string{"no content"}
	}
	start, limit := atoi(cl.args["start"]), 50
	if v, there := cl.args["limit"]; there {
		limit = atoi(v)
	}
	if limit == 0 {
		limit = len(lines)
	}
	list := []obj{}
	for i := start; i < min(start+limit, len(lines)); i++ {
		list = append(list, obj{{"n", i + 1}, {"t", lines[i]}})
	}
	return counted{list, len(lines)}, nil
}
