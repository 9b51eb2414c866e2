package store_test

import (
	"fmt"
	"testing"
	"time"

	"berth/internal/job"
	"berth/internal/store"
	"berth/internal/store/pgtest"
	"berth/internal/store/storetest"
)

// BenchmarkTwentyThousandSteps is what one job of that many steps costs: what a page's
// stream reads at each change, what it would read without knowing what changed,
// what a board reads at first, and the four writes that each step makes.
func BenchmarkTwentyThousandSteps(b *testing.B) {
	for name, o := range map[string]func() store.Options{
		"sqlite":   func() store.Options { return store.Options{Dir: b.TempDir()} },
		"postgres": func() store.Options { return store.Options{Database: pgtest.URL(b)} },
	} {
		b.Run(name, func(b *testing.B) {
			o := o()
			o.Keyring, o.Now = storetest.Keyring(b), time.Now
			s := storetest.Open(b, o)
			owner := string(storetest.User(b, s, storetest.Host(b, s, "home").ID, "ann@pve").ID)
			benchSteps(b, s, owner)
		})
	}
}

func benchSteps(b *testing.B, s *store.Store, owner string) {
	const n = 20_000
	steps := make([]job.Step, n)
	for i := range steps {
		steps[i] = job.Step{Group: "lab", Lane: fmt.Sprint("pve", i%300), Subject: fmt.Sprint("lab/", 1000+i), Title: fmt.Sprintf("web%d (CT %d)", i, 1000+i)}
	}
	j := job.Job{ID: job.ID(storetest.ID()), Owner: owner, Kind: "start", Title: "Start", State: job.Running, CreatedAt: time.Now(), StartedAt: time.Now()}
	if _, err := s.SubmitJob(b.Context(), j, steps, func(job.Step) string { return "" }); err != nil {
		b.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	next := 0
	one := func() {
		at := time.Now()
		_, err := s.TakeStep(b.Context(), j.ID, next, "one", at)
		must(err)
		must(s.NoteStep(b.Context(), j.ID, next, "one", []byte("{}"), ""))
		must(s.NoteStep(b.Context(), j.ID, next, "one", []byte("{}"), "UPID:"))
		o := job.Open{Step: job.Step{Job: j.ID, N: next, Owner: owner, Subject: steps[next].Subject}}
		must(s.EndStep(b.Context(), o, "one", job.End{State: job.Done, At: at, Lines: []string{"a line"}}))
		next++
	}
	for range 200 {
		one()
	}
	b.Run("writes of a step", func(b *testing.B) {
		for b.Loop() {
			one()
		}
	})
	b.Run("stream", func(b *testing.B) {
		for b.Loop() {
			now, err := s.Job(b.Context(), owner, j.ID)
			must(err)
			_, err = s.Steps(b.Context(), job.Filter{Owner: owner, Job: j.ID, Changed: true, Since: now.Rev - 20, To: 1000, Limit: 1000})
			must(err)
		}
	})
	b.Run("all steps", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Steps(b.Context(), job.Filter{Owner: owner, Job: j.ID, Limit: n})
			must(err)
		}
	})
	b.Run("board", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.Goings(b.Context(), owner, time.Time{})
			must(err)
		}
	})
}
