package connect

import (
	"sync"
	"time"

	"berth/internal/fleet"
)

// rights remembers what each cluster's token was last found to be allowed, so
// that a page can show it without asking Proxmox. It is lost with the process.
type rights struct {
	mu   sync.Mutex
	last map[fleet.ClusterID]fleet.Rights
	test map[fleet.ClusterID]fleet.TestReport
}

func (r *rights) keep(id fleet.ClusterID, p fleet.Permissions, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[fleet.ClusterID]fleet.Rights{}
	}
	r.last[id] = fleet.Rights{Permissions: p, At: at}
}

func (r *rights) drop(id fleet.ClusterID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, id)
	delete(r.test, id)
}

// RightsOf is what the token of a cluster was last found to be allowed; ok is
// false when this process has not asked yet.
func (s *Service) RightsOf(id fleet.ClusterID) (fleet.Rights, bool) {
	s.rights.mu.Lock()
	defer s.rights.mu.Unlock()
	last, ok := s.rights.last[id]
	return last, ok
}

// testFor is how long a report is shown.
const testFor = 10 * time.Minute

func (r *rights) tested(report fleet.TestReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.test == nil {
		r.test = map[fleet.ClusterID]fleet.TestReport{}
	}
	r.test[report.Cluster] = report
}

// LastTest is what the last test of a cluster found, for some minutes after it; its id is a person's own, as Cluster checks.
func (s *Service) LastTest(id fleet.ClusterID) (fleet.TestReport, bool) {
	s.rights.mu.Lock()
	defer s.rights.mu.Unlock()
	report, ok := s.rights.test[id]
	return report, ok && s.now().Sub(report.At) < testFor
}
