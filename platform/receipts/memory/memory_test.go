package memory_test

import (
	"testing"

	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/receipts/memory"
	"github.com/crank-platform/crank/platform/receipts/receiptstest"
)

// place keeps its store: a crash of memory that keeps what was committed shows
// what the journal makes of it.
type place struct{ store *memory.Store }

func (p place) Open(*testing.T) receipts.Store  { return p.store }
func (p place) Crash(*testing.T) receipts.Store { return p.store }
func (p place) Fill(*testing.T) bool            { return false }
func (p place) Free(*testing.T)                 {}

func TestMemoryKeepsAJournal(t *testing.T) {
	receiptstest.Run(t, func(*testing.T) receiptstest.Place { return place{memory.New()} })
}
