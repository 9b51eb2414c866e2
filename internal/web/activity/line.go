package activity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

// line is an entry as it is shown.
type line struct {
	Icon string
	What string   // what was done, in a few words
	Tone kit.Tone // of how it ended
	Word string   // how it ended; empty for what went well and needs no word
	Look string   // icon of the word
}

// words say what each kind is, and with which icon.
var words = map[audit.Kind]struct{ icon, what string }{
	audit.SignIn:          {"log-in", "Sign-in"},
	audit.SignOut:         {"log-out", "Sign-out"},
	audit.SessionRevoked:  {"x", "Session ended"},
	audit.Proof:           {"key-round", "Password given again"},
	audit.SetUpLink:       {"key-round", "Set-up link"},
	audit.SignInHostAdd:   {"house", "Sign-in host added"},
	audit.SignInHostEdit:  {"house", "Sign-in host changed"},
	audit.SignInHostDrop:  {"house", "Sign-in host deleted"},
	audit.AdminGrant:      {"shield-check", "Administrator made"},
	audit.AdminRevoke:     {"shield", "Administrator's rights taken back"},
	audit.UserDisable:     {"user", "Person disabled"},
	audit.UserEnable:      {"user", "Person enabled"},
	audit.Probe:           {"plug", "Address looked at"},
	audit.ClusterAdd:      {"server", "Node added"},
	audit.ClusterEdit:     {"server", "Node changed"},
	audit.ClusterDrop:     {"trash-2", "Node deleted"},
	audit.ClusterTest:     {"refresh-cw", "Connection tested"},
	audit.ClusterRetry:    {"refresh-cw", "Tried again"},
	audit.DefaultSet:      {"star", "Default node set"},
	audit.PinChange:       {"fingerprint", "Certificate confirmed"},
	audit.MemberJoined:    {"plus", "Member joined"},
	audit.MemberLeft:      {"minus", "Member left"},
	audit.CertRenewed:     {"fingerprint", "Certificate renewed"},
	audit.NodeUnreachable: {"triangle-alert", "Node unreachable"},
	audit.NodeBack:        {"circle-check", "Node back"},
	audit.TokenCreate:     {"key-round", "Token created"},
	audit.TokenUndo:       {"key-round", "Token creation undone"},
	audit.JobBegin:        {"play", "Plan begun"},
	audit.JobCancel:       {"ban", "Job cancelled"},
	audit.PageRefused:     {"shield", "Page not opened"},
	audit.TemplateShare:   {"layers", "Template shared"},
	audit.TemplateUnshare: {"layers", "Template no longer shared"},
	audit.TemplateDrop:    {"trash-2", "Template deleted"},
	audit.TemplateImport:  {"layers", "Templates imported"},
	audit.TemplateStarter: {"layers", "Starter set added"},
	audit.BucketDrop:      {"trash-2", "Package bucket deleted"},
}

func lineOf(e audit.Entry) line {
	l := line{Icon: "activity", What: string(e.Kind), Tone: kit.Neutral}
	if w, ok := words[e.Kind]; ok {
		l.Icon, l.What = w.icon, w.what
	}
	if noun, verb, _ := strings.Cut(string(e.Kind), "."); noun == "container" {
		if rule, ok := fleet.RuleOf(fleet.Action(verb)); ok {
			l.Icon, l.What = rule.Icon, rule.Title
		}
	}
	if e.Kind == audit.NodeUnreachable {
		l.Tone = kit.Warning
	}
	switch e.Result {
	case audit.Failed:
		l.Tone, l.Word, l.Look = kit.Failure, "Failed", "circle-alert"
	case audit.Refused:
		l.Tone, l.Word, l.Look = kit.Warning, "Refused", "lock"
	case audit.Unknown:
		l.Tone, l.Word, l.Look = kit.Warning, "Outcome unknown", "circle-help"
	case audit.Intent:
		l.Tone, l.Word, l.Look = kit.Neutral, "Begun", "clock"
	}
	return l
}

// look is how the end of a step is drawn.
type look struct {
	Tone kit.Tone
	Icon string
	Word string
}

func lookOf(s job.StepState) look {
	switch s {
	case job.Warned:
		return look{kit.Warning, "triangle-alert", "With warnings"}
	case job.Failed:
		return look{kit.Failure, "circle-alert", "Failed"}
	case job.Unknown:
		return look{kit.Warning, "circle-help", "Outcome unknown"}
	}
	return look{Tone: kit.Neutral}
}

// view is all that the page draws.
type view struct {
	ask
	found
	Running       []job.Job
	Nodes         []kit.Option
	Person        []string // whom the list may be narrowed to
	ContainerName string   // of the container that the list is narrowed to
	Now           time.Time
}

func (v view) subtitle() string {
	if v.Admin {
		return "What runs, what was done and by whom, and what concerns this Berth as a whole"
	}
	return "What runs, what was done and by whom"
}

// event is a line of the list as it is drawn.
func (t thing) event() kit.Event {
	if t.Step != nil {
		return ofStep(*t.Step)
	}
	e := *t.Entry
	l := lineOf(e)
	v := kit.Event{At: e.At, Icon: l.Icon, What: l.What, Subject: e.Subject, Tone: l.Tone, Word: l.Word, Look: l.Look, Detail: e.Detail,
		Actor: e.Actor, Address: e.Address, Kind: string(e.Kind), Result: string(e.Result)}
	if e.Owner == "" {
		v.Notes = []string{"whole Berth"}
	}
	return v
}

func ofStep(s job.Step) kit.Event {
	l := lookOf(s.State)
	v := kit.Event{At: s.StartedAt, Icon: "activity", What: stepWords(s), Subject: s.Title, Tone: l.Tone, Word: l.Word, Look: l.Icon, Detail: s.Detail,
		Actor: s.Actor, Kind: "container." + s.Kind, Result: string(s.State), More: []kit.EventLink{{Text: "Log", URL: kit.URL.JobStep(s.Job, s.N)}}}
	if rule, ok := fleet.RuleOf(fleet.Action(s.Kind)); ok {
		v.Icon = rule.Icon
	}
	if id, ok := fleet.ParseContainerID(s.Subject); ok && (s.Kind != string(fleet.ActDelete) || s.State.Bad()) {
		v.SubjectURL = kit.URL.Container(id)
	}
	if s.Lane != "" {
		v.Notes = []string{"on " + s.Lane}
	}
	if !s.EndedAt.IsZero() {
		v.Took = s.EndedAt.Sub(s.StartedAt)
	}
	return v
}

// persons are the choices of the filter by person.
func (v view) persons() []kit.Option {
	out := []kit.Option{{Value: "", Text: "Anybody"}}
	all := append(append([]string(nil), v.Person...), "Berth")
	if v.Actor != "" && !slices.Contains(all, v.Actor) {
		all = append(all, v.Actor)
	}
	for _, p := range all {
		out = append(out, kit.Option{Value: p, Text: p})
	}
	return out
}

// nodes are the choices of the filter by node.
func (v view) nodes() []kit.Option {
	out := append([]kit.Option{{Value: "", Text: "All nodes"}}, v.Nodes...)
	if id := v.Node.String(); v.Node.Name != "" && !slices.ContainsFunc(out, func(o kit.Option) bool { return o.Value == id }) {
		out = append(out, kit.Option{Value: id, Text: v.Node.Name})
	}
	return out
}

// nodeValue is the node that is asked for, as the filter's select has it.
func (v view) nodeValue() string {
	if v.Node.Name == "" {
		return ""
	}
	return v.Node.String()
}

// progress says how far a running job is.
func progress(j job.Job) string {
	t := j.Tally
	if t.Total() == 1 {
		if t.Active == 0 {
			return "waiting"
		}
		return "running"
	}
	text := strconv.Itoa(t.Ended()-t.Skipped) + " of " + strconv.Itoa(t.Total()-t.Skipped)
	if t.Bad() > 0 {
		text += ", " + strconv.Itoa(t.Bad()) + " failed"
	}
	return text
}

// share is how much of a running job ended, of 100.
func share(j job.Job) int {
	return 100 * (j.Tally.Ended() - j.Tally.Skipped) / max(j.Tally.Total()-j.Tally.Skipped, 1)
}
