package tessera

import (
	"context"

	"github.com/transparency-dev/tessera"
)

// nativeDriver is an openDriver: Tessera's own needs POSIX record locks and does
// not build here.
func nativeDriver(ctx context.Context, l *Log) (tessera.Driver, func(), error) {
	return portableDriver(ctx, l)
}
