package activity

import (
	"time"

	"berth/internal/audit"
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
	audit.PageRefused:     {"shield", "Page not opened"},
}

func lineOf(e audit.Entry) line {
	l := line{Icon: "activity", What: string(e.Kind), Tone: kit.Neutral}
	if w, ok := words[e.Kind]; ok {
		l.Icon, l.What = w.icon, w.what
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

// view is all that the page draws.
type view struct {
	ask
	found
	Now time.Time
}

func (v view) subtitle() string {
	if v.Admin {
		return "What you did, what happened to your nodes, and what concerns this Berth as a whole"
	}
	return "What you did, and what happened to your nodes"
}

// eventOf is an entry as it is drawn.
func eventOf(e audit.Entry) kit.Event {
	l := lineOf(e)
	v := kit.Event{At: e.At, Icon: l.Icon, What: l.What, Subject: e.Subject, Tone: l.Tone, Word: l.Word, Look: l.Look, Detail: e.Detail,
		Actor: e.Actor, Address: e.Address, Kind: string(e.Kind), Result: string(e.Result)}
	if e.Owner == "" {
		v.Notes = []string{"whole Berth"}
	}
	return v
}

// kinds are the choices of the filter.
func kinds() []kit.Option {
	out := []kit.Option{{Value: "", Text: "Everything"}}
	for _, g := range groups {
		out = append(out, kit.Option{Value: g.Key, Text: g.Text})
	}
	return out
}
