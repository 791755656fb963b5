package opa

import "github.com/open-policy-agent/opa/v1/ast"

// chance names what a policy may call although the answer differs from time to
// time; a policy that does is never cached. Everything else that is not
// deterministic (http.send, net.lookup_ip_addr, opa.runtime, signing...) reaches
// outside the evaluation and is not to be had.
var chance = map[string]struct{}{"time.now_ns": {}, "rand.intn": {}, "uuid.rfc4122": {}}

// abilities is what a policy may use: no network, no environment, no clock but
// time.now_ns. Builtins that OPA gains later and marks as not deterministic are
// left out by themselves.
func abilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	safe := c.Builtins[:0:0]
	for _, b := range c.Builtins {
		if _, random := chance[b.Name]; random || !b.Nondeterministic {
			safe = append(safe, b)
		}
	}
	c.Builtins = safe
	c.AllowNet = []string{}
	return c
}
