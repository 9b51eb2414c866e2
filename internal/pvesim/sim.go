package pvesim

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sim is a running simulation.
type Sim struct {
	cfg      Config
	clusters []*Cluster
	ending   chan struct{} // closed by Close
	closed   sync.Once
	idle     atomic.Int64 // idleTime in nanoseconds; a test shortens it
	wait     sync.WaitGroup

	faultMu sync.Mutex // guards the two below and serialises setting and undoing
	faults  []*activeFault
	faultID int
}

// Cluster is one simulated authority. Its methods may be called at any time.
type Cluster struct {
	sim        *Sim
	name       string
	standalone bool
	version    string
	major      int
	realms     []RealmSpec
	nodes      []*Node
	ticketKey  []byte
	started    time.Time // of the simulation
	counts     counter

	mu       sync.Mutex // guards all below
	ca       *authority
	users    map[string]*user
	groups   map[string]map[string]bool
	roles    map[string]map[string]bool
	acl      []aclEntry
	pools    map[string]map[int]bool
	storages []*storage

	poolNotes map[string]string
	options   map[string]string // of the datacenter, as they were given

	guests   map[int]*guest
	tasks    map[string]*task // by UPID
	locks    map[int]*configLock
	queue    eventQueue
	events   int
	nextPID  int
	aclCache map[string]map[string]int // "who path" to privileges, dropped with every change

	faultMu sync.RWMutex
	faults  []*activeFault
}

// Node is one simulated member.
type Node struct {
	cluster *Cluster
	index   int // from 1
	spec    NodeSpec
	addr    string
	boot    time.Time // this and the three below guarded by cluster.mu
	active  []*task   // oldest first
	archive []*task   // finished ones, the newest end last
	work    workload
	tls     atomic.Pointer[tls.Config]
	leaf    atomic.Pointer[leafCert]
	workers chan struct{} // of its daemon

	connMu   sync.Mutex
	listener net.Listener // nil while a fault keeps it shut
	conns    map[net.Conn]bool
}

// Start makes the fleet, listens and serves. It returns once every node can be
// reached. Close ends it.
func Start(cfg Config) (*Sim, error) {
	if cfg.Clusters == nil {
		cfg.Clusters = DefaultFleet()
	}
	if cfg.AuthDelay == 0 {
		cfg.AuthDelay = 3 * time.Second
	}
	if cfg.TaskTime == 0 {
		cfg.TaskTime = 1
	}
	if cfg.LagTime == 0 {
		cfg.LagTime = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Listen == nil {
		cfg.Listen = func(string, string) string { return "127.0.0.1:0" }
	}
	s := &Sim{cfg: cfg, ending: make(chan struct{})}
	s.idle.Store(int64(idleTime))
	for i, spec := range cfg.Clusters {
		c, err := s.newCluster(i, spec)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("simulate cluster %q: %w", spec.Name, err)
		}
		s.clusters = append(s.clusters, c)
	}
	if cfg.Life > 0 && len(s.clusters) > 0 {
		s.wait.Add(1)
		go s.live(cfg.Life)
	}
	return s, nil
}

func (s *Sim) newCluster(index int, spec ClusterSpec) (*Cluster, error) {
	if spec.Version == "" {
		spec.Version = "9.2.11"
	}
	c := &Cluster{
		sim: s, name: spec.Name, standalone: spec.Standalone, version: spec.Version, major: 9,
		realms: spec.Realms, ticketKey: random(32),
		users: map[string]*user{}, groups: map[string]map[string]bool{}, roles: standardRoles(),
		pools: map[string]map[int]bool{}, guests: map[int]*guest{}, tasks: map[string]*task{}, locks: map[int]*configLock{}, nextPID: 1200,
	}
	if strings.HasPrefix(spec.Version, "8.") {
		c.major = 8
	}
	if c.realms == nil {
		c.realms = []RealmSpec{
			{Realm: "pam", Type: "pam", Comment: "Linux PAM standard authentication"},
			{Realm: "pve", Type: "pve", Comment: "Proxmox VE authentication server"},
		}
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	c.ca = ca
	now := s.now()
	c.started = now
	for i, ns := range spec.Nodes {
		n := newNode(c, i+1, ns, now)
		c.nodes = append(c.nodes, n)
		if err := n.open(s.cfg.Listen(c.name, ns.Name)); err != nil {
			return c, err
		}
	}
	c.addStorages(spec.Storages)
	c.generate(mix(uint64(s.cfg.Seed), uint64(index)), spec, now)
	c.addUsers(mix(uint64(s.cfg.Seed), uint64(index), 7), spec.Users)
	return c, nil
}

func newNode(c *Cluster, index int, spec NodeSpec, now time.Time) *Node {
	if spec.CPUs == 0 {
		spec.CPUs = 8
	}
	if spec.MemGiB == 0 {
		spec.MemGiB = 32
	}
	return &Node{
		cluster: c, index: index, spec: spec, conns: map[net.Conn]bool{}, workers: make(chan struct{}, workers),
		boot: now.Add(-time.Duration(20+index*7) * 24 * time.Hour),
	}
}

// open gives the node its certificate and its listener.
func (n *Node) open(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for node %s: %w", n.spec.Name, err)
	}
	n.addr = l.Addr().String()
	leaf, err := n.cluster.ca.issue(n.spec.Name, n.Host())
	if err != nil {
		l.Close()
		return err
	}
	n.present(leaf)
	n.listen(l)
	return nil
}

// Close ends every listener and connection and waits for them.
func (s *Sim) Close() {
	s.closed.Do(func() {
		close(s.ending)
		for _, c := range s.clusters {
			for _, n := range c.nodes {
				n.shut()
			}
		}
	})
	s.wait.Wait()
}

// Clusters returns all clusters in the order of the configuration.
func (s *Sim) Clusters() []*Cluster { return append([]*Cluster(nil), s.clusters...) }

// Cluster returns the cluster of that name, or nil.
func (s *Sim) Cluster(name string) *Cluster {
	for _, c := range s.clusters {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (s *Sim) now() time.Time { return s.cfg.Now() }

// scaled is how long one of PVE's own waits takes here.
func (s *Sim) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.cfg.TaskTime)
}

// Name is the name from the configuration.
func (c *Cluster) Name() string { return c.name }

// Version is the PVE version that the nodes report.
func (c *Cluster) Version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

func (c *Cluster) majorNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.major
}

// Standalone reports whether this is a host by itself.
func (c *Cluster) Standalone() bool { return c.standalone }

// CAPEM is the certificate of the cluster's own authority, PEM.
func (c *Cluster) CAPEM() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.ca.pem...)
}

// CAFingerprint is the SHA-256 of that certificate in Proxmox's form AA:BB:….
func (c *Cluster) CAFingerprint() string { return fingerprint(c.authority().cert.Raw) }

// Nodes returns the members in the order of the configuration.
func (c *Cluster) Nodes() []*Node { return append([]*Node(nil), c.nodes...) }

// Node returns the member of that name, or nil.
func (c *Cluster) Node(name string) *Node {
	for _, n := range c.nodes {
		if n.spec.Name == name {
			return n
		}
	}
	return nil
}

// Name is the PVE name of the node.
func (n *Node) Name() string { return n.spec.Name }

// Addr is host:port of the node's API.
func (n *Node) Addr() string { return n.addr }

// Host is the address without its port.
func (n *Node) Host() string {
	host, _, _ := net.SplitHostPort(n.addr)
	return host
}

// Fingerprint is the SHA-256 of the certificate that the node serves, in
// Proxmox's form AA:BB:….
func (n *Node) Fingerprint() string { return n.leaf.Load().fingerprint }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func randomHex(n int) string { return hex.EncodeToString(random(n)) }
