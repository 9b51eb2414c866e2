package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/store"
)

// slowBoards gives what it read the first time only when it is let go.
type slowBoards struct {
	*store.Store
	reads              atomic.Int32
	first, again, goOn chan struct{}
}

func (s *slowBoards) Goings(ctx context.Context, owner string, since time.Time) (open, bad []job.Step, err error) {
	open, bad, err = s.Store.Goings(ctx, owner, since)
	switch s.reads.Add(1) {
	case 1:
		close(s.first)
		<-s.goOn
	case 2:
		close(s.again)
	}
	return open, bad, err
}

// What was read before something began must not take the place of what was read after.
func TestABoardThatWasReadEarlierIsNotShownLater(t *testing.T) {
	y := newYard(t)
	s := &slowBoards{Store: y.store, first: make(chan struct{}), again: make(chan struct{}), goOn: make(chan struct{})}
	e := jobs.New(jobs.Options{Store: s, Holder: "one"})
	read := make(chan struct{}, 2)
	look := func() { e.Board(y.owner); read <- struct{}{} }
	go look()
	<-s.first
	y.submit(e, job.Job{}, job.Step{Group: "lab", Subject: "lab/104", Title: "CT 104"})
	go look()
	left := 2
	select {
	case <-s.again: // it did not wait for the first
		<-read
		left--
	case <-time.After(200 * time.Millisecond):
	}
	close(s.goOn)
	for range left {
		<-read
	}
	if b := e.Board(y.owner); b.Jobs != 1 {
		t.Errorf("the board has %d jobs", b.Jobs)
	}
}

// counted counts how often what goes on is read whole.
type counted struct {
	*store.Store
	reads atomic.Int32
}

func (s *counted) Goings(ctx context.Context, owner string, since time.Time) (open, bad []job.Step, err error) {
	s.reads.Add(1)
	return s.Store.Goings(ctx, owner, since)
}

// What the crews here do is put into the board: it is not read anew for each of hundreds of steps.
func TestABoardIsKeptCurrentWithoutReadingIt(t *testing.T) {
	y := newYard(t)
	s := &counted{Store: y.store}
	var fails atomic.Bool
	fails.Store(true)
	e, _ := y.engineOn(s, jobs.Options{Works: works(func(ctx context.Context, h *jobs.Handle) jobs.Outcome {
		if h.Step().N == 7 && fails.Load() {
			return jobs.Outcome{State: job.Failed, Detail: "It failed."}
		}
		return done(ctx, h)
	})})
	signal, leave := e.Subscribe(y.owner)
	defer leave()
	until := func(what string, so func(b *job.Board) bool) {
		t.Helper()
		late := time.After(20 * time.Second)
		for !so(e.Board(y.owner)) {
			select {
			case <-signal:
			case <-late:
				t.Fatalf("%s: %+v", what, e.Board(y.owner))
			}
		}
	}
	y.submit(e, job.Job{}, steps(200, nil)...)
	until("it ends, and one of it badly", func(b *job.Board) bool { return b.Jobs == 0 && len(b.Busy) == 0 && len(b.Bad) == 1 })
	if b := e.Board(y.owner); b.Bad["lab/107"].Detail != "It failed." {
		t.Errorf("%+v", b.Bad)
	}
	fails.Store(false)
	y.submit(e, job.Job{}, steps(200, nil)...)
	until("the bad end is made good", func(b *job.Board) bool { return b.Jobs == 0 && len(b.Busy) == 0 && len(b.Bad) == 0 })
	if n := s.reads.Load(); n > 8 { // at first, and for each job when it was submitted
		t.Errorf("the board was read %d times", n)
	}
}
