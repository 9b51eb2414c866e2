package pve

import (
	"context"
	"io"
	"slices"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// maxNotes is above Proxmox's own limit on a description, 8 KiB, and on a property string.
const maxNotes = 16 << 10

// Config is a container's configuration as it is in force; what is pending is
// left to Pending. It needs VM.Audit and takes some 5 ms. A container that is
// not on that node is a Gone problem.
func (c *Client) Config(ctx context.Context, node string, id fleet.VMID) (fleet.Config, error) {
	call, err := getGuest("reading the configuration of CT "+id.String(), node, id, "config")
	if err != nil {
		return fleet.Config{}, err
	}
	call.params = params{"current": flag(true)}
	var v value
	err = c.do(ctx, call, func(body io.Reader) (err error) {
		v, err = readTree(body, maxNotes)
		return err
	})
	if err != nil {
		return fleet.Config{}, err
	}
	if v.kind != object {
		return fleet.Config{}, c.oddAnswer(call.doing)
	}
	var options, raw []fleet.Option
	for _, f := range v.fields {
		if f.key == "lxc" {
			raw = rawLines(f.value)
			continue
		}
		if o, ok := option(f.key, f.value); ok {
			options = append(options, o)
		}
	}
	return fleet.ParseConfig(options, raw), nil
}

func option(key string, v value) (fleet.Option, bool) {
	o := fleet.Option{Key: clean(key), Value: said(key, v)}
	return o, o.Key != "" && (v.kind == text || v.kind == number || v.kind == boolean)
}

// said is an option's value: one clean line, or the lines of a description.
func said(key string, v value) string {
	if key == "description" {
		return notes(v.raw())
	}
	return cut(v.line(), maxString)
}

// rawLines are pairs of key and value, in the order of the file; a key may repeat.
func rawLines(v value) []fleet.Option {
	var all []fleet.Option
	for _, pair := range v.items {
		if len(pair.items) == 2 && pair.items[0].line() != "" {
			all = append(all, fleet.Option{Key: pair.items[0].line(), Value: cut(pair.items[1].line(), maxString)})
		}
	}
	return all
}

// notes is a text of several lines without control characters and direction marks.
func notes(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		// clean trims, and Markdown has a meaning for blanks at a line's begin.
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		lines[i] = indent + clean(l)
	}
	return strings.Join(lines, "\n")
}

// Pending lists the options that wait for the container's next start, by key. It
// needs VM.Audit and takes some 5 ms. (GET /nodes/{node}/lxc/{vmid}/pending also
// lists what is in force, which is left out.)
func (c *Client) Pending(ctx context.Context, node string, id fleet.VMID) ([]fleet.PendingChange, error) {
	call, err := getGuest("reading the pending changes of CT "+id.String(), node, id, "pending")
	if err != nil {
		return nil, err
	}
	l, err := list(ctx, c, call, pendingRow)
	if err != nil {
		return nil, err
	}
	changes := slices.DeleteFunc(l.Rows, func(p fleet.PendingChange) bool { return p.Then == p.Now && !p.Delete })
	slices.SortStableFunc(changes, func(a, b fleet.PendingChange) int { return fleet.NaturalOrder(a.Key, b.Key) })
	return slices.Clip(changes), nil
}

// pendingRow gives also what is in force, with Then the same as Now. delete is 1, or 2 for a forced one.
func pendingRow(v value) (fleet.PendingChange, bool) {
	key := v.get("key").line()
	p := fleet.PendingChange{Key: key, Now: said(key, v.get("value")), Delete: v.get("delete").size() > 0}
	p.Then = p.Now
	switch then := v.get("pending"); {
	case p.Delete:
		p.Then = ""
	case !then.isNothing():
		p.Then = said(key, then)
	}
	return p, key != ""
}

// maxSamples is above what Proxmox gives for any frame, 1440 for a day.
const maxSamples = 5000

// History is a container's past as the node that runs it has kept it (GET
// /nodes/{node}/lxc/{vmid}/rrddata, cf=AVERAGE), the oldest first. It needs
// VM.Audit. An hour is about 15 KB, a day 330, a year 310; 70 to 1500 samples.
// What was not measured is a missing reading. A container that is too young to
// have a history has none, which is no error; after a move it begins anew.
func (c *Client) History(ctx context.Context, node string, id fleet.VMID, frame fleet.Frame) ([]fleet.Sample, error) {
	if _, ok := fleet.ParseFrame(string(frame)); !ok {
		return nil, problem.New(problem.Invalid, "History goes by hour, day, week, month or year.", "")
	}
	call, err := getGuest("reading the history of CT "+id.String(), node, id, "rrddata")
	if err != nil {
		return nil, err
	}
	call.params = params{"timeframe": string(frame), "cf": "AVERAGE"}
	l, err := list(ctx, c, call, sampleRow)
	if p := problem.Of(err); p != nil && p.Kind == problem.Failed && strings.HasPrefix(p.Proxmox, "RRD error: opening") && strings.Contains(p.Proxmox, "No such file") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(l.Rows, func(a, b fleet.Sample) int { return a.At.Compare(b.At) })
	samples := slices.CompactFunc(l.Rows, func(a, b fleet.Sample) bool { return a.At.Equal(b.At) })
	return slices.Clip(samples[max(0, len(samples)-maxSamples):]), nil
}

func sampleRow(v value) (fleet.Sample, bool) {
	s := fleet.Sample{
		At: v.get("time").unix(), CPU: reading(v.get("cpu")), MaxCPU: reading(v.get("maxcpu")), Mem: reading(v.get("mem")), MaxMem: reading(v.get("maxmem")),
		Disk: reading(v.get("disk")), MaxDisk: reading(v.get("maxdisk")), NetIn: reading(v.get("netin")), NetOut: reading(v.get("netout")),
		DiskRead: reading(v.get("diskread")), DiskWrite: reading(v.get("diskwrite")), Pressure: pressure(v),
	}
	return s, !s.At.IsZero()
}

// reading is a number that may be missing; the slightly negative ones of a fresh container are 0.
func reading(v value) fleet.Reading {
	f, ok := v.float()
	if !ok {
		return fleet.NoReading()
	}
	return fleet.Reading(max(f, 0))
}

// pressure comes as strings in a state and as numbers in history.
func pressure(v value) fleet.Pressure {
	return fleet.Pressure{
		CPUSome: reading(v.get("pressurecpusome")), CPUFull: reading(v.get("pressurecpufull")),
		IOSome: reading(v.get("pressureiosome")), IOFull: reading(v.get("pressureiofull")),
		MemorySome: reading(v.get("pressurememorysome")), MemoryFull: reading(v.get("pressurememoryfull")),
	}
}
