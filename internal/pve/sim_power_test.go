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

func TestSimulatedSuspendAndDelete(t *testing.T) {
	s, c, node := lifeOf(t)
	ctx := t.Context()
	for _, step := range []string{"suspend", "resume", "stop"} {
		u, err := actions[step](c, ctx, node, 100)
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if end := ended(t, c, u); !end.OK || end.UPID.Type != "vz"+step {
			t.Errorf("%s ended %+v", step, end)
		}
	}
	_, err := c.Destroy(ctx, node, 102, DestroyOptions{})
	wants(t, err, problem.Gone)
	if err := s.Cluster("lab").Act(101, "protect"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Destroy(ctx, node, 101, DestroyOptions{})
	wants(t, err, problem.Protected)
	u, err := c.Start(ctx, node, 100)
	if err != nil || !ended(t, c, u).OK {
		t.Fatal(err)
	}
	_, err = c.Destroy(ctx, node, 100, DestroyOptions{})
	wants(t, err, problem.State)
	if u, err = c.Stop(ctx, node, 100); err != nil || !ended(t, c, u).OK {
		t.Fatal(err)
	}
	if u, err = c.Destroy(ctx, node, 100, DestroyOptions{Purge: true, UnreferencedDisks: true}); err != nil || !ended(t, c, u).OK {
		t.Fatalf("%v %v", u, err)
	}
	_, err = c.Config(ctx, node, 100)
	wants(t, err, problem.Gone)
}

// TestSimulatedLostWrites: whatever was lost on the way, the word is "unknown", and it was sent once.
func TestSimulatedLostWrites(t *testing.T) {
	for fault, done := range map[string]bool{"write-596-carried-out": true, "write-596-not-carried-out": false, "answer-cut": true} {
		t.Run(fault, func(t *testing.T) {
			s, c, node := lifeOf(t)
			if _, err := s.Fault(fault, pvesim.FaultTarget{Cluster: "lab"}); err != nil {
				t.Fatal(err)
			}
			_, err := c.Start(t.Context(), node, 101)
			wants(t, err, problem.OutcomeUnknown)
			l, err := c.NodeTasks(t.Context(), node, TaskFilter{VMID: 101, Running: true})
			if want := map[bool]int{true: 1}[done]; err != nil || len(l.Rows) != want {
				t.Errorf("%d tasks, want %d: %v", len(l.Rows), want, err)
			}
		})
	}
}

func TestSimulatedBadEnds(t *testing.T) {
	for _, tc := range []struct {
		fault string
		kind  problem.Kind
	}{{"lock-held", problem.Busy}, {"task-fails-at-60", problem.Failed}, {"no-quorum", problem.QuorumLost}, {"permission-lost", problem.Forbidden}} {
		t.Run(tc.fault, func(t *testing.T) {
			s, c, node := lifeOf(t)
			if _, err := s.Fault(tc.fault, pvesim.FaultTarget{Cluster: "lab"}); err != nil {
				t.Fatal(err)
			}
			u, err := c.Start(t.Context(), node, 101)
			if err == nil {
				end := ended(t, c, u)
				if p := ExplainExit(end.Exit, u); p != nil {
					err = p
				}
			}
			if p := wants(t, err, tc.kind); p.Remedy == "" || p.Node != node {
				t.Errorf("%q of %q", p.Sentence(), p.Node)
			}
		})
	}
}

func TestSimulatedWarningsAndRotation(t *testing.T) {
	s, c, node := lifeOf(t)
	if _, err := s.Fault("task-warnings", pvesim.FaultTarget{Cluster: "lab", Params: map[string]string{"count": "2"}}); err != nil {
		t.Fatal(err)
	}
	u, err := c.Start(t.Context(), node, 101)
	if err != nil {
		t.Fatal(err)
	}
	if end := ended(t, c, u); !end.OK || end.Warnings != 2 || ExplainExit(end.Exit, u) != nil {
		t.Errorf("%+v", end)
	}
	if _, err := s.Fault("task-log-rotated", pvesim.FaultTarget{Cluster: "lab"}); err != nil {
		t.Fatal(err)
	}
	_, err = c.TaskStatus(t.Context(), u)
	wants(t, err, problem.Forgotten)
	_, _, err = c.TaskLog(t.Context(), u, 0, 0)
	wants(t, err, problem.Forgotten)
}

func TestSimulatedDetail(t *testing.T) {
	s, err := pvesim.Start(pvesim.Config{AuthDelay: -1, TaskTime: 0.001, LagTime: -1, Clusters: []pvesim.ClusterSpec{{
		Name: "lab", Nodes: []pvesim.NodeSpec{{Name: "pve1", CTs: []pvesim.ContainerSpec{{VMID: 100, Name: "web1", Running: true, MemMiB: 256, Protection: true,
			Description: "# notes", Config: map[string]string{"mp0": "local:100/x,mp=/srv,size=2G", "startup": "order=3,up=5"},
			Pending: map[string]string{"memory": "512", "mp0": ""}}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	cluster := s.Cluster("lab")
	c, ctx := simClient(t, cluster, tokenOf(t, cluster, "look", "PVEAuditor")), t.Context()

	cfg, err := c.Config(ctx, "pve1", 100)
	if err != nil || cfg.Hostname != "web1" || cfg.Memory != 256<<20 || !cfg.Protection || cfg.Description != "# notes" || len(cfg.Nets) == 0 ||
		len(cfg.MountPoints) != 1 || cfg.MountPoints[0].Size != 2<<30 || cfg.Startup.Order != 3 || cfg.RootFS.Storage == "" || cfg.Digest == "" {
		t.Errorf("%+v %v", cfg, err)
	}
	pending, err := c.Pending(ctx, "pve1", 100)
	if err != nil || len(pending) != 2 || pending[0].Key != "memory" || pending[0].Now != "256" || pending[0].Then != "512" || !pending[1].Delete {
		t.Errorf("%+v %v", pending, err)
	}
	live, err := c.CurrentDetail(ctx, "pve1", 100)
	if err != nil || live.PID == 0 || live.Uptime == 0 || live.MaxMem == 0 {
		t.Errorf("%+v %v", live, err)
	}
	for _, frame := range fleet.Frames() {
		all, err := c.History(ctx, "pve1", 100, frame)
		if err != nil || len(all) < 50 {
			t.Fatalf("%s: %d samples, %v", frame, len(all), err)
		}
		told := 0
		for _, s := range all {
			if s.CPU.Known() && s.MaxMem.Known() && s.NetIn.Known() && s.Pressure.Known() {
				told++
			}
		}
		if told < 10 || all[len(all)-1].At.Sub(all[0].At) > 13*frame.Span()/12 && frame != fleet.Hour {
			t.Errorf("%s: %d of %d samples are told, over %v", frame, told, len(all), all[len(all)-1].At.Sub(all[0].At))
		}
	}
}
