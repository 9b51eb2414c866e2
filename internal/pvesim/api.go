package pvesim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// endpoint is one row of the table of what this Proxmox answers.
type endpoint struct {
	method, path string
	perm         permission
	params       []param
	protected    bool // answered by pvedaemon behind the proxy
	onNode       bool // passed on to the node in the path
	open         bool // its parameters are not looked at
	since        int  // the major version that brought it; 0: all have it
	serve        func(*call) (any, error)
}

// permission is Proxmox's declaration of who may call: "world", "all" (any
// login), "perm" (privileges on a path), "perm-any" (one of them),
// "perm-modify", "token-owner", or "own" with a check in code.
type permission struct {
	kind  string
	path  string
	privs []string
	check func(*call) error // of the kind "own": what no declaration says
}

var (
	world   = permission{kind: "world"}
	anybody = permission{kind: "all"}
)

func needs(path string, privs ...string) permission {
	return permission{kind: "perm", path: path, privs: privs}
}

// needsAny is content with one of the privileges.
func needsAny(path string, privs ...string) permission {
	return permission{kind: "perm-any", path: path, privs: privs}
}

func checked(by func(*call) error) permission { return permission{kind: "own", check: by} }

// call is one request on its way to its handler.
type call struct {
	cluster *Cluster
	via     *Node // the member that was asked
	node    *Node // the member that answers
	who     string
	token   bool
	args    map[string]string
	at      time.Time
	waited  int // so many hundredths of Proxmox's wait for a lock file
}

// apiError is a refusal in Proxmox's words.
type apiError struct {
	status  int
	message string            // as in the body, with its newline where Proxmox has one
	params  map[string]string // complaints by parameter
	after   time.Duration     // how long Proxmox takes to say so
	empty   bool              // only the reason phrase, no body
}

func (e *apiError) Error() string { return e.message }

func failed(format string, args ...any) error {
	return &apiError{status: 500, message: fmt.Sprintf(format, args...) + "\n"}
}

func forbidden(path string, privs ...string) error {
	return &apiError{status: 403, message: fmt.Sprintf("Permission check failed (%s, %s)\n", path, strings.Join(privs, "|"))}
}

func notImplemented(method, rel string) error {
	return &apiError{status: 501, message: fmt.Sprintf("Method '%s %s' not implemented", method, rel)}
}

var errForbidden = &apiError{status: 403, message: "Permission check failed\n"}

func badParam(name, words string) error {
	return badParams(map[string]string{name: words})
}

func badParams(bad map[string]string) error {
	return &apiError{status: 400, message: "Parameter verification failed.\n", params: bad}
}

// counted is a list with the total beside it, as task lists and logs have it.
type counted struct {
	data  any
	total int
}

// slow is an answer that Proxmox takes its time for.
type slow struct {
	data  any
	after time.Duration
}

// download is an answer to be saved as a file.
type download struct{ name, body string }

// answer takes one request through Proxmox's stages: authentication, the
// table, privileges, passing on, parameters, the handler.
func (n *Node) answer(req *http.Request, body []byte) *reply {
	c, s := n.cluster, n.cluster.sim
	rel, form, inAPI := splitURI(req.URL.Path)
	if !inAPI {
		return n.notAPI(req.URL.Path)
	}
	if !form.known() {
		return plain(501, "no formatter for uri "+rel+", "+string(form))
	}
	if isJSON(req) && len(body) > 0 && !json.Valid(body) {
		msg := fmt.Sprintf(`malformed JSON string, neither tag, array, object, number, string or atom, at character offset %d (before "(end of string)") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.`, len(body))
		return plain(500, msg+"\n")
	}
	ep, pathArgs := lookup(req.Method, rel)
	pattern := "(unknown)"
	if ep != nil {
		pattern = ep.path
	}
	c.counts.request(req.Method, pattern)
	if n.hold(ep, "before") {
		return nil
	}

	cl := &call{cluster: c, via: n, node: n, at: s.now()}
	if rep := n.faulty(rel); rep != nil {
		return rep
	}
	if err := c.authenticate(cl, req, ep); err != nil {
		err.after = max(s.cfg.AuthDelay, 0)
		return n.errorReply(form, err, false)
	}
	if ep == nil || ep.since > c.majorNow() {
		return n.errorReply(form, notImplemented(req.Method, rel), false)
	}
	args, err := gather(req, body, pathArgs)
	if err != nil {
		return n.errorReply(form, err, false)
	}
	cl.args = args
	data, aerr := n.perform(ep, cl)
	if aerr != nil {
		return n.errorReply(form, aerr, ep.method == "POST" && ep.path == "/access/ticket")
	}
	if f, cut := data.(answerCut); cut {
		return &reply{wire: &wireFault{kind: "cut", fault: f.fault}}
	}
	rep := n.dataReply(form, ep, cl, data)
	if rep == nil || n.hold(ep, "after") {
		return nil
	}
	return n.spoil(rel, rep)
}

func (n *Node) perform(ep *endpoint, cl *call) (any, error) {
	c := cl.cluster
	c.mu.Lock()
	c.settle(cl.at)
	err := c.permit(ep, cl)
	major := c.major
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	reach := n.daemonState // what is not a node's is answered by whoever was asked
	if ep.onNode {
		reach = func(*endpoint) error { return n.pass(ep, cl) }
	}
	if err := reach(ep); err != nil {
		return nil, err
	}
	if bad := verify(ep.params, cl.args, major); len(bad) > 0 && !ep.open {
		return nil, badParams(bad)
	}
	return n.write596(ep, cl)
}

func isJSON(req *http.Request) bool {
	return strings.HasPrefix(req.Header.Get("Content-Type"), "application/json")
}

// gather merges the parameters of path, query and body.
func gather(req *http.Request, body []byte, pathArgs map[string]string) (map[string]string, error) {
	args := parseForm(req.URL.RawQuery)
	if len(body) > 0 {
		if isJSON(req) {
			for k, v := range parseJSONBody(body) {
				args[k] = v
			}
		} else {
			for k, v := range parseForm(string(body)) {
				args[k] = v
			}
		}
	}
	delete(args, "_dc") // the web page's cache breaker
	for k, v := range pathArgs {
		if _, twice := args[k]; twice {
			return nil, badParam(k, "duplicate parameter (already defined in URI)")
		}
		args[k] = v
	}
	return args, nil
}

// pass finds the member that has to answer, and fails as the proxy would.
func (n *Node) pass(ep *endpoint, cl *call) error {
	name := cl.args["node"]
	if name == "localhost" {
		return n.daemonState(ep)
	}
	for _, other := range cl.cluster.nodes {
		if other.spec.Name == name {
			cl.node = other
			if other == n {
				return n.daemonState(ep)
			}
			return other.reachability(ep)
		}
		if strings.EqualFold(other.spec.Name, name) {
			return &apiError{status: 596, message: "error:0A000086:SSL routines::certificate verify failed", empty: true}
		}
	}
	return failed("hostname lookup '%s' failed - failed to get address info for: %s: Temporary failure in name resolution", name, name)
}

func (n *Node) dataReply(form respForm, ep *endpoint, cl *call, data any) *reply {
	if d, ok := data.(download); ok {
		return &reply{status: 200, reason: "OK", body: []byte(d.body), ctype: "text/plain", protected: ep.protected,
			proxied: ep.onNode && cl.node != n && ep.method == "GET", extra: `Content-Disposition: attachment; filename="` + d.name + "\"\r\n"}
	}
	o := obj{{"data", data}}
	if ct, ok := data.(counted); ok {
		o = obj{{"data", ct.data}}.withIf(ct.total > 0, "total", ct.total) // Perl takes 0 for nothing
	}
	o = o.withIf(form.forScripts(), "success", 1)
	if !n.cluster.sim.pause(cl.node.slowness()) {
		return nil
	}
	return &reply{
		status: 200, reason: "OK", body: form.write(o), ctype: form.contentType(),
		protected: ep.protected, proxied: ep.onNode && cl.node != n && ep.method == "GET",
	}
}

// errorReply writes a refusal. Outside of the ticket call a 401 has no body, only
// the reason phrase. The web page's own form is always a 200, with the status
// within.
func (n *Node) errorReply(form respForm, err error, ticketCall bool) *reply {
	e, ok := err.(*apiError)
	if !ok {
		e = &apiError{status: 500, message: err.Error() + "\n"}
	}
	if !n.cluster.sim.pause(e.after) {
		return nil
	}
	rep := &reply{status: e.status, reason: e.message}
	if e.empty || e.status == 401 && !ticketCall {
		return rep
	}
	o := obj{{"data", nil}, {"message", e.message}}
	if e.params != nil {
		bad := obj{}
		for k, v := range e.params {
			bad = bad.with(k, v)
		}
		o = o.with("errors", bad)
	}
	if form.forScripts() {
		o = o.with("success", 0).with("status", e.status)
		rep.status, rep.reason = 200, "OK"
	}
	rep.body, rep.ctype = form.write(o), form.contentType()
	return rep
}

// notAPI answers what is outside of the API: the web page, which every browser
// that trusts the certificate would see, and nothing else.
func (n *Node) notAPI(path string) *reply {
	if path == "/" {
		return &reply{status: 200, reason: "OK", ctype: "text/html; charset=utf-8",
			body: []byte("<!DOCTYPE html>\n<html><head><title>" + n.spec.Name + " - Proxmox Virtual Environment</title></head><body></body></html>\n")}
	}
	return &reply{status: 500, reason: "no such file '" + path + "'", body: []byte("no such file '" + path + "'\n")}
}

// lookup finds the row for a method and path, with the arguments in the path.
func lookup(method, rel string) (*endpoint, map[string]string) {
	parts := strings.Split(strings.Trim(rel, "/"), "/")
	if len(parts) > contentDepth && parts[2] == "storage" && parts[4] == "content" { // a volume's name has slashes of its own
		parts = append(parts[:contentDepth:contentDepth], strings.Join(parts[contentDepth:], "/"))
	}
	for _, ep := range table[method][len(parts)] {
		args := map[string]string{}
		if matches(ep.path, parts, args) {
			return ep, args
		}
	}
	return nil, nil
}

const contentDepth = 5 // of nodes/NODE/storage/STORAGE/content

func matches(pattern string, parts []string, args map[string]string) bool {
	for i, p := range strings.Split(pattern[1:], "/") {
		if strings.HasPrefix(p, "{") {
			args[p[1:len(p)-1]] = parts[i]
			continue
		}
		if p != parts[i] {
			return false
		}
	}
	return true
}

// table holds the endpoints by method and number of path segments.
var table = map[string]map[int][]*endpoint{}

func init() {
	for _, group := range allEndpoints() {
		for i := range group {
			ep := &group[i]
			if table[ep.method] == nil {
				table[ep.method] = map[int][]*endpoint{}
			}
			n := strings.Count(ep.path, "/")
			table[ep.method][n] = append(table[ep.method][n], ep)
		}
	}
}

// allEndpoints are the groups of rows; of two that fit a path the first counts.
func allEndpoints() [][]endpoint {
	return [][]endpoint{accessEndpoints, clusterEndpoints, nodeEndpoints, taskEndpoints, lxcEndpoints, powerEndpoints, configEndpoints, rrdEndpoints,
		userEndpoints, poolEndpoints, optionEndpoints, hostEndpoints, storageEndpoints, contentEndpoints, machineEndpoints,
		snapshotEndpoints, diskEndpoints, migrateEndpoints, vzdumpEndpoints, templateEndpoints, serviceEndpoints, emptyEndpoints(), indexEndpoints(), knownEndpoints()}
}

// unescape undoes the percent form that a ticket or UPID may arrive in.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
