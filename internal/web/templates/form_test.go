package templates

import (
	"reflect"
	"strings"
	"testing"

	"berth/internal/template"
	"berth/internal/web/kit"
)

// rich has one of everything that a form can hold.
func rich() template.Content {
	c := template.New()
	c.Name, c.Description, c.Tags, c.Storage, c.Bridge = "Web", "Two\n\nparagraphs", []string{"web", "prod"}, "local-lvm", "vmbr1"
	c.Nesting, c.Keyctl, c.Fuse, c.OnBoot = true, true, true, true
	c.Inputs = []template.Input{{Name: "domain", Question: "Which name?", Kind: template.Text, Default: "example.org", Check: "[a-z.]+"},
		{Name: "size", Question: "How large?", Kind: template.Choice, Choices: []string{"small", "large"}, Optional: true}}
	c.Scripts = []template.Script{{Name: "setup", Number: 10, About: "Sets it up", Body: "#!/bin/bash\nset -e\n", Timeout: 60}, {Name: "off", Body: "\n\necho\n", Disabled: true}}
	c.Files = []template.File{{Path: "/etc/motd", Content: []byte("\nhello\n")}, {Path: "/etc/win.ini", Content: []byte("a\r\nb\r\n"), Owner: "www-data:www-data", Mode: 0o640, Policy: template.Backup},
		{Path: "/opt/x", Content: []byte{0, 1, 2}, Policy: template.Replace}}
	c.Lists = []template.PackageList{{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "nginx", Pin: "1.22.*", Note: "the server"}, {Manager: template.Pip, Name: "httpie"}}},
		{Name: "tools", Bucket: "b1"}}
	return c.Clean()
}

// sent is what a browser sends of a form: text fields with CRLF.
func sent(f form, known map[string][]byte) typed {
	v := editView{form: f, known: known}
	var all []kit.FormValue
	put := func(name, value string) {
		all = append(all, kit.FormValue{Name: name, Value: strings.ReplaceAll(value, "\n", "\r\n")})
	}
	on := func(name string, is bool) {
		if is {
			put(name, "on")
		}
	}
	put("name", f.Name)
	put("description", f.Description)
	for name, value := range map[string]string{"tags": f.Tags, "os": f.OS, "cores": f.Cores, "memory": f.Memory, "swap": f.Swap, "disk": f.Disk, "storage": f.Storage, "bridge": f.Bridge} {
		put(name, value)
	}
	for name, is := range map[string]bool{"unprivileged": f.Unprivileged, "nesting": f.Nesting, "keyctl": f.Keyctl, "fuse": f.Fuse, "onboot": f.OnBoot} {
		on(name, is)
	}
	for _, r := range f.Inputs {
		put("inputs", r.Key)
		at := "inputs." + r.Key + "."
		for name, value := range map[string]string{"name": r.Name, "question": r.Question, "kind": r.Kind, "default": r.Default, "choices": r.Choices, "check": r.Check} {
			put(at+name, value)
		}
		on(at+"optional", r.Optional)
	}
	for _, r := range f.Scripts {
		put("scripts", r.Key)
		at := "scripts." + r.Key + "."
		for name, value := range map[string]string{"name": r.Name, "number": r.Number, "about": r.About, "body": r.Body, "timeout": r.Timeout} {
			put(at+name, value)
		}
		on(at+"enabled", r.Enabled)
	}
	for _, r := range f.Files {
		put("files", r.Key)
		at := "files." + r.Key + "."
		for name, value := range map[string]string{"path": r.Path, "owner": r.Owner, "mode": r.Mode, "policy": r.Policy} {
			put(at+name, value)
		}
		switch {
		case r.text():
			put(at+"text", strings.ReplaceAll(string(r.Content), "\r\n", "\n"))
			on(at+"crlf", r.crlf())
		case v.same(r) != "":
			put(at+"same", v.same(r))
		default:
			put(at+"data", v.carried(r))
		}
	}
	for _, r := range f.Lists {
		put("lists", r.Key)
		put("lists."+r.Key+".name", r.Name)
		put("lists."+r.Key+".bucket", r.Bucket)
		for m, text := range r.Text {
			put("lists."+r.Key+"."+string(m), text)
		}
	}
	return sorted(all, nil)
}

// What a form shows and a browser sends back is what it was filled from.
func TestAFormGivesBackWhatItWasFilledFrom(t *testing.T) {
	for name, known := range map[string]map[string][]byte{"carried": nil, "named": contentsOf(rich())} {
		t.Run(name, func(t *testing.T) {
			f := sent(formOf(rich(), 7), known).form(known)
			f.arrange()
			got, reading := f.content()
			if len(reading.wrong) > 0 {
				t.Fatalf("wrong: %v", reading.wrong)
			}
			// Numbers are an import's own and stay; all else is told by the difference.
			if d := template.Compare(rich(), got); !d.Empty() || !reflect.DeepEqual(rich().Scripts, got.Scripts) {
				t.Errorf("differs: %+v", d)
			}
			if !reflect.DeepEqual(rich().Files, got.Files) {
				t.Errorf("files:\n%+v\n%+v", rich().Files, got.Files)
			}
		})
	}
}

func TestWhatCannotBeReadIsToldByPlace(t *testing.T) {
	f := formOf(rich(), 1)
	f.Cores, f.Memory = "many", ""
	f.Scripts[0].Timeout = "soon"
	f.Files[0].Mode, f.Files[1].Mode = "rw-r--r--", "0000"
	f.Lists[0].Text[template.Apt] = "# fine\nnginx\n;rm -rf\n"
	f.arrange()
	_, reading := f.content()
	for _, place := range []string{"cores", "memory", "scripts[0].timeout", "files[0].mode", "files[1].mode", "lists[0].apt"} {
		if reading.wrong[place] == "" {
			t.Errorf("nothing is said of %s: %v", place, reading.wrong)
		}
	}
	if !strings.HasPrefix(reading.wrong["lists[0].apt"], "Line 3: ") {
		t.Errorf("without its line: %s", reading.wrong["lists[0].apt"])
	}
	f.Lists[0].Text[template.Apt] = "nginx\n\nnginx=1\n"
	c, reading := f.content()
	if got := reading.place(fieldsOf(template.Refusal(c.Check())))["lists[0].apt"]; !strings.HasPrefix(got, "Line 3: ") {
		t.Errorf("a package that is there twice: %q", got)
	}
}

func TestRowsAreMovedByTheirKeys(t *testing.T) {
	names := func(f form) (out string) {
		for _, s := range f.Scripts {
			out += s.Name + " "
		}
		return out
	}
	for do, want := range map[string]string{
		"up:scripts:1": "off setup ", "down:scripts:0": "off setup ", "up:scripts:0": "setup off ", "down:scripts:1": "setup off ",
		"remove:scripts:0": "off ", "remove:scripts:9": "setup off ", "remove:files:0": "setup off ", "add:scripts": "setup off  ", "nonsense": "setup off ", "up": "setup off ", "remove::": "setup off ",
	} {
		f := formOf(rich(), 1)
		f.change(do)
		if got := names(f); got != want {
			t.Errorf("%s: %q, want %q", do, got, want)
		}
	}
}

func TestHostileKeysAreNoRows(t *testing.T) {
	f := sorted([]kit.FormValue{{Name: "scripts", Value: strings.Repeat("x", 21)}, {Name: "scripts", Value: "a"}, {Name: "scripts", Value: "a"}, {Name: "scripts", Value: ""}}, nil).form(nil)
	if len(f.Scripts) != 1 {
		t.Errorf("%d rows", len(f.Scripts))
	}
}
