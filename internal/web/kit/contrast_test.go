package kit

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// token is a colour in both themes, as relative luminance.
type token struct{ light, dark float64 }

var tokenLine = regexp.MustCompile(`--([a-z0-9-]+): light-dark\(oklch\(([\d.]+) ([\d.]+) ([\d.]+)\), oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)\);`)

func tokens(t *testing.T) map[string]token {
	t.Helper()
	raw, err := os.ReadFile("src/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]token{}
	for _, m := range tokenLine.FindAllStringSubmatch(string(raw), -1) {
		var n [6]float64
		for i := range n {
			if n[i], err = strconv.ParseFloat(m[2+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		out[m[1]] = token{luminance(n[0], n[1], n[2]), luminance(n[3], n[4], n[5])}
	}
	return out
}

// luminance is WCAG's relative luminance of an OKLCH colour, clipped to sRGB as a screen does.
func luminance(l, c, h float64) float64 {
	a, b := c*math.Cos(h*math.Pi/180), c*math.Sin(h*math.Pi/180)
	cube := func(x float64) float64 { return x * x * x }
	lc, mc, sc := cube(l+0.3963377774*a+0.2158037573*b), cube(l-0.1055613458*a-0.0638541728*b), cube(l-0.0894841775*a-1.2914855480*b)
	clip := func(x float64) float64 { return min(max(x, 0), 1) }
	red := clip(4.0767416621*lc - 3.3077115913*mc + 0.2309699292*sc)
	green := clip(-1.2684380046*lc + 2.6097574011*mc - 0.3413193965*sc)
	blue := clip(-0.0041960863*lc - 0.7034186147*mc + 1.7076147010*sc)
	return 0.2126*red + 0.7152*green + 0.0722*blue
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// Text has at least 4.5 to 1 on every ground on which it is drawn, what is no text and means something 3 to 1, in both themes.
func TestContrast(t *testing.T) {
	all := tokens(t)
	type pair struct {
		ink, ground string
		least       float64
	}
	var pairs []pair
	for _, ground := range []string{"canvas", "panel", "raised", "sunk", "hover"} {
		for _, ink := range []string{"ink", "ink-2", "ink-3"} {
			pairs = append(pairs, pair{ink, ground, 4.5})
		}
	}
	for _, tone := range []string{"ok", "warn", "bad", "busy"} {
		pairs = append(pairs, pair{tone, tone + "-soft", 4.5}, pair{tone, "panel", 4.5}, pair{tone, "canvas", 4.5}, pair{"ink-2", tone + "-soft", 4.5})
	}
	pairs = append(pairs, pair{"accent-ink", "accent", 4.5}, pair{"accent-ink", "accent-hover", 4.5}, pair{"accent-text", "panel", 4.5}, pair{"accent-text", "canvas", 4.5},
		pair{"accent-text", "accent-soft", 4.5}, pair{"ink", "accent-soft", 4.5}, pair{"ink-2", "accent-soft", 4.5}, pair{"focus", "canvas", 3}, pair{"focus", "panel", 3},
		pair{"bar-fill", "panel", 3}, pair{"bar-bad", "panel", 3})
	for _, p := range pairs {
		ink, ok := all[p.ink]
		ground, ok2 := all[p.ground]
		if !ok || !ok2 {
			t.Fatalf("no such token: %s or %s", p.ink, p.ground)
		}
		for theme, c := range map[string]float64{"light": contrast(ink.light, ground.light), "dark": contrast(ink.dark, ground.dark)} {
			if c < p.least {
				t.Errorf("%s on %s in the %s theme: %.2f to 1, at least %.1f", p.ink, p.ground, theme, c, p.least)
			}
		}
	}
}
