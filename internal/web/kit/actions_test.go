package kit

import (
	"context"
	"strings"
	"testing"
	"time"

	"berth/internal/fleet"
)

func barOf(status fleet.Status, busy *fleet.Busy) string {
	p := &fleet.ClusterPicture{Cluster: "c", Name: "lab", Quorate: true, SeenAt: time.Unix(1, 0)}
	c := fleet.Container{ID: fleet.ContainerID{Cluster: "c", VMID: 104}, Hostname: `w<b>"1`, Status: status}
	var b strings.Builder
	_ = ActionBar(ActionBarProps{Container: c, Acts: ActsOf(p, c, busy), Busy: busy, Key: "k3y"}).Render(context.Background(), &b)
	return b.String()
}

func TestActionBarHasEveryActionAndHidesNone(t *testing.T) {
	for status, has := range map[fleet.Status][]string{
		fleet.Running:   {`href="/containers/c/104/reboot" data-ask`, `action="/containers/c/104/shutdown"`, `already runs.</small>`},
		fleet.Stopped:   {`action="/containers/c/104/start" class="post-button" data-act`, `does not run.</small>`, `href="/containers/c/104/delete"`},
		fleet.Suspended: {`action="/containers/c/104/resume"`, `is suspended: resume it.</small>`},
		fleet.Unknown:   {`Proxmox does not know the state of`},
	} {
		got := barOf(status, nil)
		for _, rule := range fleet.ActionRules() {
			if !strings.Contains(got, ">"+rule.Title) {
				t.Errorf("%s: %s is hidden", status, rule.Title)
			}
		}
		for _, want := range append(has, `w&lt;b&gt;&#34;1`) {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the bar lacks %s\n%s", status, want, got)
			}
		}
		if strings.Contains(got, "<b>") {
			t.Errorf("%s: a name became markup", status)
		}
	}
}

func TestWhileBusyNothingCanBeSent(t *testing.T) {
	got := barOf(fleet.Running, &fleet.Busy{Doing: "Stopping", By: "alex@pve"})
	if strings.Contains(got, "<form") || strings.Contains(got, "data-ask") {
		t.Errorf("something can be sent: %s", got)
	}
	if n := strings.Count(got, "is under way, begun by alex@pve."); n < len(fleet.ActionRules()) {
		t.Errorf("the reason is told %d times", n)
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 420 * time.Millisecond: "0.4 s", 9 * time.Second: "9 s", 21400 * time.Millisecond: "21 s",
		185 * time.Second: "3 min 5 s", 2 * time.Minute: "2 min", 3 * time.Hour: "3 h", -time.Second: "0 s",
	} {
		if got := Took(d); got != want {
			t.Errorf("Took(%s) = %q, want %q", d, got, want)
		}
	}
}
