package pvesim

// Property strings: the parts of a value such as net0 or rootfs, which have a
// schema of their own.

const (
	mountOptionsPattern = `(?^:(?^:(discard|lazytime|noatime|nodev|noexec|nosuid))(;(?^:(discard|lazytime|noatime|nodev|noexec|nosuid)))*)`
	idmapPattern        = `(?^:^(?:passthrough|[ug]:[0-9]+:[0-9]+:[1-9][0-9]*(?:;[ug]:[0-9]+:[0-9]+:[1-9][0-9]*)*)$)`
	linePattern         = `(?^:[^\x00-\x08\x0a-\x1F\x7F]+)`
	envPattern          = `(?^:(?:\w+=[^\x00-\x08\x0a-\x1F\x7F]*)(?:\0\w+=[^\x00-\x08\x0a-\x1F\x7F]*)*)`
)

var volumeProps = []param{
	str("volume").as("pve-lxc-mp-string").byDefault(), optBool("acl"), optStr("idmap").like(idmapPattern).newIn9(),
	optStr("mountoptions").like(mountOptionsPattern), optBool("quota"), optBool("replicate"), optBool("ro"), optBool("shared"),
	optStr("size").as("disk-size"),
}

var mountProps = append([]param{str("mp").as("pve-lxc-mp-string"), optBool("backup"), optBool("keepattrs").newIn9()}, volumeProps...)

var netProps = []param{
	str("name").like(`[-_.\w\d]+`), optStr("bridge").like(`[-_.\w\d]+`), optBool("firewall"), optStr("gw").as("ipv4"), optStr("gw6").as("ipv6"),
	optBool("host-managed").newIn9(), optStr("hwaddr").as("mac-addr"), optStr("ip").as("pve-ipv4-config"), optStr("ip6").as("pve-ipv6-config"),
	optBool("link_down"), optInt("mtu").from(64).to(65535), optNum("rate"), optInt("tag").from(1).to(4094), optStr("trunks").like(`(?^:\d+(?:;\d+)*)`),
	optStr("type").of("veth"),
}

var featureProps = []param{
	optBool("force_rw_sys"), optBool("fuse"), optBool("keyctl"), optBool("mknod"), optStr("mount").like(`(?^:[a-zA-Z0-9_; ]+)`), optBool("nesting"),
}

var deviceProps = []param{
	optStr("path").as("pve-lxc-dev-string").byDefault(), optBool("deny-write"), optInt("gid").from(0), optStr("mode").like(`0[0-7]{3}`), optInt("uid").from(0),
}

// configParams are what PUT config takes.
var configParams = []param{
	nodeParam, vmidParam,
	optStr("arch").of("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"), optStr("cmode").of("shell", "console", "tty"), optBool("console"),
	optInt("cores").from(1).to(8192), optNum("cpulimit").from(0).to(8192), optInt("cpuunits").from(0).to(500000), optBool("debug"),
	optStr("delete").as("pve-configid-list"), optStr("description").upTo(8192), optStr("dev[n]").made(deviceProps), optStr("digest").upTo(40),
	optStr("entrypoint").like(linePattern).newIn9(), optStr("env").like(envPattern).newIn9(), optStr("features").made(featureProps),
	optStr("hookscript").as("pve-volume-id"), optStr("hostname").as("dns-name").upTo(255),
	optStr("lock").of("backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback", "snapshot", "snapshot-delete"),
	optInt("memory").from(16), optStr("mp[n]").made(mountProps), optStr("nameserver").as("lxc-ip-with-ll-iface-list"), optStr("net[n]").made(netProps),
	optBool("onboot"), optStr("ostype").of("debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo", "nixos", "unmanaged"),
	optBool("protection"), optStr("revert").as("pve-configid-list"), optStr("rootfs").made(volumeProps), optStr("searchdomain").as("dns-name-list"),
	optStr("startup").as("pve-startup-order"), optInt("swap").from(0), optStr("tags").as("pve-tag-list"), optBool("template"),
	optStr("timezone").as("pve-ct-timezone"), optInt("tty").from(0).to(6), optBool("unprivileged"),
	optStr("unused[n]").made([]param{str("volume").as("pve-volume-id").byDefault()}),
}
