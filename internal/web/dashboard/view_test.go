package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/web/kit"
)

var update = flag.Bool("update", false, "write the golden pages anew")

func viewOf(p *fleet.Picture, query string) *view { return viewAt(p, nothing(), query) }

func viewAt(p *fleet.Picture, w work, query string) *view {
	values, _ := url.ParseQuery(query)
	s := next(nil, p, w, noon)
	s.epoch = "epoch"
	v := newView(s, readFilter(values), noon)
	v.Key = "K3Y"
	return v
}

func htmlOf(t testing.TB, v *view) string {
	t.Helper()
	var b bytes.Buffer
	for _, part := range []templ.Component{headerActions(v), under(v), page(v)} {
		if err := part.Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestPagesAreDrawnAsBefore(t *testing.T) {
	for _, c := range []struct {
		name, query string
		picture     *fleet.Picture
	}{
		{"working", "", full()},
		{"working-table", "view=table", full()},
		{"empty", "", pictureOf()},
		{"one-node", "", one()},
		{"full", "", full()},
		{"full-table-by-node", "view=table&group=node&sort=-cpu", full()},
		{"failing", "", failing()},
		{"all-unreachable", "", dark()},
		{"no-privileges", "", blind()},
		{"no-match", "q=nothing-like-this&tag=prod", full()},
		{"two-nodes-chosen", "node=c1/pve1&node=c2/pve1", full()},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := viewOf(c.picture, c.query)
			if strings.HasPrefix(c.name, "working") {
				v = viewAt(c.picture, working(), c.query)
			}
			got := strings.ReplaceAll(htmlOf(t, v), "><", ">\n<")
			file := filepath.Join("testdata", c.name+".golden.html")
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
			return "\n- " + w[i] + "\n+ " + g[i]
		}
	}
	return "one is longer"
}

func TestEveryContainerSaysWhoItIs(t *testing.T) {
	for _, query := range []string{"", "view=table", "group=node", "view=table&group=node"} {
		html := listOnly(t, viewOf(full(), query))
		for _, c := range full().Clusters {
			for _, ct := range c.Containers {
				want := `data-container="` + ct.ID.String() + `" data-node="` + ct.NodeID().String() + `" data-status="` + string(ct.Status) + `"`
				if strings.Count(html, want) != 1 {
					t.Errorf("%q: %d elements with %s", query, strings.Count(html, want), want)
				}
			}
		}
		if strings.Contains(html, "<img") || strings.Contains(html, "<script>") {
			t.Errorf("%q: a name became markup", query)
		}
	}
}

// listOnly is the list, without the moulds that clones are made from.
func listOnly(t testing.TB, v *view) string {
	t.Helper()
	var b bytes.Buffer
	if err := list(v).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNodeFilterOnlyWithSeveralNodes(t *testing.T) {
	if html := htmlOf(t, viewOf(one(), "")); strings.Contains(html, "All nodes") {
		t.Error("one node, and yet a node filter")
	}
	html := htmlOf(t, viewOf(full(), ""))
	if !strings.Contains(html, `type="radio" name="node" value="" checked`) || strings.Count(html, `type="radio" name="node"`) != 5 {
		t.Error("four nodes: five choices, All nodes chosen")
	}
	if !strings.Contains(html, "> pve1 <") && !strings.Contains(html, ">pve1 <small") {
		t.Error("no choice for pve1")
	}
	html = htmlOf(t, viewOf(many(60, 5), ""))
	if strings.Contains(html, `type="radio" name="node"`) || !strings.Contains(html, `<select class="select" name="node"`) {
		t.Error("fifteen nodes: a combobox instead of a row of choices")
	}
}

func TestFilterOfTheAddress(t *testing.T) {
	for _, c := range []struct {
		query string
		names string
	}{
		{"", `<img src=x onerror="alert(1)"> adguard debian-base docs-old gitea jellyfin postgres-main vaultwarden web-staging`},
		{"node=c1/pve1", "gitea jellyfin"},
		{"node=c1/pve1&node=c1/pve2", "gitea jellyfin postgres-main web-staging"},
		{"node=c9/pve1", ""},
		{"node=nonsense", `<img src=x onerror="alert(1)"> adguard debian-base docs-old gitea jellyfin postgres-main vaultwarden web-staging`},
		{"node=&status=", `<img src=x onerror="alert(1)"> adguard debian-base docs-old gitea jellyfin postgres-main vaultwarden web-staging`},
		{"status=stopped", "debian-base"},
		{"status=attention", `<img src=x onerror="alert(1)"> postgres-main web-staging`},
		{"tag=prod", "postgres-main"},
		{"tag=prod&tag=dev", ""},
		{"q=tag:dev", "gitea"},
		{"q=node:pve1", `<img src=x onerror="alert(1)"> adguard docs-old gitea jellyfin`},
		{"q=node:attic&status=running", "adguard"},
		{"sort=-cpu&node=c1/pve1", "jellyfin gitea"},
		{"q=%3Cimg", `<img src=x onerror="alert(1)">`},
	} {
		var names []string
		for _, s := range viewOf(full(), c.query).Sections {
			for _, r := range s.Rows {
				names = append(names, r.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("?%s shows %s", c.query, got)
		}
	}
}

func TestFilterAddressesComeBack(t *testing.T) {
	for _, query := range []string{
		"", "node=c1%2Fpve1&node=c2%2Fpve1&status=running&tag=a+b&tag=c&q=mem%3E80%25+%26x&sort=-cpu&view=table&group=node",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f := readFilter(values)
		if got := strings.TrimPrefix(f.url(), "/"); strings.TrimPrefix(got, "?") != query {
			t.Errorf("%q came back as %q", query, got)
		}
	}
}

func TestLargeFleetsSendTheFirstOfTheirFilter(t *testing.T) {
	p := many(10_000, 100)
	v := viewOf(p, "")
	if v.Shown != firstOf || v.Matched != 9900+100 {
		t.Errorf("shown %d of %d", v.Shown, v.Matched)
	}
	html := htmlOf(t, v)
	if strings.Contains(html, `id="fleet"`) || strings.Count(html, "data-container=") != firstOf+2 { // and two moulds
		t.Error("a page of a large fleet must have its first containers only, and no data")
	}
	if len(html) > 1_200_000 {
		t.Errorf("the first paint of a large fleet weighs %d bytes", len(html))
	}
}

func TestADeadNodeKeepsItsContainers(t *testing.T) {
	v := viewOf(failing(), "")
	if v.State.figures != (figures{Total: 9, Running: 6, Stopped: 1, Attention: 5}) {
		t.Errorf("figures %+v", v.State.figures)
	}
	if len(v.State.banners) != 1 {
		t.Fatalf("banners: %+v", v.State.banners)
	}
	b := v.State.banners[0]
	if !strings.Contains(b.Title, "pve3") || b.Retry != kit.URL.NodeRetry("c1") || !strings.Contains(b.Text, "2 containers are shown as last seen") || b.Proxmox != "No route to host" {
		t.Errorf("banner %+v", b)
	}
}

func TestManyDeadNodesShareABanner(t *testing.T) {
	p := many(60, 5)
	for _, c := range p.Clusters {
		c.Nodes[0].State = fleet.Unreachable
	}
	banners := viewOf(p, "").State.banners
	if len(banners) != 1 || banners[0].Title != "5 nodes cannot be reached" || !strings.Contains(banners[0].Text, "pve0-1, pve1-1") {
		t.Errorf("%+v", banners)
	}
}

func TestALockedClusterIsNeitherTheNetworksFaultNorTriedAgain(t *testing.T) {
	p := many(60, 2)
	for _, c := range p.Clusters {
		c.Trouble = &fleet.Trouble{Kind: "locked", What: "Berth cannot use its token without the key."}
	}
	banners := viewOf(p, "").State.banners
	if len(banners) != 2 {
		t.Fatalf("%+v", banners)
	}
	for _, b := range banners {
		if b.Retry != "" || strings.Contains(b.Text, "tries again") || !strings.Contains(b.Title, "without the key") {
			t.Errorf("%+v", b)
		}
	}
}

func TestManyOfASortShareABanner(t *testing.T) {
	p := many(60, 5)
	for i, c := range p.Clusters {
		c.Notices = []fleet.Notice{{Code: "slow-updates", Text: "Slower updates: the token lacks Sys.Audit on /."}, {Code: "odd", Text: "Odd."}}
		if i > 0 {
			c.Trouble = &fleet.Trouble{Kind: "timeout", What: "It does not answer."}
		}
	}
	var titles []string
	for _, b := range viewOf(p, "").State.banners {
		titles = append(titles, b.Title)
	}
	if got := strings.Join(titles, "; "); got != "4 clusters cannot be seen; Slower updates: tokens lack Sys.Audit; Berth sees 5 clusters only in part" {
		t.Errorf("banners: %s", got)
	}
}

// One token that lacks three privileges is one thing to be done, and numbers that it may not see are not zero.
func TestWhatATokenMayNotSeeIsOneBanner(t *testing.T) {
	p := full()
	c := p.Clusters[0]
	c.Notices = []fleet.Notice{
		{Code: "no-containers-visible", Privilege: "VM.Audit on /vms", Text: "This token may see 0 containers: it lacks VM.Audit."},
		{Code: "no-quorum", Text: "lab has no quorum: Proxmox refuses changes."},
		{Code: "slow-updates", Privilege: "Sys.Audit on /", Text: "Slower updates: the token lacks Sys.Audit on /."},
		{Code: "no-node-numbers", Privilege: "Sys.Audit on /nodes/pve1", Text: "Load and memory of pve1 are not shown."},
	}
	c.Nodes[0].CPU, c.Nodes[0].Mem, c.Nodes[0].MaxMem = 0, 0, 0
	v := viewOf(p, "")
	var told []string
	for _, b := range v.State.banners {
		told = append(told, b.Title+"|"+b.Text)
	}
	want := []string{
		named(c.Name, "This token may see 0 containers: it lacks VM.Audit") + "|Changes are seen up to 20 seconds late. Load and memory of nodes are not shown. " +
			"Grant VM.Audit on /vms, Sys.Audit on /; the node's page has the exact commands.",
		named(c.Name, "lab has no quorum: Proxmox refuses changes") + "|",
	}
	if !slices.Equal(told, want) {
		t.Errorf("banners:\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	var html strings.Builder
	if err := nodePanel(&v.Nodes[0], noon).Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), "0 %") || !strings.Contains(html.String(), "Load and memory are not shown.") {
		t.Errorf("numbers that nobody saw are drawn: %s", html.String())
	}
}

func TestDataInThePageStaysData(t *testing.T) {
	p := full()
	p.Clusters[0].Nodes[0].Label = "</script><script>alert(1)</script>"
	p.Clusters[0].Name = "<!--<script>"
	html := htmlOf(t, viewOf(p, ""))
	_, data, _ := strings.Cut(html, `id="fleet">`)
	data, after, _ := strings.Cut(data, "</script>")
	if strings.ContainsAny(data, "<>") || strings.Contains(after, "<script") || !json.Valid([]byte(data)) {
		t.Errorf("the data set is not safe in its element: %.200s", data)
	}
}

func TestPageIsForItsViewerOnly(t *testing.T) {
	p := New(newEyes(full()), idle{}, nil, func() time.Time { return noon })
	defer p.Close()
	for owner, want := range map[account.UserID]int{"ann": 9, "bob": 0} {
		for _, path := range []string{"/", "/fleet.json"} {
			r := httptest.NewRequest("GET", path, nil)
			r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: owner}}))
			w := httptest.NewRecorder()
			handle := p.index
			if path != "/" {
				handle = p.fleetData
			}
			if err := handle(w, r); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(w.Body.String(), "gitea") > 0; got != (want > 0) {
				t.Errorf("%s of %s has gitea: %v", path, owner, got)
			}
			if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s: status %d, %v", path, w.Code, w.Header())
			}
		}
	}
}

func TestNodesOfTheSameNameAreToldApart(t *testing.T) {
	p := full()
	p.Clusters[1].Nodes[0].Label = "" // now both clusters have a pve1
	html := listOnly(t, viewOf(p, ""))
	if strings.Count(html, `>lab/pve1</span>`) != 2 || strings.Count(html, `>attic/pve1</span>`) != 3 || strings.Count(html, `>pve2</span>`) != 2 {
		t.Error("badges do not tell the two pve1 apart")
	}
	// The other cluster's rows follow when a name stops being alone, though nothing of their own changed.
	first := next(nil, full(), nothing(), noon)
	q := *first.picture
	c := *q.Clusters[1]
	c.Nodes = append([]fleet.Node(nil), c.Nodes...)
	c.Nodes[0].Label = ""
	q.Clusters = []*fleet.ClusterPicture{q.Clusters[0], &c}
	q.Rev++
	if got := next(first, &q, nothing(), noon).clusters[0].rows[0].Badge; got != "lab/pve1" {
		t.Errorf("gitea's badge says %s", got)
	}
}

func TestPaletteKnowsWhatCanBeDone(t *testing.T) {
	p := New(newEyes(full()), idle{}, nil, func() time.Time { return noon })
	ctx := kit.WithViewer(context.Background(), account.Viewer{User: account.User{ID: "ann"}})
	judged := p.Judgements(ctx)
	for item := range p.PaletteItems(ctx) {
		if item.Kind != "container" {
			continue
		}
		if item.Judged == nil || *item.Judged >= len(judged) || len(judged[*item.Judged]) != len(fleet.ActionRules()) {
			t.Fatalf("%s has no judgement", item.Title)
		}
		if why := judged[*item.Judged]; item.Title == "gitea" && (why[0] != nameHere+" already runs." || why[1] != "") {
			t.Errorf("gitea: %q", why)
		}
	}
}

func TestOffersCountWhomAnActionIsFor(t *testing.T) {
	v := viewAt(full(), working(), "")
	start := v.offers()[0]
	if start.Can != 0 || start.count(v.Matched) != "0 of 9" || !strings.HasPrefix(start.Why, "None: ") {
		t.Errorf("start: %+v", start)
	}
	stop := v.offers()[3]
	if got := stop.count(v.Matched) + "; " + stop.Out; got != "3 of 9; 2 busy, 1 a template, 1 in an unknown state, 1 locked, 1 not running" {
		t.Errorf("stop: %s", got)
	}
	for _, o := range viewOf(pictureOf(), "").offers() {
		if o.Why != "Add a node first: there is no container yet." {
			t.Errorf("without a node %s is said to be possible: %q", o.Rule.Title, o.Why)
		}
	}
}
