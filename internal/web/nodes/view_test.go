package nodes

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

var update = flag.Bool("update", false, "write the golden pages anew")

func pages() map[string]templ.Component {
	halted := lab()
	halted.Halt = &fleet.Halt{Kind: string(problem.Untrusted), What: "10.0.0.11 shows a certificate that the pinned Proxmox authority did not sign.", Expected: fp("4E"), Got: fp("66")}
	refused := attic()
	refused.Halt = &fleet.Halt{Kind: string(problem.Unauthorized), What: "Proxmox did not accept the API token."}

	all := input(labPicture(), atticPicture())
	tested := input(labPicture())
	tested.test = func(fleet.ClusterID) (fleet.TestReport, bool) {
		return fleet.TestReport{Cluster: "c1", At: noon.Add(-5 * time.Second), Release: "9.2.11", Ways: []fleet.WayReport{
			{Address: lab().Authority.Addresses[0], Took: 12 * time.Millisecond},
			{Address: lab().Authority.Addresses[1], Trouble: problem.New(problem.Refused, "10.0.0.12:443 refuses connections.", "Check the port.")}}}, true
	}
	known := found()
	known.Known = new(lab())
	seen := authority.Seen{Address: authority.Address{Host: "10.0.0.11", Port: 8006}, Proxmox: true, Fingerprint: fp("1F"), Subject: hostile, Issuer: "Proxmox Virtual Environment",
		NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(2, -1, 0)}
	confirm := addView{Address: "10.0.0.11:8006", TokenID: "root@pam!berth", Draft: "DRAFT", Name: hostile, Also: []string{"pve2"}, Seen: seen}
	p := &Pages{now: func() time.Time { return noon }}
	confirm.show(found(), p)
	confirm.Problem = problem.Field("name", "You have a node or cluster of this name already.")
	joining := addView{Address: "10.0.0.11:8006", TokenID: "root@pam!other", Draft: "DRAFT", Seen: seen}
	joining.show(known, p)
	lacking := plan()
	lacking.Lacks, lacking.Commands = []string{"Permissions.Modify on /, to give the token its rights"}, []string{"pveum user token add 'anna@pve' berth --privsep 1"}
	planned := plan()
	untrusted := problem.New(problem.Untrusted, "10.0.0.11 shows another certificate than the one that was confirmed.", "Nothing secret was sent.")
	untrusted.Expected, untrusted.Got, untrusted.Fields = fp("4E"), fp("66"), map[string]string{"addresses": untrusted.What}
	asking := connectionOf(lab())
	asking.Problem, asking.Accepted = untrusted, []string{fp("55")}
	labels := editView{Cluster: attic(), Card: all.card(attic()), Name: hostile, Label: map[string]string{"attic": hostile}, Of: "attic", Problem: problem.Field("label", "A name has at most 100 characters.")}

	return map[string]templ.Component{
		"empty":              listPage(listView{}),
		"list":               listPage(listView{Cards: []cardView{all.card(lab()), all.card(attic())}}),
		"brief":              listPage(listView{Cards: []cardView{brief(all.card(lab()))}}),
		"tested":             listPage(listView{Cards: []cardView{tested.card(lab())}}),
		"halted":             listPage(listView{Cards: []cardView{all.card(halted), all.card(refused)}}),
		"never-seen":         listPage(listView{Cards: []cardView{input().card(lab())}}),
		"add-address":        addPage(addView{Step: 1, Port: "8006", Offer: "lab"}),
		"add-address-wrong":  addPage(addView{Step: 1, Address: hostile, Port: "-1", Problem: problem.Field("address", "This is not a host name or an IP address.")}),
		"add-certificate":    addPage(addView{Step: 2, Seen: seen}),
		"add-token":          addPage(addView{Step: 3, Seen: seen}),
		"add-token-lost":     addPage(addView{Step: 3, Seen: seen, TokenID: "root@pam!berth", Lost: true}),
		"add-confirm":        addPage(confirm),
		"add-join":           addPage(joining),
		"own-wish":           ownPage(ownView{Host: "lab", User: "anna@pve", Tier: "look", Scope: "all", Token: "berth", Days: "365"}),
		"own-plan":           ownPage(ownView{Host: "lab", User: "anna@pve", Tier: "look", Scope: "all", Token: "berth", Days: "365", Plan: &planned, Label: "lab", Also: []string{"pve2"}, Digest: "D"}),
		"own-plan-lacking":   ownPage(ownView{Host: "lab", User: "anna@pve", Tier: "look", Scope: "all", Token: "berth", Days: "365", Plan: &lacking, Label: "lab", Digest: "D"}),
		"edit":               editPage(editView{Cluster: lab(), Card: all.card(lab()), Name: "lab"}),
		"edit-wrong":         editPage(labels),
		"connection":         connectionPage(connectionOf(lab())),
		"connection-halted":  connectionPage(connectionOf(halted)),
		"connection-changed": connectionPage(asking),
		"delete":             deletePage(deleteView{Cluster: lab(), Containers: 31, Command: fleet.RemoveTokenCommand("root@pam!berth")}),
	}
}

func brief(c cardView) cardView {
	c.Brief = true
	return c
}

func drawn(t *testing.T, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPagesAreDrawnAsBefore(t *testing.T) {
	for name, page := range pages() {
		t.Run(name, func(t *testing.T) {
			got := strings.ReplaceAll(drawn(t, page), "><", ">\n<") + "\n"
			file := filepath.Join("testdata", name+".golden.html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the page differs from %s (go test -run %s -update writes it anew): %s", file, t.Name(), firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "\nwant " + w[i] + "\ngot  " + g[i]
		}
	}
	return "one has more lines"
}

// Whatever a name holds, it is text.
func TestHostileNamesAreText(t *testing.T) {
	for name, page := range pages() {
		html := drawn(t, page)
		if strings.Contains(html, "<script>") || strings.Contains(html, `"'&$`) {
			t.Errorf("%s draws a hostile name as markup", name)
		}
		for _, bad := range []string{` style="`, ` onclick="`, "javascript:"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s has %s, which the policy of the page forbids", name, bad)
			}
		}
	}
}

func TestStateOfACard(t *testing.T) {
	dead := labPicture()
	dead.Nodes[2].State = fleet.Online
	sealed := labPicture()
	sealed.Trouble = &fleet.Trouble{Kind: string(problem.Locked), What: "Berth cannot use its token without the key.", RetryAt: noon}
	without := labPicture()
	without.Nodes[2].State, without.Quorate = fleet.Online, false
	tests := []struct {
		name    string
		picture []*fleet.ClusterPicture
		cluster fleet.Cluster
		word    string
		retry   bool
	}{
		{"well", []*fleet.ClusterPicture{dead}, lab(), "Reachable", false},
		{"one node down", []*fleet.ClusterPicture{labPicture()}, lab(), "pve3 unreachable", false},
		{"no quorum", []*fleet.ClusterPicture{without}, lab(), "No quorum", false},
		{"not reachable at all", []*fleet.ClusterPicture{atticPicture()}, attic(), "Unreachable", true},
		{"no key", []*fleet.ClusterPicture{sealed}, lab(), "Token locked", false},
		{"no picture yet", nil, lab(), "Not seen yet", false},
	}
	for _, test := range tests {
		if c := input(test.picture...).card(test.cluster); c.Word != test.word || c.CanRetry != test.retry || c.Icon == "" {
			t.Errorf("%s: %q, retry %v; want %q, %v", test.name, c.Word, c.CanRetry, test.word, test.retry)
		}
	}
}

func TestDoctorPrefersTheNewerReading(t *testing.T) {
	in := input(labPicture())
	in.rights = func(fleet.ClusterID) (fleet.Rights, bool) {
		return fleet.Rights{At: noon, Permissions: fleet.Permissions{}}, true
	}
	if d := in.card(lab()).Doctor; !d.Known || may(d.Now) != "0 of 7" {
		t.Errorf("a test by hand, later than the picture: %s", may(d.Now))
	}
	in.rights = func(fleet.ClusterID) (fleet.Rights, bool) {
		return fleet.Rights{At: noon.Add(-time.Hour), Permissions: fleet.Permissions{}}, true
	}
	if d := in.card(lab()).Doctor; may(d.Now) != "3 of 7" {
		t.Errorf("the picture, later than the last test: %s", may(d.Now))
	}
}
