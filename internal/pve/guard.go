package pve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/internal/problem"
)

// Rule is one of the operator's exceptions: addresses in Prefix may be dialled on Port.
type Rule struct {
	Prefix netip.Prefix
	Port   uint16 // 0: every port
}

// ParseRule reads "CIDR:port", "CIDR" (every port) or a single address in place
// of the CIDR: "127.0.0.0/8:8006", "[fd00::/8]:8006", "10.1.2.3:443".
func ParseRule(s string) (Rule, error) {
	bad := fmt.Errorf("%q is no CIDR:port, such as 127.0.0.0/8:8006 or [fd00::/8]:8006", s)
	cidr, port := s, ""
	switch i := strings.LastIndexByte(s, ':'); {
	case strings.HasPrefix(s, "["):
		var ok bool
		if cidr, port, ok = strings.Cut(s[1:], "]"); !ok || port != "" && port[0] != ':' {
			return Rule{}, bad
		}
		port = strings.TrimPrefix(port, ":")
	case i >= 0 && (strings.Count(s, ":") == 1 || i > strings.IndexByte(s, '/') && strings.Contains(s, "/")):
		cidr, port = s[:i], s[i+1:]
	}
	var r Rule
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Rule{}, bad
		}
		r.Port = uint16(n)
	}
	var err error
	if strings.Contains(cidr, "/") {
		r.Prefix, err = netip.ParsePrefix(cidr)
	} else {
		var a netip.Addr
		if a, err = netip.ParseAddr(cidr); err == nil {
			r.Prefix, err = a.Prefix(a.BitLen())
		}
	}
	if err != nil {
		return Rule{}, bad
	}
	r.Prefix = r.Prefix.Masked()
	return r, nil
}

func (r Rule) allows(a netip.Addr, port uint16) bool {
	return r.Prefix.Contains(a) && (r.Port == 0 || r.Port == port)
}

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// GuardOptions say what the guard lets through beside the ordinary.
type GuardOptions struct {
	// Allow widens: addresses and ports that are refused by default (loopback,
	// link-local, other ports than 8006 and 443). Metadata services, multicast,
	// unspecified addresses and Own are refused whatever it says.
	Allow []Rule
	// Only narrows: nothing but Allow may be dialled.
	Only bool
	// Own are Berth's listeners and its database. An unspecified address in it
	// stands for each address of this machine.
	Own []netip.AddrPort
	// OwnNames are more of them as host:port, looked up whenever that port is asked for.
	OwnNames []string
	// Resolver is net.DefaultResolver when nil.
	Resolver Resolver
}

// Guard is the one dialer of everything that goes out. It resolves a name once,
// checks each address that it got, and dials the checked address itself, so
// that a name which changes its answer gains nothing. Safe for concurrent use.
type Guard struct {
	allow    []Rule
	only     bool
	resolver Resolver
	dialer   net.Dialer
	timeout  time.Duration // for one Dial

	ownNames []string

	mu  sync.RWMutex
	own []netip.AddrPort
}

// NewGuard makes a guard.
func NewGuard(o GuardOptions) *Guard {
	g := &Guard{allow: slices.Clone(o.Allow), only: o.Only, own: slices.Clone(o.Own), ownNames: slices.Clone(o.OwnNames), resolver: o.Resolver, timeout: connectTimeout}
	if g.resolver == nil {
		g.resolver = net.DefaultResolver
	}
	return g
}

// AddOwn adds an address of Berth itself, known only once it listens.
func (g *Guard) AddOwn(a netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.own = append(g.own, a)
}

// Check says whether the address may be dialled; the reason is a Blocked problem.
func (g *Guard) Check(a netip.AddrPort) error {
	for _, inner := range unwrap(a.Addr()) {
		if why := g.refusal(inner, a.Port()); why != "" {
			return problem.New(problem.Blocked, fmt.Sprintf("Berth does not connect to %s: %s.", a, why),
				"Enter the address of a Proxmox node. The operator of Berth can allow more with --allow-node.")
		}
	}
	return nil
}

// refusal is why an address that wraps no other is not dialled; empty when it is.
func (g *Guard) refusal(a netip.Addr, port uint16) string {
	if why := neverDialled(a); why != "" {
		return why
	}
	if g.isOwn(a, port) {
		return "it is one of Berth's own"
	}
	if slices.ContainsFunc(g.allow, func(r Rule) bool { return r.allows(a, port) }) {
		return ""
	}
	switch {
	case g.only:
		return "the operator allows only certain addresses"
	case a.IsLoopback():
		return "it is this machine itself"
	case a.IsLinkLocalUnicast():
		return "link-local addresses are not used"
	case port != 8006 && port != 443:
		return fmt.Sprintf("port %d is neither 8006 nor 443", port)
	}
	return ""
}

// metadata are the fixed addresses at which clouds hand credentials to machines.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // nearly all
	netip.MustParseAddr("169.254.170.2"),   // AWS, containers
	netip.MustParseAddr("fd00:ec2::254"),   // AWS over IPv6
	netip.MustParseAddr("fd00:ec2::23"),    // AWS, pods
	netip.MustParseAddr("fd20:ce::254"),    // Google over IPv6
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("168.63.129.16"),   // Azure
}

var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// neverDialled is for what no rule can allow.
func neverDialled(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "it is no address"
	case a.Zone() != "":
		return "an address with a zone is not used"
	case a.IsUnspecified() || thisNetwork.Contains(a):
		return "it is no address of a machine"
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is the address of many machines"
	case slices.Contains(metadata, a):
		return "it is a cloud's metadata service"
	}
	return ""
}

func (g *Guard) isOwn(a netip.Addr, port uint16) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, o := range g.own {
		if o.Port() != port {
			continue
		}
		own := o.Addr().Unmap()
		if own == a || own.IsUnspecified() && isLocal(a) {
			return true
		}
	}
	return false
}

// isLocal reports whether the address belongs to this machine.
func isLocal(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true // better to refuse than to dial oneself
	}
	return slices.ContainsFunc(addrs, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr().Unmap().WithZone("") == a
	})
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
	compatible = netip.MustParsePrefix("::/96")
)

// unwrap gives the address, IPv4-mapped ones as IPv4, and every IPv4 address
// that is carried inside it and that a translator on the way would dial.
func unwrap(a netip.Addr) []netip.Addr {
	a = a.Unmap()
	if !a.Is6() {
		return []netip.Addr{a}
	}
	b := a.As16()
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	plain := a.WithZone("")
	switch {
	case nat64.Contains(plain), nat64Local.Contains(plain):
		return []netip.Addr{a, v4(12)}
	case sixToFour.Contains(plain):
		return []netip.Addr{a, v4(2)}
	case teredo.Contains(plain):
		for i := 12; i < 16; i++ {
			b[i] ^= 0xff
		}
		return []netip.Addr{a, v4(4), v4(12)}
	case compatible.Contains(plain) && !a.IsLoopback() && !a.IsUnspecified():
		return []netip.Addr{a, v4(12)}
	}
	return []netip.Addr{a}
}

// maxCandidates is how many addresses of one name are tried.
const maxCandidates = 6

// Resolve gives the addresses of a host that may be dialled, in the resolver's
// order. When all are refused the problem says why the first one was.
func (g *Guard) Resolve(ctx context.Context, host string, port int) ([]netip.AddrPort, error) {
	addrs, err := g.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	g.refreshOwn(ctx, port)
	var allowed []netip.AddrPort
	var refused error
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a.Unmap(), uint16(port))
		if err := g.Check(ap); err != nil {
			if refused == nil {
				refused = err
			}
			continue
		}
		if len(allowed) < maxCandidates {
			allowed = append(allowed, ap)
		}
	}
	if len(allowed) == 0 {
		return nil, refused
	}
	return allowed, nil
}

// refreshOwn looks up the names of Berth's own that have this port, which hardly
// ever is one of Proxmox's. A name without an address protects nothing.
func (g *Guard) refreshOwn(ctx context.Context, port int) {
	for _, name := range g.ownNames {
		host, portText, err := net.SplitHostPort(name)
		if err != nil || portText != strconv.Itoa(port) {
			continue
		}
		addrs, err := g.lookUp(ctx, host)
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if ap := netip.AddrPortFrom(a.Unmap(), uint16(port)); !g.isOwn(ap.Addr(), ap.Port()) {
				g.AddOwn(ap)
			}
		}
	}
}

func (g *Guard) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) > 0 {
		return addrs, nil
	}
	p := problem.New(problem.DNS, fmt.Sprintf("The name %s has no address.", clean(host)),
		"Check the spelling, or that the machine Berth runs on can look the name up. An IP address works too.")
	var dns *net.DNSError
	if err != nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
		p.What = fmt.Sprintf("The name %s could not be looked up.", clean(host))
		p.Remedy = "Check the name server of the machine Berth runs on. An IP address works too."
	}
	p.Err = err
	return nil, p
}

// Dial connects to the first of the host's allowed addresses that accepts. It
// takes at most a few seconds, shared by the addresses. Errors are Problems of
// kind Blocked, DNS, Refused or Unreachable.
func (g *Guard) Dial(ctx context.Context, host string, port int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	candidates, err := g.Resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	for i, a := range candidates {
		conn, dialErr := g.dialOne(ctx, a, len(candidates)-i)
		if dialErr == nil {
			return conn, nil
		}
		if err == nil || ctx.Err() == nil {
			err = dialErr
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, dialProblem(net.JoinHostPort(host, strconv.Itoa(port)), err)
}

// dialOne gives one address its share of the time that is left.
func (g *Guard) dialOne(ctx context.Context, a netip.AddrPort, left int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
		defer cancel()
	}
	return g.dialer.DialContext(ctx, "tcp", a.String())
}
