package fleet

import (
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDetailIsKeptWhole(t *testing.T) {
	at := time.UnixMilli(1795457433123).UTC()
	d := Detail{
		ID: ContainerID{"c1", 100}, Node: "pve1",
		Live:       Part[Live]{Value: Live{Name: "web1", Status: Running, PID: 7, Uptime: time.Hour}, SeenAt: at},
		Config:     Part[Config]{Value: ParseConfig([]Option{{"net0", "name=eth0"}, {"rootfs", "s:v,size=1G"}, {"startup", "3"}}, nil), SeenAt: at},
		Pending:    Part[[]PendingChange]{Value: []PendingChange{{Key: "memory", Now: "64", Then: "128"}}, SeenAt: at},
		Interfaces: Part[[]Interface]{Value: []Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")}}}, SeenAt: at},
		History:    map[Frame]Part[[]Sample]{Hour: {Value: []Sample{{At: at, CPU: 0.25, Mem: NoReading()}}, SeenAt: at}},
		Tasks:      Part[[]Task]{Trouble: &Trouble{Kind: "node-down", What: "pve1 cannot be reached.", Since: at}},
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got Detail
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if mem := got.History[Hour].Value[0].Mem; mem.Known() {
		t.Errorf("a gap became %v", mem)
	}
	got.History[Hour].Value[0].Mem, d.History[Hour].Value[0].Mem = 0, 0 // NaN equals nothing
	if !reflect.DeepEqual(got, d) {
		t.Errorf("%+v\nbecame\n%+v", d, got)
	}
	if got.Tasks.Seen() || !got.Live.Seen() {
		t.Error("what was seen is not what was seen")
	}
}

func TestReading(t *testing.T) {
	b, err := json.Marshal([]Reading{0, 0.5, -1, NoReading(), Reading(math.Inf(1)), 1e300})
	if err != nil || string(b) != "[0,0.5,-1,null,null,1e+300]" {
		t.Errorf("%s %v", b, err)
	}
	var r []Reading
	if err := json.Unmarshal([]byte("[1,null]"), &r); err != nil || r[0] != 1 || r[1].Known() {
		t.Errorf("%v %v", r, err)
	}
	if err := json.Unmarshal([]byte(`["1"]`), &r); err == nil {
		t.Error("a string was taken for a number")
	}
}

func TestParseFrame(t *testing.T) {
	last := time.Duration(0)
	for _, f := range Frames() {
		if got, ok := ParseFrame(string(f)); !ok || got != f || f.Span() <= last {
			t.Errorf("%s: %v %v %v", f, got, ok, f.Span())
		}
		last = f.Span()
	}
	for _, s := range []string{"", "decade", "Hour", "hour ", "hour&cf=MAX"} {
		if _, ok := ParseFrame(s); ok {
			t.Errorf("%q was taken for a frame", s)
		}
	}
}

func TestParseVMID(t *testing.T) {
	for s, want := range map[string]VMID{"100": 100, "999999999": 999999999, "99": 0, "1000000000": 0, "0100": 0, "+100": 0, "": 0, "1e3": 0, "100 ": 0, strings.Repeat("9", 50): 0} {
		if id, ok := ParseVMID(s); id != want || ok != (want != 0) {
			t.Errorf("%q is %v %v", s, id, ok)
		}
	}
}
