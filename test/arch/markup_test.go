package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// forbidden are calls that put text into a page unescaped, or that run a
// program, with the one room in which each is allowed.
var forbidden = []struct{ pkg, name, room, why string }{
	{"templ", "Raw", "internal/web/kit", "foreign data would become markup"},
	{"template", "HTML", "", "foreign data would become markup"},
	{"template", "JS", "", "foreign data would become script"},
	{"templ", "JSUnsafeFuncCall", "", "foreign data would become script"},
	{"templ", "SafeURL", "internal/web/kit", "links are built by kit's URL functions"},
	{"exec", "Command", "internal/store/pgtest", "Berth runs no program"},
	{"exec", "CommandContext", "internal/store/pgtest", "Berth runs no program"},
}

func TestForbiddenCalls(t *testing.T) {
	for _, p := range packages(t) {
		self := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(self, "internal/") {
			continue
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok {
					return true
				}
				for _, bad := range forbidden {
					if x.Name == bad.pkg && sel.Sel.Name == bad.name && (bad.room == "" || !strings.HasPrefix(self, bad.room)) {
						t.Errorf("%s: %s.%s: %s", fset.Position(n.Pos()), bad.pkg, bad.name, bad.why)
					}
				}
				return true
			})
		}
	}
}
