package crash

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/secret"
	"berth/internal/store"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// scene is a Berth with one person signed in, that is killed and started again.
type scene struct {
	*testing.T // of the part that runs
	*world
	all   *testing.T
	at    place
	args  []string
	berth *process
	b     *browser
	made  int // names that were given
}

func newScene(t *testing.T, at place) *scene {
	t.Helper()
	s := &scene{T: t, all: t, at: at, world: newWorld(t, nil)}
	s.args = append(at.args(), "--allow-node", s.allow)
	s.berth = serve(t, nil, s.args...)
	s.b = newBrowser(t, s.berth.url)
	s.setUp(s.b, s.berth.setUpLink())
	return s
}

// during lets a test of a part report for itself.
func (s *scene) during(t *testing.T, f func()) {
	of := func(t *testing.T) { s.T, s.world.t, s.b.t = t, t, t }
	of(t)
	defer of(s.all)
	f()
}

// launch starts Berth and waits for nothing.
func (s *scene) launch() {
	s.berth = launch(s.all, nil, append([]string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}, s.args...)...)
}

// start starts Berth, and waits until it has asked what it asks at every start.
func (s *scene) start() {
	s.Helper()
	s.lab.ResetRequests()
	s.berth = serve(s.all, nil, s.args...)
	s.b.moved(s.berth.url)
	if s.at.database == "" { // with replicas it is asked every quarter of an hour, whoever starts
		wait(s, "the realms are read", patience, func() bool { return s.lab.Requests().Calls["GET /access/domains"] > 0 })
	}
}

func (s *scene) name(word string) string {
	s.made++
	return fmt.Sprintf("%s-%d", word, s.made)
}

// node is the id of the cluster that the person has; "" when there is none.
func (s *scene) node() string {
	s.Helper()
	st := s.open()
	defer s.closed(st)
	clusters, err := st.AllClusters(s.Context())
	if err != nil || len(clusters) > 1 {
		s.Fatalf("%d clusters, %v", len(clusters), err)
	}
	if len(clusters) == 0 {
		return ""
	}
	return string(clusters[0].ID)
}

func (s *scene) withNode() string {
	s.Helper()
	if id := s.node(); id != "" {
		return id
	}
	id := s.addNode(s.b)
	s.b.leads("/settings/nodes/"+id+"/labels", url.Values{"label-pve2": {s.name("label")}})
	s.seeAll(s.b)
	return id
}

func (s *scene) withoutNode() {
	s.Helper()
	if id := s.node(); id != "" {
		s.b.leads("/settings/nodes/"+id+"/delete", url.Values{})
	}
}

// open opens what Berth remembers, beside it when it runs.
func (s *scene) open() *store.Store {
	s.Helper()
	ring, _, err := secret.LoadKey(secret.File(s.at.keyFile))
	if err != nil {
		s.Fatal(err)
	}
	o := store.Options{Keyring: ring, Now: time.Now, Log: slog.New(slog.DiscardHandler), Beside: true, Database: s.at.database}
	if o.Database == "" {
		o.Dir = s.at.dir
	}
	st, err := store.Open(s.Context(), o)
	if err != nil {
		s.Fatal(err)
	}
	return st
}

func (s *scene) closed(st *store.Store) {
	if err := st.Close(); err != nil {
		s.Error(err)
	}
}

// kept is all that Berth has of what a person does, the trail apart.
type kept struct {
	sessions []string
	clusters []string // whole, secrets and labels included
	node     string   // the default one
}

func (k kept) equal(o kept) bool {
	return slices.Equal(k.sessions, o.sessions) && slices.Equal(k.clusters, o.clusters) && k.node == o.node
}

// kept reads it, and checks that what is there is whole: every secret opens, and no row is without what it belongs to.
func (s *scene) kept() kept {
	s.Helper()
	st, ctx := s.open(), s.Context()
	defer s.closed(st)
	var k kept
	users, err := st.Users(ctx)
	if err != nil {
		s.Fatal(err)
	}
	for _, u := range users {
		sessions, err := st.Sessions(ctx, u.ID)
		if err != nil {
			s.Fatal(err)
		}
		for _, session := range sessions {
			if _, err := st.Ticket(ctx, session.ID); err != nil {
				s.Errorf("the ticket of a session of %s: %v", u.PVEUser, err)
			}
			k.sessions = append(k.sessions, session.ID)
		}
		clusters, err := st.Clusters(ctx, string(u.ID))
		if err != nil {
			s.Fatal(err)
		}
		node, there, err := st.Default(ctx, string(u.ID))
		if err != nil {
			s.Fatal(err)
		}
		if there {
			k.node += string(node.Cluster) + "/" + node.Name
		}
		for _, c := range clusters {
			token, err := st.ClusterSecret(ctx, c.Owner, c.ID)
			if err != nil || len(c.Members) != len(s.lab.Nodes()) {
				s.Errorf("a cluster of %s with %d members is not whole: %v", u.PVEUser, len(c.Members), err)
			}
			k.clusters = append(k.clusters, fmt.Sprint(c.ID, c.Name, c.TokenID, c.Authority.Binding(), c.Members, token.Reveal()))
		}
	}
	slices.Sort(k.sessions)
	return k
}

// begun are the intents of the trail without a result, by their kind; the chain is verified first.
func (s *scene) begun() map[audit.Kind]int {
	s.Helper()
	st := s.open()
	defer s.closed(st)
	if _, broken, err := st.VerifyAudit(s.Context()); err != nil || broken != 0 {
		s.Fatalf("the audit trail is broken at %d: %v", broken, err)
	}
	db := s.sql()
	rows, err := db.QueryContext(s.Context(), `SELECT kind FROM audit_entries AS i WHERE result = 'intent'
		AND NOT EXISTS (SELECT 1 FROM audit_entries AS r WHERE r.intent_id = i.id)`)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	open := map[audit.Kind]int{}
	for rows.Next() {
		var kind audit.Kind
		if err := rows.Scan(&kind); err != nil {
			s.Fatal(err)
		}
		open[kind]++
	}
	if err := rows.Err(); err != nil {
		s.Fatal(err)
	}
	return open
}

// sql is the database itself, to look and to let time pass in it.
func (s *scene) sql() *sql.DB {
	s.Helper()
	driver, from := "pgx", s.at.database
	if from == "" {
		driver, from = "sqlite", "file:"+filepath.Join(s.at.dir, store.FileName)+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, from)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *scene) exec(query string, args ...any) {
	s.Helper()
	if _, err := s.sql().ExecContext(s.Context(), query, args...); err != nil {
		s.Fatal(err)
	}
}

// locked keeps writers out of a table of PostgreSQL. reached says that one waits; free lets them in.
func (s *scene) locked(table string) (reached func() bool, free func()) {
	s.Helper()
	db := s.sql()
	tx, err := db.BeginTx(s.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(s.Context(), "LOCK TABLE "+table+" IN SHARE MODE")
	}
	if err != nil {
		s.Fatal(err)
	}
	count := func(query string, args ...any) (n int) {
		if err := db.QueryRowContext(s.Context(), query, args...).Scan(&n); err != nil {
			s.Fatal(err)
		}
		return n
	}
	reached = func() bool {
		return count("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass", table) > 0
	}
	free = func() {
		_ = tx.Rollback()
		_ = db.Close()
		// What PostgreSQL had been told it may still do: what counts is what is there then.
		wait(s, "PostgreSQL notices that Berth is gone", patience, func() bool {
			left := 0
			if err := s.sql().QueryRowContext(s.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&left); err != nil {
				s.Fatal(err)
			}
			return left == 0
		})
	}
	return reached, free
}

// request is what is under way when Berth dies.
type request func(ctx context.Context) (page, error)

// posting is the request that sends a form.
func posting(b *browser, path string, form url.Values) request {
	return func(ctx context.Context) (page, error) { return b.ask(ctx, http.MethodPost, path, form) }
}

// says fails unless the page has the words.
func (s *scene) says(p page, words string) {
	s.Helper()
	if !strings.Contains(p.body, words) {
		s.Errorf("it does not say %q: %v", words, p)
	}
}
