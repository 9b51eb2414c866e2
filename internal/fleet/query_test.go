package fleet

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// queryCases is the table that the browser's search passes too (web/dashboard/js/query.test.js).
type queryCases struct {
	Subjects []struct {
		ID, Cluster, ClusterName, Name, Node, Label, Status, Lock, Pool string
		VMID                                                            VMID
		Live, Stale, Attention                                          bool
		Tags, Addresses                                                 []string
		CPU, Mem, MaxMem, Disk, MaxDisk, Uptime                         int
	}
	Queries []struct {
		Q, Match, Why string
		Problems      int
	}
	Orders []struct{ Sort, IDs string }
	Keys   [][2]string
}

func readCases(t *testing.T) (queryCases, []*Subject, map[*Subject]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/query_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases queryCases
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	var subjects []*Subject
	names := map[*Subject]string{}
	for _, c := range cases.Subjects {
		s := &Subject{
			ID: ContainerID{ClusterID(c.Cluster), c.VMID}, Name: c.Name, Node: c.Node, Label: c.Label,
			ClusterName: c.ClusterName, Status: Status(c.Status), Stale: c.Stale, Attention: c.Attention, Lock: c.Lock,
			Tags: c.Tags, Pool: c.Pool, Addresses: c.Addresses, Live: c.Live,
			CPU: c.CPU, Mem: c.Mem, MaxMem: c.MaxMem, Disk: c.Disk, MaxDisk: c.MaxDisk, Uptime: c.Uptime,
		}
		s.Prepare()
		subjects = append(subjects, s)
		names[s] = c.ID
	}
	return cases, subjects, names
}

func TestQueryFindsWhatTheTableSays(t *testing.T) {
	cases, subjects, names := readCases(t)
	for _, c := range cases.Queries {
		q := ParseQuery(c.Q)
		var got strings.Builder
		for _, s := range subjects {
			if q.Match(s) {
				got.WriteString(names[s])
			}
		}
		if got.String() != c.Match {
			t.Errorf("%q finds %q, not %q (%s)", c.Q, got.String(), c.Match, c.Why)
		}
		if len(q.Problems) != c.Problems {
			t.Errorf("%q has problems %q, expected %d", c.Q, q.Problems, c.Problems)
		}
	}
}

func TestOrderIsAsTheTableSays(t *testing.T) {
	cases, subjects, names := readCases(t)
	for _, c := range cases.Orders {
		sorted := slices.Clone(subjects)
		slices.SortFunc(sorted, ParseOrder(c.Sort).Compare)
		var got strings.Builder
		for _, s := range sorted {
			got.WriteString(names[s])
		}
		if got.String() != c.IDs {
			t.Errorf("sort=%s gives %s, not %s", c.Sort, got.String(), c.IDs)
		}
	}
	for _, k := range cases.Keys {
		if got := NaturalKey(k[0]); got != k[1] {
			t.Errorf("NaturalKey(%q) = %q, not %q", k[0], got, k[1])
		}
	}
}

func TestOrderIsTotal(t *testing.T) {
	_, subjects, _ := readCases(t)
	rapid.Check(t, func(t *rapid.T) {
		o := ParseOrder(rapid.SampledFrom(OrderKeys).Draw(t, "key"))
		o.Down = rapid.Bool().Draw(t, "down")
		a, b, c := rapid.SampledFrom(subjects).Draw(t, "a"), rapid.SampledFrom(subjects).Draw(t, "b"), rapid.SampledFrom(subjects).Draw(t, "c")
		if o.Compare(a, b) != -o.Compare(b, a) {
			t.Fatal("not antisymmetric")
		}
		if a != b && o.Compare(a, b) == 0 {
			t.Fatal("two containers are equal")
		}
		if o.Compare(a, b) <= 0 && o.Compare(b, c) <= 0 && o.Compare(a, c) > 0 {
			t.Fatal("not transitive")
		}
	})
}

func FuzzQuery(f *testing.F) {
	data, err := os.ReadFile("testdata/query_cases.json")
	if err != nil {
		f.Fatal(err)
	}
	var cases queryCases
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases.Queries {
		f.Add(c.Q)
	}
	s := &Subject{Name: "web", Node: "pve1", Live: true, Tags: []string{"a"}}
	s.Prepare()
	f.Fuzz(func(t *testing.T, text string) {
		q := ParseQuery(text)
		if len(q.terms) > maxTerms {
			t.Fatal("too many terms")
		}
		// A part and its opposite can never both hold.
		if q.Match(s) && len(q.terms) == 1 {
			q.terms[0].not = !q.terms[0].not
			if q.Match(s) {
				t.Fatalf("%q holds, and so does its opposite", text)
			}
		}
	})
}
