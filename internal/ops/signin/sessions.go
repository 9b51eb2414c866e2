package signin

import (
	"context"
	"sync"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
)

// Sessions finds out who asks. What it knows is at most cacheFor old, so that a
// revocation reaches every page and stream of every replica within five seconds.
type Sessions struct {
	store   Store
	now     func() time.Time
	idleFor time.Duration

	mu     sync.Mutex
	byHash map[string]cached
	alive  map[string]pulse // by session id
	// epoch grows with each thing forgotten, so that what was read before is not kept after.
	epoch uint64
}

type cached struct {
	viewer account.Viewer
	until  time.Time
}

type pulse struct {
	user  account.UserID
	lives bool
	until time.Time
}

const (
	cacheFor   = 4 * time.Second
	pulseFor   = time.Second // streams ask every four seconds
	touchEvery = time.Minute
	cacheMost  = 10_000
)

func newSessions(store Store, now func() time.Time, idleFor time.Duration) *Sessions {
	return &Sessions{store: store, now: now, idleFor: idleFor, byHash: map[string]cached{}, alive: map[string]pulse{}}
}

// NewSessions is the lookup alone, for who needs no verbs.
func NewSessions(store Store, now func() time.Time, idleFor time.Duration) *Sessions {
	return newSessions(store, now, idleFor)
}

// ByToken is the viewer whose browser sent the token, and counts as activity of
// theirs. Whatever is no live session is problem.Missing.
func (s *Sessions) ByToken(ctx context.Context, token string) (account.Viewer, error) {
	v, hash, err := s.find(ctx, token)
	if err != nil {
		return account.Viewer{}, err
	}
	if now := s.now(); now.Sub(v.Session.SeenAt) >= touchEvery {
		if err := s.store.TouchSession(ctx, v.Session.ID, now); err != nil {
			return account.Viewer{}, err
		}
		v.Session.SeenAt = now
		s.touched(hash, now)
	}
	return v, nil
}

// Peek is ByToken for a stream: it does not prolong the session.
func (s *Sessions) Peek(ctx context.Context, token string) (account.Viewer, error) {
	v, _, err := s.find(ctx, token)
	return v, err
}

func (s *Sessions) find(ctx context.Context, token string) (account.Viewer, string, error) {
	sum, ok := hashToken(token, tokenSize)
	if !ok {
		return account.Viewer{}, "", problem.Missing()
	}
	hash, now := string(sum), s.now()
	s.mu.Lock()
	known, ok := s.byHash[hash]
	epoch := s.epoch
	s.mu.Unlock()
	if ok && now.Before(known.until) && s.lives(known.viewer.Session, now) {
		return known.viewer, hash, nil
	}
	session, user, err := s.store.SessionByToken(ctx, sum)
	if err != nil {
		return account.Viewer{}, "", err
	}
	if !s.lives(session, now) || !user.DisabledAt.IsZero() {
		return account.Viewer{}, "", problem.Missing()
	}
	host, err := s.store.SignInHost(ctx, user.Host)
	if err != nil {
		return account.Viewer{}, "", err
	}
	v := account.Viewer{User: user, Session: session, Host: host.Name}
	s.keep(hash, v, now, epoch)
	return v, hash, nil
}

// lives reports whether neither the idle nor the absolute end has come.
func (s *Sessions) lives(session account.Session, now time.Time) bool {
	return now.Before(session.ExpiresAt) && now.Sub(session.SeenAt) < s.idleFor
}

func (s *Sessions) keep(hash string, v account.Viewer, now time.Time, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		return
	}
	if len(s.byHash) >= cacheMost {
		for h, c := range s.byHash {
			if !now.Before(c.until) {
				delete(s.byHash, h)
			}
		}
		if len(s.byHash) >= cacheMost {
			clear(s.byHash)
		}
	}
	s.byHash[hash] = cached{viewer: v, until: now.Add(cacheFor)}
	s.beat(v.Session.ID, pulse{user: v.User.ID, lives: true, until: now.Add(pulseFor)})
}

// beat is called with mu held. A pulse forgotten for want of room only means that its stream is asked to come again.
func (s *Sessions) beat(id string, p pulse) {
	if len(s.alive) >= cacheMost {
		for other, p := range s.alive {
			if p.until.Add(time.Minute).Before(s.now()) {
				delete(s.alive, other)
			}
		}
	}
	s.alive[id] = p
}

func (s *Sessions) touched(hash string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.byHash[hash]; ok {
		c.viewer.Session.SeenAt = at
		s.byHash[hash] = c
	}
}

// SessionStands reports whether a session that ByToken or Peek has found goes
// on. A stream asks it every few seconds; asking prolongs nothing. An error
// says that the store could not tell, which is no reason to end a stream.
func (s *Sessions) SessionStands(ctx context.Context, sessionID string) (bool, error) {
	s.mu.Lock()
	p, ok := s.alive[sessionID]
	epoch := s.epoch
	s.mu.Unlock()
	now := s.now()
	if !ok {
		return false, nil
	}
	if now.Before(p.until) {
		return p.lives, nil
	}
	own, err := s.store.Sessions(ctx, p.user)
	if err != nil {
		return false, err
	}
	lives := false
	for _, session := range own {
		if session.ID == sessionID && s.lives(session, now) {
			lives = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.beat(sessionID, pulse{user: p.user, lives: lives, until: now.Add(pulseFor)})
	}
	return lives, nil
}

// Alive is SessionStands for who ends in doubt.
func (s *Sessions) Alive(ctx context.Context, sessionID string) bool {
	stands, err := s.SessionStands(ctx, sessionID)
	return err == nil && stands
}

// forget drops what is known of a session, so that its end or its new token counts at once here.
func (s *Sessions) forget(sessionID string) {
	s.drop(func(v account.Viewer) bool { return v.Session.ID == sessionID })
}

// forgetUser drops what is known of all sessions of a person.
func (s *Sessions) forgetUser(id account.UserID) {
	s.drop(func(v account.Viewer) bool { return v.User.ID == id })
}

func (s *Sessions) drop(which func(account.Viewer) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	for hash, c := range s.byHash {
		if which(c.viewer) {
			delete(s.byHash, hash)
		}
	}
	for id, p := range s.alive {
		if which(account.Viewer{User: account.User{ID: p.user}, Session: account.Session{ID: id}}) {
			p.until = time.Time{} // asked anew, and streams learn the end at once
			s.alive[id] = p
		}
	}
}
