package pve

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

// simulated is the simulator's default fleet, without the waits.
func simulated(t *testing.T) *pvesim.Sim {
	t.Helper()
	s, err := pvesim.Start(pvesim.Config{Seed: 7, AuthDelay: -1, TaskTime: 0.001, LagTime: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// authorityOf pins a simulated cluster's CA for all of its nodes.
func authorityOf(t *testing.T, c *pvesim.Cluster) authority.Authority {
	t.Helper()
	ca, err := ParsePEM(string(c.CAPEM()))
	if err != nil {
		t.Fatal(err)
	}
	a := authority.Authority{Trust: authority.Trust{Mode: authority.CAPin, CA: string(pemOf(ca)), Fingerprint: authority.Fingerprint(ca.Raw)}}
	for _, n := range c.Nodes() {
		a.Addresses = append(a.Addresses, addressOf(t, n))
	}
	return a
}

func addressOf(t *testing.T, n *pvesim.Node) authority.Address {
	t.Helper()
	host, portText, err := net.SplitHostPort(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	return authority.Address{Host: host, Port: port, Node: n.Name(), Leaf: n.Fingerprint()}
}

// tokenOf is root's token with the role on everything; an empty role gives none.
func tokenOf(t *testing.T, c *pvesim.Cluster, name, role string) Token {
	t.Helper()
	spec := pvesim.TokenSpec{PrivSep: true}
	if role != "" {
		spec.ACL = []pvesim.ACLSpec{{Path: "/", Role: role}}
	}
	return Token{ID: "root@pam!" + name, Secret: secret.New(c.AddToken("root@pam", name, spec))}
}

func simClient(t *testing.T, c *pvesim.Cluster, auth Credentials, edit ...func(*Options)) *Client {
	t.Helper()
	return client(t, authorityOf(t, c), append([]func(*Options){func(o *Options) { o.Auth = auth }}, edit...)...)
}

func TestSimulatedReads(t *testing.T) {
	s := simulated(t)
	for _, cluster := range s.Clusters() {
		t.Run(cluster.Name(), func(t *testing.T) {
			c := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor"))
			ctx := t.Context()
			if v, err := c.Version(ctx); err != nil || v.Version != cluster.Version() {
				t.Errorf("version %+v %v", v, err)
			}
			status, err := c.ClusterStatus(ctx)
			if err != nil || status.Standalone != cluster.Standalone() || len(status.Members) != len(cluster.Nodes()) || !status.Quorate || status.Local() == "" {
				t.Errorf("status %+v %v", status, err)
			}
			resources, err := c.Resources(ctx)
			if whole(t, resources, err) != nil {
				t.Fatal(err)
			}
			node, id := runningOne(t, resources.Rows)
			tasks, err := c.ClusterTasks(ctx)
			if whole(t, tasks, err) != nil {
				t.Error(err)
			}
			nodes, err := c.Nodes(ctx)
			if whole(t, nodes, err) != nil || len(nodes.Rows) != len(cluster.Nodes()) || nodes.Rows[0].Fingerprint == "" {
				t.Errorf("%+v %v", nodes, err)
			}
			if g, err := c.Current(ctx, node, id); err != nil || g.Status != "running" {
				t.Errorf("current %+v %v", g, err)
			}
			guests, err := c.NodeLXC(ctx, node)
			if whole(t, guests, err) != nil || len(guests.Rows) == 0 {
				t.Errorf("%+v %v", guests, err)
			}
			if all, err := c.Interfaces(ctx, node, id); err != nil || len(all) == 0 {
				t.Errorf("interfaces %+v %v", all, err)
			}
			if st, err := c.NodeStatus(ctx, node); err != nil || st.Version != cluster.Version() || st.MaxMem == 0 {
				t.Errorf("node %+v %v", st, err)
			}
			if v, err := c.NodeVersion(ctx, node); err != nil || v.Version != cluster.Version() {
				t.Errorf("version %+v %v", v, err)
			}
			if p, err := c.AptVersions(ctx, node); err != nil || len(p) == 0 || p[0].Version == "" {
				t.Errorf("packages %+v %v", p, err)
			}
			if j, err := c.JoinInfo(ctx); err != nil || j.Standalone != cluster.Standalone() || len(j.Members) != len(status.Members) && !j.Standalone {
				t.Errorf("join %+v %v", j, err)
			}
			if p, err := c.Permissions(ctx); err != nil || !p.Has("/vms/100", "VM.Audit") {
				t.Errorf("permissions %+v %v", p, err)
			}
			if r, err := c.Roles(ctx); err != nil || len(r) < 5 {
				t.Errorf("roles %+v %v", r, err)
			}
			if r, err := c.Domains(ctx); err != nil || len(r) < 2 {
				t.Errorf("realms %+v %v", r, err)
			}
			trust, ok, err := c.OwnCA(ctx, "")
			if err != nil || !ok || trust != authorityOf(t, cluster).Trust {
				t.Errorf("CA %v %v", ok, err)
			}
		})
	}
}

func runningOne(t *testing.T, rows []Resource) (node string, id fleet.VMID) {
	t.Helper()
	for _, r := range rows {
		if r.Type == "lxc" && r.Status == "running" {
			return r.Node, r.VMID
		}
	}
	t.Fatal("nothing runs")
	return "", 0
}

func TestSimulatedSignIn(t *testing.T) {
	s := simulated(t)
	cluster := s.Cluster("lab")
	cluster.AddUser(pvesim.UserSpec{ID: "anna@pve", Password: canary, Recovery: []string{"0123-4567-89ab-cdef"}})
	cluster.AddUser(pvesim.UserSpec{ID: "ben@pve", Password: canary})
	c := simClient(t, cluster, nil)
	ctx := t.Context()

	half, err := c.SignIn(ctx, "anna@pve", secret.New(canary))
	if err != nil || !half.NeedTFA || !half.Factors.Recovery || half.Factors.TOTP {
		t.Fatalf("%+v %v", half, err)
	}
	_, err = c.AnswerTFA(ctx, "anna@pve", half.Ticket, account.Recovery, secret.New("ffff-ffff-ffff-ffff"))
	wants(t, err, problem.Unauthorized)
	login, err := c.AnswerTFA(ctx, "anna@pve", half.Ticket, account.Recovery, secret.New("0123-4567-89ab-cdef"))
	if err != nil || login.Username != "anna@pve" || login.NeedTFA {
		t.Fatalf("%+v %v", login, err)
	}
	if l, err := c.Renew(ctx, "anna@pve", login.Ticket); err != nil || l.NeedTFA {
		t.Errorf("%+v %v", l, err)
	}
	// A challenge is no login: with it nothing is answered.
	_, err = simClient(t, cluster, Ticket{Ticket: half.Ticket}).Version(ctx)
	wants(t, err, problem.Unauthorized)

	_, err = c.SignIn(ctx, "ben@pve", secret.New(canary+"x"))
	wants(t, err, problem.Unauthorized)
	_, err = c.Renew(ctx, "ben@pve", login.Ticket)
	wants(t, err, problem.Unauthorized)

	// Proxmox takes root's ticket as anybody's password, and so does the simulator; Berth does not.
	root, err := c.SignIn(ctx, "root@pam", secret.New(cluster.Password("root@pam")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ticket(ctx, "ben@pve", params{"password": root.Ticket.Reveal()}); err != nil {
		t.Errorf("the simulator does not take a ticket as password, so this tests nothing: %v", err)
	}
	_, err = c.SignIn(ctx, "ben@pve", root.Ticket)
	wants(t, err, problem.Invalid)
}

func TestSimulatedTokenOfOnesOwn(t *testing.T) {
	s := simulated(t)
	cluster := s.Cluster("lab")
	ctx := t.Context()
	login, err := simClient(t, cluster, nil).SignIn(ctx, "root@pam", secret.New(cluster.Password("root@pam")))
	if err != nil {
		t.Fatal(err)
	}
	c := simClient(t, cluster, Ticket{Ticket: login.Ticket, CSRF: login.CSRF})
	if err := c.CreateRole(ctx, "BerthLook", []string{"VM.Audit", "Sys.Audit"}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateToken(ctx, "root@pam", "berth", "made by a test", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateToken(ctx, "root@pam", "berth", "again", time.Time{})
	wants(t, err, problem.Parameters)
	token := simClient(t, cluster, Token{ID: "root@pam!berth", Secret: made})
	if p, err := token.Permissions(ctx); err != nil || p.Has("/vms/100", "VM.Audit") {
		t.Errorf("a fresh token may already look: %v %v", p, err)
	}
	_, err = token.ClusterStatus(ctx)
	if p := wants(t, err, problem.Forbidden); p.Privilege != "Sys.Audit on /" {
		t.Errorf("lacks %q", p.Privilege)
	}
	if err := c.PutACL(ctx, ACL{Path: "/", Role: "BerthLook", Token: "root@pam!berth", Propagate: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := token.ClusterStatus(ctx); err != nil {
		t.Error(err)
	}
	if err := c.DeleteToken(ctx, "root@pam", "berth"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteRole(ctx, "BerthLook"); err != nil {
		t.Error(err)
	}
	_, err = token.Version(ctx)
	wants(t, err, problem.Unauthorized)
}

func TestSimulatedFaults(t *testing.T) {
	resources := func(t *testing.T, c *Client) error { _, err := c.Resources(t.Context()); return err }
	status := func(t *testing.T, c *Client) error { _, err := c.NodeStatus(t.Context(), "pve3"); return err }
	for _, tc := range []struct {
		fault, node string
		params      map[string]string
		ask         func(*testing.T, *Client) error
		kind        problem.Kind // empty: answered all the same
	}{
		{"node-dead", "pve3", nil, status, problem.NodeDown},
		{"node-daemon-down", "pve3", nil, status, problem.NodeDown},
		{"hang-after-accept", "pve3", nil, status, problem.NodeBroken},
		{"node-daemon-down", "pve1", nil, resources, ""}, // the next address answers
		{"error-500", "", nil, resources, problem.Failed},
		{"garbage-json", "", nil, resources, problem.Garbled},
		{"half-answer", "", nil, resources, problem.Garbled},
		{"gzip-bomb", "", nil, resources, problem.TooLarge},
		{"redirect", "", nil, resources, problem.Redirected},
		{"token-revoked", "", nil, resources, problem.Unauthorized},
		{"permission-lost", "", nil, status, problem.Forbidden},
		{"cert-renewed", "", nil, resources, ""},
		{"ca-changed", "", nil, resources, problem.Untrusted},
		{"leaf-foreign-ca", "pve1", nil, resources, problem.Untrusted},
		{"leaf-other-member", "pve1", nil, resources, problem.Untrusted},
		{"odd-rows", "", nil, resources, ""},
		{"dotdot-names", "", nil, resources, ""},
		{"markup-names", "", nil, resources, ""},
		{"version-8.4", "", nil, resources, ""},
	} {
		t.Run(tc.fault+" "+tc.node, func(t *testing.T) {
			s := simulated(t)
			cluster := s.Cluster("lab")
			c := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor"))
			if err := tc.ask(t, c); err != nil {
				t.Fatalf("before the fault: %v", err)
			}
			c.reads.CloseIdleConnections()
			if _, err := s.Fault(tc.fault, pvesim.FaultTarget{Cluster: "lab", Node: tc.node, Params: tc.params}); err != nil {
				t.Fatal(err)
			}
			err := tc.ask(t, c)
			if tc.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, tc.kind)
		})
	}
}

func TestSimulatedFloodIsCut(t *testing.T) {
	s := simulated(t)
	cluster := s.Cluster("lab")
	var read atomic.Int64
	c := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor"), func(o *Options) {
		o.OnAnswer = func(a Answer) { read.Store(a.Bytes) }
	})
	if _, err := s.Fault("huge-answer", pvesim.FaultTarget{Cluster: "lab"}); err != nil {
		t.Fatal(err)
	}
	l, err := c.Resources(t.Context())
	if err == nil && !l.Cut {
		t.Errorf("%d rows of 10 GB, and nothing is said", len(l.Rows))
	}
	if err != nil {
		wants(t, err, problem.TooLarge)
	}
	if n := read.Load(); n > maxListBytes {
		t.Errorf("%d bytes were read", n)
	}
}

func TestSimulatedRenewalIsTold(t *testing.T) {
	s := simulated(t)
	cluster := s.Cluster("lab")
	var told atomic.Int32
	c := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor"), func(o *Options) { o.OnRenewal = func(Renewal) { told.Add(1) } })
	if _, err := s.Fault("cert-renewed", pvesim.FaultTarget{Cluster: "lab"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
}

func TestSimulatedLook(t *testing.T) {
	n := simulated(t).Cluster("attic").Nodes()[0]
	seen, err := Look(t.Context(), loopback(), addressOf(t, n))
	if err != nil || !seen.Proxmox || seen.Fingerprint != n.Fingerprint() || seen.Public || len(seen.Names) == 0 {
		t.Errorf("%+v %v", seen.Seen, err)
	}
}

// TestWatchingKeepsItsConnection: calls a few seconds apart share a connection; the simulator closes as pveproxy does.
func TestWatchingKeepsItsConnection(t *testing.T) {
	s := simulated(t)
	cluster := s.Cluster("attic")
	c := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor"))
	cluster.ResetRequests()
	var fresh atomic.Int32
	c.onAnswer = func(a Answer) {
		if a.NewConn {
			fresh.Add(1)
		}
	}
	for range 250 { // more than pveproxy answers on one connection
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := fresh.Load(); n < 2 || n > 4 {
		t.Errorf("%d connections for 250 calls", n)
	}
}
