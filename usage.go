package crank

// Usage is what a call used, one reading a meter.
type Usage []Reading

// Reading is how much of a meter a call used, how that is known and who says so.
type Reading struct {
	Meter    string `json:"meter" cbor:"1,keyasint"`
	Quantity int64  `json:"quantity" cbor:"2,keyasint"` // in the meter's unit, which its name ends with
	Method   Method `json:"method" cbor:"3,keyasint"`
	Source   Source `json:"source" cbor:"4,keyasint"`
}

// The meters that the platform and the harness keep. Workers add their own
// ("pages", "messages", "tokens_in"...). Names match [a-z][a-z0-9_]*.
const (
	MeterCalls       = "calls"        // 1 for each call that ended well
	MeterInputBytes  = "input_bytes"  // canonical JSON and blobs
	MeterOutputBytes = "output_bytes" // canonical JSON and blobs
	MeterWallMicros  = "wall_us"      // microseconds from send to answer
	MeterCPUMicros   = "cpu_us"       // microseconds on a CPU, user and system
	MeterMemoryBytes = "memory_bytes" // largest resident set
)

// Method says how a reading is known.
type Method uint8

// Measured means counted by the operating system or by bytes; estimated means anything less.
const (
	Measured Method = iota + 1
	Estimated
)

// Source says who took a reading.
type Source uint8

// The sources, from the most to the least trusted.
const (
	SourcePlatform Source = iota + 1
	SourceHarness
	SourceWorker
)

// Of returns the quantity of a meter, 0 where there is no reading of it.
func (u Usage) Of(meter string) int64 {
	for _, r := range u {
		if r.Meter == meter {
			return r.Quantity
		}
	}
	return 0
}

func (m Method) String() string { return name(int(m), "measured", "estimated") }
func (s Source) String() string { return name(int(s), "platform", "harness", "worker") }

// MarshalText writes the method's name.
func (m Method) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a method's name; one it does not know is Estimated.
func (m *Method) UnmarshalText(b []byte) error {
	*m = Estimated
	if string(b) == "measured" {
		*m = Measured
	}
	return nil
}

// MarshalText writes the source's name.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a source's name; one it does not know is SourceWorker, the least trusted.
func (s *Source) UnmarshalText(b []byte) error {
	*s = SourceWorker
	switch string(b) {
	case "platform":
		*s = SourcePlatform
	case "harness":
		*s = SourceHarness
	}
	return nil
}

func name(i int, names ...string) string {
	if i < 1 || i > len(names) {
		return "unknown"
	}
	return names[i-1]
}
