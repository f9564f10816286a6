/** A text with every construct of Markdown, as models write it. */

export const ESSAY = String.raw`# The tides, for a sailor

The Moon pulls on the sea, and so — less than *half* as strongly — does the Sun. What matters is not the pull itself but **how it differs** from one side of the Earth to the other. See [the almanac](https://tides.example.org/2026/harbour) or write to <pilot@harbour.example>; the raw data is at https://data.example.org/gauges?station=12.

## What the formula says

The height of the tide goes with the *third* power of the distance $r$, not the second:

$$
\Delta g \approx \frac{2 G M R}{r^3}, \qquad \frac{\Delta g_{\text{Sun}}}{\Delta g_{\text{Moon}}} = \frac{M_\odot}{M_☾}\left(\frac{r_☾}{r_\odot}\right)^3 \approx 0.46
$$

So a coefficient between 20 and 120 is a *height* and not a speed: the entry \(c = 95\) means a big tide. It costs $5 to print the table and $6 to bind it.

\[
\begin{aligned}
  h(t) &= h_0 + \sum_{k=1}^{n} A_k \cos(\omega_k t + \varphi_k) \\
  \dot{h}(t) &= -\sum_{k=1}^{n} A_k \omega_k \sin(\omega_k t + \varphi_k)
\end{aligned}
\]

## A table to keep on board

| Constituent | Symbol | Period (h) | What it is |
| :--- | :---: | ---: | --- |
| Principal lunar | $M_2$ | 12.42 | the Moon overhead, twice a day |
| Principal solar | $S_2$ | 12.00 | the same for the Sun |
| Larger elliptic | $N_2$ | 12.66 | the Moon's orbit is **not** a circle |
| Luni-solar | ${"`"}K1${"`"} | 23.93 | ~~a mistake~~ the declination of both |

> The sea has never been friendly to man. At most it has been the accomplice of human restlessness.
>
> > And the tide tables are never wrong, only late.

### How to read it

1. Find the **harbour** and its constants.
2. Take the time in UTC, not in summer time:
   - the table says so on its cover,
   - and nobody reads covers.

   A second paragraph that belongs to the step.
3. Add them up.

- [x] charts corrected
- [ ] lifejackets counted
  - [ ] the small ones too

${"```"}python
import math
from dataclasses import dataclass

@dataclass
class Constituent:
    """Amplitude in metres, period in hours, phase in radians."""
    amplitude: float
    period: float
    phase: float = 0.0

def height(t: float, parts: list[Constituent], mean: float = 3.2) -> float:
    # The sum of all constituents: the harbour is linear, the sailor is not.
    return mean + sum(p.amplitude * math.cos(2 * math.pi * t / p.period + p.phase) for p in parts)

print(f"{height(6.5, [Constituent(1.9, 12.42)]):.2f} m above the datum, which is the lowest tide that anybody can remember")
${"```"}

${"```"}diff
@@ -1,3 +1,3 @@
-high = max(heights)
+high = max(heights, key=lambda h: h.metres)
 return high
${"```"}

${"```"}json
{"station": "Brest", "heights": [1.2, 6.9, null], "verified": true}
${"```"}

#### A picture, and a warning

![The harbour at low water](https://pictures.example.net/low.jpg)

Mind the [bank](https://www.hsbc.example@evil.example/login): a link shows where it leads, and a hidden ‮reversal‬ shows itself. مرحبا بالبحّارة — text from right to left takes its own side.

---

That is all: fair winds.
`;
