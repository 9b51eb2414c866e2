package archive

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"berth/internal/problem"
	"berth/internal/template/layout"
)

// ReadFolder reads a folder below root, with the limits of an archive. Nothing
// outside of root is read: links, also within it, are refused.
func ReadFolder(ctx context.Context, root *os.Root, folder string, limits Limits) (layout.Files, error) {
	folder = cmp.Or(path.Clean(strings.Trim(folder, "/")), ".")
	if !fs.ValidPath(folder) {
		return nil, problem.New(problem.Invalid, "This folder lies outside of the import folder.", "Choose one of the list.")
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(limits.Time, Default.Time))
	defer cancel()
	limits.Ratio = 0 // nothing is packed
	c := newCollector(ctx, limits)
	files, err := c.result(c.folder(root, folder, folder))
	if err != nil && problem.Of(err) != nil && problem.Of(err).Err != nil {
		p := problem.New(problem.Invalid, "The folder cannot be read: "+reason(problem.Of(err).Err)+".", "Nothing was imported. Put that right on the server and try again.")
		p.Err = problem.Of(err).Err
		return nil, p
	}
	return files, err
}

// special refuses what is no plain file of a folder.
func special(name string) error {
	return problem.New(problem.Invalid, "“"+printable(name)+"” is a link or another special file.", "Nothing was imported. Take it out of the folder.")
}

func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there"
	case errors.Is(err, fs.ErrPermission):
		return "Berth may not read it"
	}
	return "a file or folder in it is a link, or no plain file"
}

func (c *collector) folder(root *os.Root, folder, top string) error {
	if folder == top { // below it each part was looked at on the way
		if err := noLink(root, folder); err != nil {
			return err
		}
	}
	switch info, err := root.Lstat(folder); {
	case err != nil:
		return err
	case !info.IsDir(): // opening a pipe would wait for its other end
		return refuse("“" + printable(folder) + "” is no folder.")
	}
	dir, err := root.Open(folder)
	if err != nil {
		return err
	}
	entries, err := dir.ReadDir(c.limits.Entries + 1)
	_ = dir.Close() // it was only read
	if err != nil && len(entries) == 0 && !isEOF(err) {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		p := path.Join(folder, e.Name())
		name := strings.TrimPrefix(strings.TrimPrefix(p, top), "/")
		switch {
		case e.Name() == ".git" && e.IsDir():
		case e.IsDir():
			if _, err := c.entry(name, true); err != nil {
				return err
			}
			if err := c.folder(root, p, top); err != nil {
				return err
			}
		case e.Type().IsRegular():
			if err := c.open(root, p, name); err != nil {
				return err
			}
		default:
			return special(name)
		}
	}
	return nil
}

// noLink refuses a path that has a link anywhere in it.
func noLink(root *os.Root, p string) error {
	for at := p; at != "."; at = path.Dir(at) {
		info, err := root.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return special(at)
		}
	}
	return nil
}

func (c *collector) open(root *os.Root, p, name string) error {
	before, err := root.Lstat(p)
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() { // opening a pipe would wait for its other end
		return special(name)
	}
	f, err := root.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	// It could have become a link since it was listed.
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || !os.SameFile(before, info) {
		return special(name)
	}
	return c.file(name, f)
}

// Folders lists the folders right below root, those that can be chosen for an import.
func Folders(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(1000)
	if err != nil && !isEOF(err) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out, nil
}
