#!/usr/bin/env python3
"""Writes report.docx, the document that `make demo` converts.

It is how the file was made, kept so that it can be made again:

    python3 report.py [report.docx]

The same bytes come out each time. Standard library only.
"""
import sys
import zipfile
from xml.sax.saxutils import escape

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PKG = "http://schemas.openxmlformats.org/package/2006"
WML = "application/vnd.openxmlformats-officedocument.wordprocessingml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
BULLETS, STEPS, STEPS_AGAIN = 1, 2, 3  # the lists, by their number in numbering.xml

links = []  # targets, in order; the relationships link1, link2... name them
notes = []  # footnotes, in order


def run(text, props=""):
    props = f"<w:rPr>{props}</w:rPr>" if props else ""
    return f'<w:r>{props}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def bold(text): return run(text, "<w:b/>")
def italic(text): return run(text, "<w:i/>")
def both(text): return run(text, "<w:b/><w:i/>")
def code(text): return run(text, '<w:rStyle w:val="VerbatimChar"/>')


def link(text, target):
    links.append(target)
    shown = run(text, '<w:rStyle w:val="Hyperlink"/>')
    return f'<w:hyperlink r:id="link{len(links)}">{shown}</w:hyperlink>'


def note(text):
    notes.append(text)
    return f'<w:r><w:rPr><w:rStyle w:val="FootnoteReference"/></w:rPr><w:footnoteReference w:id="{len(notes) + 1}"/></w:r>'


def para(*runs, style="", props=""):
    if style:
        props = f'<w:pStyle w:val="{style}"/>' + props
    props = f"<w:pPr>{props}</w:pPr>" if props else ""
    return f"<w:p>{props}{''.join(r if r.startswith('<') else run(r) for r in runs)}</w:p>"


def heading(level, text): return para(text, style=f"Heading{level}")


def item(num, level, *runs):
    return para(*runs, style="ListParagraph", props=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{num}"/></w:numPr>')


def block(text):
    lines = "<w:br/>".join(f'<w:t xml:space="preserve">{escape(l)}</w:t>' for l in text.strip("\n").split("\n"))
    return f'<w:p><w:pPr><w:pStyle w:val="SourceCode"/></w:pPr><w:r>{lines}</w:r></w:p>'


def table(widths, rows, right=()):
    out = '<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="0" w:type="auto"/><w:tblLook w:firstRow="1"/></w:tblPr><w:tblGrid>'
    out += "".join(f'<w:gridCol w:w="{w}"/>' for w in widths) + "</w:tblGrid>"
    for i, row in enumerate(rows):
        out += "<w:tr>" + ('<w:trPr><w:tblHeader/></w:trPr>' if i == 0 else "")
        for j, text in enumerate(row):
            jc = '<w:jc w:val="right"/>' if j in right else ""
            out += f'<w:tc><w:tcPr><w:tcW w:w="{widths[j]}" w:type="dxa"/></w:tcPr>{para(bold(text) if i == 0 else text, props=jc)}</w:tc>'
        out += "</w:tr>"
    return out + "</w:tbl>"


def body():
    return "".join([
        heading(1, "One year of the roof weather station"),
        para("This report sums up the first twelve months of the weather station on the roof of the workshop. ",
             "It says ", bold("what was measured"), ", ", italic("what broke"), ", and ", both("what to do next"), ". ",
             "The readings are public; the way they are taken is described on ",
             link("the station's page", "https://example.org/roof-station"), "."),
        heading(2, "What the station does"),
        para("A small board reads four sensors each minute and keeps the last value of every ten. ",
             "Nothing leaves the roof but one line of text per reading.",
             note("A line has at most 60 bytes, so a whole year fits into less than four megabytes.")),
        item(BULLETS, 0, "Air"),
        item(BULLETS, 1, "temperature, in the shade of a louvred box"),
        item(BULLETS, 1, "humidity, beside it"),
        item(BULLETS, 0, "Water"),
        item(BULLETS, 1, "rain, by a tipping bucket"),
        item(BULLETS, 2, "one tip is ", code("0.2 mm")),
        item(BULLETS, 0, "Wind, by a cup on a mast of three metres"),
        heading(2, "What was measured"),
        para("The year was warmer and drier than the mean of the ten before it. The summer stands out: "
             "six weeks without a single tip of the bucket."),
        table([2200, 1700, 1700, 1700, 1700], [
            ["Season", "Mean °C", "Max °C", "Rain mm", "Gaps h"],
            ["Spring", "9.8", "24.1", "151", "3"],
            ["Summer", "20.4", "36.7", "88", "0"],
            ["Autumn", "11.2", "25.9", "176", "41"],
            ["Winter", "2.6", "13.3", "139", "12"],
        ], right=(1, 2, 3, 4)),
        para("Gaps are hours without any reading. Most of them fell into one week of autumn, when a gust bent the mast.",
             note("The cup turned freely again after the mast was straightened; its readings of that week were removed.")),
        heading(2, "What broke, and how it was mended"),
        item(STEPS, 0, "The mast bent in a gust."),
        item(STEPS, 1, "The foot was too short: 20 cm for three metres."),
        item(STEPS, 1, "It now has three guy wires."),
        item(STEPS, 0, "The bucket stuck, full of moss. It is cleaned on the first of each month."),
        item(STEPS, 0, "The clock drifted by ", bold("four minutes a month"), " until it was set from the network."),
        heading(3, "A reading as it is kept"),
        para("Each line begins with the time in UTC. Fields are separated by one space:"),
        block("time                 temp  humid rain wind\n2025-07-14T13:10:00Z 31.4  28    0.0  2.1\n2025-07-14T13:20:00Z 31.6  27    0.0  1.8"),
        para("The mean of a day is the mean of its 144 readings. A day with fewer than 130 is marked with ", code("?"),
             " and left out of the season's mean."),
        heading(2, "What to do next"),
        para("In this order, because each step needs the one before it:"),
        item(STEPS_AGAIN, 0, "Replace the louvred box; its paint has yellowed and warms the air inside by up to ", italic("half a degree"), "."),
        item(STEPS_AGAIN, 0, "Put a second bucket on the ground, to compare."),
        item(STEPS_AGAIN, 0, "Publish the readings each hour instead of each night."),
        para("A measurement that nobody can repeat is only a memory.", style="Quote"),
        para("All of it costs less than the station itself did, and can be done in two afternoons."),
        '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1417" w:right="1417" w:bottom="1417" w:left="1417" w:header="708" w:footer="708" w:gutter="0"/></w:sectPr>',
    ])


def styles():
    def style(kind, id, name, rest="", based="Normal"):
        based = f'<w:basedOn w:val="{based}"/>' if based and kind == "paragraph" and id != "Normal" else ""
        default = ' w:default="1"' if id in ("Normal", "DefaultParagraphFont", "TableNormal") else ""
        return f'<w:style w:type="{kind}"{default} w:styleId="{id}"><w:name w:val="{name}"/>{based}{rest}</w:style>'

    def head(level, size):
        return style("paragraph", f"Heading{level}", f"heading {level}",
                     f'<w:next w:val="Normal"/><w:pPr><w:keepNext/><w:spacing w:before="280" w:after="120"/><w:outlineLvl w:val="{level - 1}"/></w:pPr><w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr>')

    return f"<w:styles {W}>" + "".join([
        '<w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:cs="Calibri"/><w:sz w:val="22"/><w:lang w:val="en-GB"/></w:rPr></w:rPrDefault>'
        '<w:pPrDefault><w:pPr><w:spacing w:after="140" w:line="276" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>',
        style("paragraph", "Normal", "Normal"), head(1, 36), head(2, 28), head(3, 24),
        style("paragraph", "ListParagraph", "List Paragraph", '<w:pPr><w:spacing w:after="60"/><w:ind w:left="720"/></w:pPr>'),
        style("paragraph", "Quote", "Quote", '<w:pPr><w:ind w:left="720" w:right="720"/></w:pPr><w:rPr><w:i/></w:rPr>'),
        style("paragraph", "SourceCode", "Source Code", '<w:pPr><w:spacing w:line="240" w:lineRule="auto"/></w:pPr><w:rPr><w:rFonts w:ascii="Consolas" w:hAnsi="Consolas" w:cs="Consolas"/><w:sz w:val="19"/></w:rPr>'),
        style("paragraph", "FootnoteText", "footnote text", '<w:rPr><w:sz w:val="18"/></w:rPr>'),
        style("character", "DefaultParagraphFont", "Default Paragraph Font"),
        style("character", "VerbatimChar", "Verbatim Char", '<w:rPr><w:rFonts w:ascii="Consolas" w:hAnsi="Consolas" w:cs="Consolas"/></w:rPr>'),
        style("character", "Hyperlink", "Hyperlink", '<w:rPr><w:color w:val="0563C1"/><w:u w:val="single"/></w:rPr>'),
        style("character", "FootnoteReference", "footnote reference", '<w:rPr><w:vertAlign w:val="superscript"/></w:rPr>'),
        style("table", "TableNormal", "Normal Table"),
        style("table", "TableGrid", "Table Grid", '<w:basedOn w:val="TableNormal"/><w:tblPr><w:tblBorders>' + "".join(
            f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="auto"/>' for side in ("top", "left", "bottom", "right", "insideH", "insideV")) + "</w:tblBorders></w:tblPr>"),
    ]) + "</w:styles>"


def numbering():
    def levels(formats):
        return "".join(
            f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{fmt}"/><w:lvlText w:val="{text}"/><w:lvlJc w:val="left"/>'
            f'<w:pPr><w:ind w:left="{720 * (i + 1)}" w:hanging="360"/></w:pPr></w:lvl>' for i, (fmt, text) in enumerate(formats))
    bullets = levels([("bullet", "•"), ("bullet", "–"), ("bullet", "▪")])
    steps = levels([("decimal", "%1."), ("lowerLetter", "%2)"), ("lowerRoman", "%3.")])
    return (f"<w:numbering {W}>" +
            "".join(f'<w:abstractNum w:abstractNumId="{i}"><w:multiLevelType w:val="hybridMultilevel"/>{l}</w:abstractNum>' for i, l in enumerate([bullets, steps, steps])) +
            "".join(f'<w:num w:numId="{n}"><w:abstractNumId w:val="{n - 1}"/></w:num>' for n in (BULLETS, STEPS, STEPS_AGAIN)) + "</w:numbering>")


def footnotes():
    rule = "".join(f'<w:footnote w:type="{kind}" w:id="{i}"><w:p><w:r><w:{mark}/></w:r></w:p></w:footnote>'
                   for i, (kind, mark) in enumerate([("separator", "separator"), ("continuationSeparator", "continuationSeparator")]))
    mark = '<w:r><w:rPr><w:rStyle w:val="FootnoteReference"/></w:rPr><w:footnoteRef/></w:r>'
    return f"<w:footnotes {W}>{rule}" + "".join(
        f'<w:footnote w:id="{i + 2}">{para(mark, run(" " + text), style="FootnoteText")}</w:footnote>' for i, text in enumerate(notes)) + "</w:footnotes>"


def relationships(entries):
    return f'<Relationships xmlns="{PKG}/relationships">' + "".join(
        f'<Relationship Id="{id}" Type="{kind}" Target="{escape(target)}"{mode}/>' for id, kind, target, mode in entries) + "</Relationships>"


def parts():
    text = body()  # fills links and notes
    yield "[Content_Types].xml", (
        f'<Types xmlns="{PKG}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{WML}.document.main+xml"/>' +
        "".join(f'<Override PartName="/word/{p}.xml" ContentType="{WML}.{p}+xml"/>' for p in ("styles", "numbering", "footnotes")) +
        '<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>')
    yield "_rels/.rels", relationships([
        ("rId1", R + "/officeDocument", "word/document.xml", ""),
        ("rId2", PKG + "/relationships/metadata/core-properties", "docProps/core.xml", "")])
    yield "docProps/core.xml", (
        f'<cp:coreProperties xmlns:cp="{PKG}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>One year of the roof weather station</dc:title><dc:language>en-GB</dc:language></cp:coreProperties>")
    yield "word/document.xml", f'<w:document {W} xmlns:r="{R}"><w:body>{text}</w:body></w:document>'
    yield "word/_rels/document.xml.rels", relationships(
        [(p, f"{R}/{p}", p + ".xml", "") for p in ("styles", "numbering", "footnotes")] +
        [(f"link{i + 1}", R + "/hyperlink", target, ' TargetMode="External"') for i, target in enumerate(links)])
    yield "word/styles.xml", styles()
    yield "word/numbering.xml", numbering()
    yield "word/footnotes.xml", footnotes()


def main(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in parts():
            entry = zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(entry, HEAD + text)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "report.docx")
