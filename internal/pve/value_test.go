package pve

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNumbersComeAsTheyLike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<53).Draw(t, "n")
		plain := strconv.FormatInt(n, 10)
		forms := []value{{kind: number, text: plain}, {kind: text, text: plain}, {kind: text, text: " " + plain + " "},
			{kind: number, text: plain + ".0"}, {kind: text, text: strconv.FormatFloat(float64(n), 'e', -1, 64)}}
		for _, v := range forms {
			if got := v.size(); got != n {
				t.Fatalf("%+v is %d, want %d", v, got, n)
			}
		}
	})
}

func TestOddNumbers(t *testing.T) {
	for _, s := range []string{"", "x", "NaN", "Inf", "-inf", "0x10", "1_000", "1e999", "--1", "1.2.3"} {
		v := value{kind: text, text: s}
		if _, ok := v.float(); ok {
			t.Errorf("%q is taken as a number", s)
		}
		if v.size() != 0 || v.fraction() != 0 || v.seconds() != 0 || !v.unix().IsZero() {
			t.Errorf("%q is not zero", s)
		}
	}
	if got := (value{kind: number, text: "1e18"}).seconds(); got <= 0 {
		t.Errorf("a long time became %v", got)
	}
	if n, ok := (value{kind: number, text: "1e30"}).int(); ok {
		t.Errorf("1e30 became %d", n)
	}
	if got := (value{kind: number, text: "-0.00047"}).fraction(); got != 0 || math.Signbit(got) {
		t.Errorf("a negative load is %v", got)
	}
	if got := (value{kind: text, text: "1795457433"}).unix(); !got.Equal(time.Unix(1795457433, 0)) {
		t.Errorf("time %v", got)
	}
}

func TestBooleans(t *testing.T) {
	for in, want := range map[string]bool{`0`: false, `1`: true, `"0"`: false, `"1"`: true, `""`: false, `null`: false, `true`: true,
		`false`: false, `"yes"`: true, `"no"`: false, `0.0`: false, `2`: true, `{}`: false} {
		v, err := readWhole(in + " ")
		if err != nil {
			t.Fatal(err)
		}
		if v.bool() != want {
			t.Errorf("%s is %v", in, v.bool())
		}
	}
	if (value{}).bool() {
		t.Error("absent is true")
	}
}

func TestFormIsStrict(t *testing.T) {
	if got := (params{"features": "nesting=1;keyctl=1", "a b": "ü&+%"}).encode(); got != "a%20b=%C3%BC%26%2B%25&features=nesting%3D1%3Bkeyctl%3D1" {
		t.Errorf("form %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := params(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "form"))
		encoded := in.encode()
		if strings.ContainsAny(encoded, "; +\"'<>/@:!") {
			t.Fatalf("%q is not strict", encoded)
		}
		out, err := url.ParseQuery(encoded)
		if err != nil || len(out) != len(in) {
			t.Fatalf("%q: %v", encoded, err)
		}
		for k, v := range in {
			if out.Get(k) != v {
				t.Fatalf("%q: %q became %q", k, v, out.Get(k))
			}
		}
	})
}

func TestWordsAreClean(t *testing.T) {
	for in, want := range map[string]string{
		"CT 100 already running\n":                       "CT 100 already running",
		"Parameter verification failed.\n":               "Parameter verification failed",
		"a\x1b[31mred\x07\u202e\u2066x\u200b y\r\n  z":   "a [31mred x y z",
		"<script>alert(1)</script>":                      "<script>alert(1)</script>",
		strings.Repeat("é", 400):                         strings.Repeat("é", 250) + "…",
		"broken \xff\xfe":                                "broken \uFFFD",
		"  ":                                             "",
		"tab\tand\u2028line":                             "tab and line",
		"\u0000nul":                                      "nul",
		"Only root can pass arbitrary paths. at line 6.": "Only root can pass arbitrary paths. at line 6",
	} {
		if got := words(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		got := words(in)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || isInvisible(r) }) || len(got) > maxWords+len("…") {
			t.Fatalf("%q became %q", in, got)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
	})
}
