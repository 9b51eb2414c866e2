package kit

import "berth/internal/fleet"

func (t Tone) icon() string {
	switch t {
	case Success:
		return "circle-check"
	case Warning:
		return "triangle-alert"
	case Failure:
		return "circle-alert"
	case Busy:
		return "loader"
	case Neutral:
		return "circle"
	}
	return "info"
}

// word is what the tone's colour and icon say, for who sees neither.
func (t Tone) word() string {
	switch t {
	case Success:
		return "Done"
	case Warning:
		return "Warning"
	case Failure:
		return "Failed"
	case Busy:
		return "Working"
	}
	return "Note"
}

// StatusLook is how a container's status is drawn: always a word and an icon too.
func StatusLook(s fleet.Status) (tone Tone, icon, word string) {
	switch s {
	case fleet.Running:
		return Success, "play", "Running"
	case fleet.Stopped:
		return Neutral, "square", "Stopped"
	case fleet.Suspended:
		return Busy, "pause", "Suspended"
	}
	return Warning, "circle-help", "Unknown"
}
