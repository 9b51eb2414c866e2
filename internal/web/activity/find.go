package activity

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"berth/internal/audit"
	"berth/internal/web/kit"
)

// How much of the trail one page shows, reads at once, and looks through at most for a rare text.
const (
	perPage  = 50
	perRead  = 200
	maxReads = 25
	maxText  = 100
)

// ask is what the address of the page asks for.
type ask struct {
	Group  string // one of groups, or empty for all
	Text   string
	Before int64 // entries with a smaller Seq
	Admin  bool  // Berth's own entries too
}

func (a ask) narrows() bool { return a.Group != "" || a.Text != "" }

// older is the address of the page that goes on below seq.
func (a ask) older(seq int64) string {
	q := url.Values{}
	if a.Group != "" {
		q.Set("kind", a.Group)
	}
	if a.Text != "" {
		q.Set("q", a.Text)
	}
	q.Set("before", strconv.FormatInt(seq, 10))
	return kit.URL.Activity() + "?" + q.Encode()
}

// group is a choice of the filter: entries whose kind begins with one of its nouns.
type group struct {
	Key, Text string
	nouns     []string
}

var groups = []group{
	{"sign-in", "Signing in", []string{"session"}},
	{"nodes", "Nodes", []string{"cluster", "node"}},
	{"tokens", "Tokens", []string{"token"}},
	{"administration", "Administration", []string{"setup", "signin-host", "administrator", "user"}},
}

func knownGroup(key string) string {
	for _, g := range groups {
		if g.Key == key {
			return key
		}
	}
	return ""
}

func inGroup(key string, k audit.Kind) bool {
	if key == "" {
		return true
	}
	noun, _, _ := strings.Cut(string(k), ".")
	for _, g := range groups {
		if g.Key != key {
			continue
		}
		for _, n := range g.nouns {
			if n == noun {
				return true
			}
		}
	}
	return false
}

// found is one page of the trail.
type found struct {
	Entries []audit.Entry
	Next    int64 // to go on below; 0: that was all
	GaveUp  bool  // stopped looking before the end of the trail
}

// find reads the trail backwards until a page is full. An intent whose end is
// in the list is left out: the end says the same and how it went.
func (p *Pages) find(ctx context.Context, owner string, a ask) (found, error) {
	var out found
	ended := map[string]bool{}
	before := a.Before
	for range maxReads {
		entries, err := p.trail.AuditEntries(ctx, audit.Filter{Owner: owner, WithBerth: a.Admin, Before: before, Limit: perRead})
		if err != nil {
			return found{}, err
		}
		for _, e := range entries {
			if e.Of != "" {
				ended[e.Of] = true
			}
			hidden := e.Result == audit.Intent && ended[e.ID]
			if !hidden && len(out.Entries) == perPage {
				out.Next = before
				return out, nil
			}
			before = e.Seq
			if !hidden && inGroup(a.Group, e.Kind) && says(e, a.Text) {
				out.Entries = append(out.Entries, e)
			}
		}
		if len(entries) < perRead {
			return out, nil
		}
	}
	out.Next, out.GaveUp = before, true
	return out, nil
}

// says reports whether every word of the text is somewhere in the entry, as it is shown.
func says(e audit.Entry, text string) bool {
	if text == "" {
		return true
	}
	l := lineOf(e)
	all := strings.ToLower(strings.Join([]string{l.What, e.Subject, e.Detail, e.Actor, e.Address, l.Word}, "\n"))
	for _, word := range strings.Fields(strings.ToLower(text)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

func cut(s string, limit int) string {
	s = strings.TrimSpace(s)
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit])
	}
	return strings.ToValidUTF8(s, "")
}
