package child_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/crank-platform/crank/kit/child"
)

// A program must call child.Main first thing in its main function (this
// package's tests do in TestMain).
func ExampleRun() {
	res, err := child.Run(context.Background(), child.Spec{
		Path:    "tr",
		Args:    []string{"a-z", "A-Z"},
		Stdin:   strings.NewReader("a word"),
		Timeout: 10 * time.Second,
		Limits:  child.Limits{Memory: 64 << 20, Processes: 4},
	})
	fmt.Println(string(res.Stdout), res.ExitCode, err)
	// Output: A WORD 0 <nil>
}
