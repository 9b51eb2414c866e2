package pvesim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// heldCalls is the state of a fault “held”.
type heldCalls struct {
	passing atomic.Int64 // so many more are let through
}

func setHeld(f *activeFault) (func(), error) {
	method, path, _ := strings.Cut(f.Params["call"], " ")
	if path == "" {
		return nil, errors.New(`it wants the call, as "POST /access/ticket"`)
	}
	if ep, _ := lookup(method, path); ep == nil || ep.path != path {
		return nil, fmt.Errorf("no call is %q", f.Params["call"])
	}
	switch f.Params["stage"] {
	case "", "before", "after":
	default:
		return nil, fmt.Errorf("no stage is %q", f.Params["stage"])
	}
	if pass := f.Params["pass"]; pass != "" {
		n, err := strconv.ParseInt(pass, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parameter pass: %w", err)
		}
		f.held.passing.Store(n)
	}
	return nil, nil
}

// hold keeps a call at that stage until the fault or the simulation ends. It
// reports whether it did: then there is nothing to be said any more.
func (n *Node) hold(ep *endpoint, stage string) bool {
	f := n.holding(ep, stage)
	if f == nil || f.held.passing.Add(-1) >= 0 {
		return false
	}
	counts := &n.cluster.counts
	counts.add(func(c *RequestCounts) { c.Held++ })
	select {
	case <-f.done:
	case <-n.cluster.sim.ending:
	}
	counts.add(func(c *RequestCounts) { c.Held-- })
	return true
}

// holding finds the newest fault that keeps this call at that stage; several calls may be kept at once.
func (n *Node) holding(ep *endpoint, stage string) *activeFault {
	if ep == nil {
		return nil
	}
	n.cluster.faultMu.RLock()
	defer n.cluster.faultMu.RUnlock()
	for _, f := range slices.Backward(n.cluster.faults) {
		if f.Name == "held" && (f.node == nil || f.node == n) && f.Params["call"] == ep.method+" "+ep.path && (f.Params["stage"] == "after") == (stage == "after") {
			return f
		}
	}
	return nil
}
