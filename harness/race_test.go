//go:build race

package harness_test

import "time"

// The race detector's own memory counts as the child's, and filling it takes time.
const (
	oddMemory = 3 << 30
	oddTime   = 5 * time.Second
	racing    = true // the detector dies at a wall of memory before Go does
)
