package connect_test

import (
	"context"
	"testing"

	"berth/cmd/berth/reach"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/ops/connect"
	"berth/internal/pvesim"
)

// claimant is a Proxmox that names a member with somebody else's leaf.
type claimant struct {
	connect.Proxmox
	leaf string
}

func (c claimant) Open(ctx context.Context, a authority.Authority, as connect.Login) (connect.Connection, error) {
	conn, err := c.Proxmox.Open(ctx, a, as)
	return claiming{conn, c.leaf}, err
}

type claiming struct {
	connect.Connection
	leaf string
}

func (c claiming) Nodes(ctx context.Context) ([]connect.Node, error) {
	nodes, err := c.Connection.Nodes(ctx)
	return append(nodes, connect.Node{Name: "pve1", Fingerprint: c.leaf, Online: true}), err
}

// Else it became an address of that cluster, and got its secret when that was entered next.
func TestAProxmoxThatClaimsAnothersLeafIsNotThatCluster(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	undo, err := b.sim.Fault("leaf-foreign-ca", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	if err != nil {
		t.Fatal(err)
	}
	defer undo()
	lab := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	if lab.Authority.Trust.Mode != authority.LeafPin {
		t.Fatalf("the lab is pinned by %s", lab.Authority.Trust.Mode)
	}
	liar := connect.New(connect.Options{Store: b.store, Watcher: b.watcher, Now: b.clock.Now,
		Proxmox: claimant{reach.Proxmox{Guard: b.guard}, lab.Authority.Trust.Fingerprint}})
	c := b.candidate("attic", "attic", "berth", "PVEAuditor")
	f, err := liar.Check(t.Context(), by, c)
	if err != nil {
		t.Fatal(err)
	}
	if f.Known != nil {
		t.Fatalf("it is taken for %q", f.Known.Name)
	}
	if _, _, err := liar.Add(t.Context(), by, c, fleet.Confirmation{Name: "attic", Seen: f.Digest()}); err != nil {
		t.Fatal(err)
	}
	for _, stored := range b.clusters(by) {
		if stored.ID == lab.ID && (len(stored.Authority.Addresses) != 1 || stored.TokenID != lab.TokenID || stored.Version != lab.Version) {
			t.Errorf("it changed the lab: %+v", stored)
		}
	}
}
