#!/bin/sh
# The demo: one node on a fresh data directory, a script, a document and a
# mailbox through the whole journey, the bill, and every receipt verified with
# the node stopped. `make demo` builds bin/crank and runs this.
#
#     sh examples/demo/run.sh bin/crank
set -eu

here=$(cd "$(dirname "$0")" && pwd)
crank=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/crank-demo.XXXXXX")
node=

end() {
	if [ -n "$node" ]; then
		kill "$node" 2>/dev/null || true
		wait "$node" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

unset CRANK_URL CRANK_KEY CRANK_CONFIG
export CRANK_DATA_DIR="$work/data" CRANK_LISTEN= XDG_CONFIG_HOME="$work"
cp -R "$here"/count-python "$here"/count-shell "$here"/poem.txt "$here"/report.docx "$here"/sample.mbox "$work"
cd "$work"

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }

# run shows a command of crank and runs it.
run() {
	printf '\n$ crank %s\n' "$*"
	"$crank" "$@" 2>&1
}

# The Python script, unless there is no Python here that the sandbox lets run.
script=count-shell
if CRANK_DATA_DIR="$work/try" "$crank" call demo.text/count poem.txt --worker count-python >/dev/null 2>&1; then
	script=count-python
fi
program=$(ls "$script"/count.*)

step "A node on an empty data directory, with $program as a worker"
"$crank" up --worker "$script" 2>node.log &
node=$!
tries=0
until grep -q 'crank: ready' node.log; do
	tries=$((tries + 1))
	if ! kill -0 "$node" 2>/dev/null || [ "$tries" -gt 600 ]; then
		echo "the node did not start:" >&2
		cat node.log >&2
		exit 1
	fi
	sleep 0.1
done
cat node.log

step "A script is a service: $program knows nothing of Crank"
cat "$program"
run call demo.text/count poem.txt

step "A real DOCX becomes Markdown and HTML"
run quote document/convert -p to=md report.docx
run call document/convert -p to=md report.docx -o report.md
sed -n '1,24p' report.md
run call document/convert -p to=html report.docx -o report.html
sed -n '1,8p' report.html

step "A real mailbox becomes structured mail"
run call email/parse sample.mbox -o mail.json
echo "the messages in mail.json:"
sed 's/"threads":.*//' mail.json | grep -o '"subject":"[^"]*"' | sed 's/^/  /'

step "The bill"
run receipts list
run usage --by capability
run budget list

step "Each receipt, exported with what proves it"
mkdir proofs
n=0
for id in $("$crank" receipts list --json | grep -o 'rcpt_[0-9a-f]*' | sort -u); do
	n=$((n + 1))
	run receipts proof "$id" -o "proofs/$n.json"
done
"$crank" verify --print-keys >log.keys

step "The node stops"
kill "$node"
wait "$node"
node=
tail -n 1 node.log

step "Every receipt, and the whole journal, verified offline"
run verify --keys log.keys proofs/*.json
run verify --all

printf '\nDone. Every call was identified, authorised, priced, paid from a budget, metered and proved.\n'
