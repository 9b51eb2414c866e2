package pve

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// kind is the JSON type that a value came as.
type kind uint8

const (
	absent kind = iota // not there at all; the zero value
	null
	boolean
	number
	text
	object
	array
)

// value is a decoded JSON value. Its accessors take what Proxmox sends for one
// thing in different versions: 5, "5" and 5.0 are the same number.
type value struct {
	kind   kind
	text   string // string contents, or a number or boolean as written
	fields []field
	items  []value
}

type field struct {
	key   string
	value value
}

// get finds a key of an object; absent for anything else. A repeated key counts as it came last.
func (v value) get(key string) value {
	for i := len(v.fields) - 1; i >= 0; i-- {
		if v.fields[i].key == key {
			return v.fields[i].value
		}
	}
	return value{}
}

func (v value) isNothing() bool { return v.kind == absent || v.kind == null }

// raw is a scalar's contents, as it came.
func (v value) raw() string {
	switch v.kind {
	case text, number, boolean:
		return v.text
	}
	return ""
}

// line is a scalar as one clean line: names, states, tags.
func (v value) line() string { return clean(v.raw()) }

// float reads a number however it was written; ok is false when there is none that is finite.
func (v value) float() (f float64, ok bool) {
	switch v.kind {
	case boolean:
		if v.text == "true" {
			return 1, true
		}
		return 0, true
	case number, text:
		s := strings.TrimSpace(v.text)
		// ParseFloat also takes hexadecimal, underscores, Inf and NaN; Proxmox writes none of them.
		if s == "" || strings.ContainsAny(s, "xXpP_iInN") {
			return 0, false
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return 0, false
		}
		return f, true
	}
	return 0, false
}

// int reads a whole number; a fraction is cut off, and what does not fit is no number.
func (v value) int() (n int64, ok bool) {
	if v.kind == number || v.kind == text {
		if n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64); err == nil {
			return n, true
		}
	}
	f, ok := v.float()
	if !ok || f >= math.MaxInt64 || f <= math.MinInt64 {
		return 0, false
	}
	return int64(f), true
}

// size is a number of bytes or a count: absent, odd and negative ones are 0.
func (v value) size() int64 {
	n, _ := v.int()
	return max(n, 0)
}

// fraction is a load: absent and odd ones are 0, and so are the slightly
// negative ones that a container shows just after its start.
func (v value) fraction() float64 {
	f, _ := v.float()
	return max(f, 0)
}

// maxSeconds keeps a duration from overflowing: about 290 years.
const maxSeconds = math.MaxInt64 / int64(time.Second)

func (v value) seconds() time.Duration {
	return time.Duration(min(v.size(), maxSeconds)) * time.Second
}

// unix is a time in whole seconds since 1970; zero when it is absent or not positive.
func (v value) unix() time.Time {
	n := v.size()
	if n == 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// bool is Perl's idea of truth: 0, "0", "", null and absent are false.
func (v value) bool() bool {
	switch v.kind {
	case boolean:
		return v.text == "true"
	case number:
		f, _ := v.float()
		return f != 0
	case text:
		switch strings.ToLower(v.text) {
		case "", "0", "false", "no", "off":
			return false
		}
		return true
	}
	return false
}

// clean makes a string fit for one line on a screen or in a log: control
// characters become a space, direction marks and invisible ones go, and broken
// UTF-8 is replaced.
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029:
			return ' '
		case isInvisible(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s == strings.TrimSpace(s)
}

func isInvisible(r rune) bool {
	return r == 0xad || r == 0x61c || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f
}

// cut shortens a string to at most n bytes, never inside a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
