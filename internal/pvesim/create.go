package pvesim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// createEndpoint makes a container from an OS template or a backup. Who may is
// asked by Proxmox's code, in its own order.
var createEndpoint = endpoint{method: "POST", path: "/nodes/{node}/lxc", perm: anybody, onNode: true, protected: true, serve: createCall, params: createParams()}

// createParams are those of a configuration and those that only a new container
// has.
func createParams() []param {
	list := slices.DeleteFunc(slices.Clone(configParams), func(p param) bool {
		return slices.Contains(notSettings, p.name) && p.name != "node" && p.name != "vmid"
	})
	return append(list, creationParams...)
}

var (
	notSettings    = []string{"node", "vmid", "digest", "delete", "revert"}
	newPool        = optStr("pool").as("pve-poolid")
	creationParams = []param{
		str("ostemplate").upTo(255), optNum("bwlimit").from(0), optBool("force"), optBool("ha-managed").newIn9(), optBool("ignore-unpack-errors"), optStr("password").atLeast(5), newPool,
		optBool("restore"), optStr("ssh-public-keys"), optBool("start"), storageParam.mayMiss(), optBool("unique").with("restore"),
	}
)

// settings are the arguments that belong into a configuration.
func (cl *call) settings() map[string]string {
	set := maps.Clone(cl.args)
	for _, p := range creationParams {
		delete(set, p.name)
	}
	for _, name := range notSettings {
		delete(set, name)
	}
	delete(set, "unprivileged")
	return set
}

// unprivileged is what the new container is to be, which is the default of 9.
func (cl *call) unprivileged() bool {
	if v, there := cl.args["unprivileged"]; there {
		return v == "1"
	}
	return cl.cluster.major >= 9
}

// takenText is the refusal of a VMID that somebody has.
func takenText(g *guest) string {
	return fmt.Sprintf("%s %d already exists on node '%s'", map[string]string{"lxc": "CT", "qemu": "VM"}[g.kind], g.vmid, g.node.spec.Name)
}

func createCall(cl *call) (any, error) {
	c, vmid := cl.cluster, atoi(cl.args["vmid"])
	restore := cl.args["restore"] == "1"
	old := c.guests[vmid]
	over := old != nil && restore && cl.args["force"] == "1" && old == c.ct(cl.node, vmid)
	switch {
	case old != nil && !over:
		return nil, failed("%s", takenText(old))
	case over && old.conf.on("protection"):
		return nil, failed("unable to restore CT %d - protection mode enabled", vmid)
	}
	if err := validKeys(cl.args["ssh-public-keys"]); err != nil {
		return nil, err
	}
	if err := cl.mayCreate(); err != nil {
		return nil, err
	}
	if err := cl.usableSource(restore); err != nil {
		return nil, err
	}
	disks, err := cl.usableDisks()
	if err != nil {
		return nil, err
	}
	if !c.quorate() {
		return nil, failed("cluster not ready - no quorum?")
	}
	if over && old.lock != "" {
		return nil, failed("unable to restore CT %d - %s", vmid, lockedText(old))
	}
	kind := map[bool]string{true: "vzrestore", false: "vzcreate"}[restore]
	return cl.task(kind, c.creating(cl.newContainer(old, disks), cl.creation(restore)))
}

var sshKey = regexp.MustCompile(`^(\S.*\s)?(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-\S+@openssh\.com) [A-Za-z0-9+/]+=*(\s.*)?$`)

func validKeys(keys string) error {
	for _, line := range strings.Split(keys, "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !sshKey.MatchString(line) {
			return failed("SSH public key validation error")
		}
	}
	return nil
}

// mayCreate asks for the right on the VMID or the pool, then for those on each
// setting.
func (cl *call) mayCreate() error {
	c := cl.cluster
	if pool := cl.args["pool"]; pool != "" && c.pools[pool] == nil {
		return permissionDenied(fmt.Sprintf("pool '%s' does not exist", pool))
	}
	if cl.mayOnGuest("VM.Allocate") != nil {
		return errForbidden
	}
	if v, there := cl.args["unprivileged"]; there && v == "0" && c.major >= 9 && !c.may(cl.who, "/", "Sys.Modify") {
		return forbidden("/", "Sys.Modify")
	}
	set := cl.settings()
	return cl.mayEdit(slices.Sorted(maps.Keys(set)), set)
}

const onlyRootPaths = "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651."

// usableSource asks whether the template or backup may be read; whether it is
// there at all is found out by the task.
func (cl *call) usableSource(restore bool) error {
	id := cl.args["ostemplate"]
	if id == "-" {
		return failed("pipe requires cli environment")
	}
	storageID, _, isVolume := strings.Cut(id, ":")
	if !isVolume {
		if cl.who == "root@pam" {
			return nil
		}
		return failed("%s", onlyRootPaths)
	}
	s, err := cl.storageOf(storageID)
	if err != nil {
		return err
	}
	want := map[bool]string{true: "backup", false: "vztmpl"}[restore]
	if got := contentOf(id); got != want {
		return failed("unable to use volume %s - content type needs to be '%s'", id, want)
	}
	return cl.mayRead(s, volume{id: id, content: want, vmid: ownerOf(id)})
}

// usableDisks looks at the storages of the disks and returns the disks' values;
// without any there is one of four GiB.
func (cl *call) usableDisks() (map[string]string, error) {
	storageID := cl.args["storage"]
	if storageID == "" {
		storageID = "local"
	}
	disks := map[string]string{}
	for k, v := range cl.args {
		if k != "rootfs" && family(k) != "mp[n]" {
			continue
		}
		if strings.Trim(strings.SplitN(v, ",", 2)[0], "0123456789.") == "" {
			v = storageID + ":" + v
		}
		disks[k] = v
	}
	if len(disks) > 0 && disks["rootfs"] == "" {
		return nil, failed("mount points configured, but 'rootfs' not set - aborting")
	}
	if len(disks) == 0 {
		if err := cl.usableFor(storageID); err != nil {
			return nil, err
		}
		if cl.args["restore"] != "1" {
			disks["rootfs"] = storageID + ":4"
		}
		return disks, nil
	}
	for _, k := range slices.Sorted(maps.Keys(disks)) {
		id, _, isVolume := strings.Cut(strings.SplitN(disks[k], ",", 2)[0], ":")
		switch {
		case strings.HasPrefix(disks[k], "/"): // only root@pam comes so far
		case !isVolume:
			return nil, failed("%s", onlyRootPaths)
		default:
			if err := cl.usableFor(id); err != nil {
				return nil, err
			}
		}
	}
	return disks, nil
}

// usableFor asks whether containers may be on a storage.
func (cl *call) usableFor(storageID string) error {
	s, err := cl.storageOf(storageID)
	if err != nil {
		return err
	}
	if !s.holds("rootdir") {
		return badParam("storage", fmt.Sprintf("storage '%s' does not support container directories", storageID))
	}
	if path := "/storage/" + storageID; !cl.cluster.may(cl.who, path, "Datastore.AllocateSpace") {
		return forbidden(path, "Datastore.AllocateSpace")
	}
	return nil
}
