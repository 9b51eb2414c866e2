package containers

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNotes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"one\ntwo\n\n3":                    "<p>one<br>two</p><p>3</p>",
		"## Head\ntext":                    "<h3>Head</h3><p>text</p>",
		"#no head":                         "<p>#no head</p>",
		"- a\n* b\n\n1. c\n22. d":          "<ul><li>a</li><li>b</li></ul><ol><li>c</li><li>d</li></ol>",
		"> said\n---":                      "<blockquote><p>said</p></blockquote><hr>",
		"**b** *i* `c<` 2 * 3 * 4":         "<p><strong>b</strong> <em>i</em> <code>c&lt;</code> 2 * 3 * 4</p>",
		"```\n<b>\n# x\n```\nafter":        "<pre tabindex=\"0\"><code>&lt;b&gt;\n# x\n</code></pre><p>after</p>",
		"```\nnever closed":                "<pre tabindex=\"0\"><code>never closed\n</code></pre>",
		"<b onclick=x>&amp;":               "<p>&lt;b onclick=x&gt;&amp;amp;</p>",
		"see https://a.example/x?y=1&z=2.": `<p>see <a class="link" href="https://a.example/x?y=1&amp;z=2" rel="noopener noreferrer nofollow" target="_blank">https://a.example/x?y=1&amp;z=2</a>.</p>`,
		`[a "b](https://e.example/"onx)`:   `<p><a class="link" href="https://e.example/%22onx" rel="noopener noreferrer nofollow" target="_blank">a &#34;b</a></p>`,
		"[x](javascript:alert(1))":         "<p>[x](javascript:alert(1))</p>",
		"[x](JaVaScRiPt:alert`1`)":         "<p>[x](JaVaScRiPt:alert<code>1</code>)</p>",
		"[x](data:text/html,<b>)":          "<p>[x](data:text/html,&lt;b&gt;)</p>",
		"[x](//evil.example)":              "<p>[x](//evil.example)</p>",
		"[x](/settings/nodes)":             "<p>[x](/settings/nodes)</p>",
		"http://user:pass@evil.example":    "<p>http://user:pass@evil.example</p>",
		"![x](https://a.example/i.png)":    `<p>!<a class="link" href="https://a.example/i.png" rel="noopener noreferrer nofollow" target="_blank">x</a></p>`,
		"|a|b|\n|-|-|":                     "<p>|a|b|<br>|-|-|</p>",
	} {
		if got := markdown(text); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
}

// Whatever the notes are, only what is allowed comes out.
func FuzzNotes(f *testing.F) {
	for _, s := range []string{"**<b>**", "[a](https://x)`<script>`", "```\n</code><img>", "- <a href=x>\n> *x*"} {
		f.Add(s)
	}
	allowed := strings.NewReplacer("<p>", "", "</p>", "", "<br>", "", "<h3>", "", "</h3>", "", "<ul>", "", "</ul>", "", "<ol>", "", "</ol>", "", "<li>", "", "</li>", "",
		"<blockquote>", "", "</blockquote>", "", "<hr>", "", "<strong>", "", "</strong>", "", "<em>", "", "</em>", "", "<code>", "", "</code>", "",
		"<pre tabindex=\"0\">", "", "</pre>", "", `<a class="link" href="http`, "", `" rel="noopener noreferrer nofollow" target="_blank">`, "", "</a>", "")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		if rest := allowed.Replace(markdown(s)); strings.ContainsAny(rest, "<>\"") {
			t.Errorf("%q left %q", s, rest)
		}
	})
}

func TestLongNotesAreCut(t *testing.T) {
	if got := markdown(strings.Repeat("é", maxNotes)); len(got) > maxNotes+100 || !strings.HasSuffix(got, " …</p>") {
		t.Errorf("%d bytes", len(got))
	}
}
