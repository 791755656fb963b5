//go:build race

package auth_test

// The race detector makes sync.Pool forget at random.
const raced = true
