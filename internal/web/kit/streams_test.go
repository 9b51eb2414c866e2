package kit

import (
	"testing"

	"berth/internal/problem"
)

func TestOnePersonHasSoManyStreams(t *testing.T) {
	s := Streams{Most: 2}
	first, err := s.Enter("ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enter("ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enter("ann"); !problem.Is(err, problem.TooMany) {
		t.Errorf("a third: %v", err)
	}
	if _, err := s.Enter("bob"); err != nil {
		t.Errorf("another person's: %v", err)
	}
	first()
	first() // as often as it likes
	if _, err := s.Enter("ann"); err != nil {
		t.Errorf("after one left: %v", err)
	}
	if _, err := s.Enter("ann"); !problem.Is(err, problem.TooMany) {
		t.Errorf("a third again: %v", err)
	}
}
