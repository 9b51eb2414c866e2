package pve

import (
	"bytes"
	"net"
	"strings"
	"sync/atomic"
)

// keptConn lets a connection to Proxmox be kept. What Proxmox's daemon answers
// behind its proxy (among it /cluster/status and status/current) arrives with two
// Connection lines: "close" from the daemon, "Keep-Alive" from the proxy. The
// connection is the proxy's and does stay open; a client that obeys the first line
// makes a TLS handshake for each such call. Here the daemon's line is taken out
// where the proxy's own stands beside it; a lone "close" stays.
//
// There is no pipelining: the first bytes read after something was written begin
// an answer. net/http already waits for them while it writes, so what a Read has
// brought is judged once it returns.
type keptConn struct {
	net.Conn
	asked atomic.Bool // written to since the last head
	held  []byte      // read and not yet handed on; the reader's own
}

func (k *keptConn) Write(p []byte) (int, error) {
	k.asked.Store(true)
	return k.Conn.Write(p)
}

func (k *keptConn) Read(p []byte) (int, error) {
	if len(k.held) == 0 {
		n, err := k.Conn.Read(p)
		if n == 0 || err != nil || !k.asked.Swap(false) {
			return n, err
		}
		k.held = k.head(p[:n])
	}
	n := copy(p, k.held)
	k.held = k.held[n:]
	return n, nil
}

// head reads on from the first bytes of an answer to the end of its head and
// returns all that was read, with the daemon's line taken out. Half a head or one
// past the limit is returned as it is: net/http judges it.
func (k *keptConn) head(first []byte) []byte {
	got := bytes.Clone(first)
	var chunk [4096]byte
	for {
		if end := bytes.Index(got, []byte("\r\n\r\n")); end >= 0 {
			return append(keepAlive(got[:end]), got[end:]...)
		}
		if len(got) > maxHeaderBytes {
			return got
		}
		n, err := k.Conn.Read(chunk[:])
		got = append(got, chunk[:n]...)
		if err != nil {
			return got // the next Read meets the error again
		}
	}
}

// keepAlive drops a Connection line that says close where another says
// Keep-Alive alone.
func keepAlive(head []byte) []byte {
	lines := strings.Split(string(head), "\r\n")
	kept, proxys := lines[:0:0], false
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(name, "Connection") {
			kept = append(kept, line)
			continue
		}
		if strings.EqualFold(strings.TrimSpace(value), "keep-alive") {
			proxys = true
		}
	}
	if !proxys {
		return append([]byte(nil), head...)
	}
	return []byte(strings.Join(kept, "\r\n"))
}
