package pve

import (
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
)

// publicRoots names a folder with ca.pem and leaf.pem; set in the child alone,
// since a process reads its system's roots once.
const publicRoots = "BERTH_TEST_PUBLIC_ROOTS"

func TestPublicTrust(t *testing.T) {
	dir := t.TempDir()
	root := newCA(t)
	for name, text := range map[string]string{"ca.pem": root.pem(), "leaf.pem": string(pemOf(root.leaf(t, nil, "pve.example.org").Leaf))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestPublicTrustInAChild$", "-test.v")
	child.Env = append(os.Environ(), publicRoots+"="+dir, "SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"), "SSL_CERT_DIR="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPublicTrustInAChild(t *testing.T) {
	dir := os.Getenv(publicRoots)
	if dir == "" {
		t.Skip("run by TestPublicTrust, with roots of its own")
	}
	read := func(name string) (string, *x509.Certificate) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParsePEM(string(b))
		if err != nil {
			t.Fatal(err)
		}
		return string(b), c
	}
	caPEM, _ := read("ca.pem")
	_, leaf := read("leaf.pem")
	trust := authority.Trust{Mode: authority.Public, Fingerprint: authority.Fingerprint(leaf.Raw)}
	for host, kind := range map[string]problem.Kind{"pve.example.org": "", "other.example.org": problem.Untrusted, "10.0.0.1": problem.Untrusted} {
		a := authority.Address{Host: host, Port: 8006, Node: "pve1"}
		j, err := newJudge(authority.Authority{Addresses: []authority.Address{a}, Trust: trust}, time.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = j.verify(a, []*x509.Certificate{leaf})
		if kind == "" && err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if kind != "" {
			wants(t, err, kind)
		}
		if seen := describe(a, []*x509.Certificate{leaf}); seen.Public != (kind == "") {
			t.Errorf("%s: public %v", host, seen.Public)
		}
	}
	if _, ok := PinCA(leaf, caPEM); ok {
		t.Error("a root of this machine was pinned as a cluster's own")
	}
}
