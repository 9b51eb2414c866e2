package template

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Clean is the content in the one form that is stored: trimmed, line ends of
// scripts as bash wants them, tags once, files and lists in order of their
// names, packages of a list by manager, and nothing of linked buckets but the link.
// Contents that mean the same are equal after it.
func (c Content) Clean() Content {
	c.Name = strings.TrimSpace(c.Name)
	c.Description = strings.TrimSpace(newlines(c.Description))
	c.OS, c.Storage, c.Bridge = strings.TrimSpace(c.OS), strings.TrimSpace(c.Storage), strings.TrimSpace(c.Bridge)
	c.Tags = cleanTags(c.Tags)
	c.Inputs = each(c.Inputs, cleanInput)
	c.Scripts = each(c.Scripts, cleanScript)
	c.Files = each(c.Files, cleanFile)
	slices.SortStableFunc(c.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	c.Lists = each(c.Lists, cleanList)
	slices.SortStableFunc(c.Lists, func(a, b PackageList) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return c
}

// each is f of every one; nil when there are none, so that equal contents are equal in Go too.
func each[T any](all []T, f func(T) T) []T {
	if len(all) == 0 {
		return nil
	}
	out := make([]T, len(all))
	for i, one := range all {
		out[i] = f(one)
	}
	return out
}

func newlines(text string) string {
	if !strings.Contains(text, "\r") {
		return text
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

func cleanTags(tags []string) (out []string) {
	seen := map[string]bool{"": true}
	for _, t := range tags {
		if t = strings.ToLower(strings.TrimSpace(t)); !seen[t] {
			out = append(out, t)
		}
		seen[t] = true
	}
	return out
}

func cleanInput(in Input) Input {
	in.Name, in.Question = strings.TrimSpace(in.Name), strings.TrimSpace(in.Question)
	in.Kind = Kind(strings.TrimSpace(string(in.Kind)))
	if in.Kind == Boolean || in.Kind == Number {
		// In the form that scripts get it, when it fits; what does not fit stays to be told.
		if v, wrong := in.Accept(in.Default); wrong == "" && in.Default != "" {
			in.Default = v
		}
	}
	if in.Kind == Boolean {
		in.Optional = false // it always has a value
		if in.Default == "0" {
			in.Default = ""
		}
	}
	in.Choices = each(in.Choices, strings.TrimSpace)
	return in
}

func cleanScript(s Script) Script {
	s.Name, s.About = strings.TrimSpace(s.Name), strings.TrimSpace(s.About)
	s.Body = newlines(s.Body)
	if s.Body != "" && !strings.HasSuffix(s.Body, "\n") {
		s.Body += "\n"
	}
	if s.Timeout == int(DefaultScriptTimeout.Seconds()) {
		s.Timeout = 0
	}
	return s
}

func cleanFile(f File) File {
	f.Path, f.Owner = strings.TrimSpace(f.Path), strings.TrimSpace(f.Owner)
	if f.Owner == "root" || f.Owner == "root:root" {
		f.Owner = ""
	}
	if f.Mode == DefaultFileMode {
		f.Mode = 0
	}
	if f.Policy == IfAbsent {
		f.Policy = ""
	}
	if len(f.Content) == 0 {
		f.Content = nil
	}
	return f
}

// OwnerName is who the file will belong to.
func (f File) OwnerName() string { return cmp.Or(f.Owner, "root:root") }

// Permissions are the file's mode bits.
func (f File) Permissions() uint32 { return cmp.Or(f.Mode, DefaultFileMode) }

// Does is the file's policy.
func (f File) Does() Policy { return cmp.Or(f.Policy, IfAbsent) }

func cleanList(l PackageList) PackageList {
	l.Name = strings.TrimSpace(l.Name)
	if l.Linked() {
		l.Packages = nil
		return l
	}
	l.Packages = CleanPackages(l.Packages)
	return l
}

// CleanPackages are the packages in the form and order in which they are stored: by manager, else as they were.
func CleanPackages(packages []Package) []Package {
	out := each(packages, Package.Clean)
	slices.SortStableFunc(out, func(a, b Package) int {
		return cmp.Compare(slices.Index(Managers, a.Manager), slices.Index(Managers, b.Manager))
	})
	return out
}

// Clean is the bucket in the one form that is stored.
func (b Bucket) Clean() Bucket {
	b.Name, b.Description = strings.TrimSpace(b.Name), strings.TrimSpace(newlines(b.Description))
	b.Packages = CleanPackages(b.Packages)
	return b
}

// Canonical is the content as bytes: equal contents give equal bytes.
func (c Content) Canonical() ([]byte, error) {
	data, err := json.Marshal(c.Clean())
	if err != nil {
		return nil, fmt.Errorf("write a template's content: %w", err)
	}
	return data, nil
}

// ReadCanonical reads what Canonical wrote.
func ReadCanonical(data []byte) (c Content, err error) {
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("read a template's content: %w", err)
	}
	return c, nil
}

// Digest is the SHA-256 of canonical bytes, in hex.
func Digest(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// DigestPackages is what names one state of a bucket.
func DigestPackages(packages []Package) string {
	data, err := json.Marshal(CleanPackages(packages))
	if err != nil {
		panic("template: packages of plain fields did not marshal: " + err.Error())
	}
	return Digest(data)
}

// Count counts what the content has; packages of linked buckets are left out.
func (c Content) Count() Counts {
	n := Counts{Scripts: len(c.Scripts), Files: len(c.Files), Inputs: len(c.Inputs)}
	for _, l := range c.Lists {
		if l.Linked() {
			n.Linked++
			continue
		}
		n.Packages += len(l.Packages)
	}
	return n
}

// Links are the buckets that the content follows.
func (c Content) Links() (ids []BucketID) {
	for _, l := range c.Lists {
		if l.Linked() {
			ids = append(ids, l.Bucket)
		}
	}
	return ids
}

// Unlinked is the content with every followed list turned into a copy of what
// buckets has for it. A bucket that is not there leaves an empty list.
func (c Content) Unlinked(buckets map[BucketID]Bucket) Content {
	c.Lists = each(c.Lists, func(l PackageList) PackageList {
		if b, ok := buckets[l.Bucket]; l.Linked() && ok {
			l.Name, l.Packages = b.Name, b.Packages
		}
		l.Bucket = ""
		return l
	})
	return c.Clean()
}

// Filled is the content with the packages of followed buckets in place and the links kept, for showing and for jobs.
func (c Content) Filled(buckets map[BucketID]Bucket) Content {
	c.Lists = each(c.Lists, func(l PackageList) PackageList {
		if b, ok := buckets[l.Bucket]; l.Linked() && ok {
			l.Name, l.Packages = b.Name, b.Packages
		}
		return l
	})
	return c
}
