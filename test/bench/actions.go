package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/job"
	"berth/internal/secret"
	"berth/internal/store"
)

// mayAct lets the watcher's token act; it has to be so when Berth reads the token's rights.
func mayAct(r *rig) error {
	id, _, _ := strings.Cut(r.simSaid.Clusters[0].Token, "=")
	return r.control("POST", "/acl", map[string]any{"cluster": r.simSaid.Clusters[0].Name, "path": "/", "who": id, "role": "Administrator", "propagate": true}, nil)
}

// post sends a form as the signed-in person and returns where it leads.
func (r *rig) post(path string, form url.Values) (to string, took time.Duration, err error) {
	req, err := http.NewRequest(http.MethodPost, r.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", r.url)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.AddCookie(r.cookie)
	began := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return "", 0, fmt.Errorf("POST %s: %s", path, resp.Status)
	}
	return resp.Header.Get("Location"), time.Since(began), nil
}

// kept opens what Berth remembers, beside it.
func (r *rig) kept(ctx context.Context) (*store.Store, error) {
	dir := filepath.Join(r.dir, "data")
	ring, _, err := secret.LoadKey(secret.File(filepath.Join(dir, secret.KeyFileName)))
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Options{Dir: dir, Keyring: ring, Beside: true, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// guest is what is true of a container.
type guest struct {
	running bool
	name    string
}

// truth is what is true in the simulator of each container.
func (r *rig) truth() (map[int]guest, error) {
	var state struct {
		Clusters []struct {
			Guests []struct {
				VMID              int
				Kind, Lock, Name  string
				Running, Template bool
			}
		}
	}
	if err := r.control("GET", "/state", nil, &state); err != nil {
		return nil, err
	}
	runs := map[int]guest{}
	for _, g := range state.Clusters[0].Guests {
		if g.Kind == "lxc" && !g.Template && g.Lock == "" {
			runs[g.VMID] = guest{g.Running, g.Name}
		}
	}
	return runs, nil
}

// benchActions: one action after the other; from the click to its acceptance,
// and from the end of Proxmox's task to the event in an open stream.
func benchActions(ctx context.Context, t *table) error {
	r, err := start(ctx, size{1, 3, 30}, mayAct)
	if err != nil {
		return err
	}
	defer r.stop()
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	st, err := r.kept(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	clusters, err := st.AllClusters(ctx)
	if err != nil {
		return err
	}
	runs, err := r.truth()
	if err != nil {
		return err
	}
	var accepted, shown []time.Duration
	for range 2 {
		for vmid, g := range runs {
			if len(accepted) >= 30 {
				break
			}
			action := map[bool]string{true: "stop", false: "start"}[g.running]
			if g.name == "" {
				continue
			}
			_, took, err := r.post(fmt.Sprintf("/containers/%s/%d/%s", clusters[0].ID, vmid, action), url.Values{"key": {rand.Text()}, "seen": {g.name}})
			if err != nil {
				return err
			}
			accepted = append(accepted, took)
			late, err := r.untilShown(s, vmid, !g.running)
			if err != nil {
				return err
			}
			shown = append(shown, late)
			runs[vmid] = guest{!g.running, g.name}
		}
	}
	worst := quantile(accepted, 1)
	t.add("an action: from click to accepted", "< 100 ms", fmt.Sprintf("median %s, worst %s of %d", ms(median(accepted)), ms(worst), len(accepted)), worst < 100*time.Millisecond)
	worst = quantile(shown, 1)
	t.add("an action: from the end of Proxmox's task to the open tab", "< 1 s", fmt.Sprintf("median %s, worst %s of %d", ms(median(shown)), ms(worst), len(shown)), worst < time.Second)
	return nil
}

// untilShown waits until a container's state is true, and then until the stream shows it.
func (r *rig) untilShown(s *stream, vmid int, running bool) (late time.Duration, err error) {
	status := map[bool]string{true: "running", false: "stopped"}[running]
	var isSo time.Time
	for deadline := time.Now().Add(30 * time.Second); ; {
		if isSo.IsZero() {
			runs, err := r.truth()
			if err != nil {
				return 0, err
			}
			if runs[vmid].running == running {
				isSo = time.Now()
			}
		}
		pause := 5 * time.Millisecond
		if !isSo.IsZero() {
			pause = time.Until(deadline)
		}
		select {
		case e := <-s.events:
			if rowShows(e.data, vmid, status) {
				return max(e.at.Sub(isSo), 0), nil
			}
		case <-time.After(pause):
			if time.Now().After(deadline) {
				return 0, fmt.Errorf("container %d was not shown as %s within 30 s", vmid, status)
			}
		}
	}
}

func rowShows(data string, vmid int, status string) bool {
	var f struct{ Clusters []struct{ Rows [][]any } }
	if json.Unmarshal([]byte(data), &f) != nil {
		return false
	}
	for _, c := range f.Clusters {
		for _, row := range c.Rows {
			if len(row) > 3 && row[0] == float64(vmid) && row[3] == status {
				return true
			}
		}
	}
	return false
}

// pagesASecond is how often the whole dashboard is loaded while a plan runs: that of twenty people who reload it every second.
const pagesASecond = 20

// benchBulk: 500 containers on 20 nodes, stopped and started in one plan each,
// with the dashboard loaded meanwhile; rounds of idle and busy interleaved.
func benchBulk(ctx context.Context, t *table) error {
	r, err := start(ctx, size{1, 20, 500}, mayAct)
	if err != nil {
		return err
	}
	defer r.stop()
	st, err := r.kept(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := r.dropDelays(); err != nil {
		return err
	}
	var idle, busy, took []time.Duration
	most, bad, done := 0, 0, 0
	for round := range 4 {
		action, status := "stop", "running"
		if round%2 == 1 {
			action, status = "start", "stopped"
		}
		m, err := r.steadily("/", pagesASecond, 6*time.Second)
		if err != nil {
			return err
		}
		idle = append(idle, m.Latencies.P95)
		if err := r.control("DELETE", "/requests", nil, nil); err != nil {
			return err
		}
		began := time.Now()
		id, err := r.begin(action, status)
		if err != nil {
			return err
		}
		if m, err = r.steadily("/", pagesASecond, 6*time.Second); err != nil {
			return err
		}
		busy = append(busy, m.Latencies.P95)
		j, err := r.finished(ctx, st, id)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		bad += j.Tally.Bad()
		done = max(done, j.Tally.Done)
		now, err := r.mostAtOnce()
		if err != nil {
			return err
		}
		most = max(most, now)
		if err := wait(ctx, 12*time.Second); err != nil { // until the list has caught up
			return err
		}
	}
	cost, err := r.costOfPlan(ctx, st)
	if err != nil {
		return err
	}
	ratio := float64(median(busy)) / float64(median(idle))
	t.add("500 containers in one plan, 20 nodes: processor time of Berth for each", "-", ms(cost), true)
	t.add("500 containers in one plan, 20 nodes: most tasks at once on a node", "<= 4", fmt.Sprint(most), most <= 4)
	t.add("500 containers in one plan, 20 nodes: that did not go well", "0", fmt.Sprintf("%d (of %d a plan, 4 plans; a plan took %s)", bad, done, median(took).Round(100*time.Millisecond)), bad == 0)
	t.add("500 containers in one plan: p95 of / meanwhile, 20 a second", "<= 1.5 times idle", fmt.Sprintf("%.2f times (%s to %s)", ratio, ms(median(idle)), ms(median(busy))), ratio <= 1.5)
	return nil
}

// dropDelays takes the startup delays out of the containers, which Berth waits for, and leaves their order.
func (r *rig) dropDelays() error {
	var state struct {
		Clusters []struct {
			Name   string
			Guests []struct {
				VMID    int
				Startup string
			}
		}
	}
	if err := r.control("GET", "/state", nil, &state); err != nil {
		return err
	}
	c := state.Clusters[0]
	for _, g := range c.Guests {
		order, _, delayed := strings.Cut(g.Startup, ",")
		if !delayed {
			continue
		}
		if err := r.control("POST", "/act", map[string]any{"cluster": c.Name, "vmid": g.VMID, "what": "startup " + order}, nil); err != nil {
			return err
		}
	}
	return nil
}

// costOfPlan is the processor time of Berth for each container of a plan while nothing else is asked of it.
func (r *rig) costOfPlan(ctx context.Context, st *store.Store) (time.Duration, error) {
	var cost time.Duration
	var done int
	for _, action := range []string{"stop", "start"} {
		status := map[string]string{"stop": "running", "start": "stopped"}[action]
		before, err := cpuOf(r.berth.Process.Pid)
		if err != nil {
			return 0, err
		}
		id, err := r.begin(action, status)
		if err != nil {
			return 0, err
		}
		j, err := r.finished(ctx, st, id)
		if err != nil {
			return 0, err
		}
		after, err := cpuOf(r.berth.Process.Pid)
		if err != nil {
			return 0, err
		}
		cost, done = cost+after-before, done+j.Tally.Done
		if err := wait(ctx, 12*time.Second); err != nil {
			return 0, err
		}
	}
	return cost / time.Duration(max(done, 1)), nil
}

// begin plans an action on all that have a status, and begins it.
func (r *rig) begin(action, status string) (job.ID, error) {
	to, _, err := r.post("/actions", url.Values{"action": {action}, "key": {rand.Text()}, "all": {"1"}, "status": {status}})
	if err != nil {
		return "", err
	}
	if _, _, err := r.post(to+"/begin", url.Values{}); err != nil {
		return "", err
	}
	return job.ID(strings.TrimPrefix(to, "/jobs/")), nil
}

// finished waits for the end of a job.
func (r *rig) finished(ctx context.Context, st *store.Store, id job.ID) (job.Job, error) {
	clusters, err := st.AllClusters(ctx)
	if err != nil {
		return job.Job{}, err
	}
	for range 600 {
		j, err := st.Job(ctx, clusters[0].Owner, id)
		if err != nil || j.State == job.Finished {
			return j, err
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return j, err
		}
	}
	return job.Job{}, fmt.Errorf("the plan did not end within two minutes")
}

// mostAtOnce is the largest number of tasks that ran on any node at once.
func (r *rig) mostAtOnce() (most int, err error) {
	var counts map[string]struct {
		Tasks map[string]struct{ Most int }
	}
	if err := r.control("GET", "/requests", nil, &counts); err != nil {
		return 0, err
	}
	for _, c := range counts {
		for _, n := range c.Tasks {
			most = max(most, n.Most)
		}
	}
	return most, nil
}
