package signin

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestALaneLetsOneThroughAndTheKnownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m lanes
		if !m.wait(t.Context(), "h", false) {
			t.Fatal("an empty lane made somebody wait")
		}
		if !m.wait(t.Context(), "other", false) {
			t.Fatal("one host held another up")
		}
		order := make(chan string, 3)
		for _, who := range []struct {
			name  string
			known bool
		}{{"first stranger", false}, {"second stranger", false}, {"known", true}} {
			go func() {
				if m.wait(t.Context(), "h", who.known) {
					order <- who.name
				}
			}()
			synctest.Wait() // in this order
		}
		if len(order) != 0 {
			t.Fatal("two are through at once")
		}
		for _, want := range []string{"known", "first stranger", "second stranger"} {
			m.leave("h")
			if got := <-order; got != want {
				t.Errorf("%s goes before %s", got, want)
			}
		}
		m.leave("h")
		if !m.wait(t.Context(), "h", false) {
			t.Error("an empty lane stayed closed")
		}
	})
}

func TestAQueueHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m lanes
		m.wait(t.Context(), "h", false)
		ctx, cancel := context.WithTimeout(t.Context(), laneWait)
		defer cancel()
		through := make(chan bool, laneQueue)
		for range laneQueue {
			go func() { through <- m.wait(ctx, "h", false) }()
		}
		synctest.Wait()
		if m.wait(ctx, "h", false) {
			t.Error("the queue has no end")
		}
		known := make(chan bool)
		go func() { known <- m.wait(t.Context(), "h", true) }()
		time.Sleep(laneWait) // of the bubble's clock: the strangers give up
		for range laneQueue {
			if <-through {
				t.Error("somebody came through a lane that is taken")
			}
		}
		m.leave("h")
		if !<-known {
			t.Error("a full queue of strangers kept the known one out")
		}
	})
}
