package bench

import (
	"math/bits"
	"time"
)

const (
	steps    = 64   // linear steps in each power of two: at most 1.6 % too high
	quantity = 2304 // buckets; the last holds all beyond about 18 minutes
)

// histogram counts durations. The zero value is empty.
type histogram struct {
	counts [quantity]uint64
	n      uint64
	most   time.Duration
}

func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < steps {
		return int(v)
	}
	e := bits.Len64(v) - 7
	return min(e*steps+int(v>>e), quantity-1)
}

// upper is the largest duration of a bucket.
func upper(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i)
	}
	e := i/steps - 1
	return time.Duration((i-e*steps+1)<<e - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
	h.most = max(h.most, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.most = max(h.most, o.most)
}

// quantile returns a duration that the share q, from 0 to 1, does not exceed; 0
// when nothing was counted.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.n)+0.5), 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(upper(i), h.most)
		}
	}
	return h.most
}
