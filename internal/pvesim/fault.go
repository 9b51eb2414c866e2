package pvesim

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// FaultTarget says whom a fault hits and how.
type FaultTarget struct {
	Cluster string            // required
	Node    string            // "" for every member
	Params  map[string]string // by fault: see Faults
}

// FaultInfo describes one fault of the table.
type FaultInfo struct {
	Name   string            `json:"name"`
	What   string            `json:"what"`
	Params map[string]string `json:"params,omitempty"`
}

// ActiveFault is a fault that is set.
type ActiveFault struct {
	ID      int               `json:"id"`
	Name    string            `json:"name"`
	Cluster string            `json:"cluster"`
	Node    string            `json:"node,omitempty"`
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
		{FaultInfo{"node-dead", "the node is gone: its own address is silent, others say 595 No route to host after 3 s, it turns offline after 5 to 10 s, its containers stay as last broadcast and become unknown after five minutes; undone, it has rebooted", map[string]string{
			"after": "until it is offline; default 7s times TaskTime", "shape": "of its containers: frozen (default), stopped or unknown", "own": "silent (default) or refused", "delay": "of the 595; default 3s times TaskTime"}}, setNodeDead},
		{FaultInfo{"node-unknown", "as node-dead five minutes on: containers are unknown without a name at once", nil}, setNodeDead},
		{FaultInfo{"node-daemon-down", "the node runs but its proxy does not: own address refuses, others say 595 Connection refused at once", nil}, setDaemonDown},
		{FaultInfo{"pvedaemon-down", "the node's proxy answers, its daemon does not: protected calls are 595 Connection refused", nil}, nil},
		{FaultInfo{"pvedaemon-frozen", "protected calls are 596 Connection timed out after 30 s", map[string]string{"delay": "default 30s times TaskTime"}}, nil},
		{FaultInfo{"slow", "every answer comes late", map[string]string{"delay": "default 2s"}}, nil},
		{FaultInfo{"hang-after-accept", "connections are taken and nothing is said; through others 596 Connection timed out after 30 s", map[string]string{"stage": "accept (default) or request: after TLS and the whole request", "delay": "of the 596"}}, setDropping},
		{FaultInfo{"held", "one kind of call stays without an answer until the fault ends, which closes its connection; /requests counts those that are held", map[string]string{
			"call": "as /requests names it, such as POST /access/ticket", "stage": "before (default): nothing was done, or after: it was done and is not told", "pass": "so many are let through first; default 0"}}, setHeld},
		{FaultInfo{"half-answer", "the body stops in the middle and the connection closes", map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{"huge-answer", "a well-formed list that does not end for 10 GB", map[string]string{"path": onlyParam, "bytes": "default 10737418240"}}, nil},
		{FaultInfo{"gzip-bomb", "a small compressed answer that is 1 GB of blanks", map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{"garbage-json", "200 with a body that is no JSON", map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{"error-500", "500 with a text of Proxmox's", map[string]string{"path": onlyParam, "message": "the text"}}, nil},
		{FaultInfo{"redirect", "302 to somewhere else", map[string]string{"path": onlyParam, "to": "the address; default https://127.0.0.1:9/"}}, nil},
		{FaultInfo{"odd-rows", "strings for numbers, nulls, missing keys, unknown types and fields in the lists of resources, members and tasks", nil}, nil},
		{FaultInfo{"list-steps-back", "in every other second /cluster/resources tells of an older broadcast than before, as two caches on top of each other do", nil}, nil},
		{FaultInfo{"no-quorum", "the cluster has no quorum: what writes its files fails after 10 s", nil}, nil},
		{FaultInfo{"ticket-expired", "every ticket is refused, for renewal too", nil}, nil},
		{FaultInfo{"token-revoked", "every token is refused", nil}, nil},
		{FaultInfo{"permission-lost", "everybody but root's ticket calls finds privileges gone: declared checks fail, lists are empty", nil}, nil},
		{FaultInfo{"cert-renewed", "a new leaf under the same CA and name; undone, the old one is back", nil}, setCertRenewed},
		{FaultInfo{"ca-changed", "another CA and new leaves for every member", nil}, setCAChanged},
		{FaultInfo{"leaf-foreign-ca", "a leaf with the right names under a CA of somebody else", nil}, setForeignLeaf},
		{FaultInfo{"leaf-other-member", "a leaf of the cluster's own CA that names another member", nil}, setOtherLeaf},
		{FaultInfo{"members-loopback", "the member list gives 127.0.0.1 as every address", nil}, nil},
		{FaultInfo{"members-metadata", "the member list gives 169.254.169.254 as every address", nil}, nil},
		{FaultInfo{"dotdot-names", "members and containers are named ../../", nil}, nil},
		{FaultInfo{"markup-names", "names, tags and locks of containers are markup, control characters and kilobytes", nil}, nil},
		{FaultInfo{"markup-notes", "notes of containers are markup", nil}, nil},
		{FaultInfo{"clock-skew", "the node's clock is wrong", map[string]string{"by": "default 2h"}}, nil},
		{FaultInfo{"version-8.4", "the nodes are of PVE 8.4.5", nil}, setVersion8},
		{FaultInfo{"slow-tasks", "tasks take longer", map[string]string{"factor": "default 20"}}, nil},
	}
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
	f := &activeFault{cluster: c, done: make(chan struct{})}
	if target.Node != "" {
		if f.node = c.Node(target.Node); f.node == nil {
			return nil, fmt.Errorf("set fault %s: no node %q in %s", name, target.Node, c.name)
		}
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faultID++
	f.ActiveFault = ActiveFault{ID: s.faultID, Name: name, Cluster: c.name, Node: target.Node, Params: target.Params, Since: s.now()}
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
		list = append(list, f.ActiveFault)
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
