package lint

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"berth/internal/template"
)

// script looks at one shell script.
func (l *linter) script(field, body string) {
	first, _, _ := strings.Cut(body, "\n")
	switch interpreter, ok := strings.CutPrefix(first, "#!"); {
	case strings.TrimSpace(body) == "":
		l.add(template.Advice, "empty", field, 0, "The script is empty.", "")
		return
	case !ok:
		l.add(template.Warning, "shebang", field, 1, "The script does not begin with #!, so it is not said what it is written for.", "Begin with #!/bin/bash.")
	case !strings.Contains(interpreter, "bash") && !strings.HasSuffix(strings.TrimSpace(interpreter), "/sh") && !strings.Contains(interpreter, "/sh "):
		l.add(template.Warning, "shebang", field, 1, "Scripts are run with bash, whatever stands behind #!.", "Put it into a file, and run that from a bash script.")
		return
	}
	file := l.parse(field, body, false)
	if file == nil {
		return
	}
	if !stopsOnError(first, file) {
		l.add(template.Warning, "set-e", field, 1, "The script goes on after a command that fails.", "Write “set -euo pipefail” below the first line.")
	}
	for _, in := range l.c.Inputs { // also where another program reads the environment
		l.used[in.Name] = l.used[in.Name] || strings.Contains(body, in.Env())
	}
	w := &walker{linter: l, field: field, assigned: map[string]bool{}}
	w.walk(file)
}

// The parser calls itself for everything that can stand within itself, and a
// stack that overflows ends the whole process. So what could nest is counted
// before: brackets take the most, about 13 KiB each, the rest a tenth of it.
const (
	maxBrackets = 4000
	maxNesting  = 6000
)

var nesting = regexp.MustCompile(`[!?~&|]|\b(?:if|elif|while|until|do|then|else|case|coproc|time|function|select)\b`)

// intricate reports whether a text is left alone: it may nest too deep to be parsed.
func intricate(text string) bool {
	brackets := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[', '`':
			brackets++
		}
	}
	return len(text) > template.MaxScript || brackets > maxBrackets || len(nesting.FindAllStringIndex(text, maxNesting+1)) > maxNesting
}

// parse reads shell; what cannot be read is an error at its line, unless there is only one.
func (l *linter) parse(field, text string, oneLine bool) *syntax.File {
	if intricate(text) {
		l.add(template.Advice, "intricate", field, 0, "This is too large or too intricate to be looked at by the linter.", "Divide it into several scripts.")
		return nil
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err == nil {
		return file
	}
	said, line := err.Error(), 0
	if p, ok := errors.AsType[syntax.ParseError](err); ok {
		said = p.Text
		if !oneLine {
			line = int(p.Pos.Line())
		}
	}
	l.add(template.Error, "syntax", field, line, "bash cannot read this: "+strings.TrimSuffix(said, ".")+".", "")
	return nil
}

// command looks at the commands of a custom package.
func (l *linter) command(at string, p template.Package) {
	for _, text := range []string{p.Check, p.Install} {
		if text == "" {
			continue
		}
		if file := l.parse(at, text, true); file != nil {
			w := &walker{linter: l, field: at, oneLine: true, assigned: map[string]bool{}}
			w.walk(file)
		}
	}
}

// stopsOnError reports whether the script has set -e, or a shebang with it.
func stopsOnError(shebang string, file *syntax.File) bool {
	if _, options, ok := strings.Cut(shebang, "bash "); ok && strings.HasPrefix(options, "-") && strings.Contains(options, "e") {
		return true
	}
	for _, s := range file.Stmts {
		call, ok := s.Cmd.(*syntax.CallExpr)
		if !ok {
			continue
		}
		words := literals(call.Args)
		if len(words) == 0 || words[0] != "set" {
			continue
		}
		for i, w := range words[1:] {
			if w == "errexit" && words[i] == "-o" || len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, "e") && w != "-o" {
				return true
			}
		}
	}
	return false
}

// literals are the words as far as they are plain text; one that is not is "".
func literals(words []*syntax.Word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = literal(w)
	}
	return out
}

func literal(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	for _, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return ""
				}
				b.WriteString(lit.Value)
			}
		default:
			return ""
		}
	}
	return b.String()
}

// walker goes through a script with the nodes around the one it is at.
type walker struct {
	*linter
	field    string
	oneLine  bool
	around   []syntax.Node
	assigned map[string]bool // variables that the script sets itself
}

func (w *walker) walk(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		if a, ok := n.(*syntax.Assign); ok && a.Name != nil {
			w.assigned[a.Name.Value] = true
		}
		return true
	})
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			w.around = w.around[:len(w.around)-1]
			return true
		}
		w.visit(n)
		w.around = append(w.around, n)
		return true
	})
}

func (w *walker) say(level template.Level, rule string, n syntax.Node, text, remedy string) {
	line := int(n.Pos().Line())
	if w.oneLine {
		line = 0
	}
	w.add(level, rule, w.field, line, text, remedy)
}

func (w *walker) visit(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.ParamExp:
		w.input(n)
	case *syntax.Assign:
		w.assignment(n)
	case *syntax.CallExpr:
		w.prompt(n)
		w.runsDownload(n)
		w.hosts(n)
	case *syntax.BinaryCmd:
		w.pipe(n)
	case *syntax.ForClause:
		if n.Select && !w.hasInput() {
			w.say(template.Warning, "prompt", n, "select waits for a choice, and nobody is there to make it.", "Ask with an input of the template.")
		}
	case *syntax.Redirect:
		w.redirect(n)
	}
}

// input finds INPUT_… that the template does not have.
func (w *walker) input(p *syntax.ParamExp) {
	if p.Param == nil {
		return
	}
	name, ok := strings.CutPrefix(p.Param.Value, "INPUT_")
	if !ok || w.assigned[p.Param.Value] {
		return
	}
	lower := strings.ToLower(name)
	if w.declared(lower) {
		w.used[lower] = true
		return
	}
	if p.Exp != nil && p.Exp.Word != nil || p.Exp != nil && strings.Contains(p.Exp.Op.String(), "-") {
		return // it has a value of its own for that
	}
	w.say(template.Warning, "input", p, "There is no input “"+lower+"”, so $"+p.Param.Value+" is not set.", "Add the input, or write ${"+p.Param.Value+":-default}.")
}

var (
	secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|api_?key|private_?key|^pw$|_pw$)`)
	noSecret   = regexp.MustCompile(`(?i)(file|path|dir|length|len|url|name|user|cmd|hash)$`)
)

func (w *walker) assignment(a *syntax.Assign) {
	if a.Name == nil || a.Value == nil || !secretName.MatchString(a.Name.Value) || noSecret.MatchString(a.Name.Value) {
		return
	}
	if v := literal(a.Value); len(v) >= 3 && !strings.HasPrefix(v, "/") {
		w.linter.secret(w.field, w.lineOf(a))
	}
}

func (w *walker) lineOf(n syntax.Node) int {
	if w.oneLine {
		return 0
	}
	return int(n.Pos().Line())
}

// hasInput reports whether what is around reads from somewhere: a pipe, a file, a here-document.
func (w *walker) hasInput() bool {
	for i, n := range w.around {
		if !w.step() {
			return true // rather silent than wrong
		}
		switch n := n.(type) {
		case *syntax.Stmt:
			for _, r := range n.Redirs {
				switch r.Op {
				case syntax.RdrIn, syntax.WordHdoc, syntax.Hdoc, syntax.DashHdoc, syntax.DplIn, syntax.RdrInOut:
					return true
				}
			}
		case *syntax.BinaryCmd:
			if (n.Op == syntax.Pipe || n.Op == syntax.PipeAll) && i+1 < len(w.around) && w.around[i+1] == syntax.Node(n.Y) {
				return true
			}
		}
	}
	return false
}

func (w *walker) redirect(r *syntax.Redirect) {
	if r.Op != syntax.RdrOut && r.Op != syntax.AppOut && r.Op != syntax.RdrClob && r.Op != syntax.RdrAll {
		return
	}
	target := literal(r.Word)
	if strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/") || strings.HasPrefix(target, "/dev/sd") || strings.HasPrefix(target, "/dev/nvme") {
		w.outside(r, target)
	}
}

func (w *walker) outside(n syntax.Node, what string) {
	w.say(template.Warning, "outside", n, fmt.Sprintf("%s belongs to the node, outside of the container's root; a container cannot change it.", what), "Do it on the node, or leave it out.")
}
