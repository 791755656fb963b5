package exec_test

import "testing"

func BenchmarkACallOfAShellScript(b *testing.B) {
	benchmark(b, "runtime: {command: [sh, -c, 'read x; echo \"$x\"']}\n"+operation, nil)
}

func BenchmarkACallOfAPythonScript(b *testing.B) {
	benchmark(b, "runtime: {command: [python3, -c, 'print(input())']}\n"+operation, nil)
}

func BenchmarkALineOfAPythonProcess(b *testing.B) {
	benchmark(b, lines, map[string]string{"main.py": talker})
}

func benchmark(b *testing.B, yaml string, files map[string]string) {
	c := call(b, worker(b, yaml, files))
	b.ResetTimer()
	for b.Loop() {
		if _, err := c.do(b.Context(), `{"do":"it"}`, nil); err != nil {
			b.Fatal(err)
		}
	}
}
