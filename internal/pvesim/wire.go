package pvesim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	idleTime      = 5 * time.Second // PVE closes a connection that asks nothing for so long
	maxRequests   = 100             // and any after so many requests
	maxBody       = 512 << 10
	maxHeader     = 8 << 10
	gzipFrom      = 1024
	handshakeTime = 10 * time.Second
	writeTime     = 60 * time.Second
)

// reply is one HTTP answer before it is written.
type reply struct {
	status    int
	reason    string
	body      []byte
	ctype     string // "" and no body: PVE then sends no length either and closes
	protected bool   // came from pvedaemon, whose "close" the proxy passes on
	proxied   bool   // came from another member, whose header line is passed on
	location  string
	extra     string     // a further header line
	wire      *wireFault // what happens to the bytes
}

func (n *Node) listen(l net.Listener) {
	n.connMu.Lock()
	n.listener = l
	n.connMu.Unlock()
	n.cluster.sim.wait.Add(1)
	go func() {
		defer n.cluster.sim.wait.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.connMu.Lock()
			if n.listener != l {
				n.connMu.Unlock()
				conn.Close()
				return
			}
			n.conns[conn] = true
			n.cluster.sim.wait.Add(1)
			n.connMu.Unlock()
			go n.serveConn(conn)
		}
	}()
}

// shut closes the listener and every connection, as when the daemon goes.
func (n *Node) shut() {
	n.connMu.Lock()
	defer n.connMu.Unlock()
	if n.listener != nil {
		n.listener.Close()
		n.listener = nil
	}
	for conn := range n.conns {
		conn.Close()
	}
}

// reopen listens again on the node's own address, unless another fault keeps it
// shut or the simulation is over.
func (n *Node) reopen() error {
	select {
	case <-n.cluster.sim.ending:
		return nil
	default:
	}
	n.connMu.Lock()
	open := n.listener != nil
	n.connMu.Unlock()
	if open || n.keptShut() {
		return nil
	}
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		return fmt.Errorf("listen again for node %s: %w", n.spec.Name, err)
	}
	n.listen(l)
	return nil
}

func (n *Node) serveConn(conn net.Conn) {
	defer n.cluster.sim.wait.Done()
	defer func() {
		n.connMu.Lock()
		delete(n.conns, conn)
		n.connMu.Unlock()
		conn.Close()
	}()
	n.cluster.counts.connection()
	if n.silent() {
		n.holdSilent(conn)
		return
	}
	conn.SetDeadline(time.Now().Add(handshakeTime))
	first := bufio.NewReaderSize(conn, 4096)
	b, err := first.Peek(1)
	if err != nil {
		return
	}
	if b[0] != 0x16 {
		n.redirectToTLS(conn, first)
		return
	}
	tc := tls.Server(&peeked{conn, first}, n.tls.Load())
	if err := tc.Handshake(); err != nil {
		return
	}
	n.cluster.counts.tls()
	n.serveTLS(conn, tc)
}

// peeked gives a connection back the bytes that were looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// redirectToTLS is what PVE says to plain HTTP on its port.
func (n *Node) redirectToTLS(conn net.Conn, br *bufio.Reader) {
	req, err := http.ReadRequest(bufio.NewReader(io.LimitReader(br, maxHeader)))
	if err != nil {
		return
	}
	host := req.Host
	if host == "" {
		host = n.addr
	}
	rep := &reply{status: 301, reason: "Moved Permanently", location: "https://" + host + req.URL.RequestURI()}
	n.write(conn, req, rep, true)
}

func (n *Node) serveTLS(rawConn, conn net.Conn) {
	limited := &io.LimitedReader{R: conn}
	br := bufio.NewReaderSize(limited, 4096)
	for served := 1; ; served++ {
		conn.SetDeadline(time.Now().Add(time.Duration(n.cluster.sim.idle.Load())))
		limited.N = maxHeader
		if _, err := br.Peek(1); err != nil {
			return
		}
		conn.SetDeadline(time.Now().Add(handshakeTime))
		req, err := http.ReadRequest(br)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				n.write(conn, nil, &reply{status: 400, reason: "bad request"}, true)
			}
			return
		}
		limited.N = maxBody + maxHeader
		if n.silent() { // went dead between two requests of a kept connection
			n.holdSilent(rawConn)
			return
		}
		if req.Header.Get("Expect") == "100-continue" {
			io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body, refused := readBody(req)
		conn.SetDeadline(time.Time{})
		rep := refused
		if rep == nil {
			rep = n.answer(req, body)
		}
		if rep == nil { // the simulation ends, or a held call's fault
			return
		}
		last := served >= maxRequests || rep.status >= 400 || wantsClose(req)
		conn.SetDeadline(time.Now().Add(writeTime))
		if !n.write(conn, req, rep, last) || last {
			return
		}
	}
}

func wantsClose(req *http.Request) bool {
	return req.Close || req.ProtoMajor == 1 && req.ProtoMinor == 0 && !strings.EqualFold(req.Header.Get("Connection"), "keep-alive")
}

// readBody takes the body where PVE's daemon would, else it says what that
// daemon says.
func readBody(req *http.Request) ([]byte, *reply) {
	if req.Method != "GET" && req.Method != "POST" && req.Method != "PUT" && req.Method != "DELETE" {
		return nil, &reply{status: 501, reason: "method '" + req.Method + "' not available"}
	}
	if len(req.TransferEncoding) > 0 {
		return nil, plain(501, "chunked transfer encoding not supported")
	}
	if req.ContentLength <= 0 {
		return nil, nil
	}
	if req.Method != "POST" && req.Method != "PUT" {
		return nil, plain(501, "Unexpected content for method '"+req.Method+"'")
	}
	if req.ContentLength > maxBody {
		return nil, plain(501, "for data too large")
	}
	ct, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	if ct != "" && ct != "application/x-www-form-urlencoded" && ct != "application/json" {
		return nil, plain(506, "upload 'Content-Type '"+req.Header.Get("Content-Type")+"' not implemented")
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength))
	if err != nil {
		return nil, &reply{status: 400, reason: "bad request"}
	}
	return body, nil
}

// plain is an error of the HTTP daemon itself, before the API is reached.
func plain(status int, msg string) *reply {
	return &reply{status: status, reason: msg, body: []byte(msg)}
}

// write sends the answer; it reports whether the connection may go on. The
// header lines stand in the order and case in which PVE sends them.
func (n *Node) write(conn net.Conn, req *http.Request, rep *reply, last bool) bool {
	body := rep.body
	gz := rep.wire.encodes() == "" && len(body) > gzipFrom && req != nil && acceptsGzip(req)
	if gz {
		body = gzipped(body)
	}
	var h bytes.Buffer
	reason, _, _ := strings.Cut(rep.reason, "\n") // Proxmox keeps the first line only
	fmt.Fprintf(&h, "HTTP/1.1 %d %s\r\n", rep.status, reason)
	h.WriteString("Cache-Control: max-age=0\r\n")
	for _, line := range connectionLines(rep, last) {
		h.WriteString("Connection: " + line + "\r\n")
	}
	date := n.date().UTC().Format(http.TimeFormat)
	h.WriteString("Date: " + date + "\r\nPragma: no-cache\r\nServer: pve-api-daemon/3.0\r\n")
	if rep.location != "" {
		h.WriteString("Location: " + rep.location + "\r\n")
	}
	if enc := rep.wire.encodes(); enc != "" {
		h.WriteString("Content-Encoding: " + enc + "\r\n")
	} else if gz {
		h.WriteString("Content-Encoding: gzip\r\n")
	}
	if len(body) > 0 || rep.ctype != "" || !last {
		h.WriteString("Content-Length: " + strconv.FormatInt(rep.wire.length(len(body)), 10) + "\r\n")
	}
	if rep.ctype != "" {
		h.WriteString("Content-Type: " + rep.ctype + "\r\n")
	}
	h.WriteString("Expires: " + date + "\r\n" + rep.extra + "\r\n")
	if rep.wire != nil {
		return rep.wire.send(n, conn, h.Bytes(), body)
	}
	h.Write(body)
	n.cluster.counts.sent(h.Len())
	_, err := conn.Write(h.Bytes())
	return err == nil
}

// connectionLines gives the Connection header lines: the proxy adds its own to
// the one of the daemon or member that it asked.
func connectionLines(rep *reply, last bool) []string {
	if last {
		return []string{"close"}
	}
	switch {
	case rep.proxied && rep.protected:
		return []string{"close,Keep-Alive", "Keep-Alive"}
	case rep.proxied:
		return []string{"Keep-Alive", "Keep-Alive"}
	case rep.protected:
		return []string{"close", "Keep-Alive"}
	}
	return []string{"Keep-Alive"}
}

func acceptsGzip(req *http.Request) bool {
	return strings.Contains(strings.ToLower(req.Header.Get("Accept-Encoding")), "gzip")
}

func gzipped(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

// pause waits, and reports false when the simulation ends meanwhile.
func (s *Sim) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ending:
		return false
	}
}
