package watch

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/fleet"
)

// many is a fleet of clusters of three nodes each, whose values move at every question.
type many struct {
	*fakePVE
	n int
}

func (m *many) step() {
	m.set(func(f *fakePVE) {
		m.n++
		for i := range f.res.Guests {
			g := &f.res.Guests[i]
			g.CPU, g.Mem, g.Uptime = float64((i+m.n)%100)/100, int64(i+m.n)<<20, g.Uptime+10*time.Second
		}
		f.calls = f.calls[:0]
	})
}

func bigFleet(clusters, containers int) ([]fleet.Cluster, map[fleet.ClusterID]*many) {
	var list []fleet.Cluster
	sources := map[fleet.ClusterID]*many{}
	for i := range clusters {
		c, f := lab()
		c.ID = fleet.ClusterID(fmt.Sprintf("0193f0c1-0000-7000-8000-%012d", i))
		c.Name, c.CreatedAt = fmt.Sprintf("cluster-%d", i), c.CreatedAt.Add(time.Duration(i)*time.Second)
		f.res.Guests = nil
		for j := range containers {
			f.res.Guests = append(f.res.Guests, Guest{VMID: fleet.VMID(100 + j), Node: propertyNodes[j%3], Name: fmt.Sprintf("container-%d-%d", i, j),
				Status: "running", CPUs: 2, MaxMem: 2 << 30, MaxDisk: 8 << 30, Disk: 1 << 30, Uptime: time.Hour, Tags: []string{"prod", "web"}})
		}
		list = append(list, c)
		sources[c.ID] = &many{fakePVE: f}
	}
	return list, sources
}

// TestTenThousandContainers holds the watcher to its share of the 150 MB that Berth may take.
func TestTenThousandContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clusters, sources := bigFleet(100, 100)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		store := newFakeStore(clusters...)
		b := startWatcher(t, store, func(c fleet.Cluster) Source { return sources[c.ID] })
		defer b.Watching("ann")()
		for range 12 {
			pass(10 * time.Second)
			for _, s := range sources {
				s.step()
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n := b.Picture("ann").Containers(); n != 10000 {
			t.Fatalf("%d containers", n)
		}
		mb := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
		t.Logf("%.1f MB in use, %.1f MB allocated a minute", mb, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20)/2)
		if mb > 20 {
			t.Errorf("10,000 containers take %.1f MB", mb)
		}
		if n := runtime.NumGoroutine(); n > 500 {
			t.Errorf("%d goroutines", n)
		}
		b.stop()
	})
}

func TestManyLoopsDoNotBeginAtOnce(t *testing.T) {
	c, f := lab()
	s := newSight(c)
	s.permissions = f.permissions
	for _, test := range []struct {
		clusters int
		jitter   float64
		want     time.Duration
	}{{1, 0.9, 0}, {5, 0.9, 0}, {100, 0, 0}, {100, 0.5, 500 * time.Millisecond}, {100, 0.9, 900 * time.Millisecond}} {
		a := newAgenda(usualPace, func() float64 { return test.jitter })
		a.look(true, noon)
		a.begin(test.clusters, noon)
		c, wait := a.next(noon, s, lanes{})
		if wait.Round(time.Millisecond) != test.want || (c.kind == callNone) != (test.want > 0) {
			t.Errorf("%d clusters at %.1f: %s after %s, want %s", test.clusters, test.jitter, c.kind, wait, test.want)
		}
	}
}
