package pvesim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	tagPattern    = `(?^i:[a-z0-9_][a-z0-9_\-\+\.]*)`
	colorPattern  = `(?:` + tagPattern + `:[0-9a-fA-F]{6}(?::[0-9a-fA-F]{6})?)`
	tagsPattern   = `(?:` + tagPattern + `;)*` + tagPattern
	colorsPattern = colorPattern + `(?:;` + colorPattern + `)*`
	allowPattern  = tagPattern + `(?:;` + tagPattern + `)*`
)

// datacenterParams are the settings that a cluster shares, but for "delete".
var datacenterParams = []param{
	optStr("bwlimit").made([]param{optNum("clone").from(0), optNum("default").from(0), optNum("migration").from(0), optNum("move").from(0), optNum("restore").from(0)}),
	optStr("consent-text").upTo(65536), optStr("console").of("applet", "vv", "html5", "xtermjs"),
	optStr("crs").made([]param{
		optStr("ha").of("basic", "static").andIn9("dynamic"), optBool("ha-auto-rebalance").newIn9(),
		optNum("ha-auto-rebalance-hold-duration").from(0).with("ha-auto-rebalance").newIn9(), optNum("ha-auto-rebalance-margin").from(0).to(100).with("ha-auto-rebalance").newIn9(),
		optStr("ha-auto-rebalance-method").of("bruteforce", "topsis").with("ha-auto-rebalance").newIn9(),
		optNum("ha-auto-rebalance-threshold").from(0).to(100).with("ha-auto-rebalance").newIn9(), optBool("ha-rebalance-on-start"),
	}),
	optStr("description").upTo(65536), optStr("email_from").as("email-opt"), optStr("fencing").of("watchdog", "hardware", "both"),
	optStr("ha").made([]param{str("shutdown_policy").of("freeze", "failover", "conditional", "migrate")}), optStr("http_proxy").like("http://.*"),
	optStr("keyboard").of("de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr"),
	optStr("language").of("ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb", "nl", "nn", "pl", "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW"),
	optStr("location").newIn9().made([]param{param{name: "latitude", typ: "number"}.from(-90).to(90), param{name: "longitude", typ: "number"}.from(-180).to(180), optStr("name").upTo(128)}),
	optStr("mac_prefix").as("mac-prefix"), optInt("max_workers").from(1), optStr("migration").made(migrationProps), optBool("migration_unsecure"),
	optStr("next-id").made([]param{optInt("lower"), optInt("upper")}),
	optStr("notify").made([]param{
		optStr("fencing").of("always", "never"), optStr("package-updates").of("auto", "always", "never"), optStr("replication").of("always", "never"),
		optStr("target-fencing"), optStr("target-package-updates"), optStr("target-replication"),
	}),
	optStr("registered-tags").like(tagsPattern), optStr("replication").newIn9().made(migrationProps),
	optStr("tag-style").made([]param{optBool("case-sensitive"), optStr("color-map").like(colorsPattern), optStr("ordering").of("config", "alphabetical"), optStr("shape").of("full", "circle", "dense", "none")}),
	optStr("u2f").made([]param{optStr("appid"), optStr("origin")}),
	optStr("user-tag-access").made([]param{optStr("user-allow").of("none", "list", "existing", "free"), optStr("user-allow-list").like(allowPattern)}),
	optStr("webauthn").made([]param{optBool("allow-subdomains"), optStr("id"), optStr("origin"), optStr("rp")}),
}

var migrationProps = []param{str("type").of("secure", "insecure").byDefault(), optStr("network").as("CIDR")}

var optionEndpoints = []endpoint{
	{method: "GET", path: "/cluster/options", perm: anybody, serve: readOptions},
	{method: "PUT", path: "/cluster/options", perm: needs("/", "Sys.Modify"), protected: true, serve: writeOptions,
		params: append([]param{optStr("delete").as("pve-configid-list")}, datacenterParams...)},
}

// readOptions shows all with Sys.Audit on /, else what every page needs. The
// values with parts come as objects.
func readOptions(cl *call) (any, error) {
	c := cl.cluster
	o := obj{{"allowed-tags", c.tagsSeen(cl.who)}}
	shown := c.options
	if c.may(cl.who, "/", "Sys.Audit") {
		o = o.with("mac_prefix", "BC:24:11").with("description", "")
	} else {
		shown = maps.Clone(shown)
		maps.DeleteFunc(shown, func(k, _ string) bool { return !slices.Contains([]string{"console", "tag-style", "consent-text"}, k) })
	}
	for k, v := range shown {
		o = o.set(k, c.optionValue(k, v))
	}
	return o, nil
}

func (c *Cluster) optionValue(key, value string) any {
	p := datacenterParams[slices.IndexFunc(datacenterParams, func(p param) bool { return p.name == key })]
	switch {
	case key == "description":
		return strings.TrimSuffix(value, "\n") + "\n"
	case key == "registered-tags":
		return tidyTags(splitList(value))
	case p.typ != "string":
		return atoi(value)
	case p.props == nil || key == "bwlimit":
		return value
	}
	parts, _ := p.parts(value)
	o := obj{}
	for k, v := range parts {
		o = o.with(k, v)
	}
	return o
}

// tagsSeen are the tags of all guests that somebody may see, and those that are
// registered for whoever may change the settings.
func (c *Cluster) tagsSeen(who string) []string {
	tags := []string{}
	for _, g := range c.guests {
		if len(g.tags) > 0 && c.may(who, fmt.Sprint("/vms/", g.vmid), "VM.Audit") {
			tags = append(tags, g.tags...)
		}
	}
	if c.may(who, "/", "Sys.Modify") {
		tags = append(tags, splitList(c.options["registered-tags"])...)
	}
	return tidyTags(tags)
}

func writeOptions(cl *call) (any, error) {
	c := cl.cluster
	if !c.quorate() {
		return nil, &apiError{status: 500, message: "cfs-lock 'file-datacenter_cfg' error: no quorum!\n", after: c.sim.scaled(lockWait)}
	}
	if c.options == nil {
		c.options = map[string]string{}
	}
	for _, k := range splitList(cl.args["delete"]) {
		delete(c.options, k)
	}
	for k, v := range cl.args {
		if k != "delete" {
			c.options[k] = v
		}
	}
	return nil, nil
}
