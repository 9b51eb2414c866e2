package store

import (
	"strings"

	"berth/internal/template"
)

// Words of templates and buckets are kept a thing a line, in lower case, so
// that one LIKE finds a template and the line says what in it was meant. A line
// begins with what it is.
const (
	wordsTop     = "t:" // name, description, tags, OS
	wordsScript  = "s:"
	wordsFile    = "f:"
	wordsPackage = "p:"
)

func templateWords(c template.Content) string {
	var b strings.Builder
	addWords(&b, wordsTop, c.Name, c.Description, strings.Join(c.Tags, " "), c.OS)
	for _, s := range c.Scripts {
		addWords(&b, wordsScript, s.Name, s.About)
	}
	for _, f := range c.Files {
		addWords(&b, wordsFile, f.Path)
	}
	for _, l := range c.Lists {
		if l.Linked() {
			continue // found in the bucket
		}
		for _, p := range l.Packages {
			addWords(&b, wordsPackage, string(p.Manager), p.Name)
		}
	}
	return b.String()
}

func bucketWords(bucket template.Bucket) string {
	var b strings.Builder
	addWords(&b, wordsTop, bucket.Name, bucket.Description)
	for _, p := range bucket.Packages {
		addWords(&b, wordsPackage, string(p.Manager), p.Name)
	}
	return b.String()
}

func addWords(b *strings.Builder, kind string, texts ...string) {
	b.WriteString(kind)
	b.WriteString(strings.Join(strings.Fields(strings.ToLower(plain(strings.Join(texts, " ")))), " "))
	b.WriteByte('\n')
}

// maxWords is how many words of a search count, maxWord how long each is.
const (
	maxWords = 4
	maxWord  = 100
)

// patterns are the LIKE patterns of a search; those not needed match all.
func patterns(words []string) (out [maxWords]string) {
	n := 0
	for _, w := range words {
		if w = strings.ToLower(strings.TrimSpace(plain(w))); w != "" && n < maxWords {
			out[n] = like(w)
			n++
		}
	}
	for ; n < maxWords; n++ {
		out[n] = "%"
	}
	return out
}

func like(word string) string {
	if r := []rune(word); len(r) > maxWord {
		word = string(r[:maxWord])
	}
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word) + "%"
}

// maxInside is how many things in one template or bucket a search tells: one of
// 2,000 packages must not leave out all others.
const maxInside = 5

// hits are the lines among words that have all of the searched words together
// with the title; the top line stands for the template or bucket itself.
func hits(title, words string, searched []string) (out []template.Hit) {
	inside := 0
	kinds := map[string]template.HitKind{wordsScript: template.ScriptHit, wordsFile: template.FileHit, wordsPackage: template.PackageHit}
	for l := range strings.Lines(words) {
		l = strings.TrimSuffix(l, "\n")
		if len(l) < len(wordsTop) {
			continue
		}
		prefix, text := l[:len(wordsTop)], l[len(wordsTop):]
		if prefix == wordsTop {
			if containsAll(text, searched) {
				out = append(out, template.Hit{})
			}
			continue
		}
		if inside < maxInside && len(searched) > 0 && containsAny(text, searched) && containsAll(strings.ToLower(title)+" "+text, searched) {
			out = append(out, template.Hit{Kind: kinds[prefix], Name: named(prefix, text)})
			inside++
		}
	}
	return out
}

// named cuts a line to the name: a script's description is found, but not part of it.
func named(prefix, text string) string {
	if prefix == wordsScript {
		text, _, _ = strings.Cut(text, " ")
	}
	return text
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
