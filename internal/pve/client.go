package pve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
)

// Answer is what one exchange cost, for the account of what watching spends.
type Answer struct {
	Address  authority.Address
	Method   string
	Status   int // 0 when none came
	Duration time.Duration
	Bytes    int64 // of the body, after decompression
	NewConn  bool  // a connection was made for it
}

// Options are what a client is made of.
type Options struct {
	Authority authority.Authority
	Auth      Credentials // nil: no login
	Guard     *Guard
	// Now is time.Now when nil; certificates are judged at that time.
	Now       func() time.Time
	UserAgent string
	// OnAnswer is called after each exchange, OnRenewal when a certificate was
	// renewed under the same authority. Both may come from several goroutines.
	OnAnswer  func(Answer)
	OnRenewal func(Renewal)
}

// Client talks to one authority. It is safe for concurrent use and keeps
// connections between calls. A changed pin, address or secret needs a new client;
// Close the old one, which ends its connections.
type Client struct {
	addresses []authority.Address
	auth      Credentials
	guard     *Guard
	judge     *judge
	now       func() time.Time
	userAgent string
	onAnswer  func(Answer)
	sessions  tls.ClientSessionCache

	reads  *http.Transport // keeps connections
	writes *http.Transport // one connection for each request

	patience patience

	closed context.Context
	close  context.CancelFunc

	mu      sync.Mutex
	current int // the address that answered last
}

// New makes a client; it connects to nobody yet. It fails when the authority
// has no address or a pin that cannot be read, and when the token is none.
func New(o Options) (*Client, error) {
	if len(o.Authority.Addresses) == 0 {
		return nil, errors.New("pve: an authority without an address")
	}
	if o.Guard == nil {
		return nil, errors.New("pve: a client without a guard")
	}
	if t, ok := o.Auth.(Token); ok {
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	j, err := newJudge(o.Authority, o.Now, o.OnRenewal)
	if err != nil {
		p := problem.New(problem.Untrusted, "The pinned certificate of this cluster cannot be read.", "Confirm the certificate again in the settings.")
		p.Err = err
		return nil, p
	}
	c := &Client{
		addresses: o.Authority.Addresses, auth: o.Auth, guard: o.Guard, judge: j, now: o.Now,
		userAgent: o.UserAgent, onAnswer: o.OnAnswer, patience: usualPatience,
		sessions: tls.NewLRUClientSessionCache(2 * len(o.Authority.Addresses)),
	}
	if c.userAgent == "" {
		c.userAgent = "Berth"
	}
	c.closed, c.close = context.WithCancel(context.Background())
	c.reads = newTransport(c.dialTLS, false)
	c.writes = newTransport(c.dialTLS, true)
	return c, nil
}

// patience is how long a client waits: for a whole call, for a first byte where
// another address could be asked, and for a handshake.
type patience struct{ whole, firstByte, handshake time.Duration }

var usualPatience = patience{deadline, firstByte, handshakeTimeout}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// newTransport speaks HTTP/1.1 over what dial gives and asks nobody for a
// proxy. Whoever writes gets a connection of their own: a kept one may be closed
// by Proxmox just as the request goes out, and then nobody knows what happened.
func newTransport(dial dialFunc, oneEach bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialTLSContext: dial,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("pve: only HTTPS is spoken")
		},
		Protocols:              protocols,
		DisableCompression:     true, // done here, within limits
		DisableKeepAlives:      oneEach,
		MaxIdleConnsPerHost:    8,
		MaxConnsPerHost:        8,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      false,
	}
}

// dialTLS connects to one of the authority's addresses and hands the connection
// out only after the peer was judged.
func (c *Client) dialTLS(ctx context.Context, _, addr string) (net.Conn, error) {
	a, ok := c.byHostPort(addr)
	if !ok {
		return nil, errors.New("pve: not an address of this authority")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.closed, cancel)()
	conn, err := c.guard.Dial(ctx, a.Host, a.Port)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, c.patience.handshake)
	defer stop()
	t, err := handshake(ctx, a, conn, c.judge.config(a, c.sessions))
	if err != nil {
		return nil, err
	}
	return &keptConn{Conn: t}, nil
}

// handshake takes conn over: it is closed when it fails.
func handshake(ctx context.Context, a authority.Address, conn net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	t := tls.Client(conn, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, handshakeProblem(a, err)
	}
	return t, nil
}

func (c *Client) byHostPort(addr string) (authority.Address, bool) {
	for _, a := range c.addresses {
		if a.HostPort() == addr {
			return a, true
		}
	}
	return authority.Address{}, false
}

// Answering is the address that answered last, or the first one before any did.
func (c *Client) Answering() authority.Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses[c.current]
}

// Leaf is the certificate that the address of Answering showed last; nil before any connection.
func (c *Client) Leaf() *x509.Certificate { return c.judge.leafOf(c.Answering()) }

// Close ends kept connections and attempts to connect. Calls under way end by themselves.
func (c *Client) Close() {
	c.close()
	c.reads.CloseIdleConnections()
	c.writes.CloseIdleConnections()
}
