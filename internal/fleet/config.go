package fleet

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option is one key of a configuration with its value, as Proxmox has them.
type Option struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Config is a container's configuration as it is in force, without what is
// pending (GET /nodes/{node}/lxc/{vmid}/config?current=1).
type Config struct {
	// Options are all that have a value, in natural order: mp2 before mp10.
	Options []Option `json:"options"`
	// Raw are the lines of its file that begin with "lxc.", in their order.
	Raw []Option `json:"raw,omitempty"`
	// Cut: there were more options or lines than Berth takes.
	Cut bool `json:"cut,omitempty"`
	// Digest names this state of the configuration.
	Digest string `json:"digest,omitempty"`
	// Parent is the snapshot that it goes back to; empty when there is none.
	Parent string `json:"parent,omitempty"`

	Hostname     string       `json:"hostname,omitempty"`
	OSType       string       `json:"osType,omitempty"` // "debian"
	Arch         string       `json:"arch,omitempty"`   // "amd64"
	Cores        int          `json:"cores,omitempty"`  // 0: all of the node's
	CPULimit     float64      `json:"cpuLimit,omitempty"`
	CPUUnits     int          `json:"cpuUnits,omitempty"`
	Memory       int64        `json:"memory"` // bytes
	Swap         int64        `json:"swap"`   // bytes
	RootFS       MountPoint   `json:"rootFS"`
	MountPoints  []MountPoint `json:"mountPoints,omitempty"` // by number
	Unused       []Option     `json:"unused,omitempty"`      // volumes that belong to it and are not mounted
	Nets         []Net        `json:"nets,omitempty"`        // by number
	Features     Features     `json:"features"`
	OnBoot       bool         `json:"onBoot,omitempty"`
	Protection   bool         `json:"protection,omitempty"`
	Unprivileged bool         `json:"unprivileged,omitempty"`
	Template     bool         `json:"template,omitempty"`
	Startup      Startup      `json:"startup"`
	Description  string       `json:"description,omitempty"` // several lines, often Markdown
	Tags         []string     `json:"tags,omitempty"`
	Nameserver   string       `json:"nameserver,omitempty"`
	SearchDomain string       `json:"searchDomain,omitempty"`
	Lock         string       `json:"lock,omitempty"`
}

// Proxmox's defaults for what a configuration does not say.
const (
	defaultMemory = 512 << 20
	defaultSwap   = 512 << 20
)

// Limits on a configuration; Proxmox itself knows 256 mount points and 32 networks.
const (
	maxOptions = 1000
	maxRaw     = 500
)

// ParseConfig makes a Config of keys and values in any order. It takes whatever
// comes: an odd value of a key leaves that field as if it were not set, and is
// still in Options.
func ParseConfig(options, raw []Option) Config {
	c := Config{Memory: defaultMemory, Swap: defaultSwap}
	for _, o := range options {
		switch {
		case o.Key == "digest":
			c.Digest = o.Value
		case o.Key == "parent":
			c.Parent = o.Value
		case o.Key != "":
			c.Options = append(c.Options, o)
		}
	}
	slices.SortStableFunc(c.Options, func(a, b Option) int { return NaturalOrder(a.Key, b.Key) })
	c.Options = slices.CompactFunc(c.Options, func(a, b Option) bool { return a.Key == b.Key })
	c.Options, c.Cut = atMost(c.Options, maxOptions, false)
	c.Raw, c.Cut = atMost(slices.Clone(raw), maxRaw, c.Cut)
	for _, o := range c.Options {
		if !c.plain(o) {
			c.numbered(o)
		}
	}
	return c
}

func atMost(all []Option, n int, cut bool) ([]Option, bool) {
	if len(all) > n {
		return slices.Clip(all[:n]), true
	}
	return all, cut
}

// plain takes the options that come once.
func (c *Config) plain(o Option) bool {
	switch o.Key {
	case "hostname":
		c.Hostname = o.Value
	case "ostype":
		c.OSType = o.Value
	case "arch":
		c.Arch = o.Value
	case "cores":
		c.Cores = int(whole(o.Value, 8192))
	case "cpulimit":
		c.CPULimit = decimal(o.Value, 8192)
	case "cpuunits":
		c.CPUUnits = int(whole(o.Value, 500_000))
	case "memory":
		c.Memory = mebibytes(o.Value, defaultMemory)
	case "swap":
		c.Swap = mebibytes(o.Value, defaultSwap)
	case "rootfs":
		c.RootFS = ParseMountPoint(o.Key, o.Value)
	case "features":
		c.Features = ParseFeatures(o.Value)
	case "onboot":
		c.OnBoot = truth(o.Value)
	case "protection":
		c.Protection = truth(o.Value)
	case "unprivileged":
		c.Unprivileged = truth(o.Value)
	case "template":
		c.Template = truth(o.Value)
	case "startup":
		c.Startup = ParseStartup(o.Value)
	case "description":
		c.Description = strings.TrimRight(o.Value, "\n")
	case "tags":
		c.Tags = splitTags(o.Value)
	case "nameserver":
		c.Nameserver = o.Value
	case "searchdomain":
		c.SearchDomain = o.Value
	case "lock":
		c.Lock = o.Value
	default:
		return false
	}
	return true
}

// numbered takes mp0, net0, unused0 and so on.
func (c *Config) numbered(o Option) {
	word := strings.TrimRight(o.Key, "0123456789")
	if word == o.Key {
		return
	}
	switch word {
	case "mp":
		c.MountPoints = append(c.MountPoints, ParseMountPoint(o.Key, o.Value))
	case "net":
		c.Nets = append(c.Nets, ParseNet(o.Key, o.Value))
	case "unused":
		c.Unused = append(c.Unused, o)
	}
}

func splitTags(s string) []string {
	tags := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	slices.Sort(tags)
	return slices.Compact(tags)
}

// NaturalOrder compares keys so that mp2 comes before mp10.
func NaturalOrder(a, b string) int {
	wordA, numberA := cutNumber(a)
	wordB, numberB := cutNumber(b)
	return cmp.Or(strings.Compare(wordA, wordB), cmp.Compare(numberA, numberB), strings.Compare(a, b))
}

func cutNumber(s string) (word string, number int) {
	word = strings.TrimRight(s, "0123456789")
	number, err := strconv.Atoi(s[len(word):])
	if err != nil {
		number = -1
	}
	return word, number
}

// Startup is when a container starts with its node, and how the node waits.
type Startup struct {
	// HasOrder: it has a place. Those without start last and stop first.
	HasOrder bool          `json:"hasOrder,omitempty"`
	Order    int           `json:"order,omitempty"`
	Up       time.Duration `json:"up,omitempty"`   // the wait after its start before the next
	Down     time.Duration `json:"down,omitempty"` // how long its shutdown may take
}

// ParseStartup reads "order=2,up=5,down=60", or just "2".
func ParseStartup(s string) Startup {
	var st Startup
	for _, p := range properties(s, "order") {
		n, err := strconv.Atoi(p.Value)
		if err != nil || n < 0 || n > 1<<31-1 {
			continue
		}
		switch p.Key {
		case "order":
			st.HasOrder, st.Order = true, n
		case "up":
			st.Up = time.Duration(n) * time.Second
		case "down":
			st.Down = time.Duration(n) * time.Second
		}
	}
	return st
}

// Features are what a container may do beyond the usual.
type Features struct {
	Nesting    bool     `json:"nesting,omitempty"`
	KeyCtl     bool     `json:"keyCtl,omitempty"`
	FUSE       bool     `json:"fuse,omitempty"`
	MkNod      bool     `json:"mkNod,omitempty"`
	ForceRWSys bool     `json:"forceRWSys,omitempty"`
	Mount      []string `json:"mount,omitempty"` // kinds of file systems that it may mount
	Raw        string   `json:"raw,omitempty"`
}

// ParseFeatures reads "nesting=1,mount=nfs;cifs".
func ParseFeatures(s string) Features {
	f := Features{Raw: s}
	for _, p := range properties(s, "") {
		switch p.Key {
		case "nesting":
			f.Nesting = truth(p.Value)
		case "keyctl":
			f.KeyCtl = truth(p.Value)
		case "fuse":
			f.FUSE = truth(p.Value)
		case "mknod":
			f.MkNod = truth(p.Value)
		case "force_rw_sys":
			f.ForceRWSys = truth(p.Value)
		case "mount":
			f.Mount = listed(p.Value)
		}
	}
	return f
}
