package kit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"berth/internal/problem"
)

//go:embed dist/app.css dist/app.js dist/charts.js dist/templates.js dist/inter.woff2 dist/icon.svg dist/vendored.json dist/licences
var distFS embed.FS

// asset is one embedded file, ready to be sent.
type asset struct {
	kind  string
	plain []byte
	gz    []byte // nil where it is not worth it
}

// assetSet is all that is embedded, under one name that changes with any byte of it.
// The files refer to each other by relative addresses, and so stay together.
type assetSet struct {
	hash  string
	files map[string]asset
}

var assets = sync.OnceValue(loadAssets)

func loadAssets() assetSet {
	set := assetSet{files: map[string]asset{}}
	sum := sha256.New()
	err := fs.WalkDir(distFS, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := distFS.ReadFile(name)
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(name, "dist/")
		sum.Write([]byte(short))
		sum.Write(plain)
		set.files[short] = asset{kind: kindOf(short), plain: plain, gz: gzipped(short, plain)}
		return nil
	})
	if err != nil {
		panic("kit: an embedded file cannot be read: " + err.Error())
	}
	set.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return set
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".woff2":
		return "font/woff2"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func gzipped(name string, plain []byte) []byte {
	if path.Ext(name) == ".woff2" || len(plain) < 512 {
		return nil // woff2 is compressed already
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(plain); err != nil || z.Close() != nil {
		return nil
	}
	return b.Bytes()
}

// Asset is the address of an embedded file, which changes with its content.
func Asset(name string) string { return "/assets/" + assets().hash + "/" + name }

// serveAsset answers with an embedded file: for ever under its present
// address, not to be kept under one of another version, so that replicas of two
// versions can stand side by side for a while.
func serveAsset(w http.ResponseWriter, r *http.Request) error {
	set := assets()
	file, ok := set.files[r.PathValue("name")]
	if !ok {
		return problem.Missing()
	}
	h := w.Header()
	if r.PathValue("hash") == set.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Type", file.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if file.gz != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = file.gz
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return ignoreGone(r.Context(), err)
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// Routes are what kit itself answers: assets, preferences, and the palette's data from those sources.
func Routes(sources ...PaletteSource) []Route {
	return []Route{
		{Method: "GET", Pattern: "/assets/{hash}/{name...}", Access: Public, Form: AssetRoute, Handle: serveAsset},
		{Method: "POST", Pattern: URL.Preferences(), Access: Public, Form: PageRoute, Handle: savePreferences},
		{Method: "GET", Pattern: URL.Palette(), Access: SignedIn, Form: APIRoute, Handle: palette(sources)},
	}
}
