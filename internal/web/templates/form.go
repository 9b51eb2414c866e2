package templates

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"berth/internal/template"
	"berth/internal/web/kit"
)

// form is a template as it is typed: every field as text, so that what cannot
// be read is kept all the same. Rows have keys that stay theirs while they are
// moved: the order of the keys in the form is the order of the rows.
type form struct {
	Base                        int64 // the revision that it was filled from; 0: a new template
	Beside                      int64 // the revision of somebody else's that it is to be merged with
	Note                        string
	Name, Description, Tags, OS string
	Cores, Memory, Swap, Disk   string
	Storage, Bridge             string
	Unprivileged, Nesting       bool
	Keyctl, Fuse, OnBoot        bool
	Inputs                      []inputRow
	Scripts                     []scriptRow
	Files                       []fileRow
	Lists                       []listRow
}

type inputRow struct {
	Key, Name, Question, Kind, Default, Choices, Check string
	Optional                                           bool
}

type scriptRow struct {
	Key, Name, Number, About, Body, Timeout string
	Enabled                                 bool
	New                                     bool // it was added a moment ago
}

type fileRow struct {
	Key, Path, Owner, Mode, Policy string
	Content                        []byte
	New                            bool
	// lost says that the content was only named, and is no longer to be had.
	lost bool
}

// text reports whether the content is shown as text.
func (f fileRow) text() bool { return isText(f.Content) }

// crlf reports whether its lines end as Windows writes them; a text field would forget that.
func (f fileRow) crlf() bool { return f.text() && strings.Contains(string(f.Content), "\r\n") }

type listRow struct {
	Key, Name, Bucket string
	Text              map[template.Manager]string // as typed, one a line
	New               bool
}

func (l listRow) linked() bool { return l.Bucket != "" }

// formOf fills a form from a content; links are to be filled in it.
func formOf(c template.Content, base int64) form {
	f := form{Base: base, Name: c.Name, Description: c.Description, Tags: strings.Join(c.Tags, " "), OS: c.OS,
		Cores: strconv.Itoa(c.Cores), Memory: strconv.Itoa(c.Memory), Swap: strconv.Itoa(c.Swap), Disk: strconv.Itoa(c.Disk),
		Storage: c.Storage, Bridge: c.Bridge, Unprivileged: c.Unprivileged, Nesting: c.Nesting, Keyctl: c.Keyctl, Fuse: c.Fuse, OnBoot: c.OnBoot}
	for i, in := range c.Inputs {
		f.Inputs = append(f.Inputs, inputRow{Key: strconv.Itoa(i), Name: in.Name, Question: in.Question, Kind: string(in.Kind), Default: in.Default,
			Choices: strings.Join(in.Choices, "\n"), Check: in.Check, Optional: in.Optional})
	}
	for i, s := range c.Scripts {
		f.Scripts = append(f.Scripts, scriptRow{Key: strconv.Itoa(i), Name: s.Name, Number: strconv.Itoa(s.Number), About: s.About, Body: s.Body,
			Timeout: strconv.Itoa(int(s.Limit().Seconds())), Enabled: !s.Disabled})
	}
	for i, file := range c.Files {
		f.Files = append(f.Files, fileRow{Key: strconv.Itoa(i), Path: file.Path, Owner: file.OwnerName(), Mode: modeText(file.Permissions()),
			Policy: string(file.Does()), Content: file.Content})
	}
	for i, l := range c.Lists {
		row := listRow{Key: strconv.Itoa(i), Name: l.Name, Bucket: string(l.Bucket), Text: map[template.Manager]string{}}
		for _, m := range template.Managers {
			row.Text[m] = template.FormatPackages(l.Packages, m)
		}
		f.Lists = append(f.Lists, row)
	}
	return f
}

// fields are a form's values by name.
type fields map[string][]string

func (v fields) get(name string) string {
	if len(v[name]) == 0 {
		return ""
	}
	return v[name][0]
}

func (v fields) on(name string) bool { return v.get(name) != "" }

// lines is a field of several lines with line ends as they are kept.
func (v fields) lines(name string) string { return strings.ReplaceAll(v.get(name), "\r\n", "\n") }

// keys are the keys of the rows of one kind, in order, each once.
func (v fields) keys(rows string) (keys []string) {
	seen := map[string]bool{}
	for _, k := range v[rows] {
		if k != "" && len(k) <= 20 && !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

// typed is what one form was sent with.
type typed struct {
	values  fields
	all     []kit.FormValue
	uploads map[string][]byte
}

func sorted(values []kit.FormValue, uploads []kit.Upload) typed {
	t := typed{values: fields{}, all: values, uploads: map[string][]byte{}}
	for _, v := range values {
		t.values[v.Name] = append(t.values[v.Name], v.Value)
	}
	for _, u := range uploads {
		t.uploads[u.Name] = u.Content
	}
	return t
}

// form reads what was typed. known has the contents of files that are only named by their digest.
func (t typed) form(known map[string][]byte) form {
	v := t.values
	f := form{Note: v.get("note"), Name: v.get("name"), Description: v.lines("description"), Tags: v.get("tags"), OS: v.get("os"),
		Cores: v.get("cores"), Memory: v.get("memory"), Swap: v.get("swap"), Disk: v.get("disk"), Storage: v.get("storage"), Bridge: v.get("bridge"),
		Unprivileged: v.on("unprivileged"), Nesting: v.on("nesting"), Keyctl: v.on("keyctl"), Fuse: v.on("fuse"), OnBoot: v.on("onboot")}
	f.Base, _ = strconv.ParseInt(v.get("base"), 10, 64) // zero is no template's revision
	f.Beside, _ = strconv.ParseInt(v.get("beside"), 10, 64)
	for _, k := range v.keys("inputs") {
		at := "inputs." + k + "."
		f.Inputs = append(f.Inputs, inputRow{Key: k, Name: v.get(at + "name"), Question: v.get(at + "question"), Kind: v.get(at + "kind"),
			Default: v.get(at + "default"), Choices: v.lines(at + "choices"), Check: v.get(at + "check"), Optional: v.on(at + "optional")})
	}
	for _, k := range v.keys("scripts") {
		at := "scripts." + k + "."
		f.Scripts = append(f.Scripts, scriptRow{Key: k, Name: v.get(at + "name"), Number: v.get(at + "number"), About: v.get(at + "about"),
			Body: v.lines(at + "body"), Timeout: v.get(at + "timeout"), Enabled: v.on(at + "enabled")})
	}
	for _, k := range v.keys("files") {
		f.Files = append(f.Files, t.file(k, known))
	}
	for _, k := range v.keys("lists") {
		at := "lists." + k + "."
		row := listRow{Key: k, Name: v.get(at + "name"), Bucket: v.get(at + "bucket"), Text: map[template.Manager]string{}}
		for _, m := range template.Managers {
			row.Text[m] = v.lines(at + string(m))
		}
		f.Lists = append(f.Lists, row)
	}
	return f
}

func (t typed) file(key string, known map[string][]byte) fileRow {
	v, at := t.values, "files."+key+"."
	row := fileRow{Key: key, Path: v.get(at + "path"), Owner: v.get(at + "owner"), Mode: v.get(at + "mode"), Policy: v.get(at + "policy")}
	upload, uploaded := t.uploads[at+"upload"]
	if !uploaded {
		upload, uploaded = kit.KeptUpload(t.all, at+"upload")
	}
	switch {
	case uploaded:
		row.Content = upload
	case v.get(at+"data") != "":
		raw, err := base64.StdEncoding.DecodeString(v.get(at + "data"))
		row.Content, row.lost = raw, err != nil
	case v.get(at+"same") != "":
		content, ok := known[v.get(at+"same")]
		row.Content, row.lost = content, !ok
	case v.on(at + "crlf"):
		row.Content = []byte(strings.ReplaceAll(v.lines(at+"text"), "\n", "\r\n"))
	default:
		row.Content = []byte(v.lines(at + "text"))
	}
	return row
}

// arrange puts files and lists into the order in which they are stored, so that places in problems fit the rows.
func (f *form) arrange() {
	slices.SortStableFunc(f.Files, func(a, b fileRow) int { return cmp.Compare(strings.TrimSpace(a.Path), strings.TrimSpace(b.Path)) })
	slices.SortStableFunc(f.Lists, func(a, b listRow) int {
		x, y := strings.TrimSpace(a.Name), strings.TrimSpace(b.Name)
		return cmp.Or(cmp.Compare(strings.ToLower(x), strings.ToLower(y)), cmp.Compare(x, y))
	})
}
