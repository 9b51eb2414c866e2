package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/store"
	"berth/internal/template"
)

// Content is a small valid content of that name.
func Content(name string) template.Content {
	c := template.New()
	c.Name = name
	c.Scripts = []template.Script{{Name: "hello", Body: "#!/bin/bash\nset -e\n"}}
	return c.Clean()
}

// Template keeps a template for that owner and returns it.
func Template(t testing.TB, s *store.Store, owner account.UserID, c template.Content) template.Template {
	t.Helper()
	id := template.ID(ID())
	must(t, s.ChangeTemplates(t.Context(), string(owner), template.Change{Writes: []template.Write{
		{Template: id, Content: c, Source: template.Source{Kind: template.Made}, By: "somebody"}}}))
	kept, err := s.Template(t.Context(), string(owner), id)
	must(t, err)
	return kept
}

// Bucket keeps a bucket of apt packages for that owner and returns it.
func Bucket(t testing.TB, s *store.Store, owner account.UserID, name string, packages ...string) template.Bucket {
	t.Helper()
	b := template.Bucket{ID: template.BucketID(ID()), Name: name}
	for _, p := range packages {
		b.Packages = append(b.Packages, template.Package{Manager: template.Apt, Name: p})
	}
	must(t, s.ChangeTemplates(t.Context(), string(owner), template.Change{Buckets: []template.BucketWrite{{Bucket: b}}}))
	kept, err := s.Bucket(t.Context(), string(owner), b.ID)
	must(t, err)
	return kept
}

func names(list []template.Summary) (out []string) {
	for _, t := range list {
		out = append(out, t.Name)
	}
	return out
}

func (b *bench) save(owner account.UserID, id template.ID, base int64, c template.Content) error {
	return b.ChangeTemplates(b.ctx, string(owner), template.Change{Writes: []template.Write{{Template: id, Base: base, Content: c, By: "alice@pve", Note: "a note"}}})
}

func tryTemplates(b *bench) {
	alice, _ := twoUsers(b)
	c := Content("Web")
	c.Description, c.Tags = "Serves <pages>", []string{"web", "http"}
	c.Files = []template.File{{Path: "/etc/x", Content: []byte{0, 0xff}}}
	c.Lists = []template.PackageList{{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "nginx"}}}}
	kept := Template(b, b.Store, alice.ID, c)
	equal(b, "kept", kept, template.Template{ID: kept.ID, Owner: string(alice.ID), OwnerName: alice.PVEUser, Content: c.Clean(), Revision: 1,
		Digest: kept.Digest, Source: template.Source{Kind: template.Made}, CreatedAt: Start, UpdatedAt: Start})

	b.clock.Move(time.Minute)
	c.Name, c.Scripts = "Web 2", append(c.Scripts, template.Script{Name: "big", Body: strings.Repeat("echo hello\n", 5000)})
	b.must(b.save(alice.ID, kept.ID, 1, c))
	list, err := b.Templates(b.ctx, string(alice.ID), template.Filter{})
	b.must(err)
	now, err := b.Template(b.ctx, string(alice.ID), kept.ID)
	b.must(err)
	equal(b, "content", now.Content, c.Clean())
	equal(b, "list", list, []template.Summary{{ID: kept.ID, Owner: string(alice.ID), OwnerName: alice.PVEUser, Name: "Web 2", Description: c.Description,
		Tags: c.Tags, OS: c.OS, Cores: 1, Memory: 512, Swap: 512, Disk: 8, Unprivileged: true, Counts: template.Counts{Scripts: 2, Files: 1, Packages: 1},
		Source: template.Source{Kind: template.Made}, Revision: 2, Digest: now.Digest, CreatedAt: Start, UpdatedAt: b.clock.Now()}})

	revisions, err := b.Revisions(b.ctx, string(alice.ID), kept.ID)
	b.must(err)
	if len(revisions) != 2 || revisions[0].Number != 2 || revisions[0].Note != "a note" || revisions[0].By != "alice@pve" || revisions[1].Digest != kept.Digest {
		b.Errorf("revisions %+v", revisions)
	}
	_, first, err := b.Revision(b.ctx, string(alice.ID), kept.ID, 1)
	b.must(err)
	equal(b, "the first revision", first, kept.Content)
	_, _, err = b.Revision(b.ctx, string(alice.ID), kept.ID, 3)
	b.missing("a revision that is none", err)
	got, ok, err := b.TemplateNamed(b.ctx, string(alice.ID), " WEB 2 ")
	b.must(err)
	equal(b, "found by name", ok && got.ID == kept.ID, true)
}

func tryTemplateConflicts(b *bench) {
	alice, bob := twoUsers(b)
	one, other := Template(b, b.Store, alice.ID, Content("One")), Template(b, b.Store, alice.ID, Content("Other"))
	b.must(b.save(alice.ID, one.ID, 1, Content("One")))
	b.kind("a save of what was saved meanwhile", b.save(alice.ID, one.ID, 1, Content("One again")), problem.Conflict)
	err := b.save(alice.ID, other.ID, 1, Content("ONE"))
	b.kind("a name that is taken", err, problem.Conflict)
	if problem.Of(err).Fields["name"] == "" {
		b.Error("the conflict does not name the field")
	}
	Template(b, b.Store, bob.ID, Content("One")) // another owner's may have the name
	n := atOnce(b, 8, func(i int) (bool, error) {
		err := b.save(alice.ID, other.ID, 1, Content(fmt.Sprintf("Other %d", i)))
		if problem.Is(err, problem.Conflict) {
			return false, nil
		}
		return err == nil, err
	})
	equal(b, "saves of one revision", n, 1)
	// All or nothing: the second write's conflict takes back the first.
	err = b.ChangeTemplates(b.ctx, string(alice.ID), template.Change{Writes: []template.Write{
		{Template: template.ID(ID()), Content: Content("New")}, {Template: one.ID, Base: 1, Content: Content("Late")}}})
	b.kind("a change of two", err, problem.Conflict)
	if _, ok, err := b.TemplateNamed(b.ctx, string(alice.ID), "New"); ok || err != nil {
		b.Errorf("half of a change was kept: %v, %v", ok, err)
	}
	b.kind("a deletion of what was saved meanwhile", b.ChangeTemplates(b.ctx, string(alice.ID),
		template.Change{Delete: []template.Held[template.ID]{{ID: one.ID, Base: 1}}}), problem.Conflict)
	b.must(b.ChangeTemplates(b.ctx, string(alice.ID), template.Change{Delete: []template.Held[template.ID]{{ID: one.ID, Base: 2}}}))
	_, err = b.Template(b.ctx, string(alice.ID), one.ID)
	b.missing("the deleted template", err)
	_, err = b.Revisions(b.ctx, string(alice.ID), one.ID)
	b.missing("its revisions", err)
	b.missing("a late save", b.save(alice.ID, one.ID, 2, Content("One")))
}

func tryTemplatesOfOthers(b *bench) {
	alice, bob := twoUsers(b)
	hers, owner := Template(b, b.Store, alice.ID, Content("Hers")), string(bob.ID)
	bucket := Bucket(b, b.Store, alice.ID, "base", "curl")
	for _, id := range []template.ID{hers.ID, template.ID(ID()), "", "a\x00\xff", "%"} {
		_, err := b.Template(b.ctx, owner, id)
		b.missing("reading", err)
		_, err = b.Revisions(b.ctx, owner, id)
		b.missing("revisions", err)
		_, _, err = b.Revision(b.ctx, owner, id, 1)
		b.missing("a revision", err)
		_, err = b.LinkedBuckets(b.ctx, owner, id)
		b.missing("its buckets", err)
		b.missing("saving", b.save(bob.ID, id, 1, Content("Mine")))
		b.missing("sharing", b.ShareTemplate(b.ctx, owner, id, true))
		b.missing("deleting", b.ChangeTemplates(b.ctx, owner, template.Change{Delete: []template.Held[template.ID]{{ID: id, Base: 1}}}))
	}
	for _, id := range []template.BucketID{bucket.ID, template.BucketID(ID()), "a\x00\xff"} {
		_, err := b.Bucket(b.ctx, owner, id)
		b.missing("a bucket", err)
		b.missing("changing a bucket", b.ChangeTemplates(b.ctx, owner, template.Change{Buckets: []template.BucketWrite{{Bucket: template.Bucket{ID: id, Name: "x"}, Base: 1}}}))
		b.missing("deleting a bucket", b.ChangeTemplates(b.ctx, owner, template.Change{DeleteBuckets: []template.Held[template.BucketID]{{ID: id, Base: 1}}}))
		c := Content("Follows")
		c.Lists = []template.PackageList{{Name: "base", Bucket: id}}
		err = b.ChangeTemplates(b.ctx, owner, template.Change{Writes: []template.Write{{Template: template.ID(ID()), Content: c}}})
		b.kind("following another's bucket", err, problem.Conflict)
	}
	list, err := b.Templates(b.ctx, owner, template.Filter{})
	b.must(err)
	equal(b, "his templates", len(list), 0)
	buckets, err := b.Buckets(b.ctx, owner)
	b.must(err)
	equal(b, "his buckets", len(buckets), 0)
	hits, err := b.FindInTemplates(b.ctx, owner, []string{"hello"}, 10)
	b.must(err)
	equal(b, "what he finds", len(hits), 0)
}

func trySharedTemplates(b *bench) {
	alice, bob := twoUsers(b)
	host, err := b.SignInHost(b.ctx, alice.Host)
	b.must(err)
	t := Template(b, b.Store, alice.ID, Content("Shared"))
	seen := func(what string, want bool) {
		b.Helper()
		list, err := b.Templates(b.ctx, string(bob.ID), template.Filter{})
		b.must(err)
		equal(b, what+": listed", slices.Contains(names(list), "Shared"), want)
		got, err := b.Template(b.ctx, string(bob.ID), t.ID)
		if !want {
			b.missing(what+": reading", err)
			return
		}
		b.must(err)
		equal(b, what+": owner", got.OwnerName, alice.PVEUser)
		mine, err := b.Templates(b.ctx, string(bob.ID), template.Filter{Mine: true})
		b.must(err)
		equal(b, what+": his own", len(mine), 0)
	}
	policy := func(sharing account.Admission) {
		b.Helper()
		host.Policy = account.Policy{Admission: account.Everyone, Sharing: sharing}
		b.must(b.UpdateSignInHost(b.ctx, host))
		host, err = b.SignInHost(b.ctx, host.ID)
		b.must(err)
	}
	policy(account.Everyone)
	seen("before", false)
	b.must(b.ShareTemplate(b.ctx, string(alice.ID), t.ID, true))
	seen("shared", true)
	b.missing("his change of it", b.save(bob.ID, t.ID, 1, Content("Mine")))
	_, err = b.Revisions(b.ctx, string(bob.ID), t.ID)
	b.missing("its older revisions", err)
	policy(account.OnlyAdministrators) // takes effect on what is shared already
	seen("when nobody may share", false)
	policy(account.Everyone)
	b.must(b.SetDisabled(b.ctx, alice.ID, Start))
	seen("when its owner is disabled", false)
	b.must(b.SetDisabled(b.ctx, alice.ID, time.Time{}))
	b.must(b.ShareTemplate(b.ctx, string(alice.ID), t.ID, false))
	seen("not any more", false)
}

func tryTemplateSearch(b *bench) {
	alice, _ := twoUsers(b)
	web := Content("Web 100%")
	web.Description, web.Tags = "Éclair_server", []string{"web", "prod"}
	web.Lists = []template.PackageList{{Name: "base", Packages: []template.Package{{Manager: template.Apt, Name: "nginx"}}}}
	Template(b, b.Store, alice.ID, web)
	db := Content("Database")
	db.Tags = []string{"db", "webby"}
	db.Scripts[0].Name = "restore-nginx"
	Template(b, b.Store, alice.ID, db)
	Bucket(b, b.Store, alice.ID, "servers", "nginx", "apache2")
	for _, c := range []struct {
		f    template.Filter
		want []string
	}{
		{template.Filter{}, []string{"Database", "Web 100%"}},
		{template.Filter{Words: []string{"NGINX"}}, []string{"Database", "Web 100%"}},
		{template.Filter{Words: []string{"nginx", "éclair"}}, []string{"Web 100%"}},
		{template.Filter{Words: []string{"100%"}}, []string{"Web 100%"}},
		{template.Filter{Words: []string{"r_s"}}, []string{"Web 100%"}},
		{template.Filter{Words: []string{"a_a"}}, nil},
		{template.Filter{Words: []string{"!"}}, nil},
		{template.Filter{Tag: "web"}, []string{"Web 100%"}},
		{template.Filter{Tag: "WEBBY", Words: []string{"data"}}, []string{"Database"}},
		{template.Filter{Tag: "we"}, nil},
	} {
		list, err := b.Templates(b.ctx, string(alice.ID), c.f)
		b.must(err)
		equal(b, fmt.Sprintf("%+v", c.f), names(list), c.want)
	}
	hits, err := b.FindInTemplates(b.ctx, string(alice.ID), []string{"nginx"}, 10)
	b.must(err)
	var got []string
	for _, h := range hits {
		got = append(got, string(h.Kind)+" "+h.Title+": "+h.Name)
	}
	many := Content("Many")
	many.Lists = []template.PackageList{{Name: "all"}}
	for i := range 20 {
		many.Lists[0].Packages = append(many.Lists[0].Packages, template.Package{Manager: template.Apt, Name: fmt.Sprintf("libx%d", i)})
	}
	Template(b, b.Store, alice.ID, many)
	Bucket(b, b.Store, alice.ID, "x tools", "libx1")
	found, err := b.FindInTemplates(b.ctx, string(alice.ID), []string{"libx"}, 10)
	b.must(err)
	equal(b, "found in one of many packages and in a bucket", len(found), 6)
	equal(b, "hits", got, []string{"script Database: restore-nginx", "package Web 100%: apt nginx", "package servers: apt nginx"})
}

func tryBuckets(b *bench) {
	alice, bob := twoUsers(b)
	owner := string(alice.ID)
	base := Bucket(b, b.Store, alice.ID, "base", "curl", "git")
	Bucket(b, b.Store, bob.ID, "base")
	c := Content("Web")
	c.Lists = []template.PackageList{{Name: "base", Bucket: base.ID}}
	t := Template(b, b.Store, alice.ID, c)
	list, err := b.Templates(b.ctx, owner, template.Filter{})
	b.must(err)
	equal(b, "counts", list[0].Counts, template.Counts{Scripts: 1, Packages: 2, Linked: 1})
	linked, err := b.LinkedBuckets(b.ctx, owner, t.ID)
	b.must(err)
	equal(b, "linked", linked[base.ID].Packages, base.Packages)

	base.Packages = append(base.Packages, template.Package{Manager: template.Pip, Name: "httpie"})
	write := func(w template.BucketWrite) error {
		return b.ChangeTemplates(b.ctx, owner, template.Change{Buckets: []template.BucketWrite{w}})
	}
	b.must(write(template.BucketWrite{Bucket: base, Base: 1}))
	b.kind("a change of what was changed meanwhile", write(template.BucketWrite{Bucket: base, Base: 1}), problem.Conflict)
	b.kind("a second base", write(template.BucketWrite{Bucket: template.Bucket{ID: template.BucketID(ID()), Name: " BASE"}}), problem.Conflict)
	summaries, err := b.Buckets(b.ctx, owner)
	b.must(err)
	if len(summaries) != 1 || summaries[0].Packages != 3 || summaries[0].UsedBy != 1 || summaries[0].Version != 2 {
		b.Errorf("buckets %+v", summaries)
	}
	users, err := b.BucketUsers(b.ctx, owner, base.ID)
	b.must(err)
	equal(b, "users", names(users), []string{"Web"})

	drop := template.Change{DeleteBuckets: []template.Held[template.BucketID]{{ID: base.ID, Base: 2}}}
	b.kind("deleting a bucket that is followed", b.ChangeTemplates(b.ctx, owner, drop), problem.Conflict)
	drop.Writes = []template.Write{{Template: t.ID, Base: 1, Content: c.Unlinked(map[template.BucketID]template.Bucket{base.ID: base})}}
	b.must(b.ChangeTemplates(b.ctx, owner, drop))
	_, err = b.Bucket(b.ctx, owner, base.ID)
	b.missing("the deleted bucket", err)
	got, err := b.Template(b.ctx, owner, t.ID)
	b.must(err)
	equal(b, "the copy", got.Content.Lists, []template.PackageList{{Name: "base", Packages: base.Packages}})
}

func tryTemplateImports(b *bench) {
	alice, bob := twoUsers(b)
	owner := string(alice.ID)
	im := template.Import{ID: ID(), Origin: "a.zip", ExpiresAt: b.clock.Now().Add(time.Hour), Contents: []template.ImportedContent{{Dir: "web", Content: Content("Web"), Follow: []string{"base"}}},
		Findings: []template.Finding{{Level: template.Warning, File: "web/template.conf", Line: 3, Text: "It is not known.", Remedy: "Leave it out."}}}
	b.must(b.PutImport(b.ctx, owner, im))
	got, err := b.Import(b.ctx, owner, im.ID)
	b.must(err)
	equal(b, "import", got, im)
	_, err = b.Import(b.ctx, string(bob.ID), im.ID)
	b.missing("another's import", err)
	b.missing("dropping another's", b.DropImport(b.ctx, string(bob.ID), im.ID))
	change := template.Change{DropImport: im.ID, Writes: []template.Write{{Template: template.ID(ID()), Content: Content("Web")}}}
	b.must(b.ChangeTemplates(b.ctx, owner, change))
	change.Writes[0].Template = template.ID(ID())
	b.missing("confirming twice", b.ChangeTemplates(b.ctx, owner, change))
	im.ID = ID()
	b.must(b.PutImport(b.ctx, owner, im))
	b.clock.Move(time.Hour)
	_, err = b.Import(b.ctx, owner, im.ID)
	b.missing("an import whose time is over", err)
}

func tryTemplateLeftovers(b *bench) {
	alice, _ := twoUsers(b)
	t := Template(b, b.Store, alice.ID, Content("One"))
	for base := int64(1); base < 6; base++ {
		b.must(b.save(alice.ID, t.ID, base, Content(fmt.Sprintf("One %d", base))))
	}
	revisions, err := b.Revisions(b.ctx, string(alice.ID), t.ID)
	b.must(err)
	equal(b, "revisions", len(revisions), 6)
	from, err := b.TemplatesFrom(b.ctx, string(alice.ID), template.Source{Kind: template.Made})
	b.must(err)
	equal(b, "made", names(from), []string{"One 5"})
	b.must(b.DeleteSignInHost(b.ctx, alice.Host)) // takes its people with all that is theirs
	_, err = b.Template(b.ctx, string(alice.ID), t.ID)
	b.missing("a template of nobody", err)
}
