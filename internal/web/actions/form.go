package actions

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// form is what an action on one container is sent with.
type form struct {
	Key   string // the form's mark
	Seen  string // what the container was called on the page
	Back  string // where to go on; a local path or empty
	Asked bool   // sent by the form that asks

	Typed   string // the name, typed before a delete
	Timeout string // seconds, of a shutdown
	Force   bool
	Stop    bool
	Purge   bool
	Disks   bool
}

// maxTimeout is the longest time that a container is given to shut down, in seconds.
const maxTimeout = int(fleet.MaxShutdown / time.Second)

func (f form) choices() fleet.Choices {
	seconds, _ := strconv.Atoi(f.Timeout) // readForm read it before
	return fleet.Choices{Timeout: time.Duration(seconds) * time.Second, Force: f.Force, StopFirst: f.Stop, Purge: f.Purge, UnreferencedDisks: f.Disks}
}

// fieldsOf are the fields that the form of an action may have beside those of every form.
func fieldsOf(a fleet.Action) []string {
	switch a {
	case fleet.ActShutdown:
		return []string{"timeout", "force"}
	case fleet.ActDelete:
		return []string{"name", "stop", "purge", "disks"}
	}
	return nil
}

// odd is the answer to what none of Berth's forms sends.
func odd(format string, args ...any) error {
	return problem.New(problem.Invalid, fmt.Sprintf(format, args...), "Open the page anew and try again there.")
}

// readForm reads the form of the target's action. What the form could not have sent is a problem without fields.
func readForm(r *http.Request, t target) (form, error) {
	if err := r.ParseForm(); err != nil {
		return form{}, odd("The form could not be read.")
	}
	allowed := append([]string{"key", "seen", "back", "asked"}, fieldsOf(t.rule.Action)...)
	v := r.PostForm
	if err := onlyOnce(v, allowed); err != nil {
		return form{}, err
	}
	f := form{Key: v.Get("key"), Seen: v.Get("seen"), Typed: strings.TrimSpace(v.Get("name")), Timeout: strings.TrimSpace(v.Get("timeout")), Asked: v.Has("asked")}
	if to, ok := kit.LocalPath(v.Get("back")); ok {
		f.Back = to
	} else if v.Get("back") != "" {
		return f, odd("The form leads to a page that is not Berth's.")
	}
	for name, into := range map[string]*bool{"force": &f.Force, "stop": &f.Stop, "purge": &f.Purge, "disks": &f.Disks} {
		switch {
		case !v.Has(name):
		case v.Get(name) == "on":
			*into = true
		default:
			return f, odd("The form's field “%s” has a value that it cannot have.", name)
		}
	}
	if !kit.IsFormKey(f.Key) {
		return f, odd("The form has no mark of its own, by which what is sent twice is done once.")
	}
	if f.Seen == "" {
		return f, odd("The form does not say which container it was made for.")
	}
	return f, nil
}

// onlyOnce refuses fields that are none of the form's, and those that are there twice.
func onlyOnce(v url.Values, allowed []string) error {
	for name, values := range v {
		switch {
		case !slices.Contains(allowed, name):
			return odd("The form has a field that is none of its own.")
		case len(values) != 1:
			return odd("The form's field “%s” is there twice.", name)
		case len(values[0]) > 2000:
			return odd("The form's field “%s” is too long.", name)
		}
	}
	return nil
}

// filled says what of a form a person has to fill in otherwise.
func (f form) filled(t target) error {
	if f.Timeout != "" {
		if n, err := strconv.Atoi(f.Timeout); err != nil || n < 1 || n > maxTimeout {
			return problem.Field("timeout", "Seconds from 1 to "+strconv.Itoa(maxTimeout)+".")
		}
	}
	if t.rule.Confirm == fleet.AskName {
		switch {
		case f.Typed != t.container.Name():
			return problem.Field("name", "Type “"+t.container.Name()+"”, the name of the container that is to be deleted.")
		case t.container.Status != fleet.Stopped && !f.Stop:
			return problem.Field("stop", t.container.Name()+" runs: it is deleted only if it may be stopped first.")
		}
	}
	return nil
}

// sameContainer refuses to act on a container that is not called as the one on the person's screen.
func (f form) sameContainer(t target) error {
	if now := t.container.Name(); f.Seen != now {
		return problem.New(problem.Conflict, "Container "+t.container.ID.VMID.String()+" is called “"+now+"” now; the page showed “"+f.Seen+"”. Nothing was done.",
			"Look at it as it is now, and try again if it is the one you mean.")
	}
	return nil
}
