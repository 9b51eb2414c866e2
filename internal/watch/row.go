package watch

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

const (
	// rowVersion grows when a kept picture can no longer be read as one of the
	// version before. One of an unknown version is left alone and asked anew.
	rowVersion    = 1
	maxRowBytes   = 32 << 20 // unpacked
	maxContainers = 50000
)

// row is a picture as it is kept: a small head, then compressed JSON. Neither
// the cluster nor its owner is in it: a row belongs to the id that it is stored under.
type row struct {
	SeenAt     int64          `json:"at,omitempty"`
	Standalone bool           `json:"one,omitempty"`
	Quorate    bool           `json:"q,omitempty"`
	Version    string         `json:"v,omitempty"`
	Answering  string         `json:"by,omitempty"`
	VMs        int            `json:"vms,omitempty"`
	Trouble    *fleet.Trouble `json:"t,omitempty"`
	Notices    []fleet.Notice `json:"n,omitempty"`
	PerMinute  int            `json:"rpm,omitempty"`
	P95        int64          `json:"p95,omitempty"`
	Rights     *rowRights     `json:"r,omitempty"`
	Nodes      []rowNode      `json:"nodes,omitempty"`
	Containers []rowContainer `json:"cts,omitempty"`
}

type rowRights struct {
	At          int64             `json:"at"`
	Permissions fleet.Permissions `json:"p"`
}

type rowNode struct {
	Name    string          `json:"n"`
	State   fleet.NodeState `json:"s"`
	CPU     float64         `json:"c,omitempty"`
	CPUs    int             `json:"cs,omitempty"`
	Mem     int64           `json:"m,omitempty"`
	MaxMem  int64           `json:"mm,omitempty"`
	Uptime  int64           `json:"u,omitempty"`
	Version string          `json:"v,omitempty"`
	SeenAt  int64           `json:"at,omitempty"`
	Down    int64           `json:"d,omitempty"`
}

type rowContainer struct {
	VMID      fleet.VMID   `json:"i"`
	Node      string       `json:"n"`
	Name      string       `json:"h,omitempty"`
	Status    fleet.Status `json:"s"`
	Template  bool         `json:"t,omitempty"`
	Lock      string       `json:"l,omitempty"`
	LockedAt  int64        `json:"la,omitempty"`
	Tags      []string     `json:"g,omitempty"`
	CPU       float64      `json:"c,omitempty"`
	CPUs      float64      `json:"cs,omitempty"`
	Mem       int64        `json:"m,omitempty"`
	MaxMem    int64        `json:"mm,omitempty"`
	Disk      int64        `json:"d,omitempty"`
	MaxDisk   int64        `json:"dd,omitempty"`
	Uptime    int64        `json:"u,omitempty"`
	Pool      string       `json:"p,omitempty"`
	HA        string       `json:"ha,omitempty"`
	Addresses []string     `json:"a,omitempty"`
	SeenAt    int64        `json:"at,omitempty"`
	Stale     bool         `json:"st,omitempty"`
}

var packers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return w
}}

// encodeRow packs a picture.
func encodeRow(p *fleet.ClusterPicture) ([]byte, error) {
	r := row{SeenAt: millis(p.SeenAt), Standalone: p.Standalone, Quorate: p.Quorate, Version: p.Version, Answering: p.Answering,
		VMs: p.Guests - len(p.Containers), Trouble: p.Trouble, Notices: p.Notices,
		PerMinute: p.Spend.PerMinute, P95: p.Spend.P95.Microseconds()}
	if p.Rights != nil {
		r.Rights = &rowRights{millis(p.Rights.At), p.Rights.Permissions}
	}
	for _, n := range p.Nodes {
		r.Nodes = append(r.Nodes, rowNode{n.ID.Name, n.State, n.CPU, n.CPUs, n.Mem, n.MaxMem, int64(n.Uptime / time.Second),
			n.Version, millis(n.SeenAt), millis(n.DownSeen)})
	}
	r.Containers = make([]rowContainer, 0, len(p.Containers))
	for _, c := range p.Containers {
		r.Containers = append(r.Containers, rowContainer{c.ID.VMID, c.Node, c.Hostname, c.Status, c.Template, c.Lock, millis(c.LockedAt),
			c.Tags, finite(c.CPU), finite(c.CPUs), c.Mem, c.MaxMem, c.Disk, c.MaxDisk, int64(c.Uptime / time.Second), c.Pool, c.HA,
			c.Addresses, millis(c.SeenAt), c.Stale})
	}
	var out bytes.Buffer
	out.WriteString("berth")
	out.WriteByte(rowVersion)
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&out)
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return nil, fmt.Errorf("encoding a picture: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("packing a picture: %w", err)
	}
	return out.Bytes(), nil
}

// decodeRow unpacks a row. Rows come from the database and are hostile input:
// bounds and grammar are checked where they are restored.
func decodeRow(data []byte) (row, error) {
	var r row
	rest, ok := bytes.CutPrefix(data, []byte("berth"))
	if !ok || len(rest) == 0 {
		return r, fmt.Errorf("reading a kept picture: not one of Berth's")
	}
	if rest[0] != rowVersion {
		return r, fmt.Errorf("reading a kept picture: version %d is not known", rest[0])
	}
	z, err := gzip.NewReader(bytes.NewReader(rest[1:]))
	if err != nil {
		return r, fmt.Errorf("unpacking a kept picture: %w", err)
	}
	z.Multistream(false)
	if err := json.NewDecoder(io.LimitReader(z, maxRowBytes)).Decode(&r); err != nil {
		return row{}, fmt.Errorf("reading a kept picture: %w", err)
	}
	return r, nil
}

// restore begins a sight with a kept picture: everything in it is as last seen,
// and gives way to the first answer.
func (s *sight) restore(r row, now time.Time) {
	s.standalone, s.quorate = r.Standalone, r.Quorate
	s.version, s.answering = clean(r.Version, 64), clean(r.Answering, 300)
	s.seenAt = moment(r.SeenAt, now)
	s.vms = max(r.VMs, 0)
	s.kept = nil
	for _, n := range r.Notices[:min(len(r.Notices), 20)] {
		s.kept = append(s.kept, fleet.Notice{Code: clean(n.Code, 64), Text: clean(n.Text, 1000), Privilege: clean(n.Privilege, 200)})
	}
	s.rights = nil
	if r.Rights != nil {
		s.rights = &fleet.Rights{Permissions: r.Rights.Permissions.Relevant(), At: moment(r.Rights.At, now)}
	}
	for _, n := range r.Nodes {
		s.restoreNode(n, now)
	}
	s.restoreContainers(r.Containers, now)
	if s.cluster.Halt != nil {
		return
	}
	s.trouble, s.silent = nil, false
	if t := r.Trouble; t != nil && !halting(problem.Kind(t.Kind)) {
		s.trouble = &fleet.Trouble{Kind: clean(t.Kind, 64), What: clean(t.What, 1000), Remedy: clean(t.Remedy, 1000),
			Proxmox: clean(t.Proxmox, 1000), Since: minTime(t.Since, now)}
		s.silent = connection(problem.Kind(t.Kind))
	}
}

func (s *sight) restoreNode(kept rowNode, now time.Time) {
	n := s.node(kept.Name)
	if n == nil {
		return
	}
	n.state = fleet.NotSeen
	if kept.State == fleet.Online || kept.State == fleet.Unreachable {
		n.state = kept.State
	}
	n.cpu, n.cpus = max(kept.CPU, 0), max(kept.CPUs, 0)
	n.mem, n.maxMem, n.uptime = max(kept.Mem, 0), max(kept.MaxMem, 0), keptUptime(kept.Uptime)
	n.numbers = n.maxMem > 0
	n.version = clean(kept.Version, 64)
	n.seenAt, n.downSeen = moment(kept.SeenAt, now), moment(kept.Down, now)
}

func (s *sight) restoreContainers(kept []rowContainer, now time.Time) {
	kept = kept[:min(len(kept), maxContainers)]
	containers := make([]fleet.Container, 0, len(kept))
	clear(s.addresses)
	for _, k := range kept {
		if k.VMID < fleet.MinVMID || k.VMID > fleet.MaxVMID || s.node(k.Node) == nil {
			continue
		}
		g := Guest{VMID: k.VMID, Node: k.Node, Name: k.Name, Status: string(k.Status), Template: k.Template, Lock: k.Lock,
			Pool: k.Pool, HA: k.HA, CPU: k.CPU, CPUs: k.CPUs, Mem: k.Mem, MaxMem: k.MaxMem, Disk: k.Disk, MaxDisk: k.MaxDisk,
			Uptime: keptUptime(k.Uptime), Tags: k.Tags}
		c := s.container(g, nil)
		c.LockedAt, c.SeenAt, c.Stale = moment(k.LockedAt, now), moment(k.SeenAt, now), k.Stale
		if len(k.Addresses) > 0 {
			s.addresses[k.VMID] = addressed{list: cleanAll(k.Addresses, 32, 64)}
			s.withAddresses(&c)
		}
		containers = append(containers, c)
	}
	slices.SortStableFunc(containers, func(a, b fleet.Container) int { return cmp.Compare(a.ID.VMID, b.ID.VMID) })
	s.containers = slices.CompactFunc(containers, func(a, b fleet.Container) bool { return a.ID.VMID == b.ID.VMID })
}

// keptUptime is an uptime from its seconds; what cannot be one is zero.
func keptUptime(seconds int64) time.Duration {
	if seconds < 0 || seconds > math.MaxInt32 {
		return 0
	}
	return uptime(time.Duration(seconds) * time.Second)
}

func cleanAll(list []string, most, length int) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, 0, min(len(list), most))
	for _, text := range list[:min(len(list), most)] {
		out = append(out, clean(text, length))
	}
	return out
}

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is a kept time; one of the future counts as now.
func moment(ms int64, now time.Time) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return minTime(time.UnixMilli(ms), now)
}
