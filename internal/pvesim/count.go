package pvesim

import "sync"

// RequestCounts is what a cluster was asked since the last reset, for tests of
// budgets. Calls are keyed "GET /nodes/{node}/status".
type RequestCounts struct {
	Calls       map[string]int `json:"calls"`
	Total       int            `json:"total"`
	Connections int            `json:"connections"` // accepted, whatever became of them
	TLS         int            `json:"tls"`         // handshakes that were completed
	Bytes       int64          `json:"bytes"`       // of answers, as sent
}

type counter struct {
	mu sync.Mutex
	n  RequestCounts
}

func (c *counter) request(method, pattern string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n.Calls == nil {
		c.n.Calls = map[string]int{}
	}
	c.n.Calls[method+" "+pattern]++
	c.n.Total++
}

func (c *counter) connection() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Connections++
}

func (c *counter) tls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.TLS++
}

func (c *counter) sent(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Bytes += int64(bytes)
}

// Requests returns what the members of this cluster were asked. A call that one
// member passes on to another counts once.
func (c *Cluster) Requests() RequestCounts {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	got := c.counts.n
	got.Calls = map[string]int{}
	for k, v := range c.counts.n.Calls {
		got.Calls[k] = v
	}
	return got
}

// ResetRequests begins counting anew.
func (c *Cluster) ResetRequests() {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	c.counts.n = RequestCounts{}
}
