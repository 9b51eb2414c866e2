package fleet

import (
	"slices"
	"strconv"
	"strings"
)

// ParseTokenID cuts user@realm!name; ok is false for what Proxmox would not
// take, and for control and direction characters, which no pasted command may carry.
func ParseTokenID(id string) (user, name string, ok bool) {
	user, name, found := strings.Cut(id, "!")
	at := strings.LastIndexByte(user, '@')
	if !found || at < 1 || len(id) > maxTokenID || !validTokenWord(user[at+1:]) || !validTokenWord(name) {
		return "", "", false
	}
	for _, r := range user[:at] {
		if r <= ' ' || r == 0x7f || r >= 0x80 && r <= 0xa0 || r == ':' || r == '/' || isBidi(r) || r == '\ufffd' {
			return "", "", false
		}
	}
	return user, name, true
}

const (
	maxTokenID = 160 // a user id has at most 64 characters; Proxmox sets no limit on the name
	// MaxMadeTokenID is the longest whole token id with which Proxmox's consoles work.
	MaxMadeTokenID = 64
)

// validTokenWord checks [A-Za-z][A-Za-z0-9._-]+, the grammar of realms and token names.
func validTokenWord(word string) bool {
	if len(word) < 2 {
		return false
	}
	for i, r := range word {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '.' && r != '_' && r != '-') {
			return false
		}
	}
	return true
}

// GrantCommands are the shell lines that give the token what the verdicts
// miss, to be run as root on any member; nil when nothing is missing. An
// unusable token id gives none.
//
// A role on a deeper path replaces inherited ones, so that each path gets a
// role that holds what is missing and all that Berth uses there already.
func GrantCommands(tokenID string, p Permissions, verdicts []Verdict) []string {
	if _, _, ok := ParseTokenID(tokenID); !ok {
		return nil
	}
	grants := missingGrants(p, verdicts)
	if len(grants) == 0 {
		return nil
	}
	lines := roleCommands(grants)
	for _, g := range grants {
		lines = append(lines, grantCommand(tokenID, g))
	}
	return lines
}

// roleCommands make the roles that the grants need.
func roleCommands(grants []Grant) []string {
	var lines []string
	for _, tier := range []Tier{TierLook, TierManage} {
		if slices.ContainsFunc(grants, func(g Grant) bool { return g.Role == tier.Role() }) {
			lines = append(lines, roleCommand(tier))
		}
	}
	return lines
}

// roleCommand makes the role, or adds to one that an earlier Berth asked for.
func roleCommand(t Tier) string {
	return "pveum role add " + t.Role() + " 2>/dev/null; pveum role modify " + t.Role() + " --privs " +
		shellQuote(strings.Join(t.Privileges(), ",")) + " --append 1"
}

func missingGrants(p Permissions, verdicts []Verdict) []Grant {
	missing := map[string][]string{}
	for _, v := range verdicts {
		for _, lack := range v.Lacks {
			if strings.HasPrefix(lack.Path, "/") && printable(lack.Path) {
				missing[lack.Path] = append(missing[lack.Path], lack.AnyOf[0])
			}
		}
	}
	paths := make([]string, 0, len(missing))
	for path := range missing {
		paths = append(paths, path)
	}
	slices.Sort(paths) // a path comes after those above it

	look, manage := TierLook.Privileges(), TierManage.Privileges()
	var grants []Grant
	for _, path := range paths {
		wanted := missing[path]
		for _, privilege := range p.Effective(path) {
			if slices.Contains(manage, privilege) {
				wanted = append(wanted, privilege)
			}
		}
		tier := TierManage
		if containsAll(look, wanted) {
			tier = TierLook
		}
		if !passedDown(p, grants, path, tier) {
			grants = append(grants, Grant{path, tier.Role()})
		}
	}
	return grants
}

// passedDown reports whether a grant above already gives the path the tier:
// only where the path has nothing of its own now that would replace it.
func passedDown(p Permissions, grants []Grant, path string, tier Tier) bool {
	if len(p.at(path)) > 0 {
		return false
	}
	return slices.ContainsFunc(grants, func(g Grant) bool {
		above := g.Path == "/" || strings.HasPrefix(path, g.Path+"/")
		return above && (g.Role == tier.Role() || g.Role == TierManage.Role())
	})
}

func containsAll(all, some []string) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}

// RemoveTokenCommand is the shell line that removes the token from Proxmox; empty for an unusable id.
func RemoveTokenCommand(tokenID string) string {
	user, name, ok := ParseTokenID(tokenID)
	if !ok {
		return ""
	}
	return "pveum user token remove " + shellQuote(user) + " " + shellQuote(name)
}

// UserPermissionsCommand is the shell line that lists what the token's user
// may do; empty for root@pam, whose tokens are limited by their own list
// alone, and for an unusable id.
func UserPermissionsCommand(tokenID string) string {
	user, _, ok := ParseTokenID(tokenID)
	if !ok || user == "root@pam" {
		return ""
	}
	return "pveum user permissions " + shellQuote(user)
}

// shellQuote leaves words of plain characters and puts all else in single quotes.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if word != "" && word[0] != '-' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || isBidi(r) || r == '\ufffd' {
			return false
		}
	}
	return true
}

// MakeTokenCommands are the shell lines that make a token with separated
// privileges and these grants, for who makes it by hand. days is until it
// expires, 0 for never. An unusable id gives none.
func MakeTokenCommands(tokenID string, days int, grants []Grant) []string {
	user, name, ok := ParseTokenID(tokenID)
	if !ok {
		return nil
	}
	lines := roleCommands(grants)
	add := "pveum user token add " + shellQuote(user) + " " + shellQuote(name) + " --privsep 1"
	if days > 0 {
		add += " --expire $(date -d '+" + strconv.Itoa(days) + " days' +%s)"
	}
	lines = append(lines, add)
	for _, g := range grants {
		lines = append(lines, grantCommand(tokenID, g))
	}
	return lines
}

func grantCommand(tokenID string, g Grant) string {
	return "pveum acl modify " + shellQuote(g.Path) + " --tokens " + shellQuote(tokenID) + " --roles " + g.Role
}
