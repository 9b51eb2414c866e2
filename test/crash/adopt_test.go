package crash

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/job"
)

// adoptBy is how long after the death of the replica that worked another one has ended its work: the lease runs
// out, the other looks every 5 s, and what became of a lost call is looked for a few times.
const adoptBy = leaseTime + leaseSlack + 10*time.Second

// left is an action that a replica leaves behind at an instant.
type left struct {
	instant
	action, doing, before string
}

var leftBehind = []left{
	{instants[0], "stop", "Stopping", "start"},
	{instants[1], "start", "Starting", "stop"},
	{instants[2], "shutdown", "Shutting down", "start"},
}

func (l left) call() string { return "POST /nodes/{node}/lxc/{vmid}/status/" + l.action }

// Of two replicas on one database the one dies that has actions under way. While it
// lives the other one refuses a second action on their containers, with what goes
// on; afterwards it goes on with them, asks Proxmox for nothing twice, and the containers are free.
func TestAnotherReplicaGoesOn(t *testing.T) {
	t.Parallel() // most of it is waiting for a lease
	s := newScene(t, onPostgreSQL(t))
	s.lab.SetACL("/", s.tokenID, "Administrator", true)
	cluster := s.withNode()
	const first = 800
	name := func(i int) string { return fmt.Sprint("crash", first+i) }
	path := func(i int) string { return fmt.Sprintf("/containers/%s/%d/%s", cluster, first+i, leftBehind[i].action) }
	for i, l := range leftBehind {
		s.hands(first+i, fmt.Sprintf("create %s pve%d", name(i), 1+i))
		if l.before == "start" {
			s.hands(first+i, "start")
		}
	}
	free := []func(){s.fault("slow-tasks", "", map[string]string{"factor": "100"})}
	s.lab.ResetRequests()
	for i, l := range leftBehind {
		wait(s, "the container is seen", patience, func() bool { return s.seenAs(name(i), l.before) })
		if !l.running {
			free = append(free, s.fault("held", "", map[string]string{"call": l.call(), "stage": l.stage}))
		}
		s.b.leads(path(i), s.b.form(s.b.get(path(i)), path(i))) // one replica is there: it has the work
	}
	wait(s, "the points are reached", patience, func() bool { return s.lab.Requests().Held == 2 && s.step(cluster, first+2).UPID != "" })

	mine := s.at
	mine.dir = filepath.Join(t.TempDir(), "other")
	other := serve(t, nil, append(mine.args(), "--allow-node", s.allow)...)
	beside := &browser{t: t, base: other.url, jar: s.b.jar, http: s.b.http}
	s.seeAll(beside)
	for i, l := range leftBehind {
		p := beside.post(path(i), beside.form(beside.get(path(i)), path(i)))
		if p.status != http.StatusConflict || !strings.Contains(p.body, l.doing+" "+name(i)) || !strings.Contains(p.body, "begun by "+user+"@"+realm) {
			t.Errorf("a second %s by the other replica: %v", l.action, p)
		}
	}

	s.berth.kill()
	died := time.Now()
	for _, f := range free {
		f()
	}
	s.berth = other
	s.b.moved(other.url)
	for i, l := range leftBehind {
		wait(s, "the other replica ends the "+l.action, adoptBy, func() bool { return s.step(cluster, first+i).State.Ended() })
		st := s.step(cluster, first+i)
		t.Logf("%s, %s: ended %v after the death: %s", l.action, l.name, time.Since(died).Round(100*time.Millisecond), st.Detail)
		if st.State != l.state || !strings.Contains(st.Detail, l.says) || st.Attempt != 2 {
			t.Errorf("%s ended %s at attempt %d: %s", l.action, st.State, st.Attempt, st.Detail)
		}
		if n := s.lab.Requests().Calls[l.call()]; n != 1 {
			t.Errorf("Proxmox was asked for the %s %d times", l.action, n)
		}
	}
	for i := range leftBehind {
		s.free(cluster, first+i, s.step(cluster, first+i))
		if now := s.step(cluster, first+i); now.State != job.Done {
			t.Errorf("the next action ended %s: %s", now.State, now.Detail)
		}
	}
	if open := s.begun(); open[audit.ContainerStop]+open[audit.ContainerStart]+open[audit.ContainerShutdown] != 0 {
		t.Errorf("intents without a result: %v", open)
	}
}
