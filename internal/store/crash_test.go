package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/secret"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Variables that make TestChild the other process of a test.
const (
	childTask     = "BERTH_STORE_TEST_TASK" // "write" or "open"
	childDir      = "BERTH_STORE_TEST_DIR"
	childDatabase = "BERTH_STORE_TEST_DATABASE"
	childKey      = "BERTH_STORE_TEST_KEY"
	childOwner    = "BERTH_STORE_TEST_OWNER"
)

// TestChild is no test: other tests start this binary with it alone, as another Berth.
func TestChild(t *testing.T) {
	task := os.Getenv(childTask)
	if task == "" {
		t.Skip("it is the other process of other tests")
	}
	s, err := store.Open(t.Context(), store.Options{Dir: os.Getenv(childDir), Database: os.Getenv(childDatabase),
		Keyring: storetest.Ring(t, secret.New(os.Getenv(childKey)))})
	if err != nil {
		fmt.Println("refused", err)
		return
	}
	fmt.Println("open")
	if task == "write" {
		writeOn(t.Context(), s, os.Getenv(childOwner))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeOn writes for ever, from several goroutines, and says each write only when the store did.
func writeOn(ctx context.Context, s *store.Store, owner string) {
	var out sync.Mutex
	say := func(err error, words ...any) {
		out.Lock()
		defer out.Unlock()
		if err != nil {
			fmt.Println("error", err)
			return
		}
		fmt.Println(words...)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				e, err := s.Audit(ctx, audit.Entry{Owner: owner, Detail: fmt.Sprint(i, n)})
				say(err, "audit", e.ID)
				c := fleet.Cluster{ID: fleet.ClusterID(uuid.Must(uuid.NewV7()).String()), Owner: owner,
					Authority: storetest.Authority("lab"), Members: []fleet.Member{{Name: "pve1"}, {Name: "pve2"}}}
				c.Name = string(c.ID)
				err = s.CreateCluster(ctx, c, secret.New("token of "+c.Name))
				if n%3 == 2 { // one that goes again at once
					err = errors.Join(err, s.DeleteCluster(ctx, owner, c.ID))
					say(err, "deleted", c.ID)
					continue
				}
				say(err, "cluster", c.ID)
				err = s.SavePicture(ctx, c.ID, make([]byte, 64<<10), storetest.Start)
				say(err, "picture", c.ID)
			}
		})
	}
	all.Wait()
}

func child(t *testing.T, task string, key secret.Text, o store.Options, owner string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), childTask+"="+task, childDir+"="+o.Dir, childDatabase+"="+o.Database, childKey+"="+key.Reveal(), childOwner+"="+owner)
	return cmd
}

// A Berth that is killed at any instant has lost nothing that it had said was
// kept, and what it had not said is whole or absent.
func TestKilled(t *testing.T) {
	const rounds = 12
	onBoth(t, func(t *testing.T, o store.Options) {
		key := secret.NewKey()
		o.Keyring = storetest.Ring(t, key)
		s := newOwned(t, o)
		owner := string(s.alice.ID)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		said := map[string]map[string]bool{"audit": {}, "cluster": {}, "picture": {}, "deleted": {}}
		for range rounds {
			cmd := child(t, "write", key, o, owner)
			lines := listen(t, cmd, rand.IntN(120))
			for _, line := range lines {
				kind, id, _ := strings.Cut(line, " ")
				if said[kind] != nil {
					said[kind][id] = true
				} else if kind != "open" && kind != "" {
					t.Fatalf("the child says %q", line)
				}
			}
		}
		s.Store = storetest.Open(t, o)
		if _, broken, err := s.VerifyAudit(t.Context()); err != nil || broken != 0 {
			t.Errorf("the trail is broken at %d (%v)", broken, err)
		}
		t.Logf("said: %d entries, %d clusters, %d pictures, %d deletions", len(said["audit"]), len(said["cluster"]), len(said["picture"]), len(said["deleted"]))
		if len(said["audit"]) == 0 || len(said["deleted"]) == 0 {
			t.Error("nothing was said: the test proves nothing")
		}
		checkKept(t, s, owner, said)
	})
}

// listen starts the child, kills it when it has said so many lines, and returns all whole lines that it said.
func listen(t *testing.T, cmd *exec.Cmd, patience int) []string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil { // a line that was cut off was not said
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		lines = append(lines, strings.TrimSpace(line))
		if len(lines) == patience+1 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	return lines
}

func checkKept(t *testing.T, s owned, owner string, said map[string]map[string]bool) {
	t.Helper()
	entries, err := s.AuditEntries(t.Context(), store.AuditFilter{Owner: owner, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		delete(said["audit"], e.ID)
	}
	for id := range said["audit"] {
		t.Errorf("entry %s was said and is lost", id)
	}
	all, err := s.Clusters(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		token, err := s.ClusterSecret(t.Context(), owner, c.ID)
		if err != nil || token.Reveal() != "token of "+c.Name || len(c.Members) != 2 {
			t.Errorf("cluster %s is half there: %d members, %v", c.ID, len(c.Members), err)
		}
		if said["deleted"][string(c.ID)] {
			t.Errorf("cluster %s is back", c.ID)
		}
		delete(said["cluster"], string(c.ID))
	}
	for id := range said["cluster"] {
		t.Errorf("cluster %s was said and is lost", id)
	}
	pictures, err := s.LoadPictures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id := range said["picture"] {
		if len(pictures[fleet.ClusterID(id)]) != 64<<10 {
			t.Errorf("the picture of %s was said and is lost", id)
		}
	}
}

// Replicas that start at once on an empty database all come up, and agree on one key.
func TestReplicasStartAtOnce(t *testing.T) {
	const replicas = 4
	start := func(t *testing.T, keys ...secret.Text) (opened int, said string) {
		o := places["postgres"](t)
		outs := make([]strings.Builder, replicas)
		children := make([]*exec.Cmd, replicas)
		for i := range children {
			children[i] = child(t, "open", keys[i%len(keys)], o, "")
			children[i].Stdout, children[i].Stderr = &outs[i], &outs[i]
			if err := children[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range children {
			if err := c.Wait(); err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
			if strings.HasPrefix(outs[i].String(), "open\n") {
				opened++
			}
			said += outs[i].String()
		}
		return opened, said
	}
	t.Run("one key", func(t *testing.T) {
		if n, said := start(t, secret.NewKey()); n != replicas {
			t.Errorf("%d of %d came up:\n%s", n, replicas, said)
		}
	})
	t.Run("two keys", func(t *testing.T) {
		if n, said := start(t, secret.NewKey(), secret.NewKey()); n != replicas/2 || strings.Count(said, "refused") != replicas/2 {
			t.Errorf("%d of %d came up:\n%s", n, replicas, said)
		}
	})
}
