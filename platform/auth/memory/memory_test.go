package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/auth/authtest"
	"github.com/crank-platform/crank/platform/auth/memory"
)

func TestTheMemoryStoreConforms(t *testing.T) {
	authtest.Run(t, func(t testing.TB) func(auth.Config) (*auth.Keyring, error) {
		store := &memory.Store{}
		return func(c auth.Config) (*auth.Keyring, error) {
			c.Store = store
			return auth.New(t.Context(), c)
		}
	})
}
