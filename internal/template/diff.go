package template

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Diff is what changed between two contents.
type Diff struct {
	Fields []FieldChange // in the order of the form
	Texts  []TextChange  // scripts, files, package lists
}

// Empty reports whether nothing changed.
func (d Diff) Empty() bool { return len(d.Fields) == 0 && len(d.Texts) == 0 }

// FieldChange is a plain value that changed; Before or After is empty where there was or is none.
type FieldChange struct {
	Label         string // "Memory", "Input domain: question"
	Before, After string
}

// TextChange is a text that was added, removed or changed.
type TextChange struct {
	Kind   TextKind
	Name   string // the script's name, the file's path, the list's name with its manager: "base.apt"
	Action Action
	// About are changes of what goes with the text: its order, policy, mode, time-out.
	About  []FieldChange
	Binary bool   // it is no text: only sizes are told, in About
	Lines  []Line // hunks with three lines around each change; a Skip line stands between hunks
}

// TextKind is what a TextChange is of.
type TextKind string

const (
	ScriptText  TextKind = "script"
	FileText    TextKind = "file"
	PackageText TextKind = "packages"
)

// Action is what became of a thing.
type Action string

const (
	Added   Action = "added"
	Removed Action = "removed"
	Changed Action = "changed"
)

// Compare tells how to get from one content to the other.
func Compare(before, after Content) Diff {
	before, after = before.Clean(), after.Clean()
	var d Diff
	d.Fields = compareValues(plainFields(before), plainFields(after))
	d.Fields = append(d.Fields, compareKeyed(before.Inputs, after.Inputs, func(in Input) (string, []value) { return in.Name, inputFields(in) })...)
	if names := func(in Input) string { return in.Name }; !sameOrder(before.Inputs, after.Inputs, names) {
		d.Fields = append(d.Fields, FieldChange{"Order of inputs", joined(before.Inputs, names), joined(after.Inputs, names)})
	}
	d.Texts = append(d.Texts, compareTexts(ScriptText, scriptTexts(before), scriptTexts(after))...)
	d.Texts = append(d.Texts, compareTexts(FileText, fileTexts(before), fileTexts(after))...)
	d.Texts = append(d.Texts, compareTexts(PackageText, listTexts(before), listTexts(after))...)
	return d
}

type value struct{ label, text string }

func plainFields(c Content) []value {
	return []value{
		{"Name", c.Name}, {"Description", c.Description}, {"Tags", strings.Join(c.Tags, " ")}, {"OS template", c.OS},
		{"Cores", strconv.Itoa(c.Cores)}, {"Memory", strconv.Itoa(c.Memory) + " MiB"}, {"Swap", strconv.Itoa(c.Swap) + " MiB"},
		{"Disk", strconv.Itoa(c.Disk) + " GiB"}, {"Storage", c.Storage}, {"Bridge", c.Bridge},
		{"Unprivileged", yes(c.Unprivileged)}, {"Nesting", yes(c.Nesting)}, {"Keyctl", yes(c.Keyctl)}, {"FUSE", yes(c.Fuse)},
		{"Start at boot", yes(c.OnBoot)},
	}
}

func inputFields(in Input) []value {
	return []value{
		{"question", in.Question}, {"kind", string(in.Kind)}, {"default", in.Default}, {"choices", strings.Join(in.Choices, "; ")},
		{"check", in.Check}, {"may stay empty", yes(in.Optional)},
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// compareValues compares two lists of the same labels.
func compareValues(before, after []value) (out []FieldChange) {
	for i, b := range before {
		if a := after[i]; a.text != b.text {
			out = append(out, FieldChange{b.label, b.text, a.text})
		}
	}
	return out
}

func compareKeyed(before, after []Input, of func(Input) (string, []value)) (out []FieldChange) {
	old := map[string][]value{}
	for _, one := range before {
		name, values := of(one)
		old[name] = values
	}
	for _, one := range after {
		name, values := of(one)
		was, ok := old[name]
		delete(old, name)
		if !ok {
			out = append(out, FieldChange{"Input " + name, "", values[0].text})
			continue
		}
		for _, c := range compareValues(was, values) {
			c.Label = "Input " + name + ": " + c.Label
			out = append(out, c)
		}
	}
	for _, one := range before {
		name, values := of(one)
		if _, gone := old[name]; gone {
			out = append(out, FieldChange{"Input " + name, values[0].text, ""})
		}
	}
	return out
}

// sameOrder reports whether what is in both comes in the same order.
func sameOrder[T any](before, after []T, name func(T) string) bool {
	place := map[string]int{}
	for i, one := range after {
		place[name(one)] = i
	}
	last := -1
	for _, one := range before {
		if i, ok := place[name(one)]; ok {
			if i < last {
				return false
			}
			last = i
		}
	}
	return true
}

func joined[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return strings.Join(names, ", ")
}

// text is one script, file or list with what goes with it.
type text struct {
	name, body string
	about      []value
}

func scriptTexts(c Content) (out []text) {
	for i, s := range c.Scripts {
		out = append(out, text{s.Name, s.Body, []value{
			{"place", strconv.Itoa(i + 1)}, {"description", s.About}, {"enabled", yes(!s.Disabled)}, {"time-out", s.Limit().String()},
		}})
	}
	return out
}

func fileTexts(c Content) (out []text) {
	for _, f := range c.Files {
		out = append(out, text{f.Path, string(f.Content), []value{
			{"owner", f.OwnerName()}, {"mode", fmt.Sprintf("%04o", f.Permissions())}, {"policy", string(f.Does())},
		}})
	}
	return out
}

func listTexts(c Content) (out []text) {
	for _, l := range c.Lists {
		if l.Linked() {
			out = append(out, text{l.Name, "", []value{{"follows a bucket", "yes"}}})
			continue
		}
		for _, m := range Managers {
			if body := FormatPackages(l.Packages, m); body != "" {
				out = append(out, text{l.Name + "." + string(m), body, []value{{"follows a bucket", "no"}}})
			}
		}
	}
	return out
}

func compareTexts(kind TextKind, before, after []text) (out []TextChange) {
	old := map[string]text{}
	for _, t := range before {
		old[t.name] = t
	}
	moved := !sameOrder(before, after, func(t text) string { return t.name })
	for _, t := range after {
		was, ok := old[t.name]
		delete(old, t.name)
		if !ok {
			out = append(out, changeOf(kind, t.name, Added, "", t.body, nil))
			continue
		}
		about := compareValues(was.about, t.about)
		if !moved && len(about) > 0 && about[0].Label == "place" {
			about = about[1:] // it only made room
		}
		if was.body != t.body || len(about) > 0 {
			out = append(out, changeOf(kind, t.name, Changed, was.body, t.body, about))
		}
	}
	for _, t := range before {
		if _, gone := old[t.name]; gone {
			out = append(out, changeOf(kind, t.name, Removed, t.body, "", nil))
		}
	}
	return out
}

func changeOf(kind TextKind, name string, action Action, before, after string, about []FieldChange) TextChange {
	c := TextChange{Kind: kind, Name: name, Action: action, About: about}
	if isBinary(before) || isBinary(after) {
		c.Binary = true
		c.About = append(c.About, FieldChange{"size", size(before), size(after)})
		return c
	}
	c.Lines = Hunks(Lines(before, after), 3)
	return c
}

func isBinary(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

func size(s string) string { return strconv.Itoa(len(s)) + " bytes" }
