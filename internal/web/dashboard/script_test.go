package dashboard

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"berth/internal/web/kit"
)

// The browser's modules have their own tests, which pass the same tables as the Go code.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the tests of js/ are left out")
	}
	if out, err := exec.Command(node, "--test", "js/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNumbersReadAsTheTableSays(t *testing.T) {
	data, err := os.ReadFile("testdata/format_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ OfMiB, Duration, Ago, Share, Level, Sizes [][]any }
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	n := func(v any) int { return int(v.(float64)) }
	check := func(what string, args []any, got any) {
		t.Helper()
		want := args[len(args)-1]
		if f, ok := want.(float64); ok {
			want = int(f)
		}
		if got != want {
			t.Errorf("%s%v = %v", what, args, got)
		}
	}
	for _, c := range table.OfMiB {
		check("ofMiB", c, ofMiB(n(c[0]), n(c[1])))
	}
	for _, c := range table.Duration {
		check("Duration", c, kit.Duration(time.Duration(n(c[0]))*time.Second))
	}
	for _, c := range table.Ago {
		check("ago", c, ago(noon.Unix()-int64(n(c[0])), noon))
	}
	for _, c := range table.Share {
		check("share", c, share(n(c[0]), n(c[1])))
	}
	for _, c := range table.Level {
		check("level", c, level(n(c[0])))
	}
	for _, c := range table.Sizes {
		r := row{CPUs: c[0].(float64)}
		r.MaxMem, r.MaxDisk = n(c[1]), n(c[2])
		check("sizes", c, r.sizes())
	}
}
