package manifest

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
)

// reader gathers faults on the way.
type reader struct {
	files  fs.FS
	faults []crank.Fault
}

func (r *reader) manifest(v Value, m *crank.Manifest, more []Section) {
	had := map[string]bool{}
	need := func(name string, read func(Value)) func(Value) {
		return func(v Value) { had[name] = true; read(v) }
	}
	keys := map[string]func(Value){
		"version": need("version", func(v Value) {
			if m.Version = int(v.Int(1)); m.Version > crank.FormatVersion {
				v.Fault("version %d is newer than this program knows (%d)", m.Version, crank.FormatVersion)
			}
		}),
		"worker": need("worker", func(v Value) {
			if m.Worker = v.Text(); m.Worker != "" && !isPart(m.Worker) {
				v.Fault("%q does not match [a-z][a-z0-9-]*", m.Worker)
			}
		}),
		"provider":    need("provider", func(v Value) { m.Provider = v.Text() }),
		"description": func(v Value) { m.Description = v.Text() },
		"isolation":   func(v Value) { m.Isolation = v.OneOf("process", "inproc") },
		"operations": need("operations", func(v Value) {
			seen := map[crank.Capability]bool{}
			v.Each(func(v Value) {
				op := r.operation(v)
				if op.Capability != "" && seen[op.Capability] {
					v.Fault("%s is declared twice", op.Capability)
				}
				seen[op.Capability] = true
				m.Operations = append(m.Operations, op)
			})
			if len(m.Operations) == 0 {
				v.Fault("there must be one or more")
			}
		}),
	}
	for _, s := range more {
		keys[s.Name] = s.Read
	}
	v.Fields(keys)
	for _, name := range []string{"version", "worker", "provider", "operations"} {
		if !had[name] {
			v.Fault("key %q is missing", name)
		}
	}
}

func (r *reader) operation(v Value) (op crank.Operation) {
	v.Fields(map[string]func(Value){
		"capability": func(v Value) {
			c, err := crank.ParseCapability(v.Text())
			if err != nil || c.Major() == 0 {
				v.Fault("this must be family/verb@major, such as document/convert@1")
			}
			op.Capability = c
		},
		"summary":     func(v Value) { op.Summary = v.Text() },
		"description": func(v Value) { op.Description = v.Text() },
		"input":       func(v Value) { op.Input = r.schema(v) },
		"output":      func(v Value) { op.Output = r.schema(v) },
		"file": func(v Value) {
			v.Fields(map[string]func(Value){
				"in":       func(v Value) { op.File.In = v.Text() },
				"out":      func(v Value) { op.File.Out = v.Text() },
				"accept":   func(v Value) { op.File.Accept = v.Texts() },
				"produces": func(v Value) { op.File.Produces = v.Texts() },
			})
		},
		"properties": func(v Value) { op.Properties = properties(v) },
		"limits": func(v Value) {
			v.Fields(map[string]func(Value){
				"time":   func(v Value) { op.Limits.Time = v.Duration() },
				"cpu":    func(v Value) { op.Limits.CPU = v.Duration() },
				"memory": func(v Value) { op.Limits.MemoryBytes = v.Bytes() },
				"input":  func(v Value) { op.Limits.InputBytes = v.Bytes() },
				"output": func(v Value) { op.Limits.OutputBytes = v.Bytes() },
				"depth":  func(v Value) { op.Limits.Depth = int(v.Int(1)) },
			})
		},
		"meters": func(v Value) {
			op.Meters = map[string]int64{}
			v.Entries(func(name string, v Value) {
				if !isMeter(name) {
					v.Fault("%q does not match [a-z][a-z0-9_]*", name)
				}
				op.Meters[name] = v.Int(1)
			})
		},
		"plan": func(v Value) { op.Plan = plan(v) },
		"errors": func(v Value) {
			v.Each(func(v Value) { op.Errors = append(op.Errors, errorDecl(v)) })
		},
	})
	if op.Capability == "" {
		v.Fault("key \"capability\" is missing")
	}
	if op.Summary == "" {
		v.Fault("key \"summary\" is missing")
	}
	if op.Input == nil {
		op.Input = fileSchema(op.File.In)
	}
	if op.Output == nil {
		op.Output = fileSchema(op.File.Out)
	}
	return op
}

func properties(v Value) (p crank.Properties) {
	v.Fields(map[string]func(Value){
		"idempotent":    func(v Value) { p.Idempotent = v.Bool() },
		"deterministic": func(v Value) { p.Deterministic = v.Bool() },
		"streaming":     func(v Value) { p.Streaming = v.Bool() },
		"side_effects":  func(v Value) { p.SideEffects = v.Bool() },
		"egress":        func(v Value) { p.Egress = v.Texts() },
		"data_classes":  func(v Value) { p.DataClasses = v.Texts() },
	})
	return p
}

func errorDecl(v Value) (d crank.ErrorDecl) {
	v.Fields(map[string]func(Value){
		"code": func(v Value) {
			if d.Code = crank.Code(v.Text()); d.Code != "" && !slices.Contains(crank.Codes(), d.Code) {
				v.Fault("%q is no code of the table; `crank errors` prints it", d.Code)
			}
		},
		"when":      func(v Value) { d.When = v.Text() },
		"retryable": func(v Value) { d.Retryable = v.Bool() },
	})
	return d
}

// plan reads a price. The asset is read first, wherever it stands, because the
// amounts are in it.
func plan(v Value) (p crank.Plan) {
	p.Asset = "USD"
	v.Entries(func(key string, v Value) {
		if key == "asset" {
			if p.Asset = crank.Asset(v.Text()); !p.Asset.Valid() {
				v.Fault("%q is no asset such as USD", p.Asset)
			}
		}
	})
	amount := func(to *crank.Micros) func(Value) { return func(v Value) { *to = v.Money(p.Asset) } }
	micros := func(to *crank.Micros) func(Value) { return func(v Value) { *to = crank.Micros(v.Int(0)) } }
	v.Fields(map[string]func(Value){
		"asset":          func(Value) {},
		"minimum":        amount(&p.Minimum),
		"minimum_micros": micros(&p.Minimum),
		"prices": func(v Value) {
			v.Each(func(v Value) {
				price := crank.Price{Per: 1}
				v.Fields(map[string]func(Value){
					"meter":    func(v Value) { price.Meter = v.Text() },
					"price":    amount(&price.Micros),
					"micros":   micros(&price.Micros),
					"per":      func(v Value) { price.Per = v.Int(1) },
					"included": func(v Value) { price.Included = v.Int(0) },
					"tiers": func(v Value) {
						v.Each(func(v Value) {
							var t crank.Tier
							v.Fields(map[string]func(Value){
								"up_to":  func(v Value) { t.UpTo = v.Int(1) },
								"price":  amount(&t.Micros),
								"micros": micros(&t.Micros),
							})
							price.Tiers = append(price.Tiers, t)
						})
					},
				})
				if !isMeter(price.Meter) {
					v.Fault("a price needs a meter, such as calls")
				}
				p.Prices = append(p.Prices, price)
			})
		},
		"split": func(v Value) {
			part := func(to *int) func(Value) { return func(v Value) { *to = int(v.Int(0)) } }
			v.Fields(map[string]func(Value){
				"provider": part(&p.Split.Provider), "platform": part(&p.Split.Platform),
				"infrastructure": part(&p.Split.Infrastructure), "quality": part(&p.Split.Quality),
			})
			if s := p.Split; s.Provider+s.Platform+s.Infrastructure+s.Quality != 10000 {
				v.Fault("the parts must sum to 10000 (hundredths of a percent)")
			}
		},
	})
	return p
}

func isPart(s string) bool {
	_, err := crank.ParseCapability(s + "/x")
	return err == nil && !strings.Contains(s, ".")
}

func isMeter(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
