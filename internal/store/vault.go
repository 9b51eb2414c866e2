package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store/query"
)

// vault seals and opens what the rows hold. It is locked while a key that rows
// are sealed under is not at hand.
type vault struct {
	ring   *secret.Keyring
	locked *problem.Problem
}

const canary = "berth canary"

// errGivenUp: the row's secret was emptied by giveUp.
var errGivenUp = errors.New("the secret was given up with the key")

// ErrNotLocked: there is nothing to give up.
var ErrNotLocked = errors.New("the key opens every secret: there is nothing to give up")

// giveUp removes whatever was sealed under keys that are lost. Clusters stay, and wait for their secret.
func (s *Store) giveUp(ctx context.Context, ring *secret.Keyring) error {
	known, err := s.writes.SealKeys(ctx)
	if err != nil {
		return failed("read the key's canary", err)
	}
	if len(known) == 0 || whyLocked(ring, known) == nil {
		return ErrNotLocked
	}
	if ring == nil && s.engine.shared() {
		return fmt.Errorf("give the lost key up: a new key is needed first: %w", secret.ErrKeyAbsent)
	}
	var secrets int64
	err = s.tx(ctx, func(q *query.Queries) error {
		if secrets, err = q.EmptySecrets(ctx, []byte{}); err != nil {
			return err
		}
		return errors.Join(q.ForgetAllTickets(ctx), q.DropHalfLogins(ctx), q.DropSealKeys(ctx))
	})
	if err != nil {
		return failed("give the lost key up", err)
	}
	s.shredded(ctx)
	s.log.Warn("the lost key was given up: each node's secret has to be entered again", "nodes", secrets)
	return nil
}

func canaryAD(keyID string) secret.AD {
	return secret.AD{Table: "seal_keys", Row: keyID, Column: "canary"}
}

// openVault checks the ring against the canaries, adds the current key's
// canary, and on a database of one's own carries on an unfinished rotation.
func (s *Store) openVault(ctx context.Context, ring *secret.Keyring, makeKey func() (*secret.Keyring, error)) error {
	known, err := s.writes.SealKeys(ctx)
	if err != nil {
		return failed("read the key's canary", err)
	}
	if ring == nil && len(known) == 0 && makeKey != nil && !s.engine.shared() {
		if ring, err = makeKey(); err != nil {
			return fmt.Errorf("make the first key: %w", err)
		}
	}
	s.vault = vault{ring: ring, locked: whyLocked(ring, known)}
	if s.vault.locked != nil {
		if s.engine.shared() {
			return s.vault.locked
		}
		s.log.Error("secrets are locked", "reason", s.vault.locked.Err)
		return nil
	}
	if err := s.addCanary(ctx, known); err != nil {
		return err
	}
	if s.engine.shared() {
		return nil // another replica may still seal under an older key: see Reseal
	}
	_, err = s.Reseal(ctx)
	return err
}

func whyLocked(ring *secret.Keyring, known []query.SealKey) *problem.Problem {
	locked := func(what string, err error) *problem.Problem {
		return &problem.Problem{Kind: problem.Locked, What: what, Err: err,
			Remedy: "Put the key back (the file " + secret.KeyFileName + ", " + secret.KeyEnv + " or the systemd credential " + secret.CredentialName + ") and start Berth again."}
	}
	if ring == nil {
		return locked("Berth's key is missing, so stored secrets cannot be used.", secret.ErrKeyAbsent)
	}
	for _, k := range known {
		plain, err := ring.Open(k.Canary, canaryAD(k.ID))
		if err == nil && string(plain) != canary {
			err = secret.ErrAltered
		}
		if err != nil {
			return locked("Berth's key is not the one that the stored secrets were sealed with.", err)
		}
	}
	return nil
}

func (s *Store) addCanary(ctx context.Context, known []query.SealKey) error {
	id := s.vault.ring.KeyID()
	for _, k := range known {
		if k.ID == id {
			return nil
		}
	}
	sealed, err := s.vault.ring.Seal([]byte(canary), canaryAD(id))
	if err != nil {
		return fmt.Errorf("seal the key's canary: %w", err)
	}
	return failed("keep the key's canary", s.writes.AddSealKey(ctx, query.AddSealKeyParams{ID: id, Canary: sealed, CreatedAt: millis(s.now())}))
}

// Locked says why secrets cannot be opened; nil when they can.
func (s *Store) Locked() *problem.Problem { return s.vault.locked }

// KeyID names the key that secrets are sealed under; empty without one.
func (s *Store) KeyID() string {
	if s.vault.ring == nil {
		return ""
	}
	return s.vault.ring.KeyID()
}

func (v *vault) seal(text secret.Text, ad secret.AD) ([]byte, error) {
	if v.locked != nil {
		return nil, v.locked
	}
	sealed, err := v.ring.Seal([]byte(text.Reveal()), ad)
	if err != nil {
		return nil, fmt.Errorf("seal a secret: %w", err)
	}
	return sealed, nil
}

func (v *vault) open(sealed []byte, ad secret.AD) (secret.Text, error) {
	if v.locked != nil {
		return secret.Text{}, v.locked
	}
	if len(sealed) == 0 {
		return secret.Text{}, &problem.Problem{Kind: problem.Locked, Err: errGivenUp,
			What: "The stored secret went with Berth's lost key.", Remedy: "Enter the secret again."}
	}
	plain, err := v.ring.Open(sealed, ad)
	switch {
	case errors.Is(err, secret.ErrAltered):
		return secret.Text{}, &problem.Problem{Kind: problem.Locked, Err: err,
			What:   "A stored secret does not belong to its row any more: the database was altered.",
			Remedy: "Enter the secret again, and find out who can write to the database."}
	case err != nil:
		return secret.Text{}, &problem.Problem{Kind: problem.Locked, Err: err,
			What:   "A stored secret was sealed with another key than Berth has now.",
			Remedy: "Give Berth both keys, the new one first, and start it again."}
	}
	return secret.New(string(plain)), nil
}

// binding is what a secret that goes to that authority is bound to. It comes
// from the row each time, so that an altered address or pin opens nothing.
func binding(stored string) (string, error) {
	var a authority.Authority
	if err := decode(stored, &a); err != nil {
		return "", err
	}
	return a.Binding(), nil
}

func clusterAD(id, owner, tokenID, binding string) secret.AD {
	return secret.AD{Table: "clusters", Row: id, Column: "secret", Owner: owner, Extra: []string{tokenID, binding}}
}

func ticketAD(session, user, host, binding string) secret.AD {
	return secret.AD{Table: "sessions", Row: session, Column: "ticket", Owner: user, Extra: []string{host, binding}}
}

func challengeAD(hash []byte, host, pveUser, binding string) secret.AD {
	return secret.AD{Table: "half_logins", Row: hex.EncodeToString(hash), Column: "challenge", Extra: []string{host, pveUser, binding}}
}

// Reseal seals every secret under the current key that is sealed under an
// older one, forgets the older keys and returns how many it sealed. It may be
// interrupted at any point and run again. With several replicas, run it when
// all of them have the new key as their first.
func (s *Store) Reseal(ctx context.Context) (int, error) {
	if s.vault.locked != nil {
		return 0, s.vault.locked
	}
	n := 0
	for _, rows := range []func(context.Context) ([]sealedRow, error){s.sealedClusters, s.sealedTickets, s.sealedChallenges} {
		found, err := rows(ctx)
		if err != nil {
			return n, err
		}
		for _, row := range found {
			done, err := s.resealRow(ctx, row)
			if err != nil {
				return n, err
			}
			if done {
				n++
			}
		}
	}
	if n > 0 {
		s.log.Info("secrets are sealed under the current key", "key", s.vault.ring.KeyID(), "rows", n)
	}
	_, err := s.writes.DropSealKeysBut(ctx, s.vault.ring.KeyID())
	return n, failed("forget older keys", err)
}

// sealedRow is one sealed value, what it is bound to, and how it is exchanged
// for another one; swap changes nothing when the value is not the same any more.
type sealedRow struct {
	sealed  []byte
	binding string
	ad      func(binding string) secret.AD
	swap    func(ctx context.Context, sealed []byte) (int64, error)
}

func (s *Store) resealRow(ctx context.Context, row sealedRow) (bool, error) {
	if len(row.sealed) == 0 {
		return false, nil // given up
	}
	if secret.SealedUnder(row.sealed) == s.vault.ring.KeyID() {
		return false, nil
	}
	var text secret.Text
	bound, err := binding(row.binding)
	ad := row.ad(bound)
	if err == nil {
		text, err = s.vault.open(row.sealed, ad)
	}
	if err != nil {
		// One altered row must not keep all others under the old key, nor Berth from starting.
		s.log.Error("a secret was left as it is", "table", ad.Table, "row", ad.Row, "error", err)
		return false, nil
	}
	sealed, err := s.vault.seal(text, ad)
	if err != nil {
		return false, err
	}
	rows, err := row.swap(ctx, sealed)
	return rows == 1, failed("seal a secret under the current key", err)
}

func (s *Store) sealedClusters(ctx context.Context) ([]sealedRow, error) {
	rows, err := s.reads.SealedClusters(ctx)
	out := make([]sealedRow, len(rows))
	for i, r := range rows {
		out[i] = sealedRow{r.Secret, r.Authority,
			func(b string) secret.AD { return clusterAD(r.ID, r.Owner, r.TokenID, b) },
			func(ctx context.Context, sealed []byte) (int64, error) {
				return s.writes.ResealCluster(ctx, query.ResealClusterParams{ID: r.ID, Sealed: sealed, Before: r.Secret})
			}}
	}
	return out, failed("read the sealed clusters", err)
}

func (s *Store) sealedTickets(ctx context.Context) ([]sealedRow, error) {
	rows, err := s.reads.SealedTickets(ctx)
	out := make([]sealedRow, len(rows))
	for i, r := range rows {
		out[i] = sealedRow{r.Ticket, r.Authority,
			func(b string) secret.AD { return ticketAD(r.ID, r.UserID, r.HostID, b) },
			func(ctx context.Context, sealed []byte) (int64, error) {
				return s.writes.ResealTicket(ctx, query.ResealTicketParams{ID: r.ID, Sealed: sealed, Before: r.Ticket})
			}}
	}
	return out, failed("read the sealed tickets", err)
}

func (s *Store) sealedChallenges(ctx context.Context) ([]sealedRow, error) {
	rows, err := s.reads.SealedChallenges(ctx)
	out := make([]sealedRow, len(rows))
	for i, r := range rows {
		hash := bytes.Clone(r.Hash)
		out[i] = sealedRow{r.Challenge, r.Authority,
			func(b string) secret.AD { return challengeAD(hash, r.HostID, r.PveUser, b) },
			func(ctx context.Context, sealed []byte) (int64, error) {
				return s.writes.ResealChallenge(ctx, query.ResealChallengeParams{Hash: hash, Sealed: sealed, Before: r.Challenge})
			}}
	}
	return out, failed("read the sealed challenges", err)
}
