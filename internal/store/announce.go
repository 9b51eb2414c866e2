package store

import (
	"context"
	"fmt"
	"strings"
)

// Resync is the topic that a listener hears when it begins to listen, and
// again whenever announcements may have been lost: read everything anew.
const Resync = "resync"

// Announce tells every replica, this one included, that something with that id
// changed. It carries no data; who hears it reads the store. The topic is one word.
func (s *Store) Announce(ctx context.Context, topic, id string) error {
	if topic == "" || strings.ContainsAny(topic, " \n") || topic == Resync {
		return fmt.Errorf("announce %q: not a topic", topic)
	}
	if err := s.engine.announce(ctx, topic, plain(id)); err != nil {
		return fmt.Errorf("announce %s: %w", topic, err)
	}
	return nil
}

// Listen calls heard for each announcement, one after the other, until ctx is
// done, and returns its error. The first call is always Resync. A slow heard
// delays only this listener.
func (s *Store) Listen(ctx context.Context, heard func(topic, id string)) error {
	return s.engine.listen(ctx, heard)
}
