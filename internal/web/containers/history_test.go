package containers

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"berth/internal/fleet"
)

func TestGapsAreGaps(t *testing.T) {
	r := record{Frame: fleet.Hour, Samples: withGaps(hour(false)), Charts: charts[:3]}
	var got struct {
		T      []int64
		Series map[string][]*float64
	}
	if err := json.Unmarshal(r.data(), &got); err != nil {
		t.Fatal(err)
	}
	cpu := got.Series["cpu"]
	if len(got.T) != 8 || len(cpu) != 8 {
		t.Fatalf("%d times, %d values", len(got.T), len(cpu))
	}
	// The third was not measured, the sixth is missing altogether.
	for i, v := range cpu {
		if gap := i == 2 || i == 5; gap != (v == nil) {
			t.Errorf("sample %d is %v", i, v)
		}
	}
	if *cpu[1] != 10 || *got.Series["mem"][1] != 2<<30 {
		t.Errorf("cpu %v, mem %v", *cpu[1], *got.Series["mem"][1])
	}
	if n := strings.Count(r.line(charts[0].Series[0].of, 100, false), "M"); n != 3 {
		t.Errorf("the line has %d pieces, want 3", n)
	}
}

func TestAFullYearStaysSmall(t *testing.T) {
	var list []fleet.Sample
	for i := range 1460 {
		s := empty(noon.Add(time.Duration(i) * 6 * time.Hour))
		s.CPU, s.Mem, s.NetIn = 0.123456789, 123456789.123, fleet.Reading(i)
		list = append(list, s)
	}
	r := record{Frame: fleet.Year, Samples: withGaps(list), Charts: charts}
	if len(r.Samples) != 1460 || len(r.rows()) > maxRows || len(r.line(charts[0].Series[0].of, 100, true)) > 4000 || len(r.data()) > 150_000 {
		t.Errorf("%d samples, %d rows, a path of %d bytes, data of %d bytes", len(r.Samples), len(r.rows()),
			len(r.line(charts[0].Series[0].of, 100, true)), len(r.data()))
	}
}

func TestSummary(t *testing.T) {
	r := record{Samples: hour(false)}
	if got := r.sum(charts[0], charts[0].Series[0]); got != (summary{"70 %", "35 %", "70 %", "0 %"}) {
		t.Errorf("%+v", got)
	}
	if got := (record{Samples: []fleet.Sample{empty(noon)}}).sum(charts[0], charts[0].Series[0]); got != (summary{"–", "–", "–", "–"}) {
		t.Errorf("of nothing: %+v", got)
	}
	if (record{}).measured() || !r.measured() {
		t.Error("measured")
	}
}

func TestPressureIsDrawnWhereItIsTold(t *testing.T) {
	for pressed, want := range map[bool]int{true: len(charts), false: len(charts) - 1} {
		d := &fleet.Detail{History: map[fleet.Frame]fleet.Part[[]fleet.Sample]{fleet.Day: {Value: hour(pressed), SeenAt: noon}}}
		if got := len(recordOf(d, fleet.Day).Charts); got != want {
			t.Errorf("told: %v, %d charts", pressed, got)
		}
	}
}
