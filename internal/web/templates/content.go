package templates

import (
	"fmt"
	"strconv"
	"strings"

	"berth/internal/template"
)

// reading turns a form into a content and notes what could not be read, by place.
type reading struct {
	wrong map[string]string
	// lines says which line of which manager's list a package came from: the place
	// "lists[1].packages[4]" becomes "lists[1].apt" with its line.
	lines map[string]packagePlace
}

type packagePlace struct {
	field string
	line  int
}

// content reads the form, which has to be arranged. What cannot be read is in wrong.
func (f form) content() (template.Content, *reading) {
	r := &reading{wrong: map[string]string{}, lines: map[string]packagePlace{}}
	c := template.Content{Name: f.Name, Description: f.Description, Tags: strings.FieldsFunc(f.Tags, func(c rune) bool { return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\n' }),
		OS: f.OS, Cores: r.number("cores", "Cores", f.Cores), Memory: r.number("memory", "Memory", f.Memory), Swap: r.number("swap", "Swap", f.Swap),
		Disk: r.number("disk", "The disk", f.Disk), Storage: f.Storage, Bridge: f.Bridge,
		Unprivileged: f.Unprivileged, Nesting: f.Nesting, Keyctl: f.Keyctl, Fuse: f.Fuse, OnBoot: f.OnBoot}
	for _, in := range f.Inputs {
		c.Inputs = append(c.Inputs, in.content())
	}
	for i, s := range f.Scripts {
		c.Scripts = append(c.Scripts, r.script(i, s))
	}
	for i, file := range f.Files {
		c.Files = append(c.Files, r.file(i, file))
	}
	for i, l := range f.Lists {
		c.Lists = append(c.Lists, r.list(i, l))
	}
	return c.Clean(), r
}

func (r *reading) number(place, what, text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		r.wrong[place] = what + " has to be a whole number."
	}
	return n
}

func (in inputRow) content() template.Input {
	out := template.Input{Name: in.Name, Question: in.Question, Kind: template.Kind(in.Kind), Default: in.Default, Check: in.Check, Optional: in.Optional}
	if out.Kind == template.Choice || strings.TrimSpace(in.Choices) != "" {
		for line := range strings.Lines(in.Choices) {
			if line = strings.TrimSpace(line); line != "" {
				out.Choices = append(out.Choices, line)
			}
		}
	}
	return out
}

func (r *reading) script(i int, s scriptRow) template.Script {
	out := template.Script{Name: s.Name, About: s.About, Body: s.Body, Disabled: !s.Enabled}
	out.Number, _ = strconv.Atoi(s.Number) // an import's own; nobody types it
	if strings.TrimSpace(s.Timeout) != "" {
		out.Timeout = r.number(fmt.Sprintf("scripts[%d].timeout", i), "The time-out", s.Timeout)
	}
	return out
}

func (r *reading) file(i int, f fileRow) template.File {
	at := fmt.Sprintf("files[%d].", i)
	out := template.File{Path: f.Path, Owner: f.Owner, Policy: template.Policy(f.Policy), Content: f.Content}
	if text := strings.TrimSpace(f.Mode); text != "" {
		mode, err := strconv.ParseUint(text, 8, 32)
		if err != nil {
			r.wrong[at+"mode"] = "A mode is an octal number up to 7777, such as 0644."
		} else if mode == 0 {
			r.wrong[at+"mode"] = "With mode 0000 nobody could read the file. Say at least 0400."
		}
		out.Mode = uint32(mode)
	}
	if f.lost {
		r.wrong[at+"content"] = "The content of this file is no longer there: the template was changed meanwhile. Upload it again."
	}
	return out
}

func (r *reading) list(i int, l listRow) template.PackageList {
	out := template.PackageList{Name: l.Name, Bucket: template.BucketID(l.Bucket)}
	if l.linked() {
		return out
	}
	for _, m := range template.Managers {
		field := fmt.Sprintf("lists[%d].%s", i, m)
		packages, findings := template.ParsePackages(m, l.Text[m])
		for _, f := range findings {
			if r.wrong[field] == "" {
				r.wrong[field] = fmt.Sprintf("Line %d: %s", f.Line, f.Sentence())
			}
		}
		for _, p := range packages {
			r.lines[fmt.Sprintf("lists[%d].packages[%d]", i, len(out.Packages))] = packagePlace{field, p.Line}
			out.Packages = append(out.Packages, p.Package)
		}
	}
	return out
}

// place turns what is wrong by its place in the content into what is wrong by its field in the form.
func (r *reading) place(wrong map[string]string) map[string]string {
	for field, sentence := range wrong {
		if at, ok := r.lines[field]; ok {
			field, sentence = at.field, fmt.Sprintf("Line %d: %s", at.line, sentence)
		}
		if r.wrong[field] == "" {
			r.wrong[field] = sentence
		}
	}
	return r.wrong
}
