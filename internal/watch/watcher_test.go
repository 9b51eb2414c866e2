package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

func TestRowsThatCannotBeReadAreSaid(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(5 * time.Second)
		notice := func() (text string) {
			for _, n := range b.cluster().Notices {
				if n.Code == "unread-rows" {
					text = n.Text
				}
			}
			return text
		}
		if text := notice(); text != "" {
			t.Errorf("all can be read, and it says %q", text)
		}
		f.set(func(f *fakePVE) {
			f.res.Unread = 2
			f.res.Guests = append(f.res.Guests, Guest{VMID: 100, Node: "../../etc"}, Guest{VMID: 7, Node: "pve1"})
		})
		pass(12 * time.Second)
		if text := notice(); text != "4 rows of the list of containers and nodes could not be read and are left out." {
			t.Errorf("it says %q", text)
		}
		f.set(func(f *fakePVE) { f.res.Unread, f.res.Guests = 0, f.res.Guests[:len(f.res.Guests)-2] })
		pass(12 * time.Second)
		if text := notice(); text != "" {
			t.Errorf("it still says %q", text)
		}
	})
}

func TestPictureShowsTheCluster(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		p := b.cluster()
		if len(p.Nodes) != 3 || len(p.Containers) != 6 || p.Trouble != nil || len(p.Notices) != 0 {
			t.Fatalf("nodes %d, containers %d, trouble %v, notices %v", len(p.Nodes), len(p.Containers), p.Trouble, p.Notices)
		}
		c := container(t, b, 110)
		if c.Node != "pve2" || c.Name() != "ct110" || c.Status != fleet.Running || c.Stale || len(c.Tags) != 2 {
			t.Errorf("container 110 is %+v", c)
		}
		if n := node(t, b, "pve2"); n.State != fleet.Online || n.Label != "attic" || n.MaxMem == 0 {
			t.Errorf("pve2 is %+v", n)
		}
	})
}

func TestBudget(t *testing.T) {
	t.Run("looked at", func(t *testing.T) {
		watched(t, func(t *testing.T, b *bench, f *fakePVE) {
			begin := time.Now()
			pass(10 * time.Minute)
			if most := f.most(time.Time{}); most > budgetLooked {
				t.Errorf("%d requests within a minute", most)
			}
			if n := f.count(begin, "resources"); n < 55 || n > 66 {
				t.Errorf("resources asked %d times in ten minutes", n)
			}
			if n := f.count(begin, "status"); n < 55 || n > 66 {
				t.Errorf("status asked %d times in ten minutes", n)
			}
			if n := f.count(begin, "tasks"); n < 160 || n > 180 {
				t.Errorf("tasks asked %d times in ten minutes", n)
			}
			if got := b.cluster().Spend.PerMinute; got < 28 || got > budgetLooked {
				t.Errorf("the picture says %d requests a minute", got)
			}
		})
	})
	t.Run("nobody looks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, f := lab()
			b := startWatcher(t, newFakeStore(c), func(fleet.Cluster) Source { return f })
			pass(time.Hour)
			if most := f.most(time.Time{}); most > budgetIdle {
				t.Errorf("%d requests within a minute", most)
			}
			if n := f.count(time.Now().Add(-10*time.Minute), "resources"); n < 9 {
				t.Errorf("resources asked %d times in ten minutes", n)
			}
			visits := 0
			var last time.Time
			for _, call := range f.calls {
				if call.at.Sub(last) > 2*time.Second {
					visits++
				}
				last = call.at
			}
			if visits > 61 {
				t.Errorf("%d visits in an hour", visits)
			}
			b.stop()
		})
	})
	t.Run("the same for fifty tabs", func(t *testing.T) {
		watched(t, func(t *testing.T, b *bench, f *fakePVE) {
			for range 50 {
				release := b.Watching("ann")
				defer release()
				b.Look("ann")
			}
			pass(5 * time.Minute)
			if most := f.most(time.Time{}); most > budgetLooked {
				t.Errorf("%d requests within a minute", most)
			}
		})
	})
}

func TestTaskIsConfirmedAtOnce(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(30 * time.Second)
		f.really(101, func(g *Guest) { g.Status, g.Uptime, g.Mem = "stopped", 0, 0 })
		f.set(func(f *fakePVE) {
			f.tasks = append(f.tasks, Task{UPID: "UPID:pve1:1:1:1:vzstop:101:root@pam:", Node: "pve1", Type: "vzstop", ID: "101", End: time.Now(), Status: "OK"})
		})
		pass(3700 * time.Millisecond)
		if c := container(t, b, 101); c.Status != fleet.Stopped {
			t.Fatalf("after 3.7 s it is still %s", c.Status)
		}
		// The list lags: it still says running for ten seconds.
		for range 10 {
			pass(time.Second)
			if c := container(t, b, 101); c.Status != fleet.Stopped {
				t.Fatalf("the lagging list undid the confirmed status")
			}
		}
		f.guest(101, func(g *Guest) { g.Status = "stopped" })
		pass(20 * time.Second)
		if c := container(t, b, 101); c.Status != fleet.Stopped {
			t.Errorf("it is %s", c.Status)
		}
	})
}

func TestDeadNode(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(30 * time.Second)
		f.offline("pve3", true)
		f.guest(120, func(g *Guest) { *g = Guest{VMID: 120, Node: "pve3", Status: "unknown"} })
		f.guest(121, func(g *Guest) { g.Status, g.Uptime = "stopped", 0 })
		pass(10 * time.Second)
		n := node(t, b, "pve3")
		if n.State != fleet.Unreachable || n.Trouble == nil || n.Trouble.RetryAt.IsZero() || n.DownSeen.IsZero() {
			t.Fatalf("pve3 is %+v with %+v", n, n.Trouble)
		}
		for _, id := range []fleet.VMID{120, 121} {
			if c := container(t, b, id); !c.Stale || c.Status != fleet.Running || c.Hostname == "" || c.MaxMem == 0 {
				t.Errorf("container %d is not as last seen: %+v", id, c)
			}
		}
		if c := container(t, b, 100); c.Stale {
			t.Error("a container of a healthy node is stale")
		}
		f.offline("pve3", false)
		pass(12 * time.Second)
		if n := node(t, b, "pve3"); n.State != fleet.Online || n.Trouble != nil {
			t.Fatalf("pve3 did not come back: %+v", n)
		}
		if c := container(t, b, 120); c.Stale || c.Hostname != "ct120" {
			t.Errorf("container 120 is %+v", c)
		}
		if got := b.store.kinds(); len(got) != 2 || got[0] != audit.NodeUnreachable || got[1] != audit.NodeBack {
			t.Errorf("events %v", got)
		}
	})
}

// TestDeadNodeIsNamedSoon kills and revives a node at every phase of the pace.
func TestDeadNodeIsNamedSoon(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(time.Minute)
		settle := func(off bool) time.Duration {
			f.offline("pve3", off)
			want := map[bool]fleet.NodeState{true: fleet.Unreachable, false: fleet.Online}[off]
			from := time.Now()
			for node(t, b, "pve3").State != want && time.Since(from) < time.Minute {
				pass(50 * time.Millisecond)
			}
			return time.Since(from)
		}
		for phase := range 20 {
			pass(time.Minute + time.Duration(phase)*487*time.Millisecond)
			if took := settle(true); took > 6*time.Second {
				t.Errorf("phase %d: named after %s", phase, took)
			}
			if took := settle(false); took > 10*time.Second {
				t.Errorf("phase %d: back after %s", phase, took)
			}
		}
		if most := f.most(time.Time{}); most > budgetLooked {
			t.Errorf("%d requests within a minute", most)
		}
	})
}

// TestTaskIsSeenSoon ends a task at every phase of the pace.
func TestTaskIsSeenSoon(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(time.Minute)
		for phase := range 20 {
			pass(time.Duration(phase)*487*time.Millisecond + 15*time.Second)
			word, want := "stopped", fleet.Stopped
			if phase%2 == 1 {
				word, want = "running", fleet.Running
			}
			f.really(110, func(g *Guest) { g.Status = word })
			f.set(func(f *fakePVE) {
				done := task("110", "vzstop", time.Now())
				done.UPID, done.Node = done.UPID+word+time.Now().String(), "pve2"
				f.tasks = []Task{done}
			})
			from := time.Now()
			for container(t, b, 110).Status != want && time.Since(from) < time.Minute {
				pass(50 * time.Millisecond)
			}
			if took := time.Since(from); took > 3900*time.Millisecond {
				t.Errorf("phase %d: seen after %s", phase, took)
			}
		}
	})
}

func TestClusterUnreachable(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(10 * time.Second)
		f.set(func(f *fakePVE) { f.fail["*"] = problem.New(problem.Refused, "10.0.0.1 refuses the connection.", "") })
		pass(10 * time.Second)
		p := b.cluster()
		if p.Trouble == nil || p.Trouble.Kind != string(problem.Refused) || p.Trouble.RetryAt.IsZero() || len(p.Containers) != 6 {
			t.Fatalf("trouble %+v with %d containers", p.Trouble, len(p.Containers))
		}
		if c := container(t, b, 100); !c.Stale || c.Status != fleet.Running {
			t.Errorf("container 100 is %+v", c)
		}
		if n := node(t, b, "pve1"); n.State != fleet.Unreachable {
			t.Errorf("pve1 is %s", n.State)
		}
		pass(5 * time.Minute)
		from := time.Now()
		pass(time.Minute)
		if n := f.count(from); n < 6 || n > 12 {
			t.Errorf("%d attempts in a minute", n)
		}
		f.set(func(f *fakePVE) { delete(f.fail, "*") })
		pass(11 * time.Second)
		if p := b.cluster(); p.Trouble != nil {
			t.Fatalf("still in trouble: %+v", p.Trouble)
		}
		if c := container(t, b, 100); c.Stale {
			t.Error("container 100 is still stale")
		}
	})
}

func TestOwn401Halts(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		refuse := problem.New(problem.Unauthorized, "Proxmox refuses the token.", "")
		f.set(func(f *fakePVE) { f.fail["*"] = refuse })
		pass(10 * time.Second)
		from := time.Now()
		if p := b.cluster(); p.Trouble == nil || p.Trouble.Kind != string(problem.Unauthorized) || !p.Trouble.RetryAt.IsZero() {
			t.Fatalf("trouble %+v", p.Trouble)
		}
		pass(time.Hour)
		if n := f.count(from); n != 0 {
			t.Fatalf("a halted cluster was asked %d times", n)
		}
		if err := b.TryNow(t.Context(), "ann", "c1"); !problem.Is(err, problem.Unauthorized) {
			t.Errorf("the try ended with %v", err)
		}
		pass(time.Hour)
		if n := f.count(from); n != 1 {
			t.Fatalf("a try made %d calls", n)
		}
		f.set(func(f *fakePVE) { delete(f.fail, "*") })
		if err := b.TryNow(t.Context(), "ann", "c1"); err != nil {
			t.Errorf("the try ended with %v", err)
		}
		pass(time.Second)
		if p := b.cluster(); p.Trouble != nil || b.store.clusters[0].Halt != nil {
			t.Errorf("trouble %+v, halt %+v", p.Trouble, b.store.clusters[0].Halt)
		}
		if err := b.TryNow(t.Context(), "bob", "c1"); !problem.Is(err, problem.NotFound) {
			t.Errorf("a stranger's try ended with %v", err)
		}
	})
}

func TestRestartBeginsWithTheKeptPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		store := newFakeStore(c)
		b := startWatcher(t, store, func(fleet.Cluster) Source { return f })
		b.Look("ann")
		pass(20 * time.Second)
		f.offline("pve3", true)
		f.guest(120, func(g *Guest) { *g = Guest{VMID: 120, Node: "pve3", Status: "unknown"} })
		pass(time.Second)
		b.Look("ann")
		pass(20 * time.Second)
		b.stop()
		f.guest(121, func(g *Guest) { *g = Guest{VMID: 121, Node: "pve3", Status: "unknown"} })
		b = startWatcher(t, store, func(fleet.Cluster) Source { return f })
		for _, when := range []string{"from the row", "after the first answer"} {
			c := container(t, b, 120)
			if c.Hostname != "ct120" || c.Status != fleet.Running || !c.Stale {
				t.Errorf("%s: container 120 is %+v", when, c)
			}
			if c := container(t, b, 121); c.Hostname != "ct121" || !c.Stale {
				t.Errorf("%s: container 121 is %+v", when, c)
			}
			pass(5 * time.Second)
		}
		if got := store.kinds(); len(got) != 1 {
			t.Errorf("the restart made events: %v", got)
		}
		b.stop()
	})
}
