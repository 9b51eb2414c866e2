// Package arch keeps the house as ARCHITECTURE.md draws it: who may import
// whom, and a few constructions that are allowed in one room only.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "berth/"

type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	CgoFiles     []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports,TestImports,XTestImports", "berth/...")
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

var nouns = []string{"internal/fleet", "internal/job", "internal/account", "internal/authority", "internal/audit", "internal/problem", "internal/secret", "internal/template"}

// isNoun counts what stands around the noun of templates to it: reading and
// writing their layout, the linter, the starter set. They ask nobody anything.
func isNoun(path string) bool {
	return slices.Contains(nouns, path) || strings.HasPrefix(path, "internal/template/")
}

// room says what a package of ours may import of ours. The first rule whose prefix fits decides.
var rooms = []struct {
	prefix string
	may    func(self, imported string) bool
	law    string
}{
	{"cmd/pvesim", func(_, to string) bool { return to == "internal/pvesim" }, "cmd/pvesim starts the simulator and knows nothing else"},
	{"cmd/", func(_, _ string) bool { return true }, "cmd knows everyone"},
	{"test/", func(_, _ string) bool { return true }, "tests know everyone"},
	{"internal/pvesim", func(self, to string) bool { return strings.HasPrefix(to, "internal/pvesim") }, "pvesim imports nothing of ours, so that it can contradict us"},
	{"internal/ops/", func(_, to string) bool { return isNoun(to) }, "verbs import nouns and declare what they need"},
	{"internal/web/kit", func(_, to string) bool { return isNoun(to) || strings.HasPrefix(to, "internal/web/kit") }, "kit imports nouns"},
	{"internal/web/", func(_, to string) bool { return isNoun(to) || strings.HasPrefix(to, "internal/web/kit") }, "pages import nouns and kit, and declare the few methods that they call"},
	{"internal/web", func(_, to string) bool { return isNoun(to) || strings.HasPrefix(to, "internal/web/") }, "the site map imports nouns, kit and pages"},
	{"internal/store", func(_, to string) bool {
		return isNoun(to) || to == "internal/store" || strings.HasPrefix(to, "internal/store/")
	}, "hands import nouns, never each other"},
	{"internal/", func(self, to string) bool { return isNoun(to) || strings.HasPrefix(to, self+"/") }, "nouns import nouns; hands import nouns, never each other"},
}

func TestWhoMayImportWhom(t *testing.T) {
	for _, p := range packages(t) {
		self := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if to == "internal/pvesim" && self != "cmd/berth" && self != "cmd/pvesim" && !strings.HasPrefix(self, "test/") {
				t.Errorf("%s imports pvesim: no production code asks whether this is the demo", self)
			}
			for _, r := range rooms {
				if !strings.HasPrefix(self, r.prefix) {
					continue
				}
				if !r.may(self, to) {
					t.Errorf("%s imports %s: %s", self, to, r.law)
				}
				break
			}
		}
	}
}

func TestSimulatorsTestsImportNothingOfOurs(t *testing.T) {
	for _, p := range packages(t) {
		self := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(self, "internal/pvesim") {
			continue
		}
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if to, ours := strings.CutPrefix(imported, module); ours && !strings.HasPrefix(to, "internal/pvesim") {
				t.Errorf("a test of %s imports %s", self, to)
			}
		}
	}
}

func TestNounsImportOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range packages(t) {
		self := strings.TrimPrefix(p.ImportPath, module)
		if !slices.Contains(nouns, self) || self == "internal/secret" { // secret stands on x/crypto for its ciphers
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if strings.Contains(first, ".") {
				t.Errorf("%s imports %s", self, imported)
			}
		}
	}
}

func TestNoCgo(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
}
