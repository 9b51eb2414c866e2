package kit

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"

	"berth/internal/fleet"
)

// PaletteItem is one thing that the command palette finds.
type PaletteItem struct {
	Kind  string `json:"k"` // "container", "node", "page", "template", "bucket", "script", "file" or "package"
	Title string `json:"t"`
	Note  string `json:"n,omitempty"` // where it is, its number
	Find  string `json:"f,omitempty"` // further words that find it
	URL   string `json:"u"`           // a local path
	// Judged numbers, for a container, what its source's Judgements say can be done to it; nil: nothing is offered.
	Judged *int `json:"j,omitempty"`
}

// PaletteSource is a page package that has things to be found. Only what the
// viewer of ctx may see is given; nothing is asked of Proxmox for it.
type PaletteSource interface {
	PaletteItems(ctx context.Context) iter.Seq[PaletteItem]
}

// PaletteFinder is a source that has more than it gives without words: with
// words it is asked for what they find. What it gives is found, also where a
// word stands in nothing that is shown, such as a description.
type PaletteFinder interface {
	PaletteFind(ctx context.Context, words []string) ([]PaletteItem, error)
}

// paletteLimit is how many items one answer has; past it the script asks again with what was typed.
const paletteLimit = 2000

type paletteAnswer struct {
	Items []PaletteItem `json:"items"`
	More  bool          `json:"more,omitempty"` // there are more: ask with ?q=
	// Actions are what can be asked for of containers, Judged for each number of an item's the reasons against them.
	Actions []paletteAction `json:"actions,omitempty"`
	Judged  [][]string      `json:"judged,omitempty"`
}

// paletteAction is a row of the table of actions as the palette reads it.
type paletteAction struct {
	Name  fleet.Action `json:"n"`
	Title string       `json:"t"`
	Icon  string       `json:"i"`
	Asks  bool         `json:"ask,omitempty"`
}

// Judge is a PaletteSource whose items carry what can be done to them.
type Judge interface {
	// Judgements are, for each number, the sentence against each action in the
	// table's order, empty where it can be had. "\x01" in it stands for the
	// item's title, "\x02" for the last part of its address.
	Judgements(ctx context.Context) [][]string
}

func paletteActions() (out []paletteAction) {
	for _, r := range fleet.ActionRules() {
		out = append(out, paletteAction{r.Action, r.Title, r.Icon, r.Confirm != fleet.AtOnce})
	}
	return out
}

// palette answers GET /palette.json[?q=words]: pages first, then what the sources give.
func palette(sources []PaletteSource) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		words := strings.Fields(strings.ToLower(r.URL.Query().Get("q")))
		answer := paletteAnswer{Items: []PaletteItem{}}
		take := func(item PaletteItem) bool {
			if !item.matches(words) {
				return true
			}
			if len(answer.Items) == paletteLimit {
				answer.More = true
				return false
			}
			answer.Items = append(answer.Items, item)
			return true
		}
		for _, item := range pages(ViewerOf(r.Context()).User.Admin) {
			take(item)
		}
		for _, s := range sources {
			finder, finds := s.(PaletteFinder)
			if finds && len(words) > 0 {
				found, err := finder.PaletteFind(r.Context(), words)
				if err != nil {
					return err
				}
				for _, item := range found {
					item.Find += " " + strings.Join(words, " ") // the script ranks by what it can see
					take(item)
				}
				continue
			}
			for item := range s.PaletteItems(r.Context()) {
				answer.More = answer.More || finds
				if !take(item) {
					break
				}
			}
			if j, ok := s.(Judge); ok {
				answer.Actions, answer.Judged = paletteActions(), j.Judgements(r.Context())
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "private, no-store")
		return ignoreGone(r.Context(), json.NewEncoder(w).Encode(answer))
	}
}

// matches reports whether every word is in the item somewhere; the script ranks by the same rule.
func (p PaletteItem) matches(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(p.Title + " " + p.Note + " " + p.Find)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// pages are the rooms of Berth that a person can go to.
func pages(admin bool) []PaletteItem {
	list := []PaletteItem{
		{Kind: "page", Title: "Dashboard", Find: "containers home fleet", URL: URL.Dashboard()},
		{Kind: "page", Title: "Templates", URL: URL.Templates()},
		{Kind: "page", Title: "Packages", Find: "buckets", URL: URL.Packages()},
		{Kind: "page", Title: "Activity", Find: "events audit history log", URL: URL.Activity()},
		{Kind: "page", Title: "Nodes", Note: "Settings", Find: "clusters hosts proxmox", URL: URL.Nodes()},
		{Kind: "page", Title: "Add node", Note: "Settings", Find: "new cluster host connect", URL: URL.NodeNew()},
		{Kind: "page", Title: "Sessions", Note: "Settings", Find: "devices sign out", URL: URL.Sessions()},
	}
	if admin {
		list = append(list,
			PaletteItem{Kind: "page", Title: "Sign-in hosts", Note: "Settings", Find: "realms login", URL: URL.SignInHosts()},
			PaletteItem{Kind: "page", Title: "People", Note: "Settings", Find: "users administrators", URL: URL.People()})
	}
	return list
}
