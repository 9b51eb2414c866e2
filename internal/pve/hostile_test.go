package pve

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// soon is a caller's own patience, so that no test waits for the real limits.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}

const okHead = "HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json;charset=UTF-8\r\n"

// raw says these bytes and closes the connection.
func raw(s string) func(io.Writer, *http.Request) bool {
	return func(w io.Writer, _ *http.Request) bool {
		_, _ = io.WriteString(w, s)
		return false
	}
}

// flood says head, and then the same again and again until the reader goes.
func flood(head, again string) func(io.Writer, *http.Request) bool {
	return func(w io.Writer, _ *http.Request) bool {
		_, _ = io.WriteString(w, head)
		block := []byte(strings.Repeat(again, max(1, (32<<10)/len(again))))
		for {
			if _, err := w.Write(block); err != nil {
				return false
			}
		}
	}
}

// hang says head and then nothing until the connection goes.
func hang(head string) func(io.Writer, *http.Request) bool {
	return func(w io.Writer, _ *http.Request) bool {
		_, _ = io.WriteString(w, head)
		_, _ = io.Copy(io.Discard, w.(net.Conn))
		return false
	}
}

func TestHostileAnswers(t *testing.T) {
	const huge = "Content-Length: 10737418240\r\n\r\n"
	t.Parallel()
	for name, tc := range map[string]struct {
		handler func(io.Writer, *http.Request) bool
		kind    problem.Kind
	}{
		"says nothing":                {hang(""), problem.Timeout},
		"half a head":                 {hang("HTTP/1.1 200 OK\r\nServ"), problem.Timeout},
		"half an answer, then hangs":  {hang(okHead + "Content-Length: 100\r\n\r\n{\"data\":[{"), problem.Timeout},
		"half an answer, then closes": {raw(okHead + "Content-Length: 100\r\n\r\n{\"data\":[{"), problem.Garbled},
		"half an answer, no length":   {raw(okHead + "Connection: close\r\n\r\n{\"data\":[{"), problem.Garbled},
		"closes at once":              {raw(""), problem.Unreachable},
		"no HTTP":                     {raw("SSH-2.0-OpenSSH_9.2\r\n"), problem.NotProxmox},
		"10 GB of blanks":             {flood(okHead+huge, " "), problem.TooLarge},
		"10 GB of one string":         {flood(okHead+huge+`{"data":[{"name":"`, "x"), problem.TooLarge},
		"10 GB of one row":            {flood(okHead+huge+`{"data":[[`, "0,"), problem.TooLarge},
		"10 GB of brackets":           {flood(okHead+huge+`{"data":[`, "["), problem.TooLarge},
		"10 GB of keys":               {flood(okHead+huge+`{`, `"a":0,`), problem.TooLarge},
		"endless headers":             {flood("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), problem.TooLarge},
		"one endless header":          {flood("HTTP/1.1 200 OK\r\nX-A: ", "b"), problem.TooLarge},
		"endless error":               {flood("HTTP/1.1 500 x\r\nServer: pve-api-daemon/3.0\r\nConnection: close\r\n\r\n{\"message\":\"", "x"), problem.Failed},
		"a web page":                  {raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>welcome " + canary), problem.NotProxmox},
		"not found":                   {raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), problem.NotProxmox},
		"a proxy without Proxmox":     {raw("HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"), problem.Unreachable},
		"JSON of something else":      {raw(okHead + "Content-Length: 13\r\n\r\n{\"status\":42}"), problem.Garbled},
		"a wrong shape":               {says(200, "OK", `{"data":{"a":1}}`), problem.Garbled},
		"no JSON":                     {says(200, "OK", `{"data":[}`), problem.Garbled},
		"an unknown compression":      {raw(okHead + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"), problem.Garbled},
		"broken compression":          {raw(okHead + "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at."), problem.Garbled},
		"no content":                  {raw("HTTP/1.1 204 No Content\r\n\r\n"), problem.NotProxmox},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := served(t, tc.handler)
			ctx := t.Context()
			if tc.kind == problem.Timeout {
				ctx = soon(t)
			}
			_, err := c.Resources(ctx)
			wants(t, err, tc.kind)
		})
	}
}

func TestSlowLoris(t *testing.T) {
	_, c := served(t, func(w io.Writer, _ *http.Request) bool {
		_, _ = io.WriteString(w, okHead+"Content-Length: 1000000\r\n\r\n{\"data\":[")
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(w, " "); err != nil {
				return false
			}
		}
		return false
	})
	c.patience.whole = time.Second
	_, err := c.Resources(t.Context())
	wants(t, err, problem.Timeout)
}

func TestGzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.WriteString(z, `{"data":[{"name":"`)
	zeros := bytes.Repeat([]byte("0"), 1<<20)
	for range 200 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	head := fmt.Sprintf("%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", okHead, bomb.Len())
	var read atomic.Int64
	root := newCA(t)
	f := newFake(t, root.leaf(t, nil, "pve1"), raw(head+bomb.String()))
	c := client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: root.trust()},
		func(o *Options) { o.OnAnswer = func(a Answer) { read.Store(a.Bytes) } })
	_, err := c.Resources(t.Context())
	wants(t, err, problem.TooLarge)
	if n := read.Load(); n > maxListBytes {
		t.Errorf("%d bytes were read", n)
	}
}

func TestGzipIsRead(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"data":{"version":"9.2.11"}}`)
	_ = z.Close()
	f, c := served(t, func(w io.Writer, _ *http.Request) bool {
		_, _ = fmt.Fprintf(w, "%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", okHead, packed.Len(), packed.String())
		return true
	})
	for range 3 {
		if v, err := c.Version(t.Context()); err != nil || v.Version != "9.2.11" {
			t.Fatalf("%+v %v", v, err)
		}
	}
	if n := f.connections(); n != 1 {
		t.Errorf("%d connections: a compressed answer was not read to its end", n)
	}
	if got := f.seen()[0].Header.Get("Accept-Encoding"); got != "gzip" {
		t.Errorf("Accept-Encoding %q", got)
	}
}

func TestManyRowsAreCutAndSaid(t *testing.T) {
	_, c := served(t, flood(okHead+"Connection: close\r\n\r\n"+`{"data":[{"type":"pool"}`, `,{"type":"lxc","vmid":100,"node":"pve1"}`))
	l, err := c.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !l.Cut || len(l.Rows) != maxRows {
		t.Errorf("cut %v, %d rows", l.Cut, len(l.Rows))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	root := newCA(t)
	other := newFake(t, root.leaf(t, nil, "pve2", "127.0.0.1"), data(`{"version":"9.2.11"}`))
	for _, status := range []int{301, 302, 303, 307, 308} {
		_, c := served(t, raw(fmt.Sprintf("HTTP/1.1 %d Moved\r\nServer: pve-api-daemon/3.0\r\nLocation: https://%s/api2/json/version?%s\r\nContent-Length: 0\r\n\r\n", status, other.addr, canary)))
		_, err := c.Version(t.Context())
		wants(t, err, problem.Redirected)
		_, err = c.SignIn(t.Context(), "root@pam", secret.New(canary))
		wants(t, err, problem.Redirected)
		err = c.DeleteToken(t.Context(), "root@pam", "berth")
		wants(t, err, problem.Redirected)
	}
	if other.connections() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var caught atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := trap.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			conn.Close()
		}
	}()
	defer func() { trap.Close(); <-done }()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://"+trap.Addr().String())
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	_, c := served(t, data(`{"version":"9.2.11"}`))
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if caught.Load() != 0 {
		t.Error("a proxy was asked")
	}
}

func TestCookiesAreNotKept(t *testing.T) {
	f, c := served(t, raw(okHead+"Set-Cookie: PVEAuthCookie=evil; Path=/\r\nContent-Length: 29\r\n\r\n"+`{"data":{"version":"9.2.11"}}`))
	for range 2 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range f.seen() {
		if r.Header.Get("Cookie") != "" {
			t.Errorf("cookie %q", r.Header.Get("Cookie"))
		}
	}
}

func TestHandshakesThatDoNotEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		kind  problem.Kind
	}{
		"hangs after accept": {func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, problem.Timeout},
		"closes at once":     {func(net.Conn) {}, problem.TLS},
		"speaks plain HTTP": {func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, 10))
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, problem.NotProxmox},
		"old TLS only": {func(conn net.Conn) {
			old := tls.Server(conn, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}) // #nosec G402 -- what is refused
			_ = old.Handshake()
		}, problem.TLS},
	} {
		t.Run(name, func(t *testing.T) {
			a := plainServer(t, tc.serve)
			c := client(t, authority.Authority{Addresses: []authority.Address{a}, Trust: newCA(t).trust()})
			if tc.kind == problem.Timeout {
				c.patience.handshake = 200 * time.Millisecond
			}
			_, err := c.Version(t.Context())
			wants(t, err, tc.kind)
			if tc.kind != problem.Timeout {
				_, err = Look(t.Context(), loopback(), a)
				wants(t, err, tc.kind)
			}
		})
	}
}

// plainServer hands each connection to serve and closes it after.
func plainServer(t *testing.T, serve func(net.Conn)) authority.Address {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	addr := netip.MustParseAddrPort(ln.Addr().String())
	return authority.Address{Host: addr.Addr().String(), Port: int(addr.Port())}
}

func TestLookShowsNothingOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		handler func(io.Writer, *http.Request) bool
		proxmox bool
	}{
		"Proxmox":           {data(`[{"realm":"pam","type":"pam"}]`), true},
		"a web page":        {raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>secret page</h1>"), false},
		"other JSON":        {says(200, "OK", `{"users":["a"]}`), false},
		"an error":          {says(500, "secret reason", `{"message":"secret"}`), false},
		"a redirect":        {raw("HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\n\r\n"), false},
		"no HTTP":           {raw("220 mail ESMTP\r\n"), false},
		"a flood":           {flood(okHead+"\r\n"+`{"data":[{"realm":"pam","type":"pam"}`, `,{"realm":"pam","type":"pam"}`), false},
		"an empty list":     {data(`[]`), false},
		"rows of no realms": {data(`[{"name":"x"}]`), false},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := served(t, tc.handler)
			seen, err := Look(t.Context(), loopback(), f.address(""))
			if err != nil {
				t.Fatal(err)
			}
			if seen.Proxmox != tc.proxmox || seen.Fingerprint != authority.Fingerprint(f.leaf.Leaf.Raw) {
				t.Errorf("%+v", seen.Seen)
			}
			if strings.Contains(fmt.Sprintf("%+v", seen.Seen), "secret") {
				t.Error("words of what answered are in it")
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	f, _ := served(t, hang(""))
	_, err := Look(soon(t), loopback(), f.address(""))
	wants(t, err, problem.Timeout)
	_, err = Look(t.Context(), NewGuard(GuardOptions{}), f.address(""))
	wants(t, err, problem.Blocked)
}

func TestSecretsThatComeBackAreMasked(t *testing.T) {
	const password = "pass=w;ord äö"
	// The peer says all that it was sent, raw and as it stood in the form.
	echo := func(write func(w io.Writer, said string)) func(io.Writer, *http.Request) bool {
		return func(w io.Writer, r *http.Request) bool {
			write(w, r.Header.Get("Authorization")+" "+r.Form.Get("password")+" "+escape(r.Form.Get("password")))
			return false
		}
	}
	for name, handler := range map[string]func(io.Writer, *http.Request) bool{
		"reason":    echo(func(w io.Writer, said string) { answer(w, 500, said, "") }),
		"message":   echo(func(w io.Writer, said string) { answer(w, 500, "x", `{"message":"`+said+`"}`) }),
		"field":     echo(func(w io.Writer, said string) { answer(w, 400, "x", `{"errors":{"`+said+`":"`+said+`"}}`) }),
		"privilege": echo(func(w io.Writer, said string) { answer(w, 403, "x", `{"message":"failed (/`+said+`, A)"}`) }),
		"no HTTP":   echo(func(w io.Writer, said string) { _, _ = io.WriteString(w, said+"\r\n\r\n") }),
		"596":       echo(func(w io.Writer, said string) { answer(w, 596, said, "") }),
	} {
		t.Run(name, func(t *testing.T) {
			_, c := served(t, handler)
			_, err := c.Resources(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			_, signedIn := c.SignIn(t.Context(), "root@pam", secret.New(password))
			if signedIn == nil {
				t.Fatal("no error")
			}
			for _, err := range []error{err, signedIn} {
				all := fmt.Sprintf("%v %+v %#v %s", err, problem.Of(err), *problem.Of(err), problem.Of(err).Sentence())
				for _, s := range []string{canary, password, escape(password)} {
					if strings.Contains(all, s) {
						t.Errorf("%q is in %s", s, all)
					}
				}
			}
		})
	}
}

func TestSecretThatFitsNoHeader(t *testing.T) {
	f, _ := served(t, says(200, "OK", version))
	a := authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: f.address("").Leaf}}
	_, err := New(Options{Authority: a, Guard: loopback(), Auth: Token{ID: "root@pam!berth", Secret: secret.New(canary + "\r\nX-Evil: 1")}})
	wants(t, err, problem.Invalid)
	_, err = New(Options{Authority: a, Guard: loopback(), Auth: Token{ID: "root@pam!berth\r\nX-Evil: 1", Secret: secret.New(canary)}})
	wants(t, err, problem.Invalid)
	if len(f.seen()) != 0 {
		t.Error("it was sent")
	}
}
