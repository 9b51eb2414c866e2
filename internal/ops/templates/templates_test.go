package templates_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/ops/templates"
	"berth/internal/problem"
	"berth/internal/store"
	"berth/internal/store/storetest"
	"berth/internal/template"
	"berth/internal/template/archive"
	"berth/internal/template/layout"
)

// world is the verbs on a store on disk, with two people.
type world struct {
	*testing.T
	*templates.Service
	ctx        context.Context
	store      *store.Store
	clock      *storetest.Clock
	host       account.SignInHost
	alice, bob account.By
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, ctx: t.Context(), clock: storetest.NewClock()}
	w.store = storetest.New(t, w.clock.Now)
	w.host = storetest.Host(t, w.store, "home")
	w.alice, w.bob = w.person("alice@pve"), w.person("bob@pve")
	folder := filepath.Join(t.TempDir(), "import")
	for p, text := range map[string]string{"site/web/template.conf": "TEMPLATE_APP=Web\n", "other/x": ""} {
		w.must(os.MkdirAll(filepath.Dir(filepath.Join(folder, p)), 0o755))
		w.must(os.WriteFile(filepath.Join(folder, p), []byte(text), 0o644))
	}
	root, err := os.OpenRoot(folder)
	w.must(err)
	t.Cleanup(func() { _ = root.Close() })
	w.Service = templates.New(templates.Options{Store: w.store, Now: w.clock.Now, ImportRoot: root,
		MadeFrom: func(_ context.Context, owner string, _ template.ID) ([]fleet.ContainerID, error) {
			return []fleet.ContainerID{{Cluster: fleet.ClusterID(owner), VMID: 100}}, nil
		}})
	return w
}

func (w *world) person(name string) account.By {
	u := storetest.User(w.T, w.store, w.host.ID, name)
	return account.By{Viewer: account.Viewer{User: u, Host: w.host.Name}, Address: "192.0.2.7"}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) kind(what string, err error, kind problem.Kind) {
	w.Helper()
	if !problem.Is(err, kind) {
		w.Errorf("%s: want %s, got %v", what, kind, err)
	}
}

func content(name string) template.Content { return storetest.Content(name) }

func (w *world) create(by account.By, c template.Content) template.Template {
	w.Helper()
	t, err := w.Create(w.ctx, by, c)
	w.must(err)
	return t
}

func (w *world) share(by account.By, id template.ID) {
	w.Helper()
	host, err := w.store.SignInHost(w.ctx, w.host.ID)
	w.must(err)
	host.Policy = account.Policy{Admission: account.Everyone, Sharing: account.Everyone}
	w.must(w.store.UpdateSignInHost(w.ctx, host))
	w.must(w.Share(w.ctx, by, id, true))
}

func (w *world) audited(by account.By) (out []string) {
	w.Helper()
	entries, err := w.store.AuditEntries(w.ctx, audit.Filter{Owner: by.Owner()})
	w.must(err)
	for _, e := range entries {
		out = append(out, string(e.Kind)+" "+string(e.Result)+" "+e.Subject)
	}
	return out
}

func TestSavingSaysEverythingThatIsWrong(t *testing.T) {
	w := newWorld(t)
	c := content("")
	c.Memory, c.Files = 1, []template.File{{Path: "etc"}}
	_, err := w.Create(w.ctx, w.alice, c)
	w.kind("creating", err, problem.Invalid)
	for _, field := range []string{"name", "memory", "files[0].path"} {
		if problem.Of(err).Fields[field] == "" {
			t.Errorf("nothing is said of %s", field)
		}
	}
}

func TestTheSecondSaverGetsBothTexts(t *testing.T) {
	w := newWorld(t)
	first := w.create(w.alice, content("Web"))
	theirs, mine := content("Web"), content("Web")
	theirs.Memory, mine.Cores = 1024, 4
	saved, err := w.Save(w.ctx, w.alice, first.ID, 1, theirs, "more memory")
	w.must(err)
	if saved.Revision != 2 {
		t.Errorf("revision %d", saved.Revision)
	}
	_, err = w.Save(w.ctx, w.alice, first.ID, 1, mine, "")
	var conflict *template.Conflict
	if !errors.As(err, &conflict) || !problem.Is(err, problem.Conflict) {
		t.Fatalf("got %v", err)
	}
	if conflict.Theirs.Content.Memory != 1024 || conflict.Mine.Cores != 4 || conflict.Base.Memory != 512 || len(conflict.Diff.Fields) != 2 {
		t.Errorf("got %+v", conflict)
	}
	again, err := w.Save(w.ctx, w.alice, first.ID, 1, theirs, "")
	if err != nil || again.Revision != 2 {
		t.Errorf("saving what stands there already: %+v, %v", again.Revision, err)
	}
	restored, err := w.Restore(w.ctx, w.alice, first.ID, 2, 1)
	w.must(err)
	revisions, err := w.Revisions(w.ctx, w.alice.Viewer, first.ID)
	w.must(err)
	if restored.Revision != 3 || restored.Content.Memory != 512 || revisions[0].Note != "Restored from revision 1" {
		t.Errorf("got %+v, %+v", restored, revisions)
	}
	diff, err := w.Compare(w.ctx, w.alice.Viewer, first.ID, 2, 3)
	if err != nil || len(diff.Fields) != 1 || diff.Fields[0].Label != "Memory" {
		t.Errorf("got %+v, %v", diff, err)
	}
}

func TestABucketThatIsGoneIsNoConflictOfTexts(t *testing.T) {
	w := newWorld(t)
	one := w.create(w.alice, content("One"))
	c := content("One")
	c.Lists = []template.PackageList{{Name: "base", Bucket: template.BucketID(storetest.ID())}}
	_, err := w.Save(w.ctx, w.alice, one.ID, 1, c, "")
	var conflict *template.Conflict
	if w.kind("saving", err, problem.Conflict); errors.As(err, &conflict) || !strings.Contains(problem.Of(err).What, "bucket") {
		t.Errorf("got %v", err)
	}
}

func TestSharedTemplatesAreReadAndCopiedOnly(t *testing.T) {
	w := newWorld(t)
	bucket, err := w.CreateBucket(w.ctx, w.alice, "base", "", []template.Package{{Manager: template.Apt, Name: "curl"}})
	w.must(err)
	c := content("Web")
	c.Lists = []template.PackageList{{Name: "base", Bucket: bucket.ID}}
	hers := w.create(w.alice, c)
	w.kind("sharing without leave", w.Share(w.ctx, w.alice, hers.ID, true), problem.Denied)
	_, err = w.Get(w.ctx, w.bob.Viewer, hers.ID)
	w.kind("reading what is not shared", err, problem.NotFound)
	w.share(w.alice, hers.ID)
	turned := content("Turned")
	turned.Scripts[0].Body += "echo \u202e\n"
	w.kind("sharing what reads other than it is", w.Share(w.ctx, w.alice, w.create(w.alice, turned).ID, true), problem.Invalid)
	turned.Name = "Web"
	_, err = w.Save(w.ctx, w.alice, hers.ID, 1, turned, "")
	w.kind("saving such a thing once it is shared", err, problem.Invalid)

	view, err := w.Get(w.ctx, w.bob.Viewer, hers.ID)
	w.must(err)
	if view.Mine || view.OwnerName != "alice@pve" || view.Content.Lists[0].Packages[0].Name != "curl" || string(view.MadeFrom[0].Cluster) != w.bob.Owner() {
		t.Errorf("got %+v", view)
	}
	_, err = w.Save(w.ctx, w.bob, hers.ID, 1, content("Mine"), "")
	w.kind("saving", err, problem.Denied)
	w.kind("deleting", w.Delete(w.ctx, w.bob, hers.ID, 1), problem.Denied)
	w.kind("sharing on", w.Share(w.ctx, w.bob, hers.ID, false), problem.Denied)
	_, err = w.Restore(w.ctx, w.bob, hers.ID, 1, 1)
	w.kind("restoring", err, problem.NotFound)
	copied, err := w.Duplicate(w.ctx, w.bob, hers.ID)
	w.must(err)
	want := []template.PackageList{{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "curl"}}}}
	if copied.Owner != w.bob.Owner() || copied.Shared || !reflect.DeepEqual(copied.Content.Lists, want) || copied.Source.From != "Web by alice@pve" {
		t.Errorf("got %+v", copied)
	}
	own, err := w.Duplicate(w.ctx, w.alice, hers.ID)
	if err != nil || own.Content.Name != "Web copy" || own.Content.Lists[0].Bucket != bucket.ID {
		t.Errorf("her own copy: %+v, %v", own.Content, err)
	}
	got := strings.Join(w.audited(w.alice), "\n")
	if got != "template.share refused Turned\ntemplate.share intent Turned\ntemplate.share ok Web\ntemplate.share intent Web\ntemplate.share refused Web\ntemplate.share intent Web" {
		t.Errorf("audited\n%s", got)
	}
}

func TestDeletingABucketLeavesCopies(t *testing.T) {
	w := newWorld(t)
	bucket, err := w.CreateBucket(w.ctx, w.alice, "base", "", []template.Package{{Manager: template.Apt, Name: "curl"}})
	w.must(err)
	one := w.create(w.alice, content("One"))
	_, err = w.TakeBucket(w.ctx, w.alice, one.ID, 1, bucket.ID, true)
	w.must(err)
	two := w.create(w.alice, content("Two"))
	copied, err := w.TakeBucket(w.ctx, w.alice, two.ID, 1, bucket.ID, false)
	w.must(err)
	bucket, err = w.AddPackage(w.ctx, w.alice, bucket.ID, template.Package{Manager: template.Apt, Name: "git"})
	w.must(err)
	view, err := w.Get(w.ctx, w.alice.Viewer, one.ID)
	w.must(err)
	if len(view.Content.Lists[0].Packages) != 2 || len(copied.Content.Lists[0].Packages) != 1 {
		t.Errorf("followed %+v, copied %+v", view.Content.Lists, copied.Content.Lists)
	}
	_, err = w.DeleteBucket(w.ctx, w.alice, bucket.ID, 1)
	w.kind("deleting what was changed meanwhile", err, problem.Conflict)
	n, err := w.DeleteBucket(w.ctx, w.alice, bucket.ID, bucket.Version)
	w.must(err)
	view, err = w.Get(w.ctx, w.alice.Viewer, one.ID)
	if err != nil || n != 1 || view.Content.Lists[0].Linked() || len(view.Content.Lists[0].Packages) != 2 || view.Revision != 3 {
		t.Errorf("%d copies, %+v, %v", n, view.Content.Lists, err)
	}
	// An older revision that followed it comes back with an empty list, not with an error.
	restored, err := w.Restore(w.ctx, w.alice, one.ID, 3, 2)
	if err != nil || restored.Content.Lists[0].Linked() {
		t.Errorf("restored %+v, %v", restored.Content.Lists, err)
	}
}

func TestPackagesOfABucket(t *testing.T) {
	w := newWorld(t)
	bucket, err := w.CreateBucket(w.ctx, w.alice, "base", "", nil)
	w.must(err)
	id := bucket.ID
	paste, err := w.Paste(w.ctx, w.alice, id, template.Apt, "curl\ngit\n# x\nnginx=1.22.*\ncurl\n")
	w.must(err)
	if len(paste.Added) != 3 || len(paste.Duplicates) != 1 {
		t.Errorf("got %+v", paste)
	}
	paste, err = w.Paste(w.ctx, w.alice, id, template.Apt, "htop\n--yes\n")
	w.kind("a line that cannot be read", err, problem.Invalid)
	if len(paste.Findings) != 1 || problem.Of(err).Fields["paste"] == "" {
		t.Errorf("got %+v, %v", paste, err)
	}
	_, err = w.AddPackage(w.ctx, w.alice, id, template.Package{Manager: template.Apt, Name: "CURL "})
	w.kind("a bad name", err, problem.Invalid)
	_, err = w.AddPackage(w.ctx, w.alice, id, template.Package{Manager: template.Apt, Name: "curl"})
	w.kind("one that is there", err, problem.Conflict)

	removed, err := w.RemovePackage(w.ctx, w.alice, id, template.Package{Manager: template.Apt, Name: "git"}.Key())
	w.must(err)
	view, err := w.PutBack(w.ctx, w.alice, id, removed)
	w.must(err)
	var names []string
	for _, p := range view.Packages {
		names = append(names, p.Name)
	}
	if strings.Join(names, " ") != "curl git nginx" {
		t.Errorf("put back: %q", names)
	}
	view, err = w.PutBack(w.ctx, w.alice, id, removed)
	if err != nil || len(view.Packages) != 3 {
		t.Errorf("put back twice: %+v, %v", view.Packages, err)
	}
	_, err = w.RemovePackage(w.ctx, w.alice, id, "apt none")
	w.kind("removing what is not there", err, problem.NotFound)
	_, err = w.RemovePackage(w.ctx, w.bob, id, "apt curl")
	w.kind("removing another's", err, problem.NotFound)
}

func zipOf(t *testing.T, files layout.Files) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Write(&b, archive.Zip, files); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func actions(p template.Plan) string {
	var out []string
	for _, i := range p.Items {
		out = append(out, string(i.Action)+" "+i.Name)
	}
	return strings.Join(out, ", ")
}

func TestImporting(t *testing.T) {
	w := newWorld(t)
	web := layout.Files{"web/template.conf": []byte("TEMPLATE_APP=Web\n"), "web/container-configs/packages/base.apt": []byte("curl\n"),
		"db/template.conf": []byte("TEMPLATE_APP=DB\n"), "db/container-configs/packages/base.apt": []byte("postgresql\n")}
	plan, err := w.PreviewArchive(w.ctx, w.alice, "site.zip", zipOf(t, web))
	w.must(err)
	if actions(plan) != "new DB, new Web" || plan.Blocked() {
		t.Fatalf("got %s, %+v", actions(plan), plan.Findings)
	}
	if list, err := w.List(w.ctx, w.alice.Viewer, template.Filter{}); err != nil || list.All != 0 {
		t.Fatalf("a preview made %d templates, %v", list.All, err)
	}
	_, err = w.Confirm(w.ctx, w.bob, plan.ID, plan.Digest, nil)
	w.kind("another's preview", err, problem.NotFound)
	_, err = w.Confirm(w.ctx, w.alice, plan.ID, "other", nil)
	w.kind("another plan", err, problem.Conflict)
	result, err := w.Confirm(w.ctx, w.alice, plan.ID, plan.Digest, nil)
	if err != nil || len(result.Created) != 2 {
		t.Fatalf("got %+v, %v", result, err)
	}
	_, err = w.Confirm(w.ctx, w.alice, plan.ID, plan.Digest, nil)
	w.kind("confirming twice", err, problem.NotFound)

	plan, err = w.PreviewArchive(w.ctx, w.alice, "site.zip", zipOf(t, web))
	w.must(err)
	if actions(plan) != "same DB, same Web" {
		t.Errorf("importing twice: %s", actions(plan))
	}
	delete(web, "db/template.conf")
	delete(web, "db/container-configs/packages/base.apt")
	web["web/container-configs/packages/base.apt"] = []byte("curl\ngit\n")
	plan, err = w.PreviewArchive(w.ctx, w.alice, "site.zip", zipOf(t, web))
	w.must(err)
	if actions(plan) != "changed Web, removable DB" || len(plan.Items[0].Diff.Texts) != 1 {
		t.Fatalf("got %s, %+v", actions(plan), plan.Items[0].Diff)
	}
	// Somebody saves between preview and confirmation.
	there, err := w.Get(w.ctx, w.alice.Viewer, plan.Items[0].Template)
	w.must(err)
	there.Content.Memory = 4096
	_, err = w.Save(w.ctx, w.alice, there.ID, there.Revision, there.Content, "")
	w.must(err)
	_, err = w.Confirm(w.ctx, w.alice, plan.ID, plan.Digest, nil)
	w.kind("a plan that is old", err, problem.Conflict)
	plan, err = w.Preview(w.ctx, w.alice.Viewer, plan.ID)
	w.must(err)
	result, err = w.Confirm(w.ctx, w.alice, plan.ID, plan.Digest, []template.ID{plan.Items[1].Template})
	if err != nil || !reflect.DeepEqual(result, template.Result{Changed: []string{"Web"}, Removed: []string{"DB"}}) {
		t.Errorf("got %+v, %v", result, err)
	}
	list, err := w.List(w.ctx, w.alice.Viewer, template.Filter{})
	if err != nil || list.All != 1 || list.Templates[0].Counts.Packages != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
	if got := w.audited(w.alice)[0]; got != "template.import ok site.zip" {
		t.Errorf("audited %s", got)
	}
}

func TestAnImportWithAProblemIsNotKept(t *testing.T) {
	w := newWorld(t)
	plan, err := w.PreviewPasted(w.ctx, w.alice, []template.Pasted{{Path: "a/template.conf", Text: "TEMPLATE_APP=A\r\nTEMPLATE_RAM=1\r\n"}, {Path: "b/template.conf", Text: ""}})
	w.must(err)
	if !plan.Blocked() || plan.ID != "" || len(plan.Items) != 0 || plan.Findings[0].Place() != "a/template.conf:2" {
		t.Errorf("got %+v", plan)
	}
	// What was only noticed is said by the preview as well, however often it is drawn.
	plan, err = w.PreviewPasted(w.ctx, w.alice, []template.Pasted{{Path: "a/template.conf", Text: "TEMPLATE_APP=A\nTEMPLATE_NOWHERE=1\n"}, {Path: "readme.txt", Text: "x"}})
	w.must(err)
	again, err := w.Preview(w.ctx, w.alice.Viewer, plan.ID)
	w.must(err)
	if len(plan.Findings) < 2 || !reflect.DeepEqual(plan.Findings, again.Findings) {
		t.Errorf("said at first\n%+v\nand then\n%+v", plan.Findings, again.Findings)
	}
	_, err = w.PreviewPasted(w.ctx, w.alice, []template.Pasted{{Path: "../a", Text: ""}})
	w.kind("a path that leads elsewhere", err, problem.Invalid)
	_, err = w.PreviewArchive(w.ctx, w.alice, "x.zip", strings.NewReader("PK"))
	w.kind("no archive", err, problem.Invalid)
	if problem.Of(err).Fields["archive"] == "" {
		t.Error("it is not said beside the field")
	}
}

// held is an upload that stops after its first byte until it is let go.
type held struct{ begun, let chan struct{} }

func (h held) Read(p []byte) (int, error) {
	close(h.begun)
	<-h.let
	return 0, io.ErrUnexpectedEOF
}

func TestAPersonReadsOneImportAtATime(t *testing.T) {
	w := newWorld(t)
	h, done := held{make(chan struct{}), make(chan struct{})}, make(chan error)
	go func() {
		_, err := w.PreviewArchive(w.ctx, w.alice, "slow.zip", h)
		done <- err
	}()
	<-h.begun
	_, err := w.PreviewArchive(w.ctx, w.alice, "x.zip", strings.NewReader(""))
	w.kind("a second one", err, problem.TooMany)
	_, err = w.PreviewArchive(w.ctx, w.bob, "x.zip", strings.NewReader(""))
	w.kind("another's", err, problem.Invalid)
	close(h.let)
	w.kind("the slow one", <-done, problem.Invalid)
	_, err = w.PreviewArchive(w.ctx, w.alice, "x.zip", strings.NewReader(""))
	w.kind("afterwards", err, problem.Invalid)
}

func TestFoldersAreTheAdministrators(t *testing.T) {
	w := newWorld(t)
	_, err := w.PreviewFolder(w.ctx, w.alice, "site")
	w.kind("not an administrator", err, problem.Denied)
	w.alice.Viewer.User.Admin = true
	names, err := w.Folders(w.ctx, w.alice.Viewer)
	if err != nil || strings.Join(names, " ") != "other site" {
		t.Errorf("got %q, %v", names, err)
	}
	plan, err := w.PreviewFolder(w.ctx, w.alice, "site")
	if err != nil || actions(plan) != "new Web" {
		t.Errorf("got %s, %v", actions(plan), err)
	}
	_, err = w.PreviewFolder(w.ctx, w.alice, "../..")
	w.kind("outside", err, problem.Invalid)
	none := templates.New(templates.Options{Store: w.store})
	_, err = none.PreviewFolder(w.ctx, w.alice, "site")
	w.kind("without a root", err, problem.Denied)
}

func TestExportsComeBackAsTheyWere(t *testing.T) {
	w := newWorld(t)
	_, err := w.AddStarters(w.ctx, w.alice, nil)
	w.must(err)
	again, err := w.AddStarters(w.ctx, w.alice, nil)
	if err != nil || len(again.Same) != 5 || len(again.Created) != 0 {
		t.Errorf("adding the set twice: %+v, %v", again, err)
	}
	bucket, err := w.CreateBucket(w.ctx, w.alice, "tools", "", []template.Package{{Manager: template.Apt, Name: "htop"}})
	w.must(err)
	c := content("Linked")
	c.Lists = []template.PackageList{{Name: "tools", Bucket: bucket.ID}}
	w.create(w.alice, c)
	for _, format := range []archive.Format{archive.Zip, archive.TarGz, archive.TarZst} {
		var one, two bytes.Buffer
		w.must(w.Export(w.ctx, w.alice.Viewer, nil, format, &one))
		w.must(w.Export(w.ctx, w.alice.Viewer, nil, format, &two))
		if !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Errorf("%s: two exports differ", format)
		}
		plan, err := w.PreviewArchive(w.ctx, w.alice, "x."+string(format), &one)
		w.must(err)
		if plan.Count(template.Keep) != 6 || len(plan.Items) != 6 {
			t.Errorf("%s: %s", format, actions(plan))
		}
		// For somebody who has no such bucket the link is a copy.
		plan, err = w.PreviewArchive(w.ctx, w.bob, "x."+string(format), &two)
		w.must(err)
		for _, i := range plan.Items {
			if i.Name == "Linked" && (i.Action != template.Create || i.Content.Lists[0].Linked() || i.Content.Lists[0].Packages[0].Name != "htop") {
				t.Errorf("%s: %+v", format, i)
			}
		}
	}
	hers, err := w.List(w.ctx, w.alice.Viewer, template.Filter{})
	w.must(err)
	var out bytes.Buffer
	w.kind("exporting another's", w.Export(w.ctx, w.bob.Viewer, []template.ID{hers.Templates[0].ID}, archive.Zip, &out), problem.NotFound)
}

func TestListsAreFiltered(t *testing.T) {
	w := newWorld(t)
	for name, tags := range map[string][]string{"One": {"web", "a"}, "Two": {"web"}, "Three": nil} {
		c := content(name)
		c.Tags = tags
		w.create(w.bob, c)
		if name == "One" {
			w.share(w.alice, w.create(w.alice, c).ID)
		}
	}
	for want, f := range map[string]template.Filter{
		"One One Three Two": {}, "One Three Two": {Mine: true}, "One One Two": {Tag: " WEB"}, "One Two": {Tag: "web", Mine: true}, "": {Tag: "we"},
		"Two": {Words: []string{"TW"}, Tag: "web"}, "One": {Words: []string{"one"}, Mine: true},
	} {
		list, err := w.List(w.ctx, w.bob.Viewer, f)
		w.must(err)
		var names []string
		for _, x := range list.Templates {
			names = append(names, x.Name)
		}
		if got := strings.Join(names, " "); got != want || list.All != 4 || list.Tags[0] != (template.TagCount{Tag: "web", Count: 3}) {
			t.Errorf("%+v: got %q of %d, %+v", f, got, list.All, list.Tags)
		}
	}
}

func TestNamesOfCopies(t *testing.T) {
	w := newWorld(t)
	long := w.create(w.alice, content(strings.Repeat("é", 100)))
	for i := range 3 {
		c, err := w.Duplicate(w.ctx, w.alice, long.ID)
		if err != nil || len([]rune(c.Content.Name)) > 100 {
			t.Errorf("copy %d: %q, %v", i, c.Content.Name, err)
		}
	}
	w.must(w.Delete(w.ctx, w.alice, long.ID, 1))
	w.kind("deleting twice", w.Delete(w.ctx, w.alice, long.ID, 1), problem.NotFound)
	hits, err := w.Find(w.ctx, w.alice.Viewer, nil, 10)
	if err != nil || len(hits) != 3 {
		t.Errorf("found %+v, %v", hits, err)
	}
	list, err := w.List(w.ctx, w.alice.Viewer, template.Filter{Words: []string{"copy 2"}})
	if err != nil || len(list.Templates) != 1 || list.All != 3 {
		t.Errorf("got %+v, %v", fmt.Sprint(list), err)
	}
}
