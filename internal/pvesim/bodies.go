package pvesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

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
