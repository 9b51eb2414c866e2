package watch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// seen is the sight of a healthy lab at noon.
func seen(t *testing.T) (*sight, *fakePVE) {
	t.Helper()
	c, f := lab()
	s := newSight(c)
	s.permissions = f.permissions
	s.takeStatus(f.status, noon)
	s.takeResources(f.res, noon)
	return s, f
}

func of(t *testing.T, s *sight, id fleet.VMID) fleet.Container {
	t.Helper()
	i := s.find(id)
	if i < 0 {
		t.Fatalf("container %d is gone", id)
	}
	return s.containers[i]
}

func TestConfirmedStateStandsAgainstTheLaggingList(t *testing.T) {
	stopped := func(g *Guest) { g.Status, g.Uptime, g.Mem, g.CPU = "stopped", 0, 0, 0 }
	cases := []struct {
		name      string
		confirmed func(*Guest)
		list      func(*Guest)
		after     time.Duration
		want      fleet.Status
		wantMem   int64
	}{
		{"stopped, list still says running", stopped, func(*Guest) {}, 9 * time.Second, fleet.Stopped, 0},
		{"stopped, list says running for good", stopped, func(*Guest) {}, 13 * time.Second, fleet.Running, 1 << 29},
		{"started, list still says stopped", func(g *Guest) { g.Uptime = time.Second }, stopped, 9 * time.Second, fleet.Running, 1 << 29},
		{"started, list says running without numbers", func(g *Guest) { g.Uptime = 2 * time.Second },
			func(g *Guest) { g.Uptime, g.Mem = 0, 0 }, 3 * time.Second, fleet.Running, 1 << 29},
		{"started, list has caught up", func(g *Guest) { g.Uptime = 2 * time.Second },
			func(g *Guest) { g.Uptime, g.Mem = 6*time.Second, 7 }, 5 * time.Second, fleet.Running, 7},
		{"rebooted, list tells of the run before", func(g *Guest) { g.Uptime = time.Second },
			func(g *Guest) { g.Mem = 7 }, 5 * time.Second, fleet.Running, 1 << 29},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f := seen(t)
			g := f.current[100]
			c.confirmed(&g)
			s.takeConfirmed("pve1", []Guest{g}, noon.Add(time.Second))
			f.guest(100, c.list)
			s.takeResources(f.res, noon.Add(time.Second+c.after))
			if got := of(t, s, 100); got.Status != c.want || got.Mem != c.wantMem {
				t.Errorf("it is %s with %d bytes of memory", got.Status, got.Mem)
			}
		})
	}
}

func TestListStepsBack(t *testing.T) {
	s, f := seen(t)
	g := f.current[100]
	g.Status, g.Uptime = "stopped", 0
	s.takeConfirmed("pve1", []Guest{g}, noon)
	for i, says := range []string{"running", "stopped", "running", "stopped"} {
		f.guest(100, func(g *Guest) { g.Status = says })
		s.takeResources(f.res, noon.Add(time.Duration(2+2*i)*time.Second))
		if got := of(t, s, 100); got.Status != fleet.Stopped {
			t.Fatalf("answer %d (%s) made it %s", i, says, got.Status)
		}
	}
}

func TestDeadNodesContainersStayAsLastSeen(t *testing.T) {
	shapes := map[string]func(*Guest){
		"unknown without a name":        func(g *Guest) { *g = Guest{VMID: g.VMID, Node: g.Node, Status: "unknown"} },
		"stopped":                       func(g *Guest) { g.Status, g.Uptime, g.Mem = "stopped", 0, 0 },
		"running with a frozen uptime":  func(*Guest) {},
		"not listed":                    func(g *Guest) { g.VMID = 0 },
		"unknown with numbers of nulls": func(g *Guest) { g.Status, g.MaxMem, g.MaxDisk, g.CPUs = "unknown", 0, 0, 0 },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			s, f := seen(t)
			before := of(t, s, 120)
			f.offline("pve3", true)
			s.takeStatus(f.status, noon.Add(8*time.Second))
			f.guest(120, shape)
			for i := range 5 {
				s.takeResources(f.res, noon.Add(time.Duration(10+10*i)*time.Second))
			}
			got := of(t, s, 120)
			if !got.Stale {
				t.Error("it is not marked stale")
			}
			got.Stale = false
			if got.Hostname != before.Hostname || got.Status != before.Status || got.MaxMem != before.MaxMem || got.Uptime != before.Uptime || !got.SeenAt.Equal(before.SeenAt) {
				t.Errorf("it was %+v and is %+v", before, got)
			}
		})
	}
}

func TestContainersThatVanish(t *testing.T) {
	s, f := seen(t)
	f.res.Guests = slices.DeleteFunc(f.res.Guests, func(g Guest) bool { return g.VMID == 101 || g.VMID == 121 })
	f.offline("pve3", true)
	s.takeResources(f.res, noon.Add(10*time.Second))
	if s.find(101) >= 0 {
		t.Error("a container that left a node that is up is still there")
	}
	if s.find(121) < 0 {
		t.Error("a container of a node that is down was lost")
	}
	f.res.Cut = true
	f.res.Guests = nil
	s.takeResources(f.res, noon.Add(20*time.Second))
	if len(s.containers) != 5 {
		t.Errorf("a list that was cut lost containers: %d are left", len(s.containers))
	}
}

func TestRecoveredElsewhere(t *testing.T) {
	s, f := seen(t)
	f.offline("pve3", true)
	s.takeStatus(f.status, noon.Add(5*time.Second))
	s.takeResources(f.res, noon.Add(6*time.Second))
	f.guest(120, func(g *Guest) { g.Node, g.Uptime = "pve1", 3*time.Second })
	e := s.takeResources(f.res, noon.Add(60*time.Second))
	if got := of(t, s, 120); got.Node != "pve1" || got.Stale {
		t.Errorf("it is on %s, stale %v", got.Node, got.Stale)
	}
	if !slices.ContainsFunc(e.confirms, func(c confirm) bool { return c.vmid == 120 && c.node == "pve1" }) {
		t.Error("its state is not confirmed where it is now")
	}
}

func TestOddRows(t *testing.T) {
	s, f := seen(t)
	evil := "\x1b[31mevil\u202e<script>"
	f.res.Guests = append(f.res.Guests,
		Guest{VMID: 99, Node: "pve1", Status: "running"},
		Guest{VMID: -1, Node: "pve1", Status: "running"},
		Guest{VMID: 500, Node: "../../etc", Status: "running"},
		Guest{VMID: 501, Node: "pve1", Status: "exploded", CPU: -0.1, Mem: -5, MaxMem: -5, Uptime: -time.Second, Name: evil, Lock: evil, Tags: []string{"B", "a", "a", " ", evil}},
		Guest{VMID: 502, Node: "pve2", Name: strings.Repeat("x", 9000), Status: "running", Uptime: 1 << 62},
		Guest{VMID: 100, Node: "pve2", Name: "twin", Status: "running"},
	)
	f.res.Nodes = append(f.res.Nodes, NodeRow{Name: "../x", Status: "online"}, NodeRow{Status: "online"})
	s.takeResources(f.res, noon.Add(10*time.Second))
	if len(s.containers) != 8 {
		t.Fatalf("%d containers", len(s.containers))
	}
	if len(s.nodes) != 3 {
		t.Errorf("%d nodes", len(s.nodes))
	}
	c := of(t, s, 501)
	if c.Status != fleet.Unknown || c.CPU != 0 || c.Mem != 0 || c.MaxMem != 0 || c.Uptime != 0 || len(c.Tags) != 3 || c.Tags[1] != "b" {
		t.Errorf("the odd one is %+v", c)
	}
	for _, text := range append([]string{c.Hostname, c.Lock}, c.Tags...) {
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("a steering character stayed in %q", text)
		}
	}
	if c := of(t, s, 502); len([]rune(c.Hostname)) > 255 || c.Uptime != 0 {
		t.Errorf("name of %d, uptime %s", len(c.Hostname), c.Uptime)
	}
	if c := of(t, s, 100); c.Hostname != "ct100" {
		t.Errorf("a second row of the VMID won: %s", c.Hostname)
	}
}

func TestLockIsDatedFromWhenItWasSeen(t *testing.T) {
	s, f := seen(t)
	f.guest(100, func(g *Guest) { g.Lock = "backup" })
	s.takeResources(f.res, noon.Add(10*time.Second))
	s.takeResources(f.res, noon.Add(2*time.Hour))
	c := of(t, s, 100)
	if !c.LockedAt.Equal(noon.Add(10 * time.Second)) {
		t.Errorf("locked at %s", c.LockedAt)
	}
	if why := c.NeedsAttention(noon.Add(2 * time.Hour)); !slices.Contains(why, fleet.AttnLocked) {
		t.Errorf("attention %v", why)
	}
	f.guest(100, func(g *Guest) { g.Lock = "snapshot" })
	s.takeResources(f.res, noon.Add(3*time.Hour))
	if c := of(t, s, 100); !c.LockedAt.Equal(noon.Add(3 * time.Hour)) {
		t.Errorf("the next lock is dated %s", c.LockedAt)
	}
}

func TestUnknownOnANodeThatIsUp(t *testing.T) {
	s, f := seen(t)
	f.guest(100, func(g *Guest) { *g = Guest{VMID: 100, Node: "pve1", Status: "unknown"} })
	e := s.takeResources(f.res, noon.Add(10*time.Second))
	if c := of(t, s, 100); c.Status != fleet.Unknown || c.Hostname != "ct100" || c.MaxMem != 1<<30 || c.Stale {
		t.Errorf("it is %+v", c)
	}
	if !slices.Contains(e.hurry, callStatus) {
		t.Error("the first sign of a dead node does not hurry the status")
	}
}

func TestRowAndStatusDisagree(t *testing.T) {
	s, f := seen(t)
	f.offline("pve2", true)
	e := s.takeResources(f.res, noon.Add(5*time.Second))
	if !slices.Contains(e.hurry, callStatus) {
		t.Error("a row that says offline does not hurry the status")
	}
	if s.up("pve2") {
		t.Error("pve2 is believed although its row says offline")
	}
	online := f.status
	online.Nodes = slices.Clone(online.Nodes)
	for i := range online.Nodes {
		online.Nodes[i].Online = true
	}
	s.takeStatus(online, noon.Add(6*time.Second))
	for i := range 5 {
		e = s.takeResources(f.res, noon.Add(time.Duration(15+10*i)*time.Second))
		if !s.up("pve2") || slices.Contains(e.hurry, callStatus) {
			t.Fatal("the status does not decide for good")
		}
	}
}

func TestPublishedPicturesNeverChange(t *testing.T) {
	s, f := seen(t)
	p := s.draw(drawing{})
	copied := slices.Clone(p.Containers)
	f.guest(100, func(g *Guest) { g.Status, g.Name = "stopped", "other" })
	s.takeResources(f.res, noon.Add(10*time.Second))
	s.takeConfirmed("pve1", []Guest{{VMID: 101, Status: "stopped", Name: "x"}}, noon.Add(11*time.Second))
	s.takeAddresses(110, []string{"10.0.0.7"}, noon.Add(12*time.Second))
	f.offline("pve3", true)
	s.takeStatus(f.status, noon.Add(13*time.Second))
	for i, c := range p.Containers {
		if c.Status != copied[i].Status || c.Hostname != copied[i].Hostname || c.Stale != copied[i].Stale || len(c.Addresses) != len(copied[i].Addresses) {
			t.Errorf("container %s of a published picture changed", c.ID)
		}
	}
}

func TestMembersJoinAndLeave(t *testing.T) {
	s, f := seen(t)
	f.status.Nodes = append(f.status.Nodes, Member{Name: "pve4", Address: "10.0.0.4", Online: true})
	e := s.takeStatus(f.status, noon.Add(10*time.Second))
	if len(e.members) != 4 || len(e.events) != 1 || e.events[0].kind != audit.MemberJoined {
		t.Fatalf("members %v, events %v", e.members, e.events)
	}
	if s.cluster.Members[1].Label != "attic" {
		t.Error("a label was lost")
	}
	f.status.Nodes = slices.DeleteFunc(f.status.Nodes, func(m Member) bool { return m.Name == "pve2" })
	if e = s.takeStatus(f.status, noon.Add(20*time.Second)); e.members != nil {
		t.Fatal("one list without it removed a member")
	}
	f.res.Nodes = slices.DeleteFunc(f.res.Nodes, func(n NodeRow) bool { return n.Name == "pve2" })
	e = s.takeResources(f.res, noon.Add(25*time.Second))
	if len(e.members) != 3 || len(e.events) == 0 || e.events[0].kind != audit.MemberLeft {
		t.Fatalf("members %v, events %v", e.members, e.events)
	}
	if c := of(t, s, 110); !c.Stale {
		t.Error("a container on a node that left is not stale")
	}
	f.res.Guests = slices.DeleteFunc(f.res.Guests, func(g Guest) bool { return g.Node == "pve2" })
	s.takeResources(f.res, noon.Add(35*time.Second))
	if s.find(110) >= 0 || s.nodes["pve2"] != nil {
		t.Error("what is left of the node that left is still there")
	}
}

func TestNotices(t *testing.T) {
	codes := func(s *sight) (codes []string) {
		for _, n := range s.draw(drawing{}).Notices {
			codes = append(codes, n.Code)
		}
		return codes
	}
	s, f := seen(t)
	if got := codes(s); got != nil {
		t.Errorf("a token that may see everything: %v", got)
	}
	s.permissions = fleet.Permissions{"/vms": {"VM.Audit": true}}
	for i := range f.res.Nodes {
		f.res.Nodes[i] = NodeRow{Name: f.res.Nodes[i].Name, Status: "online"}
	}
	s.forgetStatus()
	s.takeResources(f.res, noon.Add(10*time.Second))
	if got := codes(s); !slices.Equal(got, []string{"slow-updates", "no-node-numbers"}) {
		t.Errorf("without Sys.Audit: %v", got)
	}
	s.permissions = fleet.Permissions{"/vms/100": {"VM.PowerMgmt": true}}
	f.res.Guests = nil
	s.takeResources(f.res, noon.Add(20*time.Second))
	got := s.draw(drawing{}).Notices
	if len(got) == 0 || got[0].Code != "no-containers-visible" || !strings.Contains(got[0].Text, "VM.Audit") {
		t.Errorf("without VM.Audit: %v", got)
	}
	s.permissions = auditor()
	if got := codes(s); got != nil {
		t.Errorf("an empty fleet that may be seen: %v", got)
	}
}
