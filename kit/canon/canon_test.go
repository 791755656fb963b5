package canon

import (
	"errors"
	"strings"
	"testing"
)

func TestEqualValuesHaveOneForm(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":2, "a":1}`:               `{"a":1,"b":2}`,
		`[1.0, 1e2, 0.1, -0]`:          `[1,100,0.1,0]`,
		`"\u0041\/"`:                   `"A/"`,
		"{\"\u20ac\":1,\"\\r\":2}":     "{\"\\r\":2,\"\u20ac\":1}",
		` null `:                       `null`,
		`{"x":{"z":[],"y":{}},"w":""}`: `{"w":"","x":{"y":{},"z":[]}}`,
	} {
		if got, err := JSON([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v), want %s", in, got, err, want)
		}
	}
}

func TestAmbiguousJSONIsRefused(t *testing.T) {
	for _, in := range []string{`{"a":1,"a":2}`, `{} {}`, "\"\xff\"", `{"a":}`, ``, `nul`, "[1,]"} {
		if got, err := JSON([]byte(in)); err == nil {
			t.Errorf("%q becomes %s", in, got)
		}
	}
}

func TestDeepNestingIsRefusedBeforeItIsParsed(t *testing.T) {
	if _, err := JSON([]byte(strings.Repeat("[", 100_000))); !errors.Is(err, ErrTooDeep) {
		t.Errorf("100,000 brackets give %v", err)
	}
	if _, err := JSON([]byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth))); err != nil {
		t.Errorf("%d levels give %v", MaxDepth, err)
	}
}

func FuzzTheCanonicalFormIsAFixedPoint(f *testing.F) {
	f.Add([]byte(`{"b":[1.5,"\u00e9"],"a":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		once, err := JSON(append([]byte(nil), data...))
		if err != nil {
			return
		}
		first := string(once)
		twice, err := JSON(once)
		if err != nil || string(twice) != first {
			t.Errorf("%q becomes %q, then %q (%v)", data, first, twice, err)
		}
	})
}
