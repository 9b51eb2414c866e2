package containers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// reader is a browser at the other end of a stream.
type reader struct {
	mu     sync.Mutex
	header http.Header
	text   strings.Builder
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}
func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

// take gives the events since the last call: "part NAME", or the event's own name.
func (r *reader) take(t *testing.T) (events []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, block := range strings.Split(r.text.String(), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		if !ok {
			continue
		}
		if name == "part" {
			var p struct{ Name, Look, Markup string }
			if err := json.Unmarshal([]byte(data), &p); err != nil || p.Look == "" || p.Markup == "" && p.Name != "notices" {
				t.Errorf("%s: %v", data, err)
			}
			name += " " + p.Name
		}
		events = append(events, name)
	}
	r.text.Reset()
	return events
}

// watched runs a test with an open stream.
func watched(t *testing.T, w *world, target string, test func(r *reader, p *Pages)) {
	synctest.Test(t, func(t *testing.T) {
		p := w.pages()
		r := &reader{header: http.Header{}}
		req := request("ann", "GET", target, nil)
		ctx, leave := context.WithCancel(req.Context())
		done := make(chan error, 1)
		go func() { done <- p.live(r, req.WithContext(ctx)) }()
		synctest.Wait()
		test(r, p)
		leave()
		p.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if w.looking != 0 {
			t.Error("a stream that was left still looks")
		}
	})
}

func TestTheStreamSendsWhatLooksOtherwise(t *testing.T) {
	w := running()
	watched(t, w, "/containers/c1/104/live?frame=hour", func(r *reader, p *Pages) {
		if w.looking != 1 || w.asked[0] != "closely c1/104 hour" {
			t.Errorf("asked %v", w.asked)
		}
		if first := r.take(t); len(first) < 12 || first[len(first)-1] != "history" {
			t.Errorf("at first: %v", first)
		}
		w.change(func() {
			d := *w.detail
			d.Live.Value.CPU, d.Live.SeenAt = 0.8, noon
			w.detail = &d
		})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := strings.Join(r.take(t), ", "); got != "part under, part cpu, part traffic, part resources" {
			t.Errorf("after the numbers moved: %s", got)
		}
		w.change(func() {})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.take(t); len(got) != 0 {
			t.Errorf("though nothing changed: %v", got)
		}
		w.change(func() {
			w.picture = &fleet.Picture{Owner: "ann"}
		})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.take(t); len(got) != 1 || got[0] != "gone" {
			t.Errorf("after its cluster was deleted: %v", got)
		}
	})
}

func TestTheStreamOfEvents(t *testing.T) {
	w := past()
	watched(t, w, "/containers/c1/104/live?tab=events&from=berth", func(r *reader, p *Pages) {
		if first := r.take(t); first[len(first)-1] != "part timeline" {
			t.Errorf("at first: %v", first)
		}
		w.change(func() {
			w.steps[0].State, w.steps[0].EndedAt = "done", noon
		})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := strings.Join(r.take(t), ", "); got != "part timeline" {
			t.Errorf("after a step ended: %s", got)
		}
	})
}

func TestSoManyStreamsAPerson(t *testing.T) {
	w := running()
	p := w.pages()
	defer p.Close()
	for range maxStreams {
		if _, err := p.streams.Enter("ann"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.live(&reader{header: http.Header{}}, request("ann", "GET", "/containers/c1/104/live", nil)); !problem.Is(err, problem.TooMany) {
		t.Errorf("one too many: %v", err)
	}
}
