package template

import "strings"

// Op is what a line of a diff says.
type Op byte

const (
	Same   Op = ' '
	Insert Op = '+'
	Delete Op = '-'
	Skip   Op = '@' // lines are left out here
)

// Line is one line of a diff, without its line end.
type Line struct {
	Op   Op
	Text string
	Old  int // its number before, from 1; 0 for one that was added
	New  int // its number after, from 1; 0 for one that was removed
}

// maxEdits bounds the search for the shortest diff. Texts that differ more are
// shown as wholly replaced between their common beginning and end.
const maxEdits = 400

// Lines compares two texts line by line (Myers' greedy algorithm).
func Lines(before, after string) []Line {
	a, b := splitLines(before), splitLines(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	out := make([]Line, 0, len(b)+16)
	for i := range head {
		out = append(out, Line{Same, a[i], i + 1, i + 1})
	}
	for _, l := range shortest(a[head:len(a)-tail], b[head:len(b)-tail]) {
		if l.Old > 0 {
			l.Old += head
		}
		if l.New > 0 {
			l.New += head
		}
		out = append(out, l)
	}
	for i := len(a) - tail; i < len(a); i++ {
		out = append(out, Line{Same, a[i], i + 1, i + 1 + len(b) - len(a)})
	}
	return out
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// shortest finds the fewest deletions and insertions that lead from a to b.
func shortest(a, b []string) []Line {
	var trace [][]int // furthest x on each diagonal, after each number of edits
	furthest := map[int]int{1: 0}
	for d := 0; d <= min(len(a)+len(b), maxEdits); d++ {
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := 0
			if k == -d || k != d && furthest[k-1] < furthest[k+1] {
				x = furthest[k+1]
			} else {
				x = furthest[k-1] + 1
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			furthest[k], row[k+d] = x, x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(a, b, append(trace, row))
			}
		}
		trace = append(trace, row)
	}
	out := make([]Line, 0, len(a)+len(b))
	for i, text := range a {
		out = append(out, Line{Delete, text, i + 1, 0})
	}
	for i, text := range b {
		out = append(out, Line{Insert, text, 0, i + 1})
	}
	return out
}

// walkBack follows the trace from the end to the beginning.
func walkBack(a, b []string, trace [][]int) []Line {
	var back []Line
	x, y := len(a), len(b)
	for d := len(trace) - 1; d > 0; d-- {
		at := func(k int) int {
			if k < -(d-1) || k > d-1 {
				return -1
			}
			return trace[d-1][k+d-1]
		}
		k := x - y
		prev := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			prev = k + 1
		}
		px := at(prev)
		py := px - prev
		for x > px && y > py && x > 0 && y > 0 && a[x-1] == b[y-1] {
			back = append(back, Line{Same, a[x-1], x, y})
			x, y = x-1, y-1
		}
		if prev == k+1 {
			back = append(back, Line{Insert, b[y-1], 0, y})
		} else {
			back = append(back, Line{Delete, a[x-1], x, 0})
		}
		x, y = px, py
	}
	for ; x > 0 && y > 0; x, y = x-1, y-1 {
		back = append(back, Line{Same, a[x-1], x, y})
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}

// Hunks keeps the changed lines with some around them, and puts a Skip line
// where lines were left out.
func Hunks(lines []Line, around int) []Line {
	keep := make([]bool, len(lines))
	for i, l := range lines {
		if l.Op == Same {
			continue
		}
		for j := max(0, i-around); j <= min(len(lines)-1, i+around); j++ {
			keep[j] = true
		}
	}
	var out []Line
	skipped := false
	for i, l := range lines {
		switch {
		case keep[i]:
			out, skipped = append(out, l), false
		case !skipped:
			out, skipped = append(out, Line{Op: Skip}), true
		}
	}
	if len(out) == 1 && out[0].Op == Skip {
		return nil
	}
	return out
}
