package kit

import (
	"sync"

	"berth/internal/problem"
)

// Streams bounds how many streams of a kind one person has open; an owner may be
// a person and a kind in one text. The zero Streams lets nobody in.
type Streams struct {
	Most int // of one person

	mu sync.Mutex
	of map[string]int
}

// Enter counts a stream of a person's in; leave counts it out. Too many is a
// problem.TooMany: the page stays as it is, and tries again.
func (s *Streams) Enter(owner string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[owner] >= s.Most {
		return func() {}, problem.New(problem.TooMany, "Too many of your pages are open at once.", "Close some of them; this one shows what it has.")
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.of[owner]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.of[owner]--; s.of[owner] == 0 {
			delete(s.of, owner)
		}
	}), nil
}
