package web

import (
	"sync"

	"berth/internal/problem"
	"berth/internal/web/kit"
)

// maxStreams is how many streams of one kind a person may have open at once, on
// one replica: a wall of screens, and no more. Every page has one beside its own,
// for the sidebar. What costs more has a narrower limit of its own.
const maxStreams = 64

// streams counts what each person has open of each route.
type streams struct {
	mu sync.Mutex
	of map[stream]int
}

type stream struct{ owner, pattern string }

// open counts one in and returns how it is counted out; one too many is a problem.
func (s *streams) open(owner string, route kit.Route) (leave func(), err error) {
	key := stream{owner, route.Pattern}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[key] >= maxStreams {
		return nil, problem.New(problem.TooMany, "Too many of your pages are open at once.", "Close some of them; this one shows what it has.")
	}
	if s.of == nil {
		s.of = map[stream]int{}
	}
	s.of[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.of[key]--; s.of[key] == 0 {
			delete(s.of, key)
		}
	}, nil
}
