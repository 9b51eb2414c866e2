package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/web/kit"
)

// slow is a connection that knows until when its bytes must be gone.
type slow struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *slow) SetWriteDeadline(t time.Time) error {
	w.deadlines = append(w.deadlines, t)
	return nil
}

func TestAnAnswerMustBeReadInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, func(o *Options) {
			o.Pages.Activity = room{
				{Method: "GET", Pattern: "/big", Access: kit.Public, Form: kit.APIRoute, Handle: func(w http.ResponseWriter, _ *http.Request) error {
					for range 10 {
						time.Sleep(10 * time.Second) // of the bubble's clock
						if _, err := w.Write(make([]byte, 16<<10)); err != nil {
							return err
						}
					}
					return nil
				}},
			}
		})
		began := time.Now()
		page := &slow{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(page, request("GET", "/", "user"))
		if len(page.deadlines) == 0 || page.deadlines[len(page.deadlines)-1].After(began.Add(readWithin+time.Second)) {
			t.Errorf("a page must be read until %v", page.deadlines)
		}
		big := &slow{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(big, request("GET", "/big", "user"))
		last := big.deadlines[len(big.deadlines)-1]
		// Ten seconds were waited before the first byte, and a second stands for each piece of 16 KiB.
		if want := began.Add(10*time.Second + readWithin + 10*time.Second); len(big.deadlines) < 10 || !last.Equal(want) {
			t.Errorf("all of a download must be read until %s, want %s", last, want)
		}
		stream := &slow{ResponseRecorder: httptest.NewRecorder()}
		r := request("GET", "/stream", "user")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		s.ServeHTTP(stream, r)
		if stream.Code != http.StatusOK || len(stream.deadlines) != 0 {
			t.Errorf("a stream (%d) must be read until %v", stream.Code, stream.deadlines)
		}
	})
}
