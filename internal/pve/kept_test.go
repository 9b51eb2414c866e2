package pve

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

// TestStatusKeepsItsConnection is about the calls whose answers say both close
// and Keep-Alive: a handshake for each would be ten a minute while watched.
func TestStatusKeepsItsConnection(t *testing.T) {
	sim, err := pvesim.Start(pvesim.Config{AuthDelay: -1, Clusters: []pvesim.ClusterSpec{{
		Name: "lab", Nodes: []pvesim.NodeSpec{{Name: "pve1", CTs: []pvesim.ContainerSpec{{VMID: 100, Running: true}}}, {Name: "pve2", CTs: []pvesim.ContainerSpec{{VMID: 101}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	cluster := sim.Cluster("lab")
	node := cluster.Node("pve1")
	at := netip.MustParseAddrPort(node.Addr())
	auth := Token{ID: "root@pam!look", Secret: secret.New(cluster.AddToken("root@pam", "look", pvesim.TokenSpec{}))}
	c := client(t, authority.Authority{
		Addresses: []authority.Address{{Host: at.Addr().String(), Port: int(at.Port()), Node: "pve1"}},
		Trust:     authority.Trust{Mode: authority.CAPin, CA: string(cluster.CAPEM()), Fingerprint: cluster.CAFingerprint()},
	}, func(o *Options) { o.Auth = auth })

	for range 3 {
		if s, err := c.ClusterStatus(t.Context()); err != nil || len(s.Members) != 2 {
			t.Fatalf("%+v, %v", s, err)
		}
		for node, id := range map[string]int{"pve1": 100, "pve2": 101} {
			if _, err := c.Current(t.Context(), node, fleet.VMID(id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := cluster.Requests(); n.TLS != 1 || n.Total != 9 {
		t.Errorf("%d TLS connections for %d calls, want one for nine", n.TLS, n.Total)
	}
}

func TestKeepAliveHead(t *testing.T) {
	const rest = "\r\nContent-Length: 2\r\n\r\n{}"
	for head, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: Keep-Alive":            "HTTP/1.1 200 OK",
		"HTTP/1.1 200 OK\r\nconnection: close,Keep-Alive\r\nConnection: Keep-Alive": "HTTP/1.1 200 OK",
		"HTTP/1.1 200 OK\r\nConnection: close":                                      "HTTP/1.1 200 OK\r\nConnection: close",
		"HTTP/1.1 200 OK\r\nConnection: close, Keep-Alive":                          "HTTP/1.1 200 OK\r\nConnection: close, Keep-Alive",
		"HTTP/1.1 500 close\r\nX: Connection: Keep-Alive\r\nConnection: close":      "HTTP/1.1 500 close\r\nX: Connection: Keep-Alive\r\nConnection: close",
	} {
		for _, size := range []int{1, 7, 4096} { // however the bytes arrive
			near, far := net.Pipe()
			k := &keptConn{Conn: near}
			go func() {
				io.ReadFull(far, make([]byte, 1))
				for b := []byte(head + rest); len(b) > 0; {
					n := min(size, len(b))
					far.Write(b[:n])
					b = b[n:]
				}
				far.Close()
			}()
			k.Write([]byte("x"))
			got, err := io.ReadAll(k)
			if err != nil && !errors.Is(err, io.EOF) || string(got) != want+rest {
				t.Errorf("%q by %d bytes became %q (%v)", head, size, strings.TrimSuffix(string(got), rest), err)
			}
			near.Close()
		}
	}
}
