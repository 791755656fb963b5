//go:build !race

package harness_test

const oddMemory = 256 << 20
