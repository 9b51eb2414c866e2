package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// FaultTarget says whom a fault hits and how.
type FaultTarget struct {
	Cluster string            // required
	Node    string            // "" for every member
	VMID    int               // 0 for every container; only for faults that hit containers
	Times   int               // so often, then it is over; 0 until undone; only for faults that can be counted
	Params  map[string]string // by fault: see Faults
}

// FaultInfo describes one fault of the table.
type FaultInfo struct {
	Name   string            `json:"name"`
	What   string            `json:"what"`
	Params map[string]string `json:"params,omitempty"`
	// PerContainer says that the fault takes a VMID and a number of times.
	PerContainer bool `json:"perContainer,omitempty"`
}

// ActiveFault is a fault that is set.
type ActiveFault struct {
	ID      int               `json:"id"`
	Name    string            `json:"name"`
	Cluster string            `json:"cluster"`
	Node    string            `json:"node,omitempty"`
	VMID    int               `json:"vmid,omitempty"`
	Times   int               `json:"times,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
	Since   time.Time         `json:"since"`
}

type activeFault struct {
	ActiveFault
	cluster *Cluster
	node    *Node
	done    chan struct{} // closed when undone
	held    heldCalls
	undo    func()
	used    atomic.Int64
	spent   atomic.Bool // all its times are used up
}

type faultKind struct {
	FaultInfo
	set func(f *activeFault) (undo func(), err error) // nil where the name alone is asked for
}

const onlyParam = "only answers whose path begins so, as in /cluster/resources; without it all"

// faultTable is filled in init, since its functions reach the table of
// endpoints that asks for faults.
var faultTable []faultKind

func init() {
	faultTable = []faultKind{
		{FaultInfo{Name: "node-dead", What: "the node is gone: its own address is silent, others say 595 No route to host after 3 s, it turns offline after 5 to 10 s, its containers stay as last broadcast and become unknown after five minutes; undone, it has rebooted", Params: map[string]string{
			"after": "until it is offline; default 7s times TaskTime", "shape": "of its containers: frozen (default), stopped or unknown", "own": "silent (default) or refused", "delay": "of the 595; default 3s times TaskTime"}}, setNodeDead},
		{FaultInfo{Name: "node-unknown", What: "as node-dead five minutes on: containers are unknown without a name at once"}, setNodeDead},
		{FaultInfo{Name: "node-daemon-down", What: "the node runs but its proxy does not: own address refuses, others say 595 Connection refused at once"}, setDaemonDown},
		{FaultInfo{Name: "pvedaemon-down", What: "the node's proxy answers, its daemon does not: protected calls are 595 Connection refused"}, nil},
		{FaultInfo{Name: "pvedaemon-frozen", What: "protected calls are 596 Connection timed out after 30 s", Params: map[string]string{"delay": "default 30s times TaskTime"}}, nil},
		{FaultInfo{Name: "slow", What: "every answer comes late", Params: map[string]string{"delay": "default 2s"}}, nil},
		{FaultInfo{Name: "hang-after-accept", What: "connections are taken and nothing is said; through others 596 Connection timed out after 30 s", Params: map[string]string{"stage": "accept (default) or request: after TLS and the whole request", "delay": "of the 596"}}, setDropping},
		{FaultInfo{Name: "held", What: "one kind of call stays without an answer until the fault ends, which closes its connection; /requests counts those that are held", Params: map[string]string{
			"call": "as /requests names it, such as POST /access/ticket", "stage": "before (default): nothing was done, or after: it was done and is not told", "pass": "so many are let through first; default 0"}}, setHeld},
		{FaultInfo{Name: "half-answer", What: "the body stops in the middle and the connection closes", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "huge-answer", What: "a well-formed list that does not end for 10 GB", Params: map[string]string{"path": onlyParam, "bytes": "default 10737418240"}}, nil},
		{FaultInfo{Name: "gzip-bomb", What: "a small compressed answer that is 1 GB of blanks", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "garbage-json", What: "200 with a body that is no JSON", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "error-500", What: "500 with a text of Proxmox's", Params: map[string]string{"path": onlyParam, "message": "the text"}}, nil},
		{FaultInfo{Name: "redirect", What: "302 to somewhere else", Params: map[string]string{"path": onlyParam, "to": "the address; default https://127.0.0.1:9/"}}, nil},
		{FaultInfo{Name: "odd-rows", What: "strings for numbers, nulls, missing keys, unknown types and fields in the lists of resources, members and tasks"}, nil},
		{FaultInfo{Name: "list-steps-back", What: "in every other second /cluster/resources tells of an older broadcast than before, as two caches on top of each other do"}, nil},
		{FaultInfo{Name: "no-quorum", What: "the cluster has no quorum: what writes its files fails after 10 s"}, nil},
		{FaultInfo{Name: "ticket-expired", What: "every ticket is refused, for renewal too"}, nil},
		{FaultInfo{Name: "token-revoked", What: "every token is refused"}, nil},
		{FaultInfo{Name: "permission-lost", What: "everybody but root's ticket calls finds privileges gone: declared checks fail, lists are empty"}, nil},
		{FaultInfo{Name: "cert-renewed", What: "a new leaf under the same CA and name; undone, the old one is back"}, setCertRenewed},
		{FaultInfo{Name: "ca-changed", What: "another CA and new leaves for every member"}, setCAChanged},
		{FaultInfo{Name: "leaf-foreign-ca", What: "a leaf with the right names under a CA of somebody else"}, setForeignLeaf},
		{FaultInfo{Name: "leaf-other-member", What: "a leaf of the cluster's own CA that names another member"}, setOtherLeaf},
		{FaultInfo{Name: "members-loopback", What: "the member list gives 127.0.0.1 as every address"}, nil},
		{FaultInfo{Name: "members-metadata", What: "the member list gives 169.254.169.254 as every address"}, nil},
		{FaultInfo{Name: "dotdot-names", What: "members and containers are named ../../"}, nil},
		{FaultInfo{Name: "markup-names", What: "names, tags and locks of containers are markup, control characters and kilobytes"}, nil},
		{FaultInfo{Name: "markup-notes", What: "notes of containers are markup"}, nil},
		{FaultInfo{Name: "clock-skew", What: "the node's clock is wrong", Params: map[string]string{"by": "default 2h"}}, nil},
		{FaultInfo{Name: "version-8.4", What: "the nodes are of PVE 8.4.5"}, setVersion8},
		{FaultInfo{Name: "slow-tasks", What: "tasks take longer", Params: map[string]string{"factor": "default 20"}}, nil},
	}
	faultTable = append(faultTable, workFaults()...)
}

// Faults lists every fault with what it does and the parameters it takes.
func Faults() []FaultInfo {
	list := make([]FaultInfo, len(faultTable))
	for i, k := range faultTable {
		list[i] = k.FaultInfo
	}
	return list
}

// Fault sets a fault until undo is called, which may be done more than once.
// Faults add up; those that change what one node presents as its certificate
// must be undone in reverse order.
func (s *Sim) Fault(name string, target FaultTarget) (undo func(), err error) {
	f, err := s.setFault(name, target)
	if err != nil {
		return nil, err
	}
	return func() { s.undoFault(f.ID) }, nil
}

func (s *Sim) setFault(name string, target FaultTarget) (*activeFault, error) {
	i := slices.IndexFunc(faultTable, func(k faultKind) bool { return k.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no fault is called %q", name)
	}
	for p := range target.Params {
		if _, known := faultTable[i].Params[p]; !known {
			return nil, fmt.Errorf("fault %s takes no parameter %q", name, p)
		}
	}
	c := s.Cluster(target.Cluster)
	if c == nil {
		return nil, fmt.Errorf("set fault %s: no cluster %q", name, target.Cluster)
	}
	if !faultTable[i].PerContainer && (target.VMID != 0 || target.Times != 0) {
		return nil, fmt.Errorf("fault %s is not for single containers, nor counted", name)
	}
	f := &activeFault{cluster: c, done: make(chan struct{})}
	if target.Node != "" {
		if f.node = c.Node(target.Node); f.node == nil {
			return nil, fmt.Errorf("set fault %s: no node %q in %s", name, target.Node, c.name)
		}
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faultID++
	f.ActiveFault = ActiveFault{ID: s.faultID, Name: name, Cluster: c.name, Node: target.Node, VMID: target.VMID, Times: target.Times, Params: target.Params, Since: s.now()}
	c.mu.Lock()
	c.settle(f.Since) // what was due before the fault is done before it
	c.mu.Unlock()
	c.faultMu.Lock()
	c.faults = append(c.faults, f)
	c.faultMu.Unlock()
	if set := faultTable[i].set; set != nil {
		undo, err := set(f)
		if err != nil {
			c.dropFault(f)
			return nil, fmt.Errorf("set fault %s: %w", name, err)
		}
		f.undo = undo
	}
	s.faults = append(s.faults, f)
	return f, nil
}

// workFaults are those in what is done with containers.
func workFaults() []faultKind {
	const only, endsWith = "only tasks of this type, as in vzstart", "only writes whose path ends so, as in /status/start"
	writeParams := map[string]string{"path": endsWith, "delay": "default 30s times TaskTime"}
	list := []faultKind{
		{FaultInfo{Name: "task-fails-at-60", What: "a task dies in mid work with an error, and leaves things as Proxmox would", Params: map[string]string{
			"type": only, "at": "percent of its time; default 60", "message": "its error; default by its type"}}, nil},
		{FaultInfo{Name: "task-never-ends", What: "a task runs until it is stopped, and keeps the lock file of its container", Params: map[string]string{"type": only}}, nil},
		{FaultInfo{Name: "task-warnings", What: "a task that would end OK ends with WARNINGS: 1", Params: map[string]string{
			"type": only, "count": "of warnings; default 1", "message": "the line in the log"}}, nil},
		{FaultInfo{Name: "task-log-rotated", What: "finished tasks have no log any more: their status is 400 no such task, their log an error line", Params: map[string]string{"type": only}}, nil},
		{FaultInfo{Name: "start-ok-but-stopped", What: "a start ends OK and the container is stopped"}, nil},
		{FaultInfo{Name: "shutdown-ignored", What: "the container does not listen to a shutdown: forced ones kill it, others fail"}, nil},
		{FaultInfo{Name: "lock-held", What: "somebody holds the lock file of the container: tasks and configuration writes fail after 10 s with got timeout"}, setLockHeld},
		{FaultInfo{Name: "write-596-carried-out", What: "a write's answer is lost: 596 Connection timed out after 30 s, though it was carried out", Params: writeParams}, nil},
		{FaultInfo{Name: "write-596-not-carried-out", What: "a write is lost: 596 Connection timed out after 30 s, and nothing was done", Params: writeParams}, nil},
		{FaultInfo{Name: "answer-cut", What: "a write is carried out and the connection closed without an answer", Params: map[string]string{"path": endsWith}}, nil},
	}
	for i := range list {
		list[i].PerContainer = true
	}
	return list
}

func (c *Cluster) dropFault(f *activeFault) {
	c.faultMu.Lock()
	defer c.faultMu.Unlock()
	c.faults = slices.DeleteFunc(slices.Clone(c.faults), func(o *activeFault) bool { return o == f })
}

func (s *Sim) undoFault(id int) bool {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *activeFault) bool { return f.ID == id })
	if i < 0 {
		return false
	}
	f := s.faults[i]
	s.faults = slices.Delete(s.faults, i, i+1)
	f.cluster.dropFault(f)
	close(f.done)
	if f.undo != nil {
		f.undo()
	}
	return true
}

// ActiveFaults lists the faults that are set, oldest first.
func (s *Sim) ActiveFaults() []ActiveFault {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	list := []ActiveFault{}
	for _, f := range s.faults {
		if !f.spent.Load() {
			list = append(list, f.ActiveFault)
		}
	}
	return list
}

// fault returns the newest fault of that name that hits the node; a nil node
// asks for the whole cluster.
func (c *Cluster) fault(n *Node, names ...string) *activeFault {
	c.faultMu.RLock()
	defer c.faultMu.RUnlock()
	for i := len(c.faults) - 1; i >= 0; i-- {
		f := c.faults[i]
		if slices.Contains(names, f.Name) && (f.node == nil || n == nil || f.node == n) {
			return f
		}
	}
	return nil
}

func (c *Cluster) faultOn(name string, n *Node) bool { return c.fault(n, name) != nil }

// wait is a duration parameter; without it Proxmox's usual time, scaled.
func (f *activeFault) wait(param string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(f.Params[param]); err == nil {
		return d
	}
	return f.cluster.sim.scaled(usual)
}

// hitNodes are the members that the fault is on.
func (f *activeFault) hitNodes() []*Node {
	if f.node != nil {
		return []*Node{f.node}
	}
	return f.cluster.nodes
}

func (c *Cluster) taskFactor(n *Node) float64 {
	f := c.fault(n, "slow-tasks")
	if f == nil {
		return 1
	}
	if factor, err := strconv.ParseFloat(f.Params["factor"], 64); err == nil {
		return factor
	}
	return 20
}

// quorate asks for a majority of living members.
func (c *Cluster) quorate() bool {
	if c.standalone {
		return true
	}
	alive := 0
	for _, n := range c.nodes {
		if !n.dead() {
			alive++
		}
	}
	return alive*2 > len(c.nodes) && !c.faultOn("no-quorum", nil)
}

func (n *Node) deadFault() *activeFault {
	return n.cluster.fault(n, "node-dead", "node-unknown")
}

func (n *Node) dead() bool { return n.deadFault() != nil }

func (n *Node) deadAt(at time.Time) bool {
	f := n.deadFault()
	return f != nil && !at.Before(f.Since)
}

// lastSign is when a dead node was last heard of.
func (n *Node) lastSign() (time.Time, bool) {
	if f := n.deadFault(); f != nil {
		return f.Since, true
	}
	return time.Time{}, false
}

// offline is what the rest of the cluster believes: it notices late.
func (n *Node) offline(at time.Time) bool {
	f := n.deadFault()
	if f == nil {
		return false
	}
	return f.Name == "node-unknown" || !at.Before(f.Since.Add(f.wait("after", 7*time.Second)))
}

// shape is how the containers of a dead node look: "" for a living one.
func (n *Node) shape(at time.Time) string {
	f := n.deadFault()
	switch {
	case f == nil:
		return ""
	case f.Name == "node-unknown" || at.Sub(f.Since) > unknownAfter:
		return "unknown"
	case f.Params["shape"] != "":
		return f.Params["shape"]
	}
	return "frozen"
}
