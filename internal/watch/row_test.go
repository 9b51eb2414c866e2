package watch

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/fleet"
)

func TestRowKeepsThePicture(t *testing.T) {
	s, f := seen(t)
	f.guest(100, func(g *Guest) { g.Lock, g.Pool, g.HA = "backup", "team", "started" })
	s.takeResources(f.res, noon.Add(10*time.Second))
	s.takeAddresses(100, []string{"10.0.0.100"}, noon.Add(11*time.Second))
	f.offline("pve3", true)
	s.takeStatus(f.status, noon.Add(12*time.Second))
	s.rights = &fleet.Rights{Permissions: fleet.Permissions{"/": {"Sys.Audit": true}, "/vms/100": {"VM.Audit": false}}, At: noon}
	want := s.draw(drawing{})
	data, err := encodeRow(want)
	if err != nil {
		t.Fatal(err)
	}
	r, err := decodeRow(data)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := lab()
	again := newSight(c)
	again.restore(r, noon.Add(time.Hour))
	got := again.draw(drawing{})
	for i := range want.Containers {
		a, b := want.Containers[i], got.Containers[i]
		if !a.SeenAt.Equal(b.SeenAt) || !a.LockedAt.Equal(b.LockedAt) {
			t.Errorf("times of %s moved", a.ID)
		}
		a.SeenAt, a.LockedAt, b.SeenAt, b.LockedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("kept %+v\n read %+v", a, b)
		}
	}
	if got.Rights == nil || !got.Rights.At.Equal(noon) || !reflect.DeepEqual(got.Rights.Permissions, want.Rights.Permissions) {
		t.Errorf("rights are read as %+v", got.Rights)
	}
	if n, _ := got.Node("pve3"); n.State != fleet.Unreachable || n.DownSeen.IsZero() {
		t.Errorf("pve3 is %+v", n)
	}
}

func packed(text string) []byte {
	var b bytes.Buffer
	b.WriteString("berth\x01")
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

func TestHostileRows(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":           nil,
		"not ours":        []byte("hello"),
		"another version": append([]byte("berth\x07"), packed("{}")[6:]...),
		"cut":             packed(`{"cts":[{"i":100,"n":"pve1","s":"running"}]}`)[:20],
		"no JSON":         packed("hello"),
		"wrong types":     packed(`{"cts":"x"}`),
	} {
		if _, err := decodeRow(data); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	r, err := decodeRow(packed(`{"at":99999999999999,"nodes":[{"n":"../x","s":"online"},{"n":"pve1","s":"exploded","d":-5}],
		"t":{"kind":"unauthorized","what":"Pay here."},"n":[{"code":"\u001b[2J"}],
		"cts":[{"i":100,"n":"pve1","s":"evil","h":"\u001b[31mx","u":-1,"m":-7},{"i":100,"n":"pve1","s":"running"},
		{"i":1,"n":"pve1","s":"running"},{"i":200,"n":"a/../b","s":"running"},{"i":150,"n":"pve1","s":"running","u":99999999999999}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := lab()
	s := newSight(c)
	s.restore(r, noon)
	p := s.draw(drawing{})
	if len(p.Containers) != 2 || p.Containers[0].ID.VMID != 100 || p.Containers[1].ID.VMID != 150 || len(p.Nodes) != 3 {
		t.Errorf("containers %+v, %d nodes", p.Containers, len(p.Nodes))
	}
	if x := p.Containers[0]; x.Status != fleet.Unknown || strings.Contains(x.Hostname, "\x1b") || x.Mem != 0 || x.Uptime != 0 {
		t.Errorf("container 100 is %+v", x)
	}
	if p.SeenAt.After(noon) || p.Trouble != nil || p.Nodes[0].State != fleet.NotSeen {
		t.Errorf("seen %s, trouble %+v, pve1 %s", p.SeenAt, p.Trouble, p.Nodes[0].State)
	}
}

func TestRowOfAnyVersionLeavesTheRestAlone(t *testing.T) {
	bomb := packed(`{"v":"` + strings.Repeat(" ", 40<<20) + `"}`)
	if _, err := decodeRow(bomb); err == nil {
		t.Error("a row of 40 MiB was taken")
	}
}

func FuzzRow(f *testing.F) {
	f.Add([]byte(`{"cts":[{"i":100,"n":"pve1","s":"running","g":["a"],"a":["10.0.0.1"]}],"nodes":[{"n":"pve1","s":"online"}]}`))
	f.Add([]byte(`{"t":{"kind":"refused","what":"x","since":"2020-01-01T00:00:00Z"},"n":[{}]}`))
	f.Add([]byte(`{"cts":[{"i":-1},{"i":1e3,"n":"é"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decodeRow(packed(string(text)))
		if err != nil {
			return
		}
		c, _ := lab()
		s := newSight(c)
		s.restore(r, noon)
		p := s.draw(drawing{})
		if !slices.IsSortedFunc(p.Containers, func(a, b fleet.Container) int { return int(a.ID.VMID) - int(b.ID.VMID) }) {
			t.Error("containers are out of order")
		}
		for _, c := range p.Containers {
			if c.ID.Cluster != "c1" || !fleet.ValidNodeName(c.Node) || c.ID.VMID < fleet.MinVMID || c.Uptime < 0 || c.Mem < 0 {
				t.Errorf("container %+v", c)
			}
		}
		if _, err := encodeRow(p); err != nil {
			t.Errorf("it cannot be kept again: %v", err)
		}
	})
}
