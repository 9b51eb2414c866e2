package jobs_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/store/storetest"
)

// BenchmarkBegin is the time from submitting a job of one step until its work begins.
func BenchmarkBegin(b *testing.B) {
	e, owner, began := benchEngine(b)
	var took []time.Duration
	for b.Loop() {
		at := time.Now()
		submitBench(b, e, owner, 1)
		<-began
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-worst")
}

// Benchmark500Steps is a job of five hundred steps, twenty at once, from submitting to the end.
func Benchmark500Steps(b *testing.B) {
	e, owner, began := benchEngine(b)
	for b.Loop() {
		submitBench(b, e, owner, 500)
		for range 500 {
			<-began
		}
	}
}

func benchEngine(b *testing.B) (e *jobs.Engine, owner string, began chan struct{}) {
	s := storetest.New(b, nil)
	u := storetest.User(b, s, storetest.Host(b, s, "home").ID, "ann@pve")
	began = make(chan struct{}, 500)
	e = jobs.New(jobs.Options{Store: s, Holder: "bench", LaneLimit: func(string, string) int { return 20 },
		Works: map[string]jobs.Work{"work": jobs.WorkFunc(func(context.Context, *jobs.Handle) jobs.Outcome {
			began <- struct{}{}
			return jobs.Outcome{State: job.Done, Detail: "Done."}
		})}})
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = e.Run(ctx) })
	b.Cleanup(func() { stop(); run.Wait() })
	return e, string(u.ID), began
}

func submitBench(b *testing.B, e *jobs.Engine, owner string, n int) {
	all := make([]job.Step, n)
	for i := range all {
		all[i] = job.Step{Group: "lab", Lane: "pve1", Title: "CT"}
	}
	if _, err := e.Submit(b.Context(), job.Job{Owner: owner, Kind: "work"}, all); err != nil {
		b.Fatal(err)
	}
}
