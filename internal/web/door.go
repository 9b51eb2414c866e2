package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Door is what Berth knows of how a request reached it: who the client is,
// whether the way was encrypted, and whether the name that was asked for is
// one of Berth's.
type Door struct {
	PublicURL      *url.URL       // nil: none was given
	AllowedHosts   []string       // further names, lower case, without port
	TrustedProxies []netip.Prefix // whose X-Forwarded headers count
}

// Visit is one request as the door saw it.
type Visit struct {
	Client netip.Addr // the client's own address, behind declared proxies
	Secure bool       // HTTPS all the way to Berth or to a declared proxy
	Local  bool       // the peer itself is loopback and no proxy is between
}

// Visit reads who asks. X-Forwarded-For is read from the right, and only as
// far as the hops are declared proxies: what stands left of that is the
// client's own claim.
func (d Door) Visit(r *http.Request) Visit {
	peer := addrOf(r.RemoteAddr)
	v := Visit{Client: peer, Secure: r.TLS != nil, Local: peer.IsLoopback()}
	if !d.proxied(peer) {
		return v
	}
	v.Local = false
	if r.TLS == nil {
		v.Secure = lastValue(r.Header, "X-Forwarded-Proto") == "https"
	}
	hops := forwarded(r.Header)
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		v.Client = hop.Unmap().WithZone("")
		if !d.proxied(v.Client) {
			break
		}
	}
	return v
}

func (d Door) proxied(a netip.Addr) bool {
	return slices.ContainsFunc(d.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Knows reports whether the Host of the request is Berth's own: the public
// URL's, a listed name, or the very address that the connection came in on.
// A name that somebody else's DNS points at Berth is none of these, which is
// what ends DNS rebinding.
func (d Door) Knows(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if d.PublicURL != nil && host == strings.ToLower(d.PublicURL.Hostname()) || slices.Contains(d.AllowedHosts, host) {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	at := addrOf(local.String())
	if host == "localhost" {
		return at.IsLoopback()
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap() == at
}

// Origin is the scheme and host that a browser shows for Berth, for comparing Origin headers.
func (d Door) Origin(r *http.Request, v Visit) string {
	if d.PublicURL != nil && strings.EqualFold(r.Host, d.PublicURL.Host) {
		return d.PublicURL.Scheme + "://" + d.PublicURL.Host
	}
	if v.Secure {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// OwnOrigin reports whether a stream or an upgrade was opened by one of
// Berth's own pages. Browsers send Sec-Fetch-Site; older ones at least Origin.
func (d Door) OwnOrigin(r *http.Request, v Visit) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return r.Header.Get("Origin") == d.Origin(r, v)
}

func addrOf(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		a, _ := netip.ParseAddr(hostport)
		return a.Unmap().WithZone("")
	}
	return ap.Addr().Unmap().WithZone("")
}

// forwarded are all hops of all X-Forwarded-For lines, left to right.
func forwarded(h http.Header) []string {
	var hops []string
	for _, line := range h.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(line, ",")...)
	}
	return hops
}

func lastValue(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) == 0 {
		return ""
	}
	parts := strings.Split(values[len(values)-1], ",")
	return strings.ToLower(strings.TrimSpace(parts[len(parts)-1]))
}
