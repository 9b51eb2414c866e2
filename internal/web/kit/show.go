package kit

import (
	"math"
	"strconv"
)

func intText(n int) string { return strconv.Itoa(n) }

// MeterWidth is the width attribute of a Meter's second rect: a ratio of 0 to 1 as "0" to "100", with one decimal.
func MeterWidth(ratio float64) string {
	if math.IsNaN(ratio) {
		ratio = 0
	}
	return strconv.FormatFloat(math.Round(min(max(ratio, 0), 1)*1000)/10, 'f', -1, 64)
}
