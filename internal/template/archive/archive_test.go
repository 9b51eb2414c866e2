package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"berth/internal/problem"
	"berth/internal/template/archive"
	"berth/internal/template/layout"
)

var formats = []archive.Format{archive.Zip, archive.TarGz, archive.TarZst}

func read(t *testing.T, format archive.Format, data []byte, limits archive.Limits) (layout.Files, error) {
	t.Helper()
	return archive.Read(t.Context(), "x."+string(format), bytes.NewReader(data), limits)
}

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	files := layout.Files{"a/template.conf": []byte("TEMPLATE_APP=a\n"), "a/container-configs/scripts/10-x.sh": []byte("x"), "ünï/é": {0, 255}, "empty": {}}
	for _, format := range formats {
		var one, two bytes.Buffer
		if err := archive.Write(&one, format, files); err != nil {
			t.Fatal(err)
		}
		if err := archive.Write(&two, format, maps.Clone(files)); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Errorf("%s: two archives of the same files differ: %v", format, err)
		}
		got, err := read(t, format, one.Bytes(), archive.Default)
		if err != nil || !maps.EqualFunc(got, files, bytes.Equal) {
			t.Errorf("%s: got %q, %v", format, got, err)
		}
		if _, err := read(t, format, one.Bytes()[:one.Len()/2], archive.Default); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s, cut: %v", format, err)
		}
		if _, err := read(t, format, []byte("no archive"), archive.Default); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s, none: %v", format, err)
		}
	}
}

// entry is one hostile entry, as tar and as zip.
type entry struct {
	name string
	kind byte // of tar
	body string
}

func packed(t *testing.T, format archive.Format, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if format == archive.Zip {
		z := zip.NewWriter(&b)
		for _, e := range entries {
			h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
			if e.kind == tar.TypeSymlink {
				h.SetMode(os.ModeSymlink | 0o777)
			}
			w, err := z.CreateHeader(h)
			if err == nil {
				_, err = io.WriteString(w, e.body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var to io.WriteCloser = gzip.NewWriter(&b)
	if format == archive.TarZst {
		to, _ = zstd.NewWriter(&b) // the defaults cannot fail
	}
	w := tar.NewWriter(to)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.body)), Mode: 0o644}
		if e.kind != tar.TypeReg {
			h.Size, h.Linkname = 0, "/etc/passwd"
			e.body = ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileArchivesAreRefusedWhole(t *testing.T) {
	var many []entry
	for i := range 51 {
		many = append(many, entry{fmt.Sprintf("f%d", i), tar.TypeReg, ""})
	}
	small := archive.Limits{In: 1 << 20, Out: 8 << 20, Entries: 50, Ratio: 100, Time: time.Minute}
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"leading elsewhere":   {[]entry{{"ok", tar.TypeReg, "x"}, {"../../etc/passwd", tar.TypeReg, "x"}}, "could lead elsewhere"},
		"inside a path":       {[]entry{{"a/../../b", tar.TypeReg, "x"}}, "could lead elsewhere"},
		"absolute":            {[]entry{{"/etc/passwd", tar.TypeReg, "x"}}, "absolute"},
		"backslashes":         {[]entry{{`..\..\x`, tar.TypeReg, "x"}}, "backslash"},
		"a drive":             {[]entry{{"C:/x", tar.TypeReg, "x"}}, "drive"},
		"a symbolic link":     {[]entry{{"x", tar.TypeSymlink, "/etc/passwd"}}, "link"},
		"twice":               {[]entry{{"a/x", tar.TypeReg, "1"}, {"a/x", tar.TypeReg, "2"}}, "twice"},
		"twice but for case":  {[]entry{{"a/Straße", tar.TypeReg, "1"}, {"A/STRAßE", tar.TypeReg, "2"}}, "twice"},
		"a file and a folder": {[]entry{{"a", tar.TypeReg, "1"}, {"a/b", tar.TypeReg, "2"}}, "a file and a folder"},
		"turned names":        {[]entry{{"a\u202egpj.sh", tar.TypeReg, "1"}}, "invisible"},
		"a huge name":         {[]entry{{strings.Repeat("a", 600), tar.TypeReg, "1"}}, "long a name"},
		"no UTF-8":            {[]entry{{"a\xff", tar.TypeReg, "1"}}, "UTF-8"},
		"too many":            {many, "more than 50 entries"},
		"a bomb":              {[]entry{{"zeros", tar.TypeReg, strings.Repeat("\x00", 7<<20)}}, "bomb"},
		"too much":            {[]entry{{"zeros", tar.TypeReg, strings.Repeat("\x00", 9<<20)}}, ""},
	} {
		for _, format := range formats {
			files, err := read(t, format, packed(t, format, c.entries), small)
			p := problem.Of(err)
			if files != nil || p == nil || p.Kind != problem.Invalid || !strings.Contains(p.What, c.want) {
				t.Errorf("%s as %s: got %d files, %v", name, format, len(files), err)
			}
			if p != nil && (strings.Contains(p.What, "\u202e") || strings.Contains(p.What, "\xff")) {
				t.Errorf("%s as %s: the sentence has what it tells of: %q", name, format, p.What)
			}
		}
	}
	for _, kind := range []byte{tar.TypeLink, tar.TypeChar, tar.TypeFifo} {
		if _, err := read(t, archive.TarGz, packed(t, archive.TarGz, []entry{{"x", kind, ""}}), small); err == nil || !strings.Contains(err.Error(), "special file") {
			t.Errorf("kind %c: %v", kind, err)
		}
	}
}

func TestLimitsAtBothSides(t *testing.T) {
	noise := strings.Repeat("0123456789abcdef", 64) // 1 KiB
	limits := archive.Limits{In: 1 << 20, Out: 3 << 10, Entries: 3, Time: time.Minute}
	for _, format := range formats {
		fits := []entry{{"a", tar.TypeReg, noise}, {"b", tar.TypeReg, noise}, {"c", tar.TypeReg, noise}}
		data := packed(t, format, fits)
		if files, err := read(t, format, data, limits); err != nil || len(files) != 3 {
			t.Errorf("%s: at the limits: %d files, %v", format, len(files), err)
		}
		exact := limits
		exact.In = int64(len(data))
		if _, err := read(t, format, data, exact); err != nil {
			t.Errorf("%s: exactly as large as it may be: %v", format, err)
		}
		exact.In--
		if _, err := read(t, format, data, exact); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("%s: one byte larger: %v", format, err)
		}
		fits[2].body += "x"
		if _, err := read(t, format, packed(t, format, fits), limits); err == nil || !strings.Contains(err.Error(), "unpacks to more") {
			t.Errorf("%s: one byte more: %v", format, err)
		}
	}
}

// An index of half a million entries takes more memory than all limits together: it is refused before it is read.
func TestAVastIndexIsNotRead(t *testing.T) {
	index := bytes.Repeat([]byte("PK\x01\x02"), 51) // no reader would get past the first
	limits := archive.Default
	limits.Entries = 50
	if _, err := read(t, archive.Zip, index, limits); err == nil || !strings.Contains(err.Error(), "more than 50 entries") {
		t.Errorf("got %v", err)
	}
}

// slow gives one byte after the time is over.
type slow struct{ cancel context.CancelFunc }

func (s slow) Read(p []byte) (int, error) { s.cancel(); p[0] = 'P'; return 1, nil }

func TestAnEndedRequestEndsTheReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := archive.Read(ctx, "x.zip", slow{cancel}, archive.Default); err == nil {
		t.Error("it read on")
	}
	limits := archive.Default
	limits.Time = -time.Second
	if _, err := archive.Read(t.Context(), "x.tar.gz", strings.NewReader("x"), limits); err == nil || !strings.Contains(err.Error(), "took longer") {
		t.Errorf("without time: %v", err)
	}
}

func TestUnknownKinds(t *testing.T) {
	if _, err := archive.Read(t.Context(), "x.rar", strings.NewReader(""), archive.Default); !problem.Is(err, problem.Invalid) {
		t.Errorf("got %v", err)
	}
}

func TestFolders(t *testing.T) {
	top := t.TempDir()
	put := func(p, text string) {
		t.Helper()
		full := filepath.Join(top, p)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("outside/secret", "x")
	put("root/web/template.conf", "TEMPLATE_APP=web\n")
	put("root/web/.git/config", "x")
	put("root/linked/a/x", "x")
	for link, to := range map[string]string{"root/linked/a/y": "/etc/passwd", "root/out": "../outside", "root/in": "web"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(top, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	files, err := archive.ReadFolder(t.Context(), root, "web", archive.Default)
	if err != nil || len(files) != 1 || string(files["template.conf"]) != "TEMPLATE_APP=web\n" {
		t.Errorf("got %q, %v", files, err)
	}
	for _, folder := range []string{"linked", "out", "in", "../outside", "web/../../outside", "/../outside", "none", "."} {
		if files, err := archive.ReadFolder(t.Context(), root, folder, archive.Default); err == nil || files != nil || !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: got %q, %v", folder, files, err)
		}
	}
	if names, err := archive.Folders(root); err != nil || strings.Join(names, " ") != "linked web" {
		t.Errorf("folders %q, %v", names, err)
	}
}

func FuzzRead(f *testing.F) {
	for i, format := range formats {
		var b bytes.Buffer
		if err := archive.Write(&b, format, layout.Files{"a/template.conf": []byte("A=b\n"), "b": []byte("c")}); err != nil {
			f.Fatal(err)
		}
		f.Add(i, b.Bytes())
	}
	small := archive.Limits{In: 1 << 16, Out: 1 << 18, Entries: 100, Ratio: 100, Time: time.Minute}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		files, err := archive.Read(t.Context(), "x."+string(formats[uint(i)%3]), bytes.NewReader(data), small)
		if err != nil && problem.Of(err) == nil {
			t.Fatalf("an error that nobody can read: %v", err)
		}
		total := 0
		for p, body := range files {
			total += len(body)
			if !filepath.IsLocal(p) {
				t.Fatalf("took %q", p)
			}
		}
		if total > 1<<18 {
			t.Fatalf("took %d bytes", total)
		}
	})
}

// A pipe in the place of the folder is not waited for.
func TestAPipeIsNoFolder(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip("no pipes here: ", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := archive.ReadFolder(t.Context(), root, "pipe", archive.Default); !problem.Is(err, problem.Invalid) {
		t.Error(err)
	}
}
