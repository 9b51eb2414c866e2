package storetest

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/fleet"
)

func tryDetails(b *bench) {
	alice, bob := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	id := fleet.ContainerID{Cluster: c.ID, VMID: 104}
	none, err := b.Detail(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "before anything was kept", len(none), 0)
	b.must(b.SaveDetail(b.ctx, id, []byte("second"), Start.Add(time.Minute)))
	b.must(b.SaveDetail(b.ctx, id, []byte("first"), Start))
	got, err := b.Detail(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "the later one", string(got), "second")
	got, err = b.Detail(b.ctx, string(bob.ID), id)
	b.must(err)
	equal(b, "another's", len(got), 0)
	b.missing("of no cluster", b.SaveDetail(b.ctx, fleet.ContainerID{Cluster: "none", VMID: 104}, nil, Start))
	b.must(b.PruneDetails(b.ctx, Start.Add(time.Hour), Start))
	got, err = b.Detail(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "after pruning", len(got), 0)
	b.must(b.SaveDetail(b.ctx, id, []byte("third"), Start))
	b.must(b.DeleteCluster(b.ctx, string(alice.ID), c.ID))
	got, err = b.Detail(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "with its cluster", len(got), 0)
}

func task(n int, at time.Time) fleet.Task {
	return fleet.Task{UPID: fmt.Sprintf("UPID:pve1:%08X:00000000:00000000:vzstart:104:root@pam:", n), Node: "pve1", User: "root@pam", Token: "berth",
		Type: "vzstart", ID: "104", StartedAt: at}
}

func tryGuestTasks(b *bench) {
	alice, bob := twoUsers(b)
	c := Cluster(b, b.Store, alice.ID, "lab")
	id := fleet.ContainerID{Cluster: c.ID, VMID: 104}
	running, ended := task(1, Start), task(1, Start)
	ended.EndedAt, ended.Status = Start.Add(time.Second), "OK\x00"
	keep := func(list ...fleet.Task) {
		b.must(b.KeepGuestTasks(b.ctx, c.ID, map[fleet.VMID][]fleet.Task{104: list}))
	}
	keep(running)
	keep(ended, task(2, Start.Add(time.Minute)))
	keep(running) // an older list
	ended.Status = "OK\uFFFD"
	want := []fleet.KeptTask{{Task: task(2, Start.Add(time.Minute))}, {Task: ended}}
	got, err := b.GuestTasks(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "remembered", got, want)
	got, err = b.GuestTasks(b.ctx, string(bob.ID), id)
	b.must(err)
	equal(b, "another's", len(got), 0)

	lines := []string{"first", "", "third with\nanother line", "\xff"}
	b.must(b.KeepGuestTaskLog(b.ctx, string(alice.ID), id, ended.UPID, lines, Start))
	b.missing("another's log", b.KeepGuestTaskLog(b.ctx, string(bob.ID), id, ended.UPID, nil, Start))
	b.missing("of no task", b.KeepGuestTaskLog(b.ctx, string(alice.ID), id, "UPID:none", nil, Start))
	text, at, err := b.GuestTaskLog(b.ctx, string(alice.ID), id, ended.UPID)
	b.must(err)
	equal(b, "the log", text, []string{"first", "", "third with another line", "\uFFFD"})
	equal(b, "read at", at, Start)
	_, at, err = b.GuestTaskLog(b.ctx, string(alice.ID), id, task(2, Start).UPID)
	b.must(err)
	equal(b, "not read", at.IsZero(), true)
	_, _, err = b.GuestTaskLog(b.ctx, string(bob.ID), id, ended.UPID)
	b.missing("another's", err)
	b.must(b.KeepGuestTaskLog(b.ctx, string(alice.ID), id, ended.UPID, []string{strings.Repeat("x", 3<<20), strings.Repeat("y", 3<<20), "z"}, Start))
	text, _, err = b.GuestTaskLog(b.ctx, string(alice.ID), id, ended.UPID)
	b.must(err)
	equal(b, "a log that is too long", len(text), 2)
	equal(b, "its end", text[1], "… the rest was cut off.")

	var many []fleet.Task
	for n := range 250 {
		many = append(many, task(10+n, Start.Add(time.Duration(n)*time.Second)))
	}
	keep(many...)
	got, err = b.GuestTasks(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "at most", len(got), 200)
	equal(b, "the newest", got[0].UPID, many[249].UPID)
	b.must(b.PruneDetails(b.ctx, Start, Start.Add(200*time.Second)))
	got, err = b.GuestTasks(b.ctx, string(alice.ID), id)
	b.must(err)
	equal(b, "after pruning", len(got), 50)
	b.missing("of no cluster", b.KeepGuestTasks(b.ctx, "none", map[fleet.VMID][]fleet.Task{104: many[:1]}))
}
