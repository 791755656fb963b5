package document_test

import (
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/workers/document"
)

// prose is Markdown of about 10 KB with every usual element.
func prose() []byte {
	const section = "## A section\n\nSome *text* with **marks**, `code` and [a link](https://example.org/).\n\n" +
		"- one\n- two\n  - nested\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n```go\nfmt.Println(1)\n```\n\n> said\n\n"
	return []byte(strings.Repeat(section, 10<<10/len(section)))
}

func BenchmarkConvert(b *testing.B) {
	for _, c := range []struct {
		name string
		file []byte
		to   string
	}{
		{"md-10KB-to-html", prose(), "html"},
		{"docx-to-md", minutes(b), "md"},
	} {
		for _, isolation := range isolations {
			b.Run(c.name+"/"+isolation, func(b *testing.B) {
				bench := newBench(b, isolation)
				input := map[string]any{"file": bench.put(b, c.file, "file", ""), "to": c.to}
				bench.must(b, "convert", input) // starts the child
				b.SetBytes(int64(len(c.file)))
				b.ReportAllocs()
				var cpu int64
				for b.Loop() {
					r, err := bench.call(b, "convert", input)
					if err != nil {
						b.Fatal(err)
					}
					cpu += r.Usage.Of(crank.MeterCPUMicros)
				}
				b.ReportMetric(float64(cpu)/float64(b.N), "cpu_us/op") // of the worker; inproc it is wall time
			})
		}
	}
}

// BenchmarkManifest is what each child pays when it starts.
func BenchmarkManifest(b *testing.B) {
	for b.Loop() {
		document.New().Manifest()
	}
}
