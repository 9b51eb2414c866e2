package pvesim

import "time"

// workers is how many calls a node's daemon takes at once. A call that waits,
// for a lock file or for quorum, keeps its worker.
const workers = 3

// usualCall is what a call takes on a real node; others take two milliseconds.
var usualCall = map[string]time.Duration{
	"/nodes/{node}/lxc/{vmid}/status/current": 40 * time.Millisecond, "/nodes/{node}/lxc/{vmid}/interfaces": 55 * time.Millisecond,
	"/nodes/{node}/lxc/{vmid}": 55 * time.Millisecond, "/nodes/{node}/lxc/{vmid}/rrddata": 12 * time.Millisecond,
	"/nodes/{node}/tasks/{upid}/status": 8 * time.Millisecond, "/nodes/{node}/tasks/{upid}/log": 10 * time.Millisecond,
	"/cluster/resources": 5 * time.Millisecond, "/nodes/{node}/status": 7 * time.Millisecond,
}

// spend lets a call take its time.
func (cl *call) spend(ep *endpoint) {
	factor := cl.cluster.sim.cfg.CallTime
	if factor == 0 {
		return
	}
	took, known := usualCall[ep.path]
	switch {
	case ep.method != "GET" && ep.onNode:
		took = 45 * time.Millisecond
	case !known:
		took = 2 * time.Millisecond
	}
	cl.cluster.sim.pause(time.Duration(float64(took) * factor))
}

// work serves a call within one of the daemon's workers.
func (cl *call) work(ep *endpoint) (any, error) {
	if !ep.protected {
		cl.spend(ep)
		return cl.serve(ep)
	}
	select {
	case cl.node.workers <- struct{}{}:
	case <-cl.cluster.sim.ending:
		return nil, failed("received interrupt")
	}
	defer func() { <-cl.node.workers }()
	cl.spend(ep)
	cl.at = cl.cluster.sim.now()
	data, err := cl.serve(ep)
	if sl, ok := data.(slow); ok {
		cl.cluster.sim.pause(sl.after)
		data = sl.data
	}
	return data, err
}

// serve calls the handler, again and again while somebody else has the lock
// file that it needs.
func (cl *call) serve(ep *endpoint) (any, error) {
	c := cl.cluster
	every := c.sim.scaled(lockWait) / 100
	for {
		c.mu.Lock()
		c.settle(cl.at)
		data, err := ep.serve(cl)
		c.mu.Unlock()
		if err != errLocked {
			return data, err
		}
		cl.waited++
		if !c.sim.pause(every) {
			return nil, failed("received interrupt")
		}
		cl.at = c.sim.now()
	}
}

var errLocked = failed("the lock file is taken")

// locked is errLocked while somebody else has the container's lock file, and
// Proxmox's refusal after its ten seconds.
func (cl *call) locked(vmid int) error {
	if !cl.cluster.lockBusy(cl.node, vmid) {
		return nil
	}
	if cl.waited >= 100 {
		return failed("%s", lockTimeout(vmid))
	}
	return errLocked
}
