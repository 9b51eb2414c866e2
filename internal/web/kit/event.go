package kit

import "time"

// Event is one line of a history: who did what, when, and how it ended.
type Event struct {
	At         time.Time
	Icon       string
	What       string // what was done, in a few words
	Subject    string // what it was done to
	SubjectURL string // its page; empty: it has none
	Tone       Tone   // of how it ended
	Word, Look string // how it ended and that word's icon; empty for what went well
	Detail     string // one sentence
	Actor      string
	Address    string   // of who did it
	Notes      []string // small words below the actor: "whole Berth"
	More       []EventLink
	// Kind and Result are for tests and styles: data-kind and data-result.
	Kind, Result string
	Took         time.Duration // zero: not told
}

// EventLink leads to more about an event: its log, its job.
type EventLink struct{ Text, URL string }

// eventAge is the age of what is less than a day old, else the date and the time.
func eventAge(t, now time.Time) string {
	if now.Sub(t) < 24*time.Hour {
		return Ago(t, now)
	}
	return t.UTC().Format("2 Jan 2006, 15:04 UTC")
}

// Took is a length of time as it is told of what ended: "0.4 s", "21 s", "3 min 5 s".
func Took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return short(max(d, 0).Seconds()) + " s"
	case d >= time.Minute && d < time.Hour:
		if s := int(d/time.Second) % 60; s > 0 {
			return Duration(d) + " " + intText(s) + " s"
		}
	}
	return Duration(d)
}
