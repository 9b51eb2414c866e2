package containers

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

var web1 = fleet.ContainerID{Cluster: "c1", VMID: 104}

// world is a watcher, a store and an engine that tell what they are given.
type world struct {
	mu      sync.Mutex
	picture *fleet.Picture
	detail  *fleet.Detail
	busy    map[fleet.ContainerID]fleet.Busy
	steps   []job.Step
	trail   []audit.Entry
	tasks   []fleet.KeptTask
	logs    map[string][]string
	refuse  error
	asked   []string
	looking int
	signals []chan struct{}
}

func (w *world) Picture(owner string) *fleet.Picture {
	w.mu.Lock()
	defer w.mu.Unlock()
	if owner != "ann" {
		return &fleet.Picture{Owner: owner}
	}
	return w.picture
}

func (w *world) Subscribe(string) (<-chan struct{}, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{}, 1)
	w.signals = append(w.signals, c)
	return c, func() {}
}

// change alters the world and tells the streams.
func (w *world) change(alter func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alter()
	for _, c := range w.signals {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
}

func (w *world) Look(string)            { w.note("look") }
func (w *world) Watching(string) func() { return func() {} }
func (w *world) LookClosely(_ string, id fleet.ContainerID, f fleet.Frame) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking++
	w.asked = append(w.asked, "closely "+id.String()+" "+string(f))
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.looking--
	})
}

func (w *world) Detail(_ context.Context, owner string, id fleet.ContainerID) *fleet.Detail {
	w.mu.Lock()
	defer w.mu.Unlock()
	if owner != "ann" || id != web1 {
		return &fleet.Detail{ID: id}
	}
	return w.detail
}

func (w *world) SubscribeDetail(string, fleet.ContainerID) (<-chan struct{}, func()) {
	return w.Subscribe("")
}

func (w *world) ReadNow(_ context.Context, _ string, id fleet.ContainerID, f fleet.Frame) error {
	w.note("read " + id.String() + " " + string(f))
	return w.refuse
}

func (w *world) ReadTaskLog(_ context.Context, _ string, _ fleet.ContainerID, upid string) error {
	w.note("log " + upid)
	return w.refuse
}

func (w *world) Busy(string) map[fleet.ContainerID]fleet.Busy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy
}

func (w *world) Steps(_ context.Context, f job.Filter) ([]job.Step, error) {
	if f.Owner != "ann" {
		return nil, errors.New("asked for another's")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Subject != web1.String() {
		return nil, nil
	}
	return w.steps, nil
}

func (w *world) AuditEntries(_ context.Context, f audit.Filter) ([]audit.Entry, error) {
	if f.Owner != "ann" || f.WithBerth {
		return nil, errors.New("asked for another's")
	}
	return append([]audit.Entry(nil), w.trail...), nil
}

func (w *world) GuestTasks(_ context.Context, owner string, id fleet.ContainerID) ([]fleet.KeptTask, error) {
	if owner != "ann" || id != web1 {
		return nil, nil
	}
	return w.tasks, nil
}

func (w *world) GuestTaskLog(_ context.Context, _ string, _ fleet.ContainerID, upid string) ([]string, time.Time, error) {
	lines, ok := w.logs[upid]
	if !ok {
		return nil, time.Time{}, nil
	}
	return lines, noon.Add(-time.Minute), nil
}

func (w *world) SessionStands(context.Context, string) (bool, error) { return true, nil }

func (w *world) pages() *Pages {
	return New(Options{Eyes: w, Past: w, Work: w, Sessions: w, Now: func() time.Time { return noon }})
}

var errBudget = problem.New(problem.BudgetSpent, "Berth has asked often enough just now.", "Try again in a few seconds.")

// running is a world with one container that runs and was looked at closely.
func running() *world {
	c := fleet.Container{ID: web1, Node: "pve1", Hostname: "web1", Status: fleet.Running, Tags: []string{"prod", "web"}, CPU: 0.31, CPUs: 4,
		Mem: 7 << 30, MaxMem: 8 << 30, Disk: 43 << 30, MaxDisk: 64 << 30, Uptime: 41 * 24 * time.Hour, HA: "started", Pool: "lab", SeenAt: noon.Add(-4 * time.Second)}
	p := &fleet.ClusterPicture{Cluster: "c1", Owner: "ann", Name: "lab", Quorate: true, SeenAt: noon, Containers: []fleet.Container{c},
		Nodes: []fleet.Node{{ID: fleet.NodeID{Cluster: "c1", Name: "pve1"}, State: fleet.Online}, {ID: fleet.NodeID{Cluster: "c1", Name: "pve2"}, Label: "attic", State: fleet.Online}}}
	config := fleet.ParseConfig([]fleet.Option{{Key: "hostname", Value: "web1"}, {Key: "cores", Value: "4"}, {Key: "cpulimit", Value: "2.5"}, {Key: "memory", Value: "8192"},
		{Key: "swap", Value: "512"}, {Key: "rootfs", Value: "fast:vm-104-disk-0,size=64G"}, {Key: "mp0", Value: "fast:vm-104-disk-1,mp=/var/lib/postgresql,size=400G"},
		{Key: "mp1", Value: "/srv/media,mp=/media,ro=1"}, {Key: "unused0", Value: "fast:vm-104-disk-9"}, {Key: "onboot", Value: "1"}, {Key: "startup", Value: "order=2,up=30"},
		{Key: "net0", Value: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.0.20.110/24,gw=10.0.20.1,tag=20,firewall=1"},
		{Key: "net1", Value: "name=eth1,bridge=vmbr1,hwaddr=BC:24:11:00:00:02,ip=dhcp,ip6=auto,link_down=1"},
		{Key: "nameserver", Value: "10.0.0.1"}, {Key: "features", Value: "nesting=1"}, {Key: "unprivileged", Value: "1"}, {Key: "ostype", Value: "debian"}, {Key: "arch", Value: "amd64"},
		{Key: "description", Value: "# Main database\n\nAsk **Ann** before a restart.\n\n- [runbook](https://wiki.example.org/db)\n- `pg_ctl`\n"}, {Key: "tags", Value: "prod;web"}},
		[]fleet.Option{{Key: "lxc.apparmor.profile", Value: "unconfined"}})
	d := &fleet.Detail{ID: web1, Node: "pve1",
		Before: fleet.Part[fleet.Live]{SeenAt: noon.Add(-6 * time.Second), Value: fleet.Live{Status: fleet.Running, NetIn: 1 << 20, NetOut: 1 << 20}},
		Live: fleet.Part[fleet.Live]{SeenAt: noon.Add(-2 * time.Second), Value: fleet.Live{Name: "web1", Status: fleet.Running, CPU: 0.31, CPUs: 4, Mem: 7 << 30, MaxMem: 8 << 30,
			Swap: 1 << 20, MaxSwap: 512 << 20, Disk: 43 << 30, MaxDisk: 64 << 30, Uptime: 41 * 24 * time.Hour, NetIn: 49 << 20, NetOut: 3 << 20, HAManaged: true, HAState: "started"}},
		Config:  fleet.Part[fleet.Config]{SeenAt: noon.Add(-20 * time.Second), Value: config},
		Pending: fleet.Part[[]fleet.PendingChange]{SeenAt: noon.Add(-20 * time.Second)},
		Interfaces: fleet.Part[[]fleet.Interface]{SeenAt: noon.Add(-20 * time.Second), Value: []fleet.Interface{
			{Name: "eth0", HWAddr: "bc:24:11:00:00:01", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.20.110/24"), netip.MustParsePrefix("fd00:20::110/64"), netip.MustParsePrefix("fe80::1/64")}},
			{Name: "docker0", HWAddr: "02:42:00:00:00:01", Addresses: []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16")}}}},
		History: map[fleet.Frame]fleet.Part[[]fleet.Sample]{fleet.Hour: {SeenAt: noon.Add(-40 * time.Second), Value: hour(true)}},
	}
	return &world{picture: &fleet.Picture{Owner: "ann", Clusters: []*fleet.ClusterPicture{p}}, detail: d, logs: map[string][]string{}}
}

// hour is some minutes of history with a gap and a hole.
func hour(pressed bool) []fleet.Sample {
	var list []fleet.Sample
	for i := range 8 {
		s := empty(noon.Add(time.Duration(i-8) * time.Minute))
		if i == 5 {
			continue // missing altogether
		}
		if i != 2 {
			f := fleet.Reading(i)
			s.CPU, s.Mem, s.MaxMem, s.Disk, s.MaxDisk = f/10, (f+1)*(1<<30), 8<<30, 43<<30, 64<<30
			s.NetIn, s.NetOut, s.DiskRead, s.DiskWrite = f*1000, f*500, 0, f*12345
			if pressed {
				s.Pressure.CPUSome, s.Pressure.IOSome, s.Pressure.MemorySome = f/2, 0.25, 0
			}
		}
		list = append(list, s)
	}
	return list
}

func (w *world) cluster() *fleet.ClusterPicture { return w.picture.Clusters[0] }
func (w *world) container() *fleet.Container    { return &w.cluster().Containers[0] }

// worlds are the states in which every page is drawn.
func worlds() map[string]*world {
	all := map[string]*world{}
	make := func(name string, alter func(w *world)) {
		w := running()
		alter(w)
		all[name] = w
	}
	make("running", func(w *world) {})
	make("busy", func(w *world) {
		w.busy = map[fleet.ContainerID]fleet.Busy{web1: {Doing: "Stopping", By: "ann@pve", Since: noon}}
	})
	make("stopped", func(w *world) {
		c := w.container()
		c.Status, c.CPU, c.Mem, c.Disk, c.Uptime, c.Lock = fleet.Stopped, 0, 0, 0, 0, "backup"
		w.detail.Live.Value = fleet.Live{Status: fleet.Stopped, Lock: "backup"}
		w.detail.Interfaces.Value = nil
	})
	make("pending", func(w *world) {
		w.detail.Pending.Value = []fleet.PendingChange{{Key: "cores", Now: "4", Then: "8"}, {Key: "net2", Then: "name=eth2,bridge=vmbr0"}, {Key: "swap", Now: "512", Delete: true}}
	})
	make("stale", func(w *world) {
		w.container().Stale = true
		w.container().SeenAt = noon.Add(-20 * time.Minute)
		n := &w.cluster().Nodes[0]
		n.State = fleet.Unreachable
		n.Trouble = &fleet.Trouble{Kind: string(problem.NodeDown), What: "pve1 cannot be reached.", Remedy: "Check that the machine is on.", Proxmox: "No route to host", Since: noon.Add(-20 * time.Minute)}
		for _, at := range []*time.Time{&w.detail.Live.SeenAt, &w.detail.Config.SeenAt, &w.detail.Interfaces.SeenAt, &w.detail.Pending.SeenAt} {
			*at = noon.Add(-20 * time.Minute)
		}
	})
	make("gone", func(w *world) { w.cluster().Containers = nil })
	make("unseen", func(w *world) { w.detail = &fleet.Detail{ID: web1} })
	make("no-privileges", func(w *world) {
		no := &fleet.Trouble{Kind: string(problem.Forbidden), What: "The token lacks VM.Audit on /vms/104, so its configuration cannot be shown."}
		w.detail = &fleet.Detail{ID: web1, Config: fleet.Part[fleet.Config]{Trouble: no}, Pending: fleet.Part[[]fleet.PendingChange]{Trouble: no},
			History: map[fleet.Frame]fleet.Part[[]fleet.Sample]{fleet.Hour: {Trouble: no}}}
		w.cluster().Rights = &fleet.Rights{Permissions: fleet.Permissions{"/": {"Sys.Audit": true}}}
	})
	make("hostile", func(w *world) {
		const evil = `<img src=x onerror="alert(1)"></script><script>alert(2)</script>`
		w.container().Hostname, w.container().Tags, w.container().Lock, w.container().Pool = evil, []string{evil}, evil, evil
		w.cluster().Name = evil
		w.detail.Config.Value = fleet.ParseConfig([]fleet.Option{{Key: evil, Value: evil}, {Key: "description", Value: evil + "\n[x](javascript:alert(3)) [y](https://u:p@evil.example/)\n```\n" + evil}, {Key: "rootfs", Value: evil},
			{Key: "net0", Value: "name=" + evil + ",bridge=" + evil}}, []fleet.Option{{Key: evil, Value: evil}})
		w.detail.Interfaces.Value = []fleet.Interface{{Name: evil, HWAddr: evil}}
		w.detail.Pending.Value = []fleet.PendingChange{{Key: evil, Now: evil, Then: evil}}
	})
	return all
}

// past is a timeline of everything that there is.
func past() *world {
	w := running()
	upid := func(n int, kind string) string {
		return "UPID:pve1:0000000" + string(rune('0'+n)) + ":00000000:00000000:" + kind + ":104:root@pam:"
	}
	at := func(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }
	w.steps = []job.Step{
		{Job: "j3", Owner: "ann", Kind: "stop", Actor: "ann@pve", Subject: web1.String(), State: job.Active, Detail: "Waiting for Proxmox.", StartedAt: at(1), UPID: upid(3, "vzstop")},
		{Job: "j2", Owner: "ann", Kind: "start", Actor: "ann@pve", Subject: web1.String(), State: job.Done, Detail: "web1 was started.", StartedAt: at(30), EndedAt: at(29), UPID: upid(2, "vzstart")},
		{Job: "j1", N: 7, Owner: "ann", Kind: "shutdown", Actor: "bob@pve", Subject: web1.String(), State: job.Failed, Detail: "It did not end in time.", StartedAt: at(60), EndedAt: at(58), UPID: upid(1, "vzshutdown")},
		{Job: "j0", Owner: "ann", Kind: "stop", Subject: web1.String(), State: job.Skipped, Detail: "web1 does not run."},
	}
	w.trail = []audit.Entry{
		{At: at(10), Owner: "ann", Actor: "ann@pve", Address: "192.0.2.7", Kind: audit.ContainerDelete, Result: audit.Refused, Subject: "web1 (CT 104)", Cluster: "c1", Detail: "web1 is protected."},
		{At: at(11), Owner: "ann", Kind: audit.ContainerDelete, Result: audit.Refused, Subject: "other (CT 1104)", Cluster: "c1", Detail: "Another one."},
		{At: at(30), Owner: "ann", Kind: audit.ContainerStart, Result: audit.OK, Subject: "web1 (CT 104)", Cluster: "c1"},
	}
	keep := func(n int, kind, status string, from, to int) {
		t := fleet.KeptTask{Task: fleet.Task{UPID: upid(n, kind), Node: "pve1", User: "root@pam", Type: kind, ID: "104", StartedAt: at(from), Status: status}}
		if status != "" {
			t.EndedAt = at(to)
		}
		w.tasks = append(w.tasks, t)
	}
	keep(2, "vzstart", "OK", 30, 29)
	keep(4, "vzdump", "WARNINGS: 2", 120, 100)
	keep(5, "vzmigrate", "storage 'x' is not available on node 'pve2'", 200, 199)
	keep(6, "vzsnapshot", "", 2, 0)
	keep(7, strings.Repeat("<b>", 3), "OK", 300, 299)
	w.logs[upid(4, "vzdump")] = []string{"INFO: starting", "\x1b[31mwarning\x1b[0m <script>alert(1)</script>", "TASK WARNINGS: 2"}
	return w
}
