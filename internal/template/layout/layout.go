// Package layout reads and writes templates as plain files:
//
//	NAME/template.conf
//	NAME/container-configs/scripts/NN-name.sh
//	NAME/container-configs/files/FILE with FILE.path and FILE.policy
//	NAME/container-configs/packages/LIST.apt (.apk .dnf .npm .pip .custom)
//
// docs/template-layout.md describes it for people. Reading runs nothing: a
// template.conf is read as data, never by a shell.
package layout

import (
	"path"
	"slices"
	"strings"

	"berth/internal/template"
)

// Files are the files of a layout by their path, with forward slashes and relative to the layout's root.
type Files map[string][]byte

// Paths are the paths in order.
func (f Files) Paths() []string {
	out := make([]string, 0, len(f))
	for p := range f {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// Within puts a template that lies at the root into a directory of that name,
// which is then its name where it says none of its own. Other files stay as they are.
func (f Files) Within(dir string) Files {
	if _, ok := f[confName]; !ok || dir == "" || dir == "." {
		return f
	}
	out := make(Files, len(f))
	for p, data := range f {
		out[path.Join(dir, p)] = data
	}
	return out
}

// Found is one template that was read.
type Found struct {
	Dir      string // its directory's path; empty when it lies at the root
	Content  template.Content
	Follow   []string           // names of its lists that follow a bucket of that name
	Findings []template.Finding // of this template, with file and line, and with Field where there is one
	// Numbers are the files of its scripts, files and lists by the place in Content: "scripts[0]".
	places map[string]string
}

// File is the path of the file that a place in the content was read from: of
// "scripts[0].body" that of the script; template.conf's for what has no file of its own.
func (f Found) File(field string) string {
	if i := strings.IndexByte(field, ']'); i >= 0 {
		field = field[:i+1]
	}
	if p, ok := f.places[field]; ok {
		return p
	}
	return path.Join(f.Dir, confName)
}

const (
	confName    = "template.conf"
	scriptsDir  = "container-configs/scripts"
	filesDir    = "container-configs/files"
	packagesDir = "container-configs/packages"
	disabled    = ".disabled"
	pathSuffix  = ".path"
	ruleSuffix  = ".policy"
)

// Keys of template.conf. Those of the second group are Berth's own; other
// readers of the layout pass them over.
const (
	keyApp          = "TEMPLATE_APP"
	keyDescription  = "TEMPLATE_DESCRIPTION"
	keyTags         = "TEMPLATE_TAGS"
	keyCPU          = "TEMPLATE_CPU"
	keyRAM          = "TEMPLATE_RAM"
	keySwap         = "TEMPLATE_SWAP"
	keyDisk         = "TEMPLATE_DISK"
	keyOS           = "TEMPLATE_OS"
	keyVersion      = "TEMPLATE_VERSION"
	keyUnprivileged = "TEMPLATE_UNPRIVILEGED"
	keyNesting      = "TEMPLATE_NESTING"
	keyKeyctl       = "TEMPLATE_KEYCTL"
	keyFuse         = "TEMPLATE_FUSE"

	keyOSPattern      = "TEMPLATE_OS_PATTERN"
	keyOnBoot         = "TEMPLATE_ONBOOT"
	keyStorage        = "TEMPLATE_STORAGE"
	keyBridge         = "TEMPLATE_BRIDGE"
	keyInputs         = "TEMPLATE_INPUTS"
	keyInput          = "TEMPLATE_INPUT_" // then the input's name and a part without an underscore: no two inputs share a key
	keyScriptNotes    = "TEMPLATE_SCRIPT_NOTES"
	keyScriptTimeouts = "TEMPLATE_SCRIPT_TIMEOUTS"
	keyFileOwners     = "TEMPLATE_FILE_OWNERS"
	keyFileModes      = "TEMPLATE_FILE_MODES"
	keyFileNames      = "TEMPLATE_FILE_NAMES"
	keyFollows        = "TEMPLATE_FOLLOWS"
)

// variants are the last part of an OS template's name where it is not "default".
var variants = map[string]string{"debian": "standard", "ubuntu": "standard", "devuan": "standard"}

// osPattern is the OS template that TEMPLATE_OS and TEMPLATE_VERSION mean.
func osPattern(os, version string) string {
	variant, ok := variants[os]
	if !ok {
		variant = "default"
	}
	if version == "" {
		return os
	}
	return os + "-" + version + "-" + variant
}

// splitPattern finds the OS and version that come nearest to a pattern.
func splitPattern(pattern string) (os, version string) {
	os, rest, _ := strings.Cut(pattern, "-")
	version, _, _ = strings.Cut(rest, "-")
	return os, version
}
