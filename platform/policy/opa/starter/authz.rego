# Who may do what on this node. Everything is denied unless a rule below allows
# it, and whatever `deny` says is denied in any case. The lists of tenants,
# regions and hosts stand in data.yaml. Save a file and the node reads it again;
# if it does not load, the policy before it keeps serving. Try changes first:
#
#   crank policy test DIR      crank policy eval DIR ...      crank policy diff OLD NEW
package crank.authz

default allow := false

# The operator runs the node, and may do everything to every tenant.
allow if "operator" in input.principal.roles

# Callers call what they like, for their own tenant.
allow if {
	input.action in {"call", "quote"}
	"caller" in input.principal.roles
	own_tenant
}

# Callers, admins and auditors read what is their own tenant's.
allow if {
	startswith(input.action, "read.")
	some role in input.principal.roles
	role in {"caller", "admin", "auditor"}
	own_tenant
}

# Admins change their own tenant: keys, budgets, teams.
allow if {
	startswith(input.action, "admin.")
	"admin" in input.principal.roles
	own_tenant
}

own_tenant if {
	input.principal.tenant != ""
	input.tenant == input.principal.tenant
}

# Some tenants may not change anything outside.
deny contains "this tenant may not call what changes something outside" if {
	calling
	input.operation.side_effects
	input.tenant in data.restricted.side_effects
}

# Some tenants may reach only the hosts that are listed.
deny contains sprintf("this tenant may not call what reaches %s", [host]) if {
	calling
	input.tenant in data.restricted.egress
	some host in input.operation.egress
	not host in data.hosts
}

calling if input.action in {"call", "quote"}

# Where a tenant's calls may run. A tenant that is not listed may use any region.
obligations.regions := data.regions[input.tenant] if calling
