package watch

import (
	"slices"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

const (
	// lag is how long /cluster/resources may tell what was before: the broadcast
	// of 10 s, and two stacked caches of 2 s that may even step back.
	lag = 12 * time.Second
	// maxNodes is how many nodes of one cluster are followed; Proxmox supports far fewer.
	maxNodes = 512
)

// sight is all that is known of one cluster. It belongs to its loop. The slices
// in it are never written after they were drawn into a picture: a change makes
// new ones.
type sight struct {
	cluster     fleet.Cluster
	standalone  bool
	nodes       map[string]*nodeSight
	containers  []fleet.Container // sorted by VMID
	confirmed   map[fleet.VMID]confirmation
	suspended   map[fleet.VMID]bool      // as a task told; false: surely not
	gone        map[fleet.VMID]time.Time // seen to be gone, lists may still name them
	addresses   map[fleet.VMID]addressed
	vms         int
	cut         bool
	unread      int // rows of the last list that could not be read
	quorate     bool
	version     string // of the node that answers
	answering   string
	seenAt      time.Time
	permissions fleet.Permissions // nil: not read yet
	rights      *fleet.Rights     // the same for the picture, with its time; may be the kept picture's
	kept        []fleet.Notice    // of the kept picture, until the permissions are read
	// trouble is why the cluster as a whole cannot be seen. silent says that
	// nobody answers at all, so that its nodes are unreachable too.
	trouble *fleet.Trouble
	silent  bool
	// partial has, per list, why it cannot be had while the rest can.
	partial map[callKind]string
	// absent counts, per confirmed member, the complete lists in a row without it.
	absent map[string]int
}

// confirmation is a state read from the container's own status, which does not
// lag. It stands against the list of resources until the list has caught up.
type confirmation struct {
	at     time.Time
	status fleet.Status
	uptime time.Duration
}

type addressed struct {
	list  []string
	next  time.Time // not asked before
	asked bool
}

// nodeSight is what is known of one node.
type nodeSight struct {
	name  string
	state fleet.NodeState // as settled last
	// What /cluster/status and the node's row in /cluster/resources said last.
	status, row tellings
	// contradicted: the row said offline and a later status said online, so the row is not believed until it changes.
	contradicted bool
	local        bool
	left         bool // no longer a member; it stays while containers are listed on it
	// failed is set when a call to this node failed although its cluster answers; a call that succeeds clears it.
	failed   *fleet.Trouble
	probeAt  time.Time
	probes   int // failed calls in a row
	downSeen time.Time
	backAt   time.Time
	seenAt   time.Time

	cpu         float64
	cpus        int
	mem, maxMem int64
	uptime      time.Duration
	numbers     bool

	version   string
	versionAt time.Time // asked last
}

// tellings is what one list said of a node's being online.
type tellings struct {
	at     time.Time // zero: it said nothing
	online bool
}

// effects are what an answer asks the loop to do next.
type effects struct {
	hurry    []callKind
	confirms []confirm
	events   []event
	members  []fleet.Member // not nil: the members are now these
	drawn    bool           // the picture changed in more than its age
}

// event is something that the cluster's owner finds in the trail.
type event struct {
	kind    audit.Kind
	subject string
	detail  string
}

func (e *effects) add(f effects) {
	e.hurry = append(e.hurry, f.hurry...)
	e.confirms = append(e.confirms, f.confirms...)
	e.events = append(e.events, f.events...)
	if f.members != nil {
		e.members = f.members
	}
	e.drawn = e.drawn || f.drawn
}

func newSight(c fleet.Cluster) *sight {
	s := &sight{
		nodes:     map[string]*nodeSight{},
		confirmed: map[fleet.VMID]confirmation{},
		suspended: map[fleet.VMID]bool{},
		gone:      map[fleet.VMID]time.Time{},
		addresses: map[fleet.VMID]addressed{},
		partial:   map[callKind]string{},
		absent:    map[string]int{},
		quorate:   true,
	}
	s.adopt(c)
	return s
}

// adopt takes the cluster's row as its owner or the store changed it.
func (s *sight) adopt(c fleet.Cluster) {
	s.cluster = c
	if s.seenAt.IsZero() {
		s.standalone = c.Standalone
	}
	for _, m := range c.Members {
		s.node(m.Name)
	}
	if c.Halt != nil {
		s.trouble, s.silent = haltTrouble(c.Halt), false
	}
}

// node finds what is known of a node and begins it when it is new; nil when the
// name is none or there are too many.
func (s *sight) node(name string) *nodeSight {
	if n, ok := s.nodes[name]; ok {
		return n
	}
	if !fleet.ValidNodeName(name) || len(s.nodes) >= maxNodes {
		return nil
	}
	n := &nodeSight{name: name, state: fleet.NotSeen}
	s.nodes[name] = n
	return n
}

// title is what the owner calls a node.
func (s *sight) title(name string) string {
	for _, m := range s.cluster.Members {
		if m.Name == name {
			return m.Title()
		}
	}
	return name
}

// stateOf judges a node by everything that was said of it.
func (s *sight) stateOf(n *nodeSight) fleet.NodeState {
	told := !n.status.at.IsZero() || !n.row.at.IsZero()
	switch {
	case !told && n.failed == nil && !n.left && !s.silent:
		return n.state
	case s.silent, n.failed != nil, n.left:
		return fleet.Unreachable
	case !n.status.at.IsZero() && !n.status.online:
		return fleet.Unreachable
	case !n.row.at.IsZero() && !n.row.online && !n.contradicted:
		return fleet.Unreachable
	}
	return fleet.Online
}

// up reports whether what is said of a node's containers may be believed.
func (s *sight) up(name string) bool {
	n, ok := s.nodes[name]
	return ok && s.stateOf(n) != fleet.Unreachable
}

// settle draws the conclusions after an answer or a failure: which nodes went or
// came back, and which containers are stale because of it.
func (s *sight) settle(now time.Time) effects {
	var e effects
	for _, name := range s.nodeNames() {
		n := s.nodes[name]
		state := s.stateOf(n)
		if state == n.state {
			continue
		}
		e.drawn = true
		was := n.state
		n.state = state
		switch state {
		case fleet.Unreachable:
			n.downSeen = now
			if was == fleet.Online && !s.silent {
				e.events = append(e.events, event{audit.NodeUnreachable, s.title(name), s.nodeTrouble(n).What})
			}
		case fleet.Online:
			n.probeAt = time.Time{}
			if was == fleet.Unreachable {
				n.backAt, n.versionAt = now, time.Time{}
				// The list lags; the node itself knows which of its containers run.
				e.confirms = append(e.confirms, confirm{node: name, by: now.Add(2 * lag), why: because{nodeBack: true}})
				e.events = append(e.events, event{audit.NodeBack, s.title(name),
					"Answers again after " + roundDuration(now.Sub(n.downSeen)) + "."})
			}
			n.downSeen = time.Time{}
		}
	}
	if s.restale() {
		e.drawn = true
	}
	return e
}

// restale marks the containers whose node or cluster does not answer, and reports whether a mark changed.
func (s *sight) restale() bool {
	blind := s.trouble != nil
	states := map[string]bool{}
	for name, n := range s.nodes {
		states[name] = blind || n.state == fleet.Unreachable
	}
	differs := func(c fleet.Container) bool { return c.Stale != (states[c.Node] || blind) }
	if !slices.ContainsFunc(s.containers, differs) {
		return false
	}
	marked := slices.Clone(s.containers)
	for i := range marked {
		marked[i].Stale = states[marked[i].Node] || blind
	}
	s.containers = marked
	return true
}

func (s *sight) nodeNames() []string {
	names := make([]string, 0, len(s.nodes))
	for name := range s.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fail takes a failure of the cluster as a whole.
func (s *sight) fail(p *problem.Problem, now time.Time) effects {
	was := s.trouble
	s.trouble = troubleOf(p, now)
	if was != nil && was.Kind == s.trouble.Kind {
		s.trouble.Since = was.Since
	}
	silent := s.silent
	s.silent = connection(p.Kind)
	e := s.settle(now)
	e.drawn = true
	if s.silent && !silent {
		e.events = append(e.events, event{audit.NodeUnreachable, s.cluster.Name, s.trouble.What})
	}
	return e
}

// answered ends a failure of the cluster as a whole.
func (s *sight) answered(now time.Time) effects {
	if s.trouble == nil {
		return effects{}
	}
	var e effects
	if s.silent {
		e.events = append(e.events, event{audit.NodeBack, s.cluster.Name,
			"Answers again after " + roundDuration(now.Sub(s.trouble.Since)) + "."})
	}
	s.trouble, s.silent = nil, false
	e.drawn = true
	return e
}

// failNode takes a failed call to one node while its cluster answers.
func (s *sight) failNode(name string, p *problem.Problem, now time.Time) effects {
	n := s.node(name)
	if n == nil {
		return effects{}
	}
	since := now
	if n.failed != nil {
		since = n.failed.Since
	}
	n.failed = troubleOf(p, now)
	n.failed.Since = since
	return s.settle(now)
}

// nodeAnswered takes any answer that came from the node itself.
func (s *sight) nodeAnswered(name string, now time.Time) effects {
	n := s.node(name)
	if n == nil {
		return effects{}
	}
	n.seenAt, n.probes = now, 0
	if n.failed == nil {
		return effects{}
	}
	n.failed = nil
	return s.settle(now)
}
