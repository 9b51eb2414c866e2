package watch

import (
	"time"

	"berth/internal/fleet"
)

// Hasten makes the watcher ask factor times as often, so that stories over a
// real network take a fraction of their time. The budget's minute shrinks with it.
func (w *Watcher) Hasten(factor time.Duration) {
	w.pace = pace{list: w.pace.list / factor, tasks: w.pace.tasks / factor, tasksHot: w.pace.tasksHot / factor, tight: w.pace.tight / factor,
		live: w.pace.live / factor, visit: w.pace.visit / factor, window: w.pace.window / factor,
		retry: w.pace.retry / factor, retries: w.pace.retries / factor}
}

// MemoryStore is a store for stories that need no database.
type MemoryStore = fakeStore

var NewMemoryStore = newFakeStore

// Kinds lists what was recorded in the trail.
func (s *fakeStore) Kinds() []string {
	var kinds []string
	for _, k := range s.kinds() {
		kinds = append(kinds, string(k))
	}
	return kinds
}

// Change changes a cluster's row as its owner would.
func (s *fakeStore) Change(id fleet.ClusterID, change func(*fleet.Cluster)) { s.change(id, change) }

// Budget and its idle part, as the issue has them.
const (
	BudgetLooked = budgetLooked
	BudgetIdle   = budgetIdle
)
