package kit

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http/httptest"
	"slices"
	"testing"

	"berth/internal/account"
)

// many is a source of n containers.
type many int

func (n many) PaletteItems(context.Context) iter.Seq[PaletteItem] {
	return func(yield func(PaletteItem) bool) {
		for i := range int(n) {
			if !yield(PaletteItem{Kind: "container", Title: fmt.Sprint("ct-", i), Note: fmt.Sprint(100+i, " on pve1"), Find: "prod", URL: "/"}) {
				return
			}
		}
	}
}

func ask(t *testing.T, query string, admin bool, sources ...PaletteSource) paletteAnswer {
	t.Helper()
	r := httptest.NewRequest("GET", "/palette.json"+query, nil)
	r = r.WithContext(WithViewer(r.Context(), account.Viewer{User: account.User{ID: "u", Admin: admin}}))
	w := httptest.NewRecorder()
	if err := palette(sources)(w, r); err != nil {
		t.Fatal(err)
	}
	if h := w.Header(); h.Get("Cache-Control") != "private, no-store" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	var a paletteAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func titles(a paletteAnswer) (out []string) {
	for _, i := range a.Items {
		out = append(out, i.Title)
	}
	return out
}

func TestPaletteFinds(t *testing.T) {
	for query, want := range map[string][]string{
		"?q=ct-7":            {"ct-7"},
		"?q=107":             {"ct-7"},
		"?q=PROD+pve1+ct-11": {"ct-11"},
		"?q=activ":           {"Activity"},
		"?q=audit":           {"Activity"},
		"?q=nothing-at-all":  nil,
		"?q=people":          nil, // for administrators only
	} {
		if got := titles(ask(t, query, false, many(12))); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if got := titles(ask(t, "?q=people", true)); !slices.Equal(got, []string{"People"}) {
		t.Errorf("an administrator finds %q", got)
	}
}

func TestPaletteOfAVastFleet(t *testing.T) {
	a := ask(t, "", false, many(1500), many(1500))
	if len(a.Items) != paletteLimit || !a.More {
		t.Errorf("%d items, more %v", len(a.Items), a.More)
	}
	if a = ask(t, "?q=ct-1499", false, many(1500), many(3000)); len(a.Items) != 2 || a.More {
		t.Errorf("%d items, more %v", len(a.Items), a.More)
	}
}

// inside finds one script by a word of its description, which is not shown.
type inside struct{}

func (inside) PaletteItems(context.Context) iter.Seq[PaletteItem] {
	return func(yield func(PaletteItem) bool) { yield(PaletteItem{Kind: "template", Title: "Web", URL: "/"}) }
}

func (inside) PaletteFind(_ context.Context, words []string) ([]PaletteItem, error) {
	return []PaletteItem{{Kind: "script", Title: "tls", Note: "in Web", URL: "/"}}, nil
}

func TestPaletteTakesWhatASourceFound(t *testing.T) {
	if a := ask(t, "", false, inside{}); !a.More || !slices.Contains(titles(a), "Web") {
		t.Errorf("without words: more %v, %q", a.More, titles(a))
	}
	a := ask(t, "?q=Certificate+web", false, inside{})
	if !slices.Equal(titles(a), []string{"tls"}) {
		t.Fatalf("found %q", titles(a))
	}
	// The script ranks by what the answer carries.
	if !a.Items[0].matches([]string{"certificate", "web"}) {
		t.Errorf("the answer does not say why: %+v", a.Items[0])
	}
}
