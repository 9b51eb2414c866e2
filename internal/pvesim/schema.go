package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// param is one parameter as the official schema has it; the tables are written
// by hand and compared with that schema in a test.
type param struct {
	name     string
	typ      string // "string", "integer", "boolean"
	optional bool
	format   string
	enum     []string
	pattern  string
	min, max *int64
	maxLen   int
	requires string
}

func bound(n int64) *int64 { return &n }

func str(name string) param     { return param{name: name, typ: "string"} }
func optStr(name string) param  { return param{name: name, typ: "string", optional: true} }
func optInt(name string) param  { return param{name: name, typ: "integer", optional: true} }
func optBool(name string) param { return param{name: name, typ: "boolean", optional: true} }

func (p param) from(n int64) param      { p.min = bound(n); return p }
func (p param) as(format string) param  { p.format = format; return p }
func (p param) upTo(length int) param   { p.maxLen = length; return p }
func (p param) like(pat string) param   { p.pattern = pat; return p }
func (p param) of(list ...string) param { p.enum = list; return p }
func (p param) with(name string) param  { p.requires = name; return p }
func (p param) mayMiss() param          { p.optional = true; return p }

var (
	nodeParam = str("node").as("pve-node")
	vmidParam = param{name: "vmid", typ: "integer", format: "pve-vmid", min: bound(100), max: bound(999999999)}
)

// formats are Proxmox's named formats, each with the words it refuses in.
var formats = map[string]struct {
	ok    *regexp.Regexp
	words string
}{
	"pve-vmid":    {regexp.MustCompile(`^[1-9][0-9]{2,8}$`), "value does not look like a valid VM ID\n"},
	"pve-node":    {regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`), "value does not look like a valid node name\n"},
	"pve-userid":  {regexp.MustCompile(`^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid user name\n"},
	"pve-roleid":  {regexp.MustCompile(`^[A-Za-z0-9._-]+$`), "role name contains invalid characters\n"},
	"pve-realm":   {regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid realm\n"},
	"pve-tokenid": {regexp.MustCompile(`^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid token ID\n"},
	"pve-groupid": {regexp.MustCompile(`^[A-Za-z0-9._-]+$`), "group name contains invalid characters\n"},
	"pve-priv":    {regexp.MustCompile(`^[A-Za-z]+(\.[A-Za-z]+)+$`), "invalid privilege\n"},
}

// verify checks args and returns the complaints by parameter.
func verify(schema []param, args map[string]string) map[string]string {
	bad := map[string]string{}
	for name := range args {
		if !slices.ContainsFunc(schema, func(p param) bool { return p.name == name }) {
			bad[name] = "property is not defined in schema and the schema does not allow additional properties"
		}
	}
	for _, p := range schema {
		v, there := args[p.name]
		if !there {
			if !p.optional {
				bad[p.name] = "property is missing and it is not optional"
			}
			continue
		}
		if msg := p.check(v); msg != "" {
			bad[p.name] = msg
		}
		if p.requires != "" && args[p.requires] == "" {
			bad[p.requires] = fmt.Sprintf("missing property - '%s' requires this property", p.name)
		}
	}
	return bad
}

func (p param) check(v string) string {
	switch p.typ {
	case "integer":
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Sprintf("type check ('integer') failed - got '%s'", v)
		}
		if msg := p.checkFormat(v); msg != "" {
			return msg
		}
		if p.min != nil && n < *p.min {
			return fmt.Sprintf("value must have a minimum value of %d", *p.min)
		}
		if p.max != nil && n > *p.max {
			return fmt.Sprintf("value must have a maximum value of %d", *p.max)
		}
		return ""
	case "boolean":
		if v != "0" && v != "1" {
			return fmt.Sprintf("type check ('boolean') failed - got '%s'", v)
		}
		return ""
	}
	if p.maxLen > 0 && len(v) > p.maxLen {
		return fmt.Sprintf("value may only be %d characters long", p.maxLen)
	}
	if msg := p.checkFormat(v); msg != "" {
		return msg
	}
	if len(p.enum) > 0 && !slices.Contains(p.enum, v) {
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", v, strings.Join(p.enum, ", "))
	}
	if p.pattern != "" && !patternOf(p.pattern).MatchString(v) {
		return "value does not match the regex pattern"
	}
	return ""
}

func (p param) checkFormat(v string) string {
	name, isList := strings.CutSuffix(p.format, "-list")
	f, known := formats[name]
	if !known {
		return ""
	}
	if !isList {
		if !f.ok.MatchString(v) {
			return "invalid format - " + f.words
		}
		return ""
	}
	for _, item := range splitList(v) {
		if !f.ok.MatchString(item) {
			return "invalid format - " + f.words
		}
	}
	return ""
}

var patterns = map[string]*regexp.Regexp{
	tokenPattern: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]+$`),
	whoPattern:   regexp.MustCompile(`^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+(![A-Za-z][A-Za-z0-9._-]+)?$`),
}

// The patterns as the official schema writes them, in Perl.
const (
	tokenPattern = `(?^:[A-Za-z][A-Za-z0-9\.\-_]+)`
	whoPattern   = `(?^:^(?^:[^\s:/]+)\@(?^:[A-Za-z][A-Za-z0-9\.\-_]+)(?:!(?^:[A-Za-z][A-Za-z0-9\.\-_]+))?$)`
)

func patternOf(p string) *regexp.Regexp { return patterns[p] }

// splitList splits as PVE::Tools::split_list does: by comma, semicolon, blank.
func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",; \t\n\x00", r) })
}

// parseForm reads form pairs as PVE's daemon does: pairs are separated by & or
// ;, and a value ends at a further unescaped =.
func parseForm(s string) map[string]string {
	args := map[string]string{}
	for _, pair := range strings.FieldsFunc(s, func(r rune) bool { return r == '&' || r == ';' }) {
		parts := strings.Split(pair, "=")
		key, err := url.QueryUnescape(parts[0])
		if err != nil || key == "" {
			continue
		}
		value := ""
		if len(parts) > 1 {
			if value, err = url.QueryUnescape(parts[1]); err != nil {
				value = parts[1]
			}
		}
		if had, there := args[key]; there {
			value = had + "\x00" + value
		}
		args[key] = value
	}
	return args
}

// parseJSONBody flattens a JSON object to the strings that a form would carry.
func parseJSONBody(body []byte) map[string]string {
	args := map[string]string{}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return args // valid JSON, but no object: nothing is named
	}
	for k, v := range m {
		switch v := v.(type) {
		case nil:
		case bool:
			args[k] = "0"
			if v {
				args[k] = "1"
			}
		default:
			args[k] = fmt.Sprint(v)
		}
	}
	return args
}
