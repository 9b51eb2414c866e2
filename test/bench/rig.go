package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/secret"
	"berth/internal/store"
)

// bin is where the programs were built.
var bin string

func build() (err error) {
	if bin, err = os.MkdirTemp("", "berth-bench-"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin+"/", "berth/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	return nil
}

// rig is a Berth that watches simulated clusters, with one person signed in.
type rig struct {
	dir        string
	sim, berth *exec.Cmd
	simSaid    simulated
	url        string
	cookie     *http.Cookie
	started    time.Duration // from start of the process to ready
	client     *http.Client
}

type simulated struct {
	Control  string
	Clusters []struct {
		Name  string
		Token string // ID=SECRET
		CA    string
		Nodes []struct{ Name, Address, Fingerprint string }
	}
}

// size says how large a fleet is.
type size struct{ clusters, nodes, containers int } // containers of each cluster

func (s size) total() int { return s.clusters * s.containers }

// start makes a rig and waits until every container has been seen. What has to
// be so in the simulator when Berth comes is done by before.
func start(ctx context.Context, s size, before ...func(*rig) error) (_ *rig, err error) {
	r := &rig{client: &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "berth-bench-data-"); err != nil {
		return nil, err
	}
	if err := r.startSim(ctx, s); err != nil {
		return nil, err
	}
	for _, f := range before {
		if err := f(r); err != nil {
			return nil, err
		}
	}
	if err := r.fillStore(ctx); err != nil {
		return nil, fmt.Errorf("preparing the store: %w", err)
	}
	if err := r.startBerth(ctx); err != nil {
		return nil, err
	}
	return r, r.waitForContainers(ctx, s.total())
}

func (r *rig) startSim(ctx context.Context, s size) error {
	r.sim = exec.CommandContext(ctx, filepath.Join(bin, "pvesim"), "--clusters", strconv.Itoa(s.clusters), "--nodes", strconv.Itoa(s.nodes),
		"--containers", strconv.Itoa(s.containers), "--print", "json", "--listen-base", "127.88.0.0", "--control", "127.0.0.1:0", "--task-time", "0.2")
	out, err := r.sim.StdoutPipe()
	if err != nil {
		return err
	}
	r.sim.Stderr = os.Stderr
	if err := r.sim.Start(); err != nil {
		return err
	}
	if err := json.NewDecoder(out).Decode(&r.simSaid); err != nil {
		return fmt.Errorf("the simulator did not say where it is: %w", err)
	}
	return nil
}

// fillStore writes what adding the clusters and signing in would have left.
func (r *rig) fillStore(ctx context.Context) error {
	st, err := store.Open(ctx, store.Options{Dir: filepath.Join(r.dir, "data"), Now: time.Now,
		MakeKey: func() (*secret.Keyring, error) {
			return secret.CreateKeyFile(filepath.Join(r.dir, "data", secret.KeyFileName))
		}})
	if err != nil {
		return err
	}
	defer st.Close()
	now := time.Now()
	host := account.SignInHost{ID: account.HostID(newID()), Name: "bench", CreatedAt: now, UpdatedAt: now, Authority: r.authority(0),
		Policy: account.Policy{Admission: account.OnlyAdministrators}}
	if err := st.CreateSignInHost(ctx, host); err != nil {
		return err
	}
	user, err := st.SignedIn(ctx, host.ID, "root@pam", true)
	if err != nil {
		return err
	}
	token := make([]byte, 32)
	_, _ = rand.Read(token)
	hash := sha256.Sum256(token)
	session := account.Session{ID: newID(), User: user.ID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(24 * time.Hour), ProofAt: now, Address: "127.0.0.1"}
	if err := st.CreateSession(ctx, session, hash[:], secret.Text{}); err != nil {
		return err
	}
	r.cookie = &http.Cookie{Name: "berth-session", Value: base64.RawURLEncoding.EncodeToString(token)}
	for i, c := range r.simSaid.Clusters {
		id, tokenSecret, _ := strings.Cut(c.Token, "=")
		cluster := fleet.Cluster{ID: fleet.ClusterID(newID()), Owner: string(user.ID), Name: c.Name, Standalone: len(c.Nodes) == 1,
			Authority: r.authority(i), TokenID: id, CreatedAt: now, UpdatedAt: now, Version: 1}
		for _, n := range c.Nodes {
			cluster.Members = append(cluster.Members, fleet.Member{Name: n.Name})
		}
		if err := st.CreateCluster(ctx, cluster, secret.New(tokenSecret)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) authority(i int) authority.Authority {
	c := r.simSaid.Clusters[i]
	block, _ := pemDecode(c.CA)
	a := authority.Authority{Trust: authority.Trust{Mode: authority.CAPin, CA: c.CA, Fingerprint: authority.Fingerprint(block)}}
	for _, n := range c.Nodes {
		host, port, _ := net.SplitHostPort(n.Address)
		number, _ := strconv.Atoi(port)
		a.Addresses = append(a.Addresses, authority.Address{Host: host, Port: number, Node: n.Name, Leaf: n.Fingerprint})
	}
	return a
}

func (r *rig) startBerth(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	l.Close()
	r.url = "http://" + address
	r.berth = exec.CommandContext(ctx, filepath.Join(bin, "berth"), "serve", "--listen", address, "--data", filepath.Join(r.dir, "data"),
		"--allow-node", "127.88.0.0/16", "--log-level", "error")
	r.berth.Stderr, r.berth.Stdout = os.Stderr, os.Stderr
	began := time.Now()
	if err := r.berth.Start(); err != nil {
		return err
	}
	for time.Since(began) < 20*time.Second {
		resp, err := r.client.Get(r.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				r.started = time.Since(began)
				return nil
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return errors.New("no answer from /readyz within 20 s")
}

// waitForContainers waits until the picture has that many.
func (r *rig) waitForContainers(ctx context.Context, n int) error {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		var f struct{ Clusters []struct{ Rows [][]any } }
		body, _, err := r.get("/fleet.json", false)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &f); err != nil {
			return fmt.Errorf("/fleet.json: %w", err)
		}
		have := 0
		for _, c := range f.Clusters {
			have += len(c.Rows)
		}
		if have >= n {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("not all of %d containers were seen within 2 minutes", n)
}

// get asks as the signed-in person; wire is the size of the body as sent.
func (r *rig) get(path string, compressed bool) (body []byte, wire int, err error) {
	req, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	if err != nil {
		return nil, 0, err
	}
	req.AddCookie(r.cookie)
	if compressed {
		req.Header.Set("Accept-Encoding", "gzip") // set by hand, so that the client leaves it as it came
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return body, len(body), err
}

// control asks the simulator's control address.
func (r *rig) control(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+r.simSaid.Control+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("control %s %s: %s: %s", method, path, resp.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// stream is one open dashboard.
type stream struct {
	cancel context.CancelFunc
	events chan event
	bytes  chan int // closed with the total at the end
}

type event struct {
	at   time.Time
	data string
}

// open opens a stream as a dashboard does. Events that nobody takes are dropped.
func (r *rig) open(ctx context.Context) (*stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/live", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.AddCookie(r.cookie)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		cancel()
		return nil, fmt.Errorf("/live: %s", resp.Status)
	}
	s := &stream{cancel: cancel, events: make(chan event, 256), bytes: make(chan int, 1)}
	go func() {
		defer resp.Body.Close()
		total := 0
		lines := bufio.NewReaderSize(resp.Body, 1<<20)
		for {
			line, err := lines.ReadString('\n')
			total += len(line)
			if err != nil {
				break
			}
			if data, ok := strings.CutPrefix(line, "data:"); ok {
				select {
				case s.events <- event{time.Now(), data}:
				default:
				}
			}
		}
		s.bytes <- total
	}()
	return s, nil
}

// close ends the stream and tells how many bytes it got.
func (s *stream) close() int {
	s.cancel()
	return <-s.bytes
}

// stop ends what was started, by its id, and removes its folder.
func (r *rig) stop() {
	for _, cmd := range []*exec.Cmd{r.berth, r.sim} {
		if cmd == nil || cmd.Process == nil {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	}
	_ = os.RemoveAll(r.dir)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
