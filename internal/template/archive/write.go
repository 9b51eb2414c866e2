package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"berth/internal/template/layout"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// epoch is the time that every file of an export has, so that equal files give
// equal archives. It is the first that a zip file can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Write writes files as an archive. Equal files give equal bytes.
func Write(to io.Writer, format Format, files layout.Files) error {
	switch format {
	case Zip:
		return writeZip(to, files)
	case TarGz:
		z, err := gzip.NewWriterLevel(to, gzip.BestCompression)
		if err != nil {
			return err
		}
		return errors.Join(writeTar(z, files), z.Close())
	case TarZst:
		z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		return errors.Join(writeTar(z, files), z.Close())
	}
	return fmt.Errorf("write an archive: %q is no format", format)
}

// mode lets scripts be run where they are unpacked.
func mode(name string) int64 {
	if strings.HasSuffix(name, ".sh") {
		return 0o755
	}
	return 0o644
}

func writeZip(to io.Writer, files layout.Files) error {
	z := zip.NewWriter(to)
	for _, p := range files.Paths() {
		h := &zip.FileHeader{Name: p, Method: zip.Deflate, Modified: epoch}
		h.SetMode(0o644)
		if mode(p) == 0o755 {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
		if _, err := w.Write(files[p]); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
	}
	return z.Close()
}

func writeTar(to io.Writer, files layout.Files) error {
	t := tar.NewWriter(to)
	for _, p := range files.Paths() {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: mode(p), Size: int64(len(files[p])), ModTime: epoch, Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
		if _, err := t.Write(files[p]); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
	}
	return t.Close()
}
