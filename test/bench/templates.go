package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/template/layout"
)

// benchTemplates: the list at 1,000 templates, one with 200 scripts and 2,000 packages among them.
func benchTemplates(ctx context.Context, t *table) error {
	r, err := start(ctx, size{1, 1, 1})
	if err != nil {
		return err
	}
	defer r.stop()
	took, err := r.importTemplates(ctx)
	if err != nil {
		return err
	}
	t.note("1,000 new templates imported on the command line", ms(took))
	for _, p := range []struct{ path, what string }{
		{"/templates", "list of 1,000 templates, 2 at once"},
		{"/templates?tag=group-7", "the same with a tag"},
		{"/templates?q=package-1999", "the same, searched for one of 2,000 packages"},
	} {
		if err := r.pageAt(t, p.path, p.what, 2, 95, 30*time.Millisecond, 0); err != nil {
			return err
		}
	}
	return nil
}

// importTemplates fills the running Berth as an operator would.
func (r *rig) importTemplates(ctx context.Context) (time.Duration, error) {
	contents := []template.Content{manyThings()}
	for i := range 999 {
		c := template.New()
		c.Name, c.Description = fmt.Sprintf("Template %03d", i), "Serves something to somebody, as so many do."
		c.Tags = []string{"bench", fmt.Sprintf("group-%d", i%20)}
		c.Scripts = []template.Script{{Name: "install", Body: "#!/bin/bash\nset -euo pipefail\n"}}
		contents = append(contents, c)
	}
	file := filepath.Join(r.dir, "templates.tar.gz")
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	if err := archive.Write(f, archive.TarGz, layout.WriteAll(contents)); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	began := time.Now()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "berth"), "template", "import", file, "--yes", "--person", "root@pam", "--data", filepath.Join(r.dir, "data"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("importing: %w: %.500s", err, out)
	}
	return time.Since(began), nil
}

func manyThings() template.Content {
	c := template.New()
	c.Name, c.Tags = "Large", []string{"bench"}
	for i := range 200 {
		c.Scripts = append(c.Scripts, template.Script{Name: fmt.Sprintf("step-%03d", i), About: "One of many steps",
			Body: "#!/bin/bash\nset -euo pipefail\n" + strings.Repeat("log_info \"$HOME\"\n", 20)})
	}
	l := template.PackageList{Name: "all"}
	for i := range 2000 {
		l.Packages = append(l.Packages, template.Package{Manager: template.Apt, Name: fmt.Sprintf("package-%04d", i)})
	}
	c.Lists = []template.PackageList{l}
	return c
}
