package status

import (
	"testing"

	"github.com/crank-platform/crank"
)

func TestEveryKindAndCodeHasAWordOnEveryWire(t *testing.T) {
	for _, k := range crank.Kinds() {
		s, ok := table[k]
		if !ok || s.HTTP < 400 || s.GRPC == 0 || s.RPC >= 0 || s.Exit == 0 {
			t.Errorf("%s is called %+v", k, s)
		}
	}
	for _, c := range crank.Codes() {
		about := c.About()
		if about.Title == "" || about.Mend == "" {
			t.Errorf("%s has no title or mend", c)
		}
		if s := Of(crank.E(c, "x")); s.HTTP < 400 || s.Exit == 0 {
			t.Errorf("%s is called %+v", c, s)
		}
	}
}

func TestAKindSurvivesItsText(t *testing.T) {
	for _, k := range crank.Kinds() {
		text, _ := k.MarshalText()
		var back crank.Kind
		if err := back.UnmarshalText(text); err != nil || back != k {
			t.Errorf("%s comes back as %s (%v)", k, back, err)
		}
	}
}
