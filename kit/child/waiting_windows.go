package child

import "os"

// waiting is not asked here: a pipe's end does not tell without being read.
func waiting(*os.File) int { return 0 }
