package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// OrderKeys are what a list of containers can be sorted by.
var OrderKeys = []string{"name", "vmid", "node", "status", "cpu", "mem", "disk", "uptime", "tags"}

// Order is a sorting: a key and a direction. The zero Order is by name.
type Order struct {
	Key  string
	Down bool
}

// ParseOrder reads "cpu" or "-cpu" (falling); anything else is by name.
func ParseOrder(s string) Order {
	key, down := strings.CutPrefix(s, "-")
	if !slices.Contains(OrderKeys, key) {
		return Order{Key: "name"}
	}
	return Order{Key: key, Down: down}
}

func (o Order) String() string {
	key := cmp.Or(o.Key, "name")
	if o.Down {
		return "-" + key
	}
	return key
}

// Pressed is the order after a column's head was pressed: the column's first
// direction, or the other one when it is sorted by that column already.
func (o Order) Pressed(key, first string) Order {
	if o.Key == key {
		return Order{Key: key, Down: !o.Down}
	}
	return ParseOrder(first)
}

// statusRank puts first what a person would look at first.
var statusRank = map[Status]int{Unknown: 0, Running: 1, Suspended: 2, Stopped: 3}

// Compare orders two prepared subjects. Those without the number come last in
// both directions; ties are by name, node, VMID and cluster, always rising, so
// that the order is total.
func (o Order) Compare(a, b *Subject) int {
	c := 0
	switch o.Key {
	case "vmid":
		c = cmp.Compare(a.ID.VMID, b.ID.VMID)
	case "node":
		c = cmp.Or(cmp.Compare(a.nodeKey, b.nodeKey), cmp.Compare(a.ID.Cluster, b.ID.Cluster))
	case "status":
		c = cmp.Compare(statusRank[a.Status], statusRank[b.Status])
	case "tags":
		if c = last(len(a.Tags) > 0, len(b.Tags) > 0); c != 0 {
			return c
		}
		c = cmp.Compare(a.tagKey, b.tagKey)
	case "cpu", "mem", "disk", "uptime":
		x, xok := a.number(o.Key)
		y, yok := b.number(o.Key)
		if c = last(xok, yok); c != 0 {
			return c
		}
		if xok {
			c = cmp.Compare(x, y)
		}
	default:
		c = cmp.Compare(a.nameKey, b.nameKey)
	}
	if o.Down {
		c = -c
	}
	if c != 0 {
		return c
	}
	if c = cmp.Compare(a.nameKey, b.nameKey); c != 0 {
		return c
	}
	if c = cmp.Compare(a.nodeKey, b.nodeKey); c != 0 {
		return c
	}
	if c = cmp.Compare(a.ID.VMID, b.ID.VMID); c != 0 {
		return c
	}
	return cmp.Compare(a.ID.Cluster, b.ID.Cluster)
}

// last puts what has no value behind what has one.
func last(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// number is what the subject is sorted by: percent for cpu, the share in use for mem and disk, seconds for uptime.
func (s *Subject) number(key string) (float64, bool) {
	if !s.Live {
		return 0, false
	}
	switch key {
	case "cpu":
		return float64(s.CPU), true
	case "mem":
		return float64(s.Mem) / float64(max(s.MaxMem, 1)), s.MaxMem > 0
	case "disk":
		return float64(s.Disk) / float64(max(s.MaxDisk, 1)), s.MaxDisk > 0
	}
	return float64(s.Uptime), true
}

// NaturalKey makes texts compare as people count: "web2" before "web10",
// whatever the case. A run of digits becomes its length and its digits without
// leading zeros.
func NaturalKey(s string) string {
	s = strings.ToLower(s)
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			b.WriteByte(s[i])
			i++
			continue
		}
		j := i
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		digits := strings.TrimLeft(s[i:j], "0")
		b.WriteByte(byte('0' + min(len(digits), 40)))
		b.WriteString(digits)
		i = j
	}
	return b.String()
}
