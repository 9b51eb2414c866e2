package pve

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "",
		"plain, with blanks  ":                  "plain, with blanks  ",
		"\t32768, 98304":                        "\t32768, 98304",
		"\x1b[1;31mred\x1b[0m":                  "\x1b[1;31mred\x1b[0m",
		"\x1b[2Jcleared":                        "␛[2Jcleared",
		"\x1b]0;title\x07":                      "␛]0;title␇",
		"\x1bP1;2|x\x1b\\":                      "␛P1;2|x␛\\",
		"\x1b[" + strings.Repeat("1", 50) + "m": "␛[" + strings.Repeat("1", 50) + "m",
		"10%\r20%":                              "10%␍20%",
		"a\x00b\x7fc":                           "a␀b␡c",
		"\u009b31m":                             "‹009B›31m",
		"a\u202eb\u200bc\u2028d":                "a‹202E›b‹200B›c‹2028›d",
		"a\xffb":                                "a\uFFFDb",
		"Größe ✓":                               "Größe ✓",
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestVisibleIsBoundedAndHarmless(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x1b[", "\x1b]", "\x1b[0m", "\u202e", "\x00", "\xff", "\r\n", strings.Repeat("x", 5000)}))
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), "")
		out := Visible(in)
		if len(out) > maxLine+len("…") || !utf8.ValidString(out) {
			t.Fatalf("%d bytes of %d", len(out), len(in))
		}
		for i, r := range out {
			if r < ' ' && r != '\t' && colour(out[i:]) == 0 || r == 0x7f || r >= 0x80 && r < 0xa0 || isInvisible(r) {
				t.Fatalf("%q has %U", out, r)
			}
		}
		if again := Visible(out); len(in) <= maxLine/20 && again != out {
			t.Fatalf("%q, again %q", out, again)
		}
	})
}

// TestCutNeverSplitsAColour: half of an escape sequence would swallow what follows it.
func TestCutNeverSplitsAColour(t *testing.T) {
	for n := maxLine - 8; n <= maxLine; n++ {
		out := Visible(strings.Repeat("x", n) + "\x1b[1;31mred")
		if i := strings.IndexByte(out, '\x1b'); i >= 0 && colour(out[i:]) == 0 || !strings.HasSuffix(out, "…") {
			t.Errorf("after %d characters: %q", n, out[maxLine-10:])
		}
	}
}
