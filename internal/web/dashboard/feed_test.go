package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// doorman tells whether sessions stand.
type doorman struct {
	ended atomic.Bool
	asked atomic.Int64
	err   atomic.Pointer[error]
}

func (d *doorman) SessionStands(context.Context, string) (bool, error) {
	d.asked.Add(1)
	if err := d.err.Load(); err != nil {
		return false, *err
	}
	return !d.ended.Load(), nil
}

// What streams go by, see kit.ServeStream.
const (
	heartbeat    = 10 * time.Second
	sessionCheck = 4 * time.Second
	writeLimit   = 10 * time.Second
)

// reader is a browser at the other end of a stream.
type reader struct {
	mu     sync.Mutex
	header http.Header
	buf    bytes.Buffer
	stuck  error // what a write gives, when set
	limits []time.Time
}

func (r *reader) SetWriteDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits = append(r.limits, t)
	return nil
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}
func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck != nil {
		return 0, r.stuck
	}
	return r.buf.Write(b)
}

type message struct{ Event, ID, Data string }

// take returns what came since the last call.
func (r *reader) take() (out []message) {
	r.mu.Lock()
	text := r.buf.String()
	r.buf.Reset()
	r.mu.Unlock()
	for part := range strings.SplitSeq(text, "\n\n") {
		var m message
		for line := range strings.SplitSeq(part, "\n") {
			key, value, _ := strings.Cut(line, ": ")
			switch key {
			case "event":
				m.Event = value
			case "id":
				m.ID = value
			case "data":
				m.Data = value
			}
		}
		if m.Event != "" {
			out = append(out, m)
		}
	}
	return out
}

func names(ms []message) string {
	var all []string
	for _, m := range ms {
		all = append(all, m.Event)
	}
	return strings.Join(all, " ")
}

// stage is a dashboard with a watcher and a doorman that tests move.
type stage struct {
	pages *Pages
	eyes  *eyes
	door  *doorman
}

func newStage(p ...*fleet.Picture) *stage {
	s := &stage{eyes: newEyes(p...), door: &doorman{}}
	s.pages = New(s.eyes, idle{}, s.door, nil)
	return s
}

// listen opens a stream as owner from an event id; the result ends it, as a browser does that leaves.
func (s *stage) listen(owner, since string) (*reader, context.CancelFunc, *error) {
	ctx, cancel := context.WithCancel(kit.WithViewer(context.Background(), account.Viewer{User: account.User{ID: account.UserID(owner)}}))
	r := httptest.NewRequestWithContext(ctx, "GET", "/live?since="+since, nil)
	out := &reader{header: http.Header{}}
	var result error
	go func() { result = s.pages.live(out, r) }()
	synctest.Wait()
	return out, cancel, &result
}

func move(c *fleet.ClusterPicture) { c.Containers[0].CPU += .1 }

func TestStreamTellsOnlyWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		id := s.pages.hub.stateOf("ann").id()
		r, leave, _ := s.listen("ann", id)
		defer leave()
		if got := r.take(); len(got) != 0 {
			t.Fatalf("a page that is up to date was sent %v", got)
		}
		if h := r.header; h.Get("Cache-Control") != "private, no-store" || h.Get("X-Accel-Buffering") != "no" || h.Get("Content-Type") != "text/event-stream" {
			t.Errorf("headers %v", h)
		}
		time.Sleep(pace)
		s.eyes.change("ann", 0, func(c *fleet.ClusterPicture) {
			c.Containers[0].CPU = .5
			c.Containers[1].CPU += .001 // 64.1 %, drawn as before
			c.Containers[2].Status = fleet.Stopped
			c.Containers = append(c.Containers[:4:4], c.Containers[5:]...) // vaultwarden is gone
		})
		synctest.Wait()
		got := r.take()
		if names(got) != "change" || !strings.HasSuffix(got[0].ID, "-1") {
			t.Fatalf("%v", got)
		}
		var data struct {
			Clusters []struct {
				ID      string
				Rows    [][]any
				Numbers [][]int
				Gone    []int
				Nodes   []any
			}
			Banners []banner
		}
		if err := json.Unmarshal([]byte(got[0].Data), &data); err != nil {
			t.Fatal(err)
		}
		c := data.Clusters[0]
		if len(data.Clusters) != 1 || c.ID != "c1" || len(c.Rows) != 1 || c.Rows[0][0] != float64(110) || c.Rows[0][3] != "stopped" {
			t.Errorf("rows: %s", got[0].Data)
		}
		if len(c.Numbers) != 1 || c.Numbers[0][0] != 101 || c.Numbers[0][1] != 50 || len(c.Gone) != 1 || c.Gone[0] != 115 || c.Nodes != nil || data.Banners != nil {
			t.Errorf("changes: %s", got[0].Data)
		}
	})
}

// TestTheEndOfABannerIsTold: a page that is left with a banner of trouble that is over would lie.
func TestTheEndOfABannerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(failing())
		defer s.pages.Close()
		r, leave, _ := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		r.take()
		time.Sleep(pace)
		s.eyes.change("ann", 0, func(c *fleet.ClusterPicture) {
			for i := range c.Nodes {
				c.Nodes[i].State, c.Nodes[i].Trouble = fleet.Online, nil
			}
		})
		synctest.Wait()
		got := r.take()
		if names(got) != "change" || !strings.Contains(got[0].Data, `"banners":[]`) {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatLooksTheSameIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		r, leave, _ := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		time.Sleep(pace)
		s.eyes.change("ann", 0, func(c *fleet.ClusterPicture) {
			c.Containers[0].CPU += .001
			c.Containers[0].Mem += 100
			c.Containers[0].Uptime += time.Second
		})
		synctest.Wait()
		if got := r.take(); len(got) != 0 {
			t.Errorf("sent %v", got)
		}
	})
}

func TestEventIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		first := s.pages.hub.stateOf("ann").id()
		r, leave, _ := s.listen("ann", first)
		time.Sleep(pace)
		for range 3 {
			s.eyes.change("ann", 0, move)
			time.Sleep(2 * pace)
		}
		if got := names(r.take()); got != "change change change" {
			t.Fatalf("got %s", got)
		}
		leave()
		synctest.Wait()
		for since, want := range map[string]string{
			first:                                   "change change change",
			strings.TrimSuffix(first, "-0") + "-2":  "change",
			strings.TrimSuffix(first, "-0") + "-3":  "",
			strings.TrimSuffix(first, "-0") + "-99": "everything", // not yet
			"0123456789ab-1":                        "everything", // another server's, or one from before a restart
			"":                                      "everything",
			"nonsense":                              "everything",
			"-1":                                    "everything",
		} {
			r, leave, _ := s.listen("ann", since)
			got := r.take()
			if names(got) != want {
				t.Errorf("since %q: %s", since, names(got))
			}
			if want == "everything" && (!strings.Contains(got[0].Data, "gitea") || !strings.HasSuffix(got[0].ID, "-3")) {
				t.Errorf("everything is %s", got[0].Data)
			}
			leave()
			synctest.Wait()
		}
	})
}

func TestSomebodyWhoWasAwayTooLongGetsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		first := s.pages.hub.stateOf("ann").id()
		for i := range ringEvents + 1 {
			s.eyes.change("ann", 0, func(c *fleet.ClusterPicture) { c.Containers[0].CPU = float64(i%50+1) / 100 })
			s.pages.hub.stateOf("ann")
		}
		r, leave, _ := s.listen("ann", first)
		defer leave()
		if got := r.take(); names(got) != "everything" {
			t.Errorf("%s", names(got))
		}
	})
}

func TestStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		r, leave, result := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		broken := errors.New("the store is away")
		s.door.err.Store(&broken)
		time.Sleep(30 * time.Second)
		if got := names(r.take()); strings.Contains(got, "end") {
			t.Fatal("a store that is away for a moment must not end streams")
		}
		s.door.err.Store(nil)
		s.door.ended.Store(true)
		began := time.Now()
		time.Sleep(sessionCheck)
		synctest.Wait()
		got := r.take()
		if len(got) == 0 || got[len(got)-1].Event != "end" || got[len(got)-1].Data != `{"why":"signed-out"}` || *result != nil {
			t.Fatalf("after %s: %v, %v", time.Since(began), got, *result)
		}
		if s.eyes.watching != 0 {
			t.Error("an ended stream still counts as somebody who looks")
		}
	})
}

func TestStreamBeatsAndEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		r, leave, _ := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		time.Sleep(heartbeat + time.Second)
		if got := names(r.take()); got != "beat" {
			t.Errorf("%q", got)
		}
		s.pages.Close()
		synctest.Wait()
		if got := r.take(); names(got) != "end" || got[0].Data != `{"why":"stopping"}` {
			t.Errorf("%v", got)
		}
	})
}

func TestSlowReadersAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		id := s.pages.hub.stateOf("ann").id()
		slow, leave, result := s.listen("ann", id)
		defer leave()
		quick, leaveToo, _ := s.listen("ann", id)
		defer leaveToo()
		slow.mu.Lock()
		slow.stuck = errors.New("i/o timeout")
		slow.mu.Unlock()
		time.Sleep(pace)
		s.eyes.change("ann", 0, move)
		synctest.Wait()
		if names(quick.take()) != "change" {
			t.Error("a slow reader held up another")
		}
		if s.eyes.watching != 1 || *result != nil {
			t.Errorf("%d streams are open, %v", s.eyes.watching, *result)
		}
	})
}

// Over HTTP/2 a deadline that passes between two events would end the stream.
func TestWritesAreLimitedAndSilenceIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		r, leave, _ := s.listen("ann", "")
		defer leave()
		if len(r.limits) != 2 || time.Until(r.limits[0]) != writeLimit || !r.limits[1].IsZero() {
			t.Errorf("write deadlines %v", r.limits)
		}
	})
}

func TestSoManyStreamsAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := full()
		other.Owner = "bob"
		s := newStage(full(), other)
		defer s.pages.Close()
		var leaves []context.CancelFunc
		for range maxStreams {
			_, leave, _ := s.listen("ann", "")
			leaves = append(leaves, leave)
		}
		_, _, result := s.listen("ann", "")
		if !problem.Is(*result, problem.TooMany) {
			t.Errorf("the next one: %v", *result)
		}
		r, leave, _ := s.listen("bob", "")
		if names(r.take()) != "everything" {
			t.Error("one person's streams are no concern of another's")
		}
		leaves[0]()
		synctest.Wait()
		r, again, _ := s.listen("ann", "")
		if names(r.take()) != "everything" {
			t.Error("a stream that was left makes room")
		}
		for _, leave := range append(leaves, leave, again) {
			leave()
		}
	})
}

func TestStreamsAreTheirOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bobs := one()
		bobs.Owner = "bob"
		s := newStage(full(), bobs)
		defer s.pages.Close()
		annsID := s.pages.hub.stateOf("ann").id()
		r, leave, _ := s.listen("bob", annsID)
		defer leave()
		got := r.take()
		if names(got) != "everything" || strings.Contains(got[0].Data, "postgres-main") {
			t.Errorf("bob got %v", got)
		}
		time.Sleep(pace)
		s.eyes.change("ann", 0, move)
		synctest.Wait()
		if got := r.take(); len(got) != 0 {
			t.Errorf("bob heard of ann's: %v", got)
		}
	})
}

func TestManyTicksBecomeFewEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		r, leave, _ := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		for i := range 100 { // a second of a busy watcher
			s.eyes.change("ann", 0, func(c *fleet.ClusterPicture) { c.Containers[0].CPU = float64(i) / 100 })
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(pace)
		if n := len(r.take()); n < 2 || n > 9 {
			t.Errorf("%d events in a second", n)
		}
	})
}

func TestAttentionComesWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := one()
		p.Clusters[0].Containers[0].Lock, p.Clusters[0].Containers[0].LockedAt = "backup", time.Now().Add(-59*time.Minute)
		s := newStage(p)
		defer s.pages.Close()
		r, leave, _ := s.listen("ann", s.pages.hub.stateOf("ann").id())
		defer leave()
		time.Sleep(3 * time.Minute)
		if got := names(r.take()); !strings.Contains(got, "change") {
			t.Errorf("a lock grew an hour old and nobody was told: %s", got)
		}
	})
}

func TestFeedsOfNobodyAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(full())
		defer s.pages.Close()
		_, leave, _ := s.listen("ann", "")
		time.Sleep(2 * keepFor)
		if len(s.pages.hub.feeds) != 1 {
			t.Error("a feed with a reader was dropped")
		}
		leave()
		synctest.Wait()
		time.Sleep(keepFor + time.Second)
		synctest.Wait()
		if len(s.pages.hub.feeds) != 0 || len(s.eyes.signals["ann"]) != 0 {
			t.Error("a feed that nobody reads was kept")
		}
	})
}

// A browser that applies every change has what a new one is given.
func TestChangesAddUpToEverything(t *testing.T) {
	e := newEyes(full())
	h := newHub(e, idle{}, func() time.Time { return noon })
	defer h.stopAll()
	have := decode(t, h.stateOf("ann").everything())
	for i := range 40 {
		e.change("ann", i%2, func(c *fleet.ClusterPicture) {
			k := i * 7 % len(c.Containers)
			switch i % 5 {
			case 0:
				c.Containers[k].CPU = float64(i) / 50
			case 1:
				c.Containers[k].Status = []fleet.Status{fleet.Running, fleet.Stopped}[i%2]
			case 2:
				c.Containers[k].Tags = []string{fmt.Sprint("t", i)}
			case 3:
				if len(c.Containers) > 2 {
					c.Containers = append(c.Containers[:k:k], c.Containers[k+1:]...)
				}
			case 4:
				c.Containers = append(c.Containers, container(string(c.Cluster), "pve1", 5000+i, fmt.Sprint("new", i)))
			}
		})
		before := h.stateOf("ann")
		_ = before
		events, _, _, ok := h.feedOf("ann").since(before.epoch, before.seq-1)
		if !ok || len(events) != 1 {
			t.Fatalf("step %d: %d events", i, len(events))
		}
		have.apply(t, events[0].data)
		want := decode(t, before.everything())
		if a, b := fmt.Sprint(have), fmt.Sprint(want); a != b {
			t.Fatalf("step %d:\nhave %s\nwant %s", i, a, b)
		}
	}
}

type decoded map[string]map[float64][]any

type wire struct {
	Clusters []struct {
		ID      string
		Rows    [][]any
		Numbers [][]any
		Gone    []float64
	}
}

func decode(t *testing.T, data []byte) decoded {
	d := decoded{}
	d.apply(t, data)
	return d
}

func (d decoded) apply(t *testing.T, data []byte) {
	t.Helper()
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Clusters {
		if d[c.ID] == nil {
			d[c.ID] = map[float64][]any{}
		}
		for _, r := range c.Rows {
			d[c.ID][r[0].(float64)] = r
		}
		for _, n := range c.Numbers {
			copy(d[c.ID][n[0].(float64)][9:13], n[1:]) // those that are left out are as before
		}
		for _, id := range c.Gone {
			delete(d[c.ID], id)
		}
	}
}
