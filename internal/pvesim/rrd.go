package pvesim

import (
	"fmt"
	"math"
	"time"
)

var (
	timeframe = str("timeframe").of("hour", "day", "week", "month", "year")
	cf        = optStr("cf").of("AVERAGE", "MAX")
)

// Histories are answered by whoever is asked, from what the nodes tell each
// other, so that those of a dead node are there with a gap at their end.
var rrdEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/lxc/{vmid}/rrddata", perm: vmAudit, protected: true, serve: guestHistory, params: []param{nodeParam, vmidParam, cf, timeframe}},
	{method: "GET", path: "/nodes/{node}/rrddata", perm: needs("/nodes/{node}", "Sys.Audit"), protected: true, serve: nodeHistory, params: []param{nodeParam, cf, timeframe.andIn9("decade")}},
}

// grid is the rows of a time frame: their distance in seconds, and how many.
type grid struct{ step, count int64 }

// Before 9 every time frame had seventy rows.
var grids = map[int]map[string]grid{
	9: {"hour": {60, 60}, "day": {60, 1440}, "week": {1800, 336}, "month": {1800, 1440}, "year": {21600, 1440}, "decade": {604800, 570}},
	8: {"hour": {60, 70}, "day": {1800, 70}, "week": {10800, 70}, "month": {43200, 70}, "year": {604800, 70}},
}

// rows calls fill for each time of the frame; nil makes a gap. As recorded, the
// newest row lacks where rows stand for more than a minute.
func (g grid) rows(now time.Time, fill func(at time.Time) obj) []obj {
	end := now.Unix() / g.step * g.step
	first := end - g.step*(g.count-1)
	if g.step > 60 {
		end -= g.step
	}
	list := make([]obj, 0, g.count)
	for t := first; t <= end; t += g.step {
		list = append(list, fill(time.Unix(t, 0)).with("time", t))
	}
	return list
}

func guestHistory(cl *call) (any, error) {
	c := cl.cluster
	g := c.guests[atoi(cl.args["vmid"])]
	if g == nil || g.kind != "lxc" || g.history == 0 && cl.at.Sub(g.born) < c.sim.cfg.LagTime {
		return nil, failed("RRD error: opening '/var/lib/rrdcached/db/pve-vm-9.0/%s': No such file or directory", cl.args["vmid"])
	}
	frame := grids[c.major][cl.args["timeframe"]]
	step := time.Duration(frame.step) * time.Second
	return frame.rows(cl.at, func(at time.Time) obj {
		if g.node.gapAt(at, step) || at.Before(g.born.Add(-g.history)) {
			return nil
		}
		return g.sample(at, step, cl.args["cf"] == "MAX", c.major)
	}), nil
}

// sample is what was recorded of a container about one time. Of a stopped one
// only what is allotted is known.
func (g *guest) sample(at time.Time, step time.Duration, highest bool, major int) obj {
	o := obj{{"maxcpu", number(g.cpus())}, {"maxmem", g.mem}, {"maxdisk", g.disk}, {"disk", 0}}
	if !g.ranAt(at) {
		return o
	}
	v := g.numbersAt(at, at.Add(-24*time.Hour))
	up := at.Sub(time.Unix(0, 0)).Seconds()
	cpu := max(v.cpu, 0)
	if step > time.Minute { // a longer average has no spikes
		cpu = g.load * (0.6 + 0.5*noise(g.seed, up/step.Seconds()/3)) * (1 + 0.35*math.Sin(2*math.Pi*(up/86400+unit(g.seed, 3))))
	}
	mem := float64(v.mem)
	wave := 1 + 0.8*math.Sin(up/(300+600*unit(g.seed, 8)))
	if highest {
		cpu, mem, wave = min(cpu*(1.3+unit(g.seed, uint64(up))), 1), min(mem*1.06, float64(g.mem)), wave*2.4
	}
	rate := 200 + 60000*g.load*unit(g.seed, 4)
	o = o.set("disk", v.disk)
	o = append(o, obj{{"cpu", cpu}, {"mem", mem}, {"netin", rate * wave}, {"netout", rate * 0.7 * wave}, {"diskread", rate * 0.3 * wave}, {"diskwrite", rate * 0.8 * wave}}...)
	if major >= 9 {
		o = append(o, pressures(cpu, g.seed, func(f float64) any { return f })...)
	}
	return o
}

// pressures are strings in a container's status and numbers in its history.
func pressures(cpu float64, seed uint64, as func(float64) any) obj {
	o := obj{}
	for i, key := range []string{"pressurecpusome", "pressurecpufull", "pressureiosome", "pressureiofull", "pressurememorysome", "pressurememoryfull"} {
		o = o.with(key, as(math.Round(100*max(cpu, 0)*unit(seed, uint64(i+20)))/100))
	}
	return o
}

// ranAt says whether the container ran at a time, made up from the seed before
// its present state: now and then it was off for some hours.
func (g *guest) ranAt(at time.Time) bool {
	if g.running && !at.Before(g.started) {
		return true
	}
	for i := len(g.past) - 1; i >= 0; i-- {
		if m := g.past[i]; !m.since.IsZero() && !m.since.After(at) {
			return m.running
		}
	}
	if g.template || !g.onboot && at.After(g.born.Add(-time.Duration(unit(g.seed, 31)*240)*time.Hour)) {
		return false
	}
	if g.onboot && !g.past[0].running && len(g.past) == 1 {
		return at.Before(g.born.Add(-2 * time.Hour))
	}
	day := uint64(at.Unix() / 86400)
	from := 20 * unit(g.seed, day^0x51)
	hour := float64(at.Unix()%86400) / 3600
	return unit(g.seed, day^0x50) > 0.05 || hour < from || hour > from+4
}

// gapAt says whether the node recorded nothing: it was off, or is, or for some
// minutes did not get round to it.
func (n *Node) gapAt(at time.Time, step time.Duration) bool {
	if n.deadAt(at) {
		return true
	}
	if !at.Before(n.cluster.started) {
		return false
	}
	seed := mix(uint64(n.index), uint64(len(n.spec.Name)), 17)
	within := func(period, most time.Duration, chance float64, salt uint64) bool {
		span, since := uint64(at.UnixNano()/int64(period)), at.UnixNano()%int64(period)
		from := float64(period-most) * unit(seed, span^salt)
		return unit(seed, span^salt^0x77) < chance && float64(since) > from && float64(since) < from+float64(most)*(0.4+0.6*unit(seed, span^salt^0x99))
	}
	return step <= 30*time.Minute && within(24*time.Hour, 50*time.Minute, 0.4, 0x11) || at.Before(n.boot) && within(7*24*time.Hour, 9*time.Hour, 0.3, 0x22)
}

func nodeHistory(cl *call) (any, error) {
	c := cl.cluster
	n := c.Node(cl.args["node"])
	if n == nil {
		return nil, failed("RRD error: opening '/var/lib/rrdcached/db/pve-node-9.0/%s': No such file or directory", cl.args["node"])
	}
	frame := grids[c.major][cl.args["timeframe"]]
	return frame.rows(cl.at, func(at time.Time) obj {
		if n.gapAt(at, time.Duration(frame.step)*time.Second) {
			return nil
		}
		return n.sample(at, c.major)
	}), nil
}

func (n *Node) sample(at time.Time, major int) obj {
	seed := mix(uint64(n.index), uint64(len(n.spec.Name)))
	t := float64(at.Unix())
	busy := 0.1 + 0.3*noise(seed, t/1800)
	root := float64(n.disk()) * (0.3 + 0.1*noise(seed, t/86400))
	used := float64(n.memory()) * (0.35 + 0.3*noise(seed^1, t/7200))
	o := obj{
		{"cpu", busy}, {"iowait", busy / 20}, {"loadavg", busy * float64(n.spec.CPUs)}, {"maxcpu", n.spec.CPUs},
		{"memtotal", n.memory()}, {"memused", used}, {"roottotal", n.disk()}, {"rootused", root},
		{"netin", 90000 * busy}, {"netout", 60000 * busy}, {"swaptotal", int64(8) << 30}, {"swapused", 0},
	}
	if major < 9 {
		return o
	}
	o = append(o, obj{{"memavailable", float64(n.memory()) - used}, {"arcsize", 0}}...)
	for _, p := range pressures(busy, seed, func(f float64) any { return f }) {
		if p.key != "pressurecpufull" { // a whole node has none
			o = append(o, p)
		}
	}
	return o
}

// pressureText is a pressure as a container's status has it.
func pressureText(f float64) any { return text(fmt.Sprintf("%.2f", f)) }
