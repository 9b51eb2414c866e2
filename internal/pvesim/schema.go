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
	"sync"
)

// param is one parameter as the official schema has it; the tables are written
// by hand and compared with that schema in a test.
type param struct {
	name     string
	typ      string // "string", "integer", "boolean"
	optional bool
	format   string
	enum     []string
	enum9    []string // further ones since 9
	enum8    []string // where those before 9 stand in another order
	pattern  string
	min, max *int64
	maxLen   int
	requires string
	props    []param // of a value that is a comma-separated list of its own
	isPart   bool    // among props: the one that may be written without its name
	since    int     // the major version that brought it; 0: all have it
	gone     bool    // since 9
}

func bound(n int64) *int64 { return &n }

func str(name string) param     { return param{name: name, typ: "string"} }
func optStr(name string) param  { return param{name: name, typ: "string", optional: true} }
func optInt(name string) param  { return param{name: name, typ: "integer", optional: true} }
func optBool(name string) param { return param{name: name, typ: "boolean", optional: true} }

func (p param) andIn9(list ...string) param  { p.enum9 = list; return p }
func (p param) before9(list ...string) param { p.enum8 = list; return p }
func optNum(name string) param               { return param{name: name, typ: "number", optional: true} }

func (p param) to(n int64) param         { p.max = bound(n); return p }
func (p param) made(props []param) param { p.props = props; return p }
func (p param) byDefault() param         { p.isPart = true; return p }
func (p param) newIn9() param            { p.since = 9; return p }
func (p param) goneIn9() param           { p.gone = true; return p }
func (p param) from(n int64) param       { p.min = bound(n); return p }
func (p param) as(format string) param   { p.format = format; return p }
func (p param) upTo(length int) param    { p.maxLen = length; return p }
func (p param) like(pat string) param    { p.pattern = pat; return p }
func (p param) of(list ...string) param  { p.enum = list; return p }
func (p param) with(name string) param   { p.requires = name; return p }
func (p param) mayMiss() param           { p.optional = true; return p }

var (
	nodeParam = str("node").as("pve-node")
	vmidParam = param{name: "vmid", typ: "integer", format: "pve-vmid", min: bound(100), max: bound(999999999)}
)

const fourForm = `(\d{1,3}\.){3}\d{1,3}`

type format struct {
	ok    *regexp.Regexp
	words string // %s stands for the value
}

func (f format) refuse(v string) string {
	return "invalid format - " + strings.Replace(f.words, "%s", v, 1)
}

// formats are Proxmox's named formats, each with the words it refuses in.
var formats = map[string]format{
	"pve-vmid":             {regexp.MustCompile(`^[1-9][0-9]{2,8}$`), "value does not look like a valid VM ID\n"},
	"pve-node":             {regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`), "value does not look like a valid node name\n"},
	"pve-userid":           {regexp.MustCompile(`^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid user name\n"},
	"pve-roleid":           {regexp.MustCompile(`^[A-Za-z0-9._-]+$`), "role name contains invalid characters\n"},
	"pve-realm":            {regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid realm\n"},
	"pve-tokenid":          {regexp.MustCompile(`^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+$`), "value does not look like a valid token ID\n"},
	"pve-groupid":          {regexp.MustCompile(`^[A-Za-z0-9._-]+$`), "group name contains invalid characters\n"},
	"dns-name":             {regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$`), "value does not look like a valid DNS name\n"},
	"pve-tag":              {regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_+.-]*$`), "invalid characters in tag\n"},
	"pve-startup-order":    {regexp.MustCompile(`^(\d+|(order|up|down)=\d+)(,(order|up|down)=\d+)*$`), "unable to parse startup options\n"},
	"pve-volume-id":        {regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]:.+$`), "unable to parse volume ID '%s'\n"},
	"pve-ct-timezone":      {regexp.MustCompile(`^(host|UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2})$`), "invalid time zone '%s'\n"},
	"pve-lxc-mp-string":    {regexp.MustCompile(`^[^\x00-\x1f]+$`), "invalid mount point\n"},
	"pve-lxc-dev-string":   {regexp.MustCompile(`^/dev/[^\x00-\x1f]+$`), "device path must start with /dev/\n"},
	"disk-size":            {regexp.MustCompile(`^\d+(\.\d+)?[KMGT]?$`), "value does not look like a valid disk size\n"},
	"mac-addr":             {regexp.MustCompile(`^(?i)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$`), "value does not look like a valid unicast MAC address\n"},
	"ipv4":                 {regexp.MustCompile(`^` + fourForm + `$`), "value is not a valid IPv4 address\n"},
	"ipv6":                 {regexp.MustCompile(`^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$`), "value is not a valid IPv6 address\n"},
	"pve-ipv4-config":      {regexp.MustCompile(`^(dhcp|manual|` + fourForm + `/\d{1,2})$`), "value does not look like a valid ipv4 network configuration\n"},
	"pve-ipv6-config":      {regexp.MustCompile(`^(auto|dhcp|manual|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/\d{1,3})$`), "value does not look like a valid ipv6 network configuration\n"},
	"lxc-ip-with-ll-iface": {regexp.MustCompile(`^(` + fourForm + `|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%\w+)?)$`), "value does not look like a valid IP address or link-local IPv6 with interface\n"},
	"pve-configid":         {regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]+$`), "invalid configuration ID '%s'\n"},
	"pve-poolid":           {regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}$`), "value does not look like a valid pool name\n"},
	"pve-storage-id":       {regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]$`), "storage ID '%s' contains illegal characters\n"},
	"pve-storage-content":  {regexp.MustCompile(`^(none|images|rootdir|vztmpl|iso|backup|snippets|import)$`), "invalid content type '%s'\n"},
	"pve-iface":            {regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{1,20}([:.]\d+)?$`), "invalid network interface name '%s'\n"},
	"storage-pair":         {regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9])(:[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9])?$|^1$`), "storage ID '%s' contains illegal characters\n"},
	"email-opt":            {regexp.MustCompile(`^$|^[^\s@]+@[^\s@]+$`), "value does not look like a valid email address\n"},
	"mac-prefix":           {regexp.MustCompile(`^(?i)[0-9a-f][02468ace](:[0-9a-f]{2}){0,2}:?$`), "value is not a valid unicast MAC address prefix\n"},
	"CIDR":                 {regexp.MustCompile(`^(` + fourForm + `/\d{1,2}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/\d{1,3})$`), "value does not look like a valid CIDR network\n"},
	"pve-priv":             {regexp.MustCompile(`^[A-Za-z]+(\.[A-Za-z]+)+$`), "invalid privilege\n"},
}

// verify checks args and returns the complaints by parameter.
func verify(schema []param, args map[string]string, major int) map[string]string {
	bad := map[string]string{}
	for name, v := range args {
		i := slices.IndexFunc(schema, func(p param) bool { return p.name == family(name) && p.knownTo(major) })
		if i < 0 {
			bad[name] = "property is not defined in schema and the schema does not allow additional properties"
		} else if msg := schema[i].check(name, v, major); msg != "" {
			bad[name] = msg
		}
	}
	for _, p := range schema {
		if _, there := args[p.name]; !there {
			if !p.optional {
				bad[p.name] = "property is missing and it is not optional"
			}
			continue
		}
		if p.requires != "" && args[p.requires] == "" {
			bad[p.requires] = fmt.Sprintf("missing property - '%s' requires this property", p.name)
		}
	}
	return bad
}

func (p param) knownTo(major int) bool { return p.since <= major && (!p.gone || major < 9) }

// check says what is wrong with the value of a parameter of that name.
func (p param) check(name, v string, major int) string {
	switch p.typ {
	case "number":
		n, err := strconv.ParseFloat(v, 64)
		switch {
		case err != nil:
			return fmt.Sprintf("type check ('number') failed - got '%s'", v)
		case p.min != nil && n < float64(*p.min):
			return fmt.Sprintf("value must have a minimum value of %d", *p.min)
		case p.max != nil && n > float64(*p.max):
			return fmt.Sprintf("value must have a maximum value of %d", *p.max)
		}
		return ""
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
	if list := p.allowed(major); len(list) > 0 && !slices.Contains(list, v) {
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", v, strings.Join(list, ", "))
	}
	if p.pattern != "" && !patternOf(p.pattern).MatchString(v) {
		return "value does not match the regex pattern"
	}
	if p.props != nil {
		return p.checkParts(name, v, major)
	}
	return ""
}

// allowed is the enumeration as a version has it.
func (p param) allowed(major int) []string {
	switch {
	case major >= 9:
		return slices.Concat(p.enum, p.enum9)
	case p.enum8 != nil:
		return p.enum8
	}
	return p.enum
}

// checkParts checks a value such as name=eth0,bridge=vmbr0.
func (p param) checkParts(name, v string, major int) string {
	parts, words := p.parts(v)
	if words != "" {
		return "invalid format - " + words + "\n"
	}
	bad := verify(p.props, parts, major)
	if len(bad) == 0 {
		return ""
	}
	keys := make([]string, 0, len(bad))
	for k := range bad {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	text := "invalid format - format error\n"
	for _, k := range keys {
		text += name + "." + k + ": " + strings.TrimSuffix(bad[k], "\n") + "\n"
	}
	return text
}

// parts splits a value into its properties, or says why it cannot be.
func (p param) parts(v string) (map[string]string, string) {
	list := map[string]string{}
	for _, item := range strings.Split(v, ",") {
		if item == "" {
			continue
		}
		key, value, named := strings.Cut(item, "=")
		if !named {
			i := slices.IndexFunc(p.props, func(o param) bool { return o.isPart })
			if i < 0 {
				return nil, "value without key, but schema does not define a default key"
			}
			key, value = p.props[i].name, item
		}
		if _, twice := list[key]; twice {
			return nil, "duplicate key in comma-separated list property: " + key
		}
		list[key] = value
	}
	return list, ""
}

func (p param) checkFormat(v string) string {
	name, isList := strings.CutSuffix(p.format, "-list")
	f, known := formats[name]
	if !known {
		return ""
	}
	if !isList {
		if !f.ok.MatchString(v) {
			return f.refuse(v)
		}
		return ""
	}
	for _, item := range splitList(v) {
		if !f.ok.MatchString(item) {
			return f.refuse(item)
		}
	}
	return ""
}

// The patterns as the official schema writes them, in Perl.
const (
	tokenPattern = `(?^:[A-Za-z][A-Za-z0-9\.\-_]+)`
	whoPattern   = `(?^:^(?^:[^\s:/]+)\@(?^:[A-Za-z][A-Za-z0-9\.\-_]+)(?:!(?^:[A-Za-z][A-Za-z0-9\.\-_]+))?$)`
)

var patterns sync.Map // of compiled ones by their Perl form

// patternOf turns a pattern of the schema into one of ours.
func patternOf(p string) *regexp.Regexp {
	if re, there := patterns.Load(p); there {
		return re.(*regexp.Regexp)
	}
	ours := strings.NewReplacer("(?^:", "(?:", "(?^i:", "(?i:", `\0`, `\x00`).Replace(p)
	re := regexp.MustCompile(`^(?:` + ours + `)$`)
	patterns.Store(p, re)
	return re
}

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
