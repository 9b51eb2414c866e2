package packages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/template"
	"berth/internal/web/kit"
)

const hostile = `<script>alert(1)</script>"'&`

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// verbs has one bucket, b1, and notes what it was asked.
type verbs struct {
	Verbs
	did []string
	err error
}

func (v *verbs) note(what string) error {
	v.did = append(v.did, what)
	return v.err
}

func bucket() template.Bucket {
	return template.Bucket{ID: "b1", Name: "Web", Description: hostile, Version: 3, UpdatedAt: noon, Packages: []template.Package{{Manager: template.Apt, Name: "nginx", Pin: "1.22.*", Note: hostile},
		{Manager: template.Custom, Name: "long", Install: strings.Repeat("x", 3000)}}}
}

func (v *verbs) Buckets(context.Context, account.Viewer) ([]template.BucketSummary, error) {
	return []template.BucketSummary{{Bucket: bucket(), Packages: 2}}, v.err
}

func (v *verbs) Bucket(_ context.Context, _ account.Viewer, id template.BucketID) (template.BucketView, error) {
	if id != "b1" {
		return template.BucketView{}, problem.Missing()
	}
	return template.BucketView{Bucket: bucket(), Users: []template.Summary{{ID: "t1", Name: hostile}}}, nil
}

func (v *verbs) List(context.Context, account.Viewer, template.Filter) (template.Listing, error) {
	return template.Listing{Templates: []template.Summary{{ID: "t1"}, {ID: "t2", Name: "Free", Revision: 7}}}, nil
}

func (v *verbs) CreateBucket(_ context.Context, _ account.By, name, _ string, packages []template.Package) (template.Bucket, error) {
	return template.Bucket{ID: "b1", Name: name, Packages: packages}, v.note("create " + name)
}

func (v *verbs) AddPackage(_ context.Context, _ account.By, id template.BucketID, p template.Package) (template.Bucket, error) {
	return bucket(), v.note("add " + p.Line() + " # " + p.Note)
}

func (v *verbs) ReadPaste(_ context.Context, _ account.Viewer, _ template.BucketID, m template.Manager, text string) (template.Paste, error) {
	return template.ReadPaste(bucket().Packages, m, text), nil
}

func (v *verbs) Paste(_ context.Context, _ account.By, _ template.BucketID, m template.Manager, text string) (template.Paste, error) {
	return template.ReadPaste(bucket().Packages, m, text), v.note("paste")
}

func (v *verbs) RemovePackage(_ context.Context, _ account.By, _ template.BucketID, key string) (template.RemovedPackage, error) {
	for i, p := range bucket().Packages {
		if p.Key() == key {
			return template.RemovedPackage{Package: p, At: i}, v.note("remove " + p.Name)
		}
	}
	return template.RemovedPackage{}, problem.Missing()
}

func (v *verbs) PutBack(_ context.Context, _ account.By, _ template.BucketID, p template.RemovedPackage) (template.Bucket, error) {
	return bucket(), v.note("put back " + p.Line() + " at " + string(rune('0'+p.At)))
}

func (v *verbs) TakeBucket(_ context.Context, _ account.By, id template.ID, base int64, _ template.BucketID, linked bool) (template.Template, error) {
	word := "copy"
	if linked {
		word = "link"
	}
	return template.Template{}, v.note("take " + string(id) + " " + string(rune('0'+base)) + " " + word)
}

func (v *verbs) DeleteBucket(context.Context, account.By, template.BucketID, int64) (int, error) {
	return 1, v.note("delete")
}

func (v *verbs) DescribeBucket(_ context.Context, _ account.By, _ template.BucketID, base int64, name, _ string) (template.Bucket, error) {
	return bucket(), v.note("describe " + name)
}

func ask(t *testing.T, v *verbs, method, path string, form url.Values) (*httptest.ResponseRecorder, error) {
	t.Helper()
	var failed error
	mux := http.NewServeMux()
	for _, route := range New(v, func() time.Time { return noon }).Routes() {
		mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) { failed = route.Handle(w, r) })
	}
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: "u1"}}))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Errorf("%s: foreign text became markup", path)
	}
	return w, failed
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		path string
		form url.Values
		did  string
		to   string
	}{
		{"/templates/packages/new", url.Values{"name": {"New"}, "manager": {"apt"}, "paste": {"curl\ncurl"}}, "create New", "/packages/b1"},
		{"/packages/b1/add", url.Values{"manager": {"apt"}, "package": {"curl=8"}, "note": {" why "}}, "add curl=8 # why", "/packages/b1"},
		{"/packages/b1/paste", url.Values{"manager": {"apt"}, "paste": {"curl"}, "do": {"add"}}, "paste", "/packages/b1"},
		{"/packages/b1/remove", url.Values{"key": {"apt nginx"}}, "remove nginx", "/packages/b1"},
		{"/packages/b1/put-back", url.Values{"manager": {"apt"}, "package": {"nginx=1.22.*"}, "at": {"1"}}, "put back nginx=1.22.* at 1", "/packages/b1"},
		{"/packages/b1/take", url.Values{"template": {"t2 7"}, "do": {"link"}}, "take t2 7 link", "/packages/b1"},
		{"/packages/b1/take", url.Values{"template": {"t2 7"}, "do": {"copy"}}, "take t2 7 copy", "/packages/b1"},
		{"/packages/b1/describe", url.Values{"name": {"Other"}, "base": {"3"}}, "describe Other", "/packages/b1"},
		{"/packages/b1/delete", url.Values{"base": {"3"}}, "delete", "/templates/packages"},
	} {
		v := &verbs{}
		w, err := ask(t, v, "POST", c.path, c.form)
		if did := strings.Join(v.did, ";"); err != nil || did != c.did || w.Header().Get("Location") != c.to {
			t.Errorf("%s: did %q, leads to %q, %v", c.path, did, w.Header().Get("Location"), err)
		}
	}
}

func TestWhatIsTypedStays(t *testing.T) {
	for _, c := range []struct {
		path string
		form url.Values
		says string
	}{
		{"/templates/packages/new", url.Values{"name": {"typed"}, "manager": {"apt"}, "paste": {"fine\n;typed"}}, "Line 2: "},
		{"/packages/b1/add", url.Values{"manager": {"apt"}, "package": {";typed"}}, "This is no package name for apt."},
		{"/packages/b1/paste", url.Values{"manager": {"apt"}, "paste": {"nginx=1\n;typed"}, "do": {"look"}}, "1 line cannot be read"},
		{"/packages/b1/paste", url.Values{"manager": {"apt"}, "paste": {"# typed"}, "do": {"look"}}, "There is no package in it."},
	} {
		v := &verbs{}
		w, err := ask(t, v, "POST", c.path, c.form)
		if body := w.Body.String(); err != nil || len(v.did) > 0 || !strings.Contains(body, c.says) || !strings.Contains(body, "typed") {
			t.Errorf("%s: did %v, %v", c.path, v.did, err)
		}
	}
}

// What is too long for a toast's cookie is put back from the page itself.
func TestALongPackageCanBePutBackToo(t *testing.T) {
	w, err := ask(t, &verbs{}, "POST", "/packages/b1/remove", url.Values{"key": {"custom long"}})
	if err != nil || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "/packages/b1/put-back") || !strings.Contains(w.Body.String(), strings.Repeat("x", 3000)) {
		t.Errorf("%d, %v", w.Code, err)
	}
}

func TestPagesAnswer(t *testing.T) {
	for _, path := range []string{"/templates/packages", "/templates/packages/new", "/packages/b1", "/packages/b1/describe", "/packages/b1/delete"} {
		if w, err := ask(t, &verbs{}, "GET", path, nil); err != nil || w.Code != http.StatusOK {
			t.Errorf("%s: %d, %v", path, w.Code, err)
		}
	}
	for _, path := range []string{"/packages/b2", "/packages/b2/describe", "/packages/b2/delete"} {
		if _, err := ask(t, &verbs{}, "GET", path, nil); !problem.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
