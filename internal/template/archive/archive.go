// Package archive reads and writes the files of a template layout as .zip,
// .tar.gz and .tar.zst. Archives are hostile input: they are read as a stream
// into memory within limits, and nothing is ever unpacked to disk.
package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/template/layout"
)

// Limits bound what reading an archive or a folder may cost.
type Limits struct {
	In      int64         // bytes of the archive
	Out     int64         // bytes of all files together
	Entries int           // files and folders
	Ratio   int64         // Out to what was read of In so far, above RatioFrom bytes
	Time    time.Duration // for all of it
}

// stream is how many bytes a whole tar file may have: every entry has up to two KiB beside its bytes.
func (l Limits) stream() int64 { return l.Out + int64(l.Entries+512)*2048 }

// Default are the limits of an upload.
var Default = Limits{In: 20 << 20, Out: 100 << 20, Entries: 5000, Ratio: 100, Time: 30 * time.Second}

const (
	// ratioFrom: below it a good ratio is no bomb.
	ratioFrom = 1 << 20
	maxPath   = 512
)

// Format is a kind of archive, by the ending of its name.
type Format string

const (
	Zip    Format = "zip"
	TarGz  Format = "tar.gz"
	TarZst Format = "tar.zst"
)

// FormatOf finds the format by a file's name; ok is false for any other file.
func FormatOf(name string) (f Format, ok bool) {
	name = strings.ToLower(name)
	for suffix, f := range map[string]Format{".zip": Zip, ".tar.gz": TarGz, ".tgz": TarGz, ".tar.zst": TarZst, ".tzst": TarZst} {
		if strings.HasSuffix(name, suffix) {
			return f, true
		}
	}
	return "", false
}

// Read reads an archive whole. What breaks a limit, is no regular file, or has a name that
// could lead elsewhere refuses all of it with a sentence: the error is a problem.
func Read(ctx context.Context, name string, from io.Reader, limits Limits) (layout.Files, error) {
	format, ok := FormatOf(name)
	if !ok {
		return nil, problem.New(problem.Invalid, "“"+printable(path.Base(name))+"” is no archive that Berth reads.", "Pack it as .zip, .tar.gz or .tar.zst.")
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(limits.Time, Default.Time))
	defer cancel()
	c := newCollector(ctx, limits)
	in := &counted{ctx: ctx, from: from, most: limits.In, read: &c.in}
	var err error
	switch format {
	case Zip:
		err = readZip(in, c)
	case TarGz:
		err = readTarGz(in, c)
	case TarZst:
		err = readTarZst(in, c)
	}
	return c.result(err)
}

func refuse(what string) *problem.Problem {
	return problem.New(problem.Invalid, what, "Nothing was imported. Pack it anew without that.")
}

// tooMuch refuses an archive that is fine but for its size.
func tooMuch(what string) *problem.Problem {
	return problem.New(problem.Invalid, what, "Nothing was imported. Import it in several parts.")
}

// counted reads at most so many bytes, and none after the context ended.
type counted struct {
	ctx  context.Context
	from io.Reader
	most int64
	read *int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	if *c.read += int64(n); *c.read > c.most {
		return n, tooMuch(fmt.Sprintf("The archive is larger than %d MiB.", c.most>>20))
	}
	return n, err
}

// collector takes the files of an archive or folder and keeps the limits.
type collector struct {
	ctx     context.Context
	limits  Limits
	files   layout.Files
	folded  map[string]string // the path as every file system compares it → the path
	folders map[string]string
	entries int
	in, out int64
}

func newCollector(ctx context.Context, limits Limits) *collector {
	return &collector{ctx: ctx, limits: limits, files: layout.Files{}, folded: map[string]string{}, folders: map[string]string{}}
}

func (c *collector) result(err error) (layout.Files, error) {
	switch {
	case err == nil:
		return c.files, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, tooMuch(fmt.Sprintf("Reading the archive took longer than %s.", c.limits.Time))
	case errors.Is(err, context.Canceled), problem.Of(err) != nil:
		return nil, err
	}
	p := problem.New(problem.Invalid, "The archive is damaged, or it is none of the kind that its name says.", "Nothing was imported. Make it anew and try again.")
	p.Err = err
	return nil, p
}

// entry counts one and says whether its name is one that can be taken; a folder's may end in a slash.
func (c *collector) entry(name string, folder bool) (string, error) {
	if c.entries++; c.entries > c.limits.Entries {
		return "", tooMuch(fmt.Sprintf("The archive has more than %d entries.", c.limits.Entries))
	}
	if folder {
		name = strings.TrimSuffix(name, "/")
	}
	name = strings.TrimPrefix(name, "./")
	if folder && (name == "" || name == ".") {
		return "", nil
	}
	if wrong := nameProblem(name); wrong != "" {
		return "", refuse("“" + printable(name) + "” " + wrong)
	}
	return name, nil
}

func nameProblem(name string) string {
	switch {
	case name == "":
		return "is an entry without a name."
	case len(name) > maxPath:
		return "has too long a name."
	case !utf8.ValidString(name):
		return "has a name that is no UTF-8."
	case strings.HasPrefix(name, "/"):
		return "has an absolute path."
	case strings.ContainsAny(name, `\`):
		return "has a backslash in its name."
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || template.Invisible(r) }):
		return "has control or invisible characters in its name."
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." || part == "." || part == "" {
			return "has a path that could lead elsewhere."
		}
	}
	if len(name) > 1 && name[1] == ':' {
		return "has a path with a drive."
	}
	return ""
}

// file reads one regular file.
func (c *collector) file(name string, from io.Reader) error {
	name, err := c.entry(name, false)
	if err != nil {
		return err
	}
	if err := c.once(name); err != nil {
		return err
	}
	var data bytes.Buffer
	buffer := make([]byte, 32<<10)
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buffer)
		data.Write(buffer[:n])
		if err := c.grown(int64(n)); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	c.files[name] = data.Bytes()
	return nil
}

// once refuses a name that is there already, also where only the case differs,
// and one that is a file here and a folder there.
func (c *collector) once(name string) error {
	key := fold(name)
	if other, twice := c.folded[key]; twice {
		return refuse("“" + printable(name) + "” is there twice" + asWell(name, other) + ".")
	}
	if _, folder := c.folders[key]; folder {
		return refuse("“" + printable(name) + "” is a file and a folder.")
	}
	c.folded[key] = name
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, file := c.folded[fold(dir)]; file {
			return refuse("“" + printable(dir) + "” is a file and a folder.")
		}
		c.folders[fold(dir)] = dir
	}
	return nil
}

func asWell(name, other string) string {
	if name == other {
		return ""
	}
	return ", as “" + printable(other) + "” too"
}

// fold is a name as file systems compare it that ignore the case.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}

func (c *collector) grown(n int64) error {
	c.out += n
	switch {
	case c.out > c.limits.Out:
		return tooMuch(fmt.Sprintf("The archive unpacks to more than %d MiB.", c.limits.Out>>20))
	case c.out > ratioFrom && c.limits.Ratio > 0 && c.out > c.limits.Ratio*max(c.in, 1):
		return refuse(fmt.Sprintf("The archive unpacks to more than %d times its size, as a bomb does.", c.limits.Ratio))
	}
	return nil
}

// printable is a foreign name, fit for a sentence.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || template.Invisible(r) || r == utf8.RuneError {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(name, "�"))
	if r := []rune(name); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return name
}
