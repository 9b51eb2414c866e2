// Command assets builds what Berth serves to browsers from its sources in
// internal/web/kit/src and the packages in node_modules: one style sheet, the
// scripts, one font, the icons, their licences, and the list of what was
// vendored. The same input gives the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// places are the folders that the steps read and write.
type places struct {
	root    string // of the project
	src     string // our sources
	modules string // node_modules
	dist    string // what is embedded
	tmp     string
}

func main() {
	root := flag.String("root", "..", "the project's folder")
	flag.Parse()
	if err := build(*root); err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		os.Exit(1)
	}
}

func build(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "berth-assets-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	kit := filepath.Join(root, "internal", "web", "kit")
	p := places{root: root, src: filepath.Join(kit, "src"), modules: filepath.Join(root, "node_modules"), dist: filepath.Join(kit, "dist"), tmp: tmp}
	if err := os.MkdirAll(p.dist, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(places) error
	}{
		{"icons", drawIcons}, {"style sheet", buildStyle}, {"scripts", buildScripts}, {"font", copyFont}, {"list of vendored files", writeVendored},
	} {
		if err := step.do(p); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}
