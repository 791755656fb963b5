// Package canon brings JSON into the one form of RFC 8785 (JCS), so that every
// door gives the same digest for the same value. It refuses duplicate keys,
// invalid UTF-8, trailing bytes and values nested too deep.
package canon

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep a JSON value from outside may nest.
const MaxDepth = 512

// ErrTooDeep means that a value nests deeper than MaxDepth.
var ErrTooDeep = fmt.Errorf("canon: nested deeper than %d levels", MaxDepth)

// JSON returns the canonical form of data; the result may share data's memory.
func JSON(data []byte) ([]byte, error) {
	if err := depth(data); err != nil {
		return nil, err
	}
	v := jsontext.Value(data)
	if err := v.Canonicalize(); err != nil {
		return nil, fmt.Errorf("canon: %w", err)
	}
	return v, nil
}

// depth counts brackets outside strings: cheap, and before any parser recurses.
func depth(data []byte) error {
	level, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if level++; level > MaxDepth {
				return ErrTooDeep
			}
		case c == '}' || c == ']':
			level--
		}
	}
	return nil
}

// Where returns the byte offset of a syntax error and reports whether err is one.
func Where(err error) (int64, bool) {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return s.ByteOffset, true
	}
	return 0, errors.Is(err, io.ErrUnexpectedEOF)
}
