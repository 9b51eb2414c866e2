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

func (s *slowBoards) Board(ctx context.Context, owner string, since time.Time) (job.Board, error) {
	b, err := s.Store.Board(ctx, owner, since)
	switch s.reads.Add(1) {
	case 1:
		close(s.first)
		<-s.goOn
	case 2:
		close(s.again)
	}
	return b, err
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
