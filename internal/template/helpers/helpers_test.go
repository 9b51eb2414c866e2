package helpers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/template"
	"berth/internal/template/helpers"
	"berth/internal/template/lint"
)

// run runs a script behind the helpers, as a job does, with a folder of its own for credentials.
func run(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("left out: there is no bash on this machine")
	}
	cmd := exec.CommandContext(t.Context(), bash, "-s")
	cmd.Env = append(os.Environ(), "BERTH_CREDENTIALS="+dir)
	cmd.Stdin = strings.NewReader(helpers.Script + "set -euo pipefail\n" + script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPasswords(t *testing.T) {
	out, err := run(t, t.TempDir(), "generate_password; generate_password 40; generate_password 1000 | wc -c")
	lines := strings.Fields(out)
	if err != nil || len(lines) != 3 || len(lines[0]) != 24 || len(lines[1]) != 40 || lines[2] != "1001" || lines[0] == lines[1][:24] {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestCredentialsAreKeptOnceEach(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	out, err := run(t, dir, `
save_credential web user admin
save_credential web pass.word 'first'
save_credential web passxword other
save_credential web pass.word $'it\'s "new"\nline $(id)'
`)
	if err != nil || out != "" {
		t.Fatalf("got %q, %v", out, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "web"))
	want := "user=YWRtaW4=\npassxword=b3RoZXI=\npass.word=aXQncyAibmV3IgpsaW5lICQoaWQp\n"
	if err != nil || string(data) != want {
		t.Errorf("got %q, %v", data, err)
	}
	info, err := os.Stat(filepath.Join(dir, "web"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, bad := range []string{"save_credential ../x k v", "save_credential .x k v", "save_credential x 'a b' v", "save_credential x '' v", "save_credential '' k v"} {
		if out, err := run(t, dir, bad); err == nil {
			t.Errorf("%s: %q", bad, out)
		}
	}
}

func TestRunAsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can be somebody else")
	}
	out, err := run(t, t.TempDir(), `run_as_user nobody bash -c 'id -un; echo "$HOME $1"' x 'two words'; run_as_user no-such-user id || echo refused`)
	if err != nil || !strings.HasPrefix(out, "nobody\n/nonexistent two words\n") || !strings.Contains(out, "refused") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestNothingIsPrintedAndNothingIsWrong(t *testing.T) {
	if out, err := run(t, t.TempDir(), "log_info a; wait_for_apt_lock 0 || true"); err != nil || !strings.HasPrefix(out, "a\n") {
		t.Errorf("got %q, %v", out, err)
	}
	c := template.New()
	c.Name = "helpers"
	c.Scripts = []template.Script{{Name: "helpers", Body: "#!/bin/bash\nset -e\n" + helpers.Script}}
	for _, f := range lint.Content(c) {
		t.Errorf("%s: %s", f.Place(), f.Sentence())
	}
}
