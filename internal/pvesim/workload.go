package pvesim

import "maps"

// workload counts the tasks that run on a node at once.
type workload struct {
	now, most     int
	nowOf, mostOf map[string]int
}

func (w *workload) began(kind string) {
	if w.nowOf == nil {
		w.nowOf, w.mostOf = map[string]int{}, map[string]int{}
	}
	w.now++
	w.nowOf[kind]++
	w.most = max(w.most, w.now)
	w.mostOf[kind] = max(w.mostOf[kind], w.nowOf[kind])
}

func (w *workload) ended(kind string) {
	w.now--
	w.nowOf[kind]--
}

// reset begins the search for the most anew.
func (w *workload) reset() {
	w.most, w.mostOf = w.now, maps.Clone(w.nowOf)
}

// NodeTasks is how many tasks ran on a node, by type too.
type NodeTasks struct {
	Now        int            `json:"now"`
	Most       int            `json:"most"` // at once, since the last reset
	MostByType map[string]int `json:"mostByType"`
}

// MostAtOnce is the largest number of tasks that ran on a node at the same time
// since the last ResetRequests; 0 for a node that is not there.
func (c *Cluster) MostAtOnce(node string) int {
	n := c.Node(node)
	if n == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.sim.now())
	return n.work.most
}

// Tasks is what ran on each node.
func (c *Cluster) Tasks() map[string]NodeTasks {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.sim.now())
	all := map[string]NodeTasks{}
	for _, n := range c.nodes {
		by := maps.Clone(n.work.mostOf)
		if by == nil {
			by = map[string]int{}
		}
		all[n.spec.Name] = NodeTasks{n.work.now, n.work.most, by}
	}
	return all
}
