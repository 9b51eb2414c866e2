// Package starter has the templates that come with Berth, in the layout that
// exports have too. Each is good for use as it is and for learning from.
package starter

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"berth/internal/template"
	"berth/internal/template/layout"
)

//go:embed all:set
var set embed.FS

// Files are the files of the set in their layout.
func Files() (layout.Files, error) {
	files := layout.Files{}
	err := fs.WalkDir(set, "set", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[strings.TrimPrefix(p, "set/")], err = set.ReadFile(p)
		return err
	})
	return files, err
}

// All are the templates of the set in order of their directories.
var All = sync.OnceValue(func() []template.StarterInfo {
	files, err := Files()
	if err != nil {
		panic(fmt.Sprintf("starter: an embedded file cannot be read: %v", err)) // built in: it is so for everybody, and a test sees it
	}
	found, _ := layout.Read(files)
	out := make([]template.StarterInfo, len(found))
	for i, f := range found {
		out[i] = template.StarterInfo{Dir: f.Dir, Content: f.Content}
	}
	return out
})
