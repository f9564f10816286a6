"""The Markdown of a message becomes HTML as the panel shows it, and nothing in a text can act."""

from __future__ import annotations

import re
import time

import pytest

from nb_stream.export.markdown_rules import MAX_BLOCK_DEPTH
from nb_stream.export.rendered_markdown import Detail, rendered_markdown

PLAIN = Detail(highlight=False, formulas=False, compact=True)


# What is rendered here is checked against the panel for whole documents: these are the forms, one by one.
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("## Steering", "<h5>Steering</h5>"),
        ("Head\n====", "<h4>Head</h4>"),
        (
            "| a | b |\n|---|:-:|\n| 1 | `x \\| y` |",
            '<th align="center">b<tbody><tr><td>1<td align="center"><code>x | y',
        ),
        ("| a |\n|---|\n| x<br>y<br/>z |", "<td>x<br>y<br>z"),
        ("a<br>b", "<p>a&lt;br&gt;b"),
        ("- [x] done\n- [ ] to do", "<ul><li>☑ done<li>☐ to do</ul>"),
        ("~~two~~ ~one~ ~~~~no~~~~", "<p><del>two</del> <del>one</del> ~~~~no~~~~"),
        # Emphasis and addresses in texts without spaces.
        ("**注意：**请保存", "<p><strong>注意：</strong>请保存"),
        ("**(괄호)**는", "<p><strong>(괄호)</strong>는"),
        ("**“引号”**后", "<p><strong>“引号”</strong>后"),
        ("これは**「強調」**です", "<p>これは<strong>「強調」</strong>です"),
        ("`https://a.org` https://a.org/b。次に", 'href="https://a.org/b"'),
        ("「https://a.org/日本」", 'href="https://a.org/%E6%97%A5%E6%9C%AC"'),
        # Links say where they lead, and others say what they name.
        ("(see https://a.org/b(c))", 'href="https://a.org/b(c)"'),
        ("[text](https://a.org)", ">text (a.org)</a>"),
        ("[a.org](https://a.org/x)", ">a.org</a>"),
        ("[evil](https://good.org@evil.org)", ">evil (evil.org)</a>"),
        (r"[x](https:\\\\evil.org\\@good.org)", 'href="https://evil.org/@good.org"'),
        ("[docs](docs/x.md)", "<p>docs (docs/x.md)"),
        ("[docs/x.md](docs/x.md) [a](#b)", "<p>docs/x.md a"),
        ("[x](javascript:alert(1))", "<p>x (javascript:alert(1))"),
        ("mail me@a.org.", '<a href="mailto:me@a.org"'),
        ("![cat](https://a.org/c.png)", ">[image: cat] (a.org)</a>"),
        # Formulas, and what is none.
        ("$$\n- a\n= b\n$$", "<p><code>- a&#10;= b</code>"),
        ("\\begin{align}\na &= b \\\\\n- c\n\\end{align}", "<p><code>\\begin{align}&#10;a &amp;= b"),
        ("from $5 to 10$", "<p>from $5 to 10$"),
        ("$5$ and $10^3$", "<p><code>5</code> and <code>10^3</code>"),
        (r"arr\[0\] and cmd \[optional\]", "<p>arr[0] and cmd [optional]"),
        (r"\[[RFC 2616](https://a.org/x)\]", "<p>[<a href"),
        (r"\(x\) and \[ E = mc^2 \]", "<p><code>x</code> and <code>E = mc^2</code>"),
        # Paths, notes, alerts, emoji, fences.
        (r"C:\Users\me\.config\_x and \\server\share$\_b", r"<p>C:\Users\me\.config\_x and \\server\share$\_b"),
        (
            "A[^1] B[^no]\n\n[^1]: One\n\n    - two\n\n[^2]: unused",
            "<p>A<sup>1</sup> B[^no]<ol><li><p>One<ul><li>two</ul>",
        ),
        ("[^2]: unused\n", "<ol><li><p>unused</ol>"),
        ("> [!NOTE]\n> Text", "<blockquote><p><strong>Note</strong><p>Text</blockquote>"),
        ("> [!tip] Mine\n> - a", "<blockquote><p><strong>Mine</strong><ul><li>a</ul></blockquote>"),
        ("> [!NOPE]\n> Text", "<blockquote><p>[!NOPE]&#10;Text</blockquote>"),
        (":tada: :no_such: 10:30:45 `:x:`", "<p>🎉 :no_such: 10:30:45 <code>:x:</code>"),
        ("```md\n```py\nx\n```\nmore\n```\nend", "<pre><code>```py&#10;x&#10;```&#10;more&#10;</code></pre><p>end"),
        ("```\n\nx", "<pre><code>&#10;x&#10;</code></pre>"),
    ],
)
def test_what_models_write_is_rendered(text: str, html: str) -> None:
    assert html in rendered_markdown(text, PLAIN)


def test_formulas_become_mathml_and_others_stay_source() -> None:
    assert re.search(r"<mi>tan</mi>.*<mi>θ</mi>", rendered_markdown(r"$$\tan\theta$$"))
    assert r"<code class=nbs-tex>\frac{a" in rendered_markdown(r"$\frac{a$")
    assert r"<code class=nbs-tex>\nosuch x" in rendered_markdown(r"$\nosuch x$")


def test_formulas_are_not_counted() -> None:
    html = rendered_markdown("\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}")
    assert "<mtable" in html
    assert "(1)" not in html


def test_code_has_the_panels_colours_and_an_unknown_language_none() -> None:
    assert "<span class=nbs-t-keyword>def" in rendered_markdown("```python\ndef f(): pass\n```")
    assert "nbs-t" not in rendered_markdown("```python\ndef f(): pass\n```", PLAIN)
    assert "nbs-t" not in rendered_markdown("```nothing\ndef f(): pass\n```")


# What is written to take long, or to lose something on the way. Each is repeated to the length that is asked for.
BOMBS = {
    "open brackets": "[a ",
    "images in images": "![",
    "brackets without definitions": "[a\n",
    "stars": "*a **b ",
    "stars and underscores": "*_",
    "stars in words": "a**b",
    "quotes in quotes": ">",
    "items in items": "- ",
    "notes": "[^a]: ",
    "backticks": "`a ``b ",
    "dollars": "$a ",
    "formulas": "\\(",
    "addresses": "http://",
    "mail": "a@",
    "angles": "<a:",
    "colons": ":a",
    "paths": "C:\\",
    "alerts": "> [!NOTE]\n",
    "table heads": "a|b\n--|--\n",
    "fences in Markdown": "```md\n```py\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_text_takes_time_in_proportion_to_its_length_and_nothing_is_lost(name: str) -> None:
    def spent(length: int) -> float:
        text = (BOMBS[name] * length)[:length]
        began = time.process_time()
        rendered_markdown(text, PLAIN)
        return time.process_time() - began

    spent(1000)
    short, long = spent(4_000), spent(32_000)
    assert long < 0.5 or long / short < 24  # eight times the length; with the square it would be 64 times the time
    text = (BOMBS[name] * 3000)[:3000] + " end"
    assert "end" in rendered_markdown(text, PLAIN)


def test_nested_blocks_end_somewhere_and_what_is_deeper_is_text() -> None:
    html = rendered_markdown("> " * 10_000 + "deep")
    assert html.count("<blockquote>") == MAX_BLOCK_DEPTH
    assert html.count("&gt;") == 10_000 - MAX_BLOCK_DEPTH
    assert "deep" in html
    lists = "".join(f"{'  ' * depth}- item {depth}\n" for depth in range(300))
    assert [f"item {depth}" for depth in range(300) if f"item {depth}" not in rendered_markdown(lists)] == []


def test_a_table_of_a_hundred_thousand_cells_is_whole() -> None:
    rows = [[f"c{row * 50 + column}" for column in range(50)] for row in range(2000)]
    text = "|" + "h|" * 50 + "\n" + "|-" * 50 + "|\n" + "".join(f"|{'|'.join(row)}|\n" for row in rows)
    html = rendered_markdown(text, PLAIN)
    assert html.count("<td>") == 100_000
    assert re.findall(r"c\d+", html) == [cell for row in rows for cell in row]


def test_short_rows_do_not_fill_a_page_with_empty_cells() -> None:
    text = "|" + "h|" * 2000 + "\n" + "|-" * 2000 + "|\n" + "|x|\n" * 2000
    html = rendered_markdown(text, PLAIN)
    assert html.count("<td>") < 100_000
    assert html.count("x") == 2000


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{" * 10_000 + "x" + "}" * 10_000,
        r"\frac{" * 1_000 + "x" + "}" * 1_000,
        r"\sqrt" * 1_500 + "x",
        "x" + "^{x" * 2_000 + "}" * 2_000,
        r"\left(" * 1_200 + "x" + r"\right)" * 1_200,
        r"\newcommand{\x}{\x\x}\x",
        r"\def\a{\a\a}\a",
        r"\begin{matrix}" + "a&" * 3_000 + r"\end{matrix}",
    ],
    ids=["frac 10,000 deep", "frac 1,000 deep", "roots", "powers", "brackets", "macros", "definitions", "lost cells"],
)
def test_a_formula_bomb_stays_its_source(tex: str) -> None:
    began = time.process_time()
    html = rendered_markdown(f"$$\n{tex}\n$$")
    assert time.process_time() - began < 2
    assert "<math" not in html
    shown = re.sub(r"<[^>]+>", "", html)
    assert tex.replace("&", "&amp;") in shown or tex.count("x") == shown.count("x")
