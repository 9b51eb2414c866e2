package kit

import (
	"math"
	"strconv"
	"time"
)

// binary units, as Proxmox writes them.
var units = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// unitOf is the largest unit in which n is at least one, with its size in bytes.
func unitOf(n int64) (size float64, name string) {
	size, i := 1.0, 0
	for float64(n) >= size*1024 && i < len(units)-1 {
		size *= 1024
		i++
	}
	// 1023.96 MiB would be written "1024 MiB".
	if i > 0 && i < len(units)-1 && math.Round(float64(n)/size*10)/10 >= 1024 {
		size *= 1024
		i++
	}
	return size, units[i]
}

// short writes a number with one decimal below ten and none above, and no trailing zero: 7.4, 8, 512.
func short(f float64) string {
	if f < 9.95 {
		f = math.Round(f*10) / 10
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(f), 'f', 0, 64)
}

// Bytes is a size for people: "7.4 GiB". Negative sizes are zero.
func Bytes(n int64) string {
	n = max(n, 0)
	size, unit := unitOf(n)
	return short(float64(n)/size) + " " + unit
}

// OfBytes is a part of a whole in the whole's unit: "7.4 of 8 GiB"; without a whole, the part alone.
func OfBytes(part, whole int64) string {
	if whole <= 0 {
		return Bytes(part)
	}
	size, unit := unitOf(whole)
	return short(float64(max(part, 0))/size) + " of " + short(float64(whole)/size) + " " + unit
}

// Duration is a length of time in its one largest unit: "4 s", "12 min", "3 h", "41 days".
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days"
}

// Ago is how long ago t was: "just now" within two seconds and for the future, "never" for the zero time.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	if d < 2*time.Second {
		return "just now"
	}
	return Duration(d) + " ago"
}

// Until is how long it is till t: "in 20 s"; "now" once it has come.
func Until(t, now time.Time) string {
	if d := t.Sub(now); d >= time.Second {
		return "in " + Duration(d)
	}
	return "now"
}

// Moment is a point in time in full, in UTC, for titles and logs: "23 Nov 2026, 19:47:25 UTC".
func Moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2 Jan 2006, 15:04:05 UTC")
}

// Day is a date: "23 Nov 2026".
func Day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2 Jan 2006")
}

// Count writes a number with its noun: "1 container", "3 containers".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// ShortFingerprint is the beginning and the end of AA:BB:…, for places where the whole is a click away.
func ShortFingerprint(fp string) string {
	if len(fp) < 20 {
		return fp
	}
	return fp[:11] + "…" + fp[len(fp)-5:]
}
