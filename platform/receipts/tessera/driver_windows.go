package tessera

import (
	"context"

	"github.com/transparency-dev/tessera"

	"github.com/crank-platform/crank"
)

// newDriver refuses: the log's file driver needs POSIX record locks and folder
// syncs. Reading a log, and package verify, work here as everywhere.
func newDriver(context.Context, string) (tessera.Driver, error) {
	return nil, crank.E(crank.CodeUnimplemented, "the Merkle log cannot be written on Windows").
		Mending("Run the node under Linux, WSL 2 or in a container; the journal is kept here all the same, and the log can be built from it there.")
}
