package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// replicas starts two watchers over one store and one cluster.
func replicas(t *testing.T, test func(t *testing.T, a, b *bench, fa, fb *fakePVE)) {
	synctest.Test(t, func(t *testing.T) {
		c, fa := lab()
		_, fb := lab()
		store := newFakeStore(c)
		replica := func(name string, f *fakePVE) *bench {
			return startWatcher(t, store, func(fleet.Cluster) Source { return f }, func(o *Options) { o.Alone, o.Holder = false, name })
		}
		a := replica("a", fa)
		pass(time.Second)
		b := replica("b", fb)
		pass(time.Second)
		test(t, a, b, fa, fb)
		a.stop()
		b.stop()
	})
}

func TestOneReplicaAsks(t *testing.T) {
	replicas(t, func(t *testing.T, a, b *bench, fa, fb *fakePVE) {
		defer b.Watching("ann")() // somebody looks, at the one that does not ask
		pass(10 * time.Minute)
		if n := fb.count(time.Time{}); n != 0 {
			t.Errorf("the other replica asked %d times", n)
		}
		if n := fa.count(time.Now().Add(-time.Minute)); n < 25 || n > budgetLooked {
			t.Errorf("the one that asks does not know that somebody looks: %d requests a minute", n)
		}
		if p := b.cluster(); len(p.Containers) != 6 || time.Since(p.SeenAt) > keepEvery+10*time.Second {
			t.Errorf("the other replica shows %d containers of %s ago", len(p.Containers), time.Since(p.SeenAt))
		}
		fa.really(101, func(g *Guest) { g.Status = "stopped" })
		fa.set(func(f *fakePVE) { f.tasks = append(f.tasks, task("101", "vzstop", time.Now())) })
		pass(5 * time.Second)
		if c := container(t, b, 101); c.Status != fleet.Stopped {
			t.Errorf("a change is not at the other replica after 5 s: %s", c.Status)
		}
		if got := b.cluster().Spend.PerMinute; got == 0 {
			t.Error("the other replica does not show what is spent")
		}
	})
}

func TestAnotherReplicaTakesOver(t *testing.T) {
	for _, how := range []string{"stopped", "cut off from the store"} {
		t.Run(how, func(t *testing.T) {
			replicas(t, func(t *testing.T, a, b *bench, fa, fb *fakePVE) {
				defer b.Watching("ann")()
				fa.offline("pve3", true)
				fb.offline("pve3", true)
				pass(time.Minute)
				if how == "stopped" {
					a.stop()
				} else {
					// Its lease stays, and it renews it no more.
					a.store.mu.Lock()
					a.store.cut = "a"
					a.store.mu.Unlock()
				}
				from := time.Now()
				for fb.count(from) == 0 && time.Since(from) < time.Minute {
					pass(time.Second)
				}
				if waited := time.Since(from); waited > 21*time.Second {
					t.Errorf("nobody asked for %s", waited)
				}
				pass(5 * time.Second)
				if n := fa.count(time.Now().Add(-5 * time.Second)); n != 0 {
					t.Errorf("both ask: the one that lost its lease made %d calls", n)
				}
				if n := node(t, b, "pve3"); n.State != fleet.Unreachable || time.Since(n.DownSeen) < 50*time.Second {
					t.Errorf("it does not go on where the other left off: %+v", n)
				}
				if n := len(b.store.kinds()); n != 1 {
					t.Errorf("the loss of pve3 is in the trail %d times", n)
				}
				if c := container(t, b, 120); !c.Stale || c.Hostname != "ct120" {
					t.Errorf("container 120 is %+v", c)
				}
			})
		})
	}
}

func TestTryAtTheOtherReplica(t *testing.T) {
	replicas(t, func(t *testing.T, a, b *bench, fa, fb *fakePVE) {
		fa.set(func(f *fakePVE) { f.fail["*"] = problem.New(problem.Unauthorized, "Refused.", "") })
		pass(3 * time.Minute)
		if p := b.cluster(); p.Trouble == nil || p.Trouble.Kind != string(problem.Unauthorized) {
			t.Errorf("the other replica shows %+v", p.Trouble)
		}
		from := time.Now()
		pass(time.Hour)
		if n := fa.count(from) + fb.count(time.Time{}); n != 0 {
			t.Fatalf("a halted cluster was asked %d times", n)
		}
		fa.set(func(f *fakePVE) { clear(f.fail) })
		if err := b.TryNow(t.Context(), "ann", "c1"); err != nil {
			t.Errorf("the try ended with %v", err)
		}
		pass(10 * time.Second)
		if b.store.clusters[0].Halt != nil || fa.count(from, "resources") == 0 {
			t.Error("the try did not reach the replica that asks")
		}
		if n := fb.count(time.Time{}); n != 0 {
			t.Errorf("the other replica asked %d times", n)
		}
		if p := b.cluster(); p.Trouble != nil {
			t.Errorf("the other replica still shows %+v", p.Trouble)
		}
	})
}

func TestChangesReachTheOtherReplica(t *testing.T) {
	replicas(t, func(t *testing.T, a, b *bench, fa, fb *fakePVE) {
		b.store.mu.Lock()
		c2 := b.store.clusters[0]
		c2.ID, c2.Name, c2.CreatedAt = "c2", "attic", c2.CreatedAt.Add(time.Hour)
		b.store.clusters = append(b.store.clusters, c2)
		b.store.mu.Unlock()
		b.Reload("c2")
		if n := len(b.Picture("ann").Clusters); n != 2 {
			t.Errorf("%d clusters where it was added", n)
		}
		pass(time.Second)
		if n := len(a.Picture("ann").Clusters); n != 2 {
			t.Errorf("%d clusters at the other replica", n)
		}
		b.store.mu.Lock()
		b.store.clusters = b.store.clusters[1:]
		b.store.mu.Unlock()
		b.Reload("c1")
		pass(time.Second)
		for _, r := range []*bench{a, b} {
			if p := r.Picture("ann"); len(p.Clusters) != 1 || p.Clusters[0].Cluster != "c2" {
				t.Errorf("after the deletion: %d clusters", len(p.Clusters))
			}
		}
	})
}
