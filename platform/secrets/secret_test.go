package secrets_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/secrets/memory"
)

const value = "correct horse battery"

func given(t testing.TB) secrets.Secret {
	t.Helper()
	v, err := secrets.New(t.Context(), secrets.Config{Store: &memory.Store{}, Key: secrets.NewKey()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Set(t.Context(), "", "mail", []byte(value)); err != nil {
		t.Fatal(err)
	}
	s, err := v.Get(t.Context(), "", "mail")
	if err != nil {
		t.Fatal(err)
	}
	if string(s.Reveal()) != value {
		t.Fatalf("revealed %q", s.Reveal())
	}
	return s
}

// leaks reports whether text tells the value in any form that printing makes.
func leaks(text string) bool {
	numbers := strings.Trim(fmt.Sprint([]byte(value)), "[]")
	text = strings.ToLower(text)
	for _, form := range []string{
		value, hex.EncodeToString([]byte(value)), numbers, strings.ReplaceAll(numbers, " ", ","),
		strings.ToLower(base64.StdEncoding.EncodeToString([]byte(value))),
		strings.Trim(fmt.Sprintf("% x", value), " "), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(value)), "[]byte{"), "}"),
	} {
		if strings.Contains(text, form[:len(form)/2]) {
			return true
		}
	}
	return false
}

func TestNoFormatVerbTellsASecret(t *testing.T) {
	s := given(t)
	type hidden struct{ inner secrets.Secret } // fmt asks no method of what is in here
	for _, x := range []any{s, &s, []any{s}, []secrets.Secret{s}, map[string]secrets.Secret{"k": s}, hidden{s}, &hidden{s}, []hidden{{s}}, struct{ S any }{s}} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "40", ".3"} {
				if text := fmt.Sprintf("%"+flags+string(verb), x); leaks(text) {
					t.Errorf("%%%s%c of %T tells it: %s", flags, verb, x, text)
				}
			}
		}
	}
	if got := fmt.Sprint(s) + s.String() + s.GoString() + fmt.Sprintf("%q %d", s, s); strings.Count(got, "[redacted]") != 5 {
		t.Errorf("%s", got)
	}
	if !leaks(fmt.Sprintf("%#v", []byte(value))) || !leaks(fmt.Sprintf("%x", value)) || !leaks(fmt.Sprint([]byte(value))) {
		t.Error("the test cannot see a leak")
	}
}

func TestNoEncodingOrLogTellsASecret(t *testing.T) {
	s := given(t)
	for _, x := range []any{s, &s, map[string]any{"k": s}, struct{ S secrets.Secret }{s}} {
		b, err := json.Marshal(x)
		if err != nil || leaks(string(b)) || !bytes.Contains(b, []byte("[redacted]")) {
			t.Errorf("JSON of %T: %s, %v", x, b, err)
		}
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			slog.New(handler(&out)).Info("using", "secret", x, slog.Group("g", "s", x))
			if leaks(out.String()) || out.Len() == 0 {
				t.Errorf("log of %T: %s", x, out.String())
			}
		}
	}
	if text, err := s.MarshalText(); err != nil || string(text) != "[redacted]" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestRevealedBytesAreACopy(t *testing.T) {
	s := given(t)
	clear(s.Reveal())
	if string(s.Reveal()) != value {
		t.Error("one who used the value wiped it for all")
	}
	if got := (secrets.Secret{}).Reveal(); got != nil {
		t.Errorf("the zero secret holds %q", got)
	}
}
