package doc

// Meta is a document's metadata by key, e.g. "title", "author", "date".
type Meta map[string]MetaValue

// MetaValue is one of the types of this file.
type MetaValue interface{ meta() }

type (
	// MetaMap is a mapping.
	MetaMap map[string]MetaValue
	// MetaList is a sequence.
	MetaList []MetaValue
	// MetaBool is a truth value.
	MetaBool bool
	// MetaString is a plain string.
	MetaString string
	// MetaInlines is formatted text.
	MetaInlines []Inline
	// MetaBlocks is formatted blocks.
	MetaBlocks []Block
)

func (MetaMap) meta()     {}
func (MetaList) meta()    {}
func (MetaBool) meta()    {}
func (MetaString) meta()  {}
func (MetaInlines) meta() {}
func (MetaBlocks) meta()  {}

// MetaText is the value as plain text; a list is joined with "; ", a mapping
// has none.
func MetaText(v MetaValue) string {
	switch v := v.(type) {
	case MetaString:
		return string(v)
	case MetaBool:
		if v {
			return "true"
		}
		return "false"
	case MetaInlines:
		return PlainText(v)
	case MetaBlocks:
		return BlocksText(v)
	case MetaList:
		s := ""
		for i, x := range v {
			if i > 0 {
				s += "; "
			}
			s += MetaText(x)
		}
		return s
	}
	return ""
}
