package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// edit is one PUT of a configuration.
type edit struct {
	set            map[string]string
	remove, revert []string
}

func (cl *call) edit() edit {
	e := edit{set: maps.Clone(cl.args), remove: splitList(cl.args["delete"]), revert: splitList(cl.args["revert"])}
	for _, k := range []string{"node", "vmid", "digest", "delete", "revert"} {
		delete(e.set, k)
	}
	return e
}

// keys are all that the edit touches, sorted, as Proxmox goes through them.
func (e edit) keys() []string {
	return slices.Concat(slices.Sorted(maps.Keys(e.set)), e.remove, e.revert)
}

// writeConfig changes what a running container can take at once and lets the
// rest wait for its next start.
func writeConfig(cl *call) (any, error) {
	e := cl.edit()
	if len(e.keys()) == 0 {
		return nil, failed("no options specified")
	}
	if err := cl.mayEdit(slices.Concat(e.remove, e.revert), nil); err != nil {
		return nil, err
	}
	if err := e.sensible(); err != nil {
		return nil, err
	}
	if err := cl.mayEdit(slices.Sorted(maps.Keys(e.set)), e.set); err != nil {
		return nil, err
	}
	if err := cl.locked(atoi(cl.args["vmid"])); err != nil {
		return nil, err
	}
	g, err := cl.container()
	if err != nil {
		return nil, err
	}
	switch digest := cl.args["digest"]; {
	case g.lock != "":
		return nil, failed("%s", lockedText(g))
	case digest != "" && digest != g.digest():
		return nil, failed("%s", modifiedText)
	}
	if err := e.possible(g); err != nil {
		return nil, err
	}
	if !cl.cluster.quorate() {
		return nil, failed("%s", cannotWrite(g, 1100+cl.node.index))
	}
	bad := g.apply(e)
	g.record(cl.at)
	if len(bad) > 0 {
		return nil, badParams(bad)
	}
	return nil, nil
}

// sensible is what Proxmox asks before it looks at the container.
func (e edit) sensible() error {
	for _, k := range e.revert {
		if !isOption(k) {
			return badParam("revert", fmt.Sprintf("unknown option '%s'", k))
		}
		if _, twice := e.set[k]; twice {
			return badParam("revert", fmt.Sprintf("you can't use '-%s' and '-revert %s' at the same time", k, k))
		}
	}
	for _, k := range e.remove {
		if !isOption(k) {
			return badParam("delete", fmt.Sprintf("unknown option '%s'", k))
		}
		if _, twice := e.set[k]; twice {
			return badParam("delete", fmt.Sprintf("you can't use '-%s' and -delete %s' at the same time", k, k))
		}
		if slices.Contains(e.revert, k) {
			return badParam("delete", fmt.Sprintf("you can't use '-delete %s' and '-revert %s' at the same time", k, k))
		}
	}
	return nil
}

// isOption reports whether key may stand in a configuration.
func isOption(key string) bool {
	return slices.ContainsFunc(configParams, func(p param) bool { return p.name == family(key) }) &&
		!slices.Contains([]string{"node", "vmid", "digest", "delete", "revert"}, key)
}

// possible is what Proxmox asks of the container.
func (e edit) possible(g *guest) error {
	protected := g.conf.on("protection")
	for _, k := range e.remove {
		if _, waits := g.pending[k]; !waits && !g.conf.has(k) {
			continue
		}
		switch f := family(k); {
		case k == "rootfs" || k == "memory" || k == "ostype":
			return failed("unable to delete required option '%s'", k)
		case k == "unprivileged":
			return failed("unable to delete read-only option: '%s'", k)
		case protected && (f == "mp[n]" || f == "unused[n]"):
			return failed("can't remove CT %d drive '%s' - protection mode enabled", g.vmid, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.set)) {
		switch {
		case k == "unprivileged":
			return failed("unable to modify read-only option: '%s'", k)
		case protected && (k == "rootfs" || family(k) == "mp[n]"):
			return failed("can't update CT %d drive '%s' - protection mode enabled", g.vmid, k)
		}
	}
	return nil
}

// keyPrivilege is the privilege that a key needs.
func keyPrivilege(key string) string {
	switch family(key) {
	case "cores", "cpuunits", "cpulimit":
		return "VM.Config.CPU"
	case "rootfs", "mp[n]", "unused[n]":
		return "VM.Config.Disk"
	case "memory", "swap":
		return "VM.Config.Memory"
	case "net[n]", "nameserver", "searchdomain", "hostname":
		return "VM.Config.Network"
	case "features":
		return "VM.Allocate"
	}
	return "VM.Config.Options"
}

func permissionDenied(why string) error {
	return &apiError{status: 403, message: "Permission check failed (" + why + ")\n"}
}

// mayEdit checks each key, with the values that are to be set; a few are for
// the user root@pam alone.
func (cl *call) mayEdit(keys []string, values map[string]string) error {
	if cl.who == "root@pam" {
		return nil
	}
	for _, k := range keys {
		value, isSet := values[k]
		switch f := family(k); {
		case f == "features" && isSet && value != "" && strings.TrimPrefix(strings.TrimPrefix(value, "nesting=0"), "nesting=1") != "":
			return permissionDenied("changing feature flags (except nesting) is only allowed for root@pam")
		case f == "features" && cl.privileged():
			return permissionDenied("changing feature flags for privileged container is only allowed for root@pam")
		case f == "dev[n]":
			return permissionDenied("configuring device passthrough is only allowed for root@pam")
		case f == "hookscript":
			return permissionDenied("changing the hookscript is only allowed for root@pam")
		}
		if err := cl.mayOnGuest(keyPrivilege(k)); err != nil {
			return err
		}
		if !isSet {
			continue
		}
		if err := cl.mayUse(k, value); err != nil {
			return err
		}
	}
	return nil
}

// privileged reports whether the container is, or is to be.
func (cl *call) privileged() bool {
	if g := cl.cluster.ct(cl.node, atoi(cl.args["vmid"])); g != nil {
		return !g.conf.on("unprivileged")
	}
	_, creates := cl.args["ostemplate"]
	return creates && !cl.unprivileged()
}

// mayOnGuest wants a right on the guest, or on the pool that a new one is for.
func (cl *call) mayOnGuest(priv string) error {
	if pool := cl.args["pool"]; pool != "" && cl.cluster.may(cl.who, "/pool/"+pool, priv) {
		return nil
	}
	if path := "/vms/" + cl.args["vmid"]; !cl.cluster.may(cl.who, path, priv) {
		return forbidden(path, priv)
	}
	return nil
}

// mayUse checks the rights on what a value names: a bridge or a storage.
func (cl *call) mayUse(key, value string) error {
	switch family(key) {
	case "net[n]":
		bridge := part(value, "bridge")
		if zone := "/sdn/zones/localnetwork/" + bridge; bridge != "" && !cl.cluster.may(cl.who, zone, "SDN.Use") {
			return forbidden(zone, "SDN.Use")
		}
	case "mp[n]", "rootfs":
		volume, _, _ := strings.Cut(value, ",")
		if strings.HasPrefix(volume, "/dev/") {
			return permissionDenied("mount point type device is only allowed for root@pam")
		}
		if strings.HasPrefix(volume, "/") {
			return permissionDenied("mount point type bind is only allowed for root@pam")
		}
		storage, _, _ := strings.Cut(volume, ":")
		if path := "/storage/" + storage; !cl.cluster.may(cl.who, path, "Datastore.AllocateSpace") {
			return forbidden(path, "Datastore.AllocateSpace")
		}
	}
	return nil
}

// part is one property of a value such as name=eth0,bridge=vmbr0.
func part(value, name string) string {
	for _, item := range strings.Split(value, ",") {
		if v, ok := strings.CutPrefix(item, name+"="); ok {
			return v
		}
	}
	return ""
}

// Keys that a running container takes, or loses, without a restart. Mount
// points and devices can be added, not changed.
var (
	fastOptions   = []string{"description", "onboot", "startup", "protection", "hostname", "hookscript", "cores", "tags", "lock"}
	setAtOnce     = slices.Concat(fastOptions, []string{"memory", "swap", "cpulimit", "cpuunits", "net[n]", "mp[n]", "dev[n]"})
	removedAtOnce = slices.Concat(fastOptions, []string{"swap", "cpulimit", "cpuunits", "unused[n]", "net[n]"})
)

// waits reports whether a change has to wait for the next start.
func (g *guest) waits(key string, remove bool) bool {
	f := family(key)
	switch {
	case !g.running:
		return false
	case remove:
		return !slices.Contains(removedAtOnce, f) || f == "net[n]" && len(key) > len("net0")
	}
	return !slices.Contains(setAtOnce, f) || g.conf.has(key) && (f == "mp[n]" || f == "dev[n]")
}

// drop removes a key; the volume of a mount point is kept as an unused one.
func (g *guest) drop(key string) {
	volume, _, _ := strings.Cut(g.conf.get(key), ",")
	g.conf.drop(key)
	if family(key) != "mp[n]" || !strings.Contains(volume, ":") {
		return
	}
	n := 0
	for g.conf.has(fmt.Sprint("unused", n)) {
		n++
	}
	g.conf.set(fmt.Sprint("unused", n), volume)
}

// apply changes the configuration and says what a running container refused.
func (g *guest) apply(e edit) map[string]string {
	bad := map[string]string{}
	for _, k := range e.revert {
		delete(g.pending, k)
	}
	for _, k := range e.remove {
		delete(g.pending, k)
		switch {
		case !g.conf.has(k):
		case g.waits(k, true):
			g.putPending(k, change{remove: true})
		default:
			g.drop(k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.set)) {
		value := g.normal(k, e.set[k])
		if bridge := part(value, "bridge"); g.running && family(k) == "net[n]" && !knownBridge(bridge) {
			bad[k] = fmt.Sprintf("unable to hotplug %s: bridge '%s' does not exist\n", k, bridge)
			continue
		}
		if id := g.noStorage(k, e.set[k]); id != "" && !g.waits(k, false) {
			how := map[bool]string{true: "unable to hotplug %s: ", false: "unable to apply pending change %s : "}[g.running]
			bad[k] = fmt.Sprintf(how+"storage '%s' does not exist\n", k, id)
			continue
		}
		delete(g.pending, k)
		switch {
		case g.conf.has(k) && g.conf.get(k) == value:
		case g.waits(k, false):
			g.putPending(k, change{value: value})
		default:
			g.conf.set(k, value)
		}
	}
	g.mirror()
	return bad
}

// noStorage is the storage that is not there, on which a new disk is wanted.
func (g *guest) noStorage(key, value string) string {
	if key != "rootfs" && family(key) != "mp[n]" {
		return ""
	}
	volume, _, _ := strings.Cut(value, ",")
	id, size, ok := strings.Cut(volume, ":")
	if !ok || size == "" || strings.Trim(size, "0123456789.") != "" || g.node.cluster.storage(id) != nil {
		return ""
	}
	return id
}

func knownBridge(name string) bool { return name == "" || name == "vmbr0" || name == "vmbr1" }

// normal is a value as Proxmox writes it into the file.
func (g *guest) normal(key, value string) string {
	switch family(key) {
	case "tags":
		if list := tidyTags(splitList(value)); len(list) > 0 {
			return strings.Join(list, ";")
		}
		return " "
	case "description":
		return strings.TrimSuffix(value, "\n")
	case "net[n]":
		return g.normalNet(key, value)
	case "mp[n]", "rootfs":
		return g.normalVolume(key, value)
	}
	return value
}

// normalNet puts the name first, the rest in order, and makes up an address.
func (g *guest) normalNet(key, value string) string {
	parts := map[string]string{"type": "veth", "hwaddr": fmt.Sprintf("%s:%02X", g.mac[:len(g.mac)-3], byte(mix(g.seed, uint64(len(key)), uint64(key[len(key)-1]))))}
	for _, item := range strings.Split(value, ",") {
		if k, v, ok := strings.Cut(item, "="); ok {
			parts[k] = v
		}
	}
	out := "name=" + parts["name"]
	delete(parts, "name")
	if parts["bridge"] != "" {
		out += ",bridge=" + parts["bridge"]
		delete(parts, "bridge")
	}
	for _, k := range slices.Sorted(maps.Keys(parts)) {
		out += "," + k + "=" + parts[k]
	}
	return out
}

// normalVolume allocates what STORAGE:GiB asks for.
func (g *guest) normalVolume(key, value string) string {
	volume, rest, _ := strings.Cut(value, ",")
	storage, size, ok := strings.Cut(volume, ":")
	if !ok || size == "" || strings.Trim(size, "0123456789.") != "" {
		return value
	}
	volume = fmt.Sprintf("%s:vm-%d-disk-%d", storage, g.vmid, len(g.volumes()))
	if s := g.node.cluster.storage(storage); s != nil {
		volume = s.volume(g.vmid, len(g.volumes()), false)
	}
	if rest != "" {
		volume += "," + rest
	}
	return volume + ",size=" + size + "G"
}
