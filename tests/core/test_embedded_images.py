"""`without_images`: pictures in the results of tools become pictures, and nothing else does."""

from __future__ import annotations

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nb_stream.core.embedded_images import without_images


def image(form: str, size: tuple[int, int] = (40, 30)) -> str:
    """A picture in base64."""
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, form)
    return base64.b64encode(file.getvalue()).decode()


FORMS = ["PNG", "JPEG", "GIF", "WEBP"]
AROUND = [
    "%s",
    "before\n[Image: %s]\nafter",
    "data:image/png;base64,%s",
    '[{"type": "image", "data": "%s", "mimeType": "image/png"}]',
    "![a plot](data:image/png;base64,%s)",
]


@pytest.mark.parametrize("size", [(1, 1), (40, 30)])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", AROUND)
def test_an_image_of_each_kind_is_found_wherever_it_stands(form: str, around: str, size: tuple[int, int]) -> None:
    data = image(form, size)
    text, images = without_images(around % data)
    assert images == [f"data:image/{form.lower()};base64,{data}"]
    kept = around.replace("[Image: %s]", "%s").replace("data:image/png;base64,%s", "%s") % "[image 1]"
    assert text == kept


def test_images_are_counted_and_keep_their_order() -> None:
    first, second = image("PNG"), image("JPEG")
    text, images = without_images(f"[Image: {first}]\nand\n[Image: {second}]", first=3)
    assert text == "[image 3]\nand\n[image 4]"
    assert [uri.partition(",")[2] for uri in images] == [first, second]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iVBORw0KGgo=",
        "/9j/4A/a/path/of/a/file.txt",
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload=alert(1)>" * 9).decode(),
        base64.b64encode(b"\0no picture at all" * 40).decode(),
        "x" + image("PNG"),
    ],
)
def test_what_is_no_image_stays_as_it_was(text: str) -> None:
    assert without_images(text) == (text, [])


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert without_images(text) == (text, [])
