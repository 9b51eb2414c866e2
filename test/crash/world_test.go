package crash

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"berth/internal/pvesim"
)

// world is a simulated Proxmox with one person who has a token there.
type world struct {
	t       testing.TB
	sim     *pvesim.Sim
	lab     *pvesim.Cluster
	allow   string // what --allow-node has to say
	tokenID string
	token   string
}

const (
	user     = "anna"
	realm    = "pve"
	password = "Canary-7f3Qz9-of-the-password"
)

// newWorld makes it. Each node has an address of its own, as members have it; listen, when not nil, chooses others.
func newWorld(t testing.TB, listen func(cluster, node string) string) *world {
	t.Helper()
	w := &world{t: t, allow: "127.0.0.0/8", tokenID: user + "@" + realm + "!berth"}
	if listen == nil {
		var err error
		if listen, err = pvesim.OwnAddresses("127.91.0.0", 0); err != nil {
			t.Skip("left out: this system has no loopback address for each node: " + err.Error())
		}
	}
	spec := pvesim.ClusterSpec{Name: "lab", Users: []pvesim.UserSpec{{ID: user + "@" + realm, Password: password,
		ACL: []pvesim.ACLSpec{{Path: "/", Role: "Administrator"}}}}}
	for _, name := range []string{"pve1", "pve2", "pve3"} {
		spec.Nodes = append(spec.Nodes, pvesim.NodeSpec{Name: name, Containers: 5})
	}
	var err error
	w.sim, err = pvesim.Start(pvesim.Config{Seed: 3, Clusters: []pvesim.ClusterSpec{spec}, AuthDelay: -1, TaskTime: 0.02, LagTime: -1, Listen: listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.sim.Close)
	w.lab = w.sim.Clusters()[0]
	w.token = w.lab.AddToken(user+"@"+realm, "berth", pvesim.TokenSpec{PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	return w
}

// fault lasts until the test ends or undo is called.
func (w *world) fault(name, node string, params map[string]string) (undo func()) {
	w.t.Helper()
	undo, err := w.sim.Fault(name, pvesim.FaultTarget{Cluster: w.lab.Name(), Node: node, Params: params})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(undo)
	return undo
}

// setUp goes the whole way of a first administrator, by forms.
func (w *world) setUp(b *browser, link string) {
	w.t.Helper()
	if p := b.get(link); p.status != http.StatusSeeOther {
		w.t.Fatalf("the set-up link: %v", p)
	}
	p := b.post("/set-up", url.Values{"address": {w.lab.Nodes()[0].Addr()}})
	b.leads("/set-up/host", b.form(p, "/set-up/host"))
	w.signIn(b)
}

func (w *world) signIn(b *browser) {
	w.t.Helper()
	form := w.credentials(b)
	if to := b.leads("/login", form); to != "/" {
		w.t.Fatalf("signing in leads to %s", to)
	}
}

// credentials is the sign-in form as filled in.
func (w *world) credentials(b *browser) url.Values {
	w.t.Helper()
	form := b.form(b.get("/login"), "/login")
	form.Set("user", user)
	form.Set("realm", realm)
	form.Set("password", password)
	return form
}

// addNode goes through the steps of adding the cluster, and returns its id.
func (w *world) addNode(b *browser) string {
	w.t.Helper()
	host, port, err := net.SplitHostPort(w.lab.Nodes()[0].Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	p := b.post("/settings/nodes/new", url.Values{"address": {host}, "port": {port}})
	p = b.post("/settings/nodes/new/token", b.form(p, "/settings/nodes/new/token"))
	form := b.form(p, "/settings/nodes/new/check")
	form.Set("token", w.tokenID)
	form.Set("secret", w.token)
	p = b.post("/settings/nodes/new/check", form)
	b.leads("/settings/nodes/new/save", b.form(p, "/settings/nodes/new/save"))
	_, rest, ok := strings.Cut(b.get("/settings/nodes").body, `href="/settings/nodes/`)
	for ok && strings.HasPrefix(rest, "new") {
		_, rest, ok = strings.Cut(rest, `href="/settings/nodes/`)
	}
	if !ok {
		w.t.Fatal("the list of nodes does not have it")
	}
	id, _, _ := strings.Cut(rest, `"`)
	id, _, _ = strings.Cut(id, "/")
	return id
}

// missing are the names of containers that the fleet's data lacks.
func (w *world) missing(data string) []string {
	var names []string
	for _, g := range w.lab.Guests() {
		if g.Name != "" && !strings.Contains(data, `"`+g.Name+`"`) {
			names = append(names, g.Name)
		}
	}
	return names
}

// seeAll waits until the whole fleet was seen.
func (w *world) seeAll(b *browser) {
	w.t.Helper()
	wait(w.t, "all containers are seen", patience, func() bool { return len(w.missing(b.get("/fleet.json").body)) == 0 })
}
