package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/ledger/ledgertest"
	"github.com/crank-platform/crank/platform/ledger/memory"
)

func TestABookOverMemoryKeepsTheContract(t *testing.T) {
	ledgertest.Run(t, ledgertest.Body{Store: func(ledgertest.TB) ledger.Store { return &memory.Store{} }})
}
