package templates

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/template"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// hostile is what another person's template or an archive may put into any text.
const hostile = `<script>alert(1)</script>"'&`

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func summaries() []template.Summary {
	mine := template.Summary{ID: "t1", Owner: "u1", OwnerName: "anna@pve", Name: "Web", Description: "A web server.", Tags: []string{"web"}, OS: "debian-12-standard",
		Cores: 2, Memory: 1024, Disk: 8, Counts: template.Counts{Scripts: 3, Packages: 12, Files: 1, Inputs: 1}, Revision: 4, UpdatedAt: noon.Add(-time.Hour)}
	shared := mine
	shared.ID, shared.Name, shared.Shared, shared.Source = "t2", "Shared by me", true, template.Source{Kind: template.Imported, From: "site.zip"}
	foreign := mine
	foreign.ID, foreign.Owner, foreign.OwnerName, foreign.Name, foreign.Description, foreign.Tags = "t3", "u2", hostile, hostile, hostile, []string{hostile}
	foreign.Source, foreign.Counts = template.Source{Kind: template.Copied, From: hostile}, template.Counts{}
	return []template.Summary{mine, shared, foreign}
}

func detailOf(mine bool) detailView {
	c := rich()
	c.Lists[1].Packages = []template.Package{{Manager: template.Custom, Name: "starship", Check: "command -v starship", Install: "true"}}
	v := detailView{Now: noon, MayShare: true}
	v.ID, v.OwnerName, v.Content, v.Template.Revision, v.UpdatedAt, v.Mine = "t1", "anna@pve", c, 4, noon.Add(-time.Hour), mine
	v.MadeFrom = []fleet.ContainerID{{Cluster: "c1", VMID: 104}}
	if !mine {
		v.OwnerName, v.Shared = hostile, true
		v.Content.Name, v.Content.Description = hostile, hostile
		v.Content.Scripts[0].Body, v.Content.Scripts[0].About = hostile, hostile
		v.Content.Files[0].Content = []byte(hostile)
		v.MadeFrom = nil
	}
	return v
}

func refused() editView {
	f := formOf(rich(), 4)
	f.Cores, f.Name, f.Scripts[0].Body = "many", hostile, hostile
	return editView{form: f, ID: "t1", Was: "Web", Wrong: map[string]string{"cores": "Cores has to be a whole number.", "scripts[0].body": hostile, "lists[0].apt": "Line 1: " + hostile},
		Findings: map[string][]template.Finding{"scripts[1].body": {{Level: template.Warning, Line: 2, Text: "This waits for an answer.", Remedy: "Give -y."}}},
		Buckets:  []template.BucketSummary{{Bucket: template.Bucket{ID: "b2", Name: hostile}, Packages: 3}}, Problem: problem.New(problem.Invalid, "3 things have to be put right.", ""), known: contentsOf(rich())}
}

func conflicted() editView {
	v := refused()
	theirs, mine := rich(), rich()
	theirs.Memory, theirs.Scripts[0].Body = 2048, "#!/bin/bash\necho theirs\n"
	mine.Scripts[0].Body = hostile + "\n"
	v.Wrong, v.Findings, v.Beside = nil, nil, 5
	v.Theirs = &conflictView{Revision: template.Revision{Number: 5, By: hostile}, Content: theirs, Mine: mine, Diff: template.Compare(theirs, mine)}
	return v
}

func planned() previewView {
	before, after := rich(), rich()
	after.Memory = 4096
	plan := template.Plan{ID: "i1", Origin: "site.zip", Digest: "d", Items: []template.PlanItem{
		{Action: template.Create, Dir: "web", Name: hostile, Content: rich(), Diff: template.Compare(template.Content{}, rich())},
		{Action: template.Update, Dir: "db", Name: "Database", Template: "t1", Base: 3, Content: after, Diff: template.Compare(before, after)},
		{Action: template.Keep, Dir: "same", Name: "Same", Content: rich()}, {Action: template.Removable, Name: "Old", Template: "t9"}},
		Findings: []template.Finding{{Level: template.Warning, File: "web/template.conf", Line: 3, Text: hostile, Remedy: "Write a number."}}}
	return previewView{Plan: plan, Removable: plan.Items[3:], Expires: "in 59 min"}
}

var keys = regexp.MustCompile(`\bn[0-9a-z]{10,}\b`)

func TestPagesAreAsTheyWere(t *testing.T) {
	list := listView{Listing: template.Listing{Templates: summaries(), Tags: []template.TagCount{{Tag: "web", Count: 3}}, All: 3}, Now: noon, Viewer: "u1"}
	filtered := list
	filtered.Query, filtered.Tag, filtered.Templates = hostile, hostile, nil
	revisions := revisionsView{detailView: detailOf(true), From: 3, To: 4, Compared: true, Diff: template.Compare(rich(), detailOf(false).Content),
		Revisions: []template.Revision{{Number: 4, At: noon, By: "anna@pve", Note: hostile}, {Number: 3, At: noon.Add(-time.Hour), By: "anna@pve"}}}
	had := rich()
	had.Name = "Had"
	first := revisions
	first.Revisions, first.Compared = revisions.Revisions[1:], false
	for name, page := range map[string]templ.Component{
		"empty": listPage(listView{}), "list": listPage(list), "no-match": listPage(filtered),
		"configuration": configurationPage(detailOf(true)), "configuration-shared": configurationPage(detailOf(false)),
		"scripts": scriptsPage(detailOf(false)), "files": filesPage(detailOf(false)), "packages": packagesPage(detailOf(true)),
		"revisions": revisionsPage(revisions), "revisions-one": revisionsPage(first), "revision": revisionPage(revisionView{detailView: detailOf(true), Revision: template.Revision{Number: 2, By: hostile, At: noon}, Old: rich()}),
		"share": sharePage(detailOf(true)), "stop-sharing": sharePage(detailOf(false)), "delete": deletePage(detailOf(true)),
		"edit": editPage(editView{form: formOf(rich(), 4), ID: "t1", Was: "Web", known: contentsOf(rich())}), "edit-refused": editPage(refused()), "edit-conflict": editPage(conflicted()),
		"starters":       startersPage(startersView{All: []template.StarterInfo{{Dir: "debian", Content: rich()}, {Dir: "had", Content: had}}, Have: map[string]bool{"had": true}}),
		"import":         importPage(importView{Folders: []string{"web"}, Pasted: []pastedRow{{Key: "0", Path: hostile, Text: hostile}}, Wrong: map[string]string{"archive": hostile}}),
		"import-refused": importPage(importView{Pasted: []pastedRow{{Key: "0", Path: "web/template.conf", Text: hostile}}, Found: planned().Findings}),
		"preview":        previewPage(planned()),
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := page.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			got := keys.ReplaceAllString(strings.ReplaceAll(b.String(), "><", ">\n<"), "KEY")
			if strings.Contains(got, "<script>alert") {
				t.Error("foreign text became markup")
			}
			file := filepath.Join("testdata", name+".golden.html")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the page is not as %s has it; look at the difference, then run with -update:\n%s", file, got)
			}
		})
	}
}
