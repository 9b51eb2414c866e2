package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// vendored is one foreign work that is part of what Berth serves.
type vendored struct {
	Package string `json:"package"`
	Version string `json:"version"`
	Licence string `json:"licence"`
	Text    string `json:"licenceText"` // file below dist
	In      string `json:"in"`          // the file below dist that holds it
	How     string `json:"how"`         // as it is, or part of a built file
	SHA256  string `json:"sha256"`      // of that file
}

// sources says which packages end up where. Everything else in node_modules is a tool that leaves nothing behind.
var sources = []struct{ pkg, licence, in, how string }{
	{"@codemirror/commands", "LICENSE", "templates.js", "built in"},
	{"@codemirror/language", "LICENSE", "templates.js", "built in"},
	{"@codemirror/legacy-modes", "LICENSE", "templates.js", "mode/shell.js, built in"},
	{"@codemirror/state", "LICENSE", "templates.js", "built in"},
	{"@codemirror/streamparser", "LICENSE", "templates.js", "built in"},
	{"@codemirror/view", "LICENSE", "templates.js", "built in"},
	{"@fontsource-variable/inter", "LICENSE", "inter.woff2", "copied: files/inter-latin-wght-normal.woff2"},
	{"@lezer/common", "LICENSE", "templates.js", "built in"},
	{"@lezer/highlight", "LICENSE", "templates.js", "built in"},
	{"@marijn/find-cluster-break", "LICENSE", "templates.js", "built in"},
	{"basecoat-css", "LICENSE.md", "app.css", "some components' structure, built in"},
	{"crelt", "LICENSE", "templates.js", "built in"},
	{"lucide-static", "LICENSE", "sprite.svg", "the icons of src/icons.txt, as symbols"},
	{"style-mod", "LICENSE", "templates.js", "built in"},
	{"tailwindcss", "LICENSE", "app.css", "its reset and the utilities in use, built in"},
	{"uplot", "LICENSE", "charts.js", "dist/uPlot.esm.js, built in; its style sheet in app.css"},
	{"w3c-keyname", "LICENSE", "templates.js", "built in"},
}

// licenceName is the package as part of a file's name. Most names are told apart without their scope.
func licenceName(pkg string) string {
	switch scope, name, ok := strings.Cut(strings.TrimPrefix(pkg, "@"), "/"); {
	case ok && (scope == "codemirror" || scope == "lezer"):
		return scope + "-" + name
	case ok:
		return name
	}
	return pkg
}

func writeVendored(p places) error {
	licences := filepath.Join(p.dist, "licences")
	if err := os.MkdirAll(licences, 0o755); err != nil {
		return err
	}
	var list []vendored
	for _, s := range sources {
		folder := filepath.Join(p.modules, filepath.FromSlash(s.pkg))
		var about struct{ Version, License string }
		raw, err := os.ReadFile(filepath.Join(folder, "package.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &about); err != nil {
			return err
		}
		text := licenceName(s.pkg) + ".txt"
		if err := copyFile(filepath.Join(folder, s.licence), filepath.Join(licences, text)); err != nil {
			return err
		}
		built, err := os.ReadFile(filepath.Join(p.dist, s.in))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(built)
		list = append(list, vendored{Package: s.pkg, Version: about.Version, Licence: about.License, Text: "licences/" + text,
			In: s.in, How: s.how, SHA256: hex.EncodeToString(sum[:])})
	}
	out, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dist, "vendored.json"), append(out, '\n'), 0o644)
}
