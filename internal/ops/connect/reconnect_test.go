package connect_test

import (
	"slices"
	"testing"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

func changeOf(c fleet.Cluster, addresses ...string) fleet.Reconnection {
	if len(addresses) == 0 {
		for _, a := range c.Authority.Addresses {
			addresses = append(addresses, a.HostPort())
		}
	}
	return fleet.Reconnection{Version: c.Version, Addresses: addresses, TokenID: c.TokenID}
}

func TestReconnectAsksForTheSecretWhereItWouldGoElsewhere(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab", "pve2")
	pve1, pve2, pve3 := b.sim.Cluster("lab").Node("pve1").Addr(), b.sim.Cluster("lab").Node("pve2").Addr(), b.sim.Cluster("lab").Node("pve3").Addr()

	wants(t, "a new address without the secret", b.Reconnect(t.Context(), by, c.ID, changeOf(c, pve1, pve3)), problem.Invalid, "secret")
	other := changeOf(c)
	other.TokenID = "root@pam!other"
	wants(t, "another token without the secret", b.Reconnect(t.Context(), by, c.ID, other), problem.Invalid, "secret")
	accepting := changeOf(c)
	accepting.Accept = []string{b.sim.Cluster("twin").Node("pve1").Fingerprint()}
	wants(t, "an accepted pin without the secret", b.Reconnect(t.Context(), by, c.ID, accepting), problem.Invalid, "secret")
	stale := changeOf(c)
	stale.Version = 99
	wants(t, "a stale form", b.Reconnect(t.Context(), by, c.ID, stale), problem.Conflict, "")
	if got := b.clusters(by)[0]; len(got.Authority.Addresses) != 2 || got.Version != c.Version {
		t.Fatalf("something was stored: %+v", got)
	}

	// Fewer addresses, in another order: the secret goes nowhere new.
	if err := b.Reconnect(t.Context(), by, c.ID, changeOf(c, pve2)); err != nil {
		t.Fatal(err)
	}
	c = b.clusters(by)[0]
	if len(c.Authority.Addresses) != 1 || c.Authority.Addresses[0].HostPort() != pve2 {
		t.Fatalf("addresses %+v", c.Authority.Addresses)
	}
	// With the secret a new one is taken, and the member behind it is the one that its certificate names.
	moved := changeOf(c, pve2, pve3)
	moved.Secret = cand.Secret
	if err := b.Reconnect(t.Context(), by, c.ID, moved); err != nil {
		t.Fatal(err)
	}
	c = b.clusters(by)[0]
	if len(c.Authority.Addresses) != 2 || c.Authority.Trust.Mode != authority.CAPin {
		t.Fatalf("stored %+v", c.Authority)
	}
	if got, err := b.store.ClusterSecret(t.Context(), by.Owner(), c.ID); err != nil || got.Reveal() != cand.Secret.Reveal() {
		t.Errorf("the secret does not open after the change: %v", err)
	}
}

func TestReconnectRefuses(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab")
	b.add(by, b.candidate("attic", "attic", "berth", "PVEAuditor"), "attic")
	pve1, attic, twin := b.sim.Cluster("lab").Node("pve1").Addr(), b.sim.Cluster("attic").Node("attic").Addr(), b.sim.Cluster("twin").Node("pve1").Addr()
	b.sim.Cluster("twin").AddToken("root@pam", "berth", pvesim.TokenSpec{Secret: cand.Secret.Reveal()})
	before := b.clusters(by)
	tests := []struct {
		name  string
		with  func(ch *fleet.Reconnection)
		kind  problem.Kind
		field string
	}{
		{"no address", func(ch *fleet.Reconnection) { ch.Addresses = []string{" ", ""} }, problem.Invalid, "addresses"},
		{"markup", func(ch *fleet.Reconnection) { ch.Addresses = []string{"<img src=x>"} }, problem.Invalid, "addresses"},
		{"a negative port", func(ch *fleet.Reconnection) { ch.Addresses = []string{"10.0.0.1:-5"} }, problem.Invalid, "addresses"},
		{"loopback", func(ch *fleet.Reconnection) { ch.Addresses = []string{pve1, "127.0.0.1"} }, problem.Blocked, "addresses"},
		{"metadata", func(ch *fleet.Reconnection) { ch.Addresses = []string{"169.254.169.254:443"} }, problem.Blocked, "addresses"},
		{"an address of another entry", func(ch *fleet.Reconnection) { ch.Addresses = []string{pve1, attic} }, problem.Conflict, "addresses"},
		{"another cluster with the same node names and the same token", func(ch *fleet.Reconnection) { ch.Addresses = []string{pve1, twin} }, problem.Untrusted, "addresses"},
		{"a token id that is none", func(ch *fleet.Reconnection) { ch.TokenID = "'; rm -rf /" }, problem.Invalid, "token"},
		{"a wrong secret", func(ch *fleet.Reconnection) { ch.Secret = secret.New("00000000-0000-0000-0000-000000000000") }, problem.Unauthorized, "secret"},
	}
	for _, test := range tests {
		ch := changeOf(c, pve1)
		ch.Secret = cand.Secret
		test.with(&ch)
		wants(t, test.name, b.Reconnect(t.Context(), by, c.ID, ch), test.kind, test.field)
	}
	if after := b.clusters(by); after[0].Version != before[0].Version || len(after[0].Authority.Addresses) != 1 {
		t.Errorf("something was stored: %+v", after[0])
	}
}

func TestChangedCAStopsAndIsTakenOnlyWhenAccepted(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab", "pve2")
	old := c.Authority.Trust.Fingerprint
	if _, err := b.sim.Fault("ca-changed", pvesim.FaultTarget{Cluster: "lab"}); err != nil {
		t.Fatal(err)
	}
	shown := b.sim.Cluster("lab").Node("pve1").Fingerprint()

	ch := changeOf(c)
	ch.Secret = cand.Secret
	err := b.Reconnect(t.Context(), by, c.ID, ch)
	wants(t, "a changed CA", err, problem.Untrusted, "addresses")
	if p := problem.Of(err); p.Expected != old || p.Got != shown {
		t.Errorf("shown %s and %s, want %s and %s", p.Expected, p.Got, old, shown)
	}
	ch.Accept = []string{"AA:BB"}
	wants(t, "another one accepted", b.Reconnect(t.Context(), by, c.ID, ch), problem.Untrusted, "addresses")

	ch.Accept = []string{shown}
	if err := b.Reconnect(t.Context(), by, c.ID, ch); err != nil {
		t.Fatal(err)
	}
	got := b.clusters(by)[0]
	if got.Authority.Trust.Mode != authority.CAPin || got.Authority.Trust.Fingerprint == old || len(got.Authority.Addresses) != 2 || got.Halt != nil {
		t.Errorf("stored %+v", got)
	}
	if trail := b.trail(by); !slices.Equal(trail[len(trail)-2:], []string{"cluster.pin intent", "cluster.pin ok"}) {
		t.Errorf("the trail ends with %v", trail[len(trail)-2:])
	}
}

func TestAcceptedLeafOfAnotherProxmoxIsNoMember(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab")
	attic := b.sim.Cluster("attic").Node("attic")
	b.sim.Cluster("attic").AddToken("root@pam", "berth", pvesim.TokenSpec{Secret: cand.Secret.Reveal()})
	ch := changeOf(c, attic.Addr())
	ch.Secret, ch.Accept = cand.Secret, []string{attic.Fingerprint()}
	wants(t, "another Proxmox in place of the first", b.Reconnect(t.Context(), by, c.ID, ch), problem.Invalid, "addresses")
	if got := b.clusters(by)[0]; got.Authority.Trust.Fingerprint != c.Authority.Trust.Fingerprint {
		t.Error("the pin was changed")
	}
}

func TestChangedLeafOfAPinnedOne(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	undo, err := b.sim.Fault("leaf-foreign-ca", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	if err != nil {
		t.Fatal(err)
	}
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab")
	undo()
	shown := b.sim.Cluster("lab").Node("pve1").Fingerprint()
	ch := changeOf(c)
	ch.Secret = cand.Secret
	err = b.Reconnect(t.Context(), by, c.ID, ch)
	wants(t, "another leaf", err, problem.Untrusted, "addresses")
	ch.Accept = []string{shown}
	if err := b.Reconnect(t.Context(), by, c.ID, ch); err != nil {
		t.Fatal(err)
	}
	got := b.clusters(by)[0].Authority
	if got.Addresses[0].Leaf != shown || got.Trust.Fingerprint != shown {
		t.Errorf("stored %+v", got)
	}
}

// A dead first address does not keep its owner from changing the order or giving another.
func TestReconnectWithADeadAddress(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab", "pve2")
	if _, err := b.sim.Fault("node-daemon-down", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"}); err != nil {
		t.Fatal(err)
	}
	pve1, pve2, pve3 := b.sim.Cluster("lab").Node("pve1").Addr(), b.sim.Cluster("lab").Node("pve2").Addr(), b.sim.Cluster("lab").Node("pve3").Addr()
	ch := changeOf(c, pve2, pve1, pve3)
	ch.Secret = cand.Secret
	if err := b.Reconnect(t.Context(), by, c.ID, ch); err != nil {
		t.Fatal(err)
	}
	if got := b.clusters(by)[0].Authority.Addresses; len(got) != 3 {
		t.Errorf("addresses %+v", got)
	}
}
