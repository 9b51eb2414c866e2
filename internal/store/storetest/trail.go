package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/audit"
	"berth/internal/store"
)

func tryAudit(b *bench) {
	whole(b, 0)
	var kept []audit.Entry
	for i, e := range []audit.Entry{
		{Owner: "alice", Actor: "alice@pve", Address: "192.0.2.7", Kind: audit.SignIn, Result: audit.OK, Subject: "home"},
		{Owner: "alice", Kind: audit.ClusterAdd, Result: audit.Intent, Subject: "lab", Cluster: "c1", Detail: "3 members"},
		{Owner: "bob", Kind: audit.SignIn, Result: audit.Refused, Detail: "a \x00 control\xff"},
		{Kind: audit.SetUpLink, Result: audit.OK, Actor: "Berth"},
		{Owner: "alice", Kind: audit.ClusterAdd, Result: audit.OK, Subject: "lab", Cluster: "c1", UPID: "UPID:pve1:1:"},
	} {
		b.clock.Move(time.Second + 123456*time.Nanosecond)
		if i == 4 {
			e.Of = kept[1].ID
		}
		got, err := b.Audit(b.ctx, e)
		b.must(err)
		equal(b, "place", got.Seq, int64(i+1))
		equal(b, "time", got.At, b.clock.Now().Truncate(time.Millisecond))
		if i > 0 {
			equal(b, "link", got.Prev, kept[i-1].Hash)
		}
		kept = append(kept, got)
	}
	whole(b, 0)
	for what, c := range map[string]struct {
		filter store.AuditFilter
		want   []int64
	}{
		"hers":            {store.AuditFilter{Owner: "alice"}, []int64{5, 2, 1}},
		"hers, one kind":  {store.AuditFilter{Owner: "alice", Kind: audit.ClusterAdd}, []int64{5, 2}},
		"hers, a cluster": {store.AuditFilter{Owner: "alice", Cluster: "c1", Limit: 1}, []int64{5}},
		"hers, earlier":   {store.AuditFilter{Owner: "alice", Before: 5}, []int64{2, 1}},
		"with Berth's":    {store.AuditFilter{Owner: "alice", WithBerth: true}, []int64{5, 4, 2, 1}},
		"Berth's":         {store.AuditFilter{}, []int64{4}},
		"another's":       {store.AuditFilter{Owner: "bob", Cluster: "c1"}, nil},
	} {
		entries, err := b.AuditEntries(b.ctx, c.filter)
		b.must(err)
		var places []int64
		for _, e := range entries {
			places = append(places, e.Seq)
			equal(b, what, e, kept[e.Seq-1])
		}
		equal(b, what, places, c.want)
	}
}

func whole(b *bench, want int64) {
	b.Helper()
	_, broken, err := b.VerifyAudit(b.ctx)
	b.must(err)
	equal(b, "the first broken place", broken, want)
}

// tryAuditAtOnce writes from two stores on one database where it can be shared.
func tryAuditAtOnce(b *bench) {
	stores := []*store.Store{b.Store}
	if b.opt.Database != "" {
		stores = append(stores, Open(b, b.opt))
	}
	const writers, each = 8, 10
	atOnce(b, writers, func(i int) (bool, error) {
		for n := range each {
			if _, err := stores[i%len(stores)].Audit(b.ctx, audit.Entry{Owner: "alice", Detail: fmt.Sprint(i, n)}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	whole(b, 0)
	entries, err := b.AuditEntries(b.ctx, store.AuditFilter{Owner: "alice", Limit: 1000})
	b.must(err)
	equal(b, "entries", len(entries), writers*each)
	equal(b, "the last place", entries[0].Seq, int64(writers*each))
}

func tryAnnouncements(b *bench) {
	speaker := b.Store
	if b.opt.Database != "" {
		speaker = Open(b, b.opt) // another replica
	}
	ctx, cancel := context.WithCancel(b.ctx)
	heard, done := make(chan string, 16), make(chan error, 2)
	for range 2 {
		go func() { done <- b.Listen(ctx, func(topic, id string) { heard <- topic + " " + id }) }()
	}
	for range 2 {
		equal(b, "first heard", <-heard, store.Resync+" ")
	}
	b.must(speaker.Announce(b.ctx, "cluster", "c 1"))
	for range 2 {
		equal(b, "heard", <-heard, "cluster c 1")
	}
	for _, topic := range []string{"", "two words", store.Resync} {
		if b.Announce(b.ctx, topic, "x") == nil {
			b.Errorf("%q is taken as a topic", topic)
		}
	}
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			b.Errorf("Listen ended with %v", err)
		}
	}
}

// tryOpenedAgain is a restart: everything is there, nothing is migrated twice, the key is still the one.
func tryOpenedAgain(b *bench) {
	alice, _ := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	_, err := b.Audit(b.ctx, audit.Entry{Owner: string(alice.ID)})
	b.must(err)
	if b.opt.Database == "" {
		b.must(b.Close())
	}
	again := Open(b, b.opt)
	b.must(again.Ping(b.ctx))
	token, err := again.ClusterSecret(b.ctx, string(alice.ID), c.ID)
	revealed(b, "the secret", token, err, "token of lab")
	e, err := again.Audit(b.ctx, audit.Entry{Owner: string(alice.ID)})
	b.must(err)
	equal(b, "place in the chain", e.Seq, int64(2))
	if again.Locked() != nil || again.KeyID() != b.opt.Keyring.KeyID() {
		b.Errorf("locked %v, key %s", again.Locked(), again.KeyID())
	}
}
