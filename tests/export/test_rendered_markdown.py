"""The Markdown of a message becomes HTML as the panel shows it, and nothing in a text can act."""

from __future__ import annotations

import re

import pytest

from nb_stream.export.rendered_markdown import Detail, rendered_markdown

PLAIN = Detail(highlight=False, formulas=False, compact=True)


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
        ("**注意：**请保存", "<p><strong>注意：</strong>请保存"),
        ("これは**「強調」**です", "<p>これは<strong>「強調」</strong>です"),
        ("`https://a.org` https://a.org/b。次に", 'href="https://a.org/b"'),
        ("(see https://a.org/b(c))", 'href="https://a.org/b(c)"'),
        ("[text](https://a.org)", ">text (a.org)</a>"),
        ("[a.org](https://a.org/x)", ">a.org</a>"),
        ("mail me@a.org.", '<a href="mailto:me@a.org"'),
        ("$$\n- a\n= b\n$$", "<p><code>- a&#10;= b</code>"),
        ("$5 and $10", "<p>$5 and $10"),
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
    assert "<mtable" in html and "(1)" not in html


def test_code_has_the_panels_colours_and_an_unknown_language_none() -> None:
    assert "<span class=nbs-t-keyword>def" in rendered_markdown("```python\ndef f(): pass\n```")
    assert "nbs-t" not in rendered_markdown("```python\ndef f(): pass\n```", PLAIN)
    assert "nbs-t" not in rendered_markdown("```nothing\ndef f(): pass\n```")
