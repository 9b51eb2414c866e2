package template

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"berth/internal/problem"
)

// Finding is one thing that is wrong or looks wrong, with its place and what
// to do: from the rules (Check), from reading a layout, or from the linter.
type Finding struct {
	Level Level
	Rule  string // a short stable name: "name", "set-e", "bidi"
	// Field is the place in Content: "name", "scripts[2].body". Empty where a file could not be read at all.
	Field string
	// File and Line are the place in the layout; Line counts from 1, 0 is the whole file.
	// Within Field a Line counts the lines of that text.
	File   string
	Line   int
	Text   string // what is wrong, a sentence
	Remedy string // what to do, a sentence; may be empty
}

// Level is how bad a finding is.
type Level string

const (
	Error   Level = "error"   // it is not stored
	Warning Level = "warning" // it probably fails or harms
	Advice  Level = "advice"
)

func (l Level) rank() int { return strings.Index("error warning advice", string(l)) }

// Place is where the finding is, for people: "nginx/template.conf:12" or "scripts[2].body, line 3".
func (f Finding) Place() string {
	switch {
	case f.File != "" && f.Line > 0:
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	case f.File != "":
		return f.File
	case f.Line > 0:
		return fmt.Sprintf("%s, line %d", f.Field, f.Line)
	}
	return f.Field
}

// Sentence is what happened and what to do.
func (f Finding) Sentence() string { return strings.TrimSpace(f.Text + " " + f.Remedy) }

// HasErrors reports whether any finding is an error.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == Error })
}

// Sort orders findings by file and line, or by field and line where they are of
// no file, and the worst first at one place.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if c := cmp.Compare(a.File, b.File); c != 0 {
			return c
		}
		field := compareFields(a.Field, b.Field)
		if a.File != "" {
			field = 0
		}
		return cmp.Or(field, cmp.Compare(a.Line, b.Line), cmp.Compare(a.Level.rank(), b.Level.rank()))
	})
}

// compareFields puts scripts[2] before scripts[10].
func compareFields(a, b string) int {
	an, bn := indexIn(a), indexIn(b)
	ah, _, _ := strings.Cut(a, "[")
	bh, _, _ := strings.Cut(b, "[")
	return cmp.Or(cmp.Compare(ah, bh), cmp.Compare(an, bn), cmp.Compare(a, b))
}

func indexIn(field string) (n int) {
	_, rest, _ := strings.Cut(field, "[")
	for i := 0; i < len(rest) && rest[i] >= '0' && rest[i] <= '9' && n < 1<<20; i++ {
		n = n*10 + int(rest[i]-'0')
	}
	return n
}

// Refusal makes the errors among findings into one problem whose Fields say
// them by place; nil when there is no error.
func Refusal(findings []Finding) error {
	p := &problem.Problem{Kind: problem.Invalid, Fields: map[string]string{}}
	n := 0
	for _, f := range findings {
		if f.Level != Error {
			continue
		}
		n++
		if p.What == "" {
			p.What, p.Remedy = f.Text, f.Remedy
		}
		if f.Field != "" && p.Fields[f.Field] == "" {
			p.Fields[f.Field] = f.Sentence()
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
	default:
		p.What, p.Remedy = fmt.Sprintf("%d things have to be put right before this can be saved.", n), ""
	}
	return p
}
