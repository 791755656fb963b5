// Package policy decides who may do what, and under which obligations.
//
// It owns the question, the decision's meaning and the default, which is to
// deny. It does not own who the caller is (package auth), money and quotas
// (package ledger; they change too fast for a cached decision), or which offer
// serves a call (package routing, which keeps the obligations).
//
// # The input document
//
// A policy reads the question as `input`:
//
//	input.action                      string  "call", "quote", "read.<noun>", "admin.<noun>.<verb>", "operate.<noun>"
//	input.tenant                      string  the tenant that the act concerns; never empty where the caller has one
//	input.object                      string  id of what is read or changed, "" for a call
//	input.principal.tenant            string  id
//	input.principal.team              string  id, "" where the caller has none
//	input.principal.app               string  id, "" where the caller has none
//	input.principal.key               string  id, "" where the caller has none
//	input.principal.subject           string  a person or workload as a token names it
//	input.principal.method            string  "key", "jwt", "local"
//	input.principal.roles             array   "operator", "admin", "auditor", "caller"
//	input.principal.labels            object  of strings
//	input.capability                  string  "document/convert@1", "" where the act is no call
//	input.family                      string  "document"
//	input.verb                        string  "convert"
//	input.major                       number  1
//	input.operation.idempotent        boolean
//	input.operation.deterministic     boolean
//	input.operation.streaming         boolean
//	input.operation.side_effects      boolean it changes something outside
//	input.operation.egress            array   host:port that it needs
//	input.operation.data_classes      array   such as "personal"
//	input.provider                    string  "" while none is chosen
//	input.input_bytes                 number  0 while not known
//	input.tags                        object  of strings
//	input.parent                      string  id of the call that makes this one
//	input.constraints.max_price_micros number 0 = none
//	input.constraints.max_price_asset string
//	input.constraints.max_carbon_ug   number  0 = none
//	input.constraints.min_reputation  number  0 = none
//	input.constraints.residency       string
//	input.constraints.prefer          string
//	input.constraints.provider        string
//
// # What a policy answers
//
// Package crank.authz holds up to four rules:
//
//	allow        boolean; nothing is allowed unless it is true
//	deny         set of sentences; anything in it denies, whatever allow says
//	reasons      set of sentences that go with the decision
//	obligations  object: regions, providers, max_price_micros, max_input_bytes,
//	             redact, approval; any other key is an error
//
// # What is cached
//
// A decision is remembered by the fields that the compiled policy reads and by
// nothing else. A policy that reads input.principal.key has a decision for each
// key; one that reads input.input_bytes has one for nearly each call, which is
// right but no faster than no cache (compare it to a bound in an obligation,
// max_input_bytes, instead). A policy that reads `input` as a whole, or the
// time, or chance, is never cached; its status says so.
package policy
