//go:build !race

package harness_test

import "time"

const (
	oddMemory = 256 << 20
	oddTime   = 3 * time.Second
	racing    = false
)
