//go:build !unix

package child_test

import "time"

// burn keeps a processor busy for d, as far as the machine lets it.
func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
