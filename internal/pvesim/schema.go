package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
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
	minLen   int
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
func (p param) atLeast(length int) param { p.minLen = length; return p }
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

// complaints are Proxmox's words by parameter; several about one are joined by a
// backslash and an n, as Proxmox does it.
type complaints map[string]string

func (c complaints) add(name, words string) {
	if had, there := c[name]; there {
		words = had + `\n` + words
	}
	c[name] = words
}

// verify checks args and returns the complaints by parameter.
func verify(schema []param, args map[string]string, major int) map[string]string {
	bad := complaints{}
	for _, p := range schema {
		if _, there := args[p.name]; !there && !p.optional && p.knownTo(major) {
			bad.add(p.name, "property is missing and it is not optional")
		}
	}
	for name, v := range args {
		i := slices.IndexFunc(schema, func(p param) bool { return p.name == family(name) && p.knownTo(major) })
		if i < 0 {
			bad.add(name, "property is not defined in schema and the schema does not allow additional properties")
			continue
		}
		p := schema[i]
		if msg := p.check(name, v, major); msg != "" {
			bad.add(name, msg)
		}
		if _, there := args[p.requires]; p.requires != "" && !there {
			bad.add(p.requires, fmt.Sprintf("missing property - '%s' requires this property", name))
		}
	}
	return bad
}

func (p param) knownTo(major int) bool { return p.since <= major && (!p.gone || major < 9) }

// Values of a JSON body that are no scalars.
const jsonList, jsonObject = "\x00ARRAY", "\x00HASH"

var (
	wholeNumber = regexp.MustCompile(`^[+-]?\d+$`)
	anyNumber   = regexp.MustCompile(`^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$`)
)

// check says what is wrong with the value of a parameter of that name: its type
// first, then as Proxmox goes on.
func (p param) check(name, v string, major int) string {
	if msg := p.checkType(v); msg != "" || p.typ == "array" {
		return msg
	}
	if p.props != nil {
		return p.checkParts(name, v, major)
	}
	if parts := namedParts[p.format]; parts != nil {
		return param{props: parts}.checkParts(name, v, major)
	}
	if msg := p.checkFormat(v); msg != "" {
		return msg
	}
	length := utf8.RuneCountInString(v)
	switch {
	case p.pattern != "" && !patternOf(p.pattern).MatchString(v):
		return "value does not match the regex pattern"
	case p.maxLen > 0 && length > p.maxLen:
		return fmt.Sprintf("value may only be %d characters long", p.maxLen)
	case length < p.minLen:
		return fmt.Sprintf("value must be at least %d characters long", p.minLen)
	}
	if n, err := strconv.ParseFloat(v, 64); anyNumber.MatchString(v) && (err == nil || math.IsInf(n, 0)) {
		if p.max != nil && n > float64(*p.max) {
			return fmt.Sprintf("value must have a maximum value of %d", *p.max)
		}
		if p.min != nil && n < float64(*p.min) {
			return fmt.Sprintf("value must have a minimum value of %d", *p.min)
		}
	}
	if list := p.allowed(major); len(list) > 0 && !slices.Contains(list, v) {
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", v, strings.Join(list, ", "))
	}
	return ""
}

func (p param) checkType(v string) string {
	for _, kind := range []string{jsonList, jsonObject} {
		if v == kind && p.typ != "array" {
			return fmt.Sprintf("type check ('%s') failed - got %s", p.typ, kind[1:])
		}
	}
	ok := true
	switch p.typ {
	case "number":
		ok = anyNumber.MatchString(v)
	case "integer":
		ok = wholeNumber.MatchString(v)
	case "boolean":
		ok = v == "0" || v == "1"
	}
	if !ok {
		return fmt.Sprintf("type check ('%s') failed - got '%s'", p.typ, v)
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

// parts splits a value into its properties, or says why it cannot be. Booleans
// have more words here than elsewhere.
func (p param) parts(v string) (map[string]string, string) {
	list := map[string]string{}
	for _, item := range strings.Split(v, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		key, value, named := strings.Cut(item, "=")
		if named && (key == "" || value == "") {
			return nil, "missing key in comma-separated list property"
		}
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
		if slices.ContainsFunc(p.props, func(o param) bool { return o.name == key && o.typ == "boolean" }) {
			value = booleanWord(value)
		}
		list[key] = value
	}
	return list, ""
}

func booleanWord(v string) string {
	switch strings.ToLower(v) {
	case "on", "yes", "true":
		return "1"
	case "off", "no", "false":
		return "0"
	}
	return v
}

// namedParts are the formats that are lists of properties under a name.
var namedParts = map[string][]param{
	"prune-backups": {optBool("keep-all"), optInt("keep-last").from(0), optInt("keep-hourly").from(0), optInt("keep-daily").from(0), optInt("keep-weekly").from(0),
		optInt("keep-monthly").from(0), optInt("keep-yearly").from(0)},
	"backup-fleecing":    {optBool("enabled").byDefault(), optStr("storage").as("pve-storage-id")},
	"backup-performance": {optInt("max-workers").from(1).to(256), optInt("pbs-entries-max").from(1)},
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
		case []any:
			args[k] = jsonList
		case map[string]any:
			args[k] = jsonObject
		default:
			args[k] = fmt.Sprint(v)
		}
	}
	return args
}
