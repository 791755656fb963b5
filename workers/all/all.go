// Package all is the list of the workers that are built in.
package all

import (
	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/workers/document"
	"github.com/crank-platform/crank/workers/email"
)

// Workers returns a new list.
func Workers() []crank.Worker {
	return []crank.Worker{
		document.New(),
		email.New(),
	}
}
