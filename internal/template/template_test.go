package template_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"berth/internal/problem"
	"berth/internal/template"
)

func valid() template.Content {
	c := template.New()
	c.Name = "Web"
	return c
}

func fields(findings []template.Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Field)
	}
	return out
}

func TestCheckSaysEveryPlace(t *testing.T) {
	long := strings.Repeat("x", 101)
	for name, c := range map[string]struct {
		change func(c *template.Content)
		want   []string
	}{
		"nothing wrong": {func(c *template.Content) {}, nil},
		"no name":       {func(c *template.Content) { c.Name = "  " }, []string{"name"}},
		"100 letters":   {func(c *template.Content) { c.Name = long[:100] }, nil},
		"101 letters":   {func(c *template.Content) { c.Name = long }, []string{"name"}},
		"a turned name": {func(c *template.Content) { c.Name = "a\u202eb" }, []string{"name"}},
		"least":         {func(c *template.Content) { c.Cores, c.Memory, c.Swap, c.Disk = 1, 16, 0, 1 }, nil},
		"below least": {func(c *template.Content) { c.Cores, c.Memory, c.Swap, c.Disk = 0, 15, -1, 0 },
			[]string{"cores", "memory", "swap", "disk"}},
		"most":       {func(c *template.Content) { c.Cores = 8192 }, nil},
		"above most": {func(c *template.Content) { c.Cores = 8193 }, []string{"cores"}},
		"OS":         {func(c *template.Content) { c.OS = "Debian 12" }, []string{"os"}},
		"bridge":     {func(c *template.Content) { c.Bridge, c.Storage = "vmbr0; rm", "local lvm" }, []string{"storage", "bridge"}},
		"tags":       {func(c *template.Content) { c.Tags = []string{"a b"} }, []string{"tags"}},
		"inputs": {func(c *template.Content) {
			c.Inputs = []template.Input{
				{Name: "Domain", Question: "?", Kind: template.Text},
				{Name: "a", Kind: template.Secret, Question: "?", Default: "hunter2"},
				{Name: "a", Kind: template.Number, Question: "?", Check: "9..1"},
				{Name: "b", Kind: template.Choice, Question: "?"},
				{Name: "c", Kind: template.Text, Question: "?", Check: "("},
				{Name: "d", Kind: template.Number, Question: "?", Check: "1..9", Default: "10"},
			}
		}, []string{"inputs[0].name", "inputs[1].default", "inputs[2].check", "inputs[2].name", "inputs[3].choices", "inputs[4].check", "inputs[5].default"}},
		"scripts": {func(c *template.Content) {
			c.Scripts = []template.Script{{Name: "a"}, {Name: "A"}, {Name: "../b"}, {Name: "c", Timeout: -1}, {Name: "d", Body: "\xff"},
				{Name: "e", Body: strings.Repeat("x", template.MaxScript)}}
		}, []string{"scripts[1].name", "scripts[2].name", "scripts[3].timeout", "scripts[4].body", "scripts[5].body"}},
		"files": {func(c *template.Content) {
			c.Files = []template.File{{Path: "/a"}, {Path: "/a/../b"}, {Path: "/c"}, {Path: "/c"}, {Path: "/proc/1/mem"}, {Path: "/x", Mode: 0o10000, Owner: "a b"}, {Path: "etc"}}
		}, []string{"files[1].path", "files[3].path", "files[4].path", "files[5].owner", "files[5].mode", "files[6].path"}},
		"lists": {func(c *template.Content) {
			c.Lists = []template.PackageList{{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "nginx"}, {Manager: template.Apt, Name: "nginx"}, {Manager: template.Apt, Name: "-y"}}},
				{Name: "Base"}, {Name: "a/b"}}
		}, []string{"lists[0].name", "lists[2].name", "lists[1].packages[1]", "lists[1].packages[2]"}},
	} {
		t.Run(name, func(t *testing.T) {
			content := valid()
			c.change(&content)
			got := fields(content.Clean().Check())
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				if name == "lists" && len(got) == len(c.want) {
					return // the order of lists of one name is not what this is about
				}
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRefusalHasEveryPlace(t *testing.T) {
	err := template.Refusal([]template.Finding{
		{Level: template.Warning, Field: "os", Text: "Hm."},
		{Level: template.Error, Field: "name", Text: "Enter a name."},
		{Level: template.Error, Field: "disk", Text: "Too big.", Remedy: "Smaller."},
	})
	want := map[string]string{"name": "Enter a name.", "disk": "Too big. Smaller."}
	if p := problem.Of(err); p == nil || p.Kind != problem.Invalid || !reflect.DeepEqual(p.Fields, want) {
		t.Errorf("got %#v", err)
	}
	if err := template.Refusal([]template.Finding{{Level: template.Warning}}); err != nil {
		t.Errorf("a warning refuses: %v", err)
	}
}

func TestInputsAccept(t *testing.T) {
	text := template.Input{Kind: template.Text, Check: `[a-z.]+`, Default: "example.org"}
	number := template.Input{Kind: template.Number, Check: "1..65535"}
	choice := template.Input{Kind: template.Choice, Choices: []string{"a", "b"}}
	boolean := template.Input{Kind: template.Boolean}
	secret := template.Input{Kind: template.Secret, Default: "never"}
	for _, c := range []struct {
		in           template.Input
		value, clean string
		ok           bool
	}{
		{text, "", "example.org", true}, {text, "a.b", "a.b", true}, {text, "a b", "", false}, {text, "a\nb", "", false},
		{number, "1", "1", true}, {number, " 0080 ", "80", true}, {number, "0", "", false}, {number, "65536", "", false}, {number, "x", "", false}, {number, "", "", false},
		{choice, "b", "b", true}, {choice, "c", "", false},
		{boolean, "", "0", true}, {boolean, "Yes", "1", true}, {boolean, "maybe", "", false},
		{secret, "", "", false}, {secret, " a ", " a ", true}, {secret, "a\x00", "", false}, {secret, strings.Repeat("x", template.MaxValue+1), "", false},
	} {
		clean, wrong := c.in.Accept(c.value)
		if clean != c.clean || (wrong == "") != c.ok {
			t.Errorf("%s %q: got %q, %q", c.in.Kind, c.value, clean, wrong)
		}
		if c.value != "" && c.in.Kind == template.Secret && strings.Contains(wrong, c.value) {
			t.Errorf("the sentence tells the secret: %s", wrong)
		}
	}
}

func TestPackageLines(t *testing.T) {
	for _, c := range []struct {
		m         template.Manager
		text      string
		name, pin string
	}{
		{template.Apt, "nginx=1.22.*", "nginx", "1.22.*"}, {template.Apt, "libc6:i386", "libc6:i386", ""}, {template.Apt, "g++", "g++", ""},
		{template.Apk, "nginx=1.26-r0", "nginx", "1.26-r0"}, {template.Dnf, "nginx-1.26", "nginx", "1.26"},
		{template.Dnf, "java-11-openjdk", "java-11-openjdk", ""}, {template.Dnf, "java-11-openjdk-11.0.2-1.el9", "java-11-openjdk", "11.0.2-1.el9"},
		{template.Dnf, "python3-pip", "python3-pip", ""}, {template.Npm, "@angular/cli@17", "@angular/cli", "17"}, {template.Npm, "typescript", "typescript", ""},
		{template.Pip, "httpie==3.2.4", "httpie", "3.2.4"}, {template.Pip, "uvicorn[standard]", "uvicorn[standard]", ""},
		{template.Apt, "-y", "", ""}, {template.Apt, "a;b", "", ""}, {template.Apt, "$(id)", "", ""}, {template.Apt, "Nginx", "", ""}, {template.Pip, "a>=1", "", ""},
		{template.Npm, "-g", "", ""}, {template.Apk, "--root", "", ""}, {template.Apt, "nginx=", "nginx", ""}, {template.Apt, "nginx=-1", "", ""},
	} {
		p, wrong := template.ParsePackage(c.m, c.text)
		if c.name == "" {
			if wrong == "" {
				t.Errorf("%s %q is taken as %+v", c.m, c.text, p)
			}
			continue
		}
		if wrong != "" || p.Name != c.name || p.Pin != c.pin {
			t.Errorf("%s %q: got %q %q, %s", c.m, c.text, p.Name, p.Pin, wrong)
		}
	}
	custom, wrong := template.ParsePackage(template.Custom, "starship|command -v starship|curl -s x | sh -s -- -y|600")
	want := template.Package{Manager: template.Custom, Name: "starship", Check: "command -v starship", Install: "curl -s x | sh -s -- -y", Timeout: 600}
	if wrong != "" || custom != want {
		t.Errorf("got %+v, %s", custom, wrong)
	}
}

func TestPasteReportsDuplicatesAndBadLines(t *testing.T) {
	existing := []template.Package{{Manager: template.Apt, Name: "curl"}}
	got := template.ReadPaste(existing, template.Apt, "# tools\nnginx=1.22.*  # the server\r\ncurl\nnginx\n;bad\n\n[pip]\ncurl\n")
	want := []template.Package{{Manager: template.Apt, Name: "nginx", Pin: "1.22.*", Note: "tools the server"}, {Manager: template.Pip, Name: "curl"}}
	if !reflect.DeepEqual(got.Added, want) {
		t.Errorf("added %+v", got.Added)
	}
	if len(got.Duplicates) != 2 || got.Duplicates[0].Line != 3 || got.Duplicates[0].Differs() || got.Duplicates[1].Line != 4 || !got.Duplicates[1].Differs() {
		t.Errorf("duplicates %+v", got.Duplicates)
	}
	if len(got.Findings) != 1 || got.Findings[0].Line != 5 {
		t.Errorf("findings %+v", got.Findings)
	}
}

// FuzzPackages: no list, however odd, stops the reading; what was read is written and read back as it was, and pasting it twice adds nothing.
func FuzzPackages(f *testing.F) {
	for _, seed := range []string{"nginx=1.22.*  # the server", "# a\n# b\ncurl\n\n[pip]\nhttpie==3", "apk:\na=1-r0", "x|y|z|600 # n", "@a/b@1", "java-11-openjdk-11.0.2-1.el9", "#\r\n\x00\u202e", "a|b # c|d"} {
		f.Add(0, seed)
		f.Add(5, seed)
	}
	f.Fuzz(func(t *testing.T, n int, text string) {
		m := template.Managers[uint(n)%uint(len(template.Managers))]
		var read []template.Package
		at, _ := template.ParsePackages(m, text)
		for _, p := range at {
			read = append(read, p.Package)
		}
		again, findings := template.ParsePackages(m, template.FormatPackages(read, m))
		if len(findings) > 0 || len(again) != len(read) {
			t.Fatalf("%q was read as %+v and written as %q: %+v", text, read, template.FormatPackages(read, m), findings)
		}
		for i, p := range again {
			if p.Package != read[i] {
				t.Fatalf("%q: %+v was read back as %+v", text, read[i], p.Package)
			}
		}
		first := template.ReadPaste(nil, m, text)
		if twice := template.ReadPaste(first.Added, m, text); len(twice.Added) > 0 {
			t.Fatalf("%q: pasted again it adds %+v", text, twice.Added)
		}
	})
}

// FuzzLines: a diff of any two texts, applied, gives either.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\n", "a\r\nc")
	f.Add("", "\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		var old, new []string
		for _, l := range template.Lines(before, after) {
			if l.Op != template.Insert {
				old = append(old, l.Text)
			}
			if l.Op != template.Delete {
				new = append(new, l.Text)
			}
		}
		if got, want := strings.Join(old, "\n"), strings.TrimSuffix(before, "\n"); got != want {
			t.Fatalf("before: got %q, want %q", got, want)
		}
		if got, want := strings.Join(new, "\n"), strings.TrimSuffix(after, "\n"); got != want {
			t.Fatalf("after: got %q, want %q", got, want)
		}
	})
}

// A diff, applied, gives either text.
func TestLinesLeadFromOneTextToTheOther(t *testing.T) {
	some := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", ""}), 0, 30)
	rapid.Check(t, func(t *rapid.T) {
		before, after := some.Draw(t, "before"), some.Draw(t, "after")
		join := func(lines []string) string {
			if len(lines) == 0 {
				return ""
			}
			return strings.Join(lines, "\n") + "\n"
		}
		var old, new []string
		changes := 0
		for _, l := range template.Lines(join(before), join(after)) {
			if l.Op != template.Insert {
				old = append(old, l.Text)
				if l.Old != len(old) {
					t.Fatalf("line %+v is number %d before", l, len(old))
				}
			}
			if l.Op != template.Delete {
				new = append(new, l.Text)
				if l.New != len(new) {
					t.Fatalf("line %+v is number %d after", l, len(new))
				}
			}
			if l.Op != template.Same {
				changes++
			}
		}
		if join(old) != join(before) || join(new) != join(after) {
			t.Fatalf("%q → %q: got %q → %q", before, after, old, new)
		}
		if want := len(before) + len(after) - 2*common(before, after); changes != want {
			t.Fatalf("%d changes, %d are enough", changes, want)
		}
	})
}

// Texts that have hardly a line in common are replaced, in time.
func TestLinesOfTextsThatDifferMuch(t *testing.T) {
	var before, after strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&before, "before %d\n", i)
		fmt.Fprintf(&after, "after %d\n", i)
	}
	lines := template.Lines("same\n"+before.String()+"end\n", "same\n"+after.String()+"end\n")
	if len(lines) != 40002 || lines[0].Op != template.Same || lines[1].Op != template.Delete || lines[40000].Op != template.Insert || lines[40001] != (template.Line{Op: template.Same, Text: "end", Old: 20002, New: 20002}) {
		t.Errorf("%d lines: %+v … %+v", len(lines), lines[0], lines[len(lines)-1])
	}
}

// common is the length of the longest common subsequence.
func common(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		last := 0
		for j, y := range b {
			was := row[j+1]
			if x == y {
				row[j+1] = last + 1
			} else {
				row[j+1] = max(row[j+1], row[j])
			}
			last = was
		}
	}
	return row[len(b)]
}

func TestCompareTellsWhatChanged(t *testing.T) {
	before := valid()
	before.Scripts = []template.Script{{Name: "one", Body: "a\nb\nc\n"}, {Name: "two", Body: "x\n"}, {Name: "three", Body: "y\n"}}
	before.Files = []template.File{{Path: "/etc/motd", Content: []byte("hi\n")}, {Path: "/bin/x", Content: []byte{0, 1}}}
	after := before
	after.Memory, after.Tags = 1024, []string{"web"}
	after.Scripts = []template.Script{{Name: "one", Body: "a\nB\nc\n"}, {Name: "three", Body: "y\n", Timeout: 60}}
	after.Files = []template.File{{Path: "/etc/motd", Content: []byte("hi\n"), Mode: 0o600}, {Path: "/bin/x", Content: []byte{0, 1, 2}}}
	after.Inputs = []template.Input{{Name: "a", Question: "What?", Kind: template.Text}}
	d := template.Compare(before, after)
	var got []string
	for _, f := range d.Fields {
		got = append(got, f.Label+": "+f.Before+" → "+f.After)
	}
	for _, x := range d.Texts {
		text := string(x.Kind) + " " + x.Name + " " + string(x.Action)
		for _, f := range x.About {
			text += ", " + f.Label + ": " + f.Before + " → " + f.After
		}
		got = append(got, text)
	}
	want := []string{"Tags:  → web", "Memory: 512 MiB → 1024 MiB", "Input a:  → What?", "script one changed", "script three changed, time-out: 30m0s → 1m0s",
		"script two removed", "file /bin/x changed, size: 2 bytes → 3 bytes", "file /etc/motd changed, mode: 0644 → 0600"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !template.Compare(before, before).Empty() {
		t.Error("a content differs from itself")
	}
}

func TestCleanIsStable(t *testing.T) {
	c := valid()
	c.Name, c.Tags = " Web ", []string{"Web", "web ", "db"}
	c.Scripts = []template.Script{{Name: "a", Body: "x\r\ny", Timeout: 1800}}
	c.Files = []template.File{{Path: "/b", Owner: "root", Mode: 0o644, Policy: template.IfAbsent}, {Path: "/a"}}
	c.Lists = []template.PackageList{{Name: "b", Bucket: "1", Packages: []template.Package{{Name: "x"}}},
		{Name: "a", Packages: []template.Package{{Manager: template.Pip, Name: "x"}, {Manager: template.Apt, Name: "y"}}}}
	once := c.Clean()
	if twice := once.Clean(); !reflect.DeepEqual(once, twice) {
		t.Errorf("not stable:\n%+v\n%+v", once, twice)
	}
	if once.Scripts[0].Body != "x\ny\n" || once.Files[0].Path != "/a" || once.Lists[0].Packages[0].Manager != template.Apt || once.Lists[1].Packages != nil {
		t.Errorf("got %+v", once)
	}
	data, err := c.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	back, err := template.ReadCanonical(data)
	if err != nil || !reflect.DeepEqual(back, once) {
		t.Errorf("read back: %+v, %v", back, err)
	}
}
