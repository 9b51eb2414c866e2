package pve

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLine is how much of one line of a log is kept.
const maxLine = 16 << 10

// Visible makes a line of foreign output fit for a screen, a file or a terminal:
// colour sequences (ESC [ … m) and tabs stay, every other control character is
// shown as a mark (␛, ␍, ␇), and so are direction marks and invisible ones
// (‹202E›). Broken UTF-8 is replaced. A line beyond 16 KiB is cut and ends in "…".
func Visible(line string) string {
	if len(line) <= maxLine && isPlain(line) {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		n := colour(line[i:])
		shown := line[i : i+n]
		if n == 0 {
			var r rune
			r, n = utf8.DecodeRuneInString(line[i:])
			shown = mark(r)
		}
		if b.Len()+len(shown) > maxLine {
			return b.String() + "…"
		}
		b.WriteString(shown)
		i += n
	}
	return b.String()
}

// mark is a character as it may be shown.
func mark(r rune) string {
	switch {
	case r == '\t':
	case r < ' ':
		return string('␀' + r)
	case r == 0x7f:
		return "␡"
	case r < 0xa0 && r >= 0x80, r == 0x2028, r == 0x2029, isInvisible(r):
		return fmt.Sprintf("‹%04X›", r)
	}
	return string(r)
}

// colour is the length of the colour sequence that s begins with; 0 when there is none.
func colour(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	for i := 2; i < len(s) && i < 40; i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}
