package pvesim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// task is one piece of work with a UPID: a plan whose steps are taken in their
// time.
type task struct {
	cluster    *Cluster
	upid       string
	node       *Node
	pid        int
	pstart     int64
	start, end time.Time
	kind, id   string
	user, tok  string
	exit       string // of a finished one
	log        []string
	done       bool

	plan    []step
	factor  float64       // on the time of each step
	timer   *event        // its next step, or the end of its waiting for a lock
	holds   bool          // the configuration lock of its container
	waits   bool          // for that lock
	left    time.Duration // until a fault lets it die in mid work
	doomed  bool
	doom    string                           // the words to die with, where a fault gives them
	broken  func(at time.Time) (exit string) // what dying in mid work leaves, and with which words
	stopped func(at time.Time)               // what being stopped from outside leaves

	stoppedWith func(t *task, at time.Time) string
}

// step is a part of a task's work.
type step struct {
	takes time.Duration                             // before it is done, on a real node
	lock  bool                                      // wait for the container's configuration lock
	when  func() bool                               // false leaves it out
	do    func(t *task, at time.Time) (exit string) // "" goes on, "OK" is an early end, anything else the task's error
}

// work is what a task of some kind does.
type work struct {
	plan    []step
	broken  func(at time.Time) string
	stopped func(at time.Time)

	stoppedWith func(t *task, at time.Time) string // the words to end with then, where they are not the usual ones
}

const (
	keptTasks = 2000             // finished ones that a node remembers, as PVE rotates its lists
	lockWait  = 10 * time.Second // PVE waits so long for a lock file
)

// usualTime is how long a task of a kind takes on a real node.
var usualTime = map[string]time.Duration{
	"vzstart": 1500 * time.Millisecond, "vzstop": time.Second, "vzshutdown": 3500 * time.Millisecond,
	"vzcreate": 1500 * time.Millisecond, "vzdestroy": 800 * time.Millisecond, "vzdump": 8 * time.Second,
	"imgdel":  300 * time.Millisecond,
	"vzclone": 1500 * time.Millisecond, "vzsnapshot": 500 * time.Millisecond, "resize": 500 * time.Millisecond, "move_volume": 2 * time.Second,
	"vzsuspend": 2 * time.Second, "vzresume": 2 * time.Second,
}

// begin starts a task on a node.
func (c *Cluster) begin(n *Node, kind, id, who string, at time.Time, w work) *task {
	owner, tok, _ := strings.Cut(who, "!")
	c.nextPID += 7 + c.nextPID%13
	t := &task{
		cluster: c, node: n, pid: c.nextPID, pstart: int64(at.Sub(n.boot).Seconds() * 100), start: at,
		kind: kind, id: id, user: owner, tok: tok, plan: w.plan, broken: w.broken, stopped: w.stopped, stoppedWith: w.stoppedWith,
		factor: c.sim.cfg.TaskTime * c.taskFactor(n),
	}
	t.upid = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", n.spec.Name, t.pid, t.pstart&0xffffffff, at.Unix(), kind, id, who)
	c.tasks[t.upid] = t
	n.active = append(n.active, t)
	n.work.began(kind)
	t.afflict()
	t.advance(at)
	return t
}

// vmid of the task's container, or 0.
func (t *task) vmid() int { return atoi(t.id) }

func (t *task) say(format string, args ...any) { t.log = append(t.log, fmt.Sprintf(format, args...)) }

func (t *task) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * t.factor) }

// advance takes the next step once its time has come.
func (t *task) advance(at time.Time) {
	t.timer = nil
	for !t.done {
		if len(t.plan) == 0 {
			t.finish(at, "OK")
			return
		}
		s := &t.plan[0]
		if s.when != nil && !s.when() {
			t.plan = t.plan[1:]
			continue
		}
		if s.lock {
			if !t.acquire(at) {
				return
			}
			s.lock = false
		}
		if takes := t.scaled(s.takes); takes > 0 {
			s.takes = 0
			if t.doomed && takes > t.left {
				t.timer = t.later(at.Add(t.left), t.die)
				return
			}
			t.left -= takes
			t.timer = t.later(at.Add(takes), t.advance)
			return
		}
		do := s.do
		t.plan = t.plan[1:]
		if do == nil {
			continue
		}
		if exit := do(t, at); exit != "" {
			t.finish(at, exit)
		}
	}
}

// later does something unless the task is over or its node is dead by then.
func (t *task) later(at time.Time, do func(time.Time)) *event {
	return t.cluster.due(at, func(at time.Time) {
		if !t.done && !t.node.deadAt(at) {
			do(at)
		}
	})
}

// die ends a task in mid work, as the fault task-fails-at-60 wants it.
func (t *task) die(at time.Time) {
	exit := "received interrupt"
	if t.broken != nil {
		exit = t.broken(at)
	}
	if t.doom != "" {
		exit = t.doom
	}
	t.finish(at, exit)
}

// finish writes the last line and lets go of what the task holds.
func (t *task) finish(at time.Time, exit string) {
	if t.done {
		return
	}
	t.done, t.end, t.exit, t.plan = true, at, exit, nil
	if t.timer != nil {
		t.timer.dropped = true
	}
	last := "TASK OK"
	switch {
	case strings.HasPrefix(exit, "WARNINGS"):
		last = "TASK " + exit
	case exit != "OK":
		last = "TASK ERROR: " + exit
	}
	t.log = append(t.log, last)
	n := t.node
	n.active = slices.DeleteFunc(n.active, func(o *task) bool { return o == t })
	n.archive = append(n.archive, t)
	n.work.ended(t.kind)
	if len(n.archive) > keptTasks {
		delete(t.cluster.tasks, n.archive[0].upid)
		n.archive[0] = nil
		n.archive = n.archive[1:]
	}
	t.cluster.release(t, at)
}

// lost is the end of a task whose node died under it.
func (t *task) lost(at time.Time) {
	if t.timer != nil {
		t.timer.dropped = true
	}
	t.finish(at, "unexpected status")
	t.log = t.log[:len(t.log)-1]
}

// stop is what DELETE of a task does.
func (t *task) stop(at time.Time) {
	if t.stopped != nil {
		t.stopped(at)
	}
	exit := "received interrupt"
	if t.stoppedWith != nil {
		exit = t.stoppedWith(t, at)
	}
	t.finish(at, exit)
}

// acquire takes the lock file of the task's container; false while another has
// it. It writes what Proxmox writes when it has to wait.
func (t *task) acquire(at time.Time) bool {
	c, vmid := t.cluster, t.vmid()
	l := c.locks[vmid]
	if (l == nil || l.holder == nil) && !c.lockHeld(t.node, vmid) {
		if t.waits {
			t.waits = false
			t.say(" OK")
		}
		if l == nil {
			l = &configLock{}
			c.locks[vmid] = l
		}
		l.holder, t.holds = t, true
		return true
	}
	if t.waits {
		return false
	}
	t.waits = true
	t.say("trying to acquire lock...")
	if l == nil {
		l = &configLock{}
		c.locks[vmid] = l
	}
	l.waiting = append(l.waiting, t)
	t.timer = t.later(at.Add(c.sim.scaled(lockWait)), func(at time.Time) { t.finish(at, lockTimeout(vmid)) })
	return false
}

// configLock is the lock file of a container's configuration.
type configLock struct {
	holder  *task
	waiting []*task // first come, first served
}

func lockTimeout(vmid int) string {
	return fmt.Sprintf("can't lock file '/run/lock/lxc/pve-config-%d.lock' - got timeout", vmid)
}

// release hands the lock on.
func (c *Cluster) release(t *task, at time.Time) {
	vmid := t.vmid()
	l := c.locks[vmid]
	if l == nil {
		return
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(o *task) bool { return o == t })
	if l.holder == t {
		l.holder, t.holds = nil, false
	}
	c.wake(vmid, at)
}

// wake lets the first waiting task have the lock, where nobody has it now.
func (c *Cluster) wake(vmid int, at time.Time) {
	l := c.locks[vmid]
	if l == nil || l.holder != nil {
		return
	}
	if len(l.waiting) == 0 {
		delete(c.locks, vmid)
		return
	}
	next := l.waiting[0]
	if c.lockHeld(next.node, vmid) {
		return
	}
	l.waiting = l.waiting[1:]
	if next.timer != nil {
		next.timer.dropped = true
	}
	next.advance(at)
}

// lockBusy reports whether somebody else has the lock file of a container.
func (c *Cluster) lockBusy(n *Node, vmid int) bool {
	l := c.locks[vmid]
	return l != nil && l.holder != nil || c.lockHeld(n, vmid)
}
