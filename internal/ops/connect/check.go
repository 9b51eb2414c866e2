package connect

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// MinRelease is the oldest Proxmox VE that Berth works with.
const MinRelease = 8

// Check is the second step of adding: it uses the token over a connection that
// shows the confirmed leaf, and learns version, members, trust and privileges.
// Fields of its problems: address, token, secret.
func (s *Service) Check(ctx context.Context, by account.By, c fleet.Candidate) (fleet.Finding, error) {
	if err := validCandidate(c); err != nil {
		return fleet.Finding{}, err
	}
	if err := s.notYetMine(ctx, by, c.Address); err != nil {
		return fleet.Finding{}, err
	}
	if err := s.probing(ctx, by, audit.ClusterTest, c.Address.HostPort()); err != nil {
		return fleet.Finding{}, err
	}
	var f fleet.Finding
	err := s.during(ctx, by, audit.ClusterTest, c.Address.HostPort(), "", func() error {
		found, err := s.inspect(ctx, by.Owner(), c.Address, c.Fingerprint, Login{TokenID: c.TokenID, Secret: c.Secret})
		if err != nil {
			return err
		}
		f = found
		if err := s.recognise(ctx, by, &f); err != nil {
			return err
		}
		if f.Known != nil && !by.Viewer.Session.Proved(s.now()) {
			// It would change an entry's addresses and secret.
			return problem.New(problem.NeedProof, fmt.Sprintf("This is your “%s”. Your password is needed again to change it.", f.Known.Name), "")
		}
		return nil
	})
	return f, err
}

func validCandidate(c fleet.Candidate) error {
	if !validFingerprint(c.Fingerprint) {
		return problem.Field("address", "The certificate of this address has not been confirmed yet.")
	}
	if _, _, ok := fleet.ParseTokenID(c.TokenID); !ok {
		return problem.Field("token", "Enter the whole token ID, such as root@pam!berth.")
	}
	return validSecret(c.Secret)
}

func validFingerprint(fp string) bool {
	if len(fp) != 95 {
		return false
	}
	for i, r := range fp {
		hex := r >= '0' && r <= '9' || r >= 'A' && r <= 'F'
		if i%3 == 2 && r != ':' || i%3 != 2 && !hex {
			return false
		}
	}
	return true
}

// validSecret refuses what cannot stand in a header; Proxmox's own are UUIDs.
func validSecret(s secret.Text) error {
	text := s.Reveal()
	switch {
	case text == "":
		return problem.Field("secret", "Enter the token's secret.")
	case len(text) > 256:
		return problem.Field("secret", "This secret is too long: Proxmox shows one of 36 characters.")
	case strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII || r == 0x7f }) >= 0:
		return problem.Field("secret", "A secret has no blanks or special characters: paste only the value that Proxmox showed.")
	}
	return nil
}

// inspect asks one address, over a connection that shows that leaf, all that has to be known before it is stored.
func (s *Service) inspect(ctx context.Context, owner string, address authority.Address, fingerprint string, as Login) (fleet.Finding, error) {
	address.Leaf = fingerprint
	pinned := authority.Authority{Addresses: []authority.Address{address}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: fingerprint}}
	conn, err := s.pve.Open(ctx, pinned, as)
	if err != nil {
		return fleet.Finding{}, aboutField("address", err)
	}
	defer conn.Close()
	f, err := s.ask(ctx, conn, address)
	if err != nil {
		return fleet.Finding{}, refused(err)
	}
	if f.Trust, err = s.trust(ctx, conn, f); err != nil {
		return fleet.Finding{}, refused(err)
	}
	s.otherWays(ctx, owner, &f)
	return f, nil
}

// ask learns all but the trust over an open connection. The version comes
// first: it is the first call with the secret, and the last one if that is refused.
func (s *Service) ask(ctx context.Context, conn Connection, address authority.Address) (f fleet.Finding, err error) {
	f = fleet.Finding{Address: address, Quorate: true}
	if f.Release, err = supported(ctx, conn, address); err != nil {
		return f, err
	}
	if f.Rights, err = conn.Permissions(ctx); err != nil {
		return f, err
	}
	f.Verdicts = fleet.Examine(f.Rights)
	return f, s.members(ctx, conn, &f)
}

// supported asks for the version, and refuses one that is too old.
func supported(ctx context.Context, conn Connection, address authority.Address) (string, error) {
	release, err := conn.Version(ctx)
	if err != nil {
		return "", refused(err)
	}
	major, _, _ := strings.Cut(release, ".")
	if n, err := strconv.Atoi(major); err != nil || n < MinRelease {
		what := fmt.Sprintf("%s runs Proxmox VE %s.", address, clean(release, 40))
		p := problem.New(problem.Unsupported, what, fmt.Sprintf("Berth works with version %d and later: upgrade the node first.", MinRelease))
		p.Fields = map[string]string{"address": what}
		return "", p
	}
	return release, nil
}

// refused puts a problem beside the field that it is about: a 401 is the token's, all else the address's.
func refused(err error) error {
	p := problem.Of(err)
	if p == nil || p.Kind != problem.Unauthorized {
		return aboutField("address", err)
	}
	told := *p
	told.What = "Proxmox refused this token."
	told.Remedy = "Check the token ID and its secret, and that neither token nor user is disabled or expired."
	told.Fields = map[string]string{"secret": told.What}
	return &told
}

// recognise finds the person's own entry for the same cluster.
func (s *Service) recognise(ctx context.Context, by account.By, f *fleet.Finding) error {
	clusters, err := s.store.Clusters(ctx, by.Owner())
	if err != nil {
		return fmt.Errorf("reading clusters: %w", err)
	}
	for _, c := range clusters {
		if isOf(*f, c) {
			known := c
			f.Known = &known
			return nil
		}
	}
	return nil
}

// isOf reports whether a cluster that is stored already is the one that was
// found: by its CA, or by the leaf that the connection itself showed. What the
// answer says of other members' leaves proves nothing: anybody can say it.
func isOf(f fleet.Finding, c fleet.Cluster) bool {
	pin := c.Authority.Trust
	if pin.Fingerprint != "" && (pin.Fingerprint == f.Trust.Fingerprint || pin.Fingerprint == f.Address.Leaf) {
		return true
	}
	return pin.Mode == authority.LeafPin && slices.ContainsFunc(c.Authority.Addresses, func(a authority.Address) bool {
		return a.Leaf != "" && a.Leaf == f.Address.Leaf
	})
}
