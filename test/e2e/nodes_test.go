package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// addNode walks through the steps of adding a node, up to the confirmation.
func (d *Demo) addNode(p *Page, n SimNode, tokenID, secret string) {
	p.t.Helper()
	host, port, err := net.SplitHostPort(n.Address)
	p.must(err)
	p.goTo(d.URL + "/settings/nodes/new")
	p.fill("Address", host)
	p.fill("Port", port)
	p.send("Look at it")
	p.says("Is this the Proxmox that you mean?")
	p.send("The fingerprint is right")
	p.says("Sent only to")
	p.fill("Token ID", tokenID)
	p.fill("Token secret", secret)
	p.send("Check the token")
	p.says("What this token may do")
}

// send presses a form's button and waits until its answer is the page: what it
// says may stand on the page before, too.
func (p *Page) send(button string) {
	p.t.Helper()
	eval[bool](p, `window.sent = true`)
	p.click("button", button)
	p.waitFor("the answer to “"+button+"”", func() bool { return eval[bool](p, `!window.sent && document.readyState === "complete"`) })
}

// unwrapped is the page's text without the places where a fingerprint may wrap.
func (p *Page) unwrapped() string { return strings.ReplaceAll(p.text(), "\n", "") }

// TestAddNode is the first node of somebody who has none: each step with what
// can go wrong in it, on each screen, and the node's whole life after it.
func TestAddNode(t *testing.T) {
	d := startDemo(t)
	n := d.Nodes[0]
	host, port, err := net.SplitHostPort(n.Address)
	if err != nil {
		t.Fatal(err)
	}
	for _, screen := range []Screen{desktopLight, desktopDark, phone} {
		p := open(t, screen)
		d.signIn(p, d.newcomer())
		p.goTo(d.URL + "/settings/nodes")
		p.says("No Proxmox nodes configured")
		p.click("link", "Add node")

		// An address of Berth's own machine is refused beside the field, and what was typed stays.
		p.fill("Address", "127.0.0.1")
		p.send("Look at it")
		p.says("it is this machine itself")
		p.accessible()
		if got := eval[string](p, `document.querySelector("#f-address").value`); got != "127.0.0.1" {
			t.Errorf("after the refusal the field has %q", got)
		}

		p.fill("Address", host)
		p.fill("Port", port)
		p.send("Look at it")
		p.says("Is this the Proxmox that you mean?")
		if !strings.Contains(p.unwrapped(), n.Fingerprint) {
			t.Errorf("the page does not show the fingerprint %s:\n%s", n.Fingerprint, p.text())
		}
		p.accessible()
		p.send("The fingerprint is right")
		p.says("Sent only to")

		p.fill("Token ID", n.TokenID)
		p.fill("Token secret", "00000000-0000-0000-0000-000000000000")
		p.send("Check the token")
		p.says("Proxmox refused this token.")
		p.accessible()
		if got := eval[string](p, `document.querySelector("#f-token").value + "|" + document.querySelector("#f-secret").value`); got != n.TokenID+"|" {
			t.Errorf("after the refusal the fields have %q", got)
		}
		p.fill("Token secret", n.TokenSecret)
		p.send("Check the token")
		p.says("What this token may do")
		for _, name := range []string{"pve1", "pve2", "pve3", "See containers", "Proxmox VE 9.2.11"} {
			p.says(name)
		}
		if strings.Contains(eval[string](p, `document.documentElement.outerHTML`), n.TokenSecret) {
			t.Error("the secret is on the page")
		}
		p.accessible()
		p.shot("add-node-confirm-" + screenName(screen))
		p.fill("Name", "Home <lab>")
		p.send("Save")
		p.says("“Home <lab>” is added, with 3 nodes.")
		p.says("Default")
		p.accessible()
		p.shot("nodes-added-" + screenName(screen))
		p.waitFor("the first picture", func() bool { p.goTo(d.URL + "/settings/nodes"); return strings.Contains(p.text(), "Reachable") })

		d.editNode(p)
	}
}

func screenName(s Screen) string {
	switch {
	case s.Phone:
		return "phone"
	case s.Dark:
		return "dark"
	}
	return "light"
}

// editNode changes all that can be changed without a secret, tests, and deletes.
func (d *Demo) editNode(p *Page) {
	p.t.Helper()
	p.click("link", "Edit Home <lab>")
	p.says("A label is your own word")
	p.fill("Name", "lab")
	p.send("Save name")
	p.says("Saved.")
	p.waitFor("the new name", func() bool { return strings.Contains(eval[string](p, `document.title`), "“lab”") })
	p.fill("Label of pve2", "Rack 2")
	p.send("Save labels")
	p.waitFor("the label", func() bool {
		return eval[string](p, `document.querySelector("[name=label-pve2]")?.value ?? ""`) == "Rack 2"
	})
	p.send("Make default: pve2")
	p.says("pve2 is the default node now.")
	p.accessible()
	p.goTo(d.URL + "/settings/nodes")
	p.waitFor("label and default", func() bool {
		return strings.Contains(eval[string](p, `document.querySelector("[data-node$='/pve2']")?.innerText.replace(/\s+/g, " ") ?? ""`), "Rack 2 Default")
	})
	p.send("Test lab")
	p.says("takes the token")
	p.accessible()

	p.goTo(d.URL + "/settings/nodes")
	p.goTo(d.URL + eval[string](p, `new URL(document.querySelector("a[href$='/delete']").href).pathname`))
	p.says("Nothing changes in Proxmox.")
	p.says("pveum user token remove")
	p.accessible()
	p.send("Delete “lab”")
	p.says("“lab” is deleted.")
	p.says("No Proxmox nodes configured")
}

// TestCertificateChanges: a changed CA stops the cluster, both fingerprints are
// shown, and it goes on only after the new one was accepted and the secret given again.
func TestCertificateChanges(t *testing.T) {
	d := startDemo(t)
	n := d.Nodes[0]
	p := open(t, desktopLight)
	d.signIn(p, d.newcomer())
	d.addNode(p, n, n.TokenID, n.TokenSecret)
	p.send("Save")
	p.says("is added")
	d.fault(t, "ca-changed", map[string]any{"cluster": n.Cluster})
	p.waitFor("the stop", func() bool {
		p.goTo(d.URL + "/settings/nodes")
		return strings.Contains(p.text(), "Certificate changed")
	})
	p.says("Pinned CA")
	p.says("Certificate shown now")
	p.accessible()
	p.shot("nodes-certificate-changed")

	p.click("link", "Look at the certificate")
	p.see("heading", "Connection of “lab”")
	p.fill("Token secret", n.TokenSecret)
	p.send("Test and save")
	p.says("Accept the new certificate?")
	p.accessible()
	p.fill("Token secret", n.TokenSecret)
	p.send("Test and save")
	p.says("Accept the new certificate?") // not ticked: nothing was accepted
	p.click("checkbox", "I have compared it: this is the new certificate of my node")
	p.fill("Token secret", n.TokenSecret)
	p.send("Test and save")
	p.says("works and is saved")
	p.waitFor("the cluster again", func() bool { p.goTo(d.URL + "/settings/nodes"); return strings.Contains(p.text(), "Reachable") })
}

// TestPermissionDoctor: a token that may do nothing is saved all the same, and
// the page says what is missing and how to grant it.
func TestPermissionDoctor(t *testing.T) {
	d := startDemo(t)
	n := d.Nodes[1]
	user, _, _ := strings.Cut(n.TokenID, "!")
	var made struct{ Token string }
	d.control(t, http.MethodPost, "/tokens", map[string]any{"cluster": n.Cluster, "user": user, "id": "bare", "privsep": true}, &made)
	p := open(t, phone)
	d.signIn(p, d.newcomer())
	_, secret, _ := strings.Cut(made.Token, "=")
	d.addNode(p, n, user+"!bare", secret)
	p.says("lacks VM.Audit on /vms")
	p.says("pveum acl modify / --tokens '" + user + "!bare' --roles BerthLook")
	p.accessible()
	p.shot("doctor-phone")
	p.send("Save")
	p.says("is added")
	p.waitFor("what it means", func() bool {
		p.goTo(d.URL + "/")
		return strings.Contains(p.text(), "This token may see 0 containers: it lacks VM.Audit")
	})
}

// TestTokenOfOnesOwn: on the Proxmox that a person signed in to, Berth makes the token itself.
func TestTokenOfOnesOwn(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.newcomer())
	p.goTo(d.URL + "/settings/nodes/new")
	p.click("link", "Create a token for me")
	p.see("heading", "Create a token for me")
	p.accessible()
	p.fill("Name of the token", "made-here")
	p.send("Show what will be done")
	p.says("These calls will be made")
	p.says("/access/users/" + d.newcomer().User + "@" + d.newcomer().Realm + "/token/made-here")
	p.says("roleid=BerthLook")
	p.accessible()
	p.shot("own-token-dark")
	p.send("Make the token and save")
	p.says("made-here is made")
	p.waitFor("the first picture", func() bool { p.goTo(d.URL + "/settings/nodes"); return strings.Contains(p.text(), "Reachable") })
	p.goTo(d.URL + "/settings/nodes/new")
	if strings.Contains(p.text(), "Create a token for me") {
		t.Error("the token is offered again")
	}
}
