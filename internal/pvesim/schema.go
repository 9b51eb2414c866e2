package pvesim

import (
	"regexp"
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
