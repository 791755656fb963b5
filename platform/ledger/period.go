package ledger

import (
	"time"

	"github.com/crank-platform/crank"
)

// The periods by index, and how many there are.
const (
	day = iota
	month
	total
	periods
)

var periodNames = [periods]crank.Period{crank.PeriodDay, crank.PeriodMonth, crank.PeriodTotal}

func periodIndex(p crank.Period) int {
	for i, name := range periodNames {
		if name == p {
			return i
		}
	}
	return -1
}

const microsPerDay = 24 * 60 * 60 * 1e6

// buckets numbers the day, the month and the whole of time that a moment falls
// into, in UTC. A later period has a higher number.
type buckets [periods]int64

// calendar remembers the last answer, for most moments are of the same day. The
// zero value is right for 1 January 1970.
type calendar struct{ last buckets }

func (c *calendar) at(micros int64) buckets {
	d := micros / microsPerDay
	if micros%microsPerDay < 0 {
		d--
	}
	if d != c.last[day] || c.last[month] == 0 {
		t := time.UnixMicro(micros).UTC()
		c.last = buckets{day: d, month: int64(t.Year())*12 + int64(t.Month()) - 1}
	}
	return c.last
}

// end returns when a period is over; the zero time for one that never is.
func (b buckets) end(period int) time.Time {
	switch period {
	case day:
		return time.Unix((b[day]+1)*24*60*60, 0).UTC()
	case month:
		return time.Date(int(b[month]/12), time.Month(b[month]%12)+2, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}
