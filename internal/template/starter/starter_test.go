package starter_test

import (
	"bytes"
	"maps"
	"os/exec"
	"strings"
	"testing"

	"berth/internal/template"
	"berth/internal/template/layout"
	"berth/internal/template/lint"
	"berth/internal/template/starter"
)

func TestEveryStarterPassesTheLinter(t *testing.T) {
	files, err := starter.Files()
	if err != nil {
		t.Fatal(err)
	}
	found, findings := layout.Read(files)
	for _, f := range found {
		findings = append(findings, lint.Found(f)...)
	}
	for _, f := range findings {
		t.Errorf("%s %s: %s", f.Level, f.Place(), f.Sentence())
	}
	if len(found) != 5 || len(starter.All()) != 5 {
		t.Errorf("%d starters", len(found))
	}
}

func TestEveryStarterIsDocumented(t *testing.T) {
	for _, s := range starter.All() {
		c := s.Content
		if len(c.Description) < 80 || len(c.Tags) == 0 || len(c.Scripts) == 0 {
			t.Errorf("%s: it is not said what it is", s.Dir)
		}
		for _, x := range c.Scripts {
			if x.About == "" || !strings.HasPrefix(x.Body, "#!/bin/bash\n# ") {
				t.Errorf("%s: script %s says not what it does", s.Dir, x.Name)
			}
		}
		for _, in := range c.Inputs {
			if _, wrong := in.Accept(""); wrong != "" {
				t.Errorf("%s: without an answer to “%s” it cannot be tried: %s", s.Dir, in.Question, wrong)
			}
		}
	}
}

// Exported, the set is the files that are kept here.
func TestTheSetIsWrittenAsExportsAre(t *testing.T) {
	files, err := starter.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range starter.All() {
		written := layout.Write(s.Content, s.Dir)
		own := layout.Files{}
		for p, data := range files {
			if strings.HasPrefix(p, s.Dir+"/") {
				own[p] = data
			}
		}
		if maps.EqualFunc(written, own, bytes.Equal) {
			continue
		}
		for _, p := range own.Paths() {
			for _, l := range template.Lines(string(own[p]), string(written[p])) {
				if l.Op != template.Same {
					t.Errorf("%s:%d %c %s", p, max(l.Old, l.New), l.Op, l.Text)
				}
			}
		}
		for p := range written {
			if _, ok := own[p]; !ok {
				t.Errorf("an export has %s too", p)
			}
		}
	}
}

// bash itself reads every script, without running it.
func TestBashReadsEveryScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("left out: there is no bash on this machine")
	}
	for _, s := range starter.All() {
		for _, x := range s.Content.Scripts {
			cmd := exec.CommandContext(t.Context(), bash, "-n")
			cmd.Stdin = strings.NewReader(x.Body)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s/%s: %s", s.Dir, x.Name, out)
			}
		}
	}
}
