package dashboard

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/web/kit"
)

// BenchmarkPage draws whole pages, compressed as the server does.
func BenchmarkPage(b *testing.B) {
	for _, c := range []struct {
		n, clusters int
		query       string
	}{{30, 1, ""}, {1000, 10, ""}, {1000, 10, "?view=table"}, {10_000, 100, ""}, {10_000, 100, "?q=tag:prod+mem%3E80%25&sort=-cpu"}} {
		b.Run(fmt.Sprintf("%d%s", c.n, c.query), func(b *testing.B) {
			p := New(newEyes(many(c.n, c.clusters)), idle{}, nil, nil)
			defer p.Close()
			handler := wrapper(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := p.index(w, r); err != nil {
					b.Error(err)
				}
			}))
			r := httptest.NewRequest("GET", "/"+c.query, nil)
			r.Header.Set("Accept-Encoding", "gzip")
			r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: "ann"}}))
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}

// BenchmarkTick is what one poll of every cluster costs: half of all containers moved.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{30, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := newEyes(many(n, max(1, n/100)))
			h := newHub(e, idle{}, time.Now)
			defer h.stopAll()
			h.stateOf("ann")
			b.ReportAllocs()
			i, sent := 0, 0
			for b.Loop() {
				i++
				for c := range e.Picture("ann").Clusters {
					e.change("ann", c, func(c *fleet.ClusterPicture) {
						for k := range c.Containers {
							if (k+i)%2 == 0 && c.Containers[k].Status == fleet.Running {
								c.Containers[k].CPU = float64((k*37+i*13)%100) / 100
							}
						}
					})
				}
				before := h.stateOf("ann")
				events, _, _, _ := h.feedOf("ann").since(before.epoch, before.seq-1)
				for _, ev := range events {
					sent = len(ev.data)
				}
			}
			b.ReportMetric(float64(sent), "B/tick")
		})
	}
}

// BenchmarkEverything is the data set of a large fleet.
func BenchmarkEverything(b *testing.B) {
	p := many(10_000, 100)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		data := next(nil, p, nothing(), noon).everything()
		size = len(data)
		_, _ = io.Discard.Write(data)
	}
	b.ReportMetric(float64(size), "B/set")
}

// wrapper compresses as internal/web does.
func wrapper(h http.Handler) http.Handler {
	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.CompressionLevel(1))
	if err != nil {
		panic(err)
	}
	return zip(h)
}
