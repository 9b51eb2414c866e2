package pvesim

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

var volumeParams = []param{nodeParam, storageParam.mayMiss(), str("volume")}

var contentEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/storage/{storage}/content", perm: storageRead, onNode: true, protected: true, serve: listContent, params: []param{
		nodeParam, vmidParam.mayMiss(), storageParam, optStr("content").as("pve-storage-content"),
	}},
	{method: "GET", path: "/nodes/{node}/storage/{storage}/content/{volume}", perm: anybody, onNode: true, protected: true, serve: readVolume, params: volumeParams},
	{method: "PUT", path: "/nodes/{node}/storage/{storage}/content/{volume}", perm: anybody, onNode: true, protected: true, serve: updateVolume,
		params: append([]param{optStr("notes"), optBool("protected")}, volumeParams...)},
	{method: "DELETE", path: "/nodes/{node}/storage/{storage}/content/{volume}", perm: anybody, onNode: true, protected: true, serve: deleteVolume,
		params: append([]param{optInt("delay").from(1).to(30)}, volumeParams...)},
	{method: "GET", path: "/nodes/{node}/vzdump/extractconfig", perm: anybody, onNode: true, protected: true, serve: extractConfig, params: []param{nodeParam, str("volume")}},
}

// volume is something that a storage holds.
type volume struct {
	id, content, format, file string
	vmid                      int
	size, used, made          int64
	archive                   *archive
}

// volumesOn lists what a storage holds on a node.
func (c *Cluster) volumesOn(s *storage, n *Node) []volume {
	var list []volume
	for _, name := range s.templates {
		list = append(list, volume{id: s.ID + ":vztmpl/" + name, content: "vztmpl", format: templateFormat(name), file: s.Path + "/template/cache/" + name,
			size: int64(3+mix(uint64(len(name)), 5)%140) << 20, made: n.boot.Unix()})
	}
	for _, a := range s.archives[s.place(n)] {
		list = append(list, volume{id: s.ID + ":backup/" + a.name(), content: "backup", format: a.end, file: s.Path + "/dump/" + a.name(), vmid: a.vmid, size: a.size, used: a.size, made: a.at.Unix(), archive: a})
	}
	for _, g := range c.sortedGuests() {
		if g.kind != "lxc" || !s.Shared && g.node != n || g.diskless {
			continue
		}
		for _, value := range g.volumeLines() {
			id, _, _ := strings.Cut(value, ",")
			storageID, name, _ := strings.Cut(id, ":")
			if storageID == s.ID {
				size := max(sizeOf(value), 1<<30)
				list = append(list, volume{id: id, content: "rootdir", format: "raw", file: s.fileOf(name), vmid: g.vmid, size: size, used: int64(float64(size)*g.diskFill) &^ 4095, made: g.born.Unix()})
			}
		}
	}
	return list
}

// volumeLines are the values of a configuration that name disks, with what
// stands beside.
func (g *guest) volumeLines() []string {
	var list []string
	for _, s := range g.conf {
		if volume, _, _ := strings.Cut(s.value, ","); strings.Contains(volume, ":") && (s.key == "rootfs" || family(s.key) == "mp[n]" || family(s.key) == "unused[n]") {
			list = append(list, s.value)
		}
	}
	return list
}

func (s *storage) fileOf(name string) string {
	if s.Path == "" {
		return "/dev/pve/" + name
	}
	return s.Path + "/images/" + name
}

func templateFormat(name string) string {
	return "t" + strings.NewReplacer("gz", "gz", "xz", "xz", "zst", "zst").Replace(strings.TrimPrefix(path.Ext(name), "."))
}

func (a *archive) name() string {
	return fmt.Sprintf("vzdump-lxc-%d-%s.%s", a.vmid, a.at.UTC().Format("2006_01_02-15_04_05"), a.end)
}

// mayRead is Proxmox's check of access to a volume: a guest's disks and backups
// need rights on the guest.
func (cl *call) mayRead(s *storage, v volume) error {
	c, on, guest := cl.cluster, "/storage/"+s.ID, fmt.Sprint("/vms/", v.vmid)
	switch {
	case v.content == "vztmpl" || v.content == "iso":
		if !cl.mayUseStorage(s.ID) {
			return forbidden(on, "Datastore.AllocateSpace", "Datastore.Audit")
		}
	case v.content == "backup":
		if !c.may(cl.who, on, "Datastore.AllocateSpace") {
			return forbidden(on, "Datastore.AllocateSpace")
		}
		if !c.may(cl.who, guest, "VM.Backup") {
			return forbidden(guest, "VM.Backup")
		}
	case !cl.mayUseStorage(s.ID):
		return forbidden(on, "Datastore.Audit")
	case !c.may(cl.who, guest, "VM.Config.Disk"):
		return forbidden(guest, "VM.Config.Disk")
	}
	return nil
}

func listContent(cl *call) (any, error) {
	s, err := cl.storageOf(cl.args["storage"])
	if err != nil {
		return nil, err
	}
	rows := []obj{}
	for _, v := range cl.cluster.volumesOn(s, cl.node) {
		kind, vmid := cl.args["content"], cl.args["vmid"]
		if kind != "" && kind != v.content || vmid != "" && vmid != fmt.Sprint(v.vmid) || cl.mayRead(s, v) != nil {
			continue
		}
		row := obj{{"volid", v.id}, {"content", v.content}, {"format", v.format}, {"size", v.size}, {"ctime", v.made}}
		row = row.withIf(v.vmid > 0, "vmid", v.vmid)
		row = row.withIf(v.content == "rootdir" && s.Path != "", "used", v.used)
		if a := v.archive; a != nil {
			row = row.with("subtype", "lxc").withIf(a.notes != "", "notes", a.notes).withIf(a.protected, "protected", 1)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// named finds the volume of the path, which may stand there with or without
// its storage.
func (cl *call) named() (*storage, *volume, error) {
	id := cl.args["volume"]
	storageID, _, whole := strings.Cut(id, ":")
	if !whole {
		storageID = cl.args["storage"]
		id = storageID + ":" + id
	}
	if given := cl.args["storage"]; given != "" && given != storageID {
		return nil, nil, badParam("storage", fmt.Sprintf("storage ID missmatch ('%s' != '%s')", storageID, given))
	}
	s, err := cl.storageOf(storageID)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range cl.cluster.volumesOn(s, cl.node) {
		if v.id == id {
			return s, &v, nil
		}
	}
	return s, &volume{id: id, content: contentOf(id), vmid: ownerOf(id)}, nil
}

// contentOf and ownerOf read the name of a volume.
func contentOf(id string) string {
	_, name, _ := strings.Cut(id, ":")
	kind, _, deep := strings.Cut(name, "/")
	if deep && slices.Contains([]string{"vztmpl", "iso", "backup", "snippets"}, kind) {
		return kind
	}
	return "rootdir"
}

func ownerOf(id string) int {
	for _, part := range strings.FieldsFunc(id, func(r rune) bool { return strings.ContainsRune(":/-.", r) }) {
		if n := atoi(part); n >= 100 {
			return n
		}
	}
	return 0
}

func readVolume(cl *call) (any, error) {
	s, v, err := cl.named()
	if err != nil {
		return nil, err
	}
	if err := cl.mayRead(s, *v); err != nil {
		return nil, err
	}
	if v.size == 0 {
		return nil, failed("volume_size_info on '%s' failed", v.id)
	}
	format := v.format
	if v.archive != nil {
		format = "raw"
	}
	o := obj{{"path", v.file}, {"size", v.size}, {"used", v.used}, {"format", format}}
	if a := v.archive; a != nil {
		o = o.with("protected", a.protected).withIf(a.notes != "", "notes", a.notes)
	}
	return o, nil
}

func updateVolume(cl *call) (any, error) {
	s, v, err := cl.named()
	if err != nil {
		return nil, err
	}
	if err := cl.mayRead(s, *v); err != nil {
		return nil, err
	}
	if v.archive == nil {
		return nil, failed("can't update attributes of volume '%s'", v.id)
	}
	if notes, there := cl.args["notes"]; there {
		v.archive.notes = notes
	}
	if on, there := cl.args["protected"]; there {
		v.archive.protected = on == "1"
	}
	return nil, nil
}

// deleteVolume removes as a task, whose id is the guest at the storage.
func deleteVolume(cl *call) (any, error) {
	s, v, err := cl.named()
	if err != nil {
		return nil, err
	}
	if err := cl.mayDelete(s, v); err != nil {
		return nil, err
	}
	id := s.ID
	if v.vmid > 0 {
		id = fmt.Sprintf("%d@%s", v.vmid, s.ID)
	}
	place := s.place(cl.node)
	t := cl.cluster.begin(cl.node, "imgdel", id, cl.who, cl.at, work{plan: []step{{takes: usualTime["imgdel"], do: func(t *task, _ time.Time) string {
		if v.archive != nil && v.archive.protected {
			return fmt.Sprintf("cannot remove protected archive '%s'", v.file)
		}
		s.archives[place] = slices.DeleteFunc(s.archives[place], func(a *archive) bool { return a == v.archive })
		s.templates = slices.DeleteFunc(s.templates, func(name string) bool { return v.id == s.ID+":vztmpl/"+name })
		t.say("Removed volume '%s'", v.id)
		return ""
	}}}})
	if cl.args["delay"] != "" {
		return slow{nil, t.scaled(usualTime["imgdel"])}, nil
	}
	return t.upid, nil
}

func (cl *call) mayDelete(s *storage, v *volume) error {
	if v.content == "backup" {
		return cl.mayRead(s, *v)
	}
	priv := "Datastore.Allocate"
	if v.content == "vztmpl" || v.content == "iso" {
		priv = "Datastore.AllocateTemplate"
	}
	if !cl.cluster.may(cl.who, "/storage/"+s.ID, priv) {
		return forbidden("/storage/"+s.ID, priv)
	}
	return nil
}

func extractConfig(cl *call) (any, error) {
	s, v, err := cl.named()
	if err != nil {
		return nil, err
	}
	if err := cl.mayRead(s, *v); err != nil {
		return nil, err
	}
	if v.archive == nil {
		return nil, failed("volume '%s' does not exist", v.id)
	}
	return v.archive.conf, nil
}
