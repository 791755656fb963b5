package discovery

import (
	"fmt"

	"github.com/crank-platform/crank"
)

// check says everything that is wrong with an offer at once, and returns the
// contract's digest.
func check(op crank.Operation, o crank.Offer) (crank.Digest, error) {
	var faults []crank.Fault
	fault := func(bad bool, path, format string, args ...any) {
		if bad {
			faults = append(faults, crank.Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
		}
	}
	_, err := crank.ParseCapability(string(op.Capability))
	fault(err != nil || op.Capability.Major() == 0, "/operation/capability", "%q is not family/verb@major", op.Capability)
	fault(o.Capability != op.Capability, "/offer/capability", "%q is not the operation's %q", o.Capability, op.Capability)
	for _, part := range []struct{ path, text string }{
		{"/offer/provider", o.Provider}, {"/offer/worker", o.Worker}, {"/offer/instance", o.Instance}, {"/offer/address", o.Address},
	} {
		fault(part.text == "", part.path, "it is empty")
		fault(len(part.text) > 255, part.path, "it is longer than 255 bytes")
	}
	fault(o.Incarnation == 0, "/offer/incarnation", "it is 0; the first start of an instance is 1 or more")
	fault(o.Capacity < 0, "/offer/capacity", "%d is negative", o.Capacity)
	fault(o.Carbon < 0, "/offer/carbon_ug", "%d is negative", o.Carbon)
	fault(o.Reputation < 0 || o.Reputation > 1000, "/offer/reputation", "%d is not between 0 and 1000", o.Reputation)
	contract, err := ContractDigest(op)
	fault(err != nil, "/operation", "its schemas are not well-formed JSON: %v", err)
	fault(err == nil && !o.Contract.IsZero() && o.Contract != contract, "/offer/contract", "%s is not the operation's %s", o.Contract, contract)
	if len(faults) > 0 {
		return crank.Digest{}, crank.E(crank.CodeManifest, "the offer of %s by worker %q cannot be published", op.Capability, o.Worker).With(faults...)
	}
	return contract, nil
}

func stale(who identity, got, newest uint64) error {
	if got > newest {
		return crank.E(crank.CodeNotFound, "the lease is of incarnation %d of instance %s, not %d", newest, who.instance, got).
			Mending("Publish the offer again under the new incarnation.")
	}
	return crank.E(crank.CodeExists, "instance %s of worker %s is at incarnation %d; %d is over", who.instance, who.worker, newest, got).
		Mending("Stop this process: a newer one has taken its place.")
}
