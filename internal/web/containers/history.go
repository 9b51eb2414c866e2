package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// chart is one diagram of the history.
type chart struct {
	Key, Title string
	Unit       string // "percent", "bytes" or "rate"
	Series     []series
}

// series is one line of a chart.
type series struct {
	Key, Name string
	Ink       int
	Dashed    bool // a limit, not a measurement
	of        func(fleet.Sample) fleet.Reading
}

func percent(of func(fleet.Sample) fleet.Reading) func(fleet.Sample) fleet.Reading {
	return func(s fleet.Sample) fleet.Reading { return of(s) * 100 }
}

var charts = []chart{
	{"cpu", "CPU", "percent", []series{{"cpu", "CPU", 1, false, percent(func(s fleet.Sample) fleet.Reading { return s.CPU })}}},
	{"memory", "Memory", "bytes", []series{
		{"mem", "Used", 1, false, func(s fleet.Sample) fleet.Reading { return s.Mem }},
		{"maxmem", "Allotted", 4, true, func(s fleet.Sample) fleet.Reading { return s.MaxMem }}}},
	{"network", "Network", "rate", []series{
		{"netin", "In", 1, false, func(s fleet.Sample) fleet.Reading { return s.NetIn }},
		{"netout", "Out", 2, false, func(s fleet.Sample) fleet.Reading { return s.NetOut }}}},
	{"io", "Disk traffic", "rate", []series{
		{"diskread", "Read", 1, false, func(s fleet.Sample) fleet.Reading { return s.DiskRead }},
		{"diskwrite", "Written", 2, false, func(s fleet.Sample) fleet.Reading { return s.DiskWrite }}}},
	{"disk", "Root disk", "bytes", []series{
		{"disk", "Used", 1, false, diskUsed},
		{"maxdisk", "Allotted", 4, true, func(s fleet.Sample) fleet.Reading { return s.MaxDisk }}}},
	pressure,
}

// diskUsed leaves out the zero that Proxmox notes while a container does not run.
func diskUsed(s fleet.Sample) fleet.Reading {
	if s.Disk == 0 {
		return fleet.NoReading()
	}
	return s.Disk
}

// pressure is drawn only where the node tells it.
var pressure = chart{"pressure", "Pressure", "percent", []series{
	{"pcpu", "CPU", 1, false, func(s fleet.Sample) fleet.Reading { return s.Pressure.CPUSome }},
	{"pio", "Disk", 2, false, func(s fleet.Sample) fleet.Reading { return s.Pressure.IOSome }},
	{"pmem", "Memory", 3, false, func(s fleet.Sample) fleet.Reading { return s.Pressure.MemorySome }}}}

// record is a frame of history as the page shows it.
type record struct {
	Frame   fleet.Frame
	Samples []fleet.Sample // with an empty one in each gap
	Charts  []chart
	part    fleet.Part[[]fleet.Sample]
}

func recordOf(d *fleet.Detail, f fleet.Frame) record {
	r := record{Frame: f, part: d.History[f]}
	r.Samples = withGaps(r.part.Value)
	for _, c := range charts {
		if c.Key != "pressure" || r.hasPressure() {
			r.Charts = append(r.Charts, c)
		}
	}
	return r
}

func (r record) hasPressure() bool {
	for _, s := range r.Samples {
		if s.Pressure.Known() {
			return true
		}
	}
	return false
}

// measured reports whether there is any number in it.
func (r record) measured() bool {
	for _, s := range r.Samples {
		if s.CPU.Known() || s.Mem.Known() || s.NetIn.Known() {
			return true
		}
	}
	return false
}

// empty is a sample of nothing.
func empty(at time.Time) fleet.Sample {
	none := fleet.NoReading()
	return fleet.Sample{At: at, CPU: none, MaxCPU: none, Mem: none, MaxMem: none, Disk: none, MaxDisk: none, NetIn: none, NetOut: none,
		DiskRead: none, DiskWrite: none, Pressure: fleet.Pressure{CPUSome: none, CPUFull: none, IOSome: none, IOFull: none, MemorySome: none, MemoryFull: none}}
}

// withGaps puts an empty sample where some are missing, so that no line is drawn across.
func withGaps(list []fleet.Sample) []fleet.Sample {
	if len(list) < 3 {
		return list
	}
	step := list[1].At.Sub(list[0].At)
	for i := 2; i < len(list); i++ {
		step = min(step, list[i].At.Sub(list[i-1].At))
	}
	out := make([]fleet.Sample, 0, len(list)+4)
	for i, s := range list {
		if i > 0 && s.At.Sub(list[i-1].At) > step+step/2 {
			out = append(out, empty(list[i-1].At.Add(step)))
		}
		out = append(out, s)
	}
	return out
}

// key names what the charts are, but not their numbers.
func (r record) key() string {
	var b strings.Builder
	fmt.Fprint(&b, r.Frame, r.measured())
	for _, c := range r.Charts {
		b.WriteString(" " + c.Key)
	}
	return b.String()
}

// data is what the charts are drawn from in the browser.
func (r record) data() []byte {
	out := struct {
		Frame  fleet.Frame          `json:"frame"`
		T      []int64              `json:"t"`
		Series map[string][]rounded `json:"series"`
	}{r.Frame, make([]int64, len(r.Samples)), map[string][]rounded{}}
	for i, s := range r.Samples {
		out.T[i] = s.At.Unix()
	}
	for _, c := range r.Charts {
		for _, line := range c.Series {
			values := make([]rounded, len(r.Samples))
			for i, s := range r.Samples {
				values[i] = rounded(line.of(s))
			}
			out.Series[line.Key] = values
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return []byte("{}") // numbers and words of ours always marshal
	}
	return b
}

// rounded is a reading with as many digits as anybody sees.
type rounded fleet.Reading

func (v rounded) MarshalJSON() ([]byte, error) {
	r := fleet.Reading(v)
	if !r.Known() {
		return []byte("null"), nil
	}
	f := float64(r)
	if math.Abs(f) < 1000 {
		f = math.Round(f*100) / 100
	} else {
		f = math.Round(f)
	}
	return json.Marshal(f)
}

// dataElement puts the data into the page, for the script that draws.
func dataElement(r record) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		// json.Marshal escapes < and >, so that nothing ends the element.
		if _, err := io.WriteString(w, `<script type="application/json" id="history">`); err != nil {
			return err
		}
		if _, err := w.Write(r.data()); err != nil {
			return err
		}
		_, err := io.WriteString(w, `</script>`)
		return err
	})
}

// summary is a line of a chart in four numbers.
type summary struct {
	Now, Mean, High, Low string
}

func (r record) sum(c chart, line series) summary {
	var last, total, high, low float64
	n := 0
	for _, s := range r.Samples {
		v := line.of(s)
		if !v.Known() {
			continue
		}
		last = float64(v)
		if n == 0 {
			high, low = last, last
		}
		high, low = max(high, last), min(low, last)
		total += last
		n++
	}
	if n == 0 {
		return summary{"–", "–", "–", "–"}
	}
	return summary{write(last, c.Unit), write(total/float64(n), c.Unit), write(high, c.Unit), write(low, c.Unit)}
}

// write is a value in its unit, as js/units.js writes it.
func write(f float64, unit string) string {
	switch unit {
	case "percent":
		return percentText(f)
	case "rate":
		return perSecond(f)
	}
	return kit.Bytes(int64(math.Round(f)))
}

func reading(v fleet.Reading, unit string) string {
	if !v.Known() {
		return "–"
	}
	return write(float64(v), unit)
}

// maxRows is how many lines the table of all values has.
const maxRows = 60

// rows are the samples of the table, the newest first: where there are too many, every so manyth.
func (r record) rows() []fleet.Sample {
	every := (len(r.Samples) + maxRows - 1) / maxRows
	var out []fleet.Sample
	for i := len(r.Samples) - 1; i >= 0; i -= max(every, 1) {
		out = append(out, r.Samples[i])
	}
	return out
}

// line is a line through readings as an SVG path in a box of 100 by 30, broken
// where there is none; area closes it to the ground. top is the value of the upper edge.
func (r record) line(of func(fleet.Sample) fleet.Reading, top float64, area bool) string {
	samples := thinned(r.Samples, 150)
	var b strings.Builder
	begun, from, x := false, 0.0, 0.0
	end := func() {
		if begun && area {
			fmt.Fprintf(&b, "L%.1f 30L%.1f 30Z", x, from)
		}
		begun = false
	}
	for i, s := range samples {
		v := of(s)
		if !v.Known() || top <= 0 {
			end()
			continue
		}
		x = float64(i) / float64(max(len(samples)-1, 1)) * 100
		y := 30 - min(float64(v)/top, 1)*29
		if begun {
			fmt.Fprintf(&b, "L%.1f %.1f", x, y)
		} else {
			begun, from = true, x
			fmt.Fprintf(&b, "M%.1f %.1f", x, y)
		}
	}
	end()
	return b.String()
}

// thinned takes every so manyth sample, so that at most so many are left.
func thinned(list []fleet.Sample, most int) []fleet.Sample {
	every := (len(list) + most - 1) / most
	if every < 2 {
		return list
	}
	out := make([]fleet.Sample, 0, most)
	for i := 0; i < len(list); i += every {
		out = append(out, list[i])
	}
	return out
}

// top is the greatest value of a chart's lines, and never so small that noise fills it.
func (r record) top(c chart) float64 {
	least := map[string]float64{"percent": 5, "rate": 1024, "bytes": 1 << 20}[c.Unit]
	for _, line := range c.Series {
		for _, s := range r.Samples {
			if v := line.of(s); v.Known() {
				least = max(least, float64(v))
			}
		}
	}
	return least * 1.08
}

var frameTitles = map[fleet.Frame]string{fleet.Hour: "Hour", fleet.Day: "Day", fleet.Week: "Week", fleet.Month: "Month", fleet.Year: "Year"}

// clockOf is a sample's time as the table writes it.
func clockOf(t time.Time, f fleet.Frame) string {
	t = t.UTC()
	switch f {
	case fleet.Hour:
		return t.Format("15:04")
	case fleet.Day:
		return t.Format("2 Jan, 15:04")
	case fleet.Week, fleet.Month:
		return t.Format("2 Jan, 15:04")
	}
	return t.Format("2 Jan 2006")
}
