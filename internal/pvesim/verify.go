package pvesim

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

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

// splitList splits as PVE::Tools::split_list does: by comma, semicolon, blank.
func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",; \t\n\x00", r) })
}
