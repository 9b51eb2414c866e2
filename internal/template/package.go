package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Manager is what installs a package.
type Manager string

const (
	Apt    Manager = "apt"
	Apk    Manager = "apk"
	Dnf    Manager = "dnf"
	Npm    Manager = "npm"
	Pip    Manager = "pip"
	Custom Manager = "custom"
)

// Managers are all of them, in the order in which they run.
var Managers = []Manager{Apt, Apk, Dnf, Npm, Pip, Custom}

// Package is one thing to install.
type Package struct {
	Manager Manager `json:"manager"`
	Name    string  `json:"name"`
	Pin     string  `json:"pin,omitempty"`  // a version as the manager writes it; not of custom ones
	Note    string  `json:"note,omitempty"` // the comment above or behind it, one line

	// Of custom ones: Check exits with 0 when it is installed already; both run with bash as root.
	Check   string `json:"check,omitempty"`
	Install string `json:"install,omitempty"`
	Timeout int    `json:"timeout,omitempty"` // seconds; 0: DefaultPackageTimeout
}

// Key is what makes two packages the same one: manager and name.
func (p Package) Key() string {
	key := string(p.Manager) + " " + strings.ToLower(p.Name)
	// dnf has no sign between name and version: gcc-toolset-12 and gcc-toolset-13 are two names.
	if p.Manager == Dnf && p.Pin != "" && !strings.ContainsAny(p.Pin, ".-") {
		key += "-" + p.Pin
	}
	return key
}

// Spec is the package as its manager's command line takes it, such as "nginx=1.22.*".
func (p Package) Spec() string {
	if p.Pin == "" {
		return p.Name
	}
	return p.Name + grammars[p.Manager].sign + p.Pin
}

type grammar struct {
	sign      string
	name, pin *regexp.Regexp
	example   string
}

// None of these begins with a hyphen, so that no name is ever taken for an option.
var grammars = map[Manager]grammar{
	Apt: {"=", regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?$`), regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9.+:~*-]*$`), "nginx or nginx=1.22.*"},
	Apk: {"=", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`), regexp.MustCompile(`^[A-Za-z0-9~][A-Za-z0-9._+~-]*$`), "nginx or nginx=1.26.2-r0"},
	Dnf: {"-", regexp.MustCompile(`^@?[A-Za-z0-9][A-Za-z0-9+._-]*$`), regexp.MustCompile(`^[0-9][A-Za-z0-9.+:~^_]*(-[0-9][A-Za-z0-9.+~^_]*)?$`), "nginx or nginx-1.26"},
	Npm: {"@", regexp.MustCompile(`^(@[a-z0-9~][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*$`), regexp.MustCompile(`^[A-Za-z0-9^~*][A-Za-z0-9.^~*+-]*$`), "typescript or typescript@5"},
	Pip: {"==", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._ -]+\])?$`), regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.*+!_-]*$`), "httpie or httpie==3.2.4"},
}

const maxPackageName = 200

// ParsePackage reads one line of a package list, without its comment. wrong is
// a sentence; empty when the line is fine.
func ParsePackage(m Manager, text string) (p Package, wrong string) {
	text = strings.TrimSpace(text)
	if m == Custom {
		return parseCustom(text)
	}
	g, ok := grammars[m]
	if !ok {
		return p, "There is no package manager of this name."
	}
	p = Package{Manager: m}
	p.Name, p.Pin = splitPin(m, g, text)
	return p, p.Problem()
}

func splitPin(m Manager, g grammar, text string) (name, pin string) {
	switch m {
	case Dnf:
		// The name ends at the first hyphen behind which the rest is a version with at most a release.
		for i, r := range text {
			if r == '-' && i > 0 && g.pin.MatchString(text[i+1:]) {
				return text[:i], text[i+1:]
			}
		}
		return text, ""
	case Npm:
		if i := strings.LastIndex(text, "@"); i > 0 {
			return text[:i], text[i+1:]
		}
		return text, ""
	}
	name, pin, _ = strings.Cut(text, g.sign)
	return strings.TrimSpace(name), strings.TrimSpace(pin)
}

// parseCustom reads name|check|install[|seconds]. Commands may use | themselves
// only in their install part, where the last field is seconds when it is a number.
func parseCustom(text string) (p Package, wrong string) {
	p.Manager = Custom
	fields := strings.Split(text, "|")
	if len(fields) < 3 {
		return p, "A custom package is name|check command|install command, with |seconds behind it if it may take longer than 300."
	}
	if last := strings.TrimSpace(fields[len(fields)-1]); len(fields) > 3 {
		if n, err := strconv.Atoi(last); err == nil {
			p.Timeout = n
			fields = fields[:len(fields)-1]
			if n == DefaultPackageTimeout {
				p.Timeout = 0
			}
		}
	}
	p.Name, p.Check = strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1])
	p.Install = strings.TrimSpace(strings.Join(fields[2:], "|"))
	return p, p.Problem()
}

// Problem says what is wrong with the package; empty when nothing is.
func (p Package) Problem() string {
	if p.Note != "" {
		if wrong := line("A comment", p.Note, MaxAbout); wrong != "" {
			return wrong
		}
	}
	if p.Manager == Custom {
		return p.customProblem()
	}
	g, ok := grammars[p.Manager]
	switch {
	case !ok:
		return "There is no package manager of this name."
	case p.Check != "" || p.Install != "" || p.Timeout != 0:
		return "Only a custom package has commands and a time-out."
	case p.Name == "":
		return "Enter a package's name."
	case len(p.Name) > maxPackageName || !g.name.MatchString(p.Name):
		return "This is no package name for " + string(p.Manager) + ". Write it like " + g.example + "."
	case p.Pin != "" && (len(p.Pin) > maxPackageName || !g.pin.MatchString(p.Pin)):
		return "This is no version for " + string(p.Manager) + ". Write it like " + g.example + "."
	}
	return ""
}

func (p Package) customProblem() string {
	switch {
	case p.Pin != "":
		return "A custom package has no version of its own; write it into the command."
	case !slugGrammar.MatchString(p.Name):
		return "A custom package's name has at most 100 letters, digits, dots, hyphens, underscores and plus signs."
	case strings.TrimSpace(p.Install) == "":
		return "A custom package needs a command that installs it."
	case strings.Contains(p.Check, "|"):
		return "The check command cannot have a | in it: the line is divided there. Put it into a script."
	case p.Timeout < 0 || p.Timeout > int(MaxCustomTimeout.Seconds()):
		return "A custom package's time-out goes up to 14400 seconds."
	}
	for _, command := range []string{p.Check, p.Install} {
		if len(command) > MaxCommand || !utf8.ValidString(command) || strings.ContainsFunc(command, unsafeRune) {
			return "A command is one line of at most 4096 characters, without control or direction characters."
		}
	}
	if i := strings.LastIndex(p.Install, "|"); i >= 0 {
		if _, err := strconv.Atoi(strings.TrimSpace(p.Install[i+1:])); err == nil {
			return "An install command cannot end with | and a number: that is read as the time-out."
		}
	}
	return ""
}

// Clean is the package in the one form that is stored.
func (p Package) Clean() Package {
	p.Name, p.Pin, p.Note = strings.TrimSpace(p.Name), strings.TrimSpace(p.Pin), strings.TrimSpace(p.Note)
	p.Check, p.Install = strings.TrimSpace(p.Check), strings.TrimSpace(p.Install)
	if p.Manager == Custom && p.Timeout == DefaultPackageTimeout {
		p.Timeout = 0
	}
	if p.Manager == Dnf && p.Pin == "" {
		p.Name, p.Pin = splitPin(Dnf, grammars[Dnf], p.Name)
	}
	return p
}

// Line is the package as a package list has it, without its note.
func (p Package) Line() string {
	if p.Manager != Custom {
		return p.Spec()
	}
	text := p.Name + "|" + p.Check + "|" + p.Install
	if p.Timeout != 0 {
		text += "|" + strconv.Itoa(p.Timeout)
	}
	return text
}

// FormatPackages writes the packages of one manager as a package list: one a
// line, each note as a comment above its package.
func FormatPackages(packages []Package, m Manager) string {
	var b strings.Builder
	for _, p := range packages {
		if p.Manager != m {
			continue
		}
		if p.Note != "" {
			b.WriteString("# " + p.Note + "\n")
		}
		b.WriteString(p.Line() + "\n")
	}
	return b.String()
}

// PackageAt is a package with the line that it was read from.
type PackageAt struct {
	Package
	Line int // from 1
}

// ParsePackages reads a package list. Every line that cannot be read is a
// finding with its line number; the others are returned all the same. What is
// there twice is returned twice.
func ParsePackages(m Manager, text string) (packages []PackageAt, findings []Finding) {
	note := ""
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSpace(raw)
		if raw == "" {
			note = ""
			continue
		}
		if comment, ok := strings.CutPrefix(raw, "#"); ok {
			note = strings.TrimSpace(note + " " + strings.TrimSpace(comment))
			continue
		}
		p, wrong := parseLine(m, raw, note)
		note = ""
		if wrong != "" {
			findings = append(findings, Finding{Level: Error, Rule: "package", Line: i + 1, Text: wrong})
			continue
		}
		packages = append(packages, PackageAt{p, i + 1})
	}
	return packages, findings
}

func parseLine(m Manager, raw, note string) (p Package, wrong string) {
	if m != Custom { // a # in a command is the command's
		if before, comment, ok := strings.Cut(raw, " #"); ok {
			raw, note = before, strings.TrimSpace(note+" "+strings.TrimSpace(comment))
		} else if before, comment, ok := strings.Cut(raw, "\t#"); ok {
			raw, note = before, strings.TrimSpace(note+" "+strings.TrimSpace(comment))
		}
	}
	p, wrong = ParsePackage(m, raw)
	if wrong != "" {
		return p, wrong
	}
	p.Note = shorten(note, MaxAbout)
	return p, p.Problem()
}

func shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// DuplicatePackage is a package that was there already.
type DuplicatePackage struct {
	Package Package // the one that is left out
	Kept    Package // the one that stays: the first, or the one that was there before
	Line    int     // of a paste; 0 otherwise
}

// Differs reports whether the two want something else: another version or command.
func (d DuplicatePackage) Differs() bool { return d.Package.Line() != d.Kept.Line() }

// Paste is a bulk paste, read: what it adds to packages that are there already.
type Paste struct {
	Added      []Package
	Duplicates []DuplicatePackage
	Findings   []Finding // lines that cannot be read, each an error with its line
}

// ReadPaste reads pasted lines for one manager. A line "[pip]" or "pip:"
// switches to that manager for the lines behind it. Nothing is added that is there already, by
// manager and name.
func ReadPaste(existing []Package, m Manager, text string) Paste {
	var out Paste
	there := map[string]Package{}
	for _, p := range existing {
		there[p.Key()] = p
	}
	var section strings.Builder
	first := 1
	flush := func() {
		packages, findings := ParsePackages(m, section.String())
		for _, f := range findings {
			f.Line += first - 1
			out.Findings = append(out.Findings, f)
		}
		for _, at := range packages {
			if kept, ok := there[at.Package.Key()]; ok {
				out.Duplicates = append(out.Duplicates, DuplicatePackage{at.Package, kept, at.Line + first - 1})
				continue
			}
			there[at.Package.Key()] = at.Package
			out.Added = append(out.Added, at.Package)
		}
	}
	for i, raw := range strings.Split(text, "\n") {
		word := strings.ToLower(strings.TrimSpace(raw))
		inner, ok := strings.CutSuffix(word, ":")
		if !ok {
			if inner, ok = strings.CutPrefix(word, "["); ok {
				inner, ok = strings.CutSuffix(inner, "]")
			}
		}
		if ok && slices.Contains(Managers, Manager(inner)) {
			flush()
			m, first = Manager(inner), i+2
			section.Reset()
			continue
		}
		section.WriteString(raw + "\n")
	}
	flush()
	return out
}
