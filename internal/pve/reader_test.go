package pve

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// plainJSON is a value as encoding/json would have it, with numbers as written.
func plainJSON(v value) any {
	switch v.kind {
	case boolean:
		return v.text == "true"
	case number:
		return json.Number(v.text)
	case text:
		return v.text
	case array:
		all := []any{}
		for _, x := range v.items {
			all = append(all, plainJSON(x))
		}
		return all
	case object:
		all := map[string]any{}
		for _, f := range v.fields {
			all[f.key] = plainJSON(f.value)
		}
		return all
	}
	return nil
}

func readWhole(s string) (value, error) {
	r := newReader(strings.NewReader(s))
	v, err := r.value(1, maxRowNodes)
	if err == nil {
		err = r.end()
	}
	return v, err
}

var longNumber = regexp.MustCompile(`[0-9.eE+-]{60,}`)

// same compares what the reader and encoding/json make of valid JSON within the limits.
func same(t interface{ Fatalf(string, ...any) }, in []byte) {
	if longNumber.Match(in) {
		return // taken as none, so that it loses no list
	}
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		return
	}
	v, err := readWhole(string(in) + "\n")
	if errors.Is(err, errTooLarge) || errors.Is(err, errOdd) {
		return
	}
	if err != nil {
		t.Fatalf("%q is JSON, and the reader says %v", in, err)
	}
	got, err := json.Marshal(plainJSON(v))
	if err != nil {
		t.Fatalf("%q gave a value that is none: %v", in, err)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !bytes.Equal(got, wanted) {
		t.Fatalf("%q: got %s want %s", in, got, wanted)
	}
}

var jsonSeeds = []string{
	`{"data":[]}`, `{"data":null}`, `{"data":[{"vmid":"100","cpu":-0.0004,"name":"web","tags":"a;b","template":"","x":[1,2,{}]}],"total":3}`,
	`[1,"\u0041\ud83d\ude00\ud800x\ud800\ud83d\ude00",true,false,null,-1.5e+3]`, `"\"\\\/\b\f\n\r\t"`, `{"a":{"b":{"c":[[[[]]]]}}}`,
	"\"\xff\xfe broken\"", ` { "a" : 1 , "a" : 2 } `, `{"":""}`, `1`, `{`, `[1,]`, `{"a":1,}`, `"\ud800\udbff"`, `"\u00"`, "\"\x01\"",
	`{"data":{"/":{"VM.Audit":1}}}`, strings.Repeat("[", 100) + strings.Repeat("]", 100),
}

func FuzzReader(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`"` + strings.Repeat("\xf3", maxString-10) + `0"`)) // grows when it is made UTF-8
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := readWhole(string(in))
		if err == nil {
			checkStrings(t, v)
		}
		if json.Valid(in) && len(in) < maxString/3 {
			same(t, in)
		}
	})
}

func checkStrings(t *testing.T, v value) {
	t.Helper()
	if len(v.text) > maxString || !utf8.ValidString(v.text) {
		t.Fatalf("a string of %d bytes, valid %v", len(v.text), utf8.ValidString(v.text))
	}
	for _, f := range v.fields {
		checkStrings(t, f.value)
	}
	for _, x := range v.items {
		checkStrings(t, x)
	}
}

func FuzzResources(f *testing.F) {
	f.Add([]byte(`{"data":[{"type":"lxc","vmid":100,"node":"pve1","status":"running","cpu":0.1,"maxmem":1}]}`))
	f.Add([]byte(`{"data":[{"type":"lxc","vmid":"1e2","node":"../x","name":"<b>"},{"id":"lxc/101","node":"pve1"},7,null]}`))
	f.Add([]byte(`{"data":[{"type":"node","node":"pve1","uptime":1e300,"cpu":"NaN","mem":-5}],"data":[]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := readList(bytes.NewReader(in), resourceRow)
		if err != nil {
			return
		}
		for _, r := range l.Rows {
			if r.CPU < 0 || math.IsNaN(r.CPU) || r.Mem < 0 || r.MaxMem < 0 || r.Uptime < 0 || strings.ContainsAny(r.Node, "/.%") || clean(r.Name) != r.Name {
				t.Fatalf("%+v", r)
			}
			if (r.Type == "lxc" || r.Type == "qemu") && (r.VMID < 100 || r.Node == "") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzRows(f *testing.F) {
	for _, s := range jsonSeeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"data":{"ticket":"PVE:!tfa!{\"totp\"%3Atrue}:0::x","username":"root@pam"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, row := range []func(value) bool{
			func(v value) bool { _, ok := taskRow(v); return ok },
			func(v value) bool { _, ok := guestRow(v); return ok },
			func(v value) bool { _, ok := clusterStatusRow(v); return ok },
			func(v value) bool { _, ok := interfaceRow(v); return ok },
			func(v value) bool { _, ok := realmRow(v); return ok },
			func(v value) bool { _, ok := pendingRow(v); return ok },
			func(v value) bool { _, ok := sampleRow(v); return ok },
			func(v value) bool { _, ok := logRow(v); return ok },
		} {
			_, _ = readList(bytes.NewReader(in), func(v value) (struct{}, bool) { return struct{}{}, row(v) })
		}
		if v, err := readTree(bytes.NewReader(in), maxTicket); err == nil {
			_, _ = readLogin(v)
			_ = rawLines(v)
		}
		_ = readFailure(bytes.NewReader(in))
	})
}

func TestReaderSeeds(t *testing.T) {
	for _, s := range jsonSeeds {
		if json.Valid([]byte(s)) != isRead(s) {
			t.Errorf("%.60q: encoding/json says valid %v, the reader %v", s, json.Valid([]byte(s)), isRead(s))
		}
	}
}

func isRead(s string) bool {
	_, err := readWhole(s + "\n")
	return err == nil || errors.Is(err, errTooLarge)
}

func TestReaderLikeEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, err := json.Marshal(drawJSON(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		same(t, in)
	})
}

func drawJSON(t *rapid.T, depth int) any {
	n := 6
	if depth > 4 {
		n = 4
	}
	switch rapid.IntRange(0, n).Draw(t, "kind") {
	case 0:
		return rapid.String().Draw(t, "string")
	case 1:
		return rapid.Float64Range(-1e18, 1e18).Draw(t, "float")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Bool().Draw(t, "bool")
	case 4:
		return nil
	case 5:
		var all []any
		for range rapid.IntRange(0, 4).Draw(t, "length") {
			all = append(all, drawJSON(t, depth+1))
		}
		return all
	}
	all := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "length") {
		all[rapid.String().Draw(t, "key")] = drawJSON(t, depth+1)
	}
	return all
}

func TestLimitsWhileReading(t *testing.T) {
	deep := `{"data":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`
	if _, err := readTree(strings.NewReader(deep), maxString); !errors.Is(err, errTooLarge) {
		t.Errorf("70 deep: %v", err)
	}
	long := `{"data":[{"type":"lxc","vmid":100,"node":"pve1","name":"` + strings.Repeat("ä", 4000) + `"}]}`
	l, err := readList(strings.NewReader(long), resourceRow)
	if err != nil || l.Shortened != 1 || len(l.Rows) != 1 || len(l.Rows[0].Name) > maxName || !utf8.ValidString(l.Rows[0].Name) {
		t.Errorf("a long name: %v, %d shortened, %d rows", err, l.Shortened, len(l.Rows))
	}
	wide := `{"data":[{"type":"lxc","vmid":100,"node":"pve1","x":[` + strings.Repeat("1,", 5000) + `1]},{"type":"lxc","vmid":101,"node":"pve1"}]}`
	l, err = readList(strings.NewReader(wide), resourceRow)
	if err != nil || l.Skipped != 1 || len(l.Rows) != 1 || l.Rows[0].VMID != 101 {
		t.Errorf("a wide row: %v, %+v", err, l)
	}
	many := `{"data":[` + strings.Repeat(`{"type":"pool"},`, maxRows+5) + `{"type":"pool"}]}`
	l, err = readList(strings.NewReader(many), resourceRow)
	if err != nil || !l.Cut || len(l.Rows) != maxRows {
		t.Errorf("many rows: %v, cut %v, %d rows", err, l.Cut, len(l.Rows))
	}
	for _, s := range []string{`{"data":[{"type":"po`, `{"data":[`, `{"data"`, ``, `{"data":12`} {
		if _, err := readList(strings.NewReader(s), resourceRow); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("half an answer %q: %v", s, err)
		}
	}
	for _, s := range []string{`[]`, `"x"`, `{"x":1}`, `{"data":{}}`, `{"data":[]} x`, `<html>`, `{"data":[}`} {
		var syntax *syntaxError
		if _, err := readList(strings.NewReader(s), resourceRow); !errors.As(err, &syntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestOddRowsLoseNothing(t *testing.T) {
	in := `{"data":[7,null,"x",{},{"type":"lxc"},{"type":"lxc","vmid":"101","node":"pve1","cpu":"0.5","maxmem":"1024","template":"1","uptime":null,"cpus":2},
	{"type":"lxc","vmid":102.0,"node":"pve1","mem":-7,"cpu":-0.001,"template":"","tags":" "},
	{"type":"lxc","vmid":103,"node":"../../etc"},{"id":"lxc/104","node":"pve1","status":"unknown"},
	{"type":"lxc","vmid":99,"node":"pve1"},{"type":"lxc","vmid":"1000000000","node":"pve1"},[],
	{"type":"node","node":"pve1","status":"online","maxcpu":2,"name":"a\u001b[31m\u202eb"},
	{"type":"lxc","vmid":105,"node":"pve1","mem":` + strings.Repeat("9", 5000) + `,"maxmem":12}]}`
	l, err := readList(strings.NewReader(in), resourceRow)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Rows) != 5 || l.Skipped != 9 {
		t.Fatalf("%d rows, %d skipped: %+v", len(l.Rows), l.Skipped, l.Rows)
	}
	if r := l.Rows[0]; r.VMID != 101 || r.CPU != 0.5 || r.MaxMem != 1024 || !r.Template || !r.Numbers {
		t.Errorf("%+v", r)
	}
	if r := l.Rows[1]; r.VMID != 102 || r.CPU != 0 || r.Mem != 0 || r.Template || r.Tags != nil {
		t.Errorf("%+v", r)
	}
	if r := l.Rows[2]; r.Type != "lxc" || r.VMID != 104 || r.Numbers {
		t.Errorf("%+v", r)
	}
	if r := l.Rows[4]; r.VMID != 105 || r.Mem != 0 || r.MaxMem != 12 {
		t.Errorf("%+v", r)
	}
	if r := l.Rows[3]; r.Name != "a [31mb" {
		t.Errorf("name %q", r.Name)
	}
}
