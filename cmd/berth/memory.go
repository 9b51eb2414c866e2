package main

import (
	"os"
	"runtime/debug"
)

// spendMemory lets the garbage grow to twice what is alive before it is
// collected, instead of once: Berth's heap is small, a page makes much garbage
// for its size, and a collection in the middle of a page is what its slowest
// answers are made of. GOGC, where the operator sets it, decides instead.
func spendMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}
