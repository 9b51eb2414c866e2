package pvesim

import (
	"fmt"
	"slices"
)

func setNodeDead(f *activeFault) (func(), error) {
	for _, n := range f.hitNodes() {
		if f.Params["own"] == "refused" {
			n.shut()
		} else {
			n.dropConns()
		}
	}
	return func() {
		f.cluster.mu.Lock()
		for _, n := range f.hitNodes() {
			f.cluster.rebooted(n)
		}
		f.cluster.mu.Unlock()
		for _, n := range f.hitNodes() {
			n.dropConns()
			n.reopen()
		}
	}, nil
}

// rebooted is what a node's return leaves: containers that start at boot have
// just started, the others are stopped, unfinished tasks are lost.
func (c *Cluster) rebooted(n *Node) {
	now := c.sim.now()
	n.boot = now
	for _, g := range c.guests {
		if g.node != n {
			continue
		}
		g.running = g.running && g.onboot
		if g.running {
			g.started = now
		}
		g.record(now)
	}
	for _, t := range slices.Clone(n.active) {
		t.lost(now)
	}
}

func setDaemonDown(f *activeFault) (func(), error) {
	for _, n := range f.hitNodes() {
		n.shut()
	}
	return func() {
		for _, n := range f.hitNodes() {
			n.reopen()
		}
	}, nil
}

// setDropping closes connections when the fault ends, so that no caller waits
// for an answer that nobody will give any more.
func setDropping(f *activeFault) (func(), error) {
	return func() {
		for _, n := range f.hitNodes() {
			n.dropConns()
		}
	}, nil
}

// dropConns closes the node's connections and keeps its listener.
func (n *Node) dropConns() {
	n.connMu.Lock()
	defer n.connMu.Unlock()
	for conn := range n.conns {
		conn.Close()
	}
}

// serveLeaves makes the nodes present what issue gives, and returns what puts
// the former leaves back.
func serveLeaves(nodes []*Node, issue func(*Node) (*leafCert, error)) (func(), error) {
	fresh, old := map[*Node]*leafCert{}, map[*Node]*leafCert{}
	for _, n := range nodes {
		leaf, err := issue(n)
		if err != nil {
			return nil, err
		}
		fresh[n], old[n] = leaf, n.leaf.Load()
	}
	for n, leaf := range fresh {
		n.present(leaf)
		n.dropConns()
	}
	return func() {
		for n, leaf := range old {
			n.present(leaf)
			n.dropConns()
		}
	}, nil
}

func (c *Cluster) authority() *authority {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ca
}

func setCertRenewed(f *activeFault) (func(), error) {
	ca := f.cluster.authority()
	return serveLeaves(f.hitNodes(), func(n *Node) (*leafCert, error) { return ca.issue(n.spec.Name, n.Host()) })
}

func setCAChanged(f *activeFault) (func(), error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	c := f.cluster
	restore, err := serveLeaves(c.nodes, func(n *Node) (*leafCert, error) { return ca.issue(n.spec.Name, n.Host()) })
	if err != nil {
		return nil, err
	}
	old := c.authority()
	c.setAuthority(ca)
	return func() {
		c.setAuthority(old)
		restore()
	}, nil
}

func (c *Cluster) setAuthority(ca *authority) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ca = ca
}

func setForeignLeaf(f *activeFault) (func(), error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	return serveLeaves(f.hitNodes(), func(n *Node) (*leafCert, error) { return ca.issue(n.spec.Name, n.Host()) })
}

func setOtherLeaf(f *activeFault) (func(), error) {
	ca, nodes := f.cluster.authority(), f.cluster.nodes
	return serveLeaves(f.hitNodes(), func(n *Node) (*leafCert, error) {
		name, host := "stranger", ""
		for _, other := range nodes {
			if other != n {
				name, host = other.spec.Name, other.Host()
				break
			}
		}
		leaf, err := ca.issue(name, host)
		if err != nil {
			return nil, fmt.Errorf("make a leaf of another member: %w", err)
		}
		return leaf, nil
	})
}

func setVersion8(f *activeFault) (func(), error) {
	c := f.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	version, major := c.version, c.major
	c.version, c.major = "8.4.5", 8
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.version, c.major = version, major
	}, nil
}
