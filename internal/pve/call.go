package pve

import (
	"net/url"
	"slices"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// params are the parameters of a call, by name.
type params map[string]string

// encode writes them as a form, sorted. Proxmox cuts a value at an unescaped
// "=" and takes ";" for "&": everything but letters, digits and -._~ is escaped.
func (p params) encode() string {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(k))
		b.WriteByte('=')
		b.WriteString(escape(p[k]))
	}
	return b.String()
}

// escape percent-encodes all but RFC 3986's unreserved characters.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// flag is how Proxmox wants a boolean in a form: "true" is refused there.
func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// call is one request, before it has an address.
type call struct {
	method string
	path   string     // below /api2/json, escaped
	params params     // in the query for GET and DELETE, in a form else
	node   string     // the node that must carry it out; empty: whoever is asked
	guest  fleet.VMID // the container that it is about; 0: none
	doing  string     // "reading the list of containers", for sentences
	// login: a POST that changes nothing, and that goes without credentials.
	login bool
	// anonymous: no credentials are sent.
	anonymous bool
	limit     int64
}

func get(doing string, path ...string) call {
	return call{method: "GET", path: join(path), doing: doing, limit: maxAnswerBytes}
}

func write(method, doing string, p params, path ...string) call {
	return call{method: method, path: join(path), params: p, doing: doing, limit: maxAnswerBytes}
}

// getNode is a read that the named node answers; the name is checked before it enters a path.
func getNode(doing, node string, path ...string) (call, error) {
	if !fleet.ValidNodeName(node) {
		return call{}, problem.New(problem.Invalid, "This is not the name of a node.", "")
	}
	c := get(doing, append([]string{"nodes", node}, path...)...)
	c.node = node
	return c, nil
}

// getGuest is a read about one container.
func getGuest(doing, node string, id fleet.VMID, path ...string) (call, error) {
	if id < fleet.MinVMID || id > fleet.MaxVMID {
		return call{}, problem.New(problem.Invalid, "A VMID is a number from 100 to 999999999.", "")
	}
	c, err := getNode(doing, node, append([]string{"lxc", id.String()}, path...)...)
	c.guest = id
	return c, err
}

// writeGuest is a change of one container.
func writeGuest(method, doing string, p params, node string, id fleet.VMID, path ...string) (call, error) {
	c, err := getGuest(doing, node, id, path...)
	c.method, c.params = method, p
	return c, err
}

func join(segments []string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(escape(s))
	}
	return b.String()
}

// changes reports whether the call may change something, so that it must not be sent twice.
func (c call) changes() bool { return c.method != "GET" && !c.login }

// local reports whether the node that is asked answers by itself, within milliseconds.
func (c call) local() bool { return c.method == "GET" && c.node == "" }

func (c call) inQuery() bool { return c.method == "GET" || c.method == "DELETE" }
