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
	Name         string            `json:"name"`
	What         string            `json:"what"`
	Params       map[string]string `json:"params,omitempty"`
	PerContainer bool              `json:"perContainer,omitempty"` // it takes a VMID
	Counted      bool              `json:"counted,omitempty"`      // it takes a number of times, after which it is over
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
	if !faultTable[i].PerContainer && target.VMID != 0 {
		return nil, fmt.Errorf("fault %s is not for single containers", name)
	}
	if !faultTable[i].Counted && target.Times != 0 {
		return nil, fmt.Errorf("fault %s is not counted", name)
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
	f.cluster.mu.Lock()
	f.cluster.settle(s.now()) // what was due under the fault is done under it
	f.cluster.mu.Unlock()
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
