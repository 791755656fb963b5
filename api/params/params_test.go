package params

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
)

const schema = `{"type":"object","additionalProperties":false,"properties":{
	"to":{"type":"string"},"nested":{"type":"boolean"},"n":{"type":"integer"},"list":{"type":"array"},
	"style":{"type":"object","properties":{"css":{"type":"string"}}}}}`

func TestTextBecomesWhatTheSchemaAsks(t *testing.T) {
	input := map[string]any{}
	for _, p := range [][2]string{{"to", "1"}, {"nested", "true"}, {"n", "-3"}, {"list", `["a"]`}, {"style.css", "x"}} {
		if err := Set(json.RawMessage(schema), input, p[0], p[1]); err != nil {
			t.Error(err)
		}
	}
	got, err := json.Marshal(input)
	if want := `{"list":["a"],"n":-3,"nested":true,"style":{"css":"x"},"to":"1"}`; err != nil || string(got) != want {
		t.Errorf("input is %s, want %s", got, want)
	}
}

func TestWhatDoesNotFitIsToldWithTheNearestName(t *testing.T) {
	for _, p := range [][2]string{{"nestd", "true"}, {"nested", "yes"}, {"n", "one"}, {"n", `"1"`}, {"list", "{}"}, {"style.cs", "x"}} {
		err := Set(json.RawMessage(schema), map[string]any{}, p[0], p[1])
		if p[0] == "style.cs" {
			if err != nil {
				t.Errorf("%s is refused where the schema is open: %v", p[0], err)
			}
			continue
		}
		if !crank.IsKind(err, crank.KindInvalid) {
			t.Errorf("%s=%s gives %v", p[0], p[1], err)
		}
	}
	err := Set(json.RawMessage(schema), map[string]any{}, "nestd", "true")
	if !strings.Contains(crank.AsError(err).Mend, "nested") {
		t.Errorf("the nearest name is not told: %v", crank.AsError(err).Mend)
	}
}
