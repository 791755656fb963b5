package doc

// Inline is one of the inline types of this file.
type Inline interface{ inline() }

type (
	// Str is text without breakable spaces.
	Str struct{ Text string }
	// Emph is emphasis.
	Emph struct{ Inlines []Inline }
	// Strong is strong emphasis.
	Strong struct{ Inlines []Inline }
	// Underline is underlined text.
	Underline struct{ Inlines []Inline }
	// Strikeout is struck text.
	Strikeout struct{ Inlines []Inline }
	// Superscript is raised text.
	Superscript struct{ Inlines []Inline }
	// Subscript is lowered text.
	Subscript struct{ Inlines []Inline }
	// SmallCaps is text in small capitals.
	SmallCaps struct{ Inlines []Inline }
	// Quoted is text in quotation marks, double unless Single.
	Quoted struct {
		Single  bool
		Inlines []Inline
	}
	// Cite is a citation and the text that shows it.
	Cite struct {
		Citations []Citation
		Inlines   []Inline
	}
	// Code is inline verbatim text.
	Code struct {
		Attr Attr
		Text string
	}
	// Space is a space between words.
	Space struct{}
	// SoftBreak is a line break of the source that means a space.
	SoftBreak struct{}
	// LineBreak is a hard line break.
	LineBreak struct{}
	// Math is TeX mathematics, inline unless Display.
	Math struct {
		Display bool
		Text    string
	}
	// RawInline is text in the named format.
	RawInline struct{ Format, Text string }
	// Link is a hyperlink.
	Link struct {
		Attr          Attr
		Inlines       []Inline
		Target, Title string
	}
	// Image is an image; Inlines is its alternative text.
	Image struct {
		Attr          Attr
		Inlines       []Inline
		Target, Title string
	}
	// Note is a footnote or endnote.
	Note struct{ Blocks []Block }
	// Span is a group of inlines with attributes.
	Span struct {
		Attr    Attr
		Inlines []Inline
	}
)

// Citation is one work cited.
type Citation struct {
	ID             string
	Prefix, Suffix []Inline
	Mode           string // "AuthorInText", "SuppressAuthor" or "NormalCitation" ("" is the last)
	NoteNum, Hash  int
}

func (Str) inline()         {}
func (Emph) inline()        {}
func (Strong) inline()      {}
func (Underline) inline()   {}
func (Strikeout) inline()   {}
func (Superscript) inline() {}
func (Subscript) inline()   {}
func (SmallCaps) inline()   {}
func (Quoted) inline()      {}
func (Cite) inline()        {}
func (Code) inline()        {}
func (Space) inline()       {}
func (SoftBreak) inline()   {}
func (LineBreak) inline()   {}
func (Math) inline()        {}
func (RawInline) inline()   {}
func (Link) inline()        {}
func (Image) inline()       {}
func (Note) inline()        {}
func (Span) inline()        {}
