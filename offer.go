package crank

import "time"

// Offer is what a worker publishes for one capability: that it can be called
// here, at this price, until the lease ends.
type Offer struct {
	ID          string            `json:"id"`
	Capability  Capability        `json:"capability"`
	Contract    Digest            `json:"contract"` // of the Operation
	Worker      string            `json:"worker"`
	Provider    string            `json:"provider"` // who is paid
	Instance    string            `json:"instance"`
	Incarnation uint64            `json:"incarnation"` // grows at each start of the instance; an older one never returns
	Address     string            `json:"address"`     // on the mesh, such as "inproc:document"
	Plan        Plan              `json:"plan"`
	PlanDigest  Digest            `json:"plan_digest"`
	SLO         SLO               `json:"slo,omitzero"`
	Zone        string            `json:"zone,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Isolation   string            `json:"isolation"`            // "process" or "inproc"
	Untrusted   bool              `json:"untrusted,omitempty"`  // paid only on what the platform itself measures
	Capacity    int               `json:"capacity,omitempty"`   // calls at once; 0 means not said
	Carbon      int64             `json:"carbon_ug,omitempty"`  // micrograms CO2e a call, as estimated; 0 means not said
	Reputation  int               `json:"reputation,omitempty"` // 0-1000; 0 means not known
	Healthy     bool              `json:"healthy"`
	Expires     time.Time         `json:"expires"` // end of the lease
}

// SLO is what a worker has measured of itself; zero means not yet known.
type SLO struct {
	P50          time.Duration `json:"p50_ns,omitempty"`
	P95          time.Duration `json:"p95_ns,omitempty"`
	P99          time.Duration `json:"p99_ns,omitempty"`
	Availability int           `json:"availability_ppm,omitempty"` // parts per million
	Throughput   int64         `json:"throughput_mrps,omitempty"`  // calls a second, in thousandths
}

// Candidate is an offer as routing sees it for one call. Lost is empty for the
// winner and says in words why another lost.
type Candidate struct {
	Offer Offer  `json:"offer"`
	Quote Quote  `json:"quote,omitzero"`
	Score int64  `json:"score"` // lower is better; 0 for one that was filtered out
	Lost  string `json:"lost,omitempty"`
}
