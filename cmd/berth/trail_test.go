package main

import (
	"bytes"
	"database/sql"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/audit"
	"berth/internal/store"
)

func TestAuditVerify(t *testing.T) {
	dir := t.TempDir()
	data := DataOptions{Data: dir}
	verify := func() (string, error) {
		var out, log bytes.Buffer
		err := run(t.Context(), []string{"audit", "verify", "--data", dir}, &out, &log)
		return out.String(), err
	}
	st, err := data.openStore(t.Context(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for range 3 {
		if _, err := st.Audit(t.Context(), audit.Entry{Actor: "root@pam", Kind: audit.SignIn, Result: audit.OK}); err != nil {
			t.Fatal(err)
		}
	}
	if told, err := verify(); err != nil || !strings.HasPrefix(told, "ok: 3 entries") { // while that Berth runs
		t.Errorf("%q, %v", told, err)
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(dir, store.FileName)}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE audit_entries SET actor = 'anna@pve' WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	if told, err := verify(); err == nil || !strings.Contains(err.Error(), "broken at entry 2") || told != "" {
		t.Errorf("an altered trail: %q, %v", told, err)
	}
}
