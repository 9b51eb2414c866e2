package pvesim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// storage is a line of storage.cfg with what its files are: OS templates and
// backups. Container volumes are in the containers' configurations.
type storage struct {
	StorageSpec
	templates []string             // file names below template/cache
	archives  map[*Node][]*archive // by the node that has them; of a shared one all under nil
}

// archive is one backup.
type archive struct {
	vmid      int
	at        time.Time
	size      int64
	notes     string
	protected bool
	conf      string // the configuration within
	end       string // such as tar.zst
}

var usualStorages = []StorageSpec{
	{ID: "local", Type: "dir", Path: "/var/lib/vz", Content: []string{"backup", "iso", "vztmpl", "snippets"}},
	{ID: "local-lvm", Type: "lvmthin", Content: []string{"images", "rootdir"}},
}

// usualTemplates are OS templates that somebody has downloaded.
var usualTemplates = []string{"alpine-3.22-default_20250617_amd64.tar.xz", "busybox-tiny_1.36_amd64.tar.gz", "debian-12-standard_12.12-1_amd64.tar.zst",
	"debian-13-standard_13.1-2_amd64.tar.zst", "ubuntu-24.04-standard_24.04-2_amd64.tar.zst"}

func (c *Cluster) addStorages(specs []StorageSpec) {
	if specs == nil {
		specs = usualStorages
	}
	for _, spec := range specs {
		s := &storage{StorageSpec: spec, archives: map[*Node][]*archive{}}
		if s.holds("vztmpl") {
			s.templates = slices.Clone(usualTemplates)
		}
		c.storages = append(c.storages, s)
	}
}

func (s *storage) holds(content string) bool { return slices.Contains(s.Content, content) }

// on reports whether a node has the storage.
func (s *storage) on(n *Node) bool { return len(s.Nodes) == 0 || slices.Contains(s.Nodes, n.spec.Name) }

// place is where the files of a node are.
func (s *storage) place(n *Node) *Node {
	if s.Shared {
		return nil
	}
	return n
}

// storage finds one by its name, or nil.
func (c *Cluster) storage(id string) *storage {
	i := slices.IndexFunc(c.storages, func(s *storage) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return c.storages[i]
}

// rootStorage is where containers are unless somebody says otherwise.
func (c *Cluster) rootStorage() *storage {
	if i := slices.IndexFunc(c.storages, func(s *storage) bool { return s.holds("rootdir") }); i >= 0 {
		return c.storages[i]
	}
	return &storage{StorageSpec: usualStorages[1]}
}

// volume names a container's disk, which a template's name tells from others.
func (s *storage) volume(vmid, n int, template bool) string {
	kind := map[bool]string{true: "base", false: "vm"}[template]
	switch {
	case s.Type == "zfspool":
		return fmt.Sprintf("%s:%s-%d-disk-%d", s.ID, map[bool]string{true: "basevol", false: "subvol"}[template], vmid, n)
	case s.Path == "":
		return fmt.Sprintf("%s:%s-%d-disk-%d", s.ID, kind, vmid, n)
	}
	return fmt.Sprintf("%s:%d/%s-%d-disk-%d.raw", s.ID, vmid, kind, vmid, n)
}

// storageOf finds the storage that the call names, on the node that answers.
func (cl *call) storageOf(id string) (*storage, error) {
	s := cl.cluster.storage(id)
	if s == nil {
		return nil, failed("storage '%s' does not exist", id)
	}
	if !s.on(cl.node) {
		return nil, failed("storage '%s' is not available on node '%s'", id, cl.node.spec.Name)
	}
	return s, nil
}

// contentText is the list of what a storage is for, in no order.
func (s *storage) contentText() string {
	list := slices.Clone(s.Content)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return strings.Join(list, ",")
}

// space is how large a storage is on a node, and how much of it is taken.
func (s *storage) space(n *Node) (total, used int64) {
	if total = n.disk(); s.SizeGiB > 0 {
		total = int64(s.SizeGiB) << 30
	}
	used = int64(float64(total) * (0.2 + 0.5*unit(uint64(n.index), uint64(len(s.ID)))))
	return total, used &^ 4095
}

var (
	storageParam = str("storage").as("pve-storage-id")
	storageRead  = needsAny("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace")
	storageTypes = optStr("type").of("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool").
			before9("btrfs", "cephfs", "cifs", "dir", "esxi", "glusterfs", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool")
	storageFrame = str("timeframe").of("hour", "day", "week", "month", "year")
)

var storageEndpoints = []endpoint{
	{method: "GET", path: "/storage", perm: anybody, serve: listStorageConfig, params: []param{storageTypes}},
	{method: "GET", path: "/storage/{storage}", perm: needs("/storage/{storage}", "Datastore.Allocate"), serve: readStorageConfig, params: []param{storageParam}},
	{method: "GET", path: "/nodes/{node}/storage", perm: anybody, onNode: true, protected: true, serve: listStorages, params: []param{
		nodeParam, storageParam.mayMiss(), optStr("content").as("pve-storage-content-list"), optBool("enabled"), optBool("format"), optStr("target").as("pve-node"),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}", perm: storageRead, serve: storageIndex, params: []param{nodeParam, storageParam}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/status", perm: storageRead, onNode: true, protected: true, serve: storageStatus, params: []param{nodeParam, storageParam}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/rrddata", perm: storageRead, onNode: true, protected: true, serve: storageHistory,
		params: []param{nodeParam, storageParam, cf, storageFrame}},
}

// configRow is a storage as storage.cfg has it.
func (s *storage) configRow() obj {
	o := obj{{"storage", s.ID}, {"type", s.Type}, {"content", s.contentText()}, {"digest", sha1Hex(s.ID + s.Type)}}
	switch {
	case s.Type == "lvmthin":
		o = o.with("vgname", "pve").with("thinpool", "data")
	case s.Type == "zfspool":
		o = o.with("pool", "rpool/data")
	case s.Path != "":
		o = o.with("path", s.Path)
	}
	o = o.withIf(s.Shared, "shared", 1)
	return o.withIf(len(s.Nodes) > 0, "nodes", strings.Join(s.Nodes, ","))
}

func (cl *call) mayUseStorage(id string) bool {
	return cl.cluster.mayAny(cl.who, "/storage/"+id, "Datastore.Audit", "Datastore.AllocateSpace")
}

func listStorageConfig(cl *call) (any, error) {
	rows := []obj{}
	for _, s := range cl.cluster.storages {
		if cl.mayUseStorage(s.ID) && (cl.args["type"] == "" || cl.args["type"] == s.Type) {
			rows = append(rows, s.configRow())
		}
	}
	shuffle(rows)
	return rows, nil
}

func readStorageConfig(cl *call) (any, error) {
	s := cl.cluster.storage(cl.args["storage"])
	if s == nil {
		return nil, failed("storage '%s' does not exist", cl.args["storage"])
	}
	return s.configRow(), nil
}

// statusRow is a storage as a node has it.
func (s *storage) statusRow(n *Node) obj {
	total, used := s.space(n)
	return obj{{"type", s.Type}, {"content", s.contentText()}, {"shared", s.Shared}, {"enabled", 1}, {"active", 1},
		{"total", total}, {"used", used}, {"avail", total - used}}
}

// listStorages wants for a target those that both nodes share.
func listStorages(cl *call) (any, error) {
	c, rows, args := cl.cluster, []obj{}, cl.args
	target := c.Node(args["target"])
	if args["target"] != "" && target == nil {
		return nil, failed("no such node '%s'", args["target"])
	}
	for _, s := range c.storages {
		wanted := splitList(args["content"])
		fits := len(wanted) == 0 || slices.ContainsFunc(wanted, s.holds)
		elsewhere := target != nil && target != cl.node && !(s.Shared && s.on(target))
		if !fits || elsewhere || !s.on(cl.node) || !cl.mayUseStorage(s.ID) || args["storage"] != "" && args["storage"] != s.ID {
			continue
		}
		row := s.statusRow(cl.node).with("storage", s.ID)
		total, used := s.space(cl.node)
		rows = append(rows, row.with("used_fraction", float64(used)/float64(total)))
	}
	shuffle(rows)
	return rows, nil
}

func storageIndex(cl *call) (any, error) {
	return listNames(cl.cluster.major, "subdir", "content download-url file-restore import-metadata +identity +oci-registry-pull prunebackups rrd rrddata status upload"), nil
}

func storageStatus(cl *call) (any, error) {
	s := cl.cluster.storage(cl.args["storage"])
	if s == nil || !s.on(cl.node) {
		return nil, badParam("storage", "No such storage.")
	}
	return s.statusRow(cl.node), nil
}

func storageHistory(cl *call) (any, error) {
	s := cl.cluster.storage(cl.args["storage"])
	if s == nil || !s.on(cl.node) {
		return nil, failed("RRD error: opening '/var/lib/rrdcached/db/pve-storage-9.0/%s/%s': No such file or directory", cl.node.spec.Name, cl.args["storage"])
	}
	n, frame := cl.node, grids[cl.cluster.major][cl.args["timeframe"]]
	total, used := s.space(n)
	return frame.rows(cl.at, func(at time.Time) obj {
		if n.gapAt(at, time.Duration(frame.step)*time.Second) {
			return nil
		}
		return obj{{"total", total}, {"used", float64(used) * (0.97 + 0.03*noise(uint64(n.index), float64(at.Unix())/86400))}}
	}), nil
}

// storageRows are the storages of all nodes as /cluster/resources has them.
func (c *Cluster) storageRows(cl *call) []obj {
	rows := []obj{}
	for _, n := range c.nodes {
		for _, s := range c.storages {
			if !s.on(n) || !c.may(cl.who, "/storage/"+s.ID, "Datastore.Audit") || c.faultOn("permission-lost", cl.via) {
				continue
			}
			total, used := s.space(n)
			content := slices.Sorted(slices.Values(s.Content))
			rows = append(rows, obj{
				{"id", fmt.Sprintf("storage/%s/%s", n.spec.Name, s.ID)}, {"node", n.spec.Name}, {"storage", s.ID}, {"type", "storage"},
				{"status", "available"}, {"plugintype", s.Type}, {"content", strings.Join(content, ",")}, {"shared", s.Shared}, {"disk", used}, {"maxdisk", total},
			})
		}
	}
	return rows
}
