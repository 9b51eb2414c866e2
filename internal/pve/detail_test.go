package pve

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

var (
	configPath  = regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/config$`)
	pendingPath = regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/pending$`)
	historyPath = regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/rrddata$`)
	currentPath = regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/status/current$`)
)

func TestRecordedDetails(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	tried := map[string]int{}
	for _, file := range recordings {
		for _, x := range recorded(t, file) {
			if x.Method != "GET" || x.Status != 200 {
				continue
			}
			p.now = x
			if m := configPath.FindStringSubmatch(x.Path); m != nil {
				tried["config"]++
				got, err := c.Config(t.Context(), m[1], number1(t, m[2]))
				checkConfig(t, x, got, err)
			}
			if m := pendingPath.FindStringSubmatch(x.Path); m != nil {
				got, err := c.Pending(t.Context(), m[1], number1(t, m[2]))
				if err != nil {
					t.Errorf("%s: %v", x.Case, err)
				}
				tried["pending"] += len(got)
			}
			if m := historyPath.FindStringSubmatch(x.Path); m != nil {
				got, err := c.History(t.Context(), m[1], number1(t, m[2]), fleet.Hour)
				checkHistory(t, x, got, err)
				tried["samples"] += len(got)
			}
			if m := currentPath.FindStringSubmatch(x.Path); m != nil {
				tried["current"]++
				got, err := c.CurrentDetail(t.Context(), m[1], number1(t, m[2]))
				if err != nil || got.Status == fleet.Unknown || got.PID > 0 && got.Status != fleet.Running || got.Pressure.Known() {
					t.Errorf("%s: %+v %v", x.Case, got, err)
				}
			}
		}
	}
	t.Log(tried)
	if tried["config"] == 0 || tried["pending"] == 0 || tried["samples"] == 0 || tried["current"] == 0 {
		t.Error("not all of them are in the recordings")
	}
}

// checkConfig compares what was read with the recorded keys.
func checkConfig(t *testing.T, x exchange, c fleet.Config, err error) {
	t.Helper()
	body := x.bodyText()
	if err != nil || c.Digest == "" || c.Cut || c.RootFS.Storage == "" || c.RootFS.Size == 0 || c.Arch == "" || c.Memory == 0 {
		t.Errorf("%s: %+v %v", x.Case, c, err)
	}
	if n := strings.Count(body, `"net`) - strings.Count(body, `"netin"`); n != len(c.Nets) {
		t.Errorf("%s: %d networks, want %d", x.Case, len(c.Nets), n)
	}
	for _, n := range c.Nets {
		if n.Name == "" || n.Bridge == "" || n.HWAddr == "" {
			t.Errorf("%s: %+v", x.Case, n)
		}
	}
	for key, have := range map[string]bool{"protection": c.Protection, "onboot": c.OnBoot, "unprivileged": c.Unprivileged, "template": c.Template} {
		if told := strings.Contains(body, `"`+key+`": 1`) || strings.Contains(body, `"`+key+`":1`); told != have {
			t.Errorf("%s: %s is %v", x.Case, key, have)
		}
	}
}

func checkHistory(t *testing.T, x exchange, all []fleet.Sample, err error) {
	t.Helper()
	if n := strings.Count(x.bodyText(), `"time"`); err != nil || len(all) != n {
		t.Errorf("%s: %d samples, want %d, %v", x.Case, len(all), n, err)
	}
	for i, s := range all {
		if i > 0 && !s.At.After(all[i-1].At) {
			t.Errorf("%s: %v after %v", x.Case, s.At, all[i-1].At)
		}
		if s.CPU.Known() && (s.CPU < 0 || s.CPU > 1.5) {
			t.Errorf("%s: load %v", x.Case, s.CPU)
		}
	}
}

func TestConfigAsks(t *testing.T) {
	f, c := served(t, data(`{"hostname":"a\u202eb","description":"# x\r\n\n  * y\u001b[31m\n","memory":"64","cores":2.0,"onboot":true,"net0":"name=eth0","mp1":null,"mp2":{"x":1},
		"lxc":[["lxc.cap.drop","a\nb"],["lxc.x",7],"odd",["short"],[null,"x"]],"":"nothing","digest":"d"}`))
	got, err := c.Config(t.Context(), "pve1", 100)
	if err != nil || got.Hostname != "ab" || got.Description != "# x\n\n  * y [31m" || got.Memory != 64<<20 || !got.OnBoot || len(got.Nets) != 1 ||
		len(got.MountPoints) != 0 || got.Digest != "d" {
		t.Errorf("%+v %v", got, err)
	}
	if want := []fleet.Option{{Key: "lxc.cap.drop", Value: "a b"}, {Key: "lxc.x", Value: "7"}}; !slices.Equal(got.Raw, want) {
		t.Errorf("lines %+v", got.Raw)
	}
	if r := f.seen()[0]; r.Form.Encode() != "current=1" {
		t.Errorf("asked with %q: without current, pending values are merged in", r.Form.Encode())
	}
	for _, odd := range []string{`null`, `[]`, `"x"`} {
		_, c := served(t, data(odd))
		_, err := c.Config(t.Context(), "pve1", 100)
		wants(t, err, problem.Garbled)
	}
}

func TestPending(t *testing.T) {
	_, c := served(t, data(`[{"key":"net10","value":"name=eth10","delete":1},{"key":"net2","value":"a","delete":"2"},{"key":"memory","value":64,"pending":"128"},
		{"key":"mp0","pending":"s:x,mp=/x"},{"key":"cores","value":1},{"key":"swap","value":0,"pending":0},{"key":"","pending":"x"},{"pending":"x"},7,
		{"key":"hostname","value":"a","pending":"b\u202e"},{"key":"tags","value":"a","pending":""},{"key":"arch","value":"amd64","pending":null}]`))
	got, err := c.Pending(t.Context(), "pve1", 100)
	want := []fleet.PendingChange{{Key: "hostname", Now: "a", Then: "b"}, {Key: "memory", Now: "64", Then: "128"}, {Key: "mp0", Then: "s:x,mp=/x"},
		{Key: "net2", Now: "a", Delete: true}, {Key: "net10", Now: "name=eth10", Delete: true}, {Key: "tags", Now: "a"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	_, c = served(t, data(`null`))
	if got, err := c.Pending(t.Context(), "pve1", 100); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestHistory(t *testing.T) {
	f, c := served(t, data(`[{"time":1800000120,"cpu":"0.5","mem":1e3,"pressurecpusome":"1.5"},{"time":1800000000,"cpu":-0.001,"maxmem":4},{"time":"1800000060"},
		{"time":1800000060,"cpu":1},{"cpu":1},{"time":0},{"time":-5},null]`))
	got, err := c.History(t.Context(), "pve1", 100, fleet.Week)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if got[0].At.Unix() != 1800000000 || got[0].CPU != 0 || got[0].MaxMem != 4 || got[0].Mem.Known() || got[0].Pressure.Known() {
		t.Errorf("%+v", got[0])
	}
	if got[1].CPU.Known() || got[2].CPU != 0.5 || got[2].Mem != 1000 || got[2].Pressure.CPUSome != 1.5 || got[2].Pressure.IOFull.Known() {
		t.Errorf("%+v", got[1:])
	}
	if r := f.seen()[0]; r.Form.Encode() != "cf=AVERAGE&timeframe=week" {
		t.Errorf("asked with %q", r.Form.Encode())
	}
	_, err = c.History(t.Context(), "pve1", 100, "decade")
	wants(t, err, problem.Invalid)
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestYoungContainerHasNoHistory(t *testing.T) {
	const text = "RRD error: opening '/var/lib/rrdcached/db/pve-vm-9.0/100': No such file or directory"
	_, c := served(t, says(500, text, `{"data":null,"message":"`+text+`\n"}`))
	if got, err := c.History(t.Context(), "pve1", 100, fleet.Hour); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	_, c = served(t, says(500, "RRD error: opening 'x': Permission denied", `{"data":null}`))
	_, err := c.History(t.Context(), "pve1", 100, fleet.Hour)
	wants(t, err, problem.Failed)
}

func TestHistoryIsBounded(t *testing.T) {
	_, c := served(t, func(w io.Writer, _ *http.Request) bool {
		var b strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&b, `,{"time":%d}`, 1_800_000_000+i)
		}
		return answer(w, 200, "OK", `{"data":[`+b.String()[1:]+`]}`)
	})
	got, err := c.History(t.Context(), "pve1", 100, fleet.Year)
	if err != nil || len(got) != maxSamples || got[len(got)-1].At.Unix() != 1_800_019_999 {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

func TestInterfacesAreBounded(t *testing.T) {
	_, c := served(t, func(w io.Writer, _ *http.Request) bool {
		var b, a strings.Builder
		for i := range 500 {
			fmt.Fprintf(&a, `,{"ip-address":"10.0.%d.%d","prefix":24}`, i/250, i%250+1)
			fmt.Fprintf(&b, `,{"name":"veth%d","hwaddr":"AA:BB"}`, i)
		}
		return answer(w, 200, "OK", `{"data":[{"name":"eth0","ip-addresses":[`+a.String()[1:]+`]}`+b.String()+`]}`)
	})
	got, err := c.Interfaces(t.Context(), "pve1", 100)
	if err != nil || len(got) != maxInterfaces || len(got[0].Addresses) != maxAddresses || got[1].HWAddr != "aa:bb" {
		t.Errorf("%d interfaces, %v", len(got), err)
	}
}

func TestCurrentDetail(t *testing.T) {
	_, c := served(t, data(`{"vmid":"100","name":"web1","status":"running","cpu":-0.1,"cpus":"1.5","mem":"5","maxmem":10,"swap":1,"maxswap":2,"disk":3,"maxdisk":4,"uptime":60,
		"pid":"2293","netin":7,"netout":8,"diskread":9,"diskwrite":10,"pressurecpusome":"0.25","pressureiofull":null,"lock":"backup","tags":"b;a","ha":{"managed":1,"state":"started"},"template":""}`))
	got, err := c.CurrentDetail(t.Context(), "pve1", 100)
	if err != nil || got.Name != "web1" || got.Status != fleet.Running || got.PID != 2293 || got.CPU != 0 || got.CPUs != 1.5 || got.Mem != 5 || got.MaxMem != 10 ||
		got.Swap != 1 || got.MaxSwap != 2 || got.Disk != 3 || got.MaxDisk != 4 || got.Uptime != time.Minute || got.NetIn != 7 || got.NetOut != 8 || got.DiskRead != 9 ||
		got.DiskWrite != 10 || got.Pressure.CPUSome != 0.25 || got.Pressure.IOFull.Known() || got.Lock != "backup" || !slices.Equal(got.Tags, []string{"a", "b"}) ||
		!got.HAManaged || got.HAState != "started" || got.Template {
		t.Errorf("%+v %v", got, err)
	}
}
