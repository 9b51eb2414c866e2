package pvesim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var upidParam = str("upid")

var taskEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/tasks", perm: anybody, onNode: true, serve: nodeTasks, params: []param{
		nodeParam, optInt("start").from(0), optInt("limit").from(0), optStr("userfilter"), optStr("typefilter"),
		vmidParam.mayMiss(), optBool("errors"), optStr("source").of("archive", "active", "all"),
		optInt("since"), optInt("until"), optStr("statusfilter").as("pve-task-status-type-list"),
	}},
	{method: "GET", path: "/nodes/{node}/tasks/{upid}", perm: anybody, serve: taskIndex, params: []param{nodeParam, upidParam}},
	{method: "DELETE", path: "/nodes/{node}/tasks/{upid}", perm: anybody, onNode: true, protected: true, serve: stopTask, params: []param{nodeParam, upidParam}},
	{method: "GET", path: "/nodes/{node}/tasks/{upid}/status", perm: anybody, onNode: true, protected: true, serve: taskStatus, params: []param{nodeParam, upidParam}},
	{method: "GET", path: "/nodes/{node}/tasks/{upid}/log", perm: anybody, onNode: true, protected: true, serve: taskLog, params: []param{
		nodeParam, upidParam, optInt("start").from(0), optInt("limit").from(0), optBool("download"),
	}},
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

// inNodeList is a row of a node's own list, where running ones have a word for
// that.
func (t *task) inNodeList() obj {
	o := t.common().with("pstart", t.pstart)
	if !t.done {
		return o.with("status", "RUNNING")
	}
	return o.with("endtime", t.end.Unix()).with("status", t.exit)
}

const (
	toldTasks    = 25  // a node tells the others of its running tasks and of finished ones up to so many
	toldAtMost   = 140 // about what fits into the 32 KiB that it may tell
	usualLimit   = 50
	stopTaskTime = time.Second // PVE looks after a second whether the task has ended
)

// told are the tasks that a node tells the others of: running ones, then
// finished ones, each with the newest start first.
func (n *Node) told() []*task {
	list := make([]*task, 0, toldTasks)
	for i := len(n.active) - 1; i >= 0 && len(list) < toldAtMost; i-- {
		list = append(list, n.active[i])
	}
	running := len(list)
	for i := len(n.archive) - 1; i >= 0 && len(list) < toldTasks; i-- {
		list = append(list, n.archive[i])
	}
	slices.SortStableFunc(list[running:], func(a, b *task) int { return b.start.Compare(a.start) })
	return list
}

// clusterTasks needs Sys.Audit on / for the tasks of others; a token without it
// sees nothing, not even its own. The nodes come in no order.
func clusterTasks(cl *call) (any, error) {
	c := cl.cluster
	all := c.may(cl.who, "/", "Sys.Audit") && !c.faultOn("permission-lost", cl.via)
	nodes := slices.Clone(c.nodes)
	shuffle(nodes)
	var list []*task
	for _, n := range nodes {
		if n.dead() {
			continue
		}
		for _, t := range n.told() {
			if all || t.user == cl.who {
				list = append(list, t)
			}
		}
	}
	rows := make([]obj, 0, len(list))
	for _, t := range list {
		rows = append(rows, t.inClusterList())
	}
	if c.faultOn("odd-rows", cl.via) {
		rows = oddTasks(rows)
	}
	return rows, nil
}

// nodeTasks lists finished ones, newest end first, and running ones where they
// are asked for.
func nodeTasks(cl *call) (any, error) {
	c, args, n := cl.cluster, cl.args, cl.node
	audit := c.may(cl.who, "/nodes/"+n.spec.Name, "Sys.Audit")
	source := args["source"]
	var found []*task
	add := func(list []*task) {
		for i := len(list) - 1; i >= 0; i-- {
			if t := list[i]; (audit || t.visibleTo(cl.who)) && t.matches(args) {
				found = append(found, t)
			}
		}
	}
	if source == "active" || source == "all" {
		add(n.active)
	}
	if source != "active" {
		add(n.archive)
	}
	from, to := window(args, len(found), usualLimit)
	page := []obj{}
	for _, t := range found[from:to] {
		page = append(page, t.inNodeList())
	}
	return counted{page, len(found)}, nil
}

// window is the part of a list that start and limit ask for.
func window(args map[string]string, count, limit int) (from, to int) {
	if v, there := args["limit"]; there {
		limit = atoi(v)
	}
	from = min(atoi(args["start"]), count)
	return from, min(from+limit, count)
}

func (t *task) matches(args map[string]string) bool {
	switch {
	case args["vmid"] != "" && t.id != args["vmid"],
		args["typefilter"] != "" && t.kind != args["typefilter"],
		args["userfilter"] != "" && !strings.Contains(strings.ToLower(t.user), strings.ToLower(args["userfilter"])),
		args["since"] != "" && t.start.Unix() < int64(atoi(args["since"])),
		args["until"] != "" && t.start.Unix() > int64(atoi(args["until"])):
		return false
	case args["statusfilter"] != "": // before errors, which it makes of no account
		return slices.Contains(splitList(strings.ToLower(args["statusfilter"])), t.outcome())
	case args["errors"] == "1": // a running one counts, as its end is unknown, and so do warnings
		return t.outcome() != "ok"
	}
	return true
}

func (t *task) outcome() string {
	switch {
	case !t.done, t.exit == "unexpected status":
		return "unknown"
	case t.exit == "OK":
		return "ok"
	case strings.HasPrefix(t.exit, "WARNINGS"):
		return "warning"
	}
	return "error"
}

var upidForm = regexp.MustCompile(`^UPID:[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$`)

// findTask is nil without an error where PVE has no such log any more.
func (c *Cluster) findTask(cl *call) (*task, error) {
	upid := cl.args["upid"]
	if !upidForm.MatchString(upid) {
		return nil, badParam("upid", "unable to parse worker upid")
	}
	t := c.tasks[upid]
	if t == nil || t.node != cl.node || t.done && c.taskFault(t, "task-log-rotated") != nil {
		return nil, nil
	}
	return t, nil
}

// existingTask is for the calls that refuse a task of which there is no log.
func (c *Cluster) existingTask(cl *call, priv string) (*task, error) {
	t, err := c.findTask(cl)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, badParam("upid", "no such task")
	}
	return t, cl.ownOr(priv)
}

// ownOr wants a privilege on the node for tasks of others. Whose a task is
// stands in its UPID.
func (cl *call) ownOr(priv string) error {
	parts := strings.Split(cl.args["upid"], ":")
	owner, token, _ := strings.Cut(parts[len(parts)-2], "!")
	path := "/nodes/" + cl.node.spec.Name
	if (&task{user: owner, tok: token}).visibleTo(cl.who) || cl.cluster.may(cl.who, path, priv) {
		return nil
	}
	return forbidden(path, priv)
}

func taskIndex(cl *call) (any, error) {
	return []obj{{{"name", "log"}}, {{"name", "status"}}}, nil
}

func taskStatus(cl *call) (any, error) {
	t, err := cl.cluster.existingTask(cl, "Sys.Audit")
	if err != nil {
		return nil, err
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
	if err := cl.ownOr("Sys.Audit"); err != nil {
		return nil, err
	}
	lines := []string{"unable to open file - No such file or directory"}
	if t != nil {
		lines = t.log
	}
	if _, paged := cl.args["start"]; cl.args["download"] == "1" && (paged || cl.args["limit"] != "") {
		return nil, failed("'download' cannot be used together with 'start' or 'limit' parameters")
	}
	if cl.args["download"] == "1" {
		return t.file(cl, lines)
	}
	if t != nil && len(lines) == 0 {
		lines = []string{"no content"}
	}
	limit := usualLimit
	if cl.args["limit"] == "0" {
		limit = len(lines)
		delete(cl.args, "limit")
	}
	from, to := window(cl.args, len(lines), limit)
	list := []obj{}
	for i := from; i < to; i++ {
		list = append(list, obj{{"n", i + 1}, {"t", lines[i]}})
	}
	return counted{list, len(lines)}, nil
}

// file is a log to be saved as a text.
func (t *task) file(cl *call, lines []string) (any, error) {
	if t == nil {
		return nil, badParam("upid", "no such task")
	}
	name := fmt.Sprintf("task-%s-%s-%s.log", cl.node.spec.Name, t.kind, t.start.UTC().Format("2006-01-02T15:04:05Z"))
	return download{name: name, body: strings.Join(lines, "\n") + "\n"}, nil
}

// stopTask ends a running task; one that is over already is no error.
func stopTask(cl *call) (any, error) {
	c := cl.cluster
	t, err := c.existingTask(cl, "Sys.Modify")
	if err != nil {
		return nil, err
	}
	if t.done {
		return nil, nil
	}
	t.stop(cl.at)
	return slow{nil, c.sim.scaled(stopTaskTime)}, nil
}
