package pvesim

import (
	"maps"
	"sync"
)

// RequestCounts is what a cluster was asked since the last reset, for tests of
// budgets. Calls are keyed "GET /nodes/{node}/status".
type RequestCounts struct {
	Calls       map[string]int `json:"calls"`
	Total       int            `json:"total"`
	Connections int            `json:"connections"` // accepted, whatever became of them
	TLS         int            `json:"tls"`         // handshakes that were completed
	Bytes       int64          `json:"bytes"`       // of answers, as sent
	Held        int            `json:"held"`        // calls that the fault “held” keeps right now, whatever was reset

	Tasks map[string]NodeTasks `json:"tasks"` // by node
}

type counter struct {
	mu sync.Mutex
	n  RequestCounts
}

func (c *counter) add(count func(*RequestCounts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n.Calls == nil {
		c.n.Calls = map[string]int{}
	}
	count(&c.n)
}

func (c *counter) request(method, pattern string) {
	c.add(func(n *RequestCounts) { n.Calls[method+" "+pattern]++; n.Total++ })
}
func (c *counter) connection()    { c.add(func(n *RequestCounts) { n.Connections++ }) }
func (c *counter) tls()           { c.add(func(n *RequestCounts) { n.TLS++ }) }
func (c *counter) sent(bytes int) { c.add(func(n *RequestCounts) { n.Bytes += int64(bytes) }) }

// Requests returns what the members of this cluster were asked. A call that one
// member passes on to another counts once.
func (c *Cluster) Requests() RequestCounts {
	tasks := c.Tasks()
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	got := c.counts.n
	got.Tasks = tasks
	got.Calls = maps.Clone(got.Calls)
	if got.Calls == nil {
		got.Calls = map[string]int{}
	}
	return got
}

// ResetRequests begins counting anew.
func (c *Cluster) ResetRequests() {
	c.counts.mu.Lock()
	c.counts.n = RequestCounts{Held: c.counts.n.Held}
	c.counts.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.sim.now())
	for _, n := range c.nodes {
		n.work.reset()
	}
}
