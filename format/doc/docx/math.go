package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// texOf writes Office mathematics as TeX. What it does not know it reads
// through, so that no symbol is lost.
func texOf(n *opc.Node) string { return strings.TrimSpace(texKids(n)) }

func texKids(n *opc.Node) string {
	if n == nil {
		return ""
	}
	var sb strings.Builder
	for _, k := range n.Kids {
		sb.WriteString(tex(k))
	}
	return sb.String()
}

// arg is a part of a construct, in braces.
func arg(n *opc.Node, name string) string { return "{" + strings.TrimSpace(texKids(n.Kid(name))) + "}" }

func val(n *opc.Node, path ...string) string { return n.Path(path...).Get("m:val") }

func tex(n *opc.Node) string {
	switch n.Name {
	case "m:r":
		return texRun(n)
	case "m:f":
		switch val(n, "m:fPr", "m:type") {
		case "noBar":
			return `\genfrac{}{}{0pt}{}` + arg(n, "m:num") + arg(n, "m:den")
		case "lin":
			return arg(n, "m:num") + "/" + arg(n, "m:den")
		}
		return `\frac` + arg(n, "m:num") + arg(n, "m:den")
	case "m:rad":
		if d := strings.TrimSpace(texKids(n.Kid("m:deg"))); d != "" {
			return `\sqrt[` + d + "]" + arg(n, "m:e")
		}
		return `\sqrt` + arg(n, "m:e")
	case "m:sSup":
		return base(n) + "^" + arg(n, "m:sup")
	case "m:sSub":
		return base(n) + "_" + arg(n, "m:sub")
	case "m:sSubSup":
		return base(n) + "_" + arg(n, "m:sub") + "^" + arg(n, "m:sup")
	case "m:sPre":
		return "{}_" + arg(n, "m:sub") + "^" + arg(n, "m:sup") + base(n)
	case "m:nary":
		return texNary(n)
	case "m:d":
		return texDelimited(n)
	case "m:func":
		name := strings.TrimSpace(texKids(n.Kid("m:fName")))
		if known := strings.TrimPrefix(strings.Trim(name, "{}"), `\mathrm{`); functions[known] {
			name = `\` + known
		}
		return name + arg(n, "m:e")
	case "m:limLow":
		return base(n) + "_" + arg(n, "m:lim")
	case "m:limUpp":
		return `\overset` + arg(n, "m:lim") + arg(n, "m:e")
	case "m:acc":
		return accent(val(n, "m:accPr", "m:chr")) + arg(n, "m:e")
	case "m:bar":
		if val(n, "m:barPr", "m:pos") == "top" {
			return `\overline` + arg(n, "m:e")
		}
		return `\underline` + arg(n, "m:e")
	case "m:groupChr":
		if val(n, "m:groupChrPr", "m:pos") == "top" {
			return `\overbrace` + arg(n, "m:e")
		}
		return `\underbrace` + arg(n, "m:e")
	case "m:borderBox":
		return `\boxed` + arg(n, "m:e")
	case "m:m":
		var rows []string
		for _, r := range n.All("m:mr") {
			var cells []string
			for _, e := range r.All("m:e") {
				cells = append(cells, strings.TrimSpace(texKids(e)))
			}
			rows = append(rows, strings.Join(cells, " & "))
		}
		return `\begin{matrix}` + "\n" + strings.Join(rows, " \\\\\n") + "\n" + `\end{matrix}`
	case "m:eqArr":
		var rows []string
		for _, e := range n.All("m:e") {
			rows = append(rows, strings.TrimSpace(texKids(e)))
		}
		return `\begin{aligned}` + "\n" + strings.Join(rows, " \\\\\n") + "\n" + `\end{aligned}`
	}
	if strings.HasSuffix(n.Name, "Pr") {
		return ""
	}
	return texKids(n)
}

func base(n *opc.Node) string {
	b := strings.TrimSpace(texKids(n.Kid("m:e")))
	if len([]rune(b)) == 1 || strings.HasPrefix(b, `\`) && !strings.ContainsAny(b[1:], ` \{^_`) {
		return b
	}
	return "{" + b + "}"
}

func texRun(n *opc.Node) string {
	var sb strings.Builder
	for _, t := range n.All("m:t") {
		sb.WriteString(texText(t.Text))
	}
	s := sb.String()
	if n.Path("m:rPr", "m:nor") != nil {
		return `\text{` + s + "}"
	}
	if val(n, "m:rPr", "m:sty") == "p" && len([]rune(s)) > 1 && isWord(s) {
		return `\mathrm{` + s + "}"
	}
	if val(n, "m:rPr", "m:sty") == "b" {
		return `\mathbf{` + s + "}"
	}
	return s
}

func isWord(s string) bool {
	for _, c := range s {
		if c < 'A' || c > 'z' || c > 'Z' && c < 'a' {
			return false
		}
	}
	return s != ""
}

var functions = map[string]bool{"sin": true, "cos": true, "tan": true, "log": true, "ln": true, "exp": true, "lim": true,
	"max": true, "min": true, "sinh": true, "cosh": true, "tanh": true, "sec": true, "csc": true, "cot": true, "det": true, "arcsin": true, "arccos": true, "arctan": true}

// texText escapes text and names the characters TeX writes by commands.
func texText(s string) string {
	var sb strings.Builder
	for _, c := range s {
		if cmd, ok := commands[c]; ok {
			sb.WriteString(`\` + cmd + " ")
			continue
		}
		switch c {
		case '{', '}', '#', '%', '&', '$', '_':
			sb.WriteString(`\`)
			sb.WriteRune(c)
		case '\\':
			sb.WriteString(`\backslash `)
		case '\u2212':
			sb.WriteString("-")
		default:
			sb.WriteRune(c)
		}
	}
	return sb.String()
}

func texNary(n *opc.Node) string {
	cmd := `\int`
	if c := val(n, "m:naryPr", "m:chr"); c != "" {
		cmd = strings.TrimSpace(texText(c))
	}
	if s := texKids(n.Kid("m:sub")); strings.TrimSpace(s) != "" {
		cmd += "_" + arg(n, "m:sub")
	}
	if s := texKids(n.Kid("m:sup")); strings.TrimSpace(s) != "" {
		cmd += "^" + arg(n, "m:sup")
	}
	return cmd + arg(n, "m:e")
}

func texDelimited(n *opc.Node) string {
	get := func(name, usual string) string {
		if k := n.Path("m:dPr", name); k != nil {
			if v := strings.TrimSpace(texText(k.Get("m:val"))); v != "" {
				return v
			}
			return "."
		}
		return usual
	}
	var parts []string
	for _, e := range n.All("m:e") {
		parts = append(parts, strings.TrimSpace(texKids(e)))
	}
	sep := get("m:sepChr", "|")
	return `\left` + get("m:begChr", "(") + " " + strings.Join(parts, sep) + ` \right` + get("m:endChr", ")")
}

func accent(c string) string {
	switch c {
	case "\u0303", "~":
		return `\widetilde`
	case "\u0304", "\u0305", "\u00af":
		return `\overline`
	case "\u0307":
		return `\dot`
	case "\u0308":
		return `\ddot`
	case "\u20d7", "\u2192":
		return `\overrightarrow`
	case "\u030c":
		return `\check`
	case "\u0301":
		return `\acute`
	case "\u0300":
		return `\grave`
	}
	return `\widehat`
}

var commands = map[rune]string{
	'α': "alpha", 'β': "beta", 'γ': "gamma", 'δ': "delta", 'ε': "varepsilon", 'ϵ': "epsilon", 'ζ': "zeta", 'η': "eta", 'θ': "theta",
	'ι': "iota", 'κ': "kappa", 'λ': "lambda", 'μ': "mu", 'ν': "nu", 'ξ': "xi", 'π': "pi", 'ρ': "rho", 'σ': "sigma", 'τ': "tau",
	'υ': "upsilon", 'φ': "varphi", 'ϕ': "phi", 'χ': "chi", 'ψ': "psi", 'ω': "omega", 'Γ': "Gamma", 'Δ': "Delta", 'Θ': "Theta",
	'Λ': "Lambda", 'Ξ': "Xi", 'Π': "Pi", 'Σ': "Sigma", 'Υ': "Upsilon", 'Φ': "Phi", 'Ψ': "Psi", 'Ω': "Omega",
	'∑': "sum", '∏': "prod", '∫': "int", '∮': "oint", '∬': "iint", '∭': "iiint", '⋃': "bigcup", '⋂': "bigcap",
	'∞': "infty", '∂': "partial", '∇': "nabla", '±': "pm", '∓': "mp", '×': "times", '÷': "div", '⋅': "cdot", '∘': "circ",
	'≤': "leq", '≥': "geq", '≠': "neq", '≈': "approx", '≡': "equiv", '∼': "sim", '≅': "cong", '∝': "propto",
	'∈': "in", '∉': "notin", '⊂': "subset", '⊆': "subseteq", '⊃': "supset", '⊇': "supseteq", '∪': "cup", '∩': "cap", '∅': "varnothing",
	'→': "rightarrow", '←': "leftarrow", '↔': "leftrightarrow", '⇒': "Rightarrow", '⇐': "Leftarrow", '⇔': "Leftrightarrow", '↦': "mapsto",
	'∀': "forall", '∃': "exists", '¬': "neg", '∧': "land", '∨': "lor", '…': "ldots", '⋯': "cdots", '⋮': "vdots", '⋱': "ddots",
	'⟨': "langle", '⟩': "rangle", '⌈': "lceil", '⌉': "rceil", '⌊': "lfloor", '⌋': "rfloor", '‖': "parallel", '′': "prime", 'ℏ': "hbar",
}
