package template

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Check returns everything that is wrong with a content that Clean has been
// over, each with its place. All findings are errors: such a content is not stored.
func (c Content) Check() []Finding {
	k := &checker{}
	k.wrong("name", NameProblem(c.Name))
	k.text("description", "A description", c.Description, MaxDescription)
	k.tags(c.Tags)
	if c.OS == "" {
		k.wrong("os", "Say which OS template it starts from, such as debian-12-standard.")
	} else if !osGrammar.MatchString(c.OS) {
		k.wrong("os", "An OS template is named like debian-12-standard: lower-case letters, digits, dots, hyphens.")
	}
	k.wrong("cores", CoresProblem(c.Cores))
	k.wrong("memory", MemoryProblem(c.Memory))
	k.wrong("swap", SwapProblem(c.Swap))
	k.wrong("disk", DiskProblem(c.Disk))
	k.wrong("storage", StorageProblem(c.Storage))
	k.wrong("bridge", BridgeProblem(c.Bridge))
	k.inputs(c.Inputs)
	k.scripts(c.Scripts)
	k.files(c.Files)
	k.lists(c.Lists)
	if n := c.Size(); n > MaxContent {
		k.wrong("", fmt.Sprintf("Scripts and files together have %d bytes; a template holds up to %d MiB.", n, MaxContent>>20))
	}
	return k.found
}

// Size is how many bytes the scripts and files have.
func (c Content) Size() (n int) {
	for _, s := range c.Scripts {
		n += len(s.Body)
	}
	for _, f := range c.Files {
		n += len(f.Content)
	}
	return n
}

// Check returns everything that is wrong with a bucket that Clean has been over.
func (b Bucket) Check() []Finding {
	k := &checker{}
	k.wrong("name", ListNameProblem(b.Name))
	k.text("description", "A description", b.Description, MaxDescription)
	if len(b.Packages) > MaxPackages {
		k.wrong("packages", fmt.Sprintf("A bucket has at most %d packages.", MaxPackages))
		return k.found
	}
	k.packages("packages", b.Packages)
	return k.found
}

type checker struct{ found []Finding }

// wrong adds a finding unless the sentence is empty.
func (k *checker) wrong(field, text string) { k.wrongWith(field, text, "") }

func (k *checker) wrongWith(field, text, remedy string) {
	if text != "" {
		rule, _, _ := strings.Cut(field, "[")
		k.found = append(k.found, Finding{Level: Error, Rule: rule, Field: field, Text: text, Remedy: remedy})
	}
}

// text checks text of several lines.
func (k *checker) text(field, what, text string, most int) {
	k.wrong(field, line(what, strings.NewReplacer("\n", "", "\t", "").Replace(text), most))
}

func (k *checker) tags(tags []string) {
	if len(tags) > MaxTags {
		k.wrong("tags", fmt.Sprintf("A template has at most %d tags.", MaxTags))
		return
	}
	for _, t := range tags {
		if wrong := line("A tag", t, MaxTag); wrong != "" {
			k.wrong("tags", wrong)
		} else if strings.ContainsAny(t, ";, \\") {
			k.wrong("tags", "“"+t+"”: a tag has no spaces, commas, semicolons or backslashes.")
		}
	}
}

func (k *checker) inputs(inputs []Input) {
	if len(inputs) > MaxInputs {
		k.wrong("inputs", fmt.Sprintf("A template has at most %d inputs.", MaxInputs))
		return
	}
	seen := map[string]bool{}
	for i, in := range inputs {
		at := fmt.Sprintf("inputs[%d].", i)
		in.check(func(part, text, remedy string) { k.wrongWith(at+part, text, remedy) })
		if seen[in.Name] {
			k.wrong(at+"name", "There is an input “"+in.Name+"” already.")
		}
		seen[in.Name] = true
	}
}

func (k *checker) scripts(scripts []Script) {
	if len(scripts) > MaxScripts {
		k.wrong("scripts", fmt.Sprintf("A template has at most %d scripts.", MaxScripts))
		return
	}
	seen := map[string]bool{}
	for i, s := range scripts {
		at := fmt.Sprintf("scripts[%d].", i)
		key := strings.ToLower(s.Name)
		switch {
		case s.Name == "":
			k.wrong(at+"name", "Give the script a name, such as setup.")
		case !slugGrammar.MatchString(s.Name):
			k.wrong(at+"name", "A script's name has at most 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit.")
		case seen[key]:
			k.wrong(at+"name", "There is a script “"+s.Name+"” already.")
		}
		seen[key] = true
		k.wrong(at+"about", line("A description", s.About, MaxAbout))
		switch {
		case len(s.Body) > MaxScript:
			k.wrong(at+"body", fmt.Sprintf("A script has at most %d KiB.", MaxScript>>10))
		case !utf8.ValidString(s.Body) || strings.ContainsRune(s.Body, 0):
			k.wrong(at+"body", "The script has bytes that are no text.")
		}
		if s.Timeout < 0 || s.Timeout > int(MaxScriptTimeout.Seconds()) {
			k.wrong(at+"timeout", "A script's time-out goes up to 86400 seconds.")
		}
	}
}

func (k *checker) files(files []File) {
	if len(files) > MaxFiles {
		k.wrong("files", fmt.Sprintf("A template has at most %d files.", MaxFiles))
		return
	}
	seen := map[string]bool{}
	for i, f := range files {
		at := fmt.Sprintf("files[%d].", i)
		wrong := PathProblem(f.Path)
		if wrong == "" && seen[f.Path] {
			wrong = "There is a file for " + f.Path + " already."
		}
		seen[f.Path] = true
		k.wrong(at+"path", wrong)
		if f.Owner != "" && !ownerGrammar.MatchString(f.Owner) {
			k.wrong(at+"owner", "An owner is written as user or user:group, such as root:www-data.")
		}
		if f.Mode > 0o7777 {
			k.wrong(at+"mode", "A mode is an octal number up to 7777, such as 0644.")
		}
		if f.Policy != "" && !slices.Contains(Policies, f.Policy) {
			k.wrong(at+"policy", "A policy is default, replace or backup.")
		}
		if len(f.Content) > MaxFile {
			k.wrong(at+"content", fmt.Sprintf("A file has at most %d MiB.", MaxFile>>20))
		}
	}
}

// PathProblem says what is wrong with the target path of a file; empty when nothing is.
func PathProblem(target string) string {
	switch {
	case target == "":
		return "Say where in the container the file goes."
	case !strings.HasPrefix(target, "/"):
		return "The path has to begin with /."
	case len(target) > MaxPath:
		return fmt.Sprintf("A path has at most %d bytes.", MaxPath)
	case line("A path", target, MaxPath) != "":
		return line("A path", target, MaxPath)
	case strings.HasSuffix(target, "/"):
		return "The path has to end with the file's name."
	case path.Clean(target) != target:
		return "The path cannot have . or .. or // in it."
	}
	for _, name := range strings.Split(target[1:], "/") {
		if len(name) > 255 {
			return "A name in the path has at most 255 bytes."
		}
		if strings.TrimSpace(name) != name {
			return "A name in the path cannot begin or end with a space."
		}
	}
	switch first, _, _ := strings.Cut(target[1:], "/"); first {
	case "proc", "sys", "dev":
		return "Files below /" + first + " are the kernel's and cannot be written."
	}
	return ""
}

func (k *checker) lists(lists []PackageList) {
	if len(lists) > MaxLists {
		k.wrong("lists", fmt.Sprintf("A template has at most %d package lists.", MaxLists))
		return
	}
	seen, linked, n := map[string]bool{}, map[BucketID]bool{}, 0
	for i, l := range lists {
		at := fmt.Sprintf("lists[%d]", i)
		wrong := ListNameProblem(l.Name)
		if key := strings.ToLower(l.Name); wrong == "" && seen[key] {
			wrong = "There is a package list “" + l.Name + "” already."
		} else {
			seen[key] = true
		}
		k.wrong(at+".name", wrong)
		if l.Linked() && linked[l.Bucket] {
			k.wrong(at+".bucket", "This bucket is followed already.")
		}
		linked[l.Bucket] = true
		n += len(l.Packages)
	}
	if n > MaxPackages {
		k.wrong("lists", fmt.Sprintf("A template has at most %d packages.", MaxPackages))
		return
	}
	for i, l := range lists {
		k.packages(fmt.Sprintf("lists[%d].packages", i), l.Packages)
	}
}

func (k *checker) packages(field string, packages []Package) {
	seen := map[string]bool{}
	for i, p := range packages {
		at := fmt.Sprintf("%s[%d]", field, i)
		if wrong := p.Problem(); wrong != "" {
			k.wrong(at, wrong)
			continue
		}
		if seen[p.Key()] {
			k.wrong(at, p.Name+" is there twice for "+string(p.Manager)+".")
		}
		seen[p.Key()] = true
	}
}
