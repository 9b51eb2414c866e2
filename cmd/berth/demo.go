package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

// DemoCmd shows Berth beside a simulated Proxmox. It sets itself up through the
// verbs that a person's clicks call, in an empty temporary folder, on loopback,
// with passwords made for this run.
type DemoCmd struct {
	Listen          string `help:"Loopback address to listen on." default:"127.0.0.1:8080"`
	Print           string `help:"text or json." enum:"text,json" default:"text"`
	Seed            int64  `help:"Another number makes another fleet." default:"1"`
	LogOptions      `embed:""`
	TemplateOptions `embed:""`
}

// Validate is called by kong after parsing.
func (c *DemoCmd) Validate() error {
	if !isLoopback(c.Listen) {
		return fmt.Errorf("--listen: the demo listens on loopback only, and %q is not", c.Listen)
	}
	return nil
}

// The people of the demo.
const (
	demoHost  = "lab"
	owner     = "alex"
	newcomer  = "sam"
	demoRealm = "pve"
)

// demoTold is what --print json prints: where the demo is and who may sign in.
type demoTold struct {
	URL     string       `json:"url"`
	Control string       `json:"control"` // of the simulator: faults, changes by other hands
	People  []demoPerson `json:"people"`
	Nodes   []demoNode   `json:"nodes"`
}

type demoPerson struct {
	About    string `json:"about"`
	Host     string `json:"host"`
	User     string `json:"user"`
	Realm    string `json:"realm"`
	Password string `json:"password"`
}

// demoNode is an entry that the newcomer can add by hand.
type demoNode struct {
	Cluster     string `json:"cluster"`
	Node        string `json:"node"`
	Address     string `json:"address"`
	Fingerprint string `json:"fingerprint"`
	TokenID     string `json:"tokenId"`
	TokenSecret string `json:"tokenSecret"`
}

// Run is called by kong.
func (c *DemoCmd) Run(ctx context.Context, s streams) error {
	sim, alone, err := c.simulate()
	if err != nil {
		return fmt.Errorf("starting the simulated Proxmox: %w", err)
	}
	defer sim.Close()
	control, err := sim.Control("127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the simulator's control address: %w", err)
	}
	dir, err := os.MkdirTemp("", "berth-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	a, err := open(ctx, DataOptions{Data: dir, ownKey: true}, WatchOptions{AllowNode: simAddresses(sim), TemplateOptions: c.TemplateOptions}, c.logger(s.err))
	if err != nil {
		return err
	}
	defer a.close()
	l, err := HTTPOptions{Listen: c.Listen}.listen(a, a.log)
	if err != nil {
		return err
	}
	told, err := a.setUpDemo(ctx, sim)
	if err != nil {
		return fmt.Errorf("setting up the demo: %w", err)
	}
	told.URL, told.Control = l.url, "http://"+control
	if err := told.print(s.out, c.Print, alone); err != nil {
		return err
	}
	return a.serve(ctx, l)
}

// simulate starts the default fleet with the demo's people. alone says that this
// system lacks an address for each node, so that all share one.
func (c *DemoCmd) simulate() (sim *pvesim.Sim, alone bool, err error) {
	clusters := pvesim.DefaultFleet()
	clusters[0].Users = []pvesim.UserSpec{
		{ID: owner + "@" + demoRealm, Password: newPassword(), ACL: []pvesim.ACLSpec{{Path: "/", Role: "Administrator"}},
			Tokens: []pvesim.TokenSpec{{ID: "berth", PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}, {Path: "/vms", Role: "PVEVMAdmin"}}}}},
		{ID: newcomer + "@" + demoRealm, Password: newPassword(), ACL: []pvesim.ACLSpec{{Path: "/", Role: "Administrator"}}},
	}
	for i := range clusters {
		if i > 0 {
			clusters[i].Users = append(clusters[i].Users, pvesim.UserSpec{ID: owner + "@" + demoRealm, Password: newPassword(),
				ACL:    []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}},
				Tokens: []pvesim.TokenSpec{{ID: "berth", PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}}}},
				pvesim.UserSpec{ID: newcomer + "@" + demoRealm, Password: newPassword(), ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
		}
	}
	cfg := pvesim.Config{Seed: c.Seed, Clusters: clusters}
	if cfg.Listen, err = pvesim.OwnAddresses("", 0); err != nil {
		alone, cfg.Listen = true, nil
	}
	sim, err = pvesim.Start(cfg)
	return sim, alone, err
}

// simAddresses are the only loopback addresses that the demo may dial.
func simAddresses(sim *pvesim.Sim) []string {
	var all []string
	for _, c := range sim.Clusters() {
		for _, n := range c.Nodes() {
			host, port, err := net.SplitHostPort(n.Addr())
			if err == nil {
				all = append(all, host+"/32:"+port)
			}
		}
	}
	return all
}

// setUpDemo does what an operator and two people would: open the set-up link,
// confirm the sign-in host, sign in, let everyone in, add the nodes.
func (a *app) setUpDemo(ctx context.Context, sim *pvesim.Sim) (demoTold, error) {
	lab := sim.Clusters()[0]
	from := account.Client{Address: "127.0.0.1", Agent: "Berth demo"}
	viewer, err := a.firstAdministrator(ctx, lab, from)
	if err != nil {
		return demoTold{}, err
	}
	defer func() { _ = a.signin.SignOut(ctx, viewer, from) }()
	everyone := account.Policy{Admission: account.Everyone}
	if err := a.signin.EditHost(ctx, viewer, viewer.User.Host, demoHost, everyone, from); err != nil {
		return demoTold{}, err
	}
	by := account.By{Viewer: viewer, Address: from.Address}
	told := demoTold{People: []demoPerson{
		{"nodes are there already", demoHost, owner, demoRealm, lab.Password(owner + "@" + demoRealm)},
		{"no node yet", demoHost, newcomer, demoRealm, lab.Password(newcomer + "@" + demoRealm)},
	}}
	for _, c := range sim.Clusters() {
		node := c.Nodes()[0]
		token := c.AddToken(owner+"@"+demoRealm, "dashboard", pvesim.TokenSpec{PrivSep: true, Comment: "of the demo"})
		c.SetACL("/", owner+"@"+demoRealm+"!dashboard", "PVEAuditor", true)
		if !c.Standalone() {
			c.SetACL("/vms", owner+"@"+demoRealm+"!dashboard", "PVEVMAdmin", true)
		}
		if err := a.addDemoNode(ctx, by, node, owner+"@"+demoRealm+"!dashboard", token); err != nil {
			return demoTold{}, fmt.Errorf("adding %s: %w", c.Name(), err)
		}
		forNewcomer := newcomer + "@" + demoRealm + "!berth"
		newcomersToken := c.AddToken(newcomer+"@"+demoRealm, "berth", pvesim.TokenSpec{PrivSep: true, Comment: "to add by hand"})
		c.SetACL("/", forNewcomer, "PVEAuditor", true)
		told.Nodes = append(told.Nodes, demoNode{c.Name(), node.Name(), node.Addr(), node.Fingerprint(), forNewcomer, newcomersToken})
	}
	if _, err := a.templates.AddStarters(ctx, by, nil); err != nil {
		return demoTold{}, fmt.Errorf("adding the starter set: %w", err)
	}
	return told, nil
}

// firstAdministrator goes the way of the set-up link.
func (a *app) firstAdministrator(ctx context.Context, lab *pvesim.Cluster, from account.Client) (account.Viewer, error) {
	link, _, err := a.signin.SetUpLink(ctx)
	if err != nil {
		return account.Viewer{}, err
	}
	browser, err := a.signin.OpenSetUp(ctx, link.Reveal(), from)
	if err != nil {
		return account.Viewer{}, err
	}
	from.SetUp = browser.Reveal()
	node := lab.Nodes()[0]
	seen, err := a.signin.LookSetUp(ctx, node.Addr(), from)
	if err != nil {
		return account.Viewer{}, err
	}
	if seen.Fingerprint != node.Fingerprint() {
		return account.Viewer{}, fmt.Errorf("%s shows another certificate than the simulator made", node.Addr())
	}
	host, err := a.signin.RegisterFirst(ctx, demoHost, node.Addr(), seen.Fingerprint, from)
	if err != nil {
		return account.Viewer{}, err
	}
	progress, err := a.signin.Password(ctx, account.Credentials{Host: host.ID, User: owner, Realm: demoRealm,
		Password: secret.New(lab.Password(owner + "@" + demoRealm))}, from)
	return progress.Viewer, err
}

// addDemoNode takes the steps of "Add node".
func (a *app) addDemoNode(ctx context.Context, by account.By, node *pvesim.Node, tokenID, token string) error {
	host, port, err := net.SplitHostPort(node.Addr())
	if err != nil {
		return err
	}
	seen, err := a.connect.Look(ctx, by, host, port)
	if err != nil {
		return err
	}
	if seen.Fingerprint != node.Fingerprint() {
		return fmt.Errorf("%s shows another certificate than the simulator made", node.Addr())
	}
	candidate := fleet.Candidate{Address: seen.Address, Fingerprint: seen.Fingerprint, TokenID: tokenID, Secret: secret.New(token)}
	finding, err := a.connect.Check(ctx, by, candidate)
	if err != nil {
		return err
	}
	var also []string
	for _, m := range finding.Members {
		if m.Usable && !m.Local {
			also = append(also, m.Name)
		}
	}
	_, _, err = a.connect.Add(ctx, by, candidate, fleet.Confirmation{Name: finding.Name, Also: also, Seen: finding.Digest()})
	return err
}

func newPassword() string { return strings.ToLower(rand.Text()[:16]) }

func (d demoTold) print(w io.Writer, form string, alone bool) error {
	if form == "json" {
		return json.NewEncoder(w).Encode(d)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nBerth is at %s\n\n", d.URL)
	for _, p := range d.People {
		fmt.Fprintf(&b, "  %-24s  sign-in host %s, user %s, realm %s, password %s\n", p.About, p.Host, p.User, p.Realm, p.Password)
	}
	fmt.Fprintf(&b, "\nTo add a node as %s:\n\n", newcomer)
	for _, n := range d.Nodes {
		fmt.Fprintf(&b, "  %-6s  address %s, token %s, secret %s\n          fingerprint %s\n", n.Cluster, n.Address, n.TokenID, n.TokenSecret, n.Fingerprint)
	}
	if alone {
		b.WriteString("\nThis system has no 127.x.y.z addresses of its own for each node: member lists lead nowhere, and only one address of each cluster is used.\n")
	}
	fmt.Fprintf(&b, "\nAll of it is simulated and goes away when you stop it with Ctrl+C. Faults and changes by other hands: %s\n\n", d.Control)
	_, err := io.WriteString(w, b.String())
	return err
}
