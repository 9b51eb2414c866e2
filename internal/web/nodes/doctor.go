package nodes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// doctorView is what a token may do, thing by thing, and how to allow the rest.
type doctorView struct {
	Known    bool
	At       time.Time
	Age      string
	Now      []thingView // what this Berth does
	Later    []thingView // what the token would be asked for later
	Commands string      // for what is missing of Now
	All      string      // for all; empty when it says the same
	User     string      // the line that lists what the token's user may do; empty when it does not matter
	TokenID  string
}

type thingView struct {
	Title string
	Reach fleet.Reach
	Note  string // what is missing, and what is lost by it
}

func newDoctor(tokenID string, rights fleet.Rights, now time.Time) doctorView {
	verdicts := fleet.Examine(rights.Permissions)
	d := doctorView{Known: true, At: rights.At, Age: kit.Ago(rights.At, now), TokenID: tokenID, User: fleet.UserPermissionsCommand(tokenID)}
	var present []fleet.Verdict
	for _, v := range verdicts {
		view := thingView{Title: v.Thing.Title, Reach: v.Reach, Note: noteOf(v)}
		if v.Thing.Now {
			present = append(present, v)
			d.Now = append(d.Now, view)
		} else {
			d.Later = append(d.Later, view)
		}
	}
	d.Commands = strings.Join(fleet.GrantCommands(tokenID, rights.Permissions, present), "\n")
	d.All = strings.Join(fleet.GrantCommands(tokenID, rights.Permissions, verdicts), "\n")
	if d.All == d.Commands {
		d.All = ""
	}
	return d
}

func noteOf(v fleet.Verdict) string {
	if v.Reach == fleet.Everywhere {
		return ""
	}
	note := "lacks " + joined(v.Lacks)
	if len(v.Only) > 0 {
		note = "only on " + strings.Join(v.Only, ", ") + ": " + note
	}
	if v.Thing.Loss != "" {
		note += ". " + strings.TrimSuffix(v.Thing.Loss, ".")
	}
	return note
}

// joined names several lacks, with those on one path together: "VM.Allocate and VM.Clone on /vms".
func joined(lacks []fleet.Lack) string {
	var paths []string
	byPath := map[string][]string{}
	for _, l := range lacks {
		if !slices.Contains(paths, l.Path) {
			paths = append(paths, l.Path)
		}
		byPath[l.Path] = append(byPath[l.Path], strings.Join(l.AnyOf, " or "))
	}
	parts := make([]string, len(paths))
	for i, path := range paths {
		parts[i] = strings.Join(byPath[path], ", ") + " on " + path
	}
	return strings.Join(parts, "; ")
}

// may counts the things that work everywhere: "4 of 5".
func may(things []thingView) string {
	n := 0
	for _, t := range things {
		if t.Reach == fleet.Everywhere {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, len(things))
}

func reachLook(r fleet.Reach) (tone kit.Tone, icon, word string) {
	switch r {
	case fleet.Everywhere:
		return kit.Success, "check", "Allowed"
	case fleet.Somewhere:
		return kit.Warning, "minus", "In part"
	}
	return kit.Failure, "x", "Missing"
}
