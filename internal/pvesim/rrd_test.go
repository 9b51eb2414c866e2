package pvesim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHistoryTimesAsRecorded asks at the recorded second and wants the recorded
// times.
func TestHistoryTimesAsRecorded(t *testing.T) {
	ck := newClock()
	_, _, at := lab(t, Config{Now: ck.now})
	via, compared := at("pve1"), 0
	for _, e := range recordedLive(t) {
		if !strings.HasSuffix(e.Path, "/rrddata") || e.Status != 200 || strings.Contains(e.Path, "storage") {
			continue
		}
		compared++
		date, err := http.ParseTime(e.Headers["date"])
		if err != nil {
			t.Fatal(err)
		}
		ck.ms.Store(date.UnixMilli())
		times := func(body []byte) (list []int64) {
			var rows struct{ Data []struct{ Time int64 } }
			if err := json.Unmarshal(body, &rows); err != nil {
				t.Fatal(err)
			}
			for _, r := range rows.Data {
				list = append(list, r.Time)
			}
			return list
		}
		got := times([]byte(via.get(e.Path + "?timeframe=" + e.Query["timeframe"].(string)).body))
		want := times(e.Body)
		if len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%s %s: %d rows from %d to %d, recorded %d from %d to %d", e.Path, e.Query, len(got), got[0], got[len(got)-1], len(want), want[0], want[len(want)-1])
		}
	}
	if compared < 5 {
		t.Errorf("only %d histories compared", compared)
	}
}

// TestHistoryHasGaps is about what is omitted: all of a time that nobody
// recorded, and the moving values of one when the container was off.
func TestHistoryHasGaps(t *testing.T) {
	ck := newClock()
	s, c, at := lab(t, Config{Now: ck.now, LagTime: time.Second})
	via := at("pve1")
	rows := func(query string) (list []map[string]any) {
		via.get("/nodes/pve2/lxc/102/rrddata?"+query).data(t, &list)
		return list
	}
	newest := func() map[string]any { list := rows("timeframe=hour"); return list[len(list)-1] }
	if r := newest(); r["cpu"] == nil || r["mem"].(float64) > r["maxmem"].(float64) || r["pressurecpusome"] == nil {
		t.Errorf("while it runs: %v", r)
	}
	highest := rows("timeframe=week&cf=MAX")
	for i, r := range rows("timeframe=week") {
		if r["cpu"] != nil && (r["cpu"].(float64) > 1 || highest[i]["cpu"].(float64) < r["cpu"].(float64)) {
			t.Fatalf("average %v, highest %v", r["cpu"], highest[i]["cpu"])
		}
	}
	full, empty, off := 0, 0, 0
	for _, r := range rows("timeframe=year") {
		switch {
		case len(r) == 1:
			empty++
		case r["cpu"] == nil:
			off++
		default:
			full++
		}
	}
	if full < 1000 || empty == 0 || off == 0 {
		t.Errorf("a year has %d full rows, %d gaps, %d of a stopped container", full, empty, off)
	}
	c.Act(102, "crash")
	ck.advance(5 * time.Minute)
	if r := newest(); r["cpu"] != nil || r["maxmem"] == nil {
		t.Errorf("stopped: %v", r)
	}
	set(t, s, "node-dead", "pve2")
	ck.advance(5 * time.Minute)
	if r := newest(); len(r) != 1 {
		t.Errorf("on a dead node: %v", r)
	}
	if res := via.get("/nodes/pve2/lxc/999/rrddata?timeframe=hour"); res.status != 500 || !strings.HasPrefix(res.reason, "RRD error") {
		t.Errorf("of none: %d %s", res.status, res.reason)
	}
}
