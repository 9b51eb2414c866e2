package pve

import (
	"strings"
	"testing"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// lifeOf is a client that may do everything, with one container that runs and one that does not.
func lifeOf(t *testing.T) (s *pvesim.Sim, c *Client, node string) {
	t.Helper()
	s, err := pvesim.Start(pvesim.Config{AuthDelay: -1, TaskTime: 0.001, LagTime: -1, Clusters: []pvesim.ClusterSpec{{
		Name: "lab", Nodes: []pvesim.NodeSpec{{Name: "pve1", CTs: []pvesim.ContainerSpec{{VMID: 100, Running: true}, {VMID: 101}}}, {Name: "pve2"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cluster := s.Cluster("lab")
	return s, simClient(t, cluster, tokenOf(t, cluster, "act", "Administrator")), "pve1"
}

// ended waits for the end of a task.
func ended(t *testing.T, c *Client, u UPID) TaskStatus {
	t.Helper()
	for range 10_000 {
		s, err := c.TaskStatus(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Running {
			return s
		}
	}
	t.Fatalf("%s does not end", u)
	return TaskStatus{}
}

func TestSimulatedPower(t *testing.T) {
	_, c, node := lifeOf(t)
	ctx := t.Context()
	for _, step := range []struct {
		verb, status string
		id           fleet.VMID
	}{{"start", "running", 101}, {"reboot", "running", 101}, {"stop", "stopped", 101}, {"shutdown", "stopped", 100}} {
		u, err := actions[step.verb](c, ctx, node, step.id)
		if err != nil || u.Type != "vz"+step.verb || u.User != "root@pam!act" {
			t.Fatalf("%s: %+v %v", step.verb, u, err)
		}
		if s := ended(t, c, u); !s.OK || ExplainExit(s.Exit, u) != nil {
			t.Errorf("%s ended %+v", step.verb, s)
		}
		if g, err := c.Current(ctx, node, step.id); err != nil || g.Status != step.status {
			t.Errorf("after %s: %+v %v", step.verb, g, err)
		}
		lines, total, err := c.TaskLog(ctx, u, 0, 0)
		if err != nil || total != len(lines) || total == 0 || !strings.HasPrefix(lines[total-1].Text, "TASK OK") {
			t.Errorf("log of %s: %v of %d, %v", step.verb, lines, total, err)
		}
	}
	tasks, err := c.NodeTasks(ctx, node, TaskFilter{VMID: 101, Limit: 2})
	if err != nil || len(tasks.Rows) != 2 || tasks.Total != 3 || tasks.Rows[0].Type != "vzstop" {
		t.Errorf("tasks %+v %v", tasks, err)
	}
	tasks, err = c.NodeTasks(ctx, node, TaskFilter{Type: "vzshutdown"})
	if err != nil || len(tasks.Rows) != 1 || tasks.Rows[0].ID != "100" {
		t.Errorf("tasks %+v %v", tasks, err)
	}
}

func TestSimulatedObstacles(t *testing.T) {
	_, c, node := lifeOf(t)
	ctx := t.Context()
	_, err := c.Start(ctx, node, 100)
	wants(t, err, problem.State)
	_, err = c.Stop(ctx, node, 101)
	wants(t, err, problem.State)
	_, err = c.Reboot(ctx, node, 101, 0)
	wants(t, err, problem.State)
	_, err = c.Current(ctx, "pve2", 100)
	if p := wants(t, err, problem.Gone); !strings.Contains(p.What, "CT 100 is not on pve2") {
		t.Errorf("%q", p.Sentence())
	}
	u, err := c.Start(ctx, "pve2", 101) // taken all the same, and only the task fails
	if err != nil {
		t.Fatal(err)
	}
	s := ended(t, c, u)
	if p := ExplainExit(s.Exit, u); s.OK || p == nil || p.Kind != problem.Gone {
		t.Errorf("%+v: %+v", s, p)
	}
	never := u
	never.PID++
	_, err = c.TaskStatus(ctx, never)
	wants(t, err, problem.Forgotten)
	_, _, err = c.TaskLog(ctx, never, 0, 0)
	wants(t, err, problem.Forgotten)
}
