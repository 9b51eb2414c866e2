package connect_test

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

func TestAddCluster(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.candidate("lab", "pve1", "berth", "PVEAuditor")

	seen, err := b.Look(t.Context(), by, c.Address.HostPort(), "")
	if err != nil || !seen.Proxmox || seen.Fingerprint != b.sim.Cluster("lab").Node("pve1").Fingerprint() {
		t.Fatalf("Look = %+v, %v", seen, err)
	}
	f, err := b.Check(t.Context(), by, c)
	if err != nil {
		t.Fatal(err)
	}
	if f.Release != "9.2.11" || f.Standalone || f.Name != "lab" || f.Address.Node != "pve1" || f.Trust.Mode != authority.CAPin || f.Known != nil {
		t.Errorf("finding: release %s, standalone %v, name %s, node %s, trust %s, known %v", f.Release, f.Standalone, f.Name, f.Address.Node, f.Trust.Mode, f.Known)
	}
	if len(f.Members) != 3 || !f.Members[0].Local || f.Members[0].Usable || !f.Members[1].Usable || !f.Members[2].Usable {
		t.Errorf("members: %+v", f.Members)
	}
	if len(b.clusters(by)) != 0 {
		t.Fatal("checking stored something")
	}

	stored, _, err := b.Add(t.Context(), by, c, fleet.Confirmation{Name: "Home lab", Also: []string{"pve2"}, Seen: f.Digest()})
	if err != nil {
		t.Fatal(err)
	}
	all := b.clusters(by)
	if len(all) != 1 || all[0].Name != "Home lab" || len(all[0].Authority.Addresses) != 2 || len(all[0].Members) != 3 {
		t.Fatalf("stored %+v", all)
	}
	got, err := b.store.ClusterSecret(t.Context(), string(by.Viewer.User.ID), stored.ID)
	if err != nil || got.Reveal() != c.Secret.Reveal() {
		t.Errorf("the secret does not open: %v", err)
	}
	if node, ok, _ := b.Default(t.Context(), string(by.Viewer.User.ID)); !ok || node.Name != "pve1" {
		t.Errorf("the first node is not the default one: %v", node)
	}
	if !slices.Equal(b.watcher.reloaded, []fleet.ClusterID{stored.ID}) {
		t.Errorf("the watcher was told %v", b.watcher.reloaded)
	}
	want := []string{"cluster.probe intent", "cluster.probe ok", "cluster.test intent", "cluster.test ok", "cluster.test intent", "cluster.test ok", "cluster.add intent", "cluster.add ok"}
	if trail := b.trail(by); !slices.Equal(trail, want) {
		t.Errorf("trail\n%s\nwant\n%s", strings.Join(trail, "\n"), strings.Join(want, "\n"))
	}
	if rights, ok := b.RightsOf(stored.ID); !ok || !rights.Permissions.Has("/vms", "VM.Audit") {
		t.Error("the rights that were found are not remembered")
	}
}

func TestAddStandalone(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	stored := b.add(by, b.candidate("attic", "attic", "berth", "PVEAuditor"), "attic")
	if !stored.Standalone || len(stored.Members) != 1 || stored.Members[0].Name != "attic" {
		t.Errorf("stored %+v", stored)
	}
}

func TestSecondEntryBecomesAnotherAddress(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	first := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	c := b.candidate("lab", "pve2", "other", "PVEAuditor")
	f, err := b.Check(t.Context(), by, c)
	if err != nil || f.Known == nil || f.Known.ID != first.ID {
		t.Fatalf("the cluster was not recognised: %+v, %v", f.Known, err)
	}
	if _, _, err := b.Add(t.Context(), by, c, fleet.Confirmation{Name: "whatever", Seen: f.Digest()}); err != nil {
		t.Fatal(err)
	}
	all := b.clusters(by)
	if len(all) != 1 || len(all[0].Authority.Addresses) != 2 || all[0].Name != "lab" || all[0].TokenID != "root@pam!other" {
		t.Fatalf("stored %+v", all)
	}
	if got, err := b.store.ClusterSecret(t.Context(), string(by.Viewer.User.ID), first.ID); err != nil || got.Reveal() != c.Secret.Reveal() {
		t.Errorf("the secret of the joined entry: %v", err)
	}
	_, err = b.Look(t.Context(), by, c.Address.HostPort(), "")
	wants(t, "an address that is there already", err, problem.Conflict, "address")

	// It changes where a stored secret goes: not without a fresh proof.
	b.clock.Add(11 * 60e9)
	_, err = b.Check(t.Context(), by, b.candidate("lab", "pve3", "third", "PVEAuditor"))
	wants(t, "without a fresh proof", err, problem.NeedProof, "")
	if _, err := b.Check(t.Context(), by, b.candidate("attic", "attic", "third", "PVEAuditor")); err != nil {
		t.Errorf("a new entry needs none: %v", err)
	}
}

func TestTwoOwnersOfOneProxmoxStayApart(t *testing.T) {
	b := newBench(t)
	anna, ben := b.person("anna@pve"), b.person("ben@pve")
	first := b.add(anna, b.candidate("lab", "pve1", "anna", "PVEAuditor"), "lab")
	second := b.add(ben, b.candidate("lab", "pve1", "ben", "PVEAuditor"), "lab")
	if first.ID == second.ID || len(b.clusters(anna)) != 1 || len(b.clusters(ben)) != 1 {
		t.Fatal("two people's entries were mixed up")
	}
	// Another one's id answers as one that never was.
	for _, id := range []fleet.ClusterID{first.ID, "0198f000-0000-7000-8000-00000000dead", "../../etc", ""} {
		_, err := b.Delete(t.Context(), ben, id)
		wants(t, "Delete", err, problem.NotFound, "")
		_, err = b.Test(t.Context(), ben, id)
		wants(t, "Test", err, problem.NotFound, "")
		wants(t, "Retry", b.Retry(t.Context(), ben, id), problem.NotFound, "")
		wants(t, "Rename", b.Rename(t.Context(), ben, id, 1, "x"), problem.NotFound, "")
		wants(t, "Label", b.Label(t.Context(), ben, fleet.NodeID{Cluster: id, Name: "pve1"}, "x"), problem.NotFound, "")
		wants(t, "SetDefault", b.SetDefault(t.Context(), ben, fleet.NodeID{Cluster: id, Name: "pve1"}), problem.NotFound, "")
		wants(t, "Reconnect", b.Reconnect(t.Context(), ben, id, fleet.Reconnection{Version: 1, Addresses: []string{"10.0.0.1"}, TokenID: "root@pam!x1", Secret: secret.New("s")}), problem.NotFound, "")
	}
	if len(b.clusters(anna)) != 1 {
		t.Error("one person changed another's")
	}
}

func TestAddStoresNothingWhenAnythingFails(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	good := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	twin := b.sim.Cluster("twin").Node("pve1").Fingerprint()
	tests := []struct {
		name  string
		with  func(c *fleet.Candidate)
		kind  problem.Kind
		field string
	}{
		{"no fingerprint confirmed", func(c *fleet.Candidate) { c.Fingerprint = "" }, problem.Invalid, "address"},
		{"a fingerprint that is markup", func(c *fleet.Candidate) { c.Fingerprint = "<script>" }, problem.Invalid, "address"},
		{"the leaf is another one", func(c *fleet.Candidate) { c.Fingerprint = twin }, problem.Untrusted, "address"},
		{"no token id", func(c *fleet.Candidate) { c.TokenID = "" }, problem.Invalid, "token"},
		{"a token id with markup", func(c *fleet.Candidate) { c.TokenID = "root@pam!<b>" }, problem.Invalid, "token"},
		{"a token id with the secret in it", func(c *fleet.Candidate) { c.TokenID = "root@pam!berth=" + c.Secret.Reveal() }, problem.Invalid, "token"},
		{"no secret", func(c *fleet.Candidate) { c.Secret = secret.Text{} }, problem.Invalid, "secret"},
		{"a secret with a line break", func(c *fleet.Candidate) { c.Secret = secret.New("a\r\nX-Evil: 1") }, problem.Invalid, "secret"},
		{"an overlong secret", func(c *fleet.Candidate) { c.Secret = secret.New(strings.Repeat("a", 10000)) }, problem.Invalid, "secret"},
		{"a wrong secret", func(c *fleet.Candidate) { c.Secret = secret.New("00000000-0000-0000-0000-000000000000") }, problem.Unauthorized, "secret"},
		{"an unknown token", func(c *fleet.Candidate) { c.TokenID = "root@pam!nobody" }, problem.Unauthorized, "secret"},
	}
	for _, test := range tests {
		c := good
		test.with(&c)
		_, err := b.Check(t.Context(), by, c)
		wants(t, test.name, err, test.kind, test.field)
		_, _, err = b.Add(t.Context(), by, c, fleet.Confirmation{Name: "x"})
		wants(t, test.name+", added", err, test.kind, test.field)
		if p := problem.Of(err); p != nil && good.Secret.Reveal() != "" && strings.Contains(p.Error()+p.Sentence(), good.Secret.Reveal()) {
			t.Errorf("%s: the secret is in the error", test.name)
		}
	}
	f, err := b.Check(t.Context(), by, good)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = b.Add(t.Context(), by, good, fleet.Confirmation{Name: "x", Seen: "something else"})
	wants(t, "not what was shown", err, problem.Conflict, "")
	for _, name := range []string{"", "   ", strings.Repeat("n", 101), "a\x1b[31mb", "a\u202eb"} {
		_, _, err = b.Add(t.Context(), by, good, fleet.Confirmation{Name: name, Seen: f.Digest()})
		wants(t, "a name like "+name, err, problem.Invalid, "name")
	}
	_, _, err = b.Add(t.Context(), by, good, fleet.Confirmation{Name: "x", Also: []string{"../../etc"}, Seen: f.Digest()})
	wants(t, "a member that is none", err, problem.Invalid, "also")
	if len(b.clusters(by)) != 0 || len(b.watcher.reloaded) != 0 {
		t.Error("something was stored")
	}
}

func TestNameIsUniquePerOwner(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	c := b.candidate("attic", "attic", "berth", "PVEAuditor")
	f, err := b.Check(t.Context(), by, c)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = b.Add(t.Context(), by, c, fleet.Confirmation{Name: "LAB", Seen: f.Digest()})
	wants(t, "a name that is taken", err, problem.Conflict, "name")
}

func TestLookRefuses(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	tests := []struct {
		name, address, port string
		kind                problem.Kind
		field               string
	}{
		{"nothing", "", "", problem.Invalid, "address"},
		{"a path", "https://pve/api2", "", problem.Invalid, "address"},
		{"a user", "root@pve", "", problem.Invalid, "address"},
		{"markup", "<script>alert(1)</script>", "", problem.Invalid, "address"},
		{"shell", "$(reboot)", "", problem.Invalid, "address"},
		{"an escape", "pve\x1b[2J", "", problem.Invalid, "address"},
		{"a decimal IP", "2130706433", "", problem.Invalid, "address"},
		{"a negative port", "pve1.example.org", "-1", problem.Invalid, "port"},
		{"port zero", "pve1.example.org", "0", problem.Invalid, "port"},
		{"a large port", "pve1.example.org", "65536", problem.Invalid, "port"},
		{"two ports", "10.0.0.1:443", "444", problem.Invalid, "port"},
		{"Berth itself", "127.0.0.1", "8006", problem.Blocked, "address"},
		{"loopback in disguise", "[::ffff:127.0.0.1]", "8006", problem.Blocked, "address"},
		{"metadata", "169.254.169.254", "443", problem.Blocked, "address"},
		{"any port at all", "10.0.0.1", "22", problem.Blocked, "address"},
	}
	for _, test := range tests {
		_, err := b.Look(t.Context(), by, test.address, test.port)
		wants(t, test.name, err, test.kind, test.field)
	}
}

func TestProbesAreLimited(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	var err error
	for range 91 {
		_, err = b.Look(t.Context(), by, "127.0.0.1", "")
	}
	wants(t, "the 91st look", err, problem.TooMany, "")
	other := b.person("anna@pve")
	_, err = b.Look(t.Context(), other, "127.0.0.1", "")
	wants(t, "another person's first", err, problem.Blocked, "")
	b.clock.Add(11 * 60e9)
	_, err = b.Look(t.Context(), by, "127.0.0.1", "")
	wants(t, "after eleven minutes", err, problem.Blocked, "")
}

// A member list that names addresses inside Berth's machine, or of its cloud, leads nowhere.
func TestHostileMemberList(t *testing.T) {
	for _, fault := range []string{"members-loopback", "members-metadata", "dotdot-names"} {
		t.Run(fault, func(t *testing.T) {
			b := newBench(t)
			by := b.person("root@pam")
			c := b.candidate("lab", "pve1", "berth", "PVEAuditor")
			undo, err := b.sim.Fault(fault, pvesim.FaultTarget{Cluster: "lab"})
			if err != nil {
				t.Fatal(err)
			}
			defer undo()
			f, err := b.Check(t.Context(), by, c)
			if err != nil {
				if fault != "dotdot-names" {
					t.Fatal(err)
				}
				return
			}
			for _, m := range f.Members {
				if m.Usable || !m.Local && m.Why == "" || strings.Contains(m.Name, "/") {
					t.Errorf("member %+v", m)
				}
			}
			names := []string{}
			for _, m := range f.Members {
				names = append(names, m.Name)
			}
			_, _, err = b.Add(t.Context(), by, c, fleet.Confirmation{Name: "x", Also: names, Seen: f.Digest()})
			if err == nil {
				t.Error("a member's hostile address was taken")
			}
		})
	}
}

// A CA is pinned only when it is really the signer of the confirmed leaf.
func TestForeignLeafIsPinnedItself(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	undo, err := b.sim.Fault("leaf-foreign-ca", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	if err != nil {
		t.Fatal(err)
	}
	defer undo()
	stored := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	leaf := b.sim.Cluster("lab").Node("pve1").Fingerprint()
	if stored.Authority.Trust.Mode != authority.LeafPin || stored.Authority.Trust.Fingerprint != leaf || stored.Authority.Addresses[0].Leaf != leaf {
		t.Errorf("trust %+v", stored.Authority)
	}
}

func TestMissingPrivilegesAreShownAndSaved(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.candidate("lab", "pve1", "bare", "NoAccess")
	f, err := b.Check(t.Context(), by, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Members) != 3 {
		t.Errorf("without privileges the members are %+v", f.Members)
	}
	missing := slices.DeleteFunc(slices.Clone(f.Verdicts), func(v fleet.Verdict) bool { return v.Reach == fleet.Everywhere })
	if len(missing) != len(f.Verdicts) {
		t.Errorf("only %d of %d things are said to be missing", len(missing), len(f.Verdicts))
	}
	b.add(by, c, "lab")
}
