package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/tenancy"
	"github.com/crank-platform/crank/platform/tenancy/memory"
	"github.com/crank-platform/crank/platform/tenancy/tenancytest"
)

func TestTheMemoryStoreConforms(t *testing.T) {
	tenancytest.Run(t, func(t testing.TB) func() tenancy.Service {
		store := &memory.Store{}
		return func() tenancy.Service {
			d, err := tenancy.New(t.Context(), tenancy.Config{Store: store})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	})
}
