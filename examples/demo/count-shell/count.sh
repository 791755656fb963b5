# Reads a text on stdin, prints what it counted as JSON.
export LC_ALL=C
tr 'A-Z' 'a-z' | awk '
	{ lines++; gsub(/[^a-z]+/, " "); for (i = 1; i <= NF; i++) { words++; seen[$i]++ } }
	END {
		for (w in seen) if (seen[w] > most || seen[w] == most && w < common) { most = seen[w]; common = w }
		printf "{\"lines\": %d, \"words\": %d, \"commonest\": \"%s\"}\n", lines, words, common
	}'
