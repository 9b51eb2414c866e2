package pvesim

import (
	"math"
	"sort"
	"strconv"
	"time"
)

// guest is a container or virtual machine. What moves is not kept: it is a
// function of seed and time.
type guest struct {
	vmid     int
	kind     string // "lxc" or "qemu"
	node     *Node
	seed     uint64
	conf     settings // the configuration in force
	pending  map[string]change
	mac      string // of the first interface
	docker   bool   // has bridges of its own inside
	load     float64
	memFill  float64
	diskFill float64
	pid      int
	pool     string
	ha       *haState
	history  time.Duration // so far back reaches what its node recorded; 0: since its creation
	born     time.Time

	// what lists ask for, mirrored from conf
	name      string
	tags      []string // sorted
	template  bool
	lock      string
	cores     int
	cpulimit  float64
	mem, swap int64 // bytes
	disk      int64
	onboot    bool

	snaps     []*snapshot
	suspended bool // a checkpoint is on disk
	diskless  bool // a delete without quorum took the disks
	running   bool
	started   time.Time
	past      []moment // what was true since when, newest last
}

// moment is what pvestatd broadcasts of a guest that does not move by itself.
type moment struct {
	since    time.Time
	running  bool
	started  time.Time
	name     string
	template bool
}

const keptMoments = 8

// record notes the guest's present state for the lagging list.
func (g *guest) record(at time.Time) {
	g.past = append(g.past, moment{at, g.running, g.started, g.name, g.template})
	if len(g.past) > keptMoments {
		g.past = append(g.past[:0], g.past[1:]...)
	}
}

// seenAt is the state as of a broadcast; false when the guest is younger.
func (g *guest) seenAt(at time.Time) (moment, bool) {
	for i := len(g.past) - 1; i >= 0; i-- {
		if !g.past[i].since.After(at) {
			return g.past[i], true
		}
	}
	return moment{}, false
}

// numbers are the live values of a guest at one time.
type numbers struct {
	cpu                 float64 // fraction of what is allotted, now and then a hair below zero
	mem, disk           int64
	netin, netout       int64
	diskread, diskwrite int64
	uptime              int64
}

// cpus is what a container may use: its limit, else its cores.
func (g *guest) cpus() float64 {
	if g.cpulimit > 0 {
		return g.cpulimit
	}
	return float64(g.cores)
}

func (g *guest) numbersAt(at, started time.Time) numbers {
	up := at.Sub(started).Seconds()
	if up < 0 {
		up = 0
	}
	t := float64(at.UnixMilli()) / 1000
	busy := g.load * (0.55 + 0.5*noise(g.seed, t/240) + 0.6*spike(g.seed, t))
	day := 1 + 0.35*math.Sin(2*math.Pi*(t/86400+unit(g.seed, 3)))
	cpu := min(busy*day, 1)
	if g.load < 0.004 && noise(g.seed^9, t/20) < 0.2 {
		cpu = -0.0005 * unit(g.seed, uint64(t/10)) // as real ones report now and then
	}
	warm := 1 - 0.5*math.Exp(-up/90)
	mem := float64(g.mem) * g.memFill * warm * (0.94 + 0.12*noise(g.seed^1, t/600))
	disk := float64(g.disk) * g.diskFill * (0.99 + 0.02*noise(g.seed^2, t/7200))
	rate := 200 + 60000*g.load*unit(g.seed, 4)
	return numbers{
		cpu: cpu, uptime: int64(up),
		mem: min(int64(mem)&^4095, g.mem), disk: min(int64(disk)&^4095, g.disk),
		netin: grown(rate, up, g.seed), netout: grown(rate*0.7, up, g.seed^5),
		diskread: grown(rate*0.3, up, g.seed^6) &^ 4095, diskwrite: grown(rate*0.8, up, g.seed^7) &^ 4095,
	}
}

// grown is a counter since start: it rises unevenly and never falls.
func grown(rate, up float64, seed uint64) int64 {
	w := 2 * math.Pi / (300 + 600*unit(seed, 8))
	return int64(rate * (up + 0.8*(1-math.Cos(w*up))/w))
}

// spike is 1 for some seconds now and then, else 0.
func spike(seed uint64, t float64) float64 {
	if unit(seed, uint64(t/30)^0xabc) > 0.93 {
		return 1
	}
	return 0
}

// noise is smooth between 0 and 1 along x.
func noise(seed uint64, x float64) float64 {
	cell := math.Floor(x)
	f := x - cell
	f = f * f * (3 - 2*f)
	a, b := unit(seed, uint64(int64(cell))), unit(seed, uint64(int64(cell))+1)
	return a + (b-a)*f
}

// mix folds numbers into one well-spread number (splitmix64).
func mix(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h += p + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// unit is a number in [0,1) that belongs to seed and n.
func unit(seed, n uint64) float64 { return float64(mix(seed, n)>>11) / (1 << 53) }

// sortedGuests lists the guests by VMID.
func (c *Cluster) sortedGuests() []*guest {
	list := make([]*guest, 0, len(c.guests))
	for _, g := range c.guests {
		list = append(list, g)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].vmid < list[j].vmid })
	return list
}

// id is the VMID as task lists have it.
func (g *guest) id() string { return strconv.Itoa(g.vmid) }
