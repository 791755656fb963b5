//go:build race

package harness_test

// The race detector's own memory counts as the child's.
const oddMemory = 3 << 30
