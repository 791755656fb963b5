package markdown

import "bytes"

// tooDeep returns the first line that opens containers deeper than the limit,
// 0 if none does. The parser's time grows with the depth on every line, so it
// must not see such text at all.
func tooDeep(src []byte, limit int) int {
	n := 0
	var columns []int // where the content of the open list items begins
	for line := range bytes.Lines(src) {
		n++
		col := 0
		for col < len(line) && (line[col] == ' ' || line[col] == '\t' || line[col] == '>') {
			col++
		}
		if col == len(bytes.TrimRight(line, "\r\n")) && !bytes.Contains(line, []byte(">")) {
			continue // a blank line closes nothing
		}
		for len(columns) > 0 && columns[len(columns)-1] > col {
			columns = columns[:len(columns)-1]
		}
		opened := containers(line)
		for i := range opened {
			columns = append(columns, col+2*i+1)
			if len(columns) > limit {
				return n
			}
		}
	}
	return 0
}

// containers counts the quotes and list items that a line opens.
func containers(line []byte) int {
	if rest := bytes.Trim(line, "-* \t\r\n"); len(rest) == 0 && (bytes.IndexByte(line, '-') < 0 || bytes.IndexByte(line, '*') < 0) && len(bytes.Fields(line)) > 2 {
		return 0 // a thematic break
	}
	count := 0
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '>':
			count++
			i++
		case (c == '-' || c == '*' || c == '+') && i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t'):
			count++
			i += 2
		case c >= '0' && c <= '9':
			for i < len(line) && line[i] >= '0' && line[i] <= '9' {
				i++
			}
			if i >= len(line) || line[i] != '.' && line[i] != ')' {
				return count
			}
			count++
			i++
		default:
			return count
		}
	}
	return count
}
