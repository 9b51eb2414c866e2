package pve

import (
	"crypto/x509"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
)

func certify(c *ca, names ...string) func(t *testing.T, edit func(*x509.Certificate)) *x509.Certificate {
	return func(t *testing.T, edit func(*x509.Certificate)) *x509.Certificate {
		t.Helper()
		return c.leaf(t, edit, names...).Leaf
	}
}

func TestTrust(t *testing.T) {
	root, other := newCA(t), newCA(t)
	mine := certify(root, "pve1", "10.0.0.1")(t, nil)
	renewed := certify(root, "pve1", "10.0.0.1")(t, nil)
	member := certify(root, "pve2", "10.0.0.2")(t, nil)
	foreign := certify(other, "pve1", "10.0.0.1")(t, nil)
	expired := certify(root, "pve1")(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := certify(root, "pve1")(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	forClients := certify(root, "pve1")(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	foreignExpired := certify(other, "pve1")(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	expiredMember := certify(root, "pve2")(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })

	everywhere := certify(root, "pve2", "localhost", "127.0.0.1", "10.0.0.2")(t, nil)
	pin := func(leaf *x509.Certificate) authority.Trust {
		return authority.Trust{Mode: authority.LeafPin, Fingerprint: authority.Fingerprint(leaf.Raw)}
	}
	at := func(host, node string) authority.Address {
		return authority.Address{Host: host, Port: 8006, Node: node}
	}
	for name, tc := range map[string]struct {
		trust authority.Trust
		addr  authority.Address
		shown *x509.Certificate
		kind  problem.Kind // empty: accepted
	}{
		"CA: names the node":                  {root.trust(), at("pve.example.org", "pve1"), mine, ""},
		"CA: names the dialled address":       {root.trust(), at("10.0.0.1", ""), mine, ""},
		"CA: renewed":                         {root.trust(), at("10.0.0.1", "pve1"), renewed, ""},
		"CA: names neither":                   {root.trust(), at("pve.example.org", ""), mine, problem.Untrusted},
		"CA: another member's":                {root.trust(), at("10.0.0.1", "pve1"), member, problem.Untrusted},
		"CA: localhost tells no member":       {root.trust(), at("127.0.0.1", "pve1"), everywhere, problem.Untrusted},
		"CA: another CA's":                    {root.trust(), at("10.0.0.1", "pve1"), foreign, problem.Untrusted},
		"CA: the CA itself":                   {root.trust(), at("10.0.0.1", "pve1"), root.cert, problem.Untrusted},
		"CA: expired":                         {root.trust(), at("10.0.0.1", "pve1"), expired, problem.Clock},
		"CA: not valid yet":                   {root.trust(), at("10.0.0.1", "pve1"), early, problem.Clock},
		"CA: another CA's, expired too":       {root.trust(), at("10.0.0.1", "pve1"), foreignExpired, problem.Untrusted},
		"CA: another member's, expired too":   {root.trust(), at("10.0.0.1", "pve1"), expiredMember, problem.Untrusted},
		"CA: not for servers":                 {root.trust(), at("10.0.0.1", "pve1"), forClients, problem.Untrusted},
		"leaf: the one":                       {pin(mine), at("anything", ""), mine, ""},
		"leaf: renewed under the same CA":     {pin(mine), at("10.0.0.1", "pve1"), renewed, problem.Untrusted},
		"leaf: the one, expired":              {pin(expired), at("10.0.0.1", "pve1"), expired, problem.Clock},
		"leaf: none pinned":                   {authority.Trust{Mode: authority.LeafPin}, at("10.0.0.1", ""), mine, problem.Untrusted},
		"public: nobody vouches":              {authority.Trust{Mode: authority.Public, Fingerprint: "AA"}, at("10.0.0.1", "pve1"), mine, problem.Untrusted},
		"leaf: the address's own pin decides": {pin(mine), authority.Address{Host: "10.0.0.2", Leaf: authority.Fingerprint(member.Raw)}, member, ""},
		"leaf: the first pin does not count where there is an own one": {pin(mine), authority.Address{Host: "10.0.0.2", Leaf: authority.Fingerprint(member.Raw)}, mine, problem.Untrusted},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := newJudge(authority.Authority{Addresses: []authority.Address{tc.addr}, Trust: tc.trust}, time.Now, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = j.verify(tc.addr, []*x509.Certificate{tc.shown})
			if tc.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			p := wants(t, err, tc.kind)
			if tc.kind == problem.Untrusted && (p.Got != authority.Fingerprint(tc.shown.Raw) || tc.trust.Fingerprint != "" && p.Expected == "") {
				t.Errorf("expected %q, got %q", p.Expected, p.Got)
			}
		})
	}
}

func TestClockOfThisMachine(t *testing.T) {
	root := newCA(t)
	leaf := root.leaf(t, nil, "pve1").Leaf
	a := authority.Address{Host: "10.0.0.1", Node: "pve1", Port: 8006}
	j, err := newJudge(authority.Authority{Addresses: []authority.Address{a}, Trust: root.trust()},
		func() time.Time { return time.Unix(0, 0) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, j.verify(a, []*x509.Certificate{leaf}), problem.Clock)
}

func TestPinsThatCannotBeRead(t *testing.T) {
	a := authority.Authority{Addresses: []authority.Address{{Host: "10.0.0.1", Port: 8006}}}
	root, other := newCA(t), newCA(t)
	for name, trust := range map[string]authority.Trust{
		"no PEM":            {Mode: authority.CAPin, CA: "x", Fingerprint: "AA"},
		"other fingerprint": {Mode: authority.CAPin, CA: root.pem(), Fingerprint: authority.Fingerprint(other.cert.Raw)},
		"two certificates":  {Mode: authority.CAPin, CA: root.pem() + other.pem(), Fingerprint: authority.Fingerprint(root.cert.Raw)},
		"no mode":           {},
	} {
		a.Trust = trust
		_, err := New(Options{Authority: a, Guard: loopback()})
		if p := problem.Of(err); p == nil || p.Kind != problem.Untrusted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRenewalIsSilentAndTold(t *testing.T) {
	root := newCA(t)
	f := newFake(t, root.leaf(t, nil, "pve1", "127.0.0.1"), says(200, "OK", `{"data":{"version":"9.2.11"}}`))
	old := authority.Fingerprint(f.leaf.Leaf.Raw)
	var told []Renewal
	c := client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: root.trust()},
		func(o *Options) { o.OnRenewal = func(r Renewal) { told = append(told, r) } })
	ask := func() {
		t.Helper()
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.reads.CloseIdleConnections()
	}
	ask()
	f.show(root.leaf(t, nil, "pve1", "127.0.0.1"))
	c.sessions.Put("127.0.0.1", nil)
	ask()
	ask()
	if len(told) != 1 || told[0].Old != old || told[0].New != authority.Fingerprint(f.leaf.Leaf.Raw) {
		t.Errorf("told %+v", told)
	}
}

func TestResumedConnectionsAreJudged(t *testing.T) {
	root := newCA(t)
	f := newFake(t, root.leaf(t, nil, "pve1", "127.0.0.1"), data(`{"version":"9.2.11"}`))
	now := time.Now()
	c := client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: root.trust()},
		func(o *Options) { o.Now = func() time.Time { return now } })
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.sessions.Get("127.0.0.1"); !ok {
		t.Fatal("no session to resume: the test tests nothing")
	}
	c.reads.CloseIdleConnections()
	now = now.AddDate(2, 0, 0) // the leaf has ended meanwhile
	_, err := c.Version(t.Context())
	wants(t, err, problem.Clock)
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPinCA(t *testing.T) {
	root, other := newCA(t), newCA(t)
	leaf := root.leaf(t, nil, "pve1").Leaf
	pinned, ok := PinCA(leaf, root.pem())
	if !ok || pinned.Mode != authority.CAPin || pinned.Fingerprint != authority.Fingerprint(root.cert.Raw) {
		t.Errorf("%v %+v", ok, pinned)
	}
	for name, tc := range map[string]struct {
		leaf *x509.Certificate
		pem  string
	}{
		"another CA":                      {leaf, other.pem()},
		"the leaf itself":                 {root.cert, root.pem()},
		"no leaf":                         {nil, root.pem()},
		"no PEM":                          {leaf, "-----BEGIN"},
		"more than one":                   {leaf, root.pem() + other.pem()},
		"a leaf that is no CA":            {leaf, string(pemOf(leaf))},
		"a CA that is not its own signer": {leaf, intermediate(t, other, root)},
	} {
		if _, ok := PinCA(tc.leaf, tc.pem); ok {
			t.Errorf("%s was pinned", name)
		}
	}
}
