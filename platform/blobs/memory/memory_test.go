package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/blobstest"
	"github.com/crank-platform/crank/platform/blobs/memory"
)

func TestBlobs(t *testing.T) {
	blobstest.Run(t, func(*testing.T) func() blobs.Store {
		s := &memory.Store{}
		return func() blobs.Store { return s }
	})
}
