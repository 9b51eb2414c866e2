package pvesim

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestTenThousandStartsAtOnce is about cost: no goroutine per task or container,
// and a list that stays as short as Proxmox keeps it.
func TestTenThousandStartsAtOnce(t *testing.T) {
	ck := newClock()
	spec := ClusterSpec{Name: "large"}
	for n := range 20 {
		spec.Nodes = append(spec.Nodes, NodeSpec{Name: fmt.Sprintf("pve%02d", n), Containers: 500})
	}
	s := quick(t, Config{Now: ck.now, TaskTime: 1, Clusters: []ClusterSpec{spec}})
	c := s.Cluster("large")
	for _, g := range c.guests {
		g.running = false
		g.setLock("")
	}
	before := runtime.NumGoroutine()
	for _, g := range c.Guests() {
		if err := c.Act(g.VMID, "start"); err != nil {
			t.Fatal(err)
		}
	}
	if more := runtime.NumGoroutine() - before; more > 2 {
		t.Errorf("%d goroutines more", more)
	}
	via := ask(t, c.Nodes()[0]).asRoot()
	var rows []any
	via.get("/cluster/tasks").data(t, &rows)
	if len(rows) != 20*toldAtMost {
		t.Errorf("%d tasks are told of", len(rows))
	}
	ck.advance(time.Minute)
	running := 0
	for _, g := range c.Guests() {
		if g.Running {
			running++
		}
	}
	if running != 10000 {
		t.Errorf("%d run", running)
	}
	if n := c.MostAtOnce("pve07"); n != 500 {
		t.Errorf("the most at once: %d", n)
	}
	c.ResetRequests()
	c.Act(c.Guests()[0].VMID, "stop")
	if got := c.Requests().Tasks["pve00"]; got.Most != 1 || got.Now != 1 || got.MostByType["vzstop"] != 1 || got.MostByType["vzstart"] != 0 {
		t.Errorf("after a reset: %+v", got)
	}
	if n := c.MostAtOnce("none"); n != 0 {
		t.Errorf("of no node: %d", n)
	}
}
