package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/dispatch/dispatchtest"
	"github.com/crank-platform/crank/platform/dispatch/sqlite"
)

func TestClaims(t *testing.T) {
	dispatchtest.Run(t, func(t *testing.T) func() dispatch.Claims {
		path := filepath.Join(t.TempDir(), "claims.db")
		return func() dispatch.Claims {
			c, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			return c
		}
	})
}
