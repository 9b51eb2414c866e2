package fleet

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"time"
)

// Detail is one container looked at closely: everything that Proxmox tells of
// it, each part with its own time and its own trouble. It is never changed after
// it was published. Its JSON form gives the same Detail back.
type Detail struct {
	ID   ContainerID `json:"id"`
	Node string      `json:"node"` // that it was on when it was asked last

	// Before is the Live before this one, to tell rates from counters; it is not kept.
	Before     Part[Live]               `json:"-"`
	Live       Part[Live]               `json:"live"`
	Config     Part[Config]             `json:"config"`
	Pending    Part[[]PendingChange]    `json:"pending"`
	Interfaces Part[[]Interface]        `json:"interfaces"`
	History    map[Frame]Part[[]Sample] `json:"history,omitempty"`
	Tasks      Part[[]Task]             `json:"tasks"` // of the node that it is on, the newest first
}

// Part is one part of a Detail as last seen. The last known Value stays when a
// later attempt fails.
type Part[T any] struct {
	Value   T         `json:"value"`
	SeenAt  time.Time `json:"seenAt,omitzero"`   // zero: never seen
	Trouble *Trouble  `json:"trouble,omitempty"` // why the last attempt failed; nil when it did not
}

// Seen reports whether there is a value, of whatever age.
func (p Part[T]) Seen() bool { return !p.SeenAt.IsZero() }

// Live is a container's state as its own node told it (GET …/status/current).
// Sizes are bytes; what was not told is zero, and Max… of zero means that no
// ratio can be given.
type Live struct {
	Name     string        `json:"name"`
	Status   Status        `json:"status"`
	Template bool          `json:"template,omitempty"`
	Lock     string        `json:"lock,omitempty"`
	Tags     []string      `json:"tags,omitempty"`
	PID      int           `json:"pid,omitempty"` // of its first process, on the node; 0 when it does not run
	CPU      float64       `json:"cpu"`           // fraction of CPUs, never negative
	CPUs     float64       `json:"cpus"`
	Mem      int64         `json:"mem"`
	MaxMem   int64         `json:"maxMem"`
	Swap     int64         `json:"swap"`
	MaxSwap  int64         `json:"maxSwap"`
	Disk     int64         `json:"disk"` // of the root; 0 when stopped
	MaxDisk  int64         `json:"maxDisk"`
	Uptime   time.Duration `json:"uptime"`
	// Counters since its start: bytes received and sent, read from and written to disk.
	NetIn     int64 `json:"netIn"`
	NetOut    int64 `json:"netOut"`
	DiskRead  int64 `json:"diskRead"`
	DiskWrite int64 `json:"diskWrite"`
	// HAManaged: the cluster's HA looks after it; HAState is what HA says of it.
	HAManaged bool     `json:"haManaged,omitempty"`
	HAState   string   `json:"haState,omitempty"`
	Pressure  Pressure `json:"pressure"`
}

// Pressure is how much of the time processes waited for something, in percent:
// some of them, or all of them (the kernel's PSI). Nodes before Proxmox VE 9 tell none.
type Pressure struct {
	CPUSome    Reading `json:"cpuSome"`
	CPUFull    Reading `json:"cpuFull"`
	IOSome     Reading `json:"ioSome"`
	IOFull     Reading `json:"ioFull"`
	MemorySome Reading `json:"memorySome"`
	MemoryFull Reading `json:"memoryFull"`
}

// Known reports whether any of it was told.
func (p Pressure) Known() bool {
	return p.CPUSome.Known() || p.CPUFull.Known() || p.IOSome.Known() || p.IOFull.Known() || p.MemorySome.Known() || p.MemoryFull.Known()
}

// Reading is a number that may be missing: NaN then, and null in JSON.
type Reading float64

// NoReading is a missing one.
func NoReading() Reading { return Reading(math.NaN()) }

// Known reports whether there is a number.
func (r Reading) Known() bool { return !math.IsNaN(float64(r)) && !math.IsInf(float64(r), 0) }

// MarshalJSON writes null for a missing number, as charts want it.
func (r Reading) MarshalJSON() ([]byte, error) {
	if !r.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(r))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Reading) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = NoReading()
		return nil
	}
	return json.Unmarshal(b, (*float64)(r))
}

// Frame is a stretch of history, as Proxmox cuts it.
type Frame string

const (
	Hour  Frame = "hour"
	Day   Frame = "day"
	Week  Frame = "week"
	Month Frame = "month"
	Year  Frame = "year"
)

// Frames are all of them, the shortest first.
func Frames() []Frame { return []Frame{Hour, Day, Week, Month, Year} }

// ParseFrame reads a frame's word; ok is false for any other.
func ParseFrame(s string) (f Frame, ok bool) {
	for _, f := range Frames() {
		if string(f) == s {
			return f, true
		}
	}
	return "", false
}

// Span is about how long the frame is.
func (f Frame) Span() time.Duration {
	const day = 24 * time.Hour
	switch f {
	case Hour:
		return time.Hour
	case Day:
		return day
	case Week:
		return 7 * day
	case Month:
		return 31 * day
	case Year:
		return 366 * day
	}
	return 0
}

// Sample is the averages over one step of history, of the time At (GET
// …/rrddata, cf=AVERAGE). A missing reading is a gap: the container did not run,
// or nobody measured.
type Sample struct {
	At     time.Time `json:"at"`
	CPU    Reading   `json:"cpu"` // fraction of MaxCPU
	MaxCPU Reading   `json:"maxCPU"`
	// Bytes.
	Mem     Reading `json:"mem"`
	MaxMem  Reading `json:"maxMem"`
	Disk    Reading `json:"disk"`
	MaxDisk Reading `json:"maxDisk"`
	// Bytes a second.
	NetIn     Reading `json:"netIn"`
	NetOut    Reading `json:"netOut"`
	DiskRead  Reading `json:"diskRead"`
	DiskWrite Reading `json:"diskWrite"`

	Pressure Pressure `json:"pressure"`
}

// Interface is a network interface inside a running container (GET …/interfaces).
type Interface struct {
	Name      string         `json:"name"`
	HWAddr    string         `json:"hwAddr"`    // lower-case
	Addresses []netip.Prefix `json:"addresses"` // without loopback's; IPv4 and IPv6, in Proxmox's order
}

// PendingChange is an option that waits for the container's next start (GET …/pending).
type PendingChange struct {
	Key    string `json:"key"`  // "memory"
	Now    string `json:"now"`  // empty: not set yet
	Then   string `json:"then"` // empty when Delete
	Delete bool   `json:"delete,omitempty"`
}

// Task is one task as Proxmox's lists of tasks have it.
type Task struct {
	UPID      string    `json:"upid"` // as Proxmox wrote it
	Node      string    `json:"node"`
	User      string    `json:"user"`            // user@realm
	Token     string    `json:"token,omitempty"` // name of the token that started it; empty for a person's login
	Type      string    `json:"type"`            // "vzstart"
	ID        string    `json:"id,omitempty"`    // what it works on, mostly a VMID
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"` // zero while it runs
	Status    string    `json:"status,omitempty"` // empty while it runs; "OK", "WARNINGS: 2" or the error
}

// Running reports whether the task has not ended.
func (t Task) Running() bool { return t.EndedAt.IsZero() && t.Status == "" }

// OK reports whether it ended well; warnings are no failure.
func (t Task) OK() bool { return t.Status == "OK" || strings.HasPrefix(t.Status, "WARNINGS:") }

// VMID is the guest that it works on; ok is false when it is about something else.
func (t Task) VMID() (id VMID, ok bool) { return ParseVMID(t.ID) }
