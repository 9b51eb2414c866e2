package pvesim

import (
	"container/heap"
	"time"
)

// event is something that happens by itself at its time: whoever looks at the
// cluster next settles what has come due. Nothing runs meanwhile, so that ten
// thousand tasks cost no more than their memory.
type event struct {
	at      time.Time
	order   int
	run     func(at time.Time)
	dropped bool
}

// eventQueue is ordered by time, then by when it was put there.
type eventQueue []*event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].order < q[j].order
	}
	return q[i].at.Before(q[j].at)
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

// due puts something into the queue.
func (c *Cluster) due(at time.Time, run func(at time.Time)) *event {
	c.events++
	e := &event{at: at, order: c.events, run: run}
	heap.Push(&c.queue, e)
	return e
}

// settle lets happen what has come due, in its order.
func (c *Cluster) settle(at time.Time) {
	for len(c.queue) > 0 && !c.queue[0].at.After(at) {
		if e := heap.Pop(&c.queue).(*event); !e.dropped {
			e.run(e.at)
		}
	}
}
