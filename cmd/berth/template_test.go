package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/internal/account"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// berth runs a command as main does.
func berth(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, &out)
	return out.String(), err
}

// dataFolder has a person, anna@pve, at one sign-in host, and tom@pve at two.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	st, err := DataOptions{Data: dir, ownKey: true}.openStore(t.Context(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, host := range []string{"home", "work"} {
		h := storetest.Host(t, st, host)
		storetest.User(t, st, h.ID, "tom@pve")
		if host == "home" {
			storetest.User(t, st, h.ID, "anna@pve")
		}
	}
	return dir
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for p, text := range files {
		full := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTemplateLintNeedsNoData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web")
	put(t, dir, map[string]string{"template.conf": "TEMPLATE_RAM=512\n", "container-configs/scripts/10-a.sh": "#!/bin/bash\nread x\n"})
	out, err := berth(t, "template", "lint", dir)
	if err != nil || !strings.Contains(out, "web/container-configs/scripts/10-a.sh:2: warning: read waits for a line") || !strings.HasSuffix(out, "0 errors, 2 warnings in 1 template.\n") {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := berth(t, "template", "lint", "--strict", dir); err == nil {
		t.Error("--strict passes warnings")
	}
	put(t, dir, map[string]string{"template.conf": "TEMPLATE_RAM=1\n"})
	if out, err := berth(t, "template", "lint", dir); err == nil || !strings.Contains(out, "web/template.conf:1: error: Memory goes from 16") {
		t.Errorf("got %q, %v", out, err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if out, err := berth(t, "template", "lint", dir); err == nil || strings.Contains(out, "root:") {
		t.Errorf("a link is followed: %q, %v", out, err)
	}
}

func TestTemplatesGoOutAndComeBack(t *testing.T) {
	data, dir := dataFolder(t), t.TempDir()
	site := filepath.Join(dir, "site")
	put(t, site, map[string]string{"web/template.conf": "TEMPLATE_APP=Web\nTEMPLATE_RAM=1024\n", "db/template.conf": "TEMPLATE_APP=DB\n",
		"web/container-configs/scripts/10-a.sh": "#!/bin/bash\nset -e\n"})
	anna := []string{"--data", data, "--person", "anna@pve"}
	with := func(args ...string) []string { return append(append([]string{"template"}, args...), anna...) }

	out, err := berth(t, with("import", site)...)
	if err != nil || !strings.Contains(out, "DB: new\nWeb: new\nNothing was changed.") {
		t.Fatalf("preview: %q, %v", out, err)
	}
	out, err = berth(t, with("import", site, "--yes")...)
	if err != nil || !strings.HasSuffix(out, "2 new, 0 changed, 0 the same, 0 removed.\n") {
		t.Fatalf("import: %q, %v", out, err)
	}
	zip, folder := filepath.Join(dir, "all.zip"), filepath.Join(dir, "out")
	for _, target := range []string{zip, folder} {
		if out, err = berth(t, with("export", target)...); err != nil || !strings.HasPrefix(out, "Exported 2 templates to ") {
			t.Errorf("export: %q, %v", out, err)
		}
		if out, err = berth(t, with("import", target, "--yes")...); err != nil || !strings.HasSuffix(out, "0 new, 0 changed, 2 the same, 0 removed.\n") {
			t.Errorf("back from %s: %q, %v", target, out, err)
		}
	}
	if _, err := berth(t, with("export", zip)...); err == nil {
		t.Error("an archive is written over")
	}
	put(t, folder, map[string]string{"web/container-configs/scripts/99-old.sh": "", "keep": "x"})
	if out, err = berth(t, with("export", folder, "web")...); err != nil || !strings.HasPrefix(out, "Exported 1 template to ") {
		t.Errorf("export of one: %q, %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "web/container-configs/scripts/99-old.sh")); err == nil {
		t.Error("what the template has no more is still there")
	}
	if _, err := os.Stat(filepath.Join(folder, "keep")); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}

	if err := os.RemoveAll(filepath.Join(site, "db")); err != nil {
		t.Fatal(err)
	}
	put(t, site, map[string]string{"web/template.conf": "TEMPLATE_APP=Web\nTEMPLATE_RAM=2048\n"})
	out, err = berth(t, with("import", site, "--yes", "--remove")...)
	if err != nil || !strings.Contains(out, "Web: changed\n  Memory: 1024 MiB → 2048 MiB\nDB: removed\n") || !strings.HasSuffix(out, "0 new, 1 changed, 0 the same, 1 removed.\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

// A template's text acts on no terminal, and hides nothing in a preview.
func TestAPreviewShowsWhatIsThere(t *testing.T) {
	data, dir := dataFolder(t), filepath.Join(t.TempDir(), "web")
	put(t, dir, map[string]string{"template.conf": "TEMPLATE_APP=Web\n", "container-configs/scripts/10-a.sh": "#!/bin/bash\nset -e\n"})
	if out, err := berth(t, "template", "import", dir, "--yes", "--data", data, "--person", "anna@pve"); err != nil {
		t.Fatal(out, err)
	}
	put(t, dir, map[string]string{"container-configs/scripts/10-a.sh": "#!/bin/bash\nset -e\necho \x1b[8munseen\x1b[0m \x1b]52;c;aGk=\a\n"})
	out, err := berth(t, "template", "import", dir, "--data", data, "--person", "anna@pve")
	if err != nil || strings.ContainsAny(out, "\x1b\a") || !strings.Contains(out, "+ echo ␛[8munseen␛[0m ␛]52;c;aGk=␇\n") {
		t.Errorf("%q, %v", out, err)
	}
}

// A pipe is not waited for, which nobody could interrupt.
func TestAPipeIsNoTemplate(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "x.zip")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here: ", err)
	}
	if _, err := berth(t, "template", "lint", pipe); err == nil || !strings.Contains(err.Error(), "neither a file nor a folder") {
		t.Error(err)
	}
}

func TestWhoseTemplatesIsClear(t *testing.T) {
	data := dataFolder(t)
	for person, want := range map[string]string{"nobody@pve": "nobody named", "tom@pve": "somebody else at each of 2 sign-in hosts"} {
		_, err := berth(t, "template", "export", filepath.Join(t.TempDir(), "x.zip"), "--data", data, "--person", person)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", person, err)
		}
	}
}

// The demo's owner finds the starter set, the newcomer nothing.
func TestTheDemoHasTemplates(t *testing.T) {
	h := newHouse(t)
	for who, want := range map[account.UserID]int{h.owner.User.ID: 5, h.newcomer.User.ID: 0} {
		names, err := h.app.store.TemplateNames(t.Context(), string(who))
		if err != nil || len(names) != want {
			t.Errorf("%s has %q, %v", who, names, err)
		}
	}
}
