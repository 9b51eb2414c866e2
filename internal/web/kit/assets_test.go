package kit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"berth/internal/problem"
)

func fetch(t *testing.T, method, hash, name, accept string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	r := httptest.NewRequest(method, "/assets/"+hash+"/"+name, nil)
	r.SetPathValue("hash", hash)
	r.SetPathValue("name", name)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	return w, serveAsset(w, r)
}

func TestAssets(t *testing.T) {
	hash := strings.Split(Asset("app.css"), "/")[2]
	w, err := fetch(t, "GET", hash, "app.css", "br, gzip;q=0.8")
	if err != nil {
		t.Fatal(err)
	}
	if h := w.Header(); h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Content-Type") != "text/css; charset=utf-8" || h.Get("Content-Encoding") != "gzip" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	w, err = fetch(t, "GET", hash, "app.css", "gzip;q=0, identity")
	if err != nil || w.Header().Get("Content-Encoding") != "" || !bytes.Equal(w.Body.Bytes(), packed) {
		t.Errorf("without compression it is another file, or compressed all the same: %v", err)
	}
	if w, err = fetch(t, "GET", "0123456789ab", "app.js", ""); err != nil || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("under an older version's address it may be kept: %v, %v", w.Header(), err)
	}
	if w, err = fetch(t, "HEAD", hash, "inter.woff2", "gzip"); err != nil || w.Body.Len() > 0 || w.Header().Get("Content-Length") == "0" || w.Header().Get("Content-Type") != "font/woff2" {
		t.Errorf("HEAD of the font: %v, %v", w.Header(), err)
	}
	for _, name := range []string{"", "..", "../kit.go", "nothing.css", "licences", "dist/app.css"} {
		if _, err := fetch(t, "GET", hash, name, ""); !problem.Is(err, problem.NotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The first visit has to stay light on the wire.
func TestAssetsAreSmall(t *testing.T) {
	for name, most := range map[string]int{"app.css": 20_000, "app.js": 25_000, "inter.woff2": 50_000} {
		a := assets().files[name]
		size := len(a.plain)
		if a.gz != nil {
			size = len(a.gz)
		}
		if size == 0 || size > most {
			t.Errorf("%s is %d bytes on the wire, at most %d", name, size, most)
		}
	}
}

func TestVendoredFilesAreTheOnesListed(t *testing.T) {
	raw, err := distFS.ReadFile("dist/vendored.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Package, Version, Licence, LicenceText, In, SHA256 string }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	var wanted struct{ Dependencies, DevDependencies map[string]string }
	raw, err = os.ReadFile("../../../package.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &wanted); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, v := range list {
		listed[v.Package] = true
		if want := wanted.Dependencies[v.Package] + wanted.DevDependencies[v.Package]; v.Version != want {
			t.Errorf("%s: version %s, package.json says %q", v.Package, v.Version, want)
		}
		if v.Licence == "" {
			t.Errorf("%s has no licence", v.Package)
		}
		if text, err := os.ReadFile("dist/" + v.LicenceText); err != nil || len(text) < 200 {
			t.Errorf("%s: no text of its licence: %v", v.Package, err)
		}
		file, err := os.ReadFile("dist/" + v.In)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Errorf("%s (in %s) is not what the list says; run scripts/generate", v.Package, v.In)
		}
	}
	for name := range wanted.Dependencies {
		if !listed[name] {
			t.Errorf("%s is in package.json and not in the list", name)
		}
	}
}
