package storetest

import (
	"fmt"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

func tryClusters(b *bench) {
	alice, bob := twoUsers(b)
	lab := Cluster(b, b.Store, alice.ID, "lab")
	equal(b, "kept", lab, fleet.Cluster{ID: lab.ID, Owner: string(alice.ID), Name: "lab", Authority: Authority("lab.example.org"),
		TokenID: "berth@pve!lab", CreatedAt: Start, UpdatedAt: Start, Version: 1,
		Members: []fleet.Member{{Name: "pve1", Address: "192.0.2.1"}, {Name: "pve2", Address: "192.0.2.2"}, {Name: "pve3", Address: "192.0.2.3"}}})
	b.clock.Move(time.Second)
	edge := Cluster(b, b.Store, alice.ID, "edge")
	his := Cluster(b, b.Store, bob.ID, "lab")
	hers, err := b.Clusters(b.ctx, string(alice.ID))
	b.must(err)
	equal(b, "her clusters, oldest first", hers, []fleet.Cluster{lab, edge})
	all, err := b.AllClusters(b.ctx)
	b.must(err)
	equal(b, "all clusters", all, []fleet.Cluster{lab, edge, his})
	token, err := b.ClusterSecret(b.ctx, string(alice.ID), lab.ID)
	revealed(b, "the secret", token, err, "token of lab")
	none, err := b.Clusters(b.ctx, "nobody")
	b.must(err)
	equal(b, "nobody's clusters", len(none), 0)
}

func tryClusterNames(b *bench) {
	alice, bob := twoUsers(b)
	Cluster(b, b.Store, alice.ID, "lab")
	edge := Cluster(b, b.Store, alice.ID, "edge")
	second := fleet.Cluster{ID: fleet.ClusterID(ID()), Owner: string(alice.ID), Name: "LAB "}
	err := b.CreateCluster(b.ctx, second, secret.New("x"))
	b.kind("a second lab", err, problem.Conflict)
	if problem.Of(err).Fields["name"] == "" {
		b.Error("the conflict does not name the field")
	}
	edge.Name = "Lab"
	b.kind("a rename to lab", b.UpdateCluster(b.ctx, edge, nil), problem.Conflict)
	err = b.RenameCluster(b.ctx, string(alice.ID), edge.ID, 1, "Lab")
	b.kind("the other way to rename to lab", err, problem.Conflict)
	if problem.Of(err).Fields["name"] == "" {
		b.Error("the conflict does not name the field")
	}
	b.kind("a rename of another's", b.RenameCluster(b.ctx, string(bob.ID), edge.ID, 1, "mine"), problem.Conflict)
	b.kind("a rename of an older version", b.RenameCluster(b.ctx, string(alice.ID), edge.ID, 0, "old"), problem.Conflict)
	Cluster(b, b.Store, bob.ID, "lab") // another owner's may have the name
	if got, err := b.Cluster(b.ctx, string(alice.ID), edge.ID); err != nil || got.Name != "edge" || got.Version != 1 {
		b.Errorf("after a refused rename: %+v, %v", got, err)
	}
}

func tryClusterChange(b *bench) {
	alice, _ := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	owner := string(alice.ID)
	b.clock.Move(time.Minute)
	c.Name, c.Standalone = "attic", true
	c.Members = []fleet.Member{{Name: "pve1", Label: "The loud one", Address: "192.0.2.9"}}
	b.must(b.UpdateCluster(b.ctx, c, nil))
	got, err := b.Cluster(b.ctx, owner, c.ID)
	b.must(err)
	stale := c
	c.Version, c.UpdatedAt = 2, b.clock.Now()
	equal(b, "changed", got, c)
	b.kind("a change of what was changed meanwhile", b.UpdateCluster(b.ctx, stale, nil), problem.Conflict)

	// The secret follows to a new address, pin or token id only in the store's own hands.
	c.Authority.Addresses = append(c.Authority.Addresses, authority.Address{Host: "192.0.2.8", Port: 8006})
	b.must(b.UpdateCluster(b.ctx, c, nil))
	token, err := b.ClusterSecret(b.ctx, owner, c.ID)
	revealed(b, "the secret at a new address", token, err, "token of lab")
	c.Version, c.TokenID = 3, "berth@pve!new"
	next := secret.New("next token")
	b.must(b.UpdateCluster(b.ctx, c, &next))
	token, err = b.ClusterSecret(b.ctx, owner, c.ID)
	revealed(b, "the new secret", token, err, "next token")
}

func tryClusterChangeAtOnce(b *bench) {
	alice, _ := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	n := atOnce(b, 8, func(i int) (bool, error) {
		mine := c
		mine.Name = fmt.Sprintf("name %d", i)
		mine.Members = []fleet.Member{{Name: fmt.Sprintf("node%d", i)}}
		err := b.UpdateCluster(b.ctx, mine, nil)
		if problem.Is(err, problem.Conflict) {
			return false, nil
		}
		return err == nil, err
	})
	equal(b, "changes of one version", n, 1)
	got, err := b.Cluster(b.ctx, string(alice.ID), c.ID)
	b.must(err)
	if len(got.Members) != 1 || got.Name[len(got.Name)-1] != got.Members[0].Name[len("node")] {
		b.Errorf("a mixture of two changes: %+v", got)
	}
	n = atOnce(b, 8, func(i int) (bool, error) {
		err := b.CreateCluster(b.ctx, fleet.Cluster{ID: fleet.ClusterID(ID()), Owner: string(alice.ID), Name: "new"}, secret.New("x"))
		if problem.Is(err, problem.Conflict) {
			return false, nil
		}
		return err == nil, err
	})
	equal(b, "clusters of one name", n, 1)
}

// What is another's is exactly what is absent.
func tryClusterOfOthers(b *bench) {
	alice, bob := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	for _, id := range []fleet.ClusterID{c.ID, fleet.ClusterID(ID())} {
		_, err := b.Cluster(b.ctx, string(bob.ID), id)
		b.missing("reading", err)
		_, err = b.ClusterSecret(b.ctx, string(bob.ID), id)
		b.missing("the secret", err)
		mine := c
		mine.ID, mine.Owner = id, string(bob.ID)
		b.missing("changing", b.UpdateCluster(b.ctx, mine, nil))
		b.missing("labelling", b.SetLabel(b.ctx, string(bob.ID), id, "pve1", "mine"))
		b.missing("the default", b.SetDefault(b.ctx, string(bob.ID), fleet.NodeID{Cluster: id, Name: "pve1"}))
		b.missing("deleting", b.DeleteCluster(b.ctx, string(bob.ID), id))
	}
	got, err := b.Cluster(b.ctx, string(alice.ID), c.ID)
	b.must(err)
	equal(b, "her cluster", got, c)
}

func tryClusterDeletion(b *bench) {
	alice, _ := twoUsers(b)
	owner := string(alice.ID)
	lab, edge := Cluster(b, b.Store, alice.ID, "lab"), Cluster(b, b.Store, alice.ID, "edge")
	for _, c := range []fleet.Cluster{lab, edge} {
		b.must(b.SavePicture(b.ctx, c.ID, []byte("seen "+c.Name), Start))
	}
	b.must(b.SetDefault(b.ctx, owner, fleet.NodeID{Cluster: lab.ID, Name: "pve2"}))
	b.must(b.DeleteCluster(b.ctx, owner, lab.ID))
	_, err := b.Cluster(b.ctx, owner, lab.ID)
	b.missing("the cluster", err)
	_, err = b.ClusterSecret(b.ctx, owner, lab.ID)
	b.missing("the secret", err)
	pictures, err := b.LoadPictures(b.ctx)
	b.must(err)
	equal(b, "pictures", pictures, map[fleet.ClusterID][]byte{edge.ID: []byte("seen edge")})
	_, ok, err := b.Default(b.ctx, owner)
	b.must(err)
	equal(b, "a default", ok, false)
	b.missing("a late picture", b.SavePicture(b.ctx, lab.ID, []byte("late"), Start.Add(time.Hour)))
	b.missing("late members", b.SetMembers(b.ctx, lab.ID, lab.Members))
	b.missing("a late halt", b.SetHalt(b.ctx, lab.ID, nil))
	b.missing("deleting again", b.DeleteCluster(b.ctx, owner, lab.ID))
	Cluster(b, b.Store, alice.ID, "lab") // the name is free again
}

func tryDisabledOwner(b *bench) {
	alice, bob := twoUsers(b)
	Cluster(b, b.Store, alice.ID, "lab")
	his := Cluster(b, b.Store, bob.ID, "lab")
	b.must(b.SetDisabled(b.ctx, alice.ID, Start))
	all, err := b.AllClusters(b.ctx)
	b.must(err)
	equal(b, "clusters to watch", all, []fleet.Cluster{his})
}

func tryHalt(b *bench) {
	alice, _ := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	c.Halt = &fleet.Halt{Kind: string(problem.Untrusted), What: "Its certificate changed.", Expected: "AA", Got: "BB", At: Start}
	b.must(b.SetHalt(b.ctx, c.ID, c.Halt))
	got, err := b.Cluster(b.ctx, string(alice.ID), c.ID)
	b.must(err)
	equal(b, "halted", got, c)
	c.Halt = nil
	b.must(b.UpdateCluster(b.ctx, c, nil))
	got, err = b.Cluster(b.ctx, string(alice.ID), c.ID)
	b.must(err)
	equal(b, "the halt after a change", got.Halt, nil)
	b.must(b.SetHalt(b.ctx, c.ID, &fleet.Halt{Kind: "unauthorized"}))
	b.must(b.SetHalt(b.ctx, c.ID, nil))
	got, err = b.Cluster(b.ctx, string(alice.ID), c.ID)
	b.must(err)
	equal(b, "the halt when it was lifted", got.Halt, nil)
}

func tryMembers(b *bench) {
	alice, _ := twoUsers(b)
	owner := string(alice.ID)
	c := Cluster(b, b.Store, alice.ID, "lab")
	b.must(b.SetLabel(b.ctx, owner, c.ID, "pve2", "Attic"))
	b.missing("a label for no node", b.SetLabel(b.ctx, owner, c.ID, "pve9", "x"))
	b.must(b.SetMembers(b.ctx, c.ID, []fleet.Member{{Name: "pve4", Label: "new", Address: "192.0.2.4"}, {Name: "pve2", Label: "forged", Address: "192.0.2.22"}}))
	got, err := b.Cluster(b.ctx, owner, c.ID)
	b.must(err)
	equal(b, "members", got.Members, []fleet.Member{{Name: "pve4", Label: "new", Address: "192.0.2.4"}, {Name: "pve2", Label: "Attic", Address: "192.0.2.22"}})
	equal(b, "version", got.Version, c.Version)
	b.must(b.SetLabel(b.ctx, owner, c.ID, "pve2", ""))
	b.must(b.SetMembers(b.ctx, c.ID, nil))
	got, err = b.Cluster(b.ctx, owner, c.ID)
	b.must(err)
	equal(b, "no members", len(got.Members), 0)
}

func tryDefaultNode(b *bench) {
	alice, bob := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	_, ok, err := b.Default(b.ctx, string(alice.ID))
	b.must(err)
	equal(b, "a default before any", ok, false)
	for _, name := range []string{"pve1", "pve3"} {
		id := fleet.NodeID{Cluster: c.ID, Name: name}
		b.must(b.SetDefault(b.ctx, string(alice.ID), id))
		got, ok, err := b.Default(b.ctx, string(alice.ID))
		b.must(err)
		equal(b, "the default", got, id)
		equal(b, "a default", ok, true)
	}
	b.missing("a node that is none", b.SetDefault(b.ctx, string(alice.ID), fleet.NodeID{Cluster: c.ID, Name: "pve9"}))
	_, ok, err = b.Default(b.ctx, string(bob.ID))
	b.must(err)
	equal(b, "another's default", ok, false)
}

func tryPictures(b *bench) {
	alice, _ := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	_, err := b.LoadPicture(b.ctx, c.ID)
	b.missing("a picture before any", err)
	save := func(text string, at time.Duration) { b.must(b.SavePicture(b.ctx, c.ID, []byte(text), Start.Add(at))) }
	save("first", 0)
	save("second", time.Minute)
	save("late", 30*time.Second) // of a replica that lost the lease meanwhile
	data, err := b.LoadPicture(b.ctx, c.ID)
	b.must(err)
	equal(b, "the picture", string(data), "second")
	b.must(b.SavePicture(b.ctx, c.ID, nil, Start.Add(time.Hour)))
	data, err = b.LoadPicture(b.ctx, c.ID)
	b.must(err)
	equal(b, "an empty picture", len(data), 0)
	big := make([]byte, 4<<20)
	for i := range big {
		big[i] = byte(i * i >> 3)
	}
	b.must(b.SavePicture(b.ctx, c.ID, big, Start.Add(2*time.Hour)))
	data, err = b.LoadPicture(b.ctx, c.ID)
	b.must(err)
	equal(b, "a big picture", string(data) == string(big), true)
}

// PostgreSQL takes neither NUL nor broken UTF-8; what comes from outside must not be able to make a write fail.
func tryHostileText(b *bench) {
	const hostile, cleaned = "a\x00b\xff'; DROP TABLE users; --", "a\uFFFDb\uFFFD'; DROP TABLE users; --"
	host := Host(b, b.Store, "home")
	u := User(b, b.Store, host.ID, hostile)
	equal(b, "user", u.PVEUser, cleaned)
	v := account.Session{ID: ID(), User: u.ID, CreatedAt: Start, SeenAt: Start, ExpiresAt: Start.Add(time.Hour), Agent: hostile, Address: hostile}
	b.must(b.CreateSession(b.ctx, v, Hash(v.ID), secret.New(hostile)))
	got, _, err := b.SessionByToken(b.ctx, Hash(v.ID))
	b.must(err)
	equal(b, "agent", got.Agent, cleaned)
	ticket, err := b.Ticket(b.ctx, v.ID)
	revealed(b, "the ticket", ticket.Secret, err, hostile)
	c := fleet.Cluster{ID: fleet.ClusterID(ID()), Owner: string(u.ID), Name: hostile, TokenID: hostile, Authority: Authority(hostile),
		Members: []fleet.Member{{Name: hostile, Label: hostile, Address: hostile}}, Halt: &fleet.Halt{What: hostile}}
	b.must(b.CreateCluster(b.ctx, c, secret.New(hostile)))
	token, err := b.ClusterSecret(b.ctx, string(u.ID), c.ID)
	revealed(b, "the secret", token, err, hostile)
	b.must(b.SetHalt(b.ctx, c.ID, &fleet.Halt{What: hostile}))
	b.must(b.AddAttempt(b.ctx, hostile, Start))
	n, err := b.CountAttempts(b.ctx, hostile, Start)
	b.must(err)
	equal(b, "attempts", n, 1)
	_, err = b.Claim(b.ctx, hostile, hostile, Start, Start)
	b.must(err)
	b.must(b.Release(b.ctx, hostile, hostile))
	_, err = b.UserFor(b.ctx, host.ID, hostile)
	b.must(err)
	for _, id := range []string{hostile, "", "' OR '1'='1", "%"} {
		_, err := b.Cluster(b.ctx, string(u.ID), fleet.ClusterID(id))
		b.missing(fmt.Sprintf("cluster %q", id), err)
		_, err = b.Cluster(b.ctx, id, c.ID)
		b.missing(fmt.Sprintf("owner %q", id), err)
		b.missing(fmt.Sprintf("session %q", id), b.DeleteSession(b.ctx, u.ID, id))
		b.missing(fmt.Sprintf("node %q", id), b.SetLabel(b.ctx, string(u.ID), c.ID, id+"x", "label"))
	}
}
