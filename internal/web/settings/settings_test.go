package settings

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// verbs are stand-ins that note what they were asked.
type verbs struct {
	Verbs
	did    []string
	policy account.Policy
	err    error
}

func (v *verbs) note(what ...string) error {
	v.did = append(v.did, strings.Join(what, " "))
	return v.err
}

func (v *verbs) List(context.Context, account.Viewer) ([]account.Session, error) {
	return []account.Session{{ID: "own", Agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}, {ID: "second"}}, nil
}

func (v *verbs) Revoke(_ context.Context, _ account.Viewer, id string, from account.Client) error {
	return v.note("revoke", id, from.Address)
}

func (v *verbs) SignOutEverywhere(context.Context, account.Viewer, account.Client) error {
	return v.note("everywhere")
}

func (v *verbs) Hosts(context.Context) ([]account.SignInHost, error) {
	return []account.SignInHost{host()}, nil
}

func (v *verbs) Host(_ context.Context, id account.HostID) (account.SignInHost, error) {
	if id != "h1" {
		return account.SignInHost{}, problem.Missing()
	}
	return host(), nil
}

func (v *verbs) Look(_ context.Context, _ account.Viewer, address string, _ account.Client) (authority.Seen, error) {
	return authority.Seen{Address: authority.Address{Host: address, Port: 8006}, Fingerprint: "AA:BB", Subject: "pve1.lab"}, v.note("look", address)
}

func (v *verbs) AddHost(_ context.Context, _ account.Viewer, name, address, fingerprint string, _ account.Client) (account.SignInHost, error) {
	return host(), v.note("add", name, address, fingerprint)
}

func (v *verbs) EditHost(_ context.Context, _ account.Viewer, id account.HostID, name string, policy account.Policy, _ account.Client) error {
	v.policy = policy
	return v.note("edit", string(id), name)
}

func (v *verbs) AddAddress(_ context.Context, _ account.Viewer, id account.HostID, address string, _ account.Client) error {
	return v.note("address", string(id), address)
}

func (v *verbs) DropAddress(_ context.Context, _ account.Viewer, id account.HostID, hostPort string, _ account.Client) error {
	return v.note("drop", string(id), hostPort)
}

func (v *verbs) LookAgain(_ context.Context, _ account.Viewer, id account.HostID, hostPort string, _ account.Client) (authority.Seen, error) {
	return authority.Seen{Fingerprint: "CC:DD"}, v.note("look again", string(id), hostPort)
}

func (v *verbs) Repin(_ context.Context, _ account.Viewer, id account.HostID, hostPort, fingerprint string, _ account.Client) error {
	return v.note("repin", string(id), hostPort, fingerprint)
}

func (v *verbs) DeleteHost(_ context.Context, _ account.Viewer, id account.HostID, _ account.Client) error {
	return v.note("delete", string(id))
}

func (v *verbs) People(context.Context, account.Viewer) ([]account.Person, error) {
	return []account.Person{{User: account.User{ID: "u1", PVEUser: "root@pam", Admin: true}, Host: "Lab"}, {User: account.User{ID: "u2", PVEUser: "anna@pve"}, Host: "Lab"}}, nil
}

func (v *verbs) GrantAdministrator(_ context.Context, _ account.Viewer, id account.UserID, _ account.Client) error {
	return v.note("grant", string(id))
}

func (v *verbs) RevokeAdministrator(_ context.Context, _ account.Viewer, id account.UserID, _ account.Client) error {
	return v.note("take", string(id))
}

func (v *verbs) Disable(_ context.Context, _ account.Viewer, id account.UserID, _ account.Client) error {
	return v.note("disable", string(id))
}

func (v *verbs) Enable(_ context.Context, _ account.Viewer, id account.UserID, _ account.Client) error {
	return v.note("enable", string(id))
}

// ask sends one request to the pages as an administrator whose session is "own".
func ask(t *testing.T, v *verbs, method, path string, form url.Values) (*http.Response, string, error) {
	t.Helper()
	var failed error
	mux := http.NewServeMux()
	for _, route := range New(v, func() time.Time { return noon }).Routes() {
		mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) { failed = route.Handle(w, r) })
	}
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	viewer := account.Viewer{User: account.User{ID: "u1", PVEUser: "root@pam", Admin: true, Host: "h0"}, Session: account.Session{ID: "own"}, Host: "Lab"}
	r = r.WithContext(kit.WithViewer(kit.WithClientAddr(r.Context(), "192.0.2.1"), viewer))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(text), failed
}

func TestEveryAdministratorsRouteSaysSo(t *testing.T) {
	for _, r := range New(&verbs{}, time.Now).Routes() {
		administration := strings.HasPrefix(r.Pattern, kit.URL.SignInHosts()) || strings.HasPrefix(r.Pattern, kit.URL.People())
		if administration != (r.Access == kit.Administrator) {
			t.Errorf("%s %s: access %v", r.Method, r.Pattern, r.Access)
		}
		if administration && r.Method == http.MethodPost && !r.Proof {
			t.Errorf("%s %s asks for no fresh proof", r.Method, r.Pattern)
		}
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		method, path string
		form         url.Values
		did, to      string
	}{
		{"GET", "/settings", nil, "", "/settings/nodes"},
		{"POST", "/settings/sessions/second", nil, "revoke second 192.0.2.1", "/settings/sessions"},
		{"POST", "/settings/sessions/own", nil, "revoke own 192.0.2.1", "/login"},
		{"POST", "/settings/sessions/sign-out-everywhere", nil, "everywhere", "/login"},
		{"POST", "/settings/sign-in-hosts", url.Values{"name": {"Lab"}, "address": {"192.0.2.1"}, "fingerprint": {"AA"}}, "add Lab 192.0.2.1 AA", "/settings/sign-in-hosts/h1"},
		{"POST", "/settings/sign-in-hosts/h1", url.Values{"name": {"New"}, "admission": {"listed"}, "listed": {"anna@pve\r\n@company,tom@pve"}, "sharing": {"everyone"}}, "edit h1 New", "/settings/sign-in-hosts/h1"},
		{"POST", "/settings/sign-in-hosts/h1/addresses", url.Values{"address": {"192.0.2.2"}}, "address h1 192.0.2.2", "/settings/sign-in-hosts/h1"},
		{"POST", "/settings/sign-in-hosts/h1/addresses/delete", url.Values{"address": {"192.0.2.2:8006"}}, "drop h1 192.0.2.2:8006", "/settings/sign-in-hosts/h1"},
		{"POST", "/settings/sign-in-hosts/h1/certificate/confirm", url.Values{"address": {"192.0.2.1:8006"}, "fingerprint": {"AA"}}, "repin h1 192.0.2.1:8006 AA", "/settings/sign-in-hosts/h1"},
		{"POST", "/settings/sign-in-hosts/h1/delete", url.Values{"confirm": {" Lab "}}, "delete h1", "/settings/sign-in-hosts"},
		{"POST", "/settings/people/u2/grant", nil, "grant u2", "/settings/people"},
		{"POST", "/settings/people/u2/revoke", nil, "take u2", "/settings/people"},
		{"POST", "/settings/people/u2/disable", nil, "disable u2", "/settings/people"},
		{"POST", "/settings/people/u2/enable", nil, "enable u2", "/settings/people"},
	} {
		v := &verbs{}
		answer, _, err := ask(t, v, c.method, c.path, c.form)
		if did := strings.Join(v.did, ";"); err != nil || did != c.did || answer.Header.Get("Location") != c.to {
			t.Errorf("%s %s: did %q, leads to %q, %v", c.method, c.path, did, answer.Header.Get("Location"), err)
		}
		if c.did == "edit h1 New" && (strings.Join(v.policy.Listed, "|") != "anna@pve|@company|tom@pve" || v.policy.Sharing != account.Everyone) {
			t.Errorf("policy: %+v", v.policy)
		}
	}
}

func TestPagesAnswer(t *testing.T) {
	for _, c := range []struct{ path, has string }{
		{"/settings/sessions", "Firefox on Linux"}, {"/settings/appearance", "System"}, {"/settings/sign-in-hosts", "192.0.2.1"},
		{"/settings/sign-in-hosts/new", "Look at it"}, {"/settings/sign-in-hosts/h1", "anna@pve"}, {"/settings/people", "This is the last administrator."},
	} {
		answer, text, err := ask(t, &verbs{}, "GET", c.path, nil)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(text, c.has) || !strings.Contains(text, "Settings") {
			t.Errorf("GET %s: %d, %v", c.path, answer.StatusCode, err)
		}
	}
}

func TestRefusedFormsKeepWhatWasTyped(t *testing.T) {
	for _, c := range []struct {
		path  string
		form  url.Values
		field string
		keeps string
	}{
		{"/settings/sign-in-hosts/new", url.Values{"address": {"typed-address"}}, "address", "typed-address"},
		{"/settings/sign-in-hosts/h1", url.Values{"name": {"typed-name"}, "admission": {"everyone"}}, "name", "typed-name"},
		{"/settings/sign-in-hosts/h1", url.Values{"listed": {"typed-list"}, "admission": {"listed"}}, "listed", "typed-list"},
		{"/settings/sign-in-hosts/h1/addresses", url.Values{"address": {"typed-address"}}, "address", "typed-address"},
	} {
		v := &verbs{err: problem.Field(c.field, "This is the sentence.")}
		answer, text, err := ask(t, v, "POST", c.path, c.form)
		if err != nil || answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, "This is the sentence.") || !strings.Contains(text, c.keeps) {
			t.Errorf("POST %s: %d, %v", c.path, answer.StatusCode, err)
		}
	}
	v := &verbs{}
	answer, text, _ := ask(t, v, "POST", "/settings/sign-in-hosts/h1/delete", url.Values{"confirm": {"lab"}})
	if len(v.did) != 0 || answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(text, "Type the name") {
		t.Errorf("a delete without the name: did %v, %d", v.did, answer.StatusCode)
	}
}

func TestWhatIsNotThereAndWhatBroke(t *testing.T) {
	if _, _, err := ask(t, &verbs{}, "GET", "/settings/sign-in-hosts/h9", nil); !problem.Is(err, problem.NotFound) {
		t.Errorf("a foreign host: %v", err)
	}
	for _, cause := range []error{problem.Missing(), errors.New("the store broke"), problem.New(problem.NeedProof, "", "")} {
		if _, _, err := ask(t, &verbs{err: cause}, "POST", "/settings/people/u2/grant", nil); !errors.Is(err, cause) {
			t.Errorf("%v became %v", cause, err)
		}
	}
	answer, _, err := ask(t, &verbs{err: problem.New(problem.Conflict, "No.", "")}, "POST", "/settings/people/u2/grant", nil)
	if err != nil || answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
		t.Errorf("a refusal is not told as a toast: %d, %v", answer.StatusCode, err)
	}
}

func TestBrowser(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0":               "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"curl/8.5": "curl", "": "Unknown browser", hostile: "Unknown browser",
	} {
		if got := browser(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
