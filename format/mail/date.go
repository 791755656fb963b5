package mail

import (
	"strconv"
	"strings"
	"time"
)

// zoneMinutes knows the zone names of RFC 5322 section 4.3 and a few in common
// use, in minutes east of UTC. Other names say nothing and count as UTC, as that section rules.
func zoneMinutes(name string) (int, bool) {
	switch name {
	case "UT", "UTC", "GMT", "Z", "WET":
		return 0, true
	case "BST", "CET", "MET", "WEST":
		return 60, true
	case "CEST", "EET", "MEST", "SAST":
		return 120, true
	case "MSK", "EEST":
		return 180, true
	case "IST":
		return 330, true
	case "JST", "KST":
		return 540, true
	case "AEST":
		return 600, true
	case "EDT":
		return -240, true
	case "EST", "CDT":
		return -300, true
	case "CST", "MDT":
		return -360, true
	case "MST", "PDT":
		return -420, true
	case "PST":
		return -480, true
	}
	return 0, false
}

// parseDate reads a Date field: RFC 5322, its obsolete forms, asctime, ISO
// 8601, and any order of day, month name, year, time and zone.
func parseDate(s string) (time.Time, bool) {
	s = strings.TrimSpace(s[:min(len(s), 300)])
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return usable(t)
		}
	}
	d := dateParts{day: -1, year: -1, hour: -1}
	for i := 0; i < 5 && strings.Contains(s, "("); i++ {
		s = dropComments(s)
	}
	for _, token := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\r' || r == '\n' || r == '"' }) {
		d.take(token)
	}
	return d.time()
}

type dateParts struct {
	day, year, hour, minute, second int
	month                           time.Month
	offset                          int // seconds east of UTC
	zoned                           bool
	afternoon, morning              bool
}

func (d *dateParts) take(token string) {
	number, err := strconv.Atoi(token)
	switch upper := strings.ToUpper(token); {
	case (token[0] == '+' || token[0] == '-') && len(token) >= 3 && d.hour >= 0:
		d.zone(token)
	case err == nil:
		d.number(number, len(token))
	case strings.Count(token, ":") >= 1 || strings.Count(token, ".") == 2 && d.hour < 0 && d.month != 0:
		d.clock(strings.ReplaceAll(token, ".", ":"))
	case d.month == 0 && d.isoDay(strings.ReplaceAll(token, "/", "-")):
	case strings.Count(token, "-") == 2: // 5-Mar-1999
		for _, piece := range strings.Split(token, "-") {
			if piece != "" {
				d.take(piece)
			}
		}
	case upper == "AM":
		d.morning = true
	case upper == "PM":
		d.afternoon = true
	case d.month == 0 && monthOf(upper) != 0:
		d.month = monthOf(upper)
	case d.hour >= 0 && !d.zoned:
		if i := strings.IndexAny(token, "+-"); i > 0 && len(token) > i+2 { // GMT+0100
			d.zone(token[i:])
			return
		}
		if minutes, ok := zoneMinutes(upper); ok {
			d.offset, d.zoned = minutes*60, true
		}
	}
}

// isoDay reads 2002-09-14.
func (d *dateParts) isoDay(token string) bool {
	t, err := time.Parse(time.DateOnly, token)
	if err != nil {
		return false
	}
	d.year, d.month, d.day = t.Year(), t.Month(), t.Day()
	return true
}

func (d *dateParts) number(n, digits int) {
	switch {
	case n < 0:
	case d.day < 0 && n >= 1 && n <= 31 && digits <= 2:
		d.day = n
	case d.year < 0 && digits <= 4:
		switch d.year = n; { // RFC 5322 section 4.3
		case digits <= 2 && n < 50:
			d.year += 2000
		case digits <= 3:
			d.year += 1900
		}
	}
}

func (d *dateParts) clock(token string) {
	parts := strings.SplitN(token, ":", 3)
	values := [3]int{}
	for i, part := range parts {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			return
		}
		values[i] = n
		if i == len(parts)-1 && end < len(part) && (part[end] == '+' || part[end] == '-') {
			defer d.zone(part[end:])
		}
	}
	if d.hour >= 0 || values[0] > 23 || values[1] > 59 || values[2] > 60 {
		return
	}
	d.hour, d.minute, d.second = values[0], values[1], min(values[2], 59)
}

// zone reads +hhmm, +hh:mm or +hh.
func (d *dateParts) zone(token string) {
	digits := strings.ReplaceAll(token[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if d.zoned || err != nil || n < 0 || len(digits) > 4 {
		return
	}
	if len(digits) <= 2 {
		n *= 100
	}
	if n/100 > 23 || n%100 > 59 {
		return
	}
	if d.offset = (n/100*60 + n%100) * 60; token[0] == '-' {
		d.offset = -d.offset
	}
	d.zoned = true
}

func (d *dateParts) time() (time.Time, bool) {
	if d.day < 0 || d.month == 0 || d.year < 0 {
		return time.Time{}, false
	}
	hour := max(d.hour, 0)
	if d.afternoon && hour < 12 {
		hour += 12
	}
	if d.morning && hour == 12 {
		hour = 0
	}
	zone := time.UTC
	if d.offset != 0 {
		zone = time.FixedZone("", d.offset)
	}
	t := time.Date(d.year, d.month, d.day, hour, d.minute, d.second, 0, zone)
	if t.Day() != d.day {
		return time.Time{}, false // 31 February
	}
	return usable(t)
}

// usable refuses what RFC 3339 cannot write.
func usable(t time.Time) (time.Time, bool) {
	_, offset := t.Zone()
	return t, t.Year() >= 1 && t.Year() <= 9999 && offset > -86400 && offset < 86400
}

func monthOf(upper string) time.Month {
	if len(upper) < 3 || len(upper) > 9 {
		return 0
	}
	if i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", upper[:3]); i >= 0 && i%3 == 0 {
		return time.Month(i/3 + 1)
	}
	return 0
}
