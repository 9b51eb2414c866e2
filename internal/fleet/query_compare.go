package fleet

import (
	"regexp"
	"strconv"
	"strings"
)

// numberKeys are what can be compared, with their other spellings.
var numberKeys = map[string]string{"cpu": "cpu", "mem": "mem", "memory": "mem", "ram": "mem", "disk": "disk", "uptime": "uptime"}

// comparison is "mem >= 80 %" or "uptime < 2 d".
type comparison struct {
	key, op string
	value   float64 // percent, MiB or seconds
	percent bool
}

var sizeUnits = map[string]float64{"k": 1.0 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}

var timeUnits = map[string]float64{"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

var (
	sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(%|[kmgt])?(?:i?b)?$`)
	timeForm = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?(?:s|min|m|h|d|w))+$`)
	timePart = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?)(s|min|m|h|d|w)`)
)

// parseComparison reads the right-hand side; problem is a sentence when it cannot.
func parseComparison(key, op, rest string) (c comparison, problem string) {
	c = comparison{key: key, op: op}
	if c.op == ":" {
		c.op = "="
	}
	rest = strings.ToLower(rest)
	if key == "uptime" {
		if !timeForm.MatchString(rest) {
			return c, "“" + rest + "” is no time: write uptime>3d, with s, m, h, d or w."
		}
		for _, m := range timePart.FindAllStringSubmatch(rest, -1) {
			n, _ := strconv.ParseFloat(m[1], 64)
			c.value += n * timeUnits[m[2]]
		}
		return c, ""
	}
	m := sizeForm.FindStringSubmatch(rest)
	if m == nil || key == "cpu" && m[2] != "" && m[2] != "%" {
		if key == "cpu" {
			return c, "“" + rest + "” is no percentage: write cpu>80%."
		}
		return c, "“" + rest + "” is no amount: write " + key + ">80% or " + key + ">2G."
	}
	c.value, _ = strconv.ParseFloat(m[1], 64)
	if unit, ok := sizeUnits[m[2]]; ok {
		c.value *= unit
	} else {
		c.percent = true
	}
	return c, ""
}

func (c comparison) holds(s *Subject) bool {
	if !s.Live {
		return false
	}
	switch c.key {
	case "cpu":
		return c.compare(float64(s.CPU))
	case "mem":
		return c.amount(s.Mem, s.MaxMem)
	case "disk":
		return c.amount(s.Disk, s.MaxDisk)
	}
	return c.compare(float64(s.Uptime))
}

func (c comparison) amount(part, whole int) bool {
	switch {
	case !c.percent:
		return c.compare(float64(part))
	case whole <= 0:
		return false
	}
	return c.compare(100 * float64(part) / float64(whole))
}

func (c comparison) compare(n float64) bool {
	switch c.op {
	case ">":
		return n > c.value
	case ">=":
		return n >= c.value
	case "<":
		return n < c.value
	case "<=":
		return n <= c.value
	}
	// Equal as people mean it: 42.3 % is "42%".
	return n >= c.value-0.5 && n < c.value+0.5
}
