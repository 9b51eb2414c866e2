package act

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/problem"
)

// listed is a connection of which only the list of tasks is asked.
type listed struct {
	Connection
	mu      sync.Mutex
	running map[string]bool
	asked   int
	err     error
}

func (l *listed) Tasks(context.Context) (map[string]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	out := map[string]bool{}
	for upid, runs := range l.running {
		out[upid] = runs
	}
	return out, l.err
}

// waits has so many tasks waited for at once, and returns how long each had to.
func waits(t *testing.T, l *listed, n int, pace time.Duration) []time.Duration {
	t.Helper()
	p := newPulse(l)
	defer p.end()
	took := make([]time.Duration, n)
	var all sync.WaitGroup
	for range n { // they are all followed before the first waits
		defer p.join()()
	}
	began := time.Now()
	for i := range n {
		all.Go(func() {
			if err := p.wait(t.Context(), fmt.Sprint("task", i), pace); err != nil {
				t.Error(err)
			}
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	return took
}

func TestAFewTasksAreAskedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listed{}
		for i, took := range waits(t, l, crowd, 200*time.Millisecond) {
			if took != 200*time.Millisecond {
				t.Errorf("task %d waited %v", i, took)
			}
		}
		if l.asked != 0 {
			t.Errorf("the list was read %d times", l.asked)
		}
	})
}

func TestACrowdIsFollowedByOneList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listed{running: map[string]bool{}}
		const n = 80
		for i := range n {
			l.running[fmt.Sprint("task", i)] = i >= 10 // ten have ended
		}
		time.AfterFunc(4500*time.Millisecond, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			for i := 10; i < 40; i++ {
				l.running[fmt.Sprint("task", i)] = false
			}
		})
		for i, took := range waits(t, l, n, 200*time.Millisecond) {
			want := slowest // those that run are asked for all the same, seldom
			switch {
			case i < 10:
				want = time.Second
			case i < 40:
				want = 5 * time.Second
			}
			if took != want {
				t.Errorf("task %d waited %v, want %v", i, took, want)
			}
		}
		if l.asked > 15 {
			t.Errorf("the list was read %d times in 15 s", l.asked)
		}
	})
}

// Without Sys.Audit the list is empty: then they are asked for in turn, so many a second.
func TestACrowdThatTheListDoesNotTellOf(t *testing.T) {
	for name, l := range map[string]*listed{"empty": {}, "refused": {err: problem.New(problem.Forbidden, "No.", "")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bySecond := map[time.Duration]int{}
				for _, took := range waits(t, l, 50, 200*time.Millisecond) {
					bySecond[took]++
				}
				if name == "refused" && bySecond[slowest] != 50 {
					t.Errorf("waited %v", bySecond)
				}
				if name == "empty" && (bySecond[time.Second] != untold || bySecond[2*time.Second] != untold || bySecond[3*time.Second] != 50-2*untold) {
					t.Errorf("waited %v", bySecond)
				}
			})
		})
	}
}

func TestPaceIsQuickFirst(t *testing.T) {
	for age, want := range map[time.Duration]time.Duration{0: 200 * time.Millisecond, 4 * time.Second: 200 * time.Millisecond, 20 * time.Second: time.Second, time.Hour: 2 * time.Second} {
		if got := pace(age); got != want {
			t.Errorf("after %v: %v, want %v", age, got, want)
		}
	}
}
