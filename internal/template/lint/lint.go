// Package lint reads templates as somebody would who has seen many fail:
// inputs that nothing sets, prompts that nobody answers, secrets in clear,
// downloads that run unseen. Shell is parsed, never run.
package lint

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"berth/internal/template"
	"berth/internal/template/layout"
)

// Content says what is wrong and what looks wrong with a content, each finding
// with its place in the form. Errors of the rules that a content has to keep
// come along; a content without errors can be saved.
func Content(c template.Content) []template.Finding {
	l := &linter{c: refilled(c)}
	l.findings = c.Clean().Check()
	l.run()
	template.Sort(l.findings)
	return l.findings
}

// refilled is the clean content with the packages of followed buckets kept, so that they are looked at too.
func refilled(c template.Content) template.Content {
	packages := map[template.BucketID][]template.Package{}
	for _, l := range c.Lists {
		if l.Linked() {
			packages[l.Bucket] = l.Packages
		}
	}
	c = c.Clean()
	for i, l := range c.Lists {
		if l.Linked() {
			c.Lists[i].Packages = packages[l.Bucket]
		}
	}
	return c
}

// Found does the same for a template that was read from a layout, with file and line.
func Found(f layout.Found) []template.Finding {
	l := &linter{c: f.Content}
	l.run()
	out := append([]template.Finding(nil), f.Findings...)
	for _, x := range l.findings {
		x.File = f.File(x.Field)
		if path.Base(x.File) == "template.conf" {
			x.Line = 0 // it counted the lines of one value
		}
		out = append(out, x)
	}
	template.Sort(out)
	return out
}

// maxSteps is how many nodes are looked at within others, which is more than once for nested ones.
const maxSteps = 2_000_000

type linter struct {
	c        template.Content
	findings []template.Finding
	used     map[string]bool // inputs that something uses
	steps    int             // how many nodes were looked into
	dropped  bool            // there were more findings than are told
}

// step counts one look into a node; false once there were too many.
func (l *linter) step() bool {
	l.steps++
	return l.steps <= maxSteps
}

// maxFindings is how many warnings and pieces of advice are told of one content; nobody reads more.
const maxFindings = 1000

func (l *linter) add(level template.Level, rule, field string, line int, text, remedy string) {
	if level != template.Error && len(l.findings) >= maxFindings {
		l.dropped = true
		return
	}
	l.findings = append(l.findings, template.Finding{Level: level, Rule: rule, Field: field, Line: line, Text: text, Remedy: remedy})
}

func (l *linter) run() {
	l.used = map[string]bool{}
	for i, s := range l.c.Scripts {
		field := fmt.Sprintf("scripts[%d].body", i)
		l.hidden(template.Error, field, s.Body)
		if !s.Disabled {
			l.script(field, s.Body)
		}
	}
	for i, f := range l.c.Files {
		l.file(fmt.Sprintf("files[%d]", i), f)
	}
	l.packages()
	l.unused()
	l.make()
	if l.steps > maxSteps {
		l.add(template.Warning, "deep", "scripts", 0, "So much lies within other commands here that Berth did not look through all of it.", "Write shorter pipes.")
	}
	if l.dropped {
		l.findings = append(l.findings, template.Finding{Level: template.Warning, Rule: "more", Field: "scripts",
			Text: fmt.Sprintf("There is more than the %d things that are told here.", maxFindings), Remedy: "Put these right, and look again."})
	}
}

// hidden finds characters that make text look other than it is: at most one of each
// kind a line, and twenty of each. Neither kind hides the other.
func (l *linter) hidden(level template.Level, field, text string) {
	l.odd(text, template.Invisible, func(line int, r rune) {
		l.add(level, "invisible", field, line, fmt.Sprintf("There is an invisible character here (U+%04X): what runs is not what is read.", r), "Remove it.")
	})
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\t' && !template.Invisible(r) }
	l.odd(text, control, func(line int, r rune) {
		l.add(template.Warning, "control", field, line, fmt.Sprintf("There is a control character here (U+%04X).", r), "Write it as an escape, such as \\033, or remove it.")
	})
}

// odd tells of the first odd character of each line, of twenty lines.
func (l *linter) odd(text string, odd func(rune) bool, tell func(line int, r rune)) {
	n := 0
	for i, line := range strings.Split(text, "\n") {
		at := strings.IndexFunc(line, odd)
		if at < 0 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(line[at:])
		tell(i+1, r)
		if n++; n == 20 {
			return
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{\{([a-z][a-z0-9_]{0,39})\}\}`)
	privateKey  = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)
	urlPassword = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/\s:@"'${}]+:[^/\s:@"'${}]+@`)
	secretLine  = regexp.MustCompile(`(?i)^\s*[a-z_.-]*(password|passwd|secret|token|api[_-]?key)\s*[:=]\s*["']?([^\s"'{}$<>%#]{6,})["']?\s*$`)
)

func (l *linter) file(at string, f template.File) {
	if !utf8.Valid(f.Content) || strings.ContainsRune(string(f.Content), 0) {
		return
	}
	text := string(f.Content)
	l.hidden(template.Warning, at+".content", text)
	for i, line := range strings.Split(text, "\n") {
		for _, m := range placeholder.FindAllStringSubmatch(line, -1) {
			if l.declared(m[1]) {
				l.used[m[1]] = true
				continue
			}
			l.add(template.Warning, "input", at+".content", i+1, "There is no input “"+m[1]+"”, so "+m[0]+" stays as it is.", "Add the input, or write the text otherwise.")
		}
		if privateKey.MatchString(line) || urlPassword.MatchString(line) || secretLine.MatchString(line) {
			l.secret(at+".content", i+1)
		}
	}
	l.fileOfPackage(at, f)
}

func (l *linter) secret(field string, line int) {
	l.add(template.Warning, "secret", field, line, "A secret stands here in clear; everybody who may read the template has it.", "Ask for it with an input of kind secret, or let a script make it with generate_password.")
}

func (l *linter) declared(name string) bool {
	for _, in := range l.c.Inputs {
		if in.Name == name {
			return true
		}
	}
	return false
}

func (l *linter) unused() {
	for i, in := range l.c.Inputs {
		if !l.used[in.Name] {
			l.add(template.Advice, "input", fmt.Sprintf("inputs[%d].name", i), 0, "No script and no file uses the input “"+in.Name+"”.", "Use it as $"+in.Env()+" or "+in.Placeholder()+", or take it out.")
		}
	}
}

// fileOfPackage finds files that a package of the template brings as well.
func (l *linter) fileOfPackage(at string, f template.File) {
	for _, list := range l.c.Lists {
		for _, p := range list.Packages {
			if p.Manager != template.Apt && p.Manager != template.Apk && p.Manager != template.Dnf {
				continue
			}
			name, _, _ := strings.Cut(p.Name, ":")
			switch f.Path {
			case "/usr/bin/" + name, "/usr/sbin/" + name, "/bin/" + name, "/sbin/" + name, "/lib/systemd/system/" + name + ".service", "/usr/lib/systemd/system/" + name + ".service":
				l.add(template.Warning, "clash", at+".path", 0, "The package "+p.Name+" brings "+f.Path+" too, and replaces this file.", "Put a changed unit into /etc/systemd/system, a program into /usr/local/bin.")
				return
			case "/etc/" + name + ".conf", "/etc/default/" + name, "/etc/" + name + "/" + name + ".conf":
				if f.Does() == template.Replace {
					continue
				}
				l.add(template.Advice, "clash", at+".policy", 0, "Files are written before packages, so "+p.Name+" finds this one there and keeps it.", "If it shall be based on the package's own, change that in a script.")
				return
			}
		}
	}
}

func (l *linter) packages() {
	type place struct {
		list string
		spec string
	}
	seen := map[string]place{}
	for i, list := range l.c.Lists {
		for j, p := range list.Packages {
			at := fmt.Sprintf("lists[%d].packages[%d]", i, j)
			if first, ok := seen[p.Key()]; ok && first.list != list.Name && first.spec != p.Line() {
				l.add(template.Warning, "clash", at, 0, fmt.Sprintf("“%s” wants %s, and “%s” wants %s.", list.Name, p.Line(), first.list, first.spec), "Ask for one of them only.")
			}
			if _, ok := seen[p.Key()]; !ok {
				seen[p.Key()] = place{list.Name, p.Line()}
			}
			l.fits(at, p)
			if p.Manager == template.Custom {
				l.command(at, p)
			}
		}
	}
}

// family is which system manager an OS template has.
func family(os string) template.Manager {
	name, _, _ := strings.Cut(os, "-")
	switch name {
	case "debian", "ubuntu", "devuan", "turnkey", "proxmox":
		return template.Apt
	case "alpine":
		return template.Apk
	case "fedora", "centos", "almalinux", "rockylinux", "openeuler":
		return template.Dnf
	}
	return ""
}

func (l *linter) fits(at string, p template.Package) {
	has := family(l.c.OS)
	system := p.Manager == template.Apt || p.Manager == template.Apk || p.Manager == template.Dnf
	if has != "" && system && p.Manager != has {
		l.add(template.Warning, "manager", at, 0, fmt.Sprintf("%s has %s, not %s.", l.c.OS, has, p.Manager), "Take the package to the list of "+string(has)+".")
	}
}

// make looks at the container itself.
func (l *linter) make() {
	docker := false
	for _, list := range l.c.Lists {
		for _, p := range list.Packages {
			docker = docker || p.Name == "docker.io" || p.Name == "docker-ce" || p.Name == "docker" || p.Name == "podman"
		}
	}
	if !docker {
		return
	}
	if !l.c.Nesting {
		l.add(template.Warning, "docker", "nesting", 0, "Docker needs nesting to start containers in a container.", "Switch nesting on.")
	}
	if l.c.Unprivileged && !l.c.Keyctl {
		l.add(template.Advice, "docker", "keyctl", 0, "In an unprivileged container Docker wants keyctl; Proxmox lets only root@pam switch it on.", "Switch keyctl on, or have root@pam do it after creation.")
	}
}

func levelOf(sure bool) template.Level {
	if sure {
		return template.Warning
	}
	return template.Advice
}
