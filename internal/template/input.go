package template

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Input is a value that is asked for when a container is made. Scripts get it
// as environment, files as {{name}}.
type Input struct {
	Name     string `json:"name"` // lower-case letters, digits, underscores
	Question string `json:"question"`
	Kind     Kind   `json:"kind"`
	// Default is the value when none is given; a secret has none. Of a boolean it is "1" or "0".
	Default string   `json:"default,omitempty"`
	Choices []string `json:"choices,omitempty"` // of a choice
	// Check narrows what is taken: for text and secret a regular expression (RE2) that the
	// whole value has to match, for a number a range "1..65535", either end of which may be left out.
	Check    string `json:"check,omitempty"`
	Optional bool   `json:"optional,omitempty"` // may stay empty
}

// Kind is what sort of value an input takes.
type Kind string

const (
	Text    Kind = "text"
	Number  Kind = "number"
	Choice  Kind = "choice"
	Secret  Kind = "secret" // hidden while typed, sealed, masked in logs
	Boolean Kind = "boolean"
)

// Kinds are all of them, in the order of a form's choice.
var Kinds = []Kind{Text, Number, Choice, Secret, Boolean}

// Env is the environment variable that scripts find the value in.
func (in Input) Env() string { return "INPUT_" + strings.ToUpper(in.Name) }

// Placeholder is what stands for the value in files.
func (in Input) Placeholder() string { return "{{" + in.Name + "}}" }

// Accept takes a typed value, or the default where it is empty, and returns it
// as scripts get it. wrong is a sentence, empty when the value is fine; it never has the value in it.
func (in Input) Accept(value string) (clean, wrong string) {
	if in.Kind != Secret && in.Kind != Text {
		value = strings.TrimSpace(value)
	}
	if value == "" && in.Kind != Secret {
		value = in.Default
	}
	switch {
	case in.Kind == Boolean:
		switch strings.ToLower(value) {
		case "", "0", "false", "no", "off":
			return "0", ""
		case "1", "true", "yes", "on":
			return "1", ""
		}
		return "", "This is yes or no."
	case value == "" && in.Optional:
		return "", ""
	case value == "":
		return "", "This needs a value."
	case len(value) > MaxValue:
		return "", fmt.Sprintf("A value has at most %d bytes.", MaxValue)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return "", "This has bytes that are no text."
	}
	return in.fits(value)
}

func (in Input) fits(value string) (clean, wrong string) {
	switch in.Kind {
	case Number:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return "", "This has to be a whole number."
		}
		low, high, err := parseRange(in.Check)
		if err == nil && (n < low || n > high) {
			return "", "This number has to lie within " + in.Check + "."
		}
		return strconv.FormatInt(n, 10), ""
	case Choice:
		if !slices.Contains(in.Choices, value) {
			return "", "Choose one of: " + strings.Join(in.Choices, ", ") + "."
		}
	default:
		if in.Check == "" {
			return value, ""
		}
		whole, err := regexp.Compile(`\A(?:` + in.Check + `)\z`)
		if err != nil || !whole.MatchString(value) {
			return "", "This does not have the form that the template wants: " + in.Check
		}
	}
	return value, ""
}

// parseRange reads "1..10", "1.." or "..10"; empty is every number.
func parseRange(text string) (low, high int64, err error) {
	low, high = -1<<63, 1<<63-1
	if text == "" {
		return low, high, nil
	}
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return 0, 0, fmt.Errorf("%q is no range", text)
	}
	if from != "" {
		if low, err = strconv.ParseInt(from, 10, 64); err != nil {
			return 0, 0, err
		}
	}
	if to != "" {
		if high, err = strconv.ParseInt(to, 10, 64); err != nil {
			return 0, 0, err
		}
	}
	if low > high {
		return 0, 0, fmt.Errorf("%q is empty", text)
	}
	return low, high, nil
}

// check says what is wrong with the input itself, by the name of its part.
func (in Input) check(add func(part, text, remedy string)) {
	if !inputGrammar.MatchString(in.Name) {
		add("name", "An input's name begins with a lower-case letter and has at most 40 lower-case letters, digits and underscores.", "")
	}
	if wrong := line("A question", in.Question, MaxQuestion); wrong != "" {
		add("question", wrong, "")
	} else if in.Question == "" {
		add("question", "Say what is asked for.", "")
	}
	if !slices.Contains(Kinds, in.Kind) {
		add("kind", "An input is text, a number, a choice, a secret or a boolean.", "")
		return
	}
	in.checkChoices(add)
	switch {
	case in.Check == "":
	case len(in.Check) > 500:
		add("check", "A check has at most 500 characters.", "")
	case in.Kind == Number:
		if _, _, err := parseRange(in.Check); err != nil {
			add("check", "The check of a number is a range such as 1..65535.", "")
		}
	case in.Kind == Text || in.Kind == Secret:
		if _, err := regexp.Compile(in.Check); err != nil {
			add("check", "The check is no regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: ")+".", "")
		}
	default:
		add("check", "A "+string(in.Kind)+" has no check.", "Leave it empty.")
	}
	switch {
	case in.Default == "":
	case in.Kind == Secret:
		add("default", "A secret has no default: it would be readable in the template.", "Leave it empty, and let a script make one.")
	default:
		if _, wrong := in.Accept(in.Default); wrong != "" {
			add("default", "The default does not fit: "+wrong, "")
		} else if wrong := line("A default", in.Default, MaxValue); wrong != "" {
			add("default", wrong, "")
		}
	}
}

func (in Input) checkChoices(add func(part, text, remedy string)) {
	if in.Kind != Choice {
		if len(in.Choices) > 0 {
			add("choices", "Only a choice has choices.", "")
		}
		return
	}
	if len(in.Choices) == 0 || len(in.Choices) > MaxChoices {
		add("choices", fmt.Sprintf("A choice has between 1 and %d choices.", MaxChoices), "")
		return
	}
	for i, c := range in.Choices {
		switch wrong := line("A choice", c, MaxTag*2); {
		case wrong != "":
			add("choices", wrong, "")
		case c == "" || strings.TrimSpace(c) != c || strings.ContainsAny(c, ";\\"):
			add("choices", "A choice cannot be empty, begin or end with a space, or have a semicolon or backslash.", "")
		case slices.Contains(in.Choices[:i], c):
			add("choices", "“"+c+"” is there twice.", "")
		}
	}
}
