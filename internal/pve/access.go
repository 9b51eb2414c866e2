package pve

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// Version is what GET /version says; it needs a login, and no privilege.
type Version struct {
	Version string // "9.2.11"
	Release string // "9.2"
	RepoID  string
}

// AtLeast compares major and minor number; a version that cannot be read is older than every other.
func (v Version) AtLeast(major, minor int) bool {
	parts := strings.SplitN(v.Version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	gotMajor, err1 := strconv.Atoi(parts[0])
	digits, _, _ := strings.Cut(parts[1], "-") // "7.4-3" in old versions
	gotMinor, err2 := strconv.Atoi(digits)
	if err1 != nil || err2 != nil {
		return false
	}
	return gotMajor > major || gotMajor == major && gotMinor >= minor
}

// Version asks for the version of the node that answers.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return c.version(ctx, get("reading its version", "version"))
}

// NodeVersion asks a member for its version, through the node that answers. It
// needs no privilege, and is the cheapest proof that a member's daemon answers.
func (c *Client) NodeVersion(ctx context.Context, node string) (Version, error) {
	call, err := getNode("reading the version of "+node, node, "version")
	if err != nil {
		return Version{}, err
	}
	return c.version(ctx, call)
}

func (c *Client) version(ctx context.Context, call call) (Version, error) {
	v, err := c.tree(ctx, call)
	if err != nil {
		return Version{}, err
	}
	got := Version{Version: v.get("version").line(), Release: v.get("release").line(), RepoID: v.get("repoid").line()}
	if got.Version == "" {
		return Version{}, c.oddAnswer(call.doing)
	}
	return got, nil
}

// oddAnswer is for JSON that lacks what the answer is about.
func (c *Client) oddAnswer(doing string) error {
	return problem.New(problem.Garbled, fmt.Sprintf("%s answered while %s, but what was asked for is not in the answer.", c.Answering(), doing),
		"Try again. If it stays so, this version of Proxmox may be one that Berth does not know.")
}

// Domains lists the realms. It needs no login, and none is sent.
func (c *Client) Domains(ctx context.Context) ([]account.Realm, error) {
	call := get("reading its realms", "access", "domains")
	call.anonymous = true
	l, err := list(ctx, c, call, realmRow)
	return l.Rows, err
}

func realmRow(v value) (account.Realm, bool) {
	r := account.Realm{Name: v.get("realm").line(), Type: v.get("type").line(), Comment: v.get("comment").line(),
		Default: v.get("default").bool(), TFA: v.get("tfa").line()}
	return r, validRealm(r.Name) && r.Type != ""
}

// Permissions reads what the client's own login may do; it needs no privilege.
// A token without privileges gets an empty map. The value of a privilege is its
// propagate flag: false is granted all the same, at that path alone.
func (c *Client) Permissions(ctx context.Context) (fleet.Permissions, error) {
	v, err := c.tree(ctx, get("reading its privileges", "access", "permissions"))
	if err != nil {
		return nil, err
	}
	if v.kind != object && (v.kind != array || len(v.items) > 0) { // Perl's empty list may stand for an empty object
		return nil, c.oddAnswer("reading its privileges")
	}
	all := fleet.Permissions{}
	for _, path := range v.fields {
		if !strings.HasPrefix(path.key, "/") || path.value.kind != object {
			continue
		}
		privileges := map[string]bool{}
		for _, p := range path.value.fields {
			privileges[clean(p.key)] = p.value.bool()
		}
		all[clean(path.key)] = privileges
	}
	return all, nil
}
