package template

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a container's make-up, for the template's form and for the form of
// a new container alike.
const (
	MinCores  = 1
	MaxCores  = 8192
	MinMemory = 16         // MiB; Proxmox takes no less
	MaxMemory = 16 << 20   // MiB
	MaxSwap   = MaxMemory  // MiB
	MinDisk   = 1          // GiB
	MaxDisk   = 128 * 1024 // GiB

	MaxHostname = 63
)

// Limits of templates and buckets.
const (
	MaxName        = 100 // characters of a template's name
	MaxBucketName  = 50  // characters of a bucket's or package list's name
	MaxDescription = 4000
	MaxTags        = 32
	MaxTag         = 40
	MaxAbout       = 500

	MaxInputs   = 64
	MaxQuestion = 300
	MaxValue    = 4096 // bytes of an input's value
	MaxChoices  = 100

	MaxScripts           = 500
	MaxScript            = 256 << 10 // bytes of one script
	MaxScriptTimeout     = 24 * time.Hour
	DefaultScriptTimeout = 30 * time.Minute

	MaxFiles        = 500
	MaxFile         = 2 << 20 // bytes of one file
	DefaultFileMode = 0o644
	MaxPath         = 1024

	MaxLists              = 100
	MaxPackages           = 5000 // of one template or bucket
	MaxCommand            = 4096 // bytes of a custom package's command
	MaxCustomTimeout      = 4 * time.Hour
	DefaultPackageTimeout = 300 // seconds, of a custom package

	MaxContent   = 16 << 20 // bytes of all scripts and files of a template
	MaxTemplates = 5000     // of one person
	MaxBuckets   = 1000     // of one person
	// KeptRevisions are how many of a template's revisions are kept; the oldest go first.
	KeptRevisions = 500
)

var (
	slugGrammar    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
	inputGrammar   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	osGrammar      = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]{0,99}$`)
	storageGrammar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,98}[A-Za-z0-9]$`)
	bridgeGrammar  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,14}$`)
	ownerGrammar   = regexp.MustCompile(`^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})(:([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10}))?$`)
	hostGrammar    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

// Between says what is wrong with a number that has to lie between two others; empty when nothing is.
// what begins the sentence: "Memory".
func Between(what string, n, least, most int, unit string) string {
	if n >= least && n <= most {
		return ""
	}
	if unit != "" {
		unit = " " + unit
	}
	return fmt.Sprintf("%s goes from %d to %d%s.", what, least, most, unit)
}

// HostnameProblem says what is wrong with a container's host name; empty when nothing is.
func HostnameProblem(name string) string {
	switch {
	case name == "":
		return "Enter a host name."
	case len(name) > MaxHostname:
		return "A host name has at most 63 characters."
	case !hostGrammar.MatchString(name):
		return "A host name has letters, digits and hyphens, and no hyphen at either end."
	}
	return ""
}

// CoresProblem, MemoryProblem, SwapProblem and DiskProblem say what is wrong
// with a container's resources; empty when nothing is.
func CoresProblem(n int) string  { return Between("Cores", n, MinCores, MaxCores, "") }
func MemoryProblem(n int) string { return Between("Memory", n, MinMemory, MaxMemory, "MiB") }
func SwapProblem(n int) string   { return Between("Swap", n, 0, MaxSwap, "MiB") }
func DiskProblem(n int) string   { return Between("The disk", n, MinDisk, MaxDisk, "GiB") }

// StorageProblem says what is wrong with a storage's name; empty when nothing is.
func StorageProblem(name string) string {
	if name != "" && !storageGrammar.MatchString(name) {
		return "A storage's name begins with a letter and has letters, digits, dots, hyphens and underscores."
	}
	return ""
}

// BridgeProblem says what is wrong with a bridge's name; empty when nothing is.
func BridgeProblem(name string) string {
	if name != "" && !bridgeGrammar.MatchString(name) {
		return "A bridge's name is like vmbr0: a letter, then at most 14 letters, digits, dots, hyphens and underscores."
	}
	return ""
}

// line says what is wrong with one line of a person's text; empty when nothing is.
func line(what, text string, most int) string {
	switch {
	case !utf8.ValidString(text):
		return what + " has bytes that are no text."
	case utf8.RuneCountInString(text) > most:
		return fmt.Sprintf("%s has at most %d characters.", what, most)
	case strings.ContainsFunc(text, unsafeRune):
		return what + " cannot have control or direction characters."
	}
	return ""
}

// unsafeRune is a character that can make text look like another: controls, direction marks, invisible ones.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || Invisible(r)
}

// Invisible reports whether a character changes how text reads without being
// seen: marks of direction, of zero width, tags. Tabs and line ends are not meant.
func Invisible(r rune) bool {
	switch {
	case r == 0xad, r == 0x61c, r == 0x180e, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0xfeff:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	case r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// NameProblem says what is wrong with a template's name; empty when nothing is.
func NameProblem(name string) string {
	if name == "" {
		return "Enter a name."
	}
	return line("A name", name, MaxName)
}

// ListNameProblem says what is wrong with the name of a bucket or a package
// list. It is a file's name in an export, so it is narrower than other names.
func ListNameProblem(name string) string {
	if name == "" {
		return "Enter a name."
	}
	if wrong := line("A name", name, MaxBucketName); wrong != "" {
		return wrong
	}
	for i, r := range name {
		plain := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		if !plain && (i == 0 || !strings.ContainsRune(" ._+-", r)) {
			return "A name begins with a letter or digit and has letters, digits, spaces, dots, hyphens, underscores and plus signs."
		}
	}
	return ""
}
