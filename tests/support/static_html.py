"""What exported pages consist of: nothing in them can run, load or send anything."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PAGE_TAGS = _words(
    "html head meta title style body main header section h1 h2 h3 h4 h5 h6 p ul ol li time details summary bdi pre div "
    "span code figure img svg a rect blockquote hr br em strong del sup table thead tbody tr th td input"
)
MATH_TAGS = _words(
    "math mrow mi mn mo mtext ms mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup munder "
    "mover munderover mtable mtr mtd"
)
PAGE_ATTRIBUTES = _words(
    "class dir open datetime alt src lang charset name content http-equiv id href rel target referrerpolicy role scope "
    "data-kind data-status data-outcome data-type aria-label aria-level aria-hidden align start type disabled checked "
    "viewbox viewBox preserveaspectratio preserveAspectRatio x y width height rx tabindex"
)
MATH_ATTRIBUTES = _words(
    "display displaystyle scriptlevel mathvariant mathsize mathcolor mathbackground lspace rspace minsize maxsize "
    "stretchy fence separator form movablelimits accent linethickness columnalign rowspacing columnspacing notation "
    "depth voffset"
)
