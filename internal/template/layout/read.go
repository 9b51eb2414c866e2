package layout

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/template"
)

// Read reads every template of a layout, in order of their directories. Findings
// that belong to no template come second. Nothing that is wrong stops the reading of the rest.
func Read(files Files) (found []Found, findings []template.Finding) {
	roots := findRoots(files)
	of := map[string]Files{}
	for _, root := range roots {
		of[root] = Files{}
	}
	for p, data := range files {
		if junk(p) {
			continue
		}
		root, ok := rootOf(p, roots)
		if !ok {
			findings = append(findings, template.Finding{Level: template.Advice, Rule: "stray", File: p, Text: "This file belongs to no template and is left out.",
				Remedy: "Files of a template lie in the directory of its template.conf."})
			continue
		}
		of[root][strings.TrimPrefix(strings.TrimPrefix(p, root), "/")] = data
	}
	for _, root := range roots {
		found = append(found, readOne(root, of[root]))
	}
	findings = append(findings, sameNames(found)...)
	if len(found) == 0 {
		findings = append(findings, template.Finding{Level: template.Error, Rule: "empty", Text: "There is no template in it: no template.conf was found.",
			Remedy: "A template is a directory with a template.conf."})
	}
	template.Sort(findings)
	return found, findings
}

// junk is what desktops leave in archives.
func junk(p string) bool {
	base := path.Base(p)
	return base == ".DS_Store" || base == "Thumbs.db" || strings.HasPrefix(p, "__MACOSX/") || strings.HasPrefix(p, ".git/") || strings.Contains(p, "/.git/")
}

// findRoots lists the directories with a template.conf that are not part of another template.
func findRoots(files Files) (roots []string) {
	for p := range files {
		if path.Base(p) == confName && !junk(p) && !strings.Contains("/"+p, "/container-configs/") {
			root := path.Dir(p)
			if root == "." {
				root = ""
			}
			roots = append(roots, root)
		}
	}
	slices.Sort(roots)
	return roots
}

// rootOf finds the innermost template that a file is part of.
func rootOf(p string, roots []string) (best string, ok bool) {
	for _, root := range roots {
		if (root == "" || strings.HasPrefix(p, root+"/")) && (!ok || len(root) > len(best)) {
			best, ok = root, true
		}
	}
	return best, ok
}

func sameNames(found []Found) (findings []template.Finding) {
	seen := map[string]string{}
	for _, f := range found {
		key := strings.ToLower(f.Content.Name)
		if first, twice := seen[key]; twice {
			findings = append(findings, template.Finding{Level: template.Error, Rule: "name", File: f.File("name"),
				Text: fmt.Sprintf("“%s” is the name of the template in %s too.", f.Content.Name, path.Join(first, confName)), Remedy: "Give one of them another " + keyApp + "."})
			continue
		}
		seen[key] = f.Dir
	}
	return findings
}

// reader reads one template.
type reader struct {
	root  string
	files Files
	*conf
	content template.Content
	where   map[string]string // "script NAME", "file PATH", "list NAME" → the file's path
	used    map[string]bool   // keys of template.conf
}

func readOne(root string, files Files) Found {
	r := &reader{root: root, files: files, where: map[string]string{}, used: map[string]bool{}}
	r.conf = readConf(path.Join(root, confName), files[confName])
	r.plain()
	r.inputs()
	r.scripts()
	r.readFiles()
	r.lists()
	follow := r.split(keyFollows)
	r.leftOver()
	f := Found{Dir: root, Content: r.content.Clean(), Findings: r.findings, places: map[string]string{}}
	for _, l := range f.Content.Lists {
		if slices.Contains(follow, l.Name) {
			f.Follow = append(f.Follow, l.Name)
		}
	}
	r.places(f)
	for _, x := range f.Content.Check() {
		x.File = f.File(x.Field)
		if x.File == r.file {
			x.Line = r.lines[keyOf(x.Field, f.Content)]
		}
		f.Findings = append(f.Findings, x)
	}
	template.Sort(f.Findings)
	return f
}

func (r *reader) places(f Found) {
	for i, s := range f.Content.Scripts {
		f.places[fmt.Sprintf("scripts[%d]", i)] = r.where["script "+s.Name]
	}
	for i, x := range f.Content.Files {
		f.places[fmt.Sprintf("files[%d]", i)] = r.where["file "+x.Path]
	}
	for i, l := range f.Content.Lists {
		f.places[fmt.Sprintf("lists[%d]", i)] = r.where["list "+l.Name]
	}
}

// keyOf is the key of template.conf that a place in the content comes from.
func keyOf(field string, c template.Content) string {
	keys := map[string]string{"name": keyApp, "description": keyDescription, "tags": keyTags, "os": keyOS, "cores": keyCPU, "memory": keyRAM,
		"swap": keySwap, "disk": keyDisk, "storage": keyStorage, "bridge": keyBridge, "inputs": keyInputs}
	if key, ok := keys[field]; ok {
		return key
	}
	for i, in := range c.Inputs {
		if part, ok := strings.CutPrefix(field, fmt.Sprintf("inputs[%d].", i)); ok && part != "name" {
			return keyInput + strings.ToUpper(in.Name) + "_" + strings.ToUpper(part)
		}
	}
	return keyInputs
}

func (r *reader) value(key, fallback string) string {
	r.used[key] = true
	if v, ok := r.values[key]; ok {
		if len(v) > maxConfValue {
			r.wrong(r.lines[key], key+" is too long.", "")
			return fallback
		}
		return v
	}
	return fallback
}

func (r *reader) number(key string, fallback int) int {
	text := strings.TrimSpace(r.value(key, ""))
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.wrong(r.lines[key], key+" has to be a whole number.", "")
		return fallback
	}
	return n
}

func (r *reader) yes(key string, fallback bool) bool {
	switch strings.ToLower(strings.TrimSpace(r.value(key, ""))) {
	case "":
		return fallback
	case "1", "true", "yes", "on":
		return true
	case "0", "false", "no", "off":
		return false
	}
	r.wrong(r.lines[key], key+" is 1 or 0.", "")
	return fallback
}

// split reads a list with semicolons.
func (r *reader) split(key string) (out []string) {
	for _, one := range strings.Split(r.value(key, ""), ";") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

// table reads lines of NAME=VALUE. names says which there are; others are told.
func (r *reader) table(key string, names map[string]bool) map[string]string {
	out := map[string]string{}
	for i, row := range strings.Split(r.value(key, ""), "\n") {
		if strings.TrimSpace(row) == "" {
			continue
		}
		name, value, ok := strings.Cut(row, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok:
			r.wrong(r.lines[key]+i, "A line of "+key+" is NAME=VALUE.", "")
		case !names[name]:
			r.warn(r.lines[key]+i, key+" names “"+name+"”, which is not there.", "")
		default:
			out[name] = strings.TrimSpace(value)
		}
	}
	return out
}

func (r *reader) plain() {
	fallback := path.Base(r.root)
	if r.root == "" {
		fallback = ""
	}
	c := &r.content
	c.Name = r.value(keyApp, fallback)
	c.Description = r.value(keyDescription, "")
	c.Tags = r.split(keyTags)
	c.Cores = r.number(keyCPU, 1)
	c.Memory = r.number(keyRAM, 512)
	c.Swap = r.number(keySwap, 512)
	c.Disk = r.number(keyDisk, 8)
	named := osPattern(r.value(keyOS, "debian"), r.value(keyVersion, "12"))
	c.OS = r.value(keyOSPattern, named)
	_, hasOS := r.values[keyOS]
	if os, version := splitPattern(c.OS); hasOS && c.OS != named && (os != r.values[keyOS] || version != r.value(keyVersion, "")) {
		r.warn(r.lines[keyOSPattern], keyOSPattern+" says another system than "+keyOS+" and "+keyVersion+"; it is the one that counts.", "Make them agree.")
	}
	c.Storage = r.value(keyStorage, "")
	c.Bridge = r.value(keyBridge, "")
	c.Unprivileged = r.yes(keyUnprivileged, true)
	c.Nesting = r.yes(keyNesting, false)
	c.Keyctl = r.yes(keyKeyctl, false)
	c.Fuse = r.yes(keyFuse, false)
	c.OnBoot = r.yes(keyOnBoot, false)
}

func (r *reader) inputs() {
	for _, name := range r.split(keyInputs) {
		part := func(p string) string { return r.value(keyInput+strings.ToUpper(name)+"_"+p, "") }
		in := template.Input{Name: name, Question: part("QUESTION"), Kind: template.Kind(part("KIND")), Default: part("DEFAULT"), Check: part("CHECK")}
		in.Optional = r.yes(keyInput+strings.ToUpper(name)+"_OPTIONAL", false)
		if in.Kind == "" {
			in.Kind = template.Text
		}
		in.Choices = r.split(keyInput + strings.ToUpper(name) + "_CHOICES")
		r.content.Inputs = append(r.content.Inputs, in)
	}
}

var scriptGrammar = regexp.MustCompile(`^([0-9]{1,6})-(.+)\.sh(\.disabled)?$`)

func (r *reader) scripts() {
	type numbered struct {
		template.Script
		file string
	}
	var all []numbered
	names := map[string]bool{}
	for _, p := range r.files.Paths() {
		file, ok := strings.CutPrefix(p, scriptsDir+"/")
		if !ok {
			continue
		}
		m := scriptGrammar.FindStringSubmatch(file)
		if m == nil {
			r.stray(p, "A script is named NN-name.sh; this file is left out.", "Rename it, such as 10-"+strings.TrimSuffix(path.Base(file), ".sh")+".sh.")
			continue
		}
		n, _ := strconv.Atoi(m[1]) // at most six digits
		all = append(all, numbered{template.Script{Name: m[2], Number: n, Body: string(r.files[p]), Disabled: m[3] != ""}, strings.TrimSuffix(file, disabled)})
		names[strings.TrimSuffix(file, disabled)] = true
		r.where["script "+m[2]] = path.Join(r.root, p)
	}
	slices.SortStableFunc(all, func(a, b numbered) int { return a.Number - b.Number })
	notes, timeouts := r.table(keyScriptNotes, names), r.table(keyScriptTimeouts, names)
	for _, s := range all {
		s.About = notes[s.file]
		s.Timeout = r.seconds(keyScriptTimeouts, timeouts[s.file])
		r.content.Scripts = append(r.content.Scripts, s.Script)
	}
}

func (r *reader) seconds(key, text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.wrong(r.lines[key], "A time-out in "+key+" is a number of seconds.", "")
		return 0
	}
	return n
}

func (r *reader) stray(p, text, remedy string) {
	r.findings = append(r.findings, template.Finding{Level: template.Warning, Rule: "stray", File: path.Join(r.root, p), Text: text, Remedy: remedy})
}

func (r *reader) readFiles() {
	names := map[string]bool{}
	var order []string
	for _, p := range r.files.Paths() {
		file, ok := strings.CutPrefix(p, filesDir+"/")
		switch {
		case !ok:
		case strings.Contains(file, "/"):
			r.stray(p, "Files lie in "+filesDir+" itself; this one is left out.", "Move it there, and say with its .path where it goes.")
		case r.companion(file):
		default:
			names[file] = true
			order = append(order, file)
		}
	}
	owners, modes, bases := r.table(keyFileOwners, names), r.table(keyFileModes, names), r.table(keyFileNames, names)
	for _, file := range order {
		p := filesDir + "/" + file
		dir, ok := r.files[p+pathSuffix]
		target := strings.TrimSpace(string(dir))
		if !ok || target == "" || strings.ContainsAny(target, "\n") {
			r.findings = append(r.findings, template.Finding{Level: template.Error, Rule: "path", File: path.Join(r.root, p),
				Text: "It is not said where this file goes.", Remedy: "Put the target directory, such as /etc/nginx, as one line into " + file + pathSuffix + "."})
			continue
		}
		base := file
		if other := bases[file]; other != "" {
			base = other
		}
		f := template.File{Path: strings.TrimRight(target, "/") + "/" + base, Owner: owners[file], Content: r.files[p],
			Policy: template.Policy(strings.ToLower(strings.TrimSpace(string(r.files[p+ruleSuffix]))))}
		f.Mode = r.mode(modes[file])
		r.content.Files = append(r.content.Files, f)
		r.where["file "+f.Path] = path.Join(r.root, p)
	}
}

// companion reports whether a file only says something about another one.
func (r *reader) companion(file string) bool {
	for _, suffix := range []string{pathSuffix, ruleSuffix} {
		if stem, ok := strings.CutSuffix(file, suffix); ok && stem != "" {
			if _, there := r.files[filesDir+"/"+stem]; there {
				return true
			}
		}
	}
	return false
}

func (r *reader) mode(text string) uint32 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil {
		r.wrong(r.lines[keyFileModes], "A mode in "+keyFileModes+" is an octal number such as 0644.", "")
		return 0
	}
	return uint32(n)
}

func (r *reader) lists() {
	at := map[string]int{}
	for _, p := range r.files.Paths() {
		file, ok := strings.CutPrefix(p, packagesDir+"/")
		if !ok {
			continue
		}
		ext := path.Ext(file)
		m, name := template.Manager(strings.TrimPrefix(ext, ".")), strings.TrimSuffix(file, ext)
		if !slices.Contains(template.Managers, m) || strings.Contains(file, "/") {
			r.stray(p, "A package list ends in .apt, .apk, .dnf, .npm, .pip or .custom; this file is left out.", "")
			continue
		}
		i, ok := at[name]
		if !ok {
			i = len(r.content.Lists)
			at[name] = i
			r.content.Lists = append(r.content.Lists, template.PackageList{Name: name})
			r.where["list "+name] = path.Join(r.root, p)
		}
		r.list(&r.content.Lists[i], p, m)
	}
}

func (r *reader) list(l *template.PackageList, p string, m template.Manager) {
	file := path.Join(r.root, p)
	packages, findings := template.ParsePackages(m, strings.TrimPrefix(string(r.files[p]), "\ufeff"))
	for _, f := range findings {
		f.File = file
		r.findings = append(r.findings, f)
	}
	seen := map[string]int{}
	for _, x := range packages {
		if first, twice := seen[x.Key()]; twice {
			r.findings = append(r.findings, template.Finding{Level: template.Warning, Rule: "duplicate", File: file, Line: x.Line,
				Text: fmt.Sprintf("%s stands in line %d already; this line is left out.", x.Name, first)})
			continue
		}
		seen[x.Key()] = x.Line
		l.Packages = append(l.Packages, x.Package)
	}
}

// leftOver tells of keys that nobody asked for: a mistyped one would be lost silently.
func (r *reader) leftOver() {
	for key, line := range r.lines {
		if strings.HasPrefix(key, "TEMPLATE_") && !r.used[key] {
			r.warn(line, key+" is not known and is left out.", "")
		}
	}
}
