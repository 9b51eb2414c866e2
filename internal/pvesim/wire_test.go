package pvesim

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a TLS connection to a node and returns it with a reader.
func dial(t *testing.T, n *Node) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := tls.Dial("tcp", n.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if p := conn.ConnectionState().NegotiatedProtocol; p != "" {
		t.Errorf("negotiated %q, want nothing: HTTP/1.1 only", p)
	}
	return conn, bufio.NewReader(conn)
}

func TestOneRequestOnTheWire(t *testing.T) {
	_, c, at := lab(t, Config{})
	auth := "Authorization: " + at("pve1").header.Get("Authorization") + "\r\n"
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	cases := []struct {
		name, send, first string
		closes            bool
	}{
		{"a good one", "GET /api2/json/version HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "HTTP/1.1 200 OK", false},
		{"no login", "GET /api2/json/version HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 401 No ticket", true},
		{"HEAD", "HEAD /api2/json/version HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "HTTP/1.1 501 method 'HEAD' not available", true},
		{"chunked", "POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 chunked transfer encoding not supported", true},
		{"a body on GET", "GET /api2/json/version HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 3\r\n\r\na=b", "HTTP/1.1 501 Unexpected content for method 'GET'", true},
		{"too large", "POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: 524289\r\n\r\n", "HTTP/1.1 501 for data too large", true},
		{"multipart", "POST /api2/json/access/ticket HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 506 upload 'Content-Type 'multipart/form-data; boundary=b' not implemented", true},
		{"long header", "GET /api2/json/version HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 9000) + "\r\n\r\n", "HTTP/1.1 400 bad request", true},
		{"another format", "GET /api2/text/version HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 no formatter for uri /version, text", true},
		{"not a request", "HELO x\r\n\r\n", "HTTP/1.1 400 bad request", true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			conn, br := dial(t, c.Node("pve1"))
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			io.WriteString(conn, tc.send)
			line, err := br.ReadString('\n')
			if err != nil || strings.TrimSpace(line) != tc.first {
				t.Fatalf("answered %q (%v), want %q", line, err, tc.first)
			}
			if !tc.closes {
				return
			}
			if _, err := io.Copy(io.Discard, br); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection does not close: %v", err)
			}
		})
	}
}

func TestHeadersAreProxmoxs(t *testing.T) {
	_, c, at := lab(t, Config{})
	conn, br := dial(t, c.Node("pve1"))
	fmt.Fprintf(conn, "GET /api2/json/version HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", at("pve1").header.Get("Authorization"))
	var names []string
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
		name, _, _ := strings.Cut(line, ":")
		names = append(names, strings.TrimSpace(name))
	}
	want := "HTTP/1.1 200 OK, Cache-Control, Connection, Date, Pragma, Server, Content-Length, Content-Type, Expires"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("header lines %s, want %s", got, want)
	}
}

func TestConnectionEndsAfterAHundredRequests(t *testing.T) {
	_, c, at := lab(t, Config{})
	conn, br := dial(t, c.Node("pve1"))
	for i := 1; i <= maxRequests; i++ {
		fmt.Fprintf(conn, "GET /api2/json/version HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", at("pve1").header.Get("Authorization"))
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		io.Copy(io.Discard, res.Body)
		if res.Close != (i == maxRequests) {
			t.Fatalf("request %d: close is %v", i, res.Close)
		}
	}
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("after a hundred: %v", err)
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	s, c, _ := lab(t, Config{})
	if got := time.Duration(s.idle.Load()); got != 5*time.Second {
		t.Errorf("idle connections are kept for %v, want 5s", got)
	}
	s.idle.Store(int64(20 * time.Millisecond))
	conn, br := dial(t, c.Node("pve1"))
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("an idle connection: %v", err)
	}
}

func TestPlainHTTPIsSentToTLS(t *testing.T) {
	_, c, _ := lab(t, Config{})
	n := c.Node("pve1")
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /a?b=c HTTP/1.1\r\nHost: %s\r\n\r\n", n.Addr())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 301 || res.Header.Get("Location") != "https://"+n.Addr()+"/a?b=c" {
		t.Errorf("%s to %q", res.Status, res.Header.Get("Location"))
	}
}

func TestGzipWhereAsked(t *testing.T) {
	_, _, at := lab(t, Config{})
	c := at("pve1")
	for path, want := range map[string]string{"/access/permissions": "gzip", "/version": ""} {
		req := c.request(path)
		req.Header.Set("Accept-Encoding", "br, gzip")
		res, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%s: Content-Encoding %q, want %q", path, got, want)
		}
	}
}

func TestFormsAreReadAsProxmoxReadsThem(t *testing.T) {
	for form, want := range map[string]string{
		"a=b&c=d":            "map[a:b c:d]",
		"a=b;c=d":            "map[a:b c:d]",
		"features=nesting=1": "map[features:nesting]",
		"a=b%3Dc%3Bd":        "map[a:b=c;d]",
		"a=x+y":              "map[a:x y]",
		"a":                  "map[a:]",
		"":                   "map[]",
	} {
		if got := fmt.Sprint(parseForm(form)); got != want {
			t.Errorf("%q is %s, want %s", form, got, want)
		}
	}
}

func TestCountsForBudgets(t *testing.T) {
	_, c, at := lab(t, Config{})
	c.ResetRequests()
	one := at("pve1")
	for range 3 {
		one.get("/cluster/resources")
	}
	one.get("/nodes/pve2/lxc/102/status/current")
	n := c.Requests()
	if n.Total != 4 || n.Calls["GET /cluster/resources"] != 3 || n.Calls["GET /nodes/{node}/lxc/{vmid}/status/current"] != 1 {
		t.Errorf("counted %+v", n)
	}
	if n.TLS != 1 || n.Connections != 1 || n.Bytes == 0 {
		t.Errorf("connections %+v, want one for four requests", n)
	}
}
