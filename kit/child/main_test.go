package child_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crank-platform/crank/kit/child"
)

// TestMain also plays the long-lived children of the tests: copies of the test
// program that answer frames.
func TestMain(m *testing.M) {
	child.Main()
	switch os.Getenv("PLAY") {
	case "":
		goleak.VerifyTestMain(m)
	case "echo":
		playEcho()
	case "parent":
		playParent()
	default:
		fmt.Fprintln(os.Stderr, "no such part")
		os.Exit(9)
	}
}

// playEcho answers each frame with its upper case, and does as some words say.
func playEcho() {
	in := bufio.NewReader(os.Stdin)
	var hoard [][]byte
	for {
		msg, err := child.ReadFrame(in, 1<<26)
		if err != nil {
			return
		}
		switch word := string(msg); {
		case word == "crash":
			fmt.Fprintln(os.Stderr, "something is badly wrong")
			os.Exit(7)
		case word == "hang":
			time.Sleep(time.Hour)
		case word == "burn":
			burn(100 * time.Millisecond)
		case word == "burn on":
			for {
			}
		case word == "hoard":
			b := bytes.Repeat([]byte{1}, 64<<20)
			hoard = append(hoard, b)
		case word == "twice":
			child.WriteFrame(os.Stdout, msg)
		case word == "huge":
			msg = make([]byte, 1<<20)
		case strings.HasPrefix(word, "pid"):
			msg = fmt.Appendf(nil, "%d", os.Getpid())
		}
		child.WriteFrame(os.Stdout, bytes.ToUpper(msg))
	}
}

// playParent runs what never ends, to be killed itself.
func playParent() {
	child.Run(context.Background(), child.Spec{
		Path: "sh", Args: []string{"-c", "setsid sleep " + os.Args[1] + " & echo; sleep " + os.Args[1]}, Stdout: os.Stdout,
		Dir: os.Args[2], // nobody would be left to remove one of its own
	})
}

// sh is a Spec that runs a shell script.
func sh(script string) child.Spec {
	return child.Spec{Path: "sh", Args: []string{"-c", script}, Timeout: 30 * time.Second}
}

// python is a Spec that runs a Python program, which the system's own folders
// must hold.
func python(t *testing.T, program string) child.Spec {
	t.Helper()
	for _, p := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		if exec.Command(p, "-c", "").Run() == nil {
			return child.Spec{Path: p, Args: []string{"-c", program}, Timeout: 30 * time.Second}
		}
	}
	t.Skip("no python3 in the system's folders")
	return child.Spec{}
}
