package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/fleet"
)

// whoever acted has read the container's own status: the picture has it at
// once, and the list, which lags, does not undo it.
func TestWhatWasSeenStandsAgainstTheList(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		was := container(t, b, 101)
		if was.Status != fleet.Running {
			t.Fatalf("101 is %s", was.Status)
		}
		asked := f.count(time.Time{})
		b.Saw(t.Context(), "ann", was.ID, Guest{Node: was.Node, Name: was.Hostname, Status: "stopped", MaxMem: was.MaxMem})
		synctest.Wait()
		if c := container(t, b, 101); c.Status != fleet.Stopped || c.Stale {
			t.Errorf("the picture has %s", c.Status)
		}
		if n := f.count(time.Time{}) - asked; n != 0 {
			t.Errorf("it asked Proxmox %d times", n)
		}
		pass(10 * time.Second) // at least one list that still says running
		if c := container(t, b, 101); c.Status != fleet.Stopped {
			t.Error("the lagging list undid it")
		}
	})
}

func TestWhatWasSeenToBeGone(t *testing.T) {
	watched(t, func(t *testing.T, b *bench, f *fakePVE) {
		id := container(t, b, 101).ID
		b.Saw(t.Context(), "bob", id, Guest{})
		synctest.Wait()
		container(t, b, 101) // not bob's to say
		b.Saw(t.Context(), "ann", id, Guest{})
		synctest.Wait()
		if _, still := b.cluster().Container(101); still {
			t.Error("it is still in the picture")
		}
		pass(time.Minute) // the list has it all the while: it is there after all
		container(t, b, 101)
	})
}

func TestWhatAReplicaSawIsConfirmedByTheOneThatAsks(t *testing.T) {
	replicas(t, func(t *testing.T, a, b *bench, fa, fb *fakePVE) {
		defer a.Watching("ann")()
		pass(time.Minute)
		c := container(t, b, 101)
		fa.really(101, func(g *Guest) { g.Status = "stopped" })
		b.Saw(t.Context(), "ann", c.ID, Guest{Node: c.Node, Name: c.Hostname, Status: "stopped"})
		synctest.Wait()
		if c := container(t, b, 101); c.Status != fleet.Stopped {
			t.Errorf("the replica that saw it shows %s", c.Status)
		}
		pass(2 * time.Second)
		if c := container(t, a, 101); c.Status != fleet.Stopped {
			t.Errorf("the one that asks shows %s", c.Status)
		}
		if n := fb.count(time.Time{}); n != 0 {
			t.Errorf("the other one asked %d times", n)
		}
	})
}
