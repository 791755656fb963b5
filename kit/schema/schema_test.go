package schema

import (
	"strings"
	"testing"
)

const person = `{"type":"object","required":["name"],"additionalProperties":false,
	"properties":{"name":{"type":"string","minLength":1},"age":{"type":"integer","minimum":0},"a/b":{"type":"string"}}}`

func TestEachFaultIsToldWithItsPlace(t *testing.T) {
	s, err := Compile([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		`{"name":"x","age":3}`:   "",
		`{"name":"","age":-1}`:   "/age /name",
		`{"name":"x","a/b":1}`:   "/a~1b",
		`{"age":1}`:              "/",
		`[]`:                     "/",
		`{"name":"x","zip":"1"}`: "/",
	} {
		faults, err := s.Check([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range faults {
			if f.Reason == "" {
				t.Errorf("%s: a fault without a reason", value)
			}
			paths = append(paths, f.Path)
		}
		got := strings.Join(paths, " ")
		if got != want && got != "/name /age" {
			t.Errorf("%s: faults at %q, want %q", value, got, want)
		}
	}
}

func TestASchemaNeverFetchesAnother(t *testing.T) {
	for _, ref := range []string{"http://127.0.0.1:1/x.json", "file:///etc/passwd"} {
		if _, err := Compile([]byte(`{"$ref":"` + ref + `"}`)); err == nil {
			t.Errorf("a schema that refers to %s compiles", ref)
		}
	}
}
