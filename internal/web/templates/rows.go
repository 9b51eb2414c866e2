package templates

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/template"
)

// change carries out one of the form's buttons that change rows: "add:scripts",
// "remove:scripts:KEY", "up:scripts:KEY", "down:scripts:KEY". Anything else changes nothing.
func (f *form) change(do string) {
	verb, rest, _ := strings.Cut(do, ":")
	kind, key, _ := strings.Cut(rest, ":")
	switch verb {
	case "add":
		f.add(kind)
	case "remove", "up", "down":
		switch kind {
		case "inputs":
			f.Inputs = shift(f.Inputs, verb, func(r inputRow) bool { return r.Key == key })
		case "scripts":
			f.Scripts = shift(f.Scripts, verb, func(r scriptRow) bool { return r.Key == key })
		case "files":
			f.Files = shift(f.Files, verb, func(r fileRow) bool { return r.Key == key })
		case "lists":
			f.Lists = shift(f.Lists, verb, func(r listRow) bool { return r.Key == key })
		}
	}
}

// freshKey is a key that no row has.
func freshKey() string { return "n" + strconv.FormatInt(time.Now().UnixNano(), 36) }

func (f *form) add(kind string) {
	switch kind {
	case "inputs":
		f.Inputs = append(f.Inputs, inputRow{Key: freshKey(), Kind: string(template.Text)})
	case "scripts":
		f.Scripts = append(f.Scripts, blankScript(freshKey()))
	case "files":
		f.Files = append(f.Files, blankFile(freshKey()))
	case "lists":
		f.Lists = append(f.Lists, listRow{Key: freshKey(), Text: map[template.Manager]string{}, New: true})
	}
}

func blankScript(key string) scriptRow {
	return scriptRow{Key: key, Body: "#!/bin/bash\nset -euo pipefail\n\n", Enabled: true, New: true,
		Timeout: strconv.Itoa(int(template.DefaultScriptTimeout.Seconds()))}
}

func blankFile(key string) fileRow {
	return fileRow{Key: key, Owner: "root:root", Mode: modeText(template.DefaultFileMode), Policy: string(template.IfAbsent), New: true}
}

// follow adds a list that follows a bucket, once.
func (f *form) follow(b template.Bucket) {
	if !slices.ContainsFunc(f.Lists, func(l listRow) bool { return l.Bucket == string(b.ID) }) {
		f.Lists = append(f.Lists, listRow{Key: freshKey(), Name: b.Name, Bucket: string(b.ID), Text: map[template.Manager]string{}})
	}
}

func shift[T any](rows []T, verb string, is func(T) bool) []T {
	at := slices.IndexFunc(rows, is)
	switch {
	case at < 0:
	case verb == "remove":
		return slices.Delete(rows, at, at+1)
	case verb == "up" && at > 0:
		rows[at-1], rows[at] = rows[at], rows[at-1]
	case verb == "down" && at < len(rows)-1:
		rows[at+1], rows[at] = rows[at], rows[at+1]
	}
	return rows
}
