package connect_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/ops/connect"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
	"berth/internal/store"
)

func TestDeleteShredsAndPromotesAnother(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	lab := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	attic := b.add(by, b.candidate("attic", "attic", "berth", "PVEAuditor"), "attic")
	twin := b.add(by, b.candidate("twin", "pve1", "berth", "PVEAuditor"), "twin")
	b.watcher.picture = &fleet.Picture{Clusters: []*fleet.ClusterPicture{
		{Cluster: attic.ID, Nodes: []fleet.Node{{ID: fleet.NodeID{Cluster: attic.ID, Name: "attic"}, State: fleet.Unreachable}}},
		{Cluster: twin.ID, Nodes: []fleet.Node{{ID: fleet.NodeID{Cluster: twin.ID, Name: "pve1"}, State: fleet.Unreachable}, {ID: fleet.NodeID{Cluster: twin.ID, Name: "pve2"}, State: fleet.Online}}},
	}}
	b.sim.Cluster("lab").ResetRequests()
	gone, err := b.Delete(t.Context(), by, lab.ID)
	if err != nil || gone.Name != "lab" || gone.Command != "pveum user token remove 'root@pam' berth" {
		t.Fatalf("Delete = %+v, %v", gone, err)
	}
	if n := b.sim.Cluster("lab").Requests(); n.Total != 0 {
		t.Errorf("deleting asked Proxmox %d times", n.Total)
	}
	if _, err := b.store.ClusterSecret(t.Context(), by.Owner(), lab.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("the secret is still there: %v", err)
	}
	if node, ok, err := b.store.Default(t.Context(), by.Owner()); err != nil || !ok || node != (fleet.NodeID{Cluster: twin.ID, Name: "pve2"}) {
		t.Errorf("the default is %v (%v, %v), want the first online node", node, ok, err)
	}
	if trail := b.trail(by); !slices.Equal(trail[len(trail)-2:], []string{"cluster.delete intent", "cluster.delete ok"}) {
		t.Errorf("the trail ends with %v", trail[len(trail)-2:])
	}
	again := b.add(by, b.candidate("lab", "pve1", "again", "PVEAuditor"), "lab")
	if again.ID == lab.ID {
		t.Error("adding again revived the old id")
	}
}

func TestDefaultFollowsWhoIsThere(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	if err := b.SetDefault(t.Context(), by, fleet.NodeID{Cluster: c.ID, Name: "pve3"}); err != nil {
		t.Fatal(err)
	}
	if n := len(b.watcher.reloaded); n != 2 || b.watcher.reloaded[1] != c.ID {
		t.Errorf("the watcher was told %v", b.watcher.reloaded)
	}
	wants(t, "a node that is none", b.SetDefault(t.Context(), by, fleet.NodeID{Cluster: c.ID, Name: "../pve1"}), problem.NotFound, "")
	if node, _, _ := b.Default(t.Context(), by.Owner()); node.Name != "pve3" {
		t.Errorf("default %v", node)
	}
	if err := b.store.SetMembers(t.Context(), c.ID, []fleet.Member{{Name: "pve1"}, {Name: "pve2"}}); err != nil {
		t.Fatal(err)
	}
	if node, ok, _ := b.Default(t.Context(), by.Owner()); !ok || node.Name != "pve1" {
		t.Errorf("after it left the default is %v", node)
	}
}

func TestRenameAndLabel(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	for _, name := range []string{"", " ", strings.Repeat("x", 101), "a\nb"} {
		wants(t, "Rename", b.Rename(t.Context(), by, c.ID, c.Version, name), problem.Invalid, "name")
	}
	wants(t, "a stale form", b.Rename(t.Context(), by, c.ID, c.Version+1, "other"), problem.Conflict, "")
	if err := b.Rename(t.Context(), by, c.ID, c.Version, " <b>Küche</b> "); err != nil {
		t.Fatal(err)
	}
	node := fleet.NodeID{Cluster: c.ID, Name: "pve2"}
	wants(t, "Label", b.Label(t.Context(), by, node, strings.Repeat("x", 101)), problem.Invalid, "label")
	if err := b.Label(t.Context(), by, node, "Rack 2"); err != nil {
		t.Fatal(err)
	}
	got := b.clusters(by)[0]
	if got.Name != "<b>Küche</b>" || got.Members[1].Title() != "Rack 2" {
		t.Errorf("stored %+v", got)
	}
	if err := b.Label(t.Context(), by, node, ""); err != nil {
		t.Fatal(err)
	}
	if got := b.clusters(by)[0]; got.Members[1].Title() != "pve2" {
		t.Errorf("the label stayed: %+v", got.Members)
	}
}

// haltsAfterReading is a store in which the watcher halts a cluster while a person renames it.
type haltsAfterReading struct {
	*store.Store
	halt *fleet.Halt
}

func (s haltsAfterReading) Cluster(ctx context.Context, owner string, id fleet.ClusterID) (fleet.Cluster, error) {
	c, err := s.Store.Cluster(ctx, owner, id)
	if err == nil {
		err = s.SetHalt(ctx, id, s.halt)
	}
	return c, err
}

func TestARenameKeepsWhatTheWatcherWrites(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.add(by, b.candidate("attic", "attic", "berth", "PVEAuditor"), "attic")
	for i, halt := range []*fleet.Halt{{Kind: "unauthorized", What: "Proxmox refused the token."}, nil} {
		service := connect.New(connect.Options{Store: haltsAfterReading{b.store, halt}, Proxmox: reach.Proxmox{Guard: b.guard}, Watcher: b.watcher, Now: b.clock.Now})
		if err := service.Rename(t.Context(), by, c.ID, c.Version+int64(i), fmt.Sprint("attic ", i)); err != nil {
			t.Fatal(err)
		}
		got := b.clusters(by)[0]
		if got.Name != fmt.Sprint("attic ", i) || (got.Halt == nil) != (halt == nil) || len(got.Members) != 1 {
			t.Errorf("stored %+v", got)
		}
	}
}

func TestTestSaysWhatIsWrongWithEachAddress(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab", "pve2", "pve3")
	r, err := b.Test(t.Context(), by, c.ID)
	if err != nil || r.Failed() || r.Release != "9.2.11" || len(r.Ways) != 3 {
		t.Fatalf("all is well, and the report is %+v, %v", r, err)
	}
	for _, fault := range []struct{ name, node string }{{"leaf-foreign-ca", "pve1"}, {"node-daemon-down", "pve2"}} {
		if _, err := b.sim.Fault(fault.name, pvesim.FaultTarget{Cluster: "lab", Node: fault.node}); err != nil {
			t.Fatal(err)
		}
	}
	r, err = b.Test(t.Context(), by, c.ID)
	if err != nil || r.Trouble != nil {
		t.Fatalf("one way is left, and the test ends with %v, %v", r.Trouble, err)
	}
	if r.Ways[0].Trouble == nil || r.Ways[0].Trouble.Kind != problem.Untrusted || r.Ways[1].Trouble == nil || r.Ways[1].Trouble.Kind != problem.Refused || r.Ways[2].Trouble != nil {
		t.Errorf("ways: %v, %v, %v", r.Ways[0].Trouble, r.Ways[1].Trouble, r.Ways[2].Trouble)
	}
	if last, ok := b.LastTest(c.ID); !ok || !last.Failed() {
		t.Error("the report is not remembered")
	}
	b.sim.Cluster("lab").RemoveToken("root@pam", "berth")
	r, err = b.Test(t.Context(), by, c.ID)
	if err != nil || r.Trouble == nil || r.Trouble.Kind != problem.Unauthorized {
		t.Errorf("without its token: %v, %v", r.Trouble, err)
	}
}

func TestRetryIsOneCallOfTheWatchers(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c := b.add(by, b.candidate("lab", "pve1", "berth", "PVEAuditor"), "lab")
	if err := b.Retry(t.Context(), by, c.ID); err != nil || !slices.Equal(b.watcher.tried, []fleet.ClusterID{c.ID}) {
		t.Errorf("tried %v, %v", b.watcher.tried, err)
	}
}

func wish() fleet.TokenWish { return fleet.TokenWish{Tier: fleet.TierLook, Name: "berth", Days: 90} }

func makeToken(b *bench, by account.By, w fleet.TokenWish) (fleet.Cluster, []fleet.Lack, error) {
	p, err := b.Prepare(b.t.Context(), by, w)
	if err != nil {
		b.t.Fatalf("Prepare: %v", err)
	}
	return b.MakeToken(b.t.Context(), by, w, fleet.Confirmation{Name: "mine", Also: []string{"pve2"}, Seen: p.Digest()})
}

func TestMakeToken(t *testing.T) {
	for _, tier := range []fleet.Tier{fleet.TierLook, fleet.TierManage} {
		t.Run(string(tier), func(t *testing.T) {
			b := newBench(t)
			by := b.person("root@pam")
			w := wish()
			w.Tier = tier
			p, err := b.Prepare(t.Context(), by, w)
			if err != nil {
				t.Fatal(err)
			}
			if p.TokenID != "root@pam!berth" || len(p.Lacks) != 0 || len(p.Calls) != len(p.Roles)+1+len(p.Grants)+1 {
				t.Errorf("plan %+v", p)
			}
			c, missing, err := b.MakeToken(t.Context(), by, w, fleet.Confirmation{Name: "mine", Also: []string{"pve2"}, Seen: p.Digest()})
			if err != nil || len(missing) != 0 {
				t.Fatalf("MakeToken: missing %v, %v", missing, err)
			}
			got := b.clusters(by)
			if len(got) != 1 || got[0].TokenID != "root@pam!berth" || len(got[0].Authority.Addresses) != 2 || len(got[0].Members) != 3 {
				t.Errorf("stored %+v", got)
			}
			rights, ok := b.RightsOf(c.ID)
			if !ok {
				t.Fatal("no rights are known")
			}
			for _, v := range fleet.Examine(rights.Permissions) {
				if v.Thing.Tier == fleet.TierLook || tier == fleet.TierManage {
					if v.Reach != fleet.Everywhere {
						t.Errorf("the made token may not: %s (lacks %v)", v.Thing.Title, v.Lacks)
					}
				}
			}
			for _, never := range []string{"Permissions.Modify", "User.Modify", "Realm.Allocate", "Sys.Console", "Sys.Modify"} {
				if rights.Permissions.Has("/", never) || rights.Permissions.Has("/vms", never) {
					t.Errorf("the made token holds %s", never)
				}
			}
			if r, err := b.Test(t.Context(), by, c.ID); err != nil || r.Failed() {
				t.Errorf("the made token does not work: %+v, %v", r.Trouble, err)
			}
			if _, ok, _ := b.Offered(t.Context(), by); ok {
				t.Error("it is offered again")
			}
		})
	}
}

// The entry's own CA is pinned although the sign-in host was confirmed by its leaf, and the same cluster is known again by it.
func TestMadeTokensEntryIsTheSameCluster(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	c, _, err := makeToken(b, by, wish())
	if err != nil || c.Authority.Trust.Mode != authority.CAPin {
		t.Fatalf("made %+v, %v", c.Authority, err)
	}
	other := b.person("anna@pve")
	b.add(other, b.candidate("lab", "pve1", "berth2", "PVEAuditor"), "lab")
	_, err = b.Prepare(t.Context(), other, wish())
	if p := problem.Of(err); p == nil {
		t.Errorf("a token is planned for a cluster that is there already: %v", err)
	}
}

func TestMakeTokenIsUndoneWhenACallFails(t *testing.T) {
	for _, path := range []string{"/access/acl", "/access/users", "/access/permissions"} {
		t.Run(path, func(t *testing.T) {
			b := newBench(t)
			by := b.person("root@pam")
			p, err := b.Prepare(t.Context(), by, wish())
			if err != nil {
				t.Fatal(err)
			}
			// Prepare and MakeToken both read the person's own permissions, so that this one fails before anything is made.
			undo, err := b.sim.Fault("error-500", pvesim.FaultTarget{Cluster: "lab", Params: map[string]string{"path": path, "message": "something of Proxmox's"}})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = b.MakeToken(t.Context(), by, wish(), fleet.Confirmation{Name: "mine", Seen: p.Digest()})
			if pr := problem.Of(err); pr == nil || pr.Proxmox != "something of Proxmox's" {
				t.Errorf("the failure is told as %v", err)
			}
			undo()
			if len(b.clusters(by)) != 0 {
				t.Error("a cluster was left")
			}
			// Nothing of it is left at Proxmox: the same again works, role and all.
			p2, err := b.Prepare(t.Context(), by, wish())
			if err != nil || path != "/access/users" && len(p2.Roles) != 1 {
				t.Fatalf("what was made is still there: roles to make %v, %v", p2.Roles, err)
			}
			if path == "/access/users" {
				return // removing the token failed as making it did
			}
			if _, _, err := makeToken(b, by, wish()); err != nil {
				t.Errorf("the same again: %v", err)
			}
		})
	}
}

// forgetful is a Proxmox whose answers to what makes something get lost, before or after it was done.
type forgetful struct {
	connect.Proxmox
	done bool
	what string
}

func (p forgetful) Open(ctx context.Context, a authority.Authority, as connect.Login) (connect.Connection, error) {
	conn, err := p.Proxmox.Open(ctx, a, as)
	return forgetting{conn, p}, err
}

type forgetting struct {
	connect.Connection
	of forgetful
}

var errLost = problem.New(problem.OutcomeUnknown, "The answer was lost.", "")

func (c forgetting) CreateRole(ctx context.Context, role string, privileges []string) error {
	if c.of.what == "role" && !c.of.done {
		return errLost
	}
	err := c.Connection.CreateRole(ctx, role, privileges)
	if c.of.what == "role" && err == nil {
		return errLost
	}
	return err
}

func (c forgetting) CreateToken(ctx context.Context, user, name, comment string, expires time.Time) (secret.Text, error) {
	if c.of.what == "token" && !c.of.done {
		return secret.Text{}, errLost
	}
	s, err := c.Connection.CreateToken(ctx, user, name, comment, expires)
	if c.of.what == "token" && err == nil {
		return secret.Text{}, errLost
	}
	return s, err
}

func TestWhatWasMadeWithoutAnAnswerIsUndone(t *testing.T) {
	for _, what := range []string{"role", "token"} {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, done %v", what, done), func(t *testing.T) {
				b := newBench(t)
				by := b.person("root@pam")
				service := connect.New(connect.Options{Store: b.store, Watcher: b.watcher, Now: b.clock.Now,
					Proxmox: forgetful{reach.Proxmox{Guard: b.guard}, done, what}})
				p, err := b.Prepare(t.Context(), by, wish())
				if err != nil {
					t.Fatal(err)
				}
				_, _, err = service.MakeToken(t.Context(), by, wish(), fleet.Confirmation{Name: "mine", Seen: p.Digest()})
				wants(t, "a lost answer", err, problem.OutcomeUnknown, "")
				if told := problem.Of(err); strings.Contains(told.Remedy, "by hand") {
					t.Errorf("it is told that not all was undone: %v", told.Remedy)
				}
				again, err := b.Prepare(t.Context(), by, wish()) // refuses a token that is there
				if err != nil || len(again.Roles) != len(p.Roles) {
					t.Errorf("something was left: roles to make %v of %v, %v", again.Roles, p.Roles, err)
				}
			})
		}
	}
}

func TestMakeTokenNeverOverwrites(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	kept := b.sim.Cluster("lab").AddToken("root@pam", "berth", pvesim.TokenSpec{PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	_, err := b.Prepare(t.Context(), by, wish())
	wants(t, "a name that is taken", err, problem.Conflict, "name")
	_, _, err = b.MakeToken(t.Context(), by, wish(), fleet.Confirmation{Name: "mine"})
	wants(t, "making it all the same", err, problem.Conflict, "name")
	if trail := b.trail(by); slices.Contains(trail, "token.create intent") {
		t.Errorf("it was tried: %v", trail)
	}
	// The token of that name is still the other one.
	c := b.candidate("lab", "pve1", "unused", "PVEAuditor")
	c.TokenID, c.Secret = "root@pam!berth", secret.New(kept)
	if _, err := b.Check(t.Context(), by, c); err != nil {
		t.Errorf("the token that was there is gone: %v", err)
	}
}

func TestMakeTokenWithoutTheRights(t *testing.T) {
	b := newBench(t)
	b.sim.Cluster("lab").AddUser(pvesim.UserSpec{ID: "viewer@pve", Password: "viewer-password", ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	by := b.person("viewer@pve")
	p, err := b.Prepare(t.Context(), by, wish())
	if err != nil || len(p.Lacks) == 0 || len(p.Commands) == 0 {
		t.Fatalf("plan %+v, %v", p, err)
	}
	_, _, err = b.MakeToken(t.Context(), by, wish(), fleet.Confirmation{Name: "mine", Seen: p.Digest()})
	wants(t, "an account that may not", err, problem.Denied, "")
	if trail := b.trail(by); slices.Contains(trail, "token.create intent") {
		t.Error("it was begun")
	}
}

func TestMakeTokenWishes(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	tests := []struct {
		name  string
		with  func(w *fleet.TokenWish)
		field string
	}{
		{"no tier", func(w *fleet.TokenWish) { w.Tier = "" }, "tier"},
		{"another tier", func(w *fleet.TokenWish) { w.Tier = "Administrator" }, "tier"},
		{"no name", func(w *fleet.TokenWish) { w.Name = "" }, "name"},
		{"a path for a name", func(w *fleet.TokenWish) { w.Name = "../../acl" }, "name"},
		{"a long name", func(w *fleet.TokenWish) { w.Name = "a" + strings.Repeat("b", 80) }, "name"},
		{"no end", func(w *fleet.TokenWish) { w.Days = 0 }, "days"},
		{"a negative end", func(w *fleet.TokenWish) { w.Days = -1 }, "days"},
		{"an empty pool", func(w *fleet.TokenWish) { w.Pools = []string{""} }, "pools"},
		{"a pool that climbs", func(w *fleet.TokenWish) { w.Pools = []string{"../access"} }, "pools"},
		{"markup for a pool", func(w *fleet.TokenWish) { w.Pools = []string{"<b>"} }, "pools"},
	}
	for _, test := range tests {
		w := wish()
		test.with(&w)
		_, err := b.Prepare(t.Context(), by, w)
		wants(t, test.name, err, problem.Invalid, test.field)
	}
}

// The person's ticket goes to nobody but their sign-in host, and a lapsed one asks for the password.
func TestMakeTokenNeedsTheTicket(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	if err := b.store.ForgetTicket(t.Context(), by.Viewer.Session.ID); err != nil {
		t.Fatal(err)
	}
	_, err := b.Prepare(t.Context(), by, wish())
	wants(t, "no ticket", err, problem.NeedProof, "")

	b = newBench(t)
	by = b.person("root@pam")
	if _, err := b.sim.Fault("ticket-expired", pvesim.FaultTarget{Cluster: "lab"}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Prepare(t.Context(), by, wish())
	wants(t, "an expired ticket", err, problem.NeedProof, "")
}
