package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// buildStyle runs Tailwind over src/app.css and minifies its output with
// esbuild, since Tailwind's own minifier does not give the same bytes twice.
func buildStyle(p places) error {
	out := filepath.Join(p.tmp, "app.css")
	cli := filepath.Join(p.modules, "@tailwindcss", "cli", "dist", "index.mjs")
	cmd := exec.Command("node", cli, "--input", filepath.Join(p.src, "app.css"), "--output", out)
	cmd.Dir = p.root
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "NO_COLOR=1")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tailwind: %w\n%s", err, msg)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	res := api.Transform(string(raw), api.TransformOptions{
		Loader: api.LoaderCSS, MinifyWhitespace: true, MinifySyntax: true, LegalComments: api.LegalCommentsNone,
		Engines: engines, LogLevel: api.LogLevelWarning,
		// Lowering light-dark() or nesting would double the style sheet; these browsers know both.
		Supported: map[string]bool{"nesting": true},
	})
	if len(res.Errors) > 0 {
		return errors.New(res.Errors[0].Text)
	}
	return os.WriteFile(filepath.Join(p.dist, "app.css"), res.Code, 0o644)
}

// engines are the oldest browsers that Berth is made for: those with light-dark(), popover and :has.
var engines = []api.Engine{{Name: api.EngineChrome, Version: "125"}, {Name: api.EngineFirefox, Version: "128"}, {Name: api.EngineSafari, Version: "17.5"}}

// scripts are what is built, by the name that it is served under: what every
// page runs, and what single pages load besides. They share no module with an effect of its own.
var scripts = map[string]string{
	"app.js":       "internal/web/kit/src/app.js",
	"charts.js":    "internal/web/containers/js/charts.js",
	"templates.js": "internal/web/templates/js/page.js",
}

// buildScripts bundles each script with everything that it imports, the pages' own modules too.
func buildScripts(p places) error {
	for out, in := range scripts {
		res := api.Build(api.BuildOptions{
			EntryPoints: []string{filepath.Join(p.root, in)}, Outfile: filepath.Join(p.dist, out), AbsWorkingDir: p.root,
			Bundle: true, Write: true, Format: api.FormatESModule, Charset: api.CharsetUTF8,
			MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true, LegalComments: api.LegalCommentsNone,
			Engines: engines, LogLevel: api.LogLevelWarning,
		})
		if len(res.Errors) > 0 {
			return fmt.Errorf("%s: %s", out, res.Errors[0].Text)
		}
	}
	return nil
}

// copyFont takes the Latin subset of Inter, with all weights in one file.
func copyFont(p places) error {
	return copyFile(filepath.Join(p.modules, "@fontsource-variable", "inter", "files", "inter-latin-wght-normal.woff2"), filepath.Join(p.dist, "inter.woff2"))
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}
