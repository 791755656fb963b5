package crank.authz_test

import data.crank.authz

principal(role) := {"tenant": "a", "roles": [role]}

act(action, role) := {"action": action, "tenant": "a", "principal": principal(role)}

elsewhere(action, role) := object.union(act(action, role), {"tenant": "b"})

test_callers_call_for_their_own_tenant if {
	authz.allow with input as act("call", "caller")
	authz.allow with input as act("quote", "caller")
	not authz.allow with input as elsewhere("call", "caller")
}

test_nobody_is_allowed_without_a_role if {
	not authz.allow with input as {"action": "call", "tenant": "a", "principal": {"tenant": "a", "roles": []}}
	not authz.allow with input as {"action": "call", "tenant": "", "principal": {"tenant": "", "roles": ["caller"]}}
}

test_admins_change_their_own_tenant if {
	authz.allow with input as act("admin.keys.create", "admin")
	not authz.allow with input as act("admin.keys.create", "caller")
	not authz.allow with input as act("admin.keys.create", "auditor")
	not authz.allow with input as elsewhere("admin.keys.create", "admin")
}

test_auditors_read_and_do_nothing_else if {
	authz.allow with input as act("read.receipts", "auditor")
	not authz.allow with input as act("call", "auditor")
	not authz.allow with input as elsewhere("read.receipts", "auditor")
}

test_only_the_operator_operates if {
	authz.allow with input as elsewhere("operate.backup", "operator")
	not authz.allow with input as act("operate.backup", "admin")
}

test_side_effects_can_be_closed_to_a_tenant if {
	asked := object.union(act("call", "caller"), {"operation": {"side_effects": true, "egress": []}})
	count(authz.deny) == 0 with input as asked
	count(authz.deny) == 1 with input as asked with data.restricted.side_effects as ["a"]
}

test_egress_can_be_narrowed_to_hosts if {
	asked := object.union(act("call", "caller"), {"operation": {"side_effects": false, "egress": ["api.example.org:443"]}})
	count(authz.deny) == 0 with input as asked
	count(authz.deny) == 1 with input as asked with data.restricted.egress as ["a"]
	count(authz.deny) == 0 with input as asked with data.restricted.egress as ["a"] with data.hosts as ["api.example.org:443"]
}

test_regions_bind_the_tenant_that_is_listed if {
	authz.obligations.regions == ["eu"] with input as act("call", "caller") with data.regions as {"a": ["eu"]}
	not authz.obligations.regions with input as act("call", "caller")
}
