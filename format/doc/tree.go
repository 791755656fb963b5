package doc

// Block is one of the block types of this file.
type Block interface{ block() }

// Attr is the identifier, classes and key-value pairs of an element.
type Attr struct {
	ID      string
	Classes []string
	Pairs   []Pair
}

// Pair is one attribute; keys may repeat.
type Pair struct{ Key, Value string }

// Empty reports whether the attribute holds nothing.
func (a Attr) Empty() bool { return a.ID == "" && len(a.Classes) == 0 && len(a.Pairs) == 0 }

// Get returns the value of the first pair with that key, or "".
func (a Attr) Get(key string) string {
	for _, p := range a.Pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return ""
}

// Has reports whether the class is present.
func (a Attr) Has(class string) bool {
	for _, c := range a.Classes {
		if c == class {
			return true
		}
	}
	return false
}

// Alignment of a table column or cell, by pandoc's names.
type Alignment string

// The alignments; the zero value is the default one.
const (
	AlignDefault Alignment = ""
	AlignLeft    Alignment = "AlignLeft"
	AlignRight   Alignment = "AlignRight"
	AlignCenter  Alignment = "AlignCenter"
)

// ListStyle is how an ordered list counts, by pandoc's names.
type ListStyle string

// The list styles; the zero value is the default one.
const (
	DefaultStyle ListStyle = ""
	Decimal      ListStyle = "Decimal"
	LowerRoman   ListStyle = "LowerRoman"
	UpperRoman   ListStyle = "UpperRoman"
	LowerAlpha   ListStyle = "LowerAlpha"
	UpperAlpha   ListStyle = "UpperAlpha"
	Example      ListStyle = "Example"
)

// ListDelim is what follows the number of an ordered list's item.
type ListDelim string

// The delimiters; the zero value is the default one.
const (
	DefaultDelim ListDelim = ""
	Period       ListDelim = "Period"
	OneParen     ListDelim = "OneParen"
	TwoParens    ListDelim = "TwoParens"
)

type (
	// Plain is text that is no paragraph, e.g. in a tight list item.
	Plain struct{ Inlines []Inline }
	// Para is a paragraph.
	Para struct{ Inlines []Inline }
	// LineBlock is verse: lines kept as they are.
	LineBlock struct{ Lines [][]Inline }
	// CodeBlock is verbatim text; its first class names the language.
	CodeBlock struct {
		Attr Attr
		Text string
	}
	// RawBlock is text in the named format, passed on untouched to that format.
	RawBlock struct{ Format, Text string }
	// BlockQuote is a quotation.
	BlockQuote struct{ Blocks []Block }
	// OrderedList is a numbered list.
	OrderedList struct {
		Start int
		Style ListStyle
		Delim ListDelim
		Items [][]Block
	}
	// BulletList is an unnumbered list.
	BulletList struct{ Items [][]Block }
	// DefinitionList is a list of terms, each with its definitions.
	DefinitionList struct{ Items []Definition }
	// Header is a heading; Level is 1 or more.
	Header struct {
		Level   int
		Attr    Attr
		Inlines []Inline
	}
	// HorizontalRule is a thematic break.
	HorizontalRule struct{}
	// Table is a table; see its parts below.
	Table struct {
		Attr    Attr
		Caption Caption
		Columns []Column
		Head    Rows
		Bodies  []Body
		Foot    Rows
	}
	// Figure is content with a caption.
	Figure struct {
		Attr    Attr
		Caption Caption
		Blocks  []Block
	}
	// Div is a group of blocks with attributes.
	Div struct {
		Attr   Attr
		Blocks []Block
	}
)

// Definition is a term and its definitions.
type Definition struct {
	Term        []Inline
	Definitions [][]Block
}

// Caption of a table or figure; Short is nil if there is none.
type Caption struct {
	Short  []Inline
	Blocks []Block
}

// Column of a table; Width is a fraction of the page, 0 = not given.
type Column struct {
	Align Alignment
	Width float64
}

// Rows are the rows of a table's head or foot.
type Rows struct {
	Attr Attr
	Rows []Row
}

// Body is one body of a table; its first RowHeads columns are row headers.
type Body struct {
	Attr     Attr
	RowHeads int
	Head     []Row
	Rows     []Row
}

// Row of a table. Cells covered by a span from above or left are absent.
type Row struct {
	Attr  Attr
	Cells []Cell
}

// Cell of a table; spans below 1 count as 1.
type Cell struct {
	Attr             Attr
	Align            Alignment
	RowSpan, ColSpan int
	Blocks           []Block
}

func (Plain) block()          {}
func (Para) block()           {}
func (LineBlock) block()      {}
func (CodeBlock) block()      {}
func (RawBlock) block()       {}
func (BlockQuote) block()     {}
func (OrderedList) block()    {}
func (BulletList) block()     {}
func (DefinitionList) block() {}
func (Header) block()         {}
func (HorizontalRule) block() {}
func (Table) block()          {}
func (Figure) block()         {}
func (Div) block()            {}
