package fleet

import (
	"math"
	"strconv"
	"strings"
)

// Net is one network interface as the configuration has it (net0, net1 …).
type Net struct {
	Key      string  `json:"key"`  // "net0"
	Name     string  `json:"name"` // inside the container: "eth0"
	Bridge   string  `json:"bridge,omitempty"`
	HWAddr   string  `json:"hwAddr,omitempty"`
	IP       string  `json:"ip,omitempty"` // "10.0.0.5/24", "dhcp", "manual", or empty
	GW       string  `json:"gw,omitempty"`
	IP6      string  `json:"ip6,omitempty"` // as IP, and "auto"
	GW6      string  `json:"gw6,omitempty"`
	Tag      int     `json:"tag,omitempty"` // VLAN; 0: none
	Trunks   string  `json:"trunks,omitempty"`
	MTU      int     `json:"mtu,omitempty"`  // 0: the bridge's
	Rate     float64 `json:"rate,omitempty"` // at most so many MB a second; 0: no limit
	Firewall bool    `json:"firewall,omitempty"`
	LinkDown bool    `json:"linkDown,omitempty"`
	Raw      string  `json:"raw"`
}

// ParseNet reads "name=eth0,bridge=vmbr0,ip=dhcp,…".
func ParseNet(key, s string) Net {
	n := Net{Key: key, Raw: s}
	for _, p := range properties(s, "") {
		switch p.Key {
		case "name":
			n.Name = p.Value
		case "bridge":
			n.Bridge = p.Value
		case "hwaddr":
			n.HWAddr = p.Value
		case "ip":
			n.IP = p.Value
		case "gw":
			n.GW = p.Value
		case "ip6":
			n.IP6 = p.Value
		case "gw6":
			n.GW6 = p.Value
		case "tag":
			n.Tag = int(whole(p.Value, 4094))
		case "trunks":
			n.Trunks = p.Value
		case "mtu":
			n.MTU = int(whole(p.Value, 65535))
		case "rate":
			n.Rate = decimal(p.Value, 1e9)
		case "firewall":
			n.Firewall = truth(p.Value)
		case "link_down":
			n.LinkDown = truth(p.Value)
		}
	}
	return n
}

// MountPoint is the root file system or one of mp0, mp1 …
type MountPoint struct {
	Key string `json:"key"` // "rootfs", "mp0"
	// Volume is a volume of a storage ("local-lvm:vm-100-disk-0"), a folder of the
	// node ("/srv/data") or a device of it ("/dev/sdb1").
	Volume    string   `json:"volume"`
	Storage   string   `json:"storage,omitempty"` // of a volume; empty for folders and devices
	Path      string   `json:"path"`              // inside the container; "/" for the root
	Size      int64    `json:"size,omitempty"`    // bytes; 0: not told
	ReadOnly  bool     `json:"readOnly,omitempty"`
	Backup    bool     `json:"backup,omitempty"` // goes into backups; the root always does, folders and devices never
	Shared    bool     `json:"shared,omitempty"` // its source is there on every node
	Quota     bool     `json:"quota,omitempty"`
	Replicate bool     `json:"replicate,omitempty"`
	Options   []string `json:"options,omitempty"` // "noatime"
	Raw       string   `json:"raw"`
}

// Bind reports whether it is a folder of the node.
func (m MountPoint) Bind() bool { return strings.HasPrefix(m.Volume, "/") && !m.Device() }

// Device reports whether it is a device of the node.
func (m MountPoint) Device() bool { return strings.HasPrefix(m.Volume, "/dev/") }

// ParseMountPoint reads "local-lvm:vm-100-disk-1,mp=/srv,size=8G,…"; key tells the root from the others.
func ParseMountPoint(key, s string) MountPoint {
	m := MountPoint{Key: key, Raw: s, Replicate: true}
	for _, p := range properties(s, "volume") {
		switch p.Key {
		case "volume":
			m.Volume = p.Value
		case "mp":
			m.Path = p.Value
		case "size":
			m.Size = ParseSize(p.Value)
		case "ro":
			m.ReadOnly = truth(p.Value)
		case "backup":
			m.Backup = truth(p.Value)
		case "shared":
			m.Shared = truth(p.Value)
		case "quota":
			m.Quota = truth(p.Value)
		case "replicate":
			m.Replicate = truth(p.Value)
		case "mountoptions":
			m.Options = listed(p.Value)
		}
	}
	if storage, _, ok := strings.Cut(m.Volume, ":"); ok && !strings.HasPrefix(m.Volume, "/") {
		m.Storage = storage
	}
	if key == "rootfs" {
		m.Path, m.Backup = "/", true
	}
	if m.Storage == "" {
		m.Backup, m.Replicate = false, false
	}
	return m
}

// ParseSize reads Proxmox's disk sizes, "8G", "512M", "1.5T" or plain bytes, as
// bytes; 0 for anything else.
func ParseSize(s string) int64 {
	unit := 1.0
	if n := len(s) - 1; n > 0 {
		if i := strings.IndexByte("KMGT", s[n]); i >= 0 {
			unit, s = math.Pow(1024, float64(i+1)), s[:n]
		}
	}
	f := decimal(s, math.MaxInt64/unit)
	if bytes := f * unit; bytes < math.MaxInt64 {
		return int64(bytes)
	}
	return 0
}

// maxProperties is how many parts of one property string are read; Proxmox has no format with as many.
const maxProperties = 64

// properties cuts a property string of Proxmox: "a=1,b=2". A part without "=" is
// the value of the default key, where there is one. A repeated key, which Proxmox
// refuses, counts as it comes last.
func properties(s, defaultKey string) []Option {
	var all []Option
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		key, v, ok := strings.Cut(part, "=")
		switch {
		case part == "" || ok && key == "" || !ok && defaultKey == "":
			continue
		case !ok:
			key, v = defaultKey, part
		}
		if len(all) == maxProperties {
			break
		}
		all = append(all, Option{Key: key, Value: v})
	}
	return all
}

// listed cuts the lists within a property, "nfs;cifs".
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ' ' })
}

// truth is Proxmox's parse_boolean; anything else is false.
func truth(s string) bool {
	switch strings.ToLower(s) {
	case "1", "on", "yes", "true":
		return true
	}
	return false
}

// whole reads a number from 0 to most; 0 for anything else.
func whole(s string, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0
	}
	return n
}

// decimal reads a number such as "0.5", from 0 to most; 0 for anything else.
func decimal(s string, most float64) float64 {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > most {
		return 0
	}
	return f
}

// mebibytes reads a number of MiB as bytes.
func mebibytes(s string, otherwise int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>20 {
		return otherwise
	}
	return n << 20
}
