package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/secrets/memory"
	"github.com/crank-platform/crank/platform/secrets/secretstest"
)

func TestTheMemoryStoreConforms(t *testing.T) {
	secretstest.Run(t, func(testing.TB) func() secrets.Store {
		store := &memory.Store{}
		return func() secrets.Store { return store }
	})
}
