package exec_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/crank-platform/crank"
)

const lines = `
runtime: {command: [python3, main.py], mode: lines, pool: 2}
operations:
  - capability: w/do@1
    summary: Do it.
    output: true
    properties: {streaming: true}
    limits: {time: 6s, memory: 256MiB}
`

const talker = `
import json, os, sys
for line in sys.stdin:
    q = json.loads(line)
    def say(**kw): print(json.dumps({"id": q["id"], **kw}))
    do = q["input"].get("do")
    if do == "stream":
        for c in "abc": say(chunk={"event": "letter", "data": c})
    if do == "error": say(error={"code": "CRK-1007", "message": "no wheels"}); continue
    if do == "crash": raise ValueError("the axle broke")
    if do == "hang":
        while True: pass
    if do == "chat": print("debug: hello"); continue
    if do == "other": print(json.dumps({"id": "someone", "output": 1})); continue
    if do == "both": say(output=1, error={"message": "x"}); continue
    if do == "file":
        open(os.path.join(q["dir"], "up.txt"), "w").write(open(q["input"]["doc"]["$file"]).read().upper())
        say(output={"$file": "up.txt"}); continue
    say(output={"pid": os.getpid(), "do": do}, usage={"pages": 3})
`

func TestOneProcessAnswersManyCallsLineByLine(t *testing.T) {
	needs(t, "python3")
	w := worker(t, lines, map[string]string{"main.py": talker})
	c := call(t, w)
	pids := map[int]bool{}
	for range 5 {
		r, err := c.do(t.Context(), `{}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out struct{ PID int }
		if err := json.Unmarshal(r.Output, &out); err != nil {
			t.Fatal(err)
		}
		pids[out.PID] = true
		if r.Usage.Of("pages") != 3 || r.Usage.Of(crank.MeterCPUMicros) == 0 {
			t.Errorf("usage is %+v", r.Usage)
		}
	}
	if len(pids) != 1 {
		t.Errorf("five calls took processes %v", pids)
	}
	heard := ""
	r, err := c.do(t.Context(), `{"do":"stream"}`, func(c crank.Chunk) error { heard += c.Event + string(c.Data); return nil })
	if err != nil || heard != "letteraletterbletterc" || r.Usage.Of("pages") != 3 {
		t.Errorf("the stream says %q, %v, %+v", heard, err, r.Usage)
	}
	r, err = c.do(t.Context(), `{"do":"file","doc":`+c.blob("quiet")+`}`, nil)
	if err != nil || c.text(r.Output) != "QUIET" {
		t.Errorf("the file is %s, %v", r.Output, err)
	}
}

func TestAProcessThatBreaksTheProtocolIsReplaced(t *testing.T) {
	needs(t, "python3")
	c := call(t, worker(t, lines, map[string]string{"main.py": talker}))
	for _, want := range []struct {
		do   string
		code crank.Code
		says string
	}{
		{"error", crank.CodeMalformedFile, "no wheels"},
		{"crash", crank.CodeWorkerFailed, "ValueError: the axle broke"},
		{"hang", crank.CodeDeadline, "longer than its limit"},
		{"chat", crank.CodeWorkerOutput, "one JSON value on one line"},
		{"other", crank.CodeWorkerOutput, "not the call's"},
		{"both", crank.CodeWorkerOutput, "one of"},
	} {
		_, err := c.do(t.Context(), `{"do":"`+want.do+`"}`, nil)
		if e := crank.AsError(err); e == nil || e.Code != want.code || !strings.Contains(e.Message, want.says) {
			t.Errorf("%s ends with %v, want %s that says %q", want.do, err, want.code, want.says)
		}
		if r, err := c.do(t.Context(), `{"do":"next"}`, nil); err != nil || !strings.Contains(string(r.Output), "next") {
			t.Errorf("after %s the next call ends with %s, %v", want.do, r.Output, err)
		}
	}
	gone := errors.New("gone")
	if _, err := c.do(t.Context(), `{"do":"stream"}`, func(crank.Chunk) error { return gone }); err == nil {
		t.Error("a stream without a listener ends well")
	}
}

func TestCallsAtOnceNeverGetEachOthersAnswer(t *testing.T) {
	needs(t, "python3")
	c := call(t, worker(t, lines, map[string]string{"main.py": talker}))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			word := strings.Repeat("x", i+1)
			r, err := c.do(t.Context(), `{"do":"`+word+`"}`, nil)
			if err != nil || !strings.Contains(string(r.Output), `"`+word+`"`) {
				t.Errorf("%s gets %s, %v", word, r.Output, err)
			}
		})
	}
	all.Wait()
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}
