"""What callers say to the machine. Pure, and invented, like everybody in here."""

from __future__ import annotations

import random
from dataclasses import dataclass

URGENT = 0.1  # share of high priority, beside what is urgent by itself
MUMBLED = 0.25  # share that the transcription only half understood

TEXTS = (
    "Hi, this is about the invoice I got on Monday. The total can't be right, please call me back.",
    "Hello, my order still shows as being prepared and it's been nine days. Could somebody look into it?",
    "It's me again about the password. The link you sent has expired. I'm here until five.",
    "Yes hello, I'd like to change the delivery address before the parcel goes out tomorrow. Thanks.",
    "Hi, I was cut off a minute ago. We were talking about the refund. Please ring me on this number.",
    "This is urgent, our line has been down since eight this morning and we have a shop full of people.",
    "Good morning, I'm calling to confirm the appointment on Thursday. No need to ring back if that's fine.",
    "I'd like to speak to somebody about cancelling. I have waited twenty minutes, this is not on.",
    "Hello, we want to add six more seats to our contract. Could you send us an offer?",
    "The box arrived but the corner is crushed and there is glass inside. What do you want me to do with it?",
    "Hi, just wanted to say that the replacement works very well. Thank you, and thank Nadia from me.",
    "I think I was charged twice, once on the third and again on the fifth. The amounts are the same.",
    "Can you call me about the claim? The reference ends in four seven one. The assessor never came.",
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that was left. `duration_s` in seconds, `confidence` 0 to 1.

    `heard` is the first transcription, None if nothing was understood; `said` is what a second look finds out.
    """

    heard: str | None
    said: str
    confidence: float | None
    duration_s: int
    priority: str


def leave_message(dice: random.Random) -> Spoken:
    """Draw a message: mostly clear, sometimes mumbled, now and then only breathing."""
    text, draw = dice.choice(TEXTS), dice.random()
    priority = "high" if text.startswith("This is urgent") or dice.random() < URGENT else "normal"
    duration_s = len(text.split()) // 3 + dice.randint(3, 9)
    if draw < 0.04:
        return Spoken(None, "", None, dice.randint(2, 5), "normal")
    if draw < MUMBLED:
        words = [word if dice.random() < 0.7 else "…" for word in text.split()]
        return Spoken(" ".join(words), text, round(dice.uniform(0.31, 0.58), 2), duration_s, priority)
    return Spoken(text, text, round(dice.uniform(0.82, 0.98), 2), duration_s, priority)
