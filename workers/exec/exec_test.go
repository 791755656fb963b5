package exec_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/harness"
	"github.com/crank-platform/crank/harness/harnesstest"
	"github.com/crank-platform/crank/kit/child"
	"github.com/crank-platform/crank/workers/exec"
)

func TestMain(m *testing.M) {
	child.Main()
	os.Exit(m.Run())
}

const header = "version: 1\nworker: w\nprovider: me\n"

// worker writes a folder and loads it.
func worker(t testing.TB, yaml string, files map[string]string) *exec.Worker {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "worker.yaml", header+yaml)
	for name, text := range files {
		write(t, dir, name, text)
	}
	w, err := exec.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// caller calls a worker through a harness.
type caller struct {
	t     testing.TB
	host  *harness.Host
	blobs *harnesstest.Blobs
}

func call(t testing.TB, w *exec.Worker) caller {
	t.Helper()
	blobs := &harnesstest.Blobs{}
	host, err := harness.New(harness.Config{Blobs: blobs, Spool: t.TempDir()}, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return caller{t, host, blobs}
}

func (c caller) do(ctx context.Context, input string, sink func(crank.Chunk) error) (crank.Result, error) {
	return c.host.Handle(ctx, crank.Call{
		ID: "call_1", Capability: "w/do@1", Input: json.RawMessage(input), Deadline: time.Now().Add(time.Minute),
		Principal: crank.Principal{Payer: crank.Payer{Tenant: "t"}},
	}, crank.Offer{}, sink)
}

func (c caller) blob(text string) string {
	c.t.Helper()
	ref, err := c.blobs.Put(c.t.Context(), "t", strings.NewReader(text), crank.Digest{})
	if err != nil {
		c.t.Fatal(err)
	}
	ref.Name, ref.MediaType = "../we ird.txt", "text/plain"
	b, _ := json.Marshal(ref)
	return string(b)
}

func (c caller) text(output json.RawMessage) string {
	c.t.Helper()
	refs, err := crank.BlobRefs(output)
	if err != nil || len(refs) != 1 {
		c.t.Fatalf("%s refers to %v, %v", output, refs, err)
	}
	r, _, err := c.blobs.Open(c.t.Context(), "t", refs[0].Digest)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

const operation = `
operations:
  - capability: w/do@1
    summary: Do it.
    output: true
    limits: {time: 20s, memory: 256MiB}
    errors: [{code: CRK-4009, retryable: true}]
`

func TestACommandReadsItsInputAndPrintsItsOutput(t *testing.T) {
	w := worker(t, "runtime: {command: [sh, main.sh, hello], env: {GREETING: good day}}\n"+operation, map[string]string{
		"main.sh":  `printf '{"got": %s, "arg": "%s", "env": "%s", "cap": "%s", "here": "%s", "part": "%s"}' "$(cat)" "$1" "$GREETING" "$CRANK_CAPABILITY" "$PWD" "$(cat "$CRANK_WORKER_DIR/part.txt")"`,
		"part.txt": "beside",
	})
	r, err := call(t, w).do(t.Context(), `{"a":1}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Got                       struct{ A int }
		Arg, Env, Cap, Here, Part string
	}
	if err := json.Unmarshal(r.Output, &got); err != nil {
		t.Fatal(err)
	}
	if got.Got.A != 1 || got.Arg != "hello" || got.Env != "good day" || got.Cap != "w/do@1" || got.Part != "beside" {
		t.Errorf("output is %s", r.Output)
	}
	if _, err := os.Stat(got.Here); !os.IsNotExist(err) {
		t.Errorf("the call's folder %s is still there: %v", got.Here, err)
	}
	for _, u := range r.Usage {
		if u.Method != crank.Measured || u.Source != crank.SourceHarness {
			t.Errorf("usage %+v was not measured by the harness", u)
		}
	}
	if r.Usage.Of(crank.MeterCPUMicros) == 0 || r.Usage.Of(crank.MeterMemoryBytes) == 0 {
		t.Errorf("usage is %+v", r.Usage)
	}
}

func TestFilesComeAndGoThroughTheCallsFolder(t *testing.T) {
	w := worker(t, "runtime: {command: [python3, main.py]}\n"+operation, map[string]string{"main.py": `
import json, sys
q = json.load(sys.stdin)
path = q["list"][0]["doc"]["$file"]
assert q["list"][0]["doc"]["media_type"] == "text/plain"
open("up.txt", "w").write(open(path).read().upper())
print(json.dumps({"result": {"$file": "up.txt", "media_type": "text/plain"}}))
`})
	if _, err := osexec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	c := call(t, w)
	r, err := c.do(t.Context(), `{"list":[{"doc":`+c.blob("quiet")+`}]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := c.text(r.Output); text != "QUIET" || !strings.Contains(string(r.Output), `"media_type":"text/plain"`) {
		t.Errorf("%q in %s", text, r.Output)
	}
}

func TestAFilterIsAWorker(t *testing.T) {
	w, err := exec.FromFlags(exec.Spec{
		Name: "w", Capability: "w/do@1", Dir: t.TempDir(),
		Runtime: exec.Runtime{Command: []string{"tr", "a-z", "A-Z"}, Stdin: exec.File, Stdout: exec.File},
		Price:   crank.Money{Micros: 5, Asset: "USD"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := call(t, w)
	for _, input := range []string{c.blob("quiet"), `"quiet"`} {
		r, err := c.do(t.Context(), `{"file":`+input+`}`, nil)
		if err != nil || c.text(r.Output) != "QUIET" {
			t.Errorf("output is %s, %v", r.Output, err)
		}
	}
}

func TestEveryWayToFailHasItsOwnWordsAndLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		name, script string
		code         crank.Code
		says         string
	}{
		{"exits 1", `echo secret >&2; echo "the third wheel is missing" >&2; exit 1`, crank.CodeWorkerFailed, "exit status 1: the third wheel is missing"},
		{"exits 1 silently", `exit 1`, crank.CodeWorkerFailed, "said nothing"},
		{"names its error", `echo '{"error":{"code":"CRK-1007","message":"no wheels"}}'; exit 1`, crank.CodeMalformedFile, "no wheels"},
		{"names a declared error", `echo '{"error":{"code":"CRK-4009","message":"later"}}'; exit 1`, crank.CodeOverloaded, "later"},
		{"names an error not its own", `echo '{"error":{"code":"CRK-2101","message":"denied"}}'; exit 1`, crank.CodeWorkerFailed, "denied"},
		{"never ends", `sleep 1000 & sleep 1000`, crank.CodeDeadline, "longer than its limit of 1s"},
		{"spins", `while :; do :; done`, crank.CodeDeadline, "limit"},
		{"forks", `f() { f | f & }; f; sleep 1000`, crank.CodeWorkerLimit, "more processes"},
		{"floods stdout", `while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done`, crank.CodeWorkerLimit, "printed more than"},
		{"floods stderr", `head -c 3000000 /dev/zero | tr '\0' x >&2; exit 3`, crank.CodeWorkerFailed, "exit status 3"},
		{"no JSON", `echo hello`, crank.CodeWorkerOutput, "not one JSON value"},
		{"two values", `echo '{}{}'`, crank.CodeWorkerOutput, "not one JSON value"},
		{"nothing", `:`, crank.CodeWorkerOutput, "printed nothing"},
		{"kills itself", `kill -9 $$`, crank.CodeWorkerFailed, "signal"},
		{"a file outside", `echo '{"$file":"../../etc/passwd"}'`, crank.CodeWorkerOutput, "outside"},
		{"an absolute file outside", `echo '{"$file":"/etc/passwd"}'`, crank.CodeWorkerOutput, "outside"},
		{"a link outside", `ln -s /etc/passwd x; echo '{"$file":"x"}'`, crank.CodeWorkerOutput, "not in the call's folder"},
		{"a pipe for a file", `mkfifo x; echo '{"$file":"x"}'`, crank.CodeWorkerOutput, "no file"},
		{"a folder for a file", `mkdir x; echo '{"$file":"x"}'`, crank.CodeWorkerOutput, "no file"},
		{"no such file", `echo '{"$file":"x"}'`, crank.CodeWorkerOutput, "not in the call's folder"},
		{"someone else's blob", `echo '{"$blob":"sha256:` + strings.Repeat("0", 64) + `"}'`, crank.CodeWorkerOutput, "was not given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			yaml := operation
			if strings.Contains(c.says, "limit") {
				yaml = strings.Replace(operation, "20s", "1s", 1)
			}
			w := worker(t, "runtime: {command: [sh, main.sh]}\n"+yaml, map[string]string{"main.sh": c.script})
			_, err := call(t, w).do(t.Context(), `{}`, nil)
			e := crank.AsError(err)
			if e == nil || e.Code != c.code || !strings.Contains(e.Message, c.says) {
				t.Errorf("ends with %v, want %s that says %q", err, c.code, c.says)
			} else if strings.Contains(e.Message, "secret") || len(e.Message) > 500 {
				t.Errorf("says too much: %s", e.Message)
			}
			if left := running(); left != "" {
				t.Errorf("still running: %s", left)
			}
		})
	}
}

func TestACommandThatTakesTooMuchMemoryIsStopped(t *testing.T) {
	needs(t, "python3")
	if !child.Capabilities().Measured {
		t.Skip("this machine does not measure a running child's memory")
	}
	w := worker(t, "runtime: {command: [python3, main.py]}\n"+operation, map[string]string{
		"main.py": "a = []\nwhile True: a.append(bytearray(b'x' * (4 << 20)))\n",
	})
	_, err := call(t, w).do(t.Context(), `{}`, nil)
	if e := crank.AsError(err); e == nil || e.Code != crank.CodeWorkerLimit || !strings.Contains(e.Message, "memory") {
		t.Errorf("ends with %v", err)
	}
}

// running lists processes that sleep for 1000 s: what the scripts above leave.
func running() string {
	out, err := osexec.Command("sh", "-c", `for p in /proc/[0-9]*; do tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -x 'sleep 1000 '; done`).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

func TestACallThatIsCancelledStopsTheCommand(t *testing.T) {
	w := worker(t, "runtime: {command: [sh, -c, sleep 1000]}\n"+operation, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err := call(t, w).do(ctx, `{}`, nil)
	if crank.KindOf(err) != crank.KindCancelled {
		t.Errorf("ends with %v", err)
	}
	if left := running(); left != "" {
		t.Errorf("still running: %s", left)
	}
}

func TestTheSandboxHoldsACommandToItsFolder(t *testing.T) {
	if s := child.Capabilities(); s.Landlock == 0 || !s.NetworkDenied {
		t.Skipf("this machine cannot confine files and network: %v", s.Notes)
	}
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, filepath.Dir(outside), "secret", "swordfish")
	w := worker(t, "runtime: {command: [sh, main.sh]}\n"+operation, map[string]string{"main.sh": `
if cat ` + outside + ` 2>/dev/null; then exit 7; fi
if echo x 2>/dev/null >"$CRANK_WORKER_DIR/main.sh"; then exit 8; fi
echo '"held"'`})
	r, err := call(t, w).do(t.Context(), `{}`, nil)
	if err != nil || string(r.Output) != `"held"` {
		t.Errorf("output is %s, %v", r.Output, err)
	}
}

func TestAWorkerThatCannotRunIsRefusedWhenItIsLoaded(t *testing.T) {
	for name, c := range map[string]struct{ yaml, says string }{
		"no program":            {"runtime: {command: [no-such-program-anywhere]}\n" + operation, "is not found; install it"},
		"no script":             {"runtime: {command: [./worker]}\n" + operation, "build it"},
		"no command":            {"runtime: {}\n" + operation, "runtime.command"},
		"no runtime":            {operation, "runtime.command"},
		"unknown key":           {"runtime: {comand: [sh]}\n" + operation, `is it "command"?`},
		"a file without a name": {"runtime: {command: [cat], stdin: file}\n" + operation, "file.in"},
		"lines of files":        {"runtime: {command: [cat], stdin: file, mode: lines}\n" + operation, "mode lines"},
		"an undeclared network": {"runtime: {command: [cat], network: true}\n" + operation, "egress"},
		"a reserved variable":   {"runtime: {command: [cat], env: {CRANK_CALL: x}}\n" + operation, "cannot be set"},
	} {
		dir := t.TempDir()
		write(t, dir, "worker.yaml", header+c.yaml)
		_, err := exec.Load(dir)
		e := crank.AsError(err)
		if e == nil || e.Code != crank.CodeManifest || !strings.Contains(e.Error()+e.Mend, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
