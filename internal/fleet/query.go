package fleet

import (
	"slices"
	"strings"
	"unicode"
)

// Subject is what a search looks at and what a list is sorted by: one container
// with the numbers as they are shown, so that a page drawn by the server and the
// same page filtered in the browser agree. The rules of search and order are
// also written in JavaScript (web/dashboard/js); testdata/query_cases.json is
// the table that both must pass.
type Subject struct {
	ID          ContainerID
	Name        string // hostname, else "CT 100"
	Node        string // PVE name
	Label       string // the node's label, may be empty
	ClusterName string
	Status      Status
	Stale       bool
	Attention   bool
	Lock        string
	Tags        []string
	Pool        string
	Addresses   []string
	// Live: it runs, or ran when last seen, so that the numbers below say
	// something. Of others nothing can be compared but the disk's size.
	Live            bool
	CPU             int // percent of the allotted CPUs
	Mem, MaxMem     int // MiB
	Disk, MaxDisk   int // MiB
	Uptime          int // seconds
	text, nameKey   string
	nodeKey, tagKey string
}

// Prepare fills what searching and sorting need over and over. Call it once,
// after the fields are set.
func (s *Subject) Prepare() {
	var b strings.Builder
	add := func(part string) {
		if part != "" {
			b.WriteString(part)
			b.WriteByte('\n')
		}
	}
	add(s.Name)
	add(s.ID.VMID.String())
	add(s.Node)
	add(s.Label)
	add(s.ClusterName)
	add(s.Pool)
	for _, t := range s.Tags {
		add(t)
	}
	for _, a := range s.Addresses {
		add(a)
	}
	s.text = strings.ToLower(b.String())
	s.nameKey = NaturalKey(s.Name)
	s.nodeKey = NaturalKey(s.NodeTitle())
	s.tagKey = NaturalKey(strings.Join(s.Tags, " "))
}

// NodeTitle is what people call the node: the label, else the PVE name.
func (s *Subject) NodeTitle() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Node
}

// MaxQuery is how much of a search is read, in characters, and maxTerms in parts; the rest is ignored.
const (
	MaxQuery = 300
	maxTerms = 24
)

// Query is a search as typed: plain words, quoted words, node:, cluster:, tag:,
// status:, name:, vmid:, pool:, ip:, lock:, comparisons of cpu, mem, disk and
// uptime, each with an optional leading minus. All parts must hold; of several
// node:, cluster:, status:, vmid: or pool: one is enough, since a container has
// only one of each.
type Query struct {
	terms []term
	// Problems has a sentence for each part that could not be understood and is therefore ignored.
	Problems []string
}

type term struct {
	not    bool
	key    string   // "" for a plain word
	values []string // lower-case; alternatives
	cmp    comparison
}

// StatusWords are what status: and the URL key of that name may say.
var StatusWords = []string{"running", "stopped", "suspended", "unknown", "attention", "stale", "locked"}

var textKeys = map[string]string{
	"node": "node", "cluster": "cluster", "tag": "tag", "status": "status", "name": "name",
	"vmid": "vmid", "id": "vmid", "pool": "pool", "ip": "ip", "lock": "lock",
}

// ParseQuery reads a search. It never fails: what it cannot understand is left out and named in Problems.
func ParseQuery(text string) Query {
	if r := []rune(text); len(r) > MaxQuery {
		text = string(r[:MaxQuery])
	}
	var q Query
	for i, w := range words(text) {
		if i == maxTerms {
			break
		}
		t, problem, ok := parseTerm(w)
		if problem != "" {
			q.Problems = append(q.Problems, problem)
		}
		if ok {
			q.terms = append(q.terms, t)
		}
	}
	return q
}

// Empty reports whether the query asks for nothing, so that everything matches.
func (q Query) Empty() bool { return len(q.terms) == 0 }

// word is one blank-separated part. bare is the text up to the first quote; whole has the quotes taken away.
type word struct {
	not         bool
	bare, whole string
}

func words(text string) []word {
	var out []word
	r := []rune(text)
	for i := 0; i < len(r); {
		if unicode.IsSpace(r[i]) {
			i++
			continue
		}
		var w word
		if r[i] == '-' && i+1 < len(r) && !unicode.IsSpace(r[i+1]) {
			w.not = true
			i++
		}
		var whole []rune
		bare, quoted, seen := 0, false, false
		for ; i < len(r) && (quoted || !unicode.IsSpace(r[i])); i++ {
			if r[i] == '"' {
				quoted, seen = !quoted, true
				continue
			}
			whole = append(whole, r[i])
			if !seen {
				bare = len(whole)
			}
		}
		w.whole, w.bare = string(whole), string(whole[:bare])
		if w.whole != "" {
			out = append(out, w)
		}
	}
	return out
}

// splitKey cuts "key:rest" or "key>=rest" where key is known and stands before any quote.
func splitKey(w word) (key, op, rest string, ok bool) {
	i := strings.IndexAny(w.bare, ":<>=")
	if i <= 0 {
		return "", "", "", false
	}
	key = strings.ToLower(w.bare[:i])
	op, rest = w.whole[i:i+1], w.whole[i+1:]
	if op == ":" {
		for _, o := range []string{">=", "<=", ">", "<", "="} {
			if _, number := numberKeys[key]; number && strings.HasPrefix(rest, o) {
				return key, o, rest[len(o):], true
			}
		}
	}
	if (op == "<" || op == ">") && strings.HasPrefix(rest, "=") {
		op, rest = op+"=", rest[1:]
	}
	return key, op, rest, true
}

func parseTerm(w word) (t term, problem string, ok bool) {
	key, op, rest, found := splitKey(w)
	if name, number := numberKeys[key]; found && number {
		if rest == "" {
			return term{}, "", false // still being typed
		}
		cmp, problem := parseComparison(name, op, rest)
		return term{not: w.not, key: name, cmp: cmp}, problem, problem == ""
	}
	name, known := textKeys[key]
	if !found || !known || op != ":" && op != "=" {
		return term{not: w.not, values: []string{strings.ToLower(w.whole)}}, "", true
	}
	t = term{not: w.not, key: name}
	for v := range strings.SplitSeq(strings.ToLower(rest), ",") {
		if v != "" {
			t.values = append(t.values, v)
		}
	}
	if name == "status" {
		for _, v := range t.values {
			if !slices.Contains(StatusWords, v) {
				return term{}, "“" + v + "” is no status: use one of " + strings.Join(StatusWords, ", ") + ".", false
			}
		}
	}
	return t, "", len(t.values) > 0
}

// oneOf are the keys of which a container has one value: several of them in a
// search are alternatives.
var oneOf = []string{"node", "cluster", "status", "vmid", "pool"}

// Match reports whether a prepared subject is what the query asks for.
func (q Query) Match(s *Subject) bool {
	for i := range q.terms {
		t := &q.terms[i]
		switch {
		case t.not:
			if t.holds(s) {
				return false
			}
		case slices.Contains(oneOf, t.key):
			if !q.any(t.key, s) {
				return false
			}
		case !t.holds(s):
			return false
		}
	}
	return true
}

func (q Query) any(key string, s *Subject) bool {
	for i := range q.terms {
		if t := &q.terms[i]; t.key == key && !t.not && t.holds(s) {
			return true
		}
	}
	return false
}

func (t *term) holds(s *Subject) bool {
	if t.cmp.op != "" {
		return t.cmp.holds(s)
	}
	return slices.ContainsFunc(t.values, func(v string) bool { return s.has(t.key, v) })
}

// has reports whether the subject has the value, lower-case, under the key.
func (s *Subject) has(key, v string) bool {
	like := func(text string) bool { return glob(v, strings.ToLower(text)) }
	switch key {
	case "":
		return strings.Contains(s.text, v)
	case "node":
		return like(s.Node) || s.Label != "" && like(s.Label) || strings.Contains(v, "/") && like(s.ClusterName+"/"+s.Node)
	case "cluster":
		return like(s.ClusterName)
	case "tag":
		return slices.ContainsFunc(s.Tags, like)
	case "status":
		return s.HasStatus(v)
	case "name":
		return strings.Contains(strings.ToLower(s.Name), v)
	case "vmid":
		return like(s.ID.VMID.String())
	case "pool":
		return s.Pool != "" && like(s.Pool)
	case "ip":
		return slices.ContainsFunc(s.Addresses, func(a string) bool { return strings.Contains(strings.ToLower(a), v) })
	case "lock":
		return s.Lock != "" && like(s.Lock)
	}
	return false
}

// HasStatus reports whether one of StatusWords is true of the subject.
func (s *Subject) HasStatus(word string) bool {
	switch word {
	case "attention":
		return s.Attention
	case "stale":
		return s.Stale
	case "locked":
		return s.Lock != ""
	}
	return string(s.Status) == word
}

// glob matches whole texts; * stands for any characters, everything else for itself.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}
