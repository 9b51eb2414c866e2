package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"berth/internal/template"
	"berth/internal/template/layout"
	"berth/internal/template/lint"
)

func said(findings []template.Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, fmt.Sprintf("%s %s %s:%d", f.Level, f.Rule, f.Field, f.Line))
	}
	return strings.Join(out, "\n")
}

func valid() template.Content {
	c := template.New()
	c.Name = "x"
	return c
}

func TestScripts(t *testing.T) {
	const head = "#!/bin/bash\nset -euo pipefail\n"
	for name, c := range map[string]struct{ body, want string }{
		"a good one":         {head + "apt-get install -y nginx\necho \"$INPUT_DOMAIN\"\n", ""},
		"no shebang":         {"set -e\necho\n", "warning shebang :1"},
		"another language":   {"#!/usr/bin/python3\nimport os\n", "warning shebang :1"},
		"sh":                 {"#!/bin/sh\nset -e\n", ""},
		"no set -e":          {"#!/bin/bash\necho a\nif true; then set -e; fi\n", "warning set-e :1"},
		"set -o errexit":     {"#!/bin/bash\nset -u -o errexit\n", ""},
		"bash -e":            {"#!/bin/bash -eu\n:\n", ""},
		"set -o pipefail":    {"#!/bin/bash\nset -o pipefail\n", "warning set-e :1"},
		"empty":              {"\n", "advice empty :0"},
		"syntax":             {head + "if true; then\n", "error syntax :3"},
		"a strange quote":    {head + "echo 'a\n", "error syntax :3"},
		"unset input":        {head + "echo $INPUT_NONE ${INPUT_NONE:-x} ${INPUT_NONE-}\n", "warning input :3"},
		"own variable":       {head + "INPUT_X=1\necho $INPUT_X\n", ""},
		"read":               {head + "read -r name\n", "warning prompt :3"},
		"read in a loop":     {head + "while read -r l; do echo; done < /etc/passwd\necho a | while read -r l; do :; done\nread -r a <<< b\nread -t 5 x || true\n", ""},
		"select":             {head + "select x in a b; do echo; done\n", "warning prompt :3"},
		"apt without -y":     {head + "apt-get update\napt-get install nginx\nsudo apt install curl\n", "warning prompt :4\nwarning prompt :5"},
		"apt with -qy":       {head + "DEBIAN_FRONTEND=noninteractive apt-get -qy install nginx\napt-get install --yes x\n", ""},
		"answered by a pipe": {head + "yes | apt-get install nginx\n", ""},
		"adduser":            {head + "adduser bob\nadduser --disabled-password --gecos '' bob\n", "warning prompt :3"},
		"passwd":             {head + "passwd root\npasswd -l root\n", "warning prompt :3"},
		"ssh-keygen":         {head + "ssh-keygen -t ed25519\nssh-keygen -A\n", "warning prompt :3"},
		"secret":             {head + "DB_PASSWORD='hunter2!'\nexport API_KEY=abcdef123\nPASSWORD=$(generate_password)\nPASSWORD_FILE=/etc/x\nTOKEN=\nTOKEN_URL=https://x\nTOKEN=$INPUT_TOKEN\n", "warning secret :3\nwarning secret :4\nwarning input :9"},
		"curl to sh":         {head + "curl -fsSL https://get.example.org | sh\nwget -qO- https://example.org/x | sudo bash -s -- -y\n", "warning download :3\nwarning download :4"},
		"other ways":         {head + "bash <(curl -s https://x)\nbash -c \"$(curl -s https://x)\"\neval \"$(wget -O- https://x)\"\nsource <(curl -s https://x)\n", "warning download :3\nwarning download :4\nwarning download :5\nwarning download :6"},
		"pinned":             {head + "curl -s https://raw.example.org/nvm/v0.40.1/install.sh | bash\n", "advice download :3"},
		"only saved":         {head + "curl -o /tmp/x https://x\nsha256sum -c sums\nbash /tmp/x\n", ""},
		"invisible":          {head + "echo a\u202eb\n# \u200bx\n", "error invisible :3\nerror invisible :4"},
		"a control":          {head + "echo '\x1b[0m'\n", "warning control :3"},
		"the node's":         {head + "echo 1 > /proc/sys/net/ipv4/ip_forward\nmodprobe x\npct list\necho > /dev/null\n", "warning outside :3\nwarning outside :4\nwarning outside :5"},
	} {
		t.Run(name, func(t *testing.T) {
			content := valid()
			content.Inputs = []template.Input{{Name: "domain", Question: "?", Kind: template.Text}}
			content.Scripts = []template.Script{{Name: "s", Body: c.body}, {Name: "uses", Body: head + "echo $INPUT_DOMAIN\n"}}
			got := strings.ReplaceAll(said(lint.Content(content)), " scripts[0].body", " ")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestTheRest(t *testing.T) {
	const head = "#!/bin/bash\nset -e\n"
	for name, c := range map[string]struct {
		change func(c *template.Content)
		want   string
	}{
		"nothing": {func(c *template.Content) {}, ""},
		"inputs in files": {func(c *template.Content) {
			c.Inputs = []template.Input{{Name: "a", Question: "?", Kind: template.Text}, {Name: "b", Question: "?", Kind: template.Text}}
			c.Files = []template.File{{Path: "/x", Content: []byte("{{a}}\n{{c}} {{ d }}\n")}}
		}, "warning input files[0].content:2\nadvice input inputs[1].name:0"},
		"secrets in files": {func(c *template.Content) {
			c.Files = []template.File{{Path: "/x", Content: []byte("password = hunter2!\npassword = {{a}}\nurl=postgres://u:p@h/x\n-----BEGIN RSA PRIVATE KEY-----\n# password: yes\n")},
				{Path: "/y", Content: []byte{0, 1, 2}}}
			c.Inputs = []template.Input{{Name: "a", Question: "?", Kind: template.Secret}}
		}, "warning secret files[0].content:1\nwarning secret files[0].content:3\nwarning secret files[0].content:4"},
		"clashes": {func(c *template.Content) {
			c.Files = []template.File{{Path: "/etc/nginx/nginx.conf"}, {Path: "/usr/sbin/nginx"}, {Path: "/etc/redis/redis.conf", Policy: template.Replace}}
			c.Lists = []template.PackageList{{Name: "a", Packages: []template.Package{{Manager: template.Apt, Name: "nginx"}, {Manager: template.Apt, Name: "redis"}}},
				{Name: "b", Packages: []template.Package{{Manager: template.Apt, Name: "nginx", Pin: "1"}, {Manager: template.Apk, Name: "curl"}}}}
		}, "advice clash files[0].policy:0\nwarning clash files[2].path:0\nwarning clash lists[1].packages[0]:0\nwarning manager lists[1].packages[1]:0"},
		"docker": {func(c *template.Content) {
			c.Lists = []template.PackageList{{Name: "a", Bucket: "x", Packages: []template.Package{{Manager: template.Apt, Name: "docker.io"}}}}
		}, "advice docker keyctl:0\nwarning docker nesting:0"},
		"custom packages": {func(c *template.Content) {
			c.Lists = []template.PackageList{{Name: "a", Packages: []template.Package{{Manager: template.Custom, Name: "x", Check: "command -v x", Install: "curl https://x | sh"},
				{Manager: template.Custom, Name: "y", Install: "if"}}}}
		}, "warning download lists[0].packages[0]:0\nerror syntax lists[0].packages[1]:0"},
		"a script that is off": {func(c *template.Content) {
			c.Scripts = []template.Script{{Name: "a", Body: "curl x | sh", Disabled: true}, {Name: "b", Body: head}}
		}, ""},
		"what is refused": {func(c *template.Content) { c.Name = "" }, "error name name:0"},
	} {
		t.Run(name, func(t *testing.T) {
			content := valid()
			c.change(&content)
			if got := said(lint.Content(content)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestFindingsOfALayoutHaveFileAndLine(t *testing.T) {
	found, _ := layout.Read(layout.Files{
		"web/template.conf":                        []byte("TEMPLATE_APP=web\nTEMPLATE_CPU=0\n"),
		"web/container-configs/scripts/10-a.sh":    []byte("#!/bin/bash\nset -e\nread x\n"),
		"web/container-configs/packages/b.custom":  []byte("x||curl https://x | sh\n"),
		"web/container-configs/files/c":            []byte("{{none}}"),
		"web/container-configs/files/c.path":       []byte("/etc"),
		"web/container-configs/scripts/20-b.sh":    []byte("echo '\n"),
		"web/container-configs/files/c.policy":     []byte("replace"),
		"web/container-configs/scripts/readme.txt": nil,
	})
	var got []string
	for _, f := range lint.Found(found[0]) {
		got = append(got, string(f.Level)+" "+f.Place()+" "+f.Rule)
	}
	want := []string{"warning web/container-configs/files/c:1 input", "warning web/container-configs/packages/b.custom download",
		"warning web/container-configs/scripts/10-a.sh:3 prompt", "error web/container-configs/scripts/20-b.sh:1 syntax",
		"warning web/container-configs/scripts/20-b.sh:1 shebang", "warning web/container-configs/scripts/readme.txt stray", "error web/template.conf:2 cores"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// Every finding says what is wrong in a sentence; hardly any without a remedy.
func TestFindingsAreSentences(t *testing.T) {
	c := valid()
	c.Scripts = []template.Script{{Name: "s", Body: "read x\ncurl x | sh\nPASSWORD=hunter22\napt install x\npct list\n"}}
	for _, f := range lint.Content(c) {
		if !strings.HasSuffix(f.Text, ".") || !strings.HasSuffix(f.Remedy, ".") || strings.Contains(f.Text, "hunter22") {
			t.Errorf("%+v", f)
		}
	}
}

// A stack that overflows would end Berth for everybody. Each of these nests as
// deep as a script's size allows, and as deep as is still parsed.
func TestDeepScriptsEndNothing(t *testing.T) {
	for _, part := range []string{"$(", "(", "{ ", "if ", "`", "${a:-", "$((", "((", "\"$(", "<(", "while ", "a() ", "a&&", "a|", "sh|", "${a[", "coproc ", "a[", "$[",
		"if a; then ", "case a in a) ", "\"${a:-\"${b:-", "for a in b; do ", "! ", "time ", "let a=", "[[ ! ", "bash -c \"$(", "a;", "curl x|sh;"} {
		for _, n := range []int{template.MaxScript/len(part) - 50, maxDeep / (1 + strings.Count(part, "(") + strings.Count(part, "[") + strings.Count(part, "{"))} {
			for _, in := range []string{"", "echo $((", "[[ "} {
				c := valid()
				c.Scripts = []template.Script{{Name: "s", Body: "#!/bin/bash\nset -e\n" + in + strings.Repeat(part, min(n, template.MaxScript/len(part)-50))}}
				lint.Content(c)
			}
		}
	}
	c := valid()
	c.Lists = []template.PackageList{{Name: "a", Packages: []template.Package{{Manager: template.Custom, Name: "x", Install: strings.Repeat("((", 1<<20)}}}}
	lint.Content(c)
	c.Scripts = []template.Script{{Name: "s", Body: "#!/bin/bash\nset -e\n" + strings.Repeat("(", maxDeep+1)}}
	if got := said(lint.Content(c)); !strings.Contains(got, "advice intricate scripts[0].body:0") {
		t.Errorf("got %s", got)
	}
}

// maxDeep is how many brackets are still parsed.
const maxDeep = 4000

func FuzzContent(f *testing.F) {
	f.Add("#!/bin/bash\nread x | sh <(curl x) ${INPUT_A} $(select x in a; do :; done)")
	f.Fuzz(func(t *testing.T, body string) {
		c := valid()
		c.Scripts = []template.Script{{Name: "s", Body: body}}
		c.Lists = []template.PackageList{{Name: "a", Packages: []template.Package{{Manager: template.Custom, Name: "x", Install: body}}}}
		lint.Content(c)
	})
}
