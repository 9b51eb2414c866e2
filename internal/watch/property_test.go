package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// world is what is true of a simulated cluster, whatever its lists say.
type world struct {
	id    fleet.ClusterID
	dead  map[string]bool
	where map[fleet.VMID]string
	s     *sight
	at    time.Time
	known map[fleet.VMID]bool // was in the sight while its node lived
	drawn []*fleet.ClusterPicture
	marks []uint64
}

var propertyNodes = []string{"pve1", "pve2", "pve3"}

func newWorld(id fleet.ClusterID) *world {
	c := fleet.Cluster{ID: id, Owner: "ann", Name: string(id)}
	for _, n := range propertyNodes {
		c.Members = append(c.Members, fleet.Member{Name: n})
	}
	w := &world{id: id, dead: map[string]bool{}, where: map[fleet.VMID]string{}, s: newSight(c), at: noon, known: map[fleet.VMID]bool{}}
	for i := range 6 {
		w.where[fleet.VMID(100+i)] = propertyNodes[i%3]
	}
	w.status()
	w.resources("frozen")
	return w
}

func (w *world) name(id fleet.VMID) string { return fmt.Sprintf("%s-ct%d", w.id, id) }

func (w *world) guest(id fleet.VMID) Guest {
	return Guest{VMID: id, Node: w.where[id], Name: w.name(id), Status: "running", MaxMem: 1 << 30, Mem: 1 << 20, Uptime: time.Hour}
}

// resources delivers the list, with the containers of dead nodes in one of the shapes that Proxmox gives them.
func (w *world) resources(shape string) {
	var r Resources
	for _, n := range propertyNodes {
		row := NodeRow{Name: n, Status: "online", Numbers: true, MaxMem: 1 << 40}
		if w.dead[n] {
			row = NodeRow{Name: n, Status: "offline"}
		}
		r.Nodes = append(r.Nodes, row)
	}
	for id := range w.where {
		g := w.guest(id)
		if w.dead[g.Node] {
			switch shape {
			case "unknown":
				g = Guest{VMID: id, Node: g.Node, Status: "unknown"}
			case "stopped":
				g.Status, g.Uptime, g.Mem = "stopped", 0, 0
			case "missing":
				continue
			}
		}
		r.Guests = append(r.Guests, g)
	}
	w.s.takeResources(r, w.at)
}

func (w *world) status() {
	st := Status{Cluster: true, Quorate: true}
	for _, n := range propertyNodes {
		st.Nodes = append(st.Nodes, Member{Name: n, Online: !w.dead[n], Local: n == "pve1"})
	}
	w.s.takeStatus(st, w.at)
}

// step makes one thing happen, or delivers one answer.
func (w *world) step(t *rapid.T) {
	w.at = w.at.Add(time.Duration(rapid.IntRange(0, 15000).Draw(t, "ms")) * time.Millisecond)
	node := rapid.SampledFrom(propertyNodes[1:]).Draw(t, "node")
	id := fleet.VMID(rapid.IntRange(100, 108).Draw(t, "vmid"))
	on, exists := w.where[id]
	switch what := rapid.SampledFrom([]string{"kill", "revive", "create", "delete", "move", "list", "status", "confirm", "whole node",
		"node call failed", "nobody answers", "addresses", "restart"}).Draw(t, "what"); what {
	case "kill":
		w.dead[node] = true
	case "revive":
		w.dead[node] = false
	case "create":
		if !exists && !w.dead[node] {
			w.where[id] = node
		}
	case "delete":
		if exists && !w.dead[on] {
			delete(w.where, id)
			delete(w.known, id)
		}
	case "move":
		if exists && !w.dead[node] {
			w.where[id] = node // by hand, or by HA from a dead node
			delete(w.known, id)
		}
	case "list":
		w.resources(rapid.SampledFrom([]string{"frozen", "unknown", "stopped", "missing"}).Draw(t, "shape"))
	case "status":
		w.status()
	case "confirm":
		if exists && !w.dead[on] {
			w.s.takeConfirmed(on, []Guest{w.guest(id)}, w.at)
		}
	case "whole node":
		if !w.dead[node] {
			var guests []Guest
			for id, n := range w.where {
				if n == node {
					guests = append(guests, w.guest(id))
				}
			}
			w.s.takeConfirmed(node, guests, w.at)
		}
	case "node call failed":
		w.s.failNode(node, problem.New(problem.NodeDown, node+" cannot be reached.", ""), w.at)
	case "nobody answers":
		w.s.fail(problem.New(problem.Refused, "Refused.", ""), w.at)
	case "addresses":
		w.s.takeAddresses(id, []string{string(w.id)}, w.at)
	case "restart":
		w.restart(t)
	}
}

func (w *world) restart(t *rapid.T) {
	data, err := encodeRow(w.s.draw(drawing{}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := decodeRow(data)
	if err != nil {
		t.Fatal(err)
	}
	w.s = newSight(w.s.cluster)
	w.s.restore(r, w.at)
}

// check says what must hold after every step.
func (w *world) check(t *rapid.T) {
	p := w.s.draw(drawing{})
	for i, c := range p.Containers {
		if c.ID.Cluster != w.id || c.Hostname != "" && !strings.HasPrefix(c.Hostname, string(w.id)+"-") {
			t.Fatalf("a container of another cluster: %+v", c)
		}
		if len(c.Addresses) > 0 && c.Addresses[0] != string(w.id) {
			t.Fatalf("addresses of another cluster's container: %v", c.Addresses)
		}
		if i > 0 && p.Containers[i-1].ID.VMID >= c.ID.VMID {
			t.Fatal("containers are out of order")
		}
		n, ok := p.Node(c.Node)
		if !ok {
			t.Fatalf("%s is on no node", c.ID)
		}
		if down := n.State == fleet.Unreachable || p.Trouble != nil; down != c.Stale {
			t.Fatalf("%s is stale %v while its node is %s and the trouble %v", c.ID, c.Stale, n.State, p.Trouble)
		}
		if w.known[c.ID.VMID] && c.Hostname == "" {
			t.Fatalf("%s lost its name", c.ID)
		}
	}
	for id := range w.known {
		if w.dead[w.where[id]] && w.s.find(id) < 0 {
			t.Fatalf("container %d of a dead node was lost", id)
		}
	}
	for id, n := range w.where {
		if i := w.s.find(id); i >= 0 && !w.dead[n] && w.s.containers[i].Node == n && w.s.containers[i].Hostname != "" {
			w.known[id] = true
		}
	}
	w.drawn, w.marks = append(w.drawn, p), append(w.marks, markOf(p))
}

func TestWhateverComesInWhateverOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worlds := []*world{newWorld("c1"), newWorld("c2")} // same node names, same VMIDs
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			w := rapid.SampledFrom(worlds).Draw(t, "cluster")
			w.step(t)
			for _, w := range worlds {
				w.check(t)
			}
		}
		for _, w := range worlds {
			for i, p := range w.drawn {
				if markOf(p) != w.marks[i] {
					t.Fatal("a published picture changed")
				}
			}
		}
	})
}

func TestBudgetWhateverIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, f := lab()
		s := newSight(c)
		s.permissions = f.permissions
		a := newAgenda(usualPace, func() float64 { return 0.5 })
		now := noon
		var spent []time.Time
		for range 300 {
			now = now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 9).Draw(t, "event") {
			case 0:
				a.look(!a.looked, now)
			case 1, 2:
				id := fleet.VMID(rapid.IntRange(100, 130).Draw(t, "vmid"))
				a.want([]confirm{{node: rapid.SampledFrom(propertyNodes).Draw(t, "node"), vmid: id, by: now.Add(lag), why: because{finished: id%2 == 0}}})
			case 3:
				a.hurried[rapid.SampledFrom(lists).Draw(t, "list")] = true
			case 4:
				a.failed(now, now)
			case 5:
				a.succeeded(now)
			}
			for {
				c, wait := a.next(now, s, lanes{})
				if c.kind == callNone {
					if wait <= 0 {
						t.Fatalf("nothing is due, and the wait is %s", wait)
					}
					break
				}
				a.start(c, now)
				a.taken(c)
				if c.kind == callVersion {
					s.version = "9.2.11"
				}
				if n := s.nodes[c.node]; n != nil {
					n.versionAt = now
				}
				spent = append(spent, now)
			}
			recent := len(spent) - slices.IndexFunc(spent, func(at time.Time) bool { return now.Sub(at) < time.Minute })
			if len(spent) > 0 && now.Sub(spent[len(spent)-1]) < time.Minute && recent > budgetLooked {
				t.Fatalf("%d requests within a minute", recent)
			}
		}
	})
}
