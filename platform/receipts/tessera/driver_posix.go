//go:build !windows

package tessera

import (
	"context"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
)

// nativeDriver is an openDriver: Tessera's own.
func nativeDriver(ctx context.Context, l *Log) (tessera.Driver, func(), error) {
	d, err := posix.New(ctx, posix.Config{Path: l.c.Dir})
	return d, func() {}, err
}
