package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/problem"
)

func sentForm(t *testing.T, fill func(*multipart.Writer)) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/templates/new", &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// More fields than the standard library reads are read, in their order.
func TestFormsAreReadWhole(t *testing.T) {
	r := sentForm(t, func(w *multipart.Writer) {
		for i := range 3000 {
			_ = w.WriteField("rows", fmt.Sprint(i))
		}
		part, _ := w.CreateFormFile("f.upload", "../x.conf")
		_, _ = part.Write([]byte{0, 1})
		_, _ = w.CreateFormFile("none.upload", "")
	})
	values, uploads, err := ReadForm(r)
	if err != nil || len(values) != 3000 || values[2999].Value != "2999" || len(uploads) != 1 || uploads[0].Name != "f.upload" || len(uploads[0].Content) != 2 {
		t.Errorf("%d values, %d uploads, %v", len(values), len(uploads), err)
	}
	r = httptest.NewRequest("POST", "/x", strings.NewReader("a=1&a=2&b=3"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if values, _, err := ReadForm(r); err != nil || len(values) != 3 {
		t.Errorf("not multipart: %v, %v", values, err)
	}
}

func TestFormsThatAreTooLargeSaySo(t *testing.T) {
	r := sentForm(t, func(w *multipart.Writer) { _ = w.WriteField("a", strings.Repeat("x", 5000)) })
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 1000)
	if _, _, err := ReadForm(r); !problem.Is(err, problem.TooLarge) {
		t.Errorf("got %v", err)
	}
}

// What was typed comes back when the session has ended, to be sent again as it was.
func TestAFormIsKeptWhenTheSessionHasEnded(t *testing.T) {
	r := sentForm(t, func(w *multipart.Writer) {
		_ = w.WriteField("body", "\n<script>alert(1)</script></textarea>\n")
		part, _ := w.CreateFormFile("f.upload", "x")
		_, _ = part.Write([]byte("hello"))
	})
	w := httptest.NewRecorder()
	if err := KeepForm(w, r); err != nil {
		t.Fatal(err)
	}
	page := w.Body.String()
	if w.Code != http.StatusUnauthorized || strings.Contains(page, "<script>alert") || !strings.Contains(page, `action="/templates/new"`) ||
		!strings.Contains(page, "hidden>\n\n&lt;script&gt;") || !strings.Contains(page, `name="f.upload.kept"`) {
		t.Errorf("%d: %s", w.Code, page)
	}
	if raw, ok := KeptUpload([]FormValue{{"f.upload.kept", "aGVsbG8="}}, "f.upload"); !ok || string(raw) != "hello" {
		t.Errorf("the upload is lost: %q", raw)
	}
}

// Strangers cannot have more read than fits.
func TestFewFormsAreKeptAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeepers(2, 20*time.Second)
		first, _ := k.take(t.Context())
		second, _ := k.take(t.Context())
		if first == nil || second == nil {
			t.Fatal("there was no room for two")
		}
		began := time.Now()
		if _, err := k.take(t.Context()); !problem.Is(err, problem.TooMany) || time.Since(began) != 20*time.Second {
			t.Errorf("the third: %v after %s", err, time.Since(began))
		}
		time.AfterFunc(time.Second, first)
		if third, err := k.take(t.Context()); third == nil {
			t.Errorf("who waited is not let in: %v", err)
		}
	})
	for range cap(keepers.room) {
		keepers.room <- struct{}{}
		defer func() { <-keepers.room }()
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := sentForm(t, func(w *multipart.Writer) { _ = w.WriteField("a", "b") }).WithContext(ctx)
	if err := KeepForm(httptest.NewRecorder(), r); !errors.Is(err, context.Canceled) {
		t.Errorf("without room: %v", err)
	}
	if left, _ := io.ReadAll(r.Body); len(left) == 0 {
		t.Error("it was read without room")
	}
}

func TestUndoLeadsNowhereElse(t *testing.T) {
	for url, ok := range map[string]bool{"/packages/1/put-back": true, "/templates/1/delete": false, "//evil.example/put-back": false, "https://evil.example/put-back": false, "/x/put-back?next=/y": false, "": false} {
		if got := (&Undo{URL: url}).valid() != nil; got != ok {
			t.Errorf("%q: %v", url, got)
		}
	}
}
