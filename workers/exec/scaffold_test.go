package exec_test

import (
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	"github.com/crank-platform/crank/workers/exec"
)

func TestANewWorkerOfEveryLanguageRunsItsOwnExamples(t *testing.T) {
	program := map[string]string{"python": "python3", "node": "node", "shell": "sh", "go": "go"}
	for _, lang := range exec.Languages() {
		t.Run(lang, func(t *testing.T) {
			needs(t, program[lang])
			dir := filepath.Join(t.TempDir(), "hello")
			if err := exec.New(dir, "hello", lang); err != nil {
				t.Fatal(err)
			}
			if lang == "go" {
				if _, err := exec.Load(dir); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeManifest {
					t.Errorf("before it is built it loads with %v", err)
				}
				build := osexec.Command("go", "build", "-o", "worker", ".")
				build.Dir = dir
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			w, err := exec.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			harnesstest.Run(t, w, harness.Config{}, filepath.Join(dir, "testdata"))
			if err := exec.New(dir, "hello", lang); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeExists {
				t.Errorf("a folder that holds something is overwritten: %v", err)
			}
		})
	}
	for _, c := range [][2]string{{"hello", "cobol"}, {"Hello", "python"}, {"me.hello", "python"}, {"../x", "python"}, {"", "python"}} {
		if err := exec.New(filepath.Join(t.TempDir(), "x"), c[0], c[1]); crank.AsError(err) == nil || crank.AsError(err).Code != crank.CodeUsage {
			t.Errorf("name %q in %s gives %v", c[0], c[1], err)
		}
	}
}
