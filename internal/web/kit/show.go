package kit

import "strconv"

func intText(n int) string { return strconv.Itoa(n) }
