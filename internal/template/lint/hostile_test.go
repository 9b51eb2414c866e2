package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/template"
	"berth/internal/template/lint"
)

func TestManyLongPipesCostLittle(t *testing.T) {
	body := "#!/bin/bash\nset -e\n" + strings.Repeat("read|sh|", 2900) + "sh\n"
	c := valid()
	for i := range 20 {
		c.Scripts = append(c.Scripts, template.Script{Name: fmt.Sprintf("x%d", i), Body: body})
	}
	began := time.Now()
	findings := said(lint.Content(c))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%s", took)
	}
	if !strings.Contains(findings, "warning deep scripts:0") {
		t.Error("it is not said that not all was looked through")
	}
}

func TestNoMoreFindingsThanSomebodyReads(t *testing.T) {
	c := valid()
	c.Files = []template.File{{Path: "/etc/x", Owner: "root:root", Mode: 0o644, Content: []byte(strings.Repeat("{{nothing}} ", 50_000))}}
	findings := lint.Content(c)
	if len(findings) > 1100 || !strings.Contains(said(findings), "more") {
		t.Errorf("%d findings", len(findings))
	}
}

// A control character, of which there is only a warning, hides no character that makes it an error.
func TestNothingHidesAnInvisibleCharacter(t *testing.T) {
	for name, body := range map[string]string{
		"on the same line": "#!/bin/bash\nset -e\necho \a \u202e rm\n",
		"after many":       "#!/bin/bash\nset -e\n" + strings.Repeat("echo \a\n", 30) + "echo \u202e rm\n",
	} {
		c := valid()
		c.Scripts = append(c.Scripts, template.Script{Name: "odd", Body: body})
		if findings := lint.Content(c); !template.HasErrors(findings) {
			t.Errorf("%s: %s", name, said(findings))
		}
	}
}
