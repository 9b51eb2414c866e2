package pve

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/authority"
	"berth/internal/problem"
)

// maxWords is how much of Proxmox's own text is shown.
const maxWords = 500

// words makes Proxmox's text fit to be shown: one clean line, cut, and without the
// period that the sentence around it brings.
func words(s string) string {
	if len(s) > 4*maxWords {
		s = cut(s, 4*maxWords)
	}
	s = strings.Join(strings.Fields(clean(s)), " ")
	if len(s) > maxWords {
		s = strings.TrimSpace(cut(s, maxWords)) + "…"
	}
	return strings.TrimSuffix(s, ".")
}

// statusProblem turns an answer other than 200 into a problem. f is its body, where that was Proxmox's.
func statusProblem(a authority.Address, call call, resp *http.Response, f failure, auth Credentials) error {
	text := words(f.message)
	reason := strings.TrimSpace(strings.TrimPrefix(resp.Status, strconv.Itoa(resp.StatusCode)))
	fromProxmox := f.known || strings.HasPrefix(resp.Header.Get("Server"), "pve-api-daemon")
	if text == "" && fromProxmox {
		text = words(reason)
	}
	code := resp.StatusCode
	p := &problem.Problem{Node: call.node, Proxmox: text, Err: statusError{code, call.doing}}
	switch {
	case code >= 300 && code < 400:
		p.Kind, p.Proxmox = problem.Redirected, ""
		p.What = fmt.Sprintf("%s answered with a redirect to another place, which Berth does not follow.", a)
		p.Remedy = "Enter the address and port at which Proxmox itself answers, usually port 8006."
	case code == 595 || code == 596 || code == 599:
		nodeProblem(p, a, call, code, words(reason))
	case !fromProxmox:
		foreignProblem(p, a, call, code)
	case code == http.StatusBadRequest:
		parameterProblem(p, call, f)
	case code == http.StatusUnauthorized:
		loginProblem(p, call, auth)
	case code == http.StatusForbidden:
		privilegeProblem(p, call, auth)
	case code == http.StatusNotImplemented:
		p.Kind = problem.Unsupported
		p.What = fmt.Sprintf("This version of Proxmox does not know the call for %s.", call.doing)
		p.Remedy = "Berth needs Proxmox VE 8 or newer; update the node."
	default:
		about := subject{guest: call.guest, node: call.node, doing: call.doing}
		v, ok := about.verdict(text)
		if !ok {
			v = verdict{problem.Failed, fmt.Sprintf("Proxmox failed while %s.", call.doing), failedRemedy(text)}
		}
		p.Kind, p.What, p.Remedy = v.kind, v.what, v.remedy
	}
	return p
}

// failedRemedy is what to do about failures that are of no other kind.
func failedRemedy(text string) string {
	if strings.HasPrefix(text, "hostname lookup") {
		return "The cluster knows no node of this name; it may have left."
	}
	return "Try again. If it stays so, look into the log of pvedaemon on the node."
}

// statusError keeps the code for the log and for callers in this package.
type statusError struct {
	code  int
	doing string
}

func (e statusError) Error() string { return fmt.Sprintf("HTTP %d while %s", e.code, e.doing) }

// foreignProblem is about an error that has no mark of Proxmox; its text is not shown.
func foreignProblem(p *problem.Problem, a authority.Address, call call, code int) {
	p.Proxmox = ""
	gateway := code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
	switch {
	case call.changes() && (code >= 500 || code < 300):
		// Proxies have many words for "the answer did not come": any of them leaves a change open.
		lost := lostWrite(a, call, p.Err)
		*p = *lost
	case gateway:
		p.Kind = problem.Unreachable
		p.What = fmt.Sprintf("A proxy answers at %s, but Proxmox behind it does not (%d).", a, code)
		p.Remedy = "Check the proxy, and that pveproxy runs on the node behind it."
	default:
		p.Kind = problem.NotProxmox
		p.What = fmt.Sprintf("Something answers at %s (%d), but it is not Proxmox VE.", a, code)
		p.Remedy = "Enter the address and port of the Proxmox web interface, usually port 8006."
	}
}

// parameterProblem carries Proxmox's words by parameter.
func parameterProblem(p *problem.Problem, call call, f failure) {
	p.Kind = problem.Parameters
	p.What = fmt.Sprintf("Proxmox did not accept a value while %s.", call.doing)
	p.Remedy = "Correct it and try again. Versions of Proxmox differ in what they take."
	if len(f.fields) == 0 {
		return
	}
	p.Fields = f.fields
	var said []string
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		said = append(said, name+": "+f.fields[name])
	}
	p.Proxmox = words(strings.Join(said, "; "))
}

// loginProblem tells the 401s apart by what was shown, and by Proxmox's words.
func loginProblem(p *problem.Problem, call call, auth Credentials) {
	p.Kind = problem.Unauthorized
	_, isToken := auth.(Token)
	switch {
	case call.login && call.params["tfa-challenge"] != "":
		p.What = "Proxmox did not accept this code."
		p.Remedy = "Enter the present code. Several wrong ones lock the second factor in Proxmox."
	case call.login:
		p.What = "Proxmox did not accept this user name and password."
		p.Remedy = "Check the user name, the realm and the password."
	case auth == nil || call.anonymous:
		p.What = fmt.Sprintf("Proxmox wants a login for %s.", call.doing)
		p.Remedy = "Check that the address is that of a Proxmox VE node."
	case isToken:
		p.What = "Proxmox did not accept the API token."
		p.Remedy = "Check the token id and its secret: the token may have expired, been removed or been renewed. Enter the secret again in the settings."
	case strings.Contains(strings.ToLower(p.Proxmox), "csrf"):
		p.What = "Proxmox did not accept your login for a change."
		p.Remedy = "Sign in again, then repeat it."
	default:
		p.What = "Your login at Proxmox has ended."
		p.Remedy = "Give your password again."
	}
}

// missing reads "Permission check failed (/vms/100, VM.PowerMgmt)"; several privileges are joined by "|" or ",".
var missing = regexp.MustCompile(`\((/[^,()]*), *([A-Za-z.]+(?:[|, ]+[A-Za-z.]+)*)\)`)

// privilegeProblem names the privilege that is missing, where Proxmox does.
func privilegeProblem(p *problem.Problem, call call, auth Credentials) {
	p.Kind = problem.Forbidden
	who := "Your account at Proxmox"
	if t, ok := auth.(Token); ok {
		who = "The token " + clean(t.ID)
	}
	p.What = fmt.Sprintf("%s may not do this (%s).", who, call.doing)
	p.Remedy = "The permission doctor in the settings shows what is missing and how to grant it."
	m := missing.FindStringSubmatch(p.Proxmox)
	if m == nil {
		return
	}
	privileges := strings.FieldsFunc(m[2], func(r rune) bool { return r == '|' || r == ',' || r == ' ' })
	p.Privilege = strings.Join(privileges, " or ") + " on " + m[1]
	p.What = fmt.Sprintf("%s lacks %s.", who, p.Privilege)
}

// nodeProblem is about the way between the node that was asked and the one that
// was meant: the words are those of the node in between.
func nodeProblem(p *problem.Problem, a authority.Address, call call, code int, reason string) {
	p.Proxmox = reason
	node, through := call.node, a.Node
	if through == "" {
		through = a.String()
	}
	if node == "" {
		node = "The node"
	}
	said := strings.ToLower(reason)
	// Other words of TLS come as well when a connection breaks in the middle; a certificate is judged before anything is sent.
	certificate := strings.Contains(said, "certificate")
	switch {
	case code == 595 && strings.Contains(said, "refused"):
		p.Kind = problem.NodeDown
		p.What = fmt.Sprintf("%s cannot be reached through %s: it is up, but its pveproxy does not accept connections.", node, through)
		p.Remedy = "A node that has just started needs some seconds. Else start pveproxy on it: systemctl restart pveproxy."
	case code == 595:
		p.Kind = problem.NodeDown
		p.What = fmt.Sprintf("%s cannot be reached through %s: it is off, or the network between them is down.", node, through)
		p.Remedy = "Check the node's power and the cluster's network."
	case code == 596 && certificate:
		p.Kind = problem.NodeBroken
		p.What = fmt.Sprintf("%s does not accept the certificate of %s.", through, node)
		p.Remedy = "Renew the certificates within the cluster (pvecm updatecerts on that node), and check the spelling of its name."
	case call.changes():
		// Seen both ways: carried out, and not.
		p.Kind = problem.OutcomeUnknown
		p.What = fmt.Sprintf("The connection from %s to %s broke while %s: it may have been carried out or not.", through, node, call.doing)
		p.Remedy = "Berth does not repeat it. Look at the present state first, then try again if it is needed."
	case code == 596 && strings.Contains(said, "timed out"):
		p.Kind = problem.NodeBroken
		p.What = fmt.Sprintf("%s accepted the connection from %s, but did not answer.", node, through)
		p.Remedy = "The node may be overloaded or its pvedaemon hung: look at it, or restart pvedaemon and pveproxy there."
	case code == 596:
		p.Kind = problem.NodeBroken
		p.What = fmt.Sprintf("The connection from %s to %s broke.", through, node)
		p.Remedy = "Try again. If it stays so, check the network between the two nodes."
	default:
		p.Kind = problem.NodeBroken
		p.What = fmt.Sprintf("%s could not pass the question on to %s.", through, node)
		p.Remedy = "Try again. If it stays so, look into the log of pveproxy on both nodes."
	}
}
