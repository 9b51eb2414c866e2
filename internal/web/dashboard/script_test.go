package dashboard

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"berth/internal/fleet"
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

// Random searches, made of what people and strangers type, find the same in the server and in the browser.
func TestSearchAgreesWithTheBrowser(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the browser's search is not compared")
	}
	subjects, ids := readSubjects(t)
	parts := []string{"web", "WEB", "pve1", "pve*", "attic", "\"big iron\"", "\"", "prod", "10", "101", "<b>", "é", "İ", "-", "*", "a,b", "80%", "2G", "1.5", "3d", "5w5d", "0", "1e3",
		"node:", "tag:", "status:", "name:", "vmid:", "id:", "pool:", "ip:", "lock:", "cluster:", "Node:", "colour:", "running", "stopped", "attention", "stale",
		"cpu>", "mem>=", "disk<", "uptime<=", "cpu=", "ram:", "memory:>", "uptime:", " ", " ", " ", "\t", "\u00a0", "-tag:", "=", ">", ":", "--"}
	type asked struct {
		Q        string   `json:"q"`
		Sort     string   `json:"sort"`
		IDs      string   `json:"ids"`
		Problems []string `json:"problems"`
	}
	var all struct {
		Queries []asked `json:"queries"`
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a := asked{Sort: fleet.OrderKeys[random.IntN(len(fleet.OrderKeys))]}
		if random.IntN(2) == 0 {
			a.Sort = "-" + a.Sort
		}
		for range 1 + random.IntN(8) {
			a.Q += parts[random.IntN(len(parts))]
		}
		query := fleet.ParseQuery(a.Q)
		var found []*fleet.Subject
		for _, s := range subjects {
			if query.Match(s) {
				found = append(found, s)
			}
		}
		slices.SortFunc(found, fleet.ParseOrder(a.Sort).Compare)
		for _, s := range found {
			a.IDs += ids[s]
		}
		a.Problems = query.Problems
		all.Queries = append(all.Queries, a)
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "testdata/agree.js")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%.3000s", err, out)
	}
}

// readSubjects are the containers of the table of searches, with their short names there.
func readSubjects(t *testing.T) ([]*fleet.Subject, map[*fleet.Subject]string) {
	t.Helper()
	data, err := os.ReadFile("../../fleet/testdata/query_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Subjects []struct {
			fleet.Subject
			ID      string
			Cluster fleet.ClusterID
			VMID    fleet.VMID
		}
	}
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	var subjects []*fleet.Subject
	ids := map[*fleet.Subject]string{}
	for _, c := range table.Subjects {
		s := c.Subject
		s.ID = fleet.ContainerID{Cluster: c.Cluster, VMID: c.VMID}
		s.Prepare()
		subjects = append(subjects, &s)
		ids[&s] = c.ID
	}
	return subjects, ids
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
