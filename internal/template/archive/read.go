package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// readZip needs the end of the archive first, so the archive itself is held in memory.
func readZip(in io.Reader, c *collector) error {
	data, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	// Counted before the index is read: half a million entries take more memory than all limits together.
	if bytes.Count(data, []byte("PK\x01\x02")) > c.limits.Entries {
		return tooMuch(fmt.Sprintf("The archive has more than %d entries.", c.limits.Entries))
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked at below
		return err
	}
	c.in = 0 // from here on: compressed bytes of the entries that were read, so that one bomb among much else is seen
	for _, f := range z.File {
		if err := readZipEntry(f, c); err != nil {
			return err
		}
	}
	return nil
}

func readZipEntry(f *zip.File, c *collector) error {
	switch {
	case f.Flags&1 != 0:
		return refuse("“" + printable(f.Name) + "” is encrypted.")
	case f.NonUTF8:
		return refuse("“" + printable(f.Name) + "” has a name that is not marked as UTF-8.")
	case f.FileInfo().IsDir():
		_, err := c.entry(f.Name, true)
		return err
	case !f.Mode().IsRegular():
		return refuse("“" + printable(f.Name) + "” is a link or another special file.")
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	// The size in the index may lie; never more than the archive itself.
	c.in += int64(min(f.CompressedSize64, uint64(c.limits.In)))
	return c.file(f.Name, r)
}

func readTarGz(in io.Reader, c *collector) error {
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	defer z.Close()
	return readTar(z, c)
}

func readTarZst(in io.Reader, c *collector) error {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(c.limits.stream())), zstd.WithDecoderMaxWindow(32<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	return readTar(z, c)
}

func readTar(in io.Reader, c *collector) error {
	// Headers, padding and what lies between files count too: a bomb need not be in a file.
	all := &unpacked{in, c, 0}
	t := tar.NewReader(all)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, all) // what stands behind the end is checked as well
			return err
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			err = c.file(h.Name, t)
		case tar.TypeDir:
			_, err = c.entry(h.Name, true)
		case tar.TypeXGlobalHeader:
			err = nil // git writes one; it is no file
		default:
			err = refuse("“" + printable(h.Name) + "” is a link or another special file.")
		}
		if err != nil {
			return err
		}
	}
}

// unpacked bounds the whole unpacked stream of a tar file.
type unpacked struct {
	from io.Reader
	c    *collector
	n    int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	if err := u.c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.from.Read(p)
	if u.n += int64(n); u.n > u.c.limits.stream() {
		return n, tooMuch(fmt.Sprintf("The archive unpacks to more than %d MiB.", u.c.limits.Out>>20))
	}
	if r := u.c.limits.Ratio; r > 0 && u.n > 4*ratioFrom && u.n > 2*r*max(u.c.in, 1) {
		return n, refuse(fmt.Sprintf("The archive unpacks to more than %d times its size, as a bomb does.", r))
	}
	return n, err
}
