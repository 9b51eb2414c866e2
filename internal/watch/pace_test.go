package watch

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

func hasNotice(p *fleet.ClusterPicture, code string) bool {
	for _, n := range p.Notices {
		if n.Code == code {
			return true
		}
	}
	return false
}

func TestWithoutSysAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		f.permissions = fleet.Permissions{"/vms": {"VM.Audit": true}}
		b := startWatcher(t, newFakeStore(c), func(fleet.Cluster) Source { return f })
		defer b.Watching("ann")()
		pass(5 * time.Second)
		begin := time.Now()
		pass(10 * time.Minute)
		if n := f.count(begin, "tasks", "status"); n != 0 {
			t.Errorf("lists that the token may not read were asked %d times", n)
		}
		if n := f.count(begin, "resources"); n < 180 {
			t.Errorf("resources asked only %d times", n)
		}
		if most := f.most(time.Time{}); most > budgetLooked {
			t.Errorf("%d requests within a minute", most)
		}
		if !hasNotice(b.cluster(), "slow-updates") {
			t.Errorf("notices %v", b.cluster().Notices)
		}
		// Without the status the nodes' own rows tell who is offline.
		f.offline("pve3", true)
		pass(4 * time.Second)
		if n := node(t, b, "pve3"); n.State != fleet.Unreachable {
			t.Errorf("pve3 is %s", n.State)
		}
		b.stop()
	})
}

func TestKnown403IsNotRepeated(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(time.Minute)
		forbidden := &problem.Problem{Kind: problem.Forbidden, What: "The token may not do this."}
		f.set(func(f *fakePVE) { f.fail["status"] = forbidden })
		begin := time.Now()
		pass(50 * time.Minute)
		if n := f.count(begin, "status"); n != 1 {
			t.Errorf("a refused list was asked %d times", n)
		}
		if n := f.count(begin, "permissions"); n != 1 {
			t.Errorf("permissions were read %d times after the 403", n)
		}
		if !hasNotice(b.cluster(), "partial-status") {
			t.Errorf("the loss is not said: %v", b.cluster().Notices)
		}
		f.set(func(f *fakePVE) {
			delete(f.fail, "status")
			f.permissions["/pool/x"] = map[string]bool{"VM.Audit": true}
		})
		pass(time.Hour)
		if n := f.count(begin, "status"); n < 2 {
			t.Error("changed permissions did not make the list be asked again")
		}
	})
}

func TestUntrustedHalts(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) {
			f.fail["*"] = &problem.Problem{Kind: problem.Untrusted, What: "10.0.0.1 shows another certificate.", Expected: "AA:BB", Got: "CC:DD"}
		})
		pass(10 * time.Second)
		p := b.cluster()
		h := b.store.clusters[0].Halt
		if h == nil || h.Kind != string(problem.Untrusted) || h.Expected != "AA:BB" || h.Got != "CC:DD" || p.Trouble == nil {
			t.Fatalf("halt %+v, trouble %+v", h, p.Trouble)
		}
		if len(p.Containers) != 6 || !p.Containers[0].Stale {
			t.Errorf("%d containers", len(p.Containers))
		}
		if n := node(t, b, "pve1"); n.State != fleet.Online {
			t.Errorf("a certificate that changed made pve1 %s", n.State)
		}
		// A restart asks nothing either.
		b.stop()
		begin := time.Now()
		again := startWatcher(t, b.store, func(fleet.Cluster) Source { return f })
		again.Look("ann")
		pass(10 * time.Minute)
		if n := f.count(begin); n != 0 {
			t.Errorf("after a restart a halted cluster was asked %d times", n)
		}
		if p := again.cluster(); p.Trouble == nil || len(p.Containers) != 6 {
			t.Errorf("after a restart: trouble %+v, %d containers", p.Trouble, len(p.Containers))
		}
		// A confirmed certificate lifts the halt, and then it goes on by itself.
		f.set(func(f *fakePVE) { delete(f.fail, "*") })
		b.store.change("c1", func(c *fleet.Cluster) { c.Halt, c.Version = nil, 2 })
		again.Reload("c1")
		pass(time.Second)
		if p := again.cluster(); p.Trouble != nil || p.Containers[0].Stale {
			t.Errorf("after the change: %+v", p.Trouble)
		}
		again.stop()
	})
}

func TestHangingNodeHoldsUpNothing(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(time.Minute)
		down := &problem.Problem{Kind: problem.NodeBroken, What: "pve3 does not answer pve1.", Proxmox: "Connection timed out"}
		f.set(func(f *fakePVE) {
			for _, what := range []string{"current pve3", "addresses pve3", "version pve3", "guests pve3"} {
				f.delay[what], f.fail[what] = 30*time.Second, down
			}
			f.tasks = append(f.tasks, task("120", "vzstart", time.Now()))
		})
		begin := time.Now()
		pass(10 * time.Second)
		if n := f.count(begin, "tasks", "resources", "status"); n < 4 {
			t.Errorf("only %d lists in ten seconds", n)
		}
		pass(3 * time.Second)
		n := node(t, b, "pve3")
		if n.State != fleet.Unreachable || n.Trouble == nil || n.Trouble.RetryAt.IsZero() {
			t.Fatalf("pve3 is %+v, %+v", n, n.Trouble)
		}
		if c := container(t, b, 120); !c.Stale {
			t.Error("its container is not stale")
		}
		if c := container(t, b, 100); c.Stale {
			t.Error("another's is")
		}
		f.set(func(f *fakePVE) { clear(f.delay); clear(f.fail) })
		pass(20 * time.Second)
		if n := node(t, b, "pve3"); n.State != fleet.Online {
			t.Errorf("pve3 did not come back: %+v", n.Trouble)
		}
	})
}

func TestProbesKeepToTheVisits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		b := startWatcher(t, newFakeStore(c), func(fleet.Cluster) Source { return f })
		release := b.Watching("ann")
		pass(2 * time.Minute)
		down := &problem.Problem{Kind: problem.NodeDown, What: "pve3 cannot be reached.", Proxmox: "Connection refused"}
		f.set(func(f *fakePVE) {
			for _, what := range []string{"current pve3", "addresses pve3", "version pve3", "guests pve3"} {
				f.fail[what] = down
			}
			f.tasks = append(f.tasks, task("120", "vzstart", time.Now()))
		})
		pass(10 * time.Second)
		if n := node(t, b, "pve3"); n.State != fleet.Unreachable {
			t.Fatalf("pve3 is %s", n.State)
		}
		release()
		pass(2 * time.Minute)
		from := time.Now()
		pass(10 * time.Minute)
		if most := f.most(from); most > budgetIdle {
			t.Errorf("%d requests within a minute", most)
		}
		if n := f.count(from, "resources"); n < 9 {
			t.Errorf("probes starved the list: %d in ten minutes", n)
		}
		f.set(func(f *fakePVE) { clear(f.fail) })
		pass(3 * time.Minute)
		if n := node(t, b, "pve3"); n.State != fleet.Online {
			t.Errorf("pve3 did not come back: %+v", n.Trouble)
		}
		b.stop()
	})
}

func TestHangingCluster(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(time.Minute)
		f.set(func(f *fakePVE) {
			for _, what := range []string{"resources", "status", "tasks", "current", "addresses", "version", "permissions"} {
				f.delay[what] = time.Hour
			}
		})
		pass(18 * time.Second)
		if p := b.cluster(); p.Trouble == nil || p.Trouble.Kind != string(problem.Timeout) {
			t.Fatalf("trouble %+v", p.Trouble)
		}
		pass(10 * time.Minute)
		from := time.Now()
		pass(2 * time.Minute)
		if n := f.count(from); n < 6 {
			t.Errorf("only %d attempts in two minutes", n)
		}
		f.set(func(f *fakePVE) { clear(f.delay) })
		pass(40 * time.Second) // the longest attempt may be under way
		if p := b.cluster(); p.Trouble != nil {
			t.Errorf("still %+v", p.Trouble)
		}
	})
}

// Of a cluster with several addresses a second one is asked before it is named;
// that, too, takes no more than ten seconds from when the first failing call began.
func TestAFrozenClusterIsNamedWithinTenSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		addresses int
		looked    bool
	}{"one address": {1, true}, "three addresses": {3, true}, "three that nobody looks at": {3, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, f := lab()
				for i := 1; i < c.addresses; i++ {
					cluster.Authority.Addresses = append(cluster.Authority.Addresses, authority.Address{Host: fmt.Sprintf("10.0.0.%d", i+1), Port: 8006})
				}
				b := startWatcher(t, newFakeStore(cluster), func(fleet.Cluster) Source { return f })
				defer b.stop()
				if c.looked {
					defer b.Watching("ann")()
				}
				pass(5 * time.Minute)
				f.set(func(f *fakePVE) {
					for _, what := range []string{"resources", "status", "tasks", "current", "addresses", "version", "permissions"} {
						f.delay[what] = time.Hour
					}
				})
				began := time.Now()
				for f.count(began) == 0 {
					pass(10 * time.Millisecond)
				}
				pass(10 * time.Second)
				if p := b.cluster(); p.Trouble == nil || p.Trouble.Kind != string(problem.Timeout) {
					t.Errorf("ten seconds after the first call it is %+v", p.Trouble)
				}
			})
		})
	}
}

// One address that hangs, of several, is no failure of the cluster.
func TestOneFrozenAddressIsNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, f := lab()
		cluster.Authority.Addresses = append(cluster.Authority.Addresses, authority.Address{Host: "10.0.0.2", Port: 8006})
		b := startWatcher(t, newFakeStore(cluster), func(fleet.Cluster) Source { return f })
		defer b.stop()
		defer b.Watching("ann")()
		pass(time.Minute)
		f.set(func(f *fakePVE) {
			for _, what := range []string{"resources", "status", "tasks"} {
				f.delay[what] = time.Hour
			}
		})
		began := time.Now()
		for f.count(began) == 0 {
			pass(10 * time.Millisecond)
		}
		f.set(func(f *fakePVE) { clear(f.delay) }) // the client's next call goes to the other address
		for range 20 {
			pass(time.Second)
			if p := b.cluster(); p.Trouble != nil {
				t.Fatalf("trouble %+v", p.Trouble)
			}
		}
	})
}

func TestSlowClusterIsOnlySlow(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) { f.delay["resources"] = 12 * time.Second })
		pass(5 * time.Minute)
		for range 10 {
			pass(7 * time.Second)
			if p := b.cluster(); p.Trouble != nil {
				t.Fatalf("a slow answer was taken for none: %+v", p.Trouble)
			}
		}
	})
}

func TestBlipIsNoAlarm(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(30 * time.Second)
		f.set(func(f *fakePVE) { f.fail["*"] = problem.New(problem.Refused, "Refused.", "") })
		for f.count(time.Now(), "tasks", "resources", "status") == 0 {
			pass(100 * time.Millisecond)
			if f.count(time.Now().Add(-150*time.Millisecond)) > 0 {
				break
			}
		}
		f.set(func(f *fakePVE) { clear(f.fail) })
		pass(20 * time.Second)
		if got := b.store.kinds(); len(got) != 0 {
			t.Errorf("events %v", got)
		}
		if p := b.cluster(); p.Trouble != nil {
			t.Errorf("trouble %+v", p.Trouble)
		}
	})
}

func TestUnreadableAnswerIsNotCalledUnreachable(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(30 * time.Second)
		f.set(func(f *fakePVE) {
			f.fail["resources"] = problem.New(problem.Garbled, "The answer could not be read.", "")
		})
		pass(20 * time.Second)
		p := b.cluster()
		if p.Trouble == nil || p.Trouble.Kind != string(problem.Garbled) {
			t.Fatalf("trouble %+v", p.Trouble)
		}
		if n := node(t, b, "pve1"); n.State != fleet.Online {
			t.Errorf("pve1 is %s", n.State)
		}
		if c := container(t, b, 100); !c.Stale {
			t.Error("what cannot be refreshed is not marked")
		}
	})
}

// TestForbiddenListOfResources: Proxmox gives that list to every token, so a 403 is somebody else's and may end.
func TestForbiddenListOfResources(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) { f.fail["resources"] = problem.New(problem.Forbidden, "It may not be read.", "") })
		pass(30 * time.Second)
		if p := b.cluster(); p.Trouble == nil || p.Trouble.Kind != string(problem.Forbidden) || len(p.Containers) != 6 {
			t.Fatalf("trouble %+v with %d containers", p.Trouble, len(p.Containers))
		}
		f.set(func(f *fakePVE) { clear(f.fail) })
		pass(12 * time.Second)
		if p := b.cluster(); p.Trouble != nil {
			t.Errorf("still %+v", p.Trouble)
		}
	})
}

func TestOneListFailsAlone(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(30 * time.Second)
		f.set(func(f *fakePVE) {
			f.fail["tasks"] = &problem.Problem{Kind: problem.Failed, What: "Proxmox failed.", Proxmox: "got timeout"}
		})
		from := time.Now()
		pass(5 * time.Minute)
		p := b.cluster()
		if p.Trouble != nil || !hasNotice(p, "partial-tasks") {
			t.Errorf("trouble %+v, notices %v", p.Trouble, p.Notices)
		}
		if n := f.count(from, "tasks"); n > 12 {
			t.Errorf("a failing list was asked %d times", n)
		}
		f.set(func(f *fakePVE) { clear(f.fail) })
		pass(2 * time.Minute)
		if hasNotice(b.cluster(), "partial-tasks") {
			t.Error("the notice stayed")
		}
	})
}

func TestBulkActionsAreConfirmedWithinTheBudget(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		pass(2 * time.Minute)
		ids := []string{"100", "101", "110", "111", "120", "121"}
		for _, id := range ids {
			f.set(func(f *fakePVE) { f.tasks = append(f.tasks, task(id, "vzstop", time.Now())) })
		}
		for id := range f.current {
			f.really(id, func(g *Guest) { g.Status, g.Uptime = "stopped", 0 })
		}
		pass(5 * time.Second)
		for _, c := range b.cluster().Containers {
			if c.Status != fleet.Stopped {
				t.Errorf("%s is still %s", c.ID, c.Status)
			}
		}
		for i := range 30 {
			kind := []string{"vzstart", "vzstop"}[i%2]
			for _, id := range ids {
				f.set(func(f *fakePVE) {
					done := task(id, kind, time.Now())
					done.UPID += id + time.Now().String()
					f.tasks = append(f.tasks, done)
				})
			}
			pass(4 * time.Second)
		}
		if most := f.most(time.Time{}); most > budgetLooked {
			t.Errorf("%d requests within a minute", most)
		}
	})
}

func TestAddressesFillInFromWhatIsLeft(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		f.set(func(f *fakePVE) {
			f.addresses[100] = []string{"10.0.0.100"}
			f.addresses[110] = []string{"10.0.0.110", "fd00::1"}
		})
		pass(5 * time.Minute)
		if c := container(t, b, 110); len(c.Addresses) != 2 {
			t.Errorf("addresses %v", c.Addresses)
		}
		from := time.Now()
		pass(10 * time.Minute)
		if n := f.count(from, "addresses"); n > 50 {
			t.Errorf("addresses were asked %d times", n)
		}
		f.really(110, func(g *Guest) { g.Status, g.Uptime = "stopped", 0 })
		f.guest(110, func(g *Guest) { g.Status, g.Uptime = "stopped", 0 })
		pass(10 * time.Second)
		if c := container(t, b, 110); len(c.Addresses) != 0 {
			t.Errorf("a stopped container has addresses %v", c.Addresses)
		}
	})
}

func TestSecretThatCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f := lab()
		var locked atomic.Bool
		locked.Store(true)
		b := startWatcher(t, newFakeStore(c), nil, func(o *Options) {
			o.Dial = func(context.Context, fleet.Cluster) (Source, error) {
				if locked.Load() {
					return nil, problem.New(problem.Locked, "The key is missing.", "Give the key back.")
				}
				return f, nil
			}
		})
		defer b.Watching("ann")()
		pass(10 * time.Second)
		p := b.cluster()
		if p.Trouble == nil || p.Trouble.Kind != string(problem.Locked) || len(p.Nodes) != 3 || p.Nodes[0].State != fleet.NotSeen {
			t.Fatalf("trouble %+v, nodes %+v", p.Trouble, p.Nodes)
		}
		if err := b.TryNow(t.Context(), "ann", "c1"); !problem.Is(err, problem.Locked) {
			t.Errorf("the try ended with %v", err)
		}
		locked.Store(false)
		pass(12 * time.Second)
		if p := b.cluster(); p.Trouble != nil || len(p.Containers) != 6 {
			t.Errorf("trouble %+v, %d containers", p.Trouble, len(p.Containers))
		}
		b.stop()
	})
}

func TestFlappingNodeDoesNotFloodTheTrail(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		for i := range 200 {
			f.offline("pve3", i%2 == 0)
			f.set(func(f *fakePVE) { f.status.Nodes[1].Name = fmt.Sprintf("made-up-%d", i) })
			pass(15 * time.Second)
		}
		if n := len(b.store.kinds()); n < 10 || n > eventsAnHour {
			t.Errorf("%d events in 50 minutes", n)
		}
	})
}

func TestDefaultNodeIsPromoted(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		if n := node(t, b, "pve1"); !n.Default {
			t.Error("the first online node did not become the default")
		}
		b.store.SetDefault(context.Background(), "ann", fleet.NodeID{Cluster: "c1", Name: "pve2"})
		b.Reload("c1")
		if n := node(t, b, "pve2"); !n.Default {
			t.Error("a chosen default is not shown at once")
		}
		f.offline("pve2", true)
		pass(20 * time.Second)
		if n := node(t, b, "pve2"); !n.Default {
			t.Error("an offline default was replaced")
		}
		f.set(func(f *fakePVE) {
			f.status.Nodes, f.res.Nodes, f.res.Guests = f.status.Nodes[:1], f.res.Nodes[:1], f.res.Guests[:2]
		})
		pass(time.Minute)
		if n := node(t, b, "pve1"); !n.Default {
			t.Errorf("no other node became the default: %v", b.cluster().Nodes)
		}
		kinds := b.store.kinds()
		left := 0
		for _, k := range kinds {
			if k == audit.MemberLeft {
				left++
			}
		}
		if left != 2 {
			t.Errorf("events %v", kinds)
		}
	})
}
