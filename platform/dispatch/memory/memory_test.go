package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/dispatch/dispatchtest"
	"github.com/crank-platform/crank/platform/dispatch/memory"
)

func TestClaims(t *testing.T) {
	dispatchtest.Run(t, func(*testing.T) func() dispatch.Claims {
		c := &memory.Claims{}
		return func() dispatch.Claims { return c }
	})
}
