package child_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank/kit/child"
)

// echo is a Spec of the copy of this program that TestMain plays.
func echo(t testing.TB) child.Spec {
	t.Helper()
	self, err := child.Self()
	if err != nil {
		t.Fatal(err)
	}
	return child.Spec{Path: self, Env: []string{"PLAY=echo"}, Timeout: 30 * time.Second}
}

func start(t testing.TB, s child.Spec) *child.Proc {
	t.Helper()
	p, err := child.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestAProcAnswersManyMessagesOfAnySize(t *testing.T) {
	p := start(t, echo(t))
	for _, n := range []int{0, 1, 4095, 4096, 4097, 70_000, 3 << 20} {
		reply, _, err := p.Exchange(t.Context(), []byte(strings.Repeat("a", n)))
		if err != nil || string(reply) != strings.Repeat("A", n) {
			t.Fatalf("of %d bytes %d came back, %v", n, len(reply), err)
		}
	}
	if p.Uses() != 7 {
		t.Errorf("Uses() = %d", p.Uses())
	}
}

func TestEachExchangeIsChargedItsOwnProcessorTime(t *testing.T) {
	p := start(t, echo(t))
	_, idle, err := p.Exchange(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	_, busy, err := p.Exchange(t.Context(), []byte("burn"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, err := p.Exchange(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if !child.Capabilities().Measured {
		t.Skip("the tree is not measured on this system")
	}
	if idle.CPU <= 0 || busy.CPU < 10*after.CPU {
		t.Errorf("charged %v, then %v for work, then %v", idle.CPU, busy.CPU, after.CPU)
	}
	if busy.MaxRSS == 0 {
		t.Error("no memory was measured")
	}
}

func TestACrashNamesTheStatusAndTheLastWords(t *testing.T) {
	p := start(t, echo(t))
	_, _, err := p.Exchange(t.Context(), []byte("crash"))
	var exit *child.ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || !strings.Contains(err.Error(), "badly wrong") {
		t.Errorf("got %v", err)
	}
	if p.Alive() {
		t.Error("it is still called alive")
	}
	if _, _, err := p.Exchange(t.Context(), []byte("x")); err == nil {
		t.Error("the dead answer")
	}
}

func TestAContextThatEndsEndsTheProc(t *testing.T) {
	p := start(t, echo(t))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _, err := p.Exchange(ctx, []byte("hang"))
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, child.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if p.Alive() {
		t.Error("it is still alive, and nobody knows what it will answer next")
	}
}

func TestTheLimitsOfAnExchangeHold(t *testing.T) {
	t.Run("time", func(t *testing.T) {
		s := echo(t)
		s.Timeout = 200 * time.Millisecond
		if _, _, err := start(t, s).Exchange(t.Context(), []byte("hang")); !errors.Is(err, child.ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
	measured := child.Capabilities().Measured
	t.Run("processor time", func(t *testing.T) {
		if !measured {
			t.Skip("the tree is not measured on this system")
		}
		s := echo(t)
		s.Limits.CPU = 300 * time.Millisecond
		p := start(t, s)
		for range 4 { // each is within the limit, all together are not
			if _, _, err := p.Exchange(t.Context(), []byte("burn")); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := p.Exchange(t.Context(), []byte("burn on")); !errors.Is(err, child.ErrCPU) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		if !measured {
			t.Skip("the tree is not measured on this system")
		}
		s := echo(t)
		s.Limits.Memory = 400 << 20
		p := start(t, s)
		var err error
		for i := 0; i < 10 && err == nil; i++ {
			_, _, err = p.Exchange(t.Context(), []byte("hoard"))
		}
		if err == nil {
			t.Error("it could hoard 640 MiB")
		}
	})
}

func TestMessagesThatAreTooLargeAreRefused(t *testing.T) {
	s := echo(t)
	s.MaxFrame = 1000
	p := start(t, s)
	if _, _, err := p.Exchange(t.Context(), make([]byte, 1001)); !errors.Is(err, child.ErrTooBig) {
		t.Errorf("sent: %v", err)
	}
	if _, _, err := p.Exchange(t.Context(), []byte("x")); err != nil {
		t.Errorf("a message that was never sent broke the child: %v", err)
	}
	if _, _, err := p.Exchange(t.Context(), []byte("huge")); !errors.Is(err, child.ErrTooBig) || p.Alive() {
		t.Errorf("received: %v", err)
	}
}

func TestAnAnswerNobodyAskedForNeverPassesForTheNext(t *testing.T) {
	p := start(t, echo(t))
	if _, _, err := p.Exchange(t.Context(), []byte("twice")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // for the second answer to arrive
	reply, _, err := p.Exchange(t.Context(), []byte("mine"))
	if !errors.Is(err, child.ErrProtocol) {
		t.Errorf("got %q, %v", reply, err)
	}
}

func TestStreamsOfMessagesCanBeSentAndReceived(t *testing.T) {
	p := start(t, echo(t))
	for i := range 100 {
		if err := p.Send(t.Context(), fmt.Appendf(nil, "m%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		got, err := p.Recv(t.Context())
		if want := fmt.Sprintf("M%d", i); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

const pyLines = `
import sys, json
for line in sys.stdin:
    q = json.loads(line)
    if q == "junk": print("this is no json", flush=True)
    elif q == "end": sys.exit(0)
    else: print(json.dumps({"got": q}), flush=True)
`

func TestAScriptAnswersLines(t *testing.T) {
	s := python(t, pyLines)
	s.Framing = child.Lines
	p := start(t, s)
	for i := range 50 {
		reply, used, err := p.Exchange(t.Context(), fmt.Appendf(nil, "{\n \"n\": %d }", i))
		if want := fmt.Sprintf(`{"got": {"n": %d}}`, i); err != nil || string(reply) != want {
			t.Fatalf("got %q, %v", reply, err)
		}
		if child.Capabilities().Measured && used.CPU <= 0 {
			t.Errorf("the answer cost %v", used.CPU)
		}
	}
	if _, _, err := p.Exchange(t.Context(), []byte(`{"open":`)); !errors.Is(err, child.ErrProtocol) || !p.Alive() {
		t.Errorf("a question that is no JSON: %v", err)
	}
	if _, _, err := p.Exchange(t.Context(), []byte(`"junk"`)); !errors.Is(err, child.ErrProtocol) || !strings.Contains(err.Error(), "this is no json") {
		t.Errorf("an answer that is no JSON: %v", err)
	}
}

func TestAScriptThatEndsEarlyIsAProtocolError(t *testing.T) {
	s := python(t, pyLines)
	s.Framing = child.Lines
	p := start(t, s)
	if _, _, err := p.Exchange(t.Context(), []byte(`"end"`)); !errors.Is(err, child.ErrProtocol) || !strings.Contains(err.Error(), "status 0") {
		t.Errorf("got %v", err)
	}
}

func TestAScriptThatClosesItsOutputIsEnded(t *testing.T) {
	s := sh(`read line; exec >&-; sleep 60`)
	s.Framing = child.Lines
	p := start(t, s)
	if _, _, err := p.Exchange(t.Context(), []byte(`1`)); !errors.Is(err, child.ErrProtocol) {
		t.Errorf("got %v", err)
	}
}
