package mail

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEncodedWordsAreReadInTheirBrokenFormsToo(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                             "plain",
		"=?utf-8?q?a_b=3Fc?=":                               "a b?c",
		"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=":             "ab",
		"=?ISO-8859-1?Q?a?= x =?ISO-8859-1?Q?b?=":           "a x b",
		"x=?utf-8?b?w6Q=?=y":                                "xäy",
		"=?utf-8?b?w6Q?=":                                   "ä", // no padding
		"=?utf-8?b?w6?= =?utf-8?b?Q=?=":                     "ä", // one character in two words
		"=?utf-8?q?=C3?= =?utf-8?q?=A4?=":                   "ä",
		"=?utf-8*de?q?=C3=A4?=":                             "ä",
		"=?utf-8?q?with spaces inside?=":                    "with spaces inside",
		"=?utf-8?q?never_closed":                            "never closed",
		"=?utf-8?x?what?=":                                  "=?utf-8?x?what?=",
		"=?iso-8859-1?q?caf\xe9?=":                          "café",
		"=?utf-8?q?why?=3F?=":                               "why??",
		"=?koi8-r?B?8NLJ18XU?=":                             "Привет",
		"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=":                "日本",
		"=?gb2312?B?xOO6ww==?=":                             "你好",
		"=?x-unknown?q?abc?=":                               "abc",
		"=? ?= =?? =?a?":                                    "=? ?= =?? =?a?",
		"=?utf-7?Q?Fr+APY-hling?=":                          "Fröhling",
		"caf\xe9":                                           "caf\uFFFD",
		"=?us-ascii?q?one?=\t=?utf-8?q?two?= =?utf-8?b?w6Q": "onetwoä",
	} {
		if got := decodeWords(in, ""); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestEightBitHeadersAreGuessedOnlyWhenAsked(t *testing.T) {
	const raw = "Subject: \xf0\xd2\xc9\xd7\xc5\xd4\nContent-Type: text/plain; charset=koi8-r\n\nx"
	if got := parse(t, raw, Options{}).Subject; got != strings.Repeat("\uFFFD", 1) {
		t.Errorf("subject %q", got)
	}
	if got := parse(t, raw, Options{Guess: true}).Subject; got != "Привет" {
		t.Errorf("guessed subject %q", got)
	}
}

func TestAddressesAreReadInTheirBrokenFormsToo(t *testing.T) {
	for in, want := range map[string][]Address{
		"":                            nil,
		"a@example.org":               {{"", "a@example.org"}},
		"A B <a@example.org>":         {{"A B", "a@example.org"}},
		`"B, A" <a@example.org>, c@d`: {{"B, A", "a@example.org"}, {"", "c@d"}},
		"a@example.org (A (the) B)":   {{"A (the) B", "a@example.org"}},
		"G: a@example.org, B <b@example.org>;, c@d":  {{"", "a@example.org"}, {"B", "b@example.org"}, {"", "c@d"}},
		"undisclosed-recipients:;":                   nil,
		"a@example.org; b@example.org":               {{"", "a@example.org"}, {"", "b@example.org"}},
		"A <a@example.org":                           {{"A", "a@example.org"}},
		"A <a@example.org, b@example.org":            {{"A", "a@example.org"}, {"", "b@example.org"}},
		"<<a@example.org>>":                          {{"", "a@example.org"}},
		"A <@x,@y:a@example.org>":                    {{"A", "a@example.org"}},
		`"never closed <a@example.org>`:              {{"never closed", "a@example.org"}},
		"a @ example . org":                          {{"", "a@example.org"}},
		`"a b"@example.org`:                          {{"", `"a b"@example.org`}},
		"=?utf-8?q?M=C3=BCller,_A?= <a@example.org>": {{"Müller, A", "a@example.org"}},
		"=?utf-8?q?M=C3=BCller, A?= <a@example.org>": {{"Müller, A", "a@example.org"}},
		`"=?utf-8?q?M=C3=BCller?=" <a@example.org>`:  {{"Müller", "a@example.org"}},
		"'A' <a@example.org>":                        {{"A", "a@example.org"}},
		"Nobody":                                     {{"Nobody", ""}},
		"a@example.org <a@example.org>":              {{"a@example.org", "a@example.org"}},
		"<mailto:a@example.org>":                     {{"", "a@example.org"}},
		`A \"B\" <a@example.org>`:                    {{`A "B"`, "a@example.org"}},
		",, ,":                                       nil,
	} {
		if got := parseAddresses(in, ""); !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %+v, want %+v", in, got, want)
		}
	}
}

func TestParametersAreReadInTheirBrokenFormsToo(t *testing.T) {
	for in, want := range map[string]struct{ value, name, param string }{
		`text/plain; charset=utf-8`:                                                  {"text/plain", "charset", "utf-8"},
		`Text/Plain; CHARSET="utf-8" (comment)`:                                      {"text/plain", "charset", "utf-8"},
		`text/plain charset=utf-8`:                                                   {"text/plain", "charset", "utf-8"},
		`text/plain; charset=utf-8 format=flowed`:                                    {"text/plain", "format", "flowed"},
		`attachment; filename=my file (1).pdf`:                                       {"attachment", "filename", "my file (1).pdf"},
		`attachment; filename="a;b.pdf"`:                                             {"attachment", "filename", "a;b.pdf"},
		`attachment; filename="open.pdf`:                                             {"attachment", "filename", "open.pdf"},
		`attachment; filename*=utf-8''%C3%A4.txt`:                                    {"attachment", "filename", "ä.txt"},
		`attachment; filename*="utf-8''%C3%A4.txt"`:                                  {"attachment", "filename", "ä.txt"},
		`attachment; filename*=%C3%A4.txt`:                                           {"attachment", "filename", "ä.txt"},
		`attachment; filename*1="b.txt"; filename*0="a"`:                             {"attachment", "filename", "ab.txt"},
		`attachment; filename*0*=utf-8'en'%C3; filename*1*=%A4; filename*2=" z.txt"`: {"attachment", "filename", "ä z.txt"},
		`attachment; filename=x.txt; filename*=utf-8''y.txt`:                         {"attachment", "filename", "y.txt"},
		`attachment; filename="=?utf-8?q?=C3=A4.txt?="`:                              {"attachment", "filename", "ä.txt"},
		`attachment; filename=one; filename=two`:                                     {"attachment", "filename", "one"},
		`; boundary=b`:                                                               {"", "boundary", "b"},
		`boundary="b"`:                                                               {"", "boundary", "b"},
	} {
		value, params := parseParams(in, "")
		if value != want.value || params[want.name] != want.param {
			t.Errorf("%q gives %q %q", in, value, params)
		}
	}
}

func TestNamesNeverHoldAPath(t *testing.T) {
	for in, want := range map[string]string{
		"a.txt": "a.txt", "../../etc/passwd": "passwd", `C:\x\y.doc`: "y.doc", "c:z.doc": "z.doc", "..": "", "a/": "", ".": "",
		"a\x00b\r\n.txt": "ab.txt", "cod\u202Efdp.exe": "codfdp.exe", "a.txt:stream": "a.txt_stream", "~": "~",
	} {
		if got, _ := cleanName(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	if got, _ := cleanName(strings.Repeat("ä", 5000) + ".pdf"); len(got) > 200 || !strings.HasSuffix(got, "ä.pdf") {
		t.Errorf("a long name became %d octets: %q", len(got), got)
	}
}

func TestDatesAreReadInTheirWildForms(t *testing.T) {
	for in, want := range map[string]string{
		"Fri, 21 Nov 1997 09:55:06 -0600":       "1997-11-21T09:55:06-06:00",
		"21 Nov 97 09:55:06 GMT":                "1997-11-21T09:55:06Z",
		"Tue, 1 Jul 2003 10:52:37 +0200 (CEST)": "2003-07-01T10:52:37+02:00",
		"Thu, 13 Feb 1969 23:32:54 -0330":       "1969-02-13T23:32:54-03:30",
		"Mon Mar  3 09:15:02 2025":              "2025-03-03T09:15:02Z",
		"Mon, 3 Mar 2025 9:15:02 PM PST":        "2025-03-03T21:15:02-08:00",
		"3-Mar-2025 09:15":                      "2025-03-03T09:15:00Z",
		"Mon, 03 March 2025 09:15:02 GMT+0100":  "2025-03-03T09:15:02+01:00",
		"2025-03-03T09:15:02+01:00":             "2025-03-03T09:15:02+01:00",
		"2025-03-03 09:15:02":                   "2025-03-03T09:15:02Z",
		"Mon,3 Mar 2025 09:15:02 +01:00":        "2025-03-03T09:15:02+01:00",
		"Sat, 31 Feb 2025 00:00:00 +0000":       "",
		"Mon, 3 Mar 2025 25:00:00 +0000":        "2025-03-03T00:00:00Z",
		"Mon, 3 Mar 2025 09:15:02 +9999":        "2025-03-03T09:15:02Z",
		"Mon, 3 Mar 102 09:15:02 -0000":         "2002-03-03T09:15:02Z",
		"2002/09/14 Sat 02:29:32 CDT":           "2002-09-14T02:29:32-05:00",
		"nonsense":                              "",
		"":                                      "",
	} {
		got := ""
		if d, ok := parseDate(in); ok {
			got = d.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestMessageIDsLoseTheirBrackets(t *testing.T) {
	for in, want := range map[string][]string{
		"<a@b>": {"a@b"}, "<a@b> <c@d>": {"a@b", "c@d"}, "<a@b><c@d>": {"a@b", "c@d"}, "a@b": {"a@b"}, "<a\n @b>": {"a@b"},
		`Your message of "Monday" <a@b>`: {"a@b"}, "<a@b": {"a@b"}, "": nil, "<>": nil, "words only": nil,
	} {
		if got := parseIDs(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestCharsetsAreKnownByTheNamesMailUses(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"utf8": {"\xc3\xa4", "ä"}, "ISO-8859-15": {"\xa4", "€"}, "cp1252": {"\x80", "€"}, "cp-1252": {"\x80", "€"}, "iso_8859-1": {"\xe4", "ä"},
		"macintosh": {"\x8a", "ä"}, "x-mac-cyrillic": {"\x80", "А"}, "ibm437": {"\x84", "ä"}, "cp437": {"\x84", "ä"}, "cp850": {"\x84", "ä"},
		"ks_c_5601-1987": {"\xb0\xa1", "가"}, "euc-kr": {"\xb0\xa1", "가"}, "big5": {"\xa4\xa4", "中"}, "gb18030": {"\xd6\xd0", "中"}, "hz-gb-2312": {"~{VP~}", "中"},
		"Shift_JIS": {"\x93\xfa", "日"}, "cp932": {"\x93\xfa", "日"}, "euc-jp": {"\xc6\xfc", "日"}, "tis-620": {"\xa1", "ก"}, "windows-1251": {"\xcf", "П"}, "koi8-u": {"\xf0", "П"},
		"utf-16": {"\xfe\xff\x00a", "a"}, "utf-16le": {"a\x00", "a"}, "utf-32": {"\x00\x00\x00a", "a"}, "UTF-7": {"A+AOQ-+-", "Aä+"}, `"utf-8"`: {"\xc3\xa4", "ä"},
	} {
		if got, problem := decodeCharset([]byte(c.raw), name, ""); got != c.want || problem {
			t.Errorf("%s: %q gives %q, problem %v", name, c.raw, got, problem)
		}
	}
}

func TestAnHTMLPageMayNameItsOwnCharset(t *testing.T) {
	email := parse(t, "Content-Type: text/html\n\n<meta charset=windows-1251><title>no</title><p>\xcf&amp;", Options{})
	if email.Preview != "П&" {
		t.Errorf("preview %q", email.Preview)
	}
}
