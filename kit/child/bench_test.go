package child_test

import (
	"os/exec"
	"testing"

	"github.com/crank-platform/crank/kit/child"
)

func BenchmarkRunOfTrue(b *testing.B) {
	child.Capabilities()
	for b.Loop() {
		if _, err := child.Run(b.Context(), child.Spec{Path: "/bin/true"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareTrue is the same without us, for comparison.
func BenchmarkBareTrue(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	p := start(b, echo(b))
	msg := make([]byte, 1024)
	for b.Loop() {
		if _, _, err := p.Exchange(b.Context(), msg); err != nil {
			b.Fatal(err)
		}
	}
}
