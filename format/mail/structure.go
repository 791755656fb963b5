package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// arrange fills the lists of bodies and attachments and what is told from
// them, by the algorithm of RFC 8621 section 4.1.4.
func (e *Email) arrange() {
	a := arrangement{}
	a.walk([]*Part{e.BodyStructure}, "mixed", false, &a.html, &a.text)
	e.TextBody, e.HTMLBody, e.Attachments = a.text, a.html, a.attached
	for _, part := range e.Attachments {
		if part.Disposition != "inline" {
			e.HasAttachment = true
		}
	}
	for _, part := range e.TextBody {
		if value := e.BodyValues[part.PartID].Value; e.Preview == "" {
			e.Preview = preview(part.Type, value)
		}
	}
}

// arrangement is the three lists. Within multipart/alternative one of the
// first two is nil, so that a part that stands for both is told from one that
// stands for one.
type arrangement struct {
	html, text, attached []*Part
}

func (a *arrangement) walk(parts []*Part, kind string, inAlternative bool, htmlBody, textBody *[]*Part) {
	textLength, htmlLength := -1, -1
	if textBody != nil {
		textLength = len(*textBody)
	}
	if htmlBody != nil {
		htmlLength = len(*htmlBody)
	}
	for i, part := range parts {
		if sub, ok := strings.CutPrefix(part.Type, "multipart/"); ok {
			a.walk(part.SubParts, sub, inAlternative || sub == "alternative", htmlBody, textBody)
			continue
		}
		if !inline(part, i, kind) {
			a.attached = append(a.attached, part)
			continue
		}
		if kind == "alternative" {
			switch {
			case part.Type == "text/plain":
				push(textBody, part)
			case part.Type == "text/html":
				push(htmlBody, part)
			default:
				a.attached = append(a.attached, part)
			}
			continue
		}
		if inAlternative {
			if part.Type == "text/plain" {
				htmlBody = nil
			}
			if part.Type == "text/html" {
				textBody = nil
			}
		}
		push(textBody, part)
		push(htmlBody, part)
		if (textBody == nil || htmlBody == nil) && media(part.Type) {
			a.attached = append(a.attached, part)
		}
	}
	if kind == "alternative" && textBody != nil && htmlBody != nil {
		if textLength == len(*textBody) && htmlLength != len(*htmlBody) {
			*textBody = append(*textBody, (*htmlBody)[htmlLength:]...)
		}
		if htmlLength == len(*htmlBody) && textLength != len(*textBody) {
			*htmlBody = append(*htmlBody, (*textBody)[textLength:]...)
		}
	}
}

// inline says whether a part is shown in the flow of the body.
func inline(part *Part, index int, kind string) bool {
	shown := part.Type == "text/plain" || part.Type == "text/html" || media(part.Type)
	return part.Disposition != "attachment" && shown &&
		(index == 0 || kind != "related" && (media(part.Type) || part.Name == ""))
}

func media(kind string) bool {
	return strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/")
}

func push(list *[]*Part, part *Part) {
	if list != nil {
		*list = append(*list, part)
	}
}

const previewLength = 256 // characters, RFC 8621 section 4.1.4

// preview is the beginning of a text on one line.
func preview(kind, text string) string {
	if kind == "text/html" {
		text = htmlText(text)
	}
	text = collapse(text[:min(len(text), 16*previewLength)])
	if utf8.RuneCountInString(text) > previewLength {
		text = string([]rune(text)[:previewLength-1]) + "\u2026"
	}
	return strings.ToValidUTF8(text, "")
}

// htmlText is the text of a page as far as a preview needs it: no markup,
// style or script.
func htmlText(page string) string {
	var out strings.Builder
	hidden := ""
	for z := html.NewTokenizer(strings.NewReader(page)); out.Len() < 16*previewLength; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		name, _ := z.TagName()
		switch tag := string(name); {
		case kind == html.StartTagToken && hidden == "" && (tag == "style" || tag == "script" || tag == "title"):
			hidden = tag
		case kind == html.EndTagToken && tag == hidden:
			hidden = ""
		case kind == html.TextToken && hidden == "":
			out.Write(z.Text())
		default:
			out.WriteByte(' ')
		}
	}
	return out.String()
}
