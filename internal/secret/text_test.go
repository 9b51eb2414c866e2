package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const hidden = "hunter2-0c1e"

type login struct {
	User     string
	Password Text
}

type unexported struct{ password Text }

func TestTextNeverPrintsItself(t *testing.T) {
	l := login{"alice@pve", New(hidden)}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T"} {
		printed["value "+verb] = fmt.Sprintf(verb, l.Password)
		printed["struct "+verb] = fmt.Sprintf(verb, l)
		printed["pointer "+verb] = fmt.Sprintf(verb, &l)
		printed["slice "+verb] = fmt.Sprintf(verb, []Text{l.Password})
		printed["unexported "+verb] = fmt.Sprintf(verb, unexported{l.Password})
		printed["error "+verb] = fmt.Errorf("sign in as "+verb, l.Password).Error()
	}
	printed["Sprint"] = fmt.Sprint(l.Password, l)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("in", "p", l.Password, "l", l)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("in", "p", l.Password, "l", l)
	printed["slog"] = log.String()
	j, err := json.Marshal(map[string]any{"l": l, "k": map[string]Text{"a": l.Password}})
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(j)
	x, err := xml.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	printed["xml"] = string(x)
	hexed := fmt.Sprintf("%x", hidden)
	for how, out := range printed {
		if strings.Contains(out, hidden) || strings.Contains(strings.ToLower(out), hexed) {
			t.Errorf("%s shows the secret: %s", how, out)
		}
	}
	if got := l.Password.Reveal(); got != hidden {
		t.Errorf("Reveal() = %q", got)
	}
}

func TestTextEmpty(t *testing.T) {
	if !(Text{}).Empty() || New("x").Empty() {
		t.Error("Empty is wrong")
	}
	if got := fmt.Sprint(Text{}); got != Mask {
		t.Errorf("an empty secret prints as %q, so whether there is one can be seen", got)
	}
}
