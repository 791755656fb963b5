package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/crank-platform/crank/app"
	"github.com/crank-platform/crank/kit/child"
)

// The test binary is the program: scripts run it as crank, the node runs it for
// its workers' children.
func TestMain(m *testing.M) {
	child.Main()
	if served, err := app.ServeChild(); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	testscript.Main(m, map[string]func(){"crank": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CRANK_DATA_DIR", filepath.Join(e.WorkDir, "data"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits NAME CODE ARGS... runs crank and expects that exit code.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE ARGS...")
				}
				// The shell is there wherever the scripts' workers run.
				line := `"$@"; test $? -eq ` + args[0]
				if err := ts.Exec("sh", append([]string{"-c", line, "sh", "crank"}, args[1:]...)...); err != nil {
					ts.Fatalf("crank %s does not exit with %s", strings.Join(args[1:], " "), args[0])
				}
			},
			// replace FILE OLD NEW changes the first OLD in a file.
			"replace": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0])
				if !strings.Contains(text, args[1]) {
					ts.Fatalf("%s does not hold %q", args[0], args[1])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
			},
			// keep ENV sets a variable to what was printed last.
			"keep": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
			},
		},
	})
}
