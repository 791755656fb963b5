// Package chaos kills a real node, again and again, under load, and counts what
// is left: nothing that was acknowledged may be lost, nothing may be charged or
// done twice, and the books must balance.
//
// It is tests alone: `go test ./lab/chaos` runs 4 rounds, CHAOS_ROUNDS=20 more,
// and CHAOS_SEED=n repeats the choices of a run (not its timing).
package chaos
