"""Reads a text on stdin, prints what it counted as JSON."""
import collections
import json
import re
import sys

text = sys.stdin.read()
words = re.findall(r"[a-z]+", text.lower())
ranked = sorted(collections.Counter(words).items(), key=lambda w: (-w[1], w[0]))
print(json.dumps({
    "lines": text.count("\n"),
    "words": len(words),
    "commonest": ranked[0][0] if ranked else "",
}))
