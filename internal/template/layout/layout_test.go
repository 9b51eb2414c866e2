package layout_test

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"berth/internal/template"
	"berth/internal/template/layout"
)

func files(pairs ...string) layout.Files {
	f := layout.Files{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = []byte(pairs[i+1])
	}
	return f
}

func one(t *testing.T, f layout.Files) layout.Found {
	t.Helper()
	found, findings := layout.Read(f)
	if len(found) != 1 || template.HasErrors(findings) {
		t.Fatalf("found %d templates, %+v", len(found), findings)
	}
	return found[0]
}

func said(findings []template.Finding) (out []string) {
	for _, f := range findings {
		out = append(out, string(f.Level)+" "+f.Place()+": "+f.Text)
	}
	return out
}

func TestReadsALayoutWrittenByHand(t *testing.T) {
	got := one(t, files(
		"web/template.conf", `#!/bin/sh
# a comment
export TEMPLATE_APP="Web server"   # behind
TEMPLATE_DESCRIPTION='It'\''s
two lines'
TEMPLATE_TAGS="web;http"
TEMPLATE_CPU="${TEMPLATE_CPU:-2}"
TEMPLATE_RAM=${RAM:-"1024"}
DISK=20
TEMPLATE_DISK=$DISK
TEMPLATE_OS=alpine
TEMPLATE_VERSION=3.20
TEMPLATE_NESTING=1
TEMPLATE_UNPRIVILEGED=no
`,
		"web/container-configs/scripts/20-b.sh", "b\n",
		"web/container-configs/scripts/5-a.sh", "a",
		"web/container-configs/scripts/30-c.sh.disabled", "c\n",
		"web/container-configs/files/nginx.conf", "x {{domain}}",
		"web/container-configs/files/nginx.conf.path", "/etc/nginx/\n",
		"web/container-configs/files/nginx.conf.policy", "Backup\n",
		"web/container-configs/files/motd", "hi",
		"web/container-configs/files/motd.path", "/etc",
		"web/container-configs/packages/base.apt", "# the server\nnginx=1.22.*\n\ncurl # fetches\ncurl\n",
		"web/container-configs/packages/base.npm", "typescript@5\n",
		"web/container-configs/packages/tools.custom", "starship|command -v starship|curl -sS https://x | sh -s -- -y|600\n",
	))
	want := template.Content{Name: "Web server", Description: "It's\ntwo lines", Tags: []string{"web", "http"}, OS: "alpine-3.20-default", Cores: 2, Memory: 1024,
		Swap: 512, Disk: 20, Nesting: true,
		Scripts: []template.Script{{Name: "a", Number: 5, Body: "a\n"}, {Name: "b", Number: 20, Body: "b\n"}, {Name: "c", Number: 30, Body: "c\n", Disabled: true}},
		Files:   []template.File{{Path: "/etc/motd", Content: []byte("hi")}, {Path: "/etc/nginx/nginx.conf", Policy: template.Backup, Content: []byte("x {{domain}}")}},
		Lists: []template.PackageList{
			{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "nginx", Pin: "1.22.*", Note: "the server"},
				{Manager: template.Apt, Name: "curl", Note: "fetches"}, {Manager: template.Npm, Name: "typescript", Pin: "5"}}},
			{Name: "tools", Packages: []template.Package{{Manager: template.Custom, Name: "starship", Check: "command -v starship",
				Install: "curl -sS https://x | sh -s -- -y", Timeout: 600}}},
		}}
	if !reflect.DeepEqual(got.Content, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got.Content, want)
	}
	if s := said(got.Findings); len(s) != 1 || s[0] != "warning web/container-configs/packages/base.apt:5: curl stands in line 4 already; this line is left out." {
		t.Errorf("findings %q", s)
	}
}

func TestSaysWhatIsWrongAndWhere(t *testing.T) {
	found, findings := layout.Read(files(
		"a/template.conf", "TEMPLATE_APP=a\nrm -rf /\nTEMPLATE_CPU = 2\nTEMPLATE_RAM=$(free)\nTEMPLATE_DISK=many\nTEMPLATE_FUSE=maybe\nTEMPLATE_NMAE=x\nTEMPLATE_SWAP=1;reboot\nTEMPLATE_STORAGE=$STORE\n",
		"a/container-configs/scripts/setup.sh", "",
		"a/container-configs/files/x", "",
		"a/container-configs/files/y", "", "a/container-configs/files/y.path", "../etc",
		"a/container-configs/files/z", "", "a/container-configs/files/z.path", "/etc/", "a/container-configs/files/z.policy", "overwrite",
		"a/container-configs/packages/base.apt", "curl\n--force-yes\n",
		"a/container-configs/packages/base.gem", "rails\n",
		"b/template.conf", "TEMPLATE_APP=A\nTEMPLATE_RAM=8\nTEMPLATE_DESCRIPTION='open\n",
		"README.md", "hello",
		"__MACOSX/a/template.conf", "junk",
	))
	if len(found) != 2 {
		t.Fatalf("found %d", len(found))
	}
	got := append(said(findings), said(found[0].Findings)...)
	got = append(got, said(found[1].Findings)...)
	want := []string{
		"advice README.md: This file belongs to no template and is left out.",
		"error b/template.conf: “A” is the name of the template in a/template.conf too.",
		"error a/container-configs/files/x: It is not said where this file goes.",
		"error a/container-configs/files/y: The path has to begin with /.",
		"error a/container-configs/files/z: A policy is default, replace or backup.",
		"error a/container-configs/packages/base.apt:2: This is no package name for apt. Write it like nginx or nginx=1.22.*.",
		"warning a/container-configs/packages/base.gem: A package list ends in .apt, .apk, .dnf, .npm, .pip or .custom; this file is left out.",
		"warning a/container-configs/scripts/setup.sh: A script is named NN-name.sh; this file is left out.",
		"error a/template.conf:2: This line is no KEY=VALUE.",
		"error a/template.conf:3: There are spaces around the = of TEMPLATE_CPU.",
		"error a/template.conf:4: This value would have to be run to be known.",
		"error a/template.conf:5: TEMPLATE_DISK has to be a whole number.",
		"error a/template.conf:6: TEMPLATE_FUSE is 1 or 0.",
		"warning a/template.conf:7: TEMPLATE_NMAE is not known and is left out.",
		"error a/template.conf:8: A shell would take the ; of this line for a command.",
		"error a/template.conf:9: $STORE is not set above.",
		"error b/template.conf:2: Memory goes from 16 to 16777216 MiB.",
		"error b/template.conf:3: The ' of this line is never closed.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each line doubles the one before; a reader that follows them all has no memory left.
func TestValuesThatGrow(t *testing.T) {
	text := "A=aaaaaaaaaaaaaaaa\n" + strings.Repeat("A=$A$A\n", 60) + "TEMPLATE_APP=x\n"
	found, _ := layout.Read(files("x/template.conf", text))
	if len(found) != 1 || !template.HasErrors(found[0].Findings) || found[0].Content.Name != "x" {
		t.Errorf("got %+v", found)
	}
}

func TestTwoTemplatesWithAListOfOneName(t *testing.T) {
	found, _ := layout.Read(files(
		"a/template.conf", "", "a/container-configs/packages/base.apt", "curl\n",
		"b/template.conf", "", "b/container-configs/packages/base.apt", "git\n",
	))
	if len(found) != 2 || found[0].Content.Lists[0].Packages[0].Name != "curl" || found[1].Content.Lists[0].Packages[0].Name != "git" {
		t.Errorf("got %+v", found)
	}
}

func TestNothingToRead(t *testing.T) {
	found, findings := layout.Read(files("x/readme", ""))
	if len(found) != 0 || !template.HasErrors(findings) {
		t.Errorf("got %+v, %+v", found, findings)
	}
}

// content draws a valid content in the form that is stored.
func content(t *rapid.T) template.Content {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab Z9'\"$`\\;#=|{}é=-_.\t\n")), 0, 30, -1)
	oneLine := rapid.Custom(func(t *rapid.T) string {
		return strings.NewReplacer("\n", "", "\t", "").Replace(text.Draw(t, "text"))
	})
	slug := rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9._+-]{0,8}`)
	c := template.New()
	c.Name = "n" + oneLine.Draw(t, "name")
	c.Description = text.Draw(t, "description")
	c.Tags = rapid.SliceOfN(rapid.StringMatching(`[a-z0-9#'$"]{1,5}`), 0, 3).Draw(t, "tags")
	c.OS = rapid.OneOf(rapid.SampledFrom([]string{"debian-12-standard", "alpine-3.20-default", "alpine"}), rapid.StringMatching(`[a-z0-9][a-z0-9._+-]{0,12}`)).Draw(t, "os")
	c.Cores = rapid.IntRange(1, 8192).Draw(t, "cores")
	c.Memory = rapid.IntRange(16, 1<<20).Draw(t, "memory")
	c.Swap, c.Disk = rapid.IntRange(0, 4096).Draw(t, "swap"), rapid.IntRange(1, 4096).Draw(t, "disk")
	c.Storage, c.Bridge = rapid.SampledFrom([]string{"", "local-lvm"}).Draw(t, "storage"), rapid.SampledFrom([]string{"", "vmbr1"}).Draw(t, "bridge")
	for _, b := range []*bool{&c.Unprivileged, &c.Nesting, &c.Keyctl, &c.Fuse, &c.OnBoot} {
		*b = rapid.Bool().Draw(t, "bit")
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "inputs") {
		in := template.Input{Name: string(rune('a'+i)) + rapid.StringMatching(`[a-z0-9_]{0,6}`).Draw(t, "input"), Question: "q" + oneLine.Draw(t, "question"),
			Kind: rapid.SampledFrom(template.Kinds).Draw(t, "kind"), Optional: rapid.Bool().Draw(t, "optional")}
		switch in.Kind {
		case template.Choice:
			in.Choices = []string{"a b", "c$'"}
			in.Default = "c$'"
		case template.Text:
			in.Default, in.Check = rapid.SampledFrom([]string{"", "x y"}).Draw(t, "default"), rapid.SampledFrom([]string{"", `[a-z $']+\s?.*`}).Draw(t, "check")
		case template.Number:
			in.Check = "1..9"
		}
		c.Inputs = append(c.Inputs, in)
	}
	for _, name := range rapid.SliceOfNDistinct(slug, 0, 12, strings.ToLower).Draw(t, "scripts") {
		c.Scripts = append(c.Scripts, template.Script{Name: name, Body: text.Draw(t, "body"), About: oneLine.Draw(t, "about"), Disabled: rapid.Bool().Draw(t, "disabled"),
			Timeout: rapid.IntRange(0, 7200).Draw(t, "timeout"), Number: rapid.IntRange(0, 40).Draw(t, "number")})
	}
	target := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"", "/etc", "/etc/nginx conf.d", "/etc/é=;$'\""}).Draw(t, "dir") + "/" +
			rapid.OneOf(slug, rapid.SampledFrom([]string{".bashrc", "x.path", "x.policy", "x", "X", "a b", "a=b", "a_b", "template.conf", "ünï"})).Draw(t, "base")
	})
	for _, p := range rapid.SliceOfNDistinct(target, 0, 8, rapid.ID).Draw(t, "files") {
		c.Files = append(c.Files, template.File{Path: p, Content: rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "content"), Policy: rapid.SampledFrom(template.Policies).Draw(t, "policy"),
			Owner: rapid.SampledFrom([]string{"", "www-data", "0:0"}).Draw(t, "owner"), Mode: uint32(rapid.IntRange(0, 0o7777).Draw(t, "mode"))})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "lists") {
		l := template.PackageList{Name: string(rune('a'+i)) + rapid.StringMatching(`[a-zé .+_-]{0,5}[a-z]`).Draw(t, "list")}
		for j := range rapid.IntRange(0, 5).Draw(t, "packages") {
			m := rapid.SampledFrom(template.Managers).Draw(t, "manager")
			p := template.Package{Manager: m, Name: "p" + string(rune('a'+j)) + "-11-x", Note: oneLine.Draw(t, "note")}
			if m == template.Custom {
				p.Check, p.Install, p.Timeout = "command -v x", "curl x | sh # y", rapid.IntRange(0, 500).Draw(t, "custom")
			} else if rapid.Bool().Draw(t, "pinned") {
				p.Pin = "1.2"
			}
			l.Packages = append(l.Packages, p)
		}
		c.Lists = append(c.Lists, l)
	}
	c = c.Clean()
	if found := c.Check(); len(found) > 0 {
		t.Skipf("not valid: %+v", found)
	}
	return c
}

// unnumbered forgets the numbers that an export gives to scripts: the order is what counts.
func unnumbered(c template.Content) template.Content {
	c.Scripts = slices.Clone(c.Scripts)
	for i := range c.Scripts {
		c.Scripts[i].Number = 0
	}
	return c
}

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := content(t)
		written := layout.Write(c, "x")
		found, findings := layout.Read(written)
		if len(findings) > 0 || len(found) != 1 || len(found[0].Findings) > 0 {
			t.Fatalf("findings %+v, %+v", findings, found)
		}
		if got := unnumbered(found[0].Content); !reflect.DeepEqual(got, unnumbered(c)) {
			t.Fatalf("got\n%+v\nwant\n%+v", got, c)
		}
		again := layout.Write(found[0].Content, "x")
		if !maps.EqualFunc(written, again, bytes.Equal) {
			t.Fatalf("written again it is another:\n%s\n%s", written, again)
		}
	})
}

func TestFollowedListsAreWrittenAndNamed(t *testing.T) {
	c := template.New()
	c.Name = "a"
	c.Lists = []template.PackageList{{Name: "base", Bucket: "id", Packages: []template.Package{{Manager: template.Apt, Name: "curl"}}}, {Name: "empty"}}
	got := one(t, layout.Write(c, "a"))
	if !reflect.DeepEqual(got.Follow, []string{"base"}) || len(got.Content.Lists) != 2 || got.Content.Lists[0].Packages[0].Name != "curl" {
		t.Errorf("got %+v", got)
	}
}

func TestDirectoriesOfManyTemplates(t *testing.T) {
	var all []template.Content
	for _, name := range []string{"Web server", "web-server", "../../etc", "…", "."} {
		c := template.New()
		c.Name = name
		all = append(all, c)
	}
	got := layout.WriteAll(all).Paths()
	want := []string{"etc/template.conf", "template-2/template.conf", "template/template.conf", "web-server-2/template.conf", "web-server/template.conf"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// FuzzConf: no template.conf, however odd, stops the reading, and what was read without an error is written and read back.
func FuzzConf(f *testing.F) {
	for _, seed := range []string{"TEMPLATE_APP=a", "A='", "A=${B:-${C:-\"d\"}}", "A=\"\\$\\\n\"", "export A=1 # x", "=\n=", "A=$", "A=\\", "A=\"\\", "A=${B:-\\", "TEMPLATE_INPUTS=a;b\nTEMPLATE_INPUT_A_KIND=choice"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		readWriteRead(t, layout.Files{"x/template.conf": data})
	})
}

// FuzzRead does it with a whole layout: the paths are the lines of one text, the content of all files another.
func FuzzRead(f *testing.F) {
	f.Add("x/template.conf\nx/container-configs/files/a\nx/container-configs/files/a.path", []byte("/etc"))
	f.Add("template.conf\ncontainer-configs/packages/base.custom\ncontainer-configs/scripts/10-a.sh", []byte("a|b|c|1"))
	f.Fuzz(func(t *testing.T, paths string, data []byte) {
		all := layout.Files{}
		for p := range strings.Lines(paths) {
			if p = strings.TrimSpace(p); p != "" {
				all[p] = data
			}
		}
		readWriteRead(t, all)
	})
}

func readWriteRead(t *testing.T, all layout.Files) {
	found, _ := layout.Read(all)
	for _, x := range found {
		if template.HasErrors(x.Findings) {
			continue
		}
		again, findings := layout.Read(layout.Write(x.Content, "x"))
		if len(again) != 1 || template.HasErrors(findings) || template.HasErrors(again[0].Findings) {
			t.Fatalf("what was read cannot be read again: %+v\n%+v\n%+v", x.Content, findings, again)
		}
		if !reflect.DeepEqual(unnumbered(again[0].Content), unnumbered(x.Content)) {
			t.Fatalf("got\n%+v\nwant\n%+v", again[0].Content, x.Content)
		}
	}
}
