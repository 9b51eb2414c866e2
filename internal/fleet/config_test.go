package fleet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseNet(t *testing.T) {
	const raw = "name=eth0,bridge=vmbr0,firewall=1,gw=10.0.0.1,gw6=fd00::1,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,ip6=auto,link_down=1,mtu=1400,rate=2.5,tag=5,trunks=10;20,type=veth,later=x"
	want := Net{Key: "net0", Name: "eth0", Bridge: "vmbr0", HWAddr: "BC:24:11:00:00:01", IP: "10.0.0.5/24", GW: "10.0.0.1", IP6: "auto", GW6: "fd00::1",
		Tag: 5, Trunks: "10;20", MTU: 1400, Rate: 2.5, Firewall: true, LinkDown: true, Raw: raw}
	if got := ParseNet("net0", raw); got != want {
		t.Errorf("%+v", got)
	}
	for _, odd := range []string{"", ",", "=", ",,=,=x", "tag=4095", "tag=-1", "tag=1e3", "rate=NaN", "mtu=99999999999999999999", "firewall=maybe", "eth0"} {
		if got := ParseNet("net1", odd); got != (Net{Key: "net1", Raw: odd}) {
			t.Errorf("%q became %+v", odd, got)
		}
	}
	if got := ParseNet("net0", "name=a,name=b, bridge=x"); got.Name != "b" || got.Bridge != "x" {
		t.Errorf("%+v", got)
	}
}

func TestParseMountPoint(t *testing.T) {
	for _, tc := range []struct {
		key, raw string
		want     MountPoint
		bind     bool
		device   bool
	}{
		{key: "rootfs", raw: "local:100/vm-100-disk-0.raw,size=1G",
			want: MountPoint{Volume: "local:100/vm-100-disk-0.raw", Storage: "local", Path: "/", Size: 1 << 30, Backup: true, Replicate: true}},
		{key: "mp0", raw: "zfs:subvol-9201-disk-1,mp=/var/lib/x,backup=0,size=512M,ro=1,quota=1,replicate=0,mountoptions=noatime;nodev",
			want: MountPoint{Volume: "zfs:subvol-9201-disk-1", Storage: "zfs", Path: "/var/lib/x", Size: 512 << 20, ReadOnly: true, Quota: true, Options: []string{"noatime", "nodev"}}},
		{key: "mp1", raw: "volume=zfs:x,mp=/y,backup=1", want: MountPoint{Volume: "zfs:x", Storage: "zfs", Path: "/y", Backup: true, Replicate: true}},
		{key: "mp2", raw: "/srv/a:b,mp=/data,backup=1,shared=1", want: MountPoint{Volume: "/srv/a:b", Path: "/data", Shared: true}, bind: true},
		{key: "mp3", raw: "/dev/sdb1,mp=/disk", want: MountPoint{Volume: "/dev/sdb1", Path: "/disk"}, device: true},
		{key: "mp4", raw: "", want: MountPoint{}},
	} {
		tc.want.Key, tc.want.Raw = tc.key, tc.raw
		got := ParseMountPoint(tc.key, tc.raw)
		if !reflect.DeepEqual(got, tc.want) || got.Bind() != tc.bind || got.Device() != tc.device {
			t.Errorf("%q became %+v", tc.raw, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"8G": 8 << 30, "512M": 512 << 20, "1.5T": 3 << 39, "4K": 4096, "123": 123, "0": 0, "": 0, "G": 0,
		"-1G": 0, "1g": 0, "1 G": 0, "1e9": 0, "NaN": 0, "9999999999999999999999T": 0, "8388608T": 0, "1.2.3G": 0} {
		if got := ParseSize(in); got != want {
			t.Errorf("%q is %d, want %d", in, got, want)
		}
	}
}

func TestParseStartupAndFeatures(t *testing.T) {
	for in, want := range map[string]Startup{
		"order=2,up=5,down=60": {HasOrder: true, Order: 2, Up: 5 * time.Second, Down: time.Minute},
		"3":                    {HasOrder: true, Order: 3},
		"order=0":              {HasOrder: true},
		"up=5":                 {Up: 5 * time.Second},
		"":                     {},
		"order=-1,up=x,down=99999999999999999999": {},
	} {
		if got := ParseStartup(in); got != want {
			t.Errorf("%q is %+v", in, got)
		}
	}
	got := ParseFeatures("nesting=1,keyctl=0,fuse=1,mknod=on,force_rw_sys=1,mount=nfs;cifs")
	want := Features{Nesting: true, FUSE: true, MkNod: true, ForceRWSys: true, Mount: []string{"nfs", "cifs"}, Raw: "nesting=1,keyctl=0,fuse=1,mknod=on,force_rw_sys=1,mount=nfs;cifs"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestParseConfig(t *testing.T) {
	c := ParseConfig([]Option{
		{"net10", "name=eth10"}, {"mp2", "s:b,mp=/b"}, {"memory", "64"}, {"net2", "name=eth2"}, {"mp10", "s:c,mp=/c"}, {"hostname", "web1"},
		{"cores", "2"}, {"cpulimit", "0.5"}, {"cpuunits", "200"}, {"swap", "0"}, {"rootfs", "local:x,size=1G"}, {"features", "nesting=1"},
		{"onboot", "1"}, {"protection", "1"}, {"unprivileged", "1"}, {"startup", "order=1"}, {"description", "# x\ny\n"}, {"tags", "web;prod"},
		{"ostype", "debian"}, {"arch", "amd64"}, {"nameserver", "1.1.1.1"}, {"searchdomain", "example.org"}, {"lock", "backup"},
		{"digest", "abc"}, {"parent", "before"}, {"unused0", "s:d"}, {"newkey", "new"}, {"net", "name=no"}, {"mp", "x"},
	}, []Option{{"lxc.apparmor.profile", "unconfined"}, {"lxc.cap.drop", ""}})
	if c.Hostname != "web1" || c.Memory != 64<<20 || c.Swap != 0 || c.Cores != 2 || c.CPULimit != 0.5 || c.CPUUnits != 200 || !c.OnBoot || !c.Protection ||
		!c.Unprivileged || c.Template || !c.Features.Nesting || c.Startup.Order != 1 || c.Description != "# x\ny" || !slices.Equal(c.Tags, []string{"prod", "web"}) ||
		c.OSType != "debian" || c.Arch != "amd64" || c.Nameserver != "1.1.1.1" || c.SearchDomain != "example.org" || c.Lock != "backup" ||
		c.Digest != "abc" || c.Parent != "before" || len(c.Raw) != 2 || len(c.Unused) != 1 || c.RootFS.Size != 1<<30 {
		t.Errorf("%+v", c)
	}
	if len(c.Nets) != 2 || c.Nets[0].Key != "net2" || len(c.MountPoints) != 2 || c.MountPoints[1].Key != "mp10" {
		t.Errorf("nets %+v, mount points %+v", c.Nets, c.MountPoints)
	}
	if c = ParseConfig(nil, nil); c.Memory != 512<<20 || c.Swap != 512<<20 {
		t.Errorf("defaults %+v", c)
	}
}

func TestConfigIsBounded(t *testing.T) {
	var options, raw []Option
	for i := range 5000 {
		options = append(options, Option{fmt.Sprintf("mp%d", i), "s:v,mp=/x"}, Option{"mp0", "again"})
		raw = append(raw, Option{"lxc.x", "y"})
	}
	c := ParseConfig(options, raw)
	if !c.Cut || len(c.Options) > maxOptions || len(c.MountPoints) > maxOptions || len(c.Raw) > maxRaw {
		t.Errorf("%d options, %d mount points, %d lines, cut %v", len(c.Options), len(c.MountPoints), len(c.Raw), c.Cut)
	}
	if n := len(ParseFeatures(strings.Repeat("mount=a;,", 100_000)).Mount); n != 1 {
		t.Errorf("%d kinds of mounts", n)
	}
}

// property strings as Proxmox prints them are read back as they were meant.
func TestPropertyStringsRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[a-zA-Z0-9/_.:-]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		want := Net{Key: "net3", Name: word.Draw(t, "name"), Bridge: word.Draw(t, "bridge"), IP: word.Draw(t, "ip"), GW6: word.Draw(t, "gw6"),
			Tag: rapid.IntRange(1, 4094).Draw(t, "tag"), Firewall: rapid.Bool().Draw(t, "firewall")}
		parts := []string{"name=" + want.Name, "bridge=" + want.Bridge, "ip=" + want.IP, "gw6=" + want.GW6, fmt.Sprint("tag=", want.Tag), "firewall=0"}
		if want.Firewall {
			parts[5] = "firewall=1"
		}
		want.Raw = strings.Join(rapid.Permutation(parts).Draw(t, "order"), ",")
		if got := ParseNet("net3", want.Raw); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
		volume, path := word.Draw(t, "volume"), word.Draw(t, "path")
		gib := rapid.Int64Range(0, 1<<20).Draw(t, "size")
		m := ParseMountPoint("mp0", fmt.Sprintf("%s,mp=%s,size=%dG", volume, path, gib))
		if m.Volume != volume || m.Path != path || m.Size != gib<<30 {
			t.Fatalf("%+v", m)
		}
	})
}

// Whatever a hostile Proxmox says stays within bounds and can be kept.
func checkHostile(t interface{ Fatalf(string, ...any) }, key, value string) {
	c := ParseConfig([]Option{{key, value}, {"net0", value}, {"mp0", value}, {"rootfs", value}, {"features", value}, {"startup", value},
		{"memory", value}, {"swap", value}, {"cores", value}, {"cpulimit", value}, {key, "twice"}}, []Option{{key, value}})
	if c.Memory < 0 || c.Swap < 0 || c.Cores < 0 || !(c.CPULimit >= 0) || c.RootFS.Size < 0 || c.Startup.Up < 0 || c.Startup.Down < 0 {
		t.Fatalf("%q: %q became %+v", key, value, c)
	}
	for _, n := range c.Nets {
		if n.Tag < 0 || n.Tag > 4094 || n.MTU < 0 || n.MTU > 65535 || !(n.Rate >= 0) {
			t.Fatalf("%q became %+v", value, n)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	var again Config
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	if size := len(key) + len(value); len(b) > 5000+300*size {
		t.Fatalf("%d bytes became %d", size, len(b))
	}
}

func TestHostileConfig(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{",", "=", ";", "name=", "size=9999999T", "<script>", "\x1b]0;", "\u202e", "mp=../..", "\xff", "tag=", "order=", "1"}))
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "value"), "")
		checkHostile(t, rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"mp1", "net99999999999999999999", "net-1", "lxc", ""})).Draw(t, "key"), value)
	})
}

func FuzzConfig(f *testing.F) {
	f.Add("net1", "name=eth0,bridge=vmbr0,tag=5")
	f.Add("mp9", "local:x,mp=/x,size=1.5T")
	f.Add("startup", "order=2,up=5")
	f.Fuzz(func(t *testing.T, key, value string) { checkHostile(t, key, value) })
}

func TestNaturalOrder(t *testing.T) {
	keys := []string{"net10", "mp2", "arch", "net2", "mp10", "unused0", "net", "mp2"}
	slices.SortFunc(keys, NaturalOrder)
	if got := strings.Join(keys, " "); got != "arch mp2 mp2 mp10 net net2 net10 unused0" {
		t.Error(got)
	}
	any := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := any.Draw(t, "a"), any.Draw(t, "b"), any.Draw(t, "c")
		if NaturalOrder(a, b) != -NaturalOrder(b, a) || (NaturalOrder(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q", a, b)
		}
		if NaturalOrder(a, b) <= 0 && NaturalOrder(b, c) <= 0 && NaturalOrder(a, c) > 0 {
			t.Fatalf("%q, %q, %q", a, b, c)
		}
	})
}
