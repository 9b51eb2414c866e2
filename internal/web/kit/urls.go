package kit

import (
	"net/url"
	"strings"
)

// URL makes every address of Berth; nothing else writes one by hand.
var URL urls

type urls struct{}

func (urls) Dashboard() string { return "/" }

// DashboardOf is the dashboard filtered to one node ("cluster/node").
func (urls) DashboardOf(node string) string { return "/?" + url.Values{"node": {node}}.Encode() }

func (urls) Live() string          { return "/live" }
func (urls) FleetData() string     { return "/fleet.json" }
func (urls) Palette() string       { return "/palette.json" }
func (urls) Templates() string     { return "/templates" }
func (urls) Packages() string      { return "/templates/packages" }
func (urls) Activity() string      { return "/activity" }
func (urls) Settings() string      { return "/settings" }
func (urls) Preferences() string   { return "/preferences" }
func (urls) Nodes() string         { return "/settings/nodes" }
func (urls) NodeNew() string       { return "/settings/nodes/new" }
func (urls) Sessions() string      { return "/settings/sessions" }
func (urls) SignInHosts() string   { return "/settings/sign-in-hosts" }
func (urls) SignInHostNew() string { return "/settings/sign-in-hosts/new" }
func (urls) People() string        { return "/settings/people" }
func (urls) Appearance() string    { return "/settings/appearance" }
func (urls) SignOut() string       { return "/sign-out" }
func (urls) SignOutAll() string    { return "/settings/sessions/sign-out-everywhere" }
func (urls) SecondFactor() string  { return "/login/second-factor" }
func (urls) SetUp() string         { return "/set-up" }

// Node is the page of one added cluster; its sub-pages hang below it.
func (urls) Node(cluster string) string        { return under("/settings/nodes", cluster) }
func (urls) NodeEdit(cluster string) string    { return under("/settings/nodes", cluster, "edit") }
func (urls) NodeTest(cluster string) string    { return under("/settings/nodes", cluster, "test") }
func (urls) NodeRetry(cluster string) string   { return under("/settings/nodes", cluster, "retry") }
func (urls) NodeDefault(cluster string) string { return under("/settings/nodes", cluster, "default") }
func (urls) NodeDelete(cluster string) string  { return under("/settings/nodes", cluster, "delete") }
func (urls) NodeLabels(cluster string) string  { return under("/settings/nodes", cluster, "labels") }

// NodeConnection is where addresses, token and pinned certificate of a cluster are changed.
func (urls) NodeConnection(cluster string) string {
	return under("/settings/nodes", cluster, "connection")
}

// NodeNewStep is where one step of adding a node is sent: token, check or save.
func (urls) NodeNewStep(step string) string { return under("/settings/nodes/new", step) }

// NodeToken is where a token is made on the Proxmox that the person signed in to.
func (urls) NodeToken() string { return "/settings/nodes/new/own" }

// Session is where one session is revoked.
func (urls) Session(id string) string { return under("/settings/sessions", id) }

// SignInHost is the page of one sign-in host.
func (urls) SignInHost(id string) string { return under("/settings/sign-in-hosts", id) }

// SignInHostPart is where a part of it is changed: "addresses", "addresses/delete", "delete".
func (u urls) SignInHostPart(id, part string) string { return u.SignInHost(id) + "/" + part }

// Person is where an administrator acts on a person: "grant", "revoke", "disable", "enable".
func (urls) Person(id, act string) string { return under("/settings/people", id, act) }

// SignIn asks for a sign-in and comes back to returnTo, which must be a local path; others are dropped.
func (urls) SignIn(returnTo string) string { return withReturn("/login", returnTo) }

// Proof asks for the password again and comes back to returnTo.
func (urls) Proof(returnTo string) string { return withReturn("/login/proof", returnTo) }

func withReturn(path, returnTo string) string {
	if to, ok := LocalPath(returnTo); ok && to != "/" {
		return path + "?" + url.Values{"return": {to}}.Encode()
	}
	return path
}

// under joins escaped segments below a root, so that an id can never climb out of it.
func under(root string, segments ...string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// LocalPath returns the cleaned local path, with query, of a "return to" value;
// ok is false for whatever could lead a browser to another site: other schemes
// and hosts, `//host`, backslashes, control characters.
func LocalPath(s string) (path string, ok bool) {
	if len(s) == 0 || len(s) > 2000 || s[0] != '/' || strings.HasPrefix(s, "//") {
		return "", false
	}
	for _, r := range s {
		if r <= ' ' || r == '\\' || r == 0x7f || r > 0x7e {
			return "", false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\\r\n\t") {
		return "", false
	}
	u.Fragment = ""
	return u.String(), true
}
