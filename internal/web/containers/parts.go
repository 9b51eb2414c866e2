package containers

import "github.com/a-h/templ"

// headParts are what changes in the header, on every tab.
func headParts(v *view) []part {
	parts := []part{{"under", "", under(v)}, {"notices", "", notices(v)}}
	if v.There {
		parts = append(parts, part{"actions", actionsKey(v), actions(v)})
	}
	return parts
}

// overviewParts are what changes on the overview.
func overviewParts(v *view) []part {
	r := recordOf(v.Detail, v.Frame)
	return []part{
		{"cpu", "", cpuTile(v)}, {"memory", "", memoryTile(v)}, {"traffic", "", trafficTile(v)},
		{"resources", "", resources(v)}, {"network", "", network(v)}, {"about", "", aboutPart(v)},
		{"frames", "", frames(v)}, {"charts", r.key(), chartsPart(v, r)}, {"numbers", "", numbers(v, r)},
		{"configuration", "", configuration(v)}, {"notes", "", notesPart(v)},
	}
}

// in is the slot of that name.
func in(parts []part, name string) templ.Component {
	for _, p := range parts {
		if p.name == name {
			return slotBy(p.name, p.key, p.body)
		}
	}
	return templ.NopComponent
}

// actionsKey leaves out the forms' keys, which are other ones each time.
func actionsKey(v *view) string {
	key := string(v.C.Status) + v.C.Name()
	for _, a := range acts(v) {
		key += "\x00" + a.Why
	}
	return key
}
