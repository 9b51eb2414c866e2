package pvesim

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// silent reports whether the node's own address says nothing at all.
func (n *Node) silent() bool {
	if n.dead() {
		return true
	}
	f := n.cluster.fault(n, "hang-after-accept")
	return f != nil && f.Params["stage"] != "request"
}

// keptShut reports whether the node's own address refuses connections.
func (n *Node) keptShut() bool {
	f := n.cluster.fault(n, "node-dead")
	return f != nil && f.Params["own"] == "refused" || n.cluster.faultOn("node-daemon-down", n)
}

// holdSilent takes what comes and says nothing, until the connection is closed
// by the caller, by the end of the fault or of the simulation.
func (n *Node) holdSilent(conn net.Conn) {
	conn.SetDeadline(time.Time{})
	io.Copy(io.Discard, conn)
}

// daemonState fails protected calls of a node whose pvedaemon is down.
func (n *Node) daemonState(ep *endpoint) error {
	if !ep.protected {
		return nil
	}
	if n.cluster.faultOn("pvedaemon-down", n) {
		return &apiError{status: 595, message: "Connection refused", after: 10 * time.Millisecond, empty: true}
	}
	if f := n.cluster.fault(n, "pvedaemon-frozen"); f != nil {
		return &apiError{status: 596, message: "Connection timed out", after: f.wait("delay", 30*time.Second), empty: true}
	}
	return nil
}

// reachability is what another member finds when it passes a call on to n.
func (n *Node) reachability(ep *endpoint) error {
	if f := n.deadFault(); f != nil {
		return &apiError{status: 595, message: "No route to host", after: f.wait("delay", 3*time.Second), empty: true}
	}
	if n.cluster.faultOn("node-daemon-down", n) {
		return &apiError{status: 595, message: "Connection refused", after: 10 * time.Millisecond, empty: true}
	}
	if f := n.cluster.fault(n, "hang-after-accept"); f != nil {
		return &apiError{status: 596, message: "Connection timed out", after: f.wait("delay", 30*time.Second), empty: true}
	}
	return n.daemonState(ep)
}

func (n *Node) slowness() time.Duration {
	f := n.cluster.fault(n, "slow")
	if f == nil {
		return 0
	}
	if d, err := time.ParseDuration(f.Params["delay"]); err == nil {
		return d
	}
	return 2 * time.Second
}

// date is the node's own clock.
func (n *Node) date() time.Time {
	at := n.cluster.sim.now()
	f := n.cluster.fault(n, "clock-skew")
	if f == nil {
		return at
	}
	if d, err := time.ParseDuration(f.Params["by"]); err == nil {
		return at.Add(d)
	}
	return at.Add(2 * time.Hour)
}

// shownAddress is the address that member lists give.
func (n *Node) shownAddress() string {
	switch {
	case n.cluster.faultOn("members-loopback", nil):
		return "127.0.0.1"
	case n.cluster.faultOn("members-metadata", nil):
		return "169.254.169.254"
	}
	return n.Host()
}

// shownMemberName is the name that member lists give.
func (n *Node) shownMemberName() string {
	if n.cluster.faultOn("dotdot-names", n) {
		return "../../" + n.spec.Name
	}
	return n.spec.Name
}

// faultAt is a fault on this node that applies to the path.
func (n *Node) faultAt(rel, name string) *activeFault {
	f := n.cluster.fault(n, name)
	if f == nil || !strings.HasPrefix(rel, f.Params["path"]) {
		return nil
	}
	return f
}

// faulty answers in place of the API where a fault wants that; nil otherwise.
func (n *Node) faulty(rel string) *reply {
	const ctype = "application/json;charset=UTF-8"
	if f := n.cluster.fault(n, "hang-after-accept"); f != nil {
		return &reply{wire: &wireFault{kind: "hang", fault: f}}
	}
	if f := n.faultAt(rel, "redirect"); f != nil {
		to := f.Params["to"]
		if to == "" {
			to = "https://127.0.0.1:9/"
		}
		return &reply{status: 302, reason: "Found", location: to}
	}
	if f := n.faultAt(rel, "error-500"); f != nil {
		msg := f.Params["message"]
		if msg == "" {
			msg = "unable to read '/etc/pve/nodes' - Transport endpoint is not connected"
		}
		return &reply{status: 500, reason: msg, ctype: ctype, body: appendJSON(nil, obj{{"data", nil}, {"message", msg + "\n"}})}
	}
	if f := n.faultAt(rel, "huge-answer"); f != nil {
		size := int64(10) << 30
		if v, err := strconv.ParseInt(f.Params["bytes"], 10, 64); err == nil {
			size = v
		}
		return &reply{status: 200, reason: "OK", ctype: ctype, body: []byte(`{"data":[`), wire: &wireFault{kind: "huge", fault: f, size: size}}
	}
	if f := n.faultAt(rel, "gzip-bomb"); f != nil {
		return &reply{status: 200, reason: "OK", ctype: ctype, body: bomb(), wire: &wireFault{kind: "bomb", fault: f}}
	}
	return nil
}

// spoil changes a good answer where a fault wants that.
func (n *Node) spoil(rel string, rep *reply) *reply {
	if n.faultAt(rel, "garbage-json") != nil {
		rep.body = []byte(`{"data":[{"id":"lxc/100","vmid":1` + "\x00\xff" + `}}},,`)
	}
	if f := n.faultAt(rel, "half-answer"); f != nil {
		rep.wire = &wireFault{kind: "half", fault: f}
	}
	return rep
}

// wireFault is a fault in how an answer is sent. A nil one changes nothing.
type wireFault struct {
	kind  string
	fault *activeFault
	size  int64
}

func (w *wireFault) encodes() string {
	switch {
	case w == nil:
		return ""
	case w.kind == "bomb":
		return "gzip"
	}
	return "" // a gzip of half an answer would hide that it is half
}

func (w *wireFault) length(n int) int64 {
	if w != nil && w.kind == "huge" {
		return w.size
	}
	return int64(n)
}

// send writes what the fault leaves of an answer; the connection always ends.
func (w *wireFault) send(n *Node, conn net.Conn, head, body []byte) bool {
	switch w.kind {
	case "hang":
		conn.SetDeadline(time.Time{})
		select {
		case <-w.fault.done:
		case <-n.cluster.sim.ending:
		}
	case "cut":
	case "half":
		conn.Write(append(head, body[:len(body)/2]...))
	case "huge":
		w.flood(n, conn, append(head, body...), w.size-int64(len(body)))
	default:
		conn.Write(append(head, body...))
	}
	return false
}

// flood writes rows until the declared length is reached or the caller, the
// fault or the simulation ends.
func (w *wireFault) flood(n *Node, conn net.Conn, first []byte, left int64) {
	row := []byte(`{"id":"lxc/100","vmid":100,"type":"lxc","node":"pve1","status":"running","name":"again"},`)
	chunk := bytes.Repeat(row, 512)
	if _, err := conn.Write(first); err != nil {
		return
	}
	for left > 0 {
		select {
		case <-w.fault.done:
			return
		case <-n.cluster.sim.ending:
			return
		default:
		}
		conn.SetDeadline(time.Now().Add(writeTime))
		part := chunk[:min(int64(len(chunk)), left)]
		if _, err := conn.Write(part); err != nil {
			return
		}
		left -= int64(len(part))
	}
}

// bomb is 1 GB of blanks inside a JSON list, compressed to about 1 MB: one
// gzip member of blanks, many times over.
func bomb() []byte {
	blanks := gzipped(bytes.Repeat([]byte(" "), 1<<20))
	b := gzipped([]byte(`{"data":[`))
	for range 1 << 10 {
		b = append(b, blanks...)
	}
	return append(b, gzipped([]byte(`]}`))...)
}
