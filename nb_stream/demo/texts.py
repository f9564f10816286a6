"""What the agents of the ready teams say: true, short enough to watch, with work for a renderer."""

from __future__ import annotations

FIRST_POEM = r"""# Slack Water

Before the gulls, before the bread,\
the harbour keeps its breath instead\
of speaking. Ropes hang slack and long.\
The water has misplaced its song.

At five, as every day, the sea\
gives back the boats their buoyancy,\
lifts every keel from weed and stone\
and asks for nothing but a loan.

I wrote it at the hour it describes, so forgive the yawn in the second line."""

FIRST_REVIEW = r"""**What works.** The boats waiting for the water, and the plain rhymes. The title is a term that sailors use, and the poem earns it.

**What to change.**

1. *The hour.* "At five, as every day" cannot be. The tide keeps the moon's time and not ours: high water comes about fifty minutes later each day. Let the poem know that, and it gains a clock of its own.
2. *The line break.* "Instead / of speaking" is there for the rhyme, and one can hear it.
3. *The loan.* If the sea lends, it must also collect. The ebb is missing.

| stanza | keep | look again |
|---|---|---|
| first | ropes, gulls | lines 2 and 4 |
| second | weed and stone | lines 1 and 4 |

> The best image has not been written yet: what do boats look like when they lie on the mud?"""

SECOND_POEM = r"""# Slack Water

Before the gulls, before the bread,\
the ropes hang slack above the bed\
of mud where all the boats lie down\
like cattle at the edge of town.

Then, fifty minutes past the hour\
of yesterday, the moon's slow power\
lifts every keel from weed and stone\
and floats the harbour on a loan

it calls back six hours on, and then\
the boats lie down, and wait again.

The cattle are yours: you asked what the boats look like, and there they were."""

SECOND_REVIEW = r"""Leave it now.

The tide is late by the right amount, the loan is called in, and the last stanza stops after two lines, because the water has gone. I would print it with its title and ~~an explanation~~ nothing else.

- [x] the hour
- [x] the line break
- [x] the ebb"""

PLAN = r"""The question is why a bicycle stays up, and it needs three people.

1. **Historian**: how did the machine come to look as it does? Dates, please, in a table.
2. **Physicist**: what keeps it from falling? One formula, and one thing that most people have wrong.
3. **Mechanic**: what does a rider notice of all this? Numbers that can be checked with a tape measure.

Work at the same time; the **editor** joins what you find."""

HISTORY = r"""## Two wheels in a line

In June 1817 Karl Drais rode a wooden machine out of Mannheim. It had two wheels, a saddle and a handlebar, and no pedals: one pushed with the feet. Its idea has not changed since. A thing that would fall over when it stands can be kept upright by steering it, as long as it moves.

| when | what changed |
|---|---|
| 1817 | the running machine: two wheels in line, the front one steered |
| 1860s | pedals on the front axle, in Paris |
| 1870s | the high wheel: a larger wheel goes farther for each turn of the pedals |
| 1885 | the Rover *safety* bicycle: equal wheels, a chain to the rear one |
| 1888 | Dunlop's pneumatic tyre |

The chain was the quiet revolution. Once gearing no longer depended on the size of the wheel, the rider could come down from a dangerous height, and the bicycle took the shape that it still has."""

PHYSICS = r"""## Steering into the fall

A rider who begins to fall to the left steers a little to the left. The wheels run back under the weight, and the fall is over before anyone has noticed it. In a steady turn the lean angle $\theta$ balances speed and radius:

$$\tan\theta = \frac{v^2}{g\,r}$$

```python
from math import atan, degrees


def lean(speed: float, radius: float) -> float:
    '''Degrees from the vertical, for metres per second and metres.'''
    return degrees(atan(speed**2 / (9.81 * radius)))


print(round(lean(5, 10)))  # 14
```

What most people have wrong is the gyroscope. Spinning wheels help a little, but they are not the reason: in 2011 a group of engineers built a riderless bicycle whose gyroscopic effect was cancelled and whose front wheel did not trail, and it still steadied itself. Weight in the right place, which makes the front steer into a fall, was enough."""

PRACTICE = r"""## What you can measure

Measure once around the rear tyre: about 2.10 m for a road bicycle. Multiply by the teeth in front, divide by the teeth behind, and you have the distance for one turn of the pedals.

| front | rear | metres per turn | km/h at 80 turns a minute |
|---:|---:|---:|---:|
| 42 | 28 | 3.15 | 15.1 |
| 42 | 21 | 4.20 | 20.2 |
| 42 | 14 | 6.30 | 30.2 |

And if you want to feel the physics:

- ride slowly along a painted line, and watch how much the handlebar moves;
- ride faster along the same line, and watch how little it does;
- on an empty road, push the left grip *gently* forward. The bicycle first steers right, leans left, and then turns **left**. Every rider does this, and hardly any rider knows it."""

ARTICLE = r"""# Why a bicycle stays up

It stays up because it is always about to fall, and steers into the fall. Drais found this with his feet in 1817; the formula came later, and the surprise later still.

- **From history**: the machine could be steered before it could be pedalled, and that was the part that mattered.
- **From physics**: at 5 m/s around a bend of 10 m radius, a rider leans by $\theta \approx 14^\circ$. The gyroscope is a helper and not the reason.
- **From the workshop**: slow riding needs large corrections, fast riding small ones; a turn to the left begins with a touch to the right.

So if a child asks how you keep your balance, the honest answer is short: *by losing it, and steering after it.*"""

RECIPE_FIRST = "I will put the recipe into metric units before I scale it. "

RECIPE = r"""Here is the bread for **twelve** instead of eight, a factor of 12 / 8 = 1.5.

| | as written | for eight | for twelve |
|---|---|---:|---:|
| flour | 12 oz | 340 g | **510 g** |
| oven | 350 °F | 177 °C | **177 °C** |

The oven does not scale: a larger table needs more bread, not hotter bread. If you bake one large loaf instead of two small ones, leave it in for longer and look at the crust.

> From the tools: `12 oz = 340.194 g`, `350 F = 176.667 C`, `340.194 * 1.5 = 510.291`."""

ZEROS_THOUGHT = r"""How many zeros stand at the end of 100 factorial? It has 158 digits, so I will not write it out.

A zero at the end is a factor of ten, and a ten is a two times a five. There are far more twos than fives in the product, so count the fives.

Multiples of 5 up to 100: 20 of them. But 25, 50, 75 and 100 carry a second five: 4 more. 125 is beyond the end, so nothing carries a third. That makes 24.

A check with something small: 10! = 3628800 ends in two zeros, and 10 / 5 = 2. Good."""

ZEROS = r"""$100!$ ends in **24 zeros**.

Every zero at the end is a factor of ten, that is, a two and a five. Twos are plentiful, so the fives decide:

$$\sum_{k \ge 1} \left\lfloor \frac{100}{5^k} \right\rfloor = 20 + 4 = 24$$

The 20 counts the multiples of 5; the 4 counts 25, 50, 75 and 100 once more, because each has a second five in it. If you would rather count than believe:

```python
from math import factorial

digits = str(factorial(100))
print(len(digits) - len(digits.rstrip("0")))  # 24
```"""

BEE_READING = r"""From the shelf, on how a honeybee tells the others where she has been:

- She dances on the comb, in the dark: a straight run with a waggle, a loop back to the left, the run again, a loop back to the right.
- The **angle** of the run against the vertical is the angle of the flowers against the sun.
- The **length** of the run grows with the distance; as a rule of thumb, one second for about one kilometre.
- Karl von Frisch worked this out, and shared a Nobel Prize in 1973."""

BEE_NOTES = r"""*Notes for the article.* "Up" on the comb means "towards the sun". A run of two seconds, a third of a right angle to the right of straight up, says: fly 30° to the right of the sun, for about two kilometres.

What to keep: it is dark in there. Nobody watches the dance. They feel it."""

BEE_ARTICLE = r"""## A map that is danced

A honeybee comes home with nectar and a secret, and gives both away. In the dark of the hive she walks a straight line across the comb, shaking; turns back left, walks it again; turns back right, and again. The bees around her cannot see her. They keep in touch with their antennae, and when they fly out, they go where she went.

The line is a map. Its slant against straight up is the slant of the flowers against the sun; its duration is the distance, a second for about a kilometre. The vertical stands for the sun, in a place where no sun has ever shone."""

BEE_EDIT = r"""Printed as it stands. The most surprising sentence, that the bees around her cannot see her, is in the middle, where a reader comes upon it after the dance has become familiar.

1. Sources: the notes of *research*.
2. Length: two paragraphs.
3. Headline: as written."""

LENS = r"""A lighthouse lamp has to throw its light a long way in a thin band, towards the horizon and nowhere else. A glass lens that could do this would, if it were ground in one piece, be as thick as a door and too heavy to turn.

Augustin Fresnel saw that a lens bends light at its **surface**, and that the glass behind the surface does little but weigh. So he kept the surface and left the glass away: a small lens in the middle, and around it rings of prisms, each with the slope that the large lens would have had just there.

The first one was lit in 1823, in the tower of Cordouan, off the mouth of the Gironde."""

LENS_ENTRY = r"""```json
{
  "object": "Fresnel lens",
  "first_lit": 1823,
  "where": "Cordouan, Gironde estuary, France",
  "principle": "keep the curved surface, remove the glass behind it"
}
```

Filed under *Optics* and under *Coasts*. The archivist was built without streaming."""

WEATHER = r"""**Field report, two in the afternoon.** Twenty-two degrees, dew point fourteen, a light wind from the west. Small white clouds since eleven, flat below and rounded above, all with their bases at the same height, as if they stood on a sheet of glass.

I would like to know how high the glass is."""

CLOUD_BASE = r"""The sheet of glass is where rising air has cooled to its dew point. The rule of thumb is about 125 m for each degree between temperature and dew point:

$$h \approx 125\,\mathrm{m} \times (22 - 14) = 1000\,\mathrm{m}$$

All the bases are level because all the air started from the same field, with the same moisture. Those clouds are *cumulus humilis*, and as long as they stay wider than tall, you may leave the umbrella at home."""
