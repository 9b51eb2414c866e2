package pve

import (
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
)

func TestTicketsAreNoPasswords(t *testing.T) {
	f, c := served(t, says(200, "OK", `{"data":null}`))
	for _, s := range []string{"PVE:root@pam:65AF0000::sig", "pve:x", "PVE:", " PVE:x", "PVEVNC:x", "PVETUNNEL:x", "PvE:", "PVE2:", "PVE:!tfa!x"} {
		_, err := c.SignIn(t.Context(), "root@pam", secret.New(s))
		p := wants(t, err, problem.Invalid)
		if p.Fields["password"] == "" {
			t.Errorf("%q: %+v", s, p)
		}
	}
	_, err := c.SignIn(t.Context(), "root@pam", secret.Text{})
	wants(t, err, problem.Invalid)
	for _, user := range []string{"", "root", "@pam", "root@", "a b@pam", "a:b@pam", "a/b@pam", "root@pam!x@pve", "root@p/m", strings.Repeat("a", 70) + "@pam", "a\n@pam"} {
		_, err := c.SignIn(t.Context(), user, secret.New("x"))
		wants(t, err, problem.Invalid)
	}
	if len(f.seen()) != 0 {
		t.Error("something was sent")
	}
	for _, s := range []string{"", "PVE", "PVElover", "PVE-x:", "a PVE:", "PV:E", "PVE x:", "correct horse"} {
		if LooksLikeTicket(s) {
			t.Errorf("%q is refused as a password", s)
		}
	}
}

func TestSignIn(t *testing.T) {
	f, c := served(t, says(200, "OK", `{"data":{"username":"Alice@ad","ticket":"PVE:Alice@ad:1::x","CSRFPreventionToken":"1:y","cap":{}}}`))
	l, err := c.SignIn(t.Context(), "alice@ad", secret.New("p=a;s&s w+ö"))
	if err != nil {
		t.Fatal(err)
	}
	if l.Username != "Alice@ad" || l.NeedTFA || l.Ticket.Reveal() != "PVE:Alice@ad:1::x" || l.CSRF.Reveal() != "1:y" {
		t.Errorf("%+v", l)
	}
	r := f.seen()[0]
	if r.Method != "POST" || r.RequestURI != "/api2/json/access/ticket" || r.Header.Get("Authorization") != "" ||
		r.PostForm.Get("password") != "p=a;s&s w+ö" || r.PostForm.Get("username") != "alice@ad" || len(r.PostForm) != 2 {
		t.Errorf("%s %s %v", r.Method, r.RequestURI, r.PostForm)
	}
}

func TestSignInWithoutATicketInTheAnswer(t *testing.T) {
	for _, body := range []string{`{"username":"root@pam"}`, `{"ticket":"PVE:x"}`, `null`, `{"username":"root","ticket":"PVE:x"}`, `{"username":"root@pam","ticket":"PVE:x","CSRFPreventionToken":"a\nb"}`} {
		_, c := served(t, data(body))
		_, err := c.SignIn(t.Context(), "root@pam", secret.New("x"))
		wants(t, err, problem.Garbled)
	}
}

func TestSecondFactor(t *testing.T) {
	for name, tc := range map[string]struct {
		ticket, flag string
		want         account.Factors
	}{
		"TOTP and recovery": {`PVE:!tfa!{\"totp\"%3Atrue,\"recovery\"%3A[0,1,2]}:65AF::sig`, `,"NeedTFA":1`, account.Factors{TOTP: true, Recovery: true}},
		"all escaped":       {`PVE:!tfa!%7B%22totp%22%3Atrue%7D:65AF::sig`, `,"NeedTFA":"1"`, account.Factors{TOTP: true}},
		"WebAuthn only":     {`PVE:!tfa!{\"webauthn\"%3A{\"publicKey\"%3A{}},\"recovery\"%3A[],\"yubico\"%3Afalse}:65AF::sig`, `,"NeedTFA":1`, account.Factors{Others: []string{"webauthn"}}},
		"no flag":           {`PVE:!tfa!{\"totp\"%3A1,\"recovery\"%3A\"low\",\"u2f\"%3A{}}:65AF::sig`, ``, account.Factors{TOTP: true, Recovery: true, Others: []string{"u2f"}}},
		"unreadable":        {`PVE:!tfa!{{{:65AF::sig`, `,"NeedTFA":1`, account.Factors{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := served(t, data(`{"username":"root@pam","ticket":"`+tc.ticket+`"`+tc.flag+`}`))
			l, err := c.SignIn(t.Context(), "root@pam", secret.New("x"))
			if err != nil {
				t.Fatal(err)
			}
			if !l.NeedTFA || l.Factors.TOTP != tc.want.TOTP || l.Factors.Recovery != tc.want.Recovery || strings.Join(l.Factors.Others, " ") != strings.Join(tc.want.Others, " ") {
				t.Errorf("%+v", l)
			}
			if _, err := c.AnswerTFA(t.Context(), "root@pam", l.Ticket, account.TOTP, secret.New("123456")); !problem.Is(err, problem.Unauthorized) {
				t.Errorf("a challenge as answer to a challenge: %v", err)
			}
			if _, err := c.Renew(t.Context(), "root@pam", secret.New("PVE:old")); !problem.Is(err, problem.Unauthorized) {
				t.Errorf("a challenge as answer to a renewal: %v", err)
			}
		})
	}
}

func TestAnswerTFA(t *testing.T) {
	challenge := secret.New("PVE:!tfa!{}:65AF::sig")
	f, c := served(t, inTurn(
		data(`{"username":"root@pam","ticket":"PVE:root@pam:1::x","CSRFPreventionToken":"1:y"}`),
		data(`{"username":"root@pam","ticket":"PVE:root@pam:1::x","CSRFPreventionToken":"1:y"}`),
		says(401, "authentication failure", `{"data":null,"message":"authentication failure\n"}`)))
	for kind, code := range map[account.FactorKind]string{account.TOTP: "123 456", account.Recovery: "0123-4567-89ab-cdef"} {
		if _, err := c.AnswerTFA(t.Context(), "root@pam", challenge, kind, secret.New(code)); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range f.seen() {
		p := r.PostForm.Get("password")
		if r.PostForm.Get("tfa-challenge") != challenge.Reveal() || p != "totp:123456" && p != "recovery:0123-4567-89ab-cdef" {
			t.Errorf("%v", r.PostForm)
		}
	}
	_, err := c.AnswerTFA(t.Context(), "root@pam", challenge, account.TOTP, secret.New("123456"))
	if p := wants(t, err, problem.Unauthorized); !strings.Contains(p.What, "code") {
		t.Errorf("%s", p.What)
	}
	n := len(f.seen())
	for _, bad := range []struct {
		kind            account.FactorKind
		challenge, code string
	}{
		{account.TOTP, challenge.Reveal(), "12345"}, {account.TOTP, challenge.Reveal(), "abcdef"}, {account.TOTP, challenge.Reveal(), "123456789"},
		{account.Recovery, challenge.Reveal(), "x:y"}, {"webauthn", challenge.Reveal(), "{}"}, {account.TOTP, "", "123456"}, {account.TOTP, "PVE:root@pam:1::x", "123456"},
	} {
		_, err := c.AnswerTFA(t.Context(), "root@pam", secret.New(bad.challenge), bad.kind, secret.New(bad.code))
		wants(t, err, problem.Invalid)
	}
	if len(f.seen()) != n {
		t.Error("a malformed code was sent")
	}
}

func TestRenewalNamesTheSameUser(t *testing.T) {
	f, c := served(t, inTurn(
		data(`{"username":"alice@pve","ticket":"PVE:alice@pve:2::x","CSRFPreventionToken":"2:y"}`),
		data(`{"username":"root@pam","ticket":"PVE:root@pam:2::x","CSRFPreventionToken":"2:y"}`),
		says(401, "authentication failure", `{"data":null,"message":"authentication failure\n"}`)))
	l, err := c.Renew(t.Context(), "alice@pve", secret.New("PVE:alice@pve:1::x"))
	if err != nil || l.Ticket.Reveal() != "PVE:alice@pve:2::x" {
		t.Fatalf("%+v %v", l, err)
	}
	if r := f.seen()[0]; r.PostForm.Get("password") != "PVE:alice@pve:1::x" || r.Header.Get("Cookie")+r.Header.Get("CSRFPreventionToken") != "" {
		t.Errorf("%v %v", r.PostForm, r.Header)
	}
	for range 2 {
		l, err = c.Renew(t.Context(), "alice@pve", secret.New("PVE:alice@pve:1::x"))
		wants(t, err, problem.Unauthorized)
		if !l.Ticket.Empty() {
			t.Error("a refused renewal gave a ticket")
		}
	}
	_, err = c.Renew(t.Context(), "alice@pve", secret.Text{})
	wants(t, err, problem.Unauthorized)
}

func TestTokenIsMade(t *testing.T) {
	f, c := served(t, data(`{"full-tokenid":"alice@pve!berth","value":"01234567-89ab-cdef-0123-456789abcdef","info":{"privsep":"1"}}`))
	expire := time.Unix(1800000000, 0)
	made, err := c.CreateToken(t.Context(), "alice@pve", "berth", "for Berth\n", expire)
	if err != nil || made.Reveal() != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Fatalf("%v", err)
	}
	form := f.seen()[0].PostForm
	if form.Get("privsep") != "1" || form.Get("expire") != "1800000000" || form.Get("comment") != "for Berth" || len(form) != 3 {
		t.Errorf("%v", form)
	}
	_, c = served(t, data(`{"value":"a\r\nX-Evil: 1"}`))
	_, err = c.CreateToken(t.Context(), "alice@pve", "berth", "", time.Time{})
	wants(t, err, problem.OutcomeUnknown)
}

func TestTokenIDs(t *testing.T) {
	for _, id := range []string{"root@pam!berth", "a.b@my-realm!x_1"} {
		if _, _, err := ParseTokenID(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"", "root@pam", "root!x", "root@pam!", "root@pam!1x", "root@pam!a!b", "root@pam!a b", "ro ot@pam!ab", "root@pam!a\n", "root@pam!ä", "a:b@pam!ab"} {
		if _, _, err := ParseTokenID(id); !problem.Is(err, problem.Invalid) {
			t.Errorf("%q was taken: %v", id, err)
		}
	}
	for _, s := range []string{"", "a b", "a\nb", strings.Repeat("x", 300), "ü"} {
		if err := CheckTokenSecret(secret.New(s)); !problem.Is(err, problem.Invalid) {
			t.Errorf("%q was taken: %v", s, err)
		}
	}
}
