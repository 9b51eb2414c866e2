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

// Write gives the files of one template below dir. Equal contents give equal
// bytes. Lists that follow a bucket have to be filled (template.Content.Filled);
// they are written as plain lists, and template.conf names them.
func Write(c template.Content, dir string) Files {
	filled := map[template.BucketID][]template.Package{}
	for _, l := range c.Lists {
		if l.Linked() {
			filled[l.Bucket] = template.CleanPackages(l.Packages)
		}
	}
	w := &writer{dir: dir, files: Files{}, c: c.Clean()}
	w.plain()
	w.inputs()
	w.scripts()
	w.writeFiles()
	w.lists(filled)
	w.files[path.Join(dir, confName)] = []byte(w.conf.String())
	return w.files
}

type writer struct {
	dir   string
	files Files
	conf  strings.Builder
	c     template.Content
}

func (w *writer) set(key, value string) { w.conf.WriteString(key + "=" + quoted(value) + "\n") }

func (w *writer) setIf(key, value string) {
	if value != "" {
		w.set(key, value)
	}
}

func (w *writer) put(p string, data []byte) { w.files[path.Join(w.dir, p)] = data }

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (w *writer) plain() {
	c := w.c
	w.conf.WriteString("# A template for Berth. It is read as data: nothing in it is run.\n")
	w.set(keyApp, c.Name)
	w.set(keyDescription, c.Description)
	w.set(keyTags, strings.Join(c.Tags, ";"))
	w.set(keyCPU, strconv.Itoa(c.Cores))
	w.set(keyRAM, strconv.Itoa(c.Memory))
	w.set(keySwap, strconv.Itoa(c.Swap))
	w.set(keyDisk, strconv.Itoa(c.Disk))
	os, version := splitPattern(c.OS)
	w.set(keyOS, os)
	w.set(keyVersion, version)
	if osPattern(os, version) != c.OS {
		w.set(keyOSPattern, c.OS)
	}
	w.set(keyUnprivileged, bit(c.Unprivileged))
	w.set(keyNesting, bit(c.Nesting))
	w.set(keyKeyctl, bit(c.Keyctl))
	w.set(keyFuse, bit(c.Fuse))
	if c.OnBoot {
		w.set(keyOnBoot, "1")
	}
	w.setIf(keyStorage, c.Storage)
	w.setIf(keyBridge, c.Bridge)
}

func (w *writer) inputs() {
	if len(w.c.Inputs) == 0 {
		return
	}
	names := make([]string, len(w.c.Inputs))
	for i, in := range w.c.Inputs {
		names[i] = in.Name
	}
	w.conf.WriteString("\n# What is asked for; scripts get it as INPUT_NAME, files as {{name}}.\n")
	w.set(keyInputs, strings.Join(names, ";"))
	for _, in := range w.c.Inputs {
		key := keyInput + strings.ToUpper(in.Name) + "_"
		w.set(key+"QUESTION", in.Question)
		w.set(key+"KIND", string(in.Kind))
		w.setIf(key+"DEFAULT", in.Default)
		w.setIf(key+"CHOICES", strings.Join(in.Choices, ";"))
		w.setIf(key+"CHECK", in.Check)
		if in.Optional {
			w.set(key+"OPTIONAL", "1")
		}
	}
}

// table writes lines of NAME=VALUE, for those that have a value.
func (w *writer) table(key string, rows [][2]string) {
	var b strings.Builder
	for _, row := range rows {
		if row[1] != "" {
			b.WriteString("\n" + row[0] + "=" + row[1])
		}
	}
	if b.Len() > 0 {
		w.set(key, b.String()+"\n")
	}
}

func (w *writer) scripts() {
	numbers, width := scriptNumbers(w.c.Scripts)
	var notes, timeouts [][2]string
	for i, s := range w.c.Scripts {
		whole := scriptFile(numbers[i], width, s)
		file := strings.TrimSuffix(whole, disabled)
		notes = append(notes, [2]string{file, s.About})
		if s.Timeout != 0 {
			timeouts = append(timeouts, [2]string{file, strconv.Itoa(s.Timeout)})
		}
		w.put(scriptsDir+"/"+whole, []byte(s.Body))
	}
	w.table(keyScriptNotes, notes)
	w.table(keyScriptTimeouts, timeouts)
}

// scriptFile is a script's name in the layout. One that is off has an ending that
// other readers of the layout do not take for a script.
func scriptFile(number, width int, s template.Script) string {
	file := fmt.Sprintf("%0*d-%s.sh", width, number, s.Name)
	if s.Disabled {
		file += disabled
	}
	return file
}

// scriptNumbers are the numbers that scripts came with, where those still rise,
// else new ones with room between them where two digits allow it.
func scriptNumbers(scripts []template.Script) (numbers []int, width int) {
	last, rising := -1, true
	for _, s := range scripts {
		rising = rising && s.Number > 0 && s.Number > last
		last = s.Number
		numbers = append(numbers, s.Number)
	}
	if !rising {
		step := 10
		switch n := len(scripts); {
		case n > 19:
			step = 1
		case n > 9:
			step = 5
		}
		for i := range numbers {
			numbers[i] = (i + 1) * step
		}
	}
	width = 2
	for _, n := range numbers {
		width = max(width, len(strconv.Itoa(n)))
	}
	return numbers, width
}

func (w *writer) writeFiles() {
	names := fileNames(w.c.Files)
	var owners, modes, bases [][2]string
	for i, f := range w.c.Files {
		dir, base := path.Split(f.Path)
		if dir != "/" {
			dir = strings.TrimSuffix(dir, "/")
		}
		w.put(filesDir+"/"+names[i], f.Content)
		w.put(filesDir+"/"+names[i]+pathSuffix, []byte(dir+"\n"))
		w.put(filesDir+"/"+names[i]+ruleSuffix, []byte(string(f.Does())+"\n"))
		owners = append(owners, [2]string{names[i], f.Owner})
		if f.Mode != 0 {
			modes = append(modes, [2]string{names[i], fmt.Sprintf("%04o", f.Mode)})
		}
		if base != names[i] {
			bases = append(bases, [2]string{names[i], base})
		}
	}
	w.table(keyFileOwners, owners)
	w.table(keyFileModes, modes)
	w.table(keyFileNames, bases)
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._@+-]`)

// fileNames are the names of files in the layout: their own, unless that is
// taken, cannot be written everywhere, or says something about another file.
func fileNames(files []template.File) []string {
	taken := map[string]bool{}
	out := make([]string, len(files))
	for i, f := range files {
		name := notPlain.ReplaceAllString(path.Base(f.Path), "_")
		name = name[:min(len(name), 200)]
		if strings.HasSuffix(name, pathSuffix) || strings.HasSuffix(name, ruleSuffix) {
			name += "_"
		}
		try := name
		for n := 2; taken[strings.ToLower(try)]; n++ {
			try = fmt.Sprintf("%s-%d", name, n)
		}
		taken[strings.ToLower(try)] = true
		out[i] = try
	}
	return out
}

func (w *writer) lists(filled map[template.BucketID][]template.Package) {
	var follows []string
	for _, l := range w.c.Lists {
		packages := l.Packages
		if l.Linked() {
			packages = filled[l.Bucket]
			follows = append(follows, l.Name)
		}
		written := false
		for _, m := range template.Managers {
			if text := template.FormatPackages(packages, m); text != "" {
				w.put(packagesDir+"/"+l.Name+"."+string(m), []byte(text))
				written = true
			}
		}
		if !written { // an empty list is a list
			w.put(packagesDir+"/"+l.Name+"."+string(template.Apt), nil)
		}
	}
	w.setIf(keyFollows, strings.Join(follows, ";"))
}

// WriteAll gives the files of several templates, each in a directory named
// after it.
func WriteAll(contents []template.Content) Files {
	out := Files{}
	var taken []string
	for _, c := range contents {
		dir := DirName(c.Name, taken)
		taken = append(taken, dir)
		for p, data := range Write(c, dir) {
			out[p] = data
		}
	}
	return out
}

// DirName is a directory's name for a template, other than those that are taken.
func DirName(name string, taken []string) string {
	dir := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(strings.TrimSpace(name)), "-"), "-.")
	for strings.Contains(dir, "--") {
		dir = strings.ReplaceAll(dir, "--", "-")
	}
	if dir == "" {
		dir = "template"
	}
	dir = dir[:min(len(dir), 100)]
	try := dir
	for n := 2; slices.Contains(taken, try); n++ {
		try = fmt.Sprintf("%s-%d", dir, n)
	}
	return try
}
