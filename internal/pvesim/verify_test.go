package pvesim

import (
	"maps"
	"strings"
	"testing"
)

// TestVerification is the table of Proxmox's checks of a parameter and of their
// words, from its JSONSchema.
func TestVerification(t *testing.T) {
	schema := []param{
		optInt("n").from(2).to(10), optNum("f").from(0), optBool("b"), optStr("s").upTo(4).atLeast(2), optStr("e").of("one", "two"), optStr("p").like(`a+`), optStr("r").with("s"),
		optStr("net[n]").made(netProps), optStr("host").as("dns-name"), optStr("keep").as("prune-backups"), {name: "list", typ: "array", optional: true},
		optStr("fleece").as("backup-fleecing"), str("must"),
	}
	const unknown = "property is not defined in schema and the schema does not allow additional properties"
	for _, tc := range []struct {
		name, value, about, want string
	}{
		{"n", "5", "", ""}, {"n", "+5", "", ""}, {"n", "007", "", ""}, {"n", "5.0", "n", "type check ('integer') failed - got '5.0'"}, {"n", "", "n", "type check ('integer') failed - got ''"},
		{"n", "1", "n", "value must have a minimum value of 2"}, {"n", "99999999999999999999999", "n", "value must have a maximum value of 10"}, {"n", "0x5", "n", "type check ('integer') failed - got '0x5'"},
		{"f", "0.5", "", ""}, {"f", ".5e1", "", ""}, {"f", "-1", "f", "value must have a minimum value of 0"}, {"f", "NaN", "f", "type check ('number') failed - got 'NaN'"}, {"f", "1_0", "f", "type check ('number') failed - got '1_0'"},
		{"b", "1", "", ""}, {"b", "true", "b", "type check ('boolean') failed - got 'true'"}, {"b", "", "b", "type check ('boolean') failed - got ''"},
		{"s", "äöüß", "", ""}, {"s", "abcde", "s", "value may only be 4 characters long"}, {"s", "a", "s", "value must be at least 2 characters long"}, {"s", jsonList, "s", "type check ('string') failed - got ARRAY"},
		{"n", jsonObject, "n", "type check ('integer') failed - got HASH"}, {"list", jsonList, "", ""}, {"list", "one", "", ""},
		{"e", "three", "e", "value 'three' does not have a value in the enumeration 'one, two'"}, {"p", "b", "p", "value does not match the regex pattern"},
		{"r", "x", "s", "missing property - 'r' requires this property"}, {"colour", "x", "colour", unknown}, {"net32", "name=eth0", "net32", unknown}, {"net01", "name=eth0", "net01", unknown},
		{"net0", "name=eth0,firewall=on", "", ""}, {"net0", "name=eth0,bridge=", "net0", "invalid format - missing key in comma-separated list property\n"},
		{"net0", "name=eth0,name=eth1", "net0", "invalid format - duplicate key in comma-separated list property: name\n"}, {"net0", "eth0", "net0", "invalid format - value without key, but schema does not define a default key\n"},
		{"net0", "name=eth0,tag=5000", "net0", "invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n"},
		{"host", "a_b", "host", "invalid format - value does not look like a valid DNS name\n"},
		{"keep", "keep-last=3,keep-all=0", "", ""}, {"keep", "keep-some=3", "keep", "invalid format - format error\nkeep.keep-some: " + unknown + "\n"}, {"fleece", "1,storage=local", "", ""},
	} {
		args := map[string]string{"must": "x", tc.name: tc.value}
		want := map[string]string{}
		if tc.want != "" {
			want[tc.about] = tc.want
		}
		if got := verify(schema, args, 9); !maps.Equal(got, want) {
			t.Errorf("%s=%s: %q, want %q", tc.name, tc.value, got, want)
		}
	}
	got := verify([]param{str("a"), optStr("b").with("a")}, map[string]string{"b": "x"}, 9)
	if want := "property is missing and it is not optional" + `\n` + "missing property - 'b' requires this property"; got["a"] != want {
		t.Errorf("two complaints about one: %q, want %q", got["a"], want)
	}
}

// TestBodiesAsJSON: scalars are as in a form, all else is a complaint about its
// type.
func TestBodiesAsJSON(t *testing.T) {
	args := parseJSONBody([]byte(`{"a":1.50,"b":true,"c":false,"d":null,"e":"x","f":[1],"g":{"h":1},"i":12345678901234567890}`))
	want := map[string]string{"a": "1.50", "b": "1", "c": "0", "e": "x", "f": jsonList, "g": jsonObject, "i": "12345678901234567890"}
	if !maps.Equal(args, want) {
		t.Errorf("%q, want %q", args, want)
	}
	if got := strings.Join([]string{sizeText(1 << 30), sizeText(1536 << 20), sizeText(1000), sizeText(3 << 40)}, " "); got != "1G 1536M 1000 3T" {
		t.Errorf("sizes: %s", got)
	}
	if bytesOf("+1.5G") != 1536<<20 || bytesOf("512") != 512 || bytesOf("2T") != 2<<40 {
		t.Error("sizes are misread")
	}
}
