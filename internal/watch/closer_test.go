package watch

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

var ct100, ct120 = fleet.ContainerID{Cluster: "c1", VMID: 100}, fleet.ContainerID{Cluster: "c1", VMID: 120}

// closely runs a test on a healthy lab of which one container is looked at closely.
func closely(t *testing.T, test func(t *testing.T, b *bench, f *fakePVE, leave func())) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) { f.close.config = fleet.Config{Hostname: "ct100"} })
		leave := b.LookClosely("ann", ct100, fleet.Hour)
		defer leave()
		test(t, b, f, leave)
	})
}

func (b *bench) detail() *fleet.Detail { return b.Detail(context.Background(), "ann", ct100) }

// crowded is the greatest number of calls beyond one in two seconds, within any stretch of at least a span.
func crowded(times []time.Time, span time.Duration) (most int) {
	for i, from := range times {
		for j := i; j < len(times); j++ {
			took := max(times[j].Sub(from), span)
			most = max(most, j-i+1-int(took/(2*time.Second))-1)
		}
	}
	return most
}

func TestLookingCloselyFindsEverythingSoon(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, _ func()) {
		pass(time.Second)
		d := b.detail()
		if !d.Config.Seen() || !d.Pending.Seen() || !d.Interfaces.Seen() || !d.History[fleet.Hour].Seen() || d.Config.Value.Hostname != "ct100" || d.Node != "pve1" {
			t.Errorf("after a second: %+v", d)
		}
		pass(11 * time.Second)
		if d := b.detail(); !d.Live.Seen() || !d.Tasks.Seen() || d.Live.Value.NetIn != 1000 {
			t.Errorf("after twelve seconds: %+v", d)
		}
		first := b.detail().Live.SeenAt
		pass(20 * time.Second)
		if d := b.detail(); d.Live.SeenAt.Sub(first) < 14*time.Second || !d.Before.SeenAt.Before(d.Live.SeenAt) {
			t.Errorf("the numbers stand still: %s, %s", d.Live.SeenAt.Sub(first), d.Before.SeenAt)
		}
	})
}

func TestLookingCloselyKeepsToItsPace(t *testing.T) {
	for name, pages := range map[string]int{"one page": 1, "several pages of one container": 7} {
		t.Run(name, func(t *testing.T) {
			closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
				begin := time.Now()
				for range pages - 1 {
					defer b.LookClosely("ann", ct100, fleet.Day)()
				}
				pass(10 * time.Minute)
				times := f.closeCalls(begin)
				if n := crowded(times, time.Minute); n > 0 || len(times) < 150 {
					t.Errorf("%d requests in ten minutes, in some stretch %d too many", len(times), n)
				}
				if n := crowded(times, 12*time.Second); n > 0 {
					t.Errorf("%d too many within some twelve seconds", n)
				}
				if most := f.most(begin); most > budgetLooked+closeMinute {
					t.Errorf("%d requests within a minute in all", most)
				}
			})
		})
	}
}

func TestNobodyLooksClosely(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		pass(30 * time.Second)
		leave()
		leave() // once more does no harm
		begin := time.Now()
		pass(10 * time.Minute)
		if n := len(f.closeCalls(begin)); n != 0 {
			t.Errorf("%d requests while nobody looks", n)
		}
		if b.store.detailSaves == 0 {
			t.Error("what was found was not kept")
		}
	})
}

func TestReloadingIsNoWayAroundThePace(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		begin := time.Now()
		leave()
		for range 60 {
			leave := b.LookClosely("ann", ct100, fleet.Hour)
			_ = b.ReadNow(timeout(t, 2*time.Second), "ann", ct100, fleet.Year)
			pass(500 * time.Millisecond)
			leave()
		}
		if n := crowded(f.closeCalls(begin), time.Minute); n > 0 {
			t.Errorf("%d requests too many", n)
		}
	})
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestManyContainersShareWhatClosenessMayCost(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		for _, vmid := range []fleet.VMID{101, 110, 111, 120, 121} {
			defer b.LookClosely("ann", fleet.ContainerID{Cluster: "c1", VMID: vmid}, fleet.Hour)()
		}
		pass(time.Minute)
		begin := time.Now()
		pass(10 * time.Minute)
		if n := len(f.closeCalls(begin)); n > 600 {
			t.Errorf("%d requests in ten minutes for six containers", n)
		}
	})
}

func TestReadNow(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		if err := b.ReadNow(timeout(t, 20*time.Second), "ann", ct120, fleet.Week); err != nil {
			t.Fatal(err)
		}
		if d := b.Detail(t.Context(), "ann", ct120); !d.Live.Seen() || !d.History[fleet.Week].Seen() || !d.Tasks.Seen() {
			t.Errorf("%+v", d)
		}
		f.offline("pve3", true)
		pass(15 * time.Second)
		begin := time.Now()
		if err := b.ReadNow(timeout(t, 20*time.Second), "ann", ct120, fleet.Week); !problem.Is(err, problem.NodeDown) {
			t.Errorf("of a node that is down: %v", err)
		}
		if n := len(f.closeCalls(begin)); n != 0 {
			t.Errorf("%d requests to a node that is down", n)
		}
		if err := b.ReadNow(t.Context(), "bob", ct100, fleet.Week); !problem.Is(err, problem.NotFound) {
			t.Errorf("another's: %v", err)
		}
		if err := b.ReadNow(t.Context(), "ann", fleet.ContainerID{Cluster: "c1", VMID: 999}, fleet.Week); !problem.Is(err, problem.Gone) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

func TestOthersContainersAreNotLookedAt(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		pass(5 * time.Second)
		leave()
		begin := time.Now()
		defer b.LookClosely("bob", ct100, fleet.Hour)()
		pass(time.Minute)
		if n := len(f.closeCalls(begin)); n != 0 || b.Detail(t.Context(), "bob", ct100).Config.Seen() {
			t.Errorf("%d requests for somebody else's container, %+v", n, b.Detail(t.Context(), "bob", ct100))
		}
		if err := b.ReadTaskLog(t.Context(), "bob", ct100, "UPID:pve1:1"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a log of another's: %v", err)
		}
	})
}

func TestAForbiddenPartIsNotAskedAgain(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) {
			f.fail["close config"] = &problem.Problem{Kind: problem.Forbidden, What: "Not allowed.", Privilege: "VM.Audit on /vms/100"}
		})
		defer b.LookClosely("ann", ct100, fleet.Hour)()
		begin := time.Now()
		pass(20 * time.Minute)
		if n := f.count(begin, "close config"); n != 1 {
			t.Errorf("a refused part was asked %d times", n)
		}
		d := b.detail()
		if d.Config.Trouble == nil || d.Config.Trouble.What != "The token lacks VM.Audit on /vms/100, so its configuration cannot be shown." || d.Live.Trouble != nil {
			t.Errorf("it is said as %+v", d.Config.Trouble)
		}
		if n := f.count(begin, "permissions"); n != 1 {
			t.Errorf("the permissions were read %d times", n)
		}
		f.set(func(f *fakePVE) {
			delete(f.fail, "close config")
			f.permissions["/pool/x"] = map[string]bool{"VM.Audit": true}
		})
		pass(time.Hour)
		if d := b.detail(); !d.Config.Seen() || d.Config.Trouble != nil {
			t.Error("with other rights it is not asked anew")
		}
	})
}

func TestAMovedContainerKeepsItsHistory(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		at := func(minute int) time.Time {
			return time.Unix(1_000_000_020, 0).Add(time.Duration(minute) * time.Minute)
		}
		sample := func(minute int, cpu fleet.Reading) fleet.Sample {
			return fleet.Sample{At: at(minute), CPU: cpu, Mem: cpu, NetIn: cpu}
		}
		f.set(func(f *fakePVE) { f.close.samples = []fleet.Sample{sample(0, 0.1), sample(1, 0.2), sample(2, 0.3)} })
		pass(70 * time.Second)
		none := fleet.NoReading()
		f.guest(100, func(g *Guest) { g.Node = "pve2" })
		f.really(100, func(g *Guest) { g.Node = "pve2" })
		f.set(func(f *fakePVE) { f.close.samples = []fleet.Sample{sample(1, none), sample(2, none), sample(3, 0.4)} })
		begin := time.Now()
		pass(30 * time.Second)
		d := b.detail()
		var got []fleet.Reading
		for _, s := range d.History[fleet.Hour].Value {
			got = append(got, s.CPU)
		}
		if d.Node != "pve2" || len(got) != 4 || got[0] != 0.1 || got[2] != 0.3 || got[3] != 0.4 {
			t.Errorf("on %s its history is %v", d.Node, got)
		}
		f.set(func(f *fakePVE) { f.close.samples = nil })
		if pass(70 * time.Second); len(b.detail().History[fleet.Hour].Value) != 0 {
			t.Error("samples of a time that is no longer in the frame stay")
		}
		if n := f.count(begin, "close config"); n == 0 {
			t.Error("its configuration was not read anew")
		}
	})
}

func TestAGoneContainerIsNotAsked(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		pass(30 * time.Second)
		f.set(func(f *fakePVE) { f.res.Guests = f.res.Guests[1:]; delete(f.current, 100) })
		pass(15 * time.Second)
		begin := time.Now()
		pass(5 * time.Minute)
		if n := len(f.closeCalls(begin)); n != 0 {
			t.Errorf("a container that is gone was asked %d times", n)
		}
		if d := b.detail(); !d.Config.Seen() {
			t.Error("what was known of it is lost")
		}
	})
}

func TestADeadNodeIsNotAskedAboutItsContainers(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		defer b.LookClosely("ann", ct120, fleet.Hour)()
		pass(30 * time.Second)
		f.offline("pve3", true)
		pass(15 * time.Second)
		begin := time.Now()
		pass(5 * time.Minute)
		if n := len(f.closeCalls(begin)); n != 0 {
			t.Errorf("a dead node was asked %d times", n)
		}
		f.offline("pve3", false)
		pass(20 * time.Second)
		if n := len(f.closeCalls(begin)); n == 0 {
			t.Error("after its return nothing is asked")
		}
	})
}

func TestAHangingNodeIsAskedLessOften(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		down := &problem.Problem{Kind: problem.Timeout, What: "pve1 did not answer."}
		f.set(func(f *fakePVE) {
			for _, what := range []string{"close config", "close current", "close pending", "close tasks", "close interfaces", "close history hour"} {
				f.delay[what], f.fail[what] = 30*time.Second, down
			}
		})
		begin := time.Now()
		defer b.LookClosely("ann", ct100, fleet.Hour)()
		pass(5 * time.Minute)
		if n := len(f.closeCalls(begin)); n > 10 || n < 5 {
			t.Errorf("asked %d times in five minutes", n)
		}
		if d := b.detail(); d.Config.Trouble == nil || d.Config.Seen() {
			t.Errorf("%+v", d.Config)
		}
	})
}

func TestARefusedTokenIsAskedOnce(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		pass(30 * time.Second)
		f.set(func(f *fakePVE) {
			f.fail["*"] = &problem.Problem{Kind: problem.Unauthorized, What: "The token was refused."}
		})
		begin := time.Now()
		pass(10 * time.Minute)
		if n := f.count(begin); n != 1 {
			t.Errorf("a refused token was sent %d times", n)
		}
		if b.cluster().Trouble == nil {
			t.Error("the cluster is not halted")
		}
		f.set(func(f *fakePVE) { delete(f.fail, "*") })
		b.store.change("c1", func(c *fleet.Cluster) { c.Halt, c.Version = nil, 2 })
		b.Reload("c1")
		begin = time.Now()
		pass(2 * time.Minute)
		if n := len(f.closeCalls(begin)); n < 20 {
			t.Errorf("after a new secret it was asked %d times", n)
		}
	})
}

func TestARestartBeginsWithWhatWasSeen(t *testing.T) {
	closely(t, func(t *testing.T, b *bench, f *fakePVE, leave func()) {
		f.set(func(f *fakePVE) {
			f.close.samples = []fleet.Sample{{At: time.Unix(1_000_000_020, 0), CPU: 0.5, Mem: fleet.NoReading()}}
			f.close.pending = []fleet.PendingChange{{Key: "memory", Now: "512", Then: "1024"}}
		})
		pass(90 * time.Second)
		b.stop()
		pass(time.Second)
		begin := time.Now()
		again := startWatcher(t, b.store, func(fleet.Cluster) Source { return f })
		d := again.detail()
		h := d.History[fleet.Hour].Value
		if d.Config.Value.Hostname != "ct100" || len(d.Pending.Value) != 1 || len(h) != 1 || h[0].CPU != 0.5 || h[0].Mem.Known() {
			t.Errorf("after a restart: %+v", d)
		}
		if n := len(f.closeCalls(begin)); n != 0 {
			t.Errorf("%d requests before anybody looked", n)
		}
		again.stop()
	})
}

func TestDetailsAreForgotten(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		for vmid := range fleet.VMID(50) {
			b.Detail(t.Context(), "ann", fleet.ContainerID{Cluster: "c1", VMID: 1000 + vmid})
		}
		if n := len(b.closers); n > maxDetails {
			t.Errorf("%d details are in memory", n)
		}
		for vmid := range fleet.VMID(50) {
			defer b.LookClosely("ann", fleet.ContainerID{Cluster: "c1", VMID: 1000 + vmid}, fleet.Hour)()
		}
		if n := len(b.closers); n > maxDetails+maxLooked {
			t.Errorf("%d details are in memory", n)
		}
		leave := b.LookClosely("ann", ct100, fleet.Hour)
		leave()
		pass(detailFor + time.Second)
		if n := len(b.closers); n > maxLooked {
			t.Errorf("%d details are in memory though nobody looks", n)
		}
	})
}

func TestTasksOnContainersAreRemembered(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		ct110 := fleet.ContainerID{Cluster: "c1", VMID: 110}
		f.set(func(f *fakePVE) {
			f.tasks = []Task{{UPID: "UPID:a", Node: "pve2", Type: "vzstart", ID: "110", Running: true}, {UPID: "UPID:b", Node: "pve2", Type: "qmstart", ID: "110"},
				{UPID: "UPID:c", Node: "pve2", Type: "vzdump", ID: ""}}
		})
		pass(time.Minute)
		writes := b.store.taskWrites
		if list, _ := b.store.GuestTasks(t.Context(), "ann", ct110); len(list) != 1 || !list[0].Running() || writes != 1 {
			t.Errorf("remembered %+v in %d writes", list, writes)
		}
		f.set(func(f *fakePVE) { f.tasks[0].Running, f.tasks[0].Status = false, "OK" })
		pass(time.Minute)
		if list, _ := b.store.GuestTasks(t.Context(), "ann", ct110); len(list) != 1 || list[0].Running() || b.store.taskWrites != 2 {
			t.Errorf("remembered %+v in %d writes", list, b.store.taskWrites)
		}
	})
}

// A list of Proxmox's cannot fill the store with tasks of what is not there, nor hold it up.
func TestTasksOfNobodyAreNotRemembered(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) {
			for i := range 2 * maxFresh {
				f.tasks = append(f.tasks, Task{UPID: fmt.Sprint("UPID:nobody", i), Node: "pve2", Type: "vzstart", ID: fmt.Sprint(1_000_000 + i), Status: "OK"},
					Task{UPID: fmt.Sprint("UPID:many", i), Node: "pve2", Type: "vzstart", ID: "110", Status: "OK"})
			}
		})
		pass(time.Minute)
		for id := range b.store.guestTasks {
			if id.VMID != 110 {
				t.Fatalf("CT %d is remembered", id.VMID)
			}
		}
		if most := b.store.mostTasks; most == 0 || most > maxFresh {
			t.Errorf("%d were kept at once", most)
		}
	})
}

func TestATasksLogIsReadWhenAsked(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) {
			f.close.log = []string{"starting", "TASK OK"}
			f.tasks = []Task{{UPID: "UPID:a", Node: "pve1", Type: "vzstart", ID: "100", Status: "OK"}}
		})
		pass(10 * time.Second)
		if err := b.ReadTaskLog(t.Context(), "ann", ct100, "UPID:a"); err != nil {
			t.Fatal(err)
		}
		if got := b.store.logs["UPID:a"]; len(got) != 2 {
			t.Errorf("kept %q", got)
		}
		if err := b.ReadTaskLog(t.Context(), "ann", ct100, "UPID:other"); !problem.Is(err, problem.NotFound) {
			t.Errorf("of a task that is not remembered: %v", err)
		}
		for range 10 {
			_ = b.ReadTaskLog(t.Context(), "ann", ct100, "UPID:a")
		}
		if n := f.count(time.Time{}, "close log"); n > closeLoan+1 {
			t.Errorf("read %d times at once", n)
		}
	})
}

func TestKeptDetailsAreHostile(t *testing.T) {
	now := time.Now()
	d := &fleet.Detail{Config: fleet.Part[fleet.Config]{SeenAt: now.Add(time.Hour)},
		History: map[fleet.Frame]fleet.Part[[]fleet.Sample]{"decade": {}, fleet.Hour: {SeenAt: now.Add(time.Hour)}}}
	data, err := encodeDetail(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeDetail(data, now)
	if err != nil || got.Config.SeenAt.After(now) || got.History[fleet.Hour].SeenAt.After(now) || len(got.History) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, []byte("detail"), []byte("detail\x02"), append([]byte("detail\x01"), "no gzip"...), data[:len(data)/2]} {
		if _, err := decodeDetail(bad, now); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Two owners may have added the same Proxmox: neither shares with the other.
func TestLooksOfTwoOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		other := c
		other.ID, other.Owner = "c2", "bob"
		b := startWatcher(t, newFakeStore(c, other), func(fleet.Cluster) Source { return f })
		defer b.LookClosely("ann", ct100, fleet.Hour)()
		pass(10 * time.Second)
		if !b.detail().Config.Seen() || b.Detail(t.Context(), "bob", fleet.ContainerID{Cluster: "c2", VMID: 100}).Config.Seen() {
			t.Error("one owner's look is another's")
		}
		b.stop()
	})
}

func TestOlderSamplesFillWhatIsMissing(t *testing.T) {
	now := time.Unix(1_000_000_020, 0)
	sample := func(minutesAgo int, cpu fleet.Reading) fleet.Sample {
		return fleet.Sample{At: now.Add(-time.Duration(minutesAgo) * time.Minute), CPU: cpu, Mem: cpu, NetIn: cpu}
	}
	none := fleet.NoReading()
	older := []fleet.Sample{sample(70, 0.7), sample(50, 0.5), sample(3, 0.3), sample(2, 0.2)}
	for name, c := range map[string]struct {
		list []fleet.Sample
		want []fleet.Reading
	}{
		"an answer with nothing in it":       {nil, []fleet.Reading{0.5, 0.3, 0.2}},
		"an answer that begins later":        {[]fleet.Sample{sample(2, 0.9), sample(1, 0.1)}, []fleet.Reading{0.5, 0.3, 0.9, 0.1}},
		"an answer of gaps, as after a move": {[]fleet.Sample{sample(3, none), sample(2, none), sample(1, 0.1)}, []fleet.Reading{0.5, 0.3, 0.2, 0.1}},
	} {
		var got []fleet.Reading
		for _, s := range withOlder(c.list, older, fleet.Hour, now) {
			got = append(got, s.CPU)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
