package kit

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"berth/internal/problem"
)

// Field is one field of a form with one value, in the order of the form.
type FormValue struct{ Name, Value string }

// Upload is one file of a form.
type Upload struct {
	Name, File string
	Content    []byte
}

// ReadForm reads a whole form in its order, multipart or not. Unlike the
// standard library's reading it has no limit of its own on how many fields there
// are; the route's MaxBody bounds it. Files are kept in memory. The error is for people.
func ReadForm(r *http.Request) (values []FormValue, uploads []Upload, err error) {
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		if err := r.ParseForm(); err != nil {
			return nil, nil, unreadable(err)
		}
		for name, all := range r.PostForm {
			for _, v := range all {
				values = append(values, FormValue{name, v})
			}
		}
		return values, nil, nil
	}
	if err != nil {
		return nil, nil, unreadable(err)
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return values, uploads, nil
		}
		if err != nil {
			return nil, nil, unreadable(err)
		}
		if values, uploads, err = takePart(part, values, uploads); err != nil {
			return nil, nil, unreadable(err)
		}
	}
}

func takePart(part *multipart.Part, values []FormValue, uploads []Upload) ([]FormValue, []Upload, error) {
	defer part.Close()
	content, err := io.ReadAll(part)
	if err != nil {
		return nil, nil, err
	}
	switch name, file := part.FormName(), part.FileName(); {
	case name == "":
	case part.Header.Get("Content-Type") == "" && file == "":
		values = append(values, FormValue{name, string(content)})
	case file != "":
		uploads = append(uploads, Upload{name, file, content})
	}
	return values, uploads, nil
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &problem.Problem{Kind: problem.TooLarge, What: "This form is larger than " + Bytes(large.Limit) + ", so nothing of it was taken.",
			Remedy: "Go back, make it smaller, and send it again.", Err: err}
	}
	return &problem.Problem{Kind: problem.Invalid, What: "This form could not be read.", Remedy: "Go back and send it again.", Err: err}
}

// keptForm is a form that came without a session.
type keptForm struct {
	action, signIn string
	values         []FormValue
	files          bool // there were uploads: a browser gives them only once
}

// keptName is the hidden field of an upload that is sent again: base64 in place of a file.
func keptName(upload string) string { return upload + ".kept" }

// keepers bounds how many forms are kept at once: nobody is signed in here, so
// that strangers too have them read whole, and each takes some fifty MiB.
var keepers = newKeepers(3, 20*time.Second)

type keeping struct {
	room chan struct{}
	wait time.Duration
}

func newKeepers(most int, wait time.Duration) keeping {
	return keeping{make(chan struct{}, most), wait}
}

// take waits for room, before anything is read, and returns how to leave it.
func (k keeping) take(ctx context.Context) (leave func(), err error) {
	late := time.NewTimer(k.wait)
	defer late.Stop()
	select {
	case k.room <- struct{}{}:
		return func() { <-k.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, problem.New(problem.TooMany, "Your session has ended, and Berth has no room to keep this form for you just now. Nothing was saved.",
			"Sign in in another tab, go back, and send it again.")
	}
}

// KeepForm answers a form whose session has ended: nothing of it is done, and
// the page that comes back has all of it, to be sent again after signing in.
func KeepForm(w http.ResponseWriter, r *http.Request) error {
	leave, err := keepers.take(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	values, uploads, err := ReadForm(r)
	if err != nil {
		return err
	}
	for _, u := range uploads {
		values = append(values, FormValue{keptName(u.Name), base64.StdEncoding.EncodeToString(u.Content)})
	}
	k := keptForm{action: r.URL.RequestURI(), signIn: URL.SignIn(""), values: values, files: len(uploads) > 0}
	return RenderBare(w, r, http.StatusUnauthorized, "Signed out", keptPage(k))
}

// KeptUpload is an upload that KeepForm carried in the field of that name.
func KeptUpload(values []FormValue, name string) ([]byte, bool) {
	for _, v := range values {
		if v.Name == keptName(name) {
			raw, err := base64.StdEncoding.DecodeString(v.Value)
			return raw, err == nil
		}
	}
	return nil, false
}
