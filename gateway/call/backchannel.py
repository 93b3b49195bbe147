"""
Words with which a listener keeps a speaker going, and does not ask for a turn.

Only words that no one waits to have answered are here. Hesitations ("um", "er") are not: they open a turn. Nor are
"no", "what", "stop" and their kin, however short.
"""

import re

PHRASES = {
    "en": """
        ah, aha, all right, alright, cool, exactly, fair enough, fine, go on, good, got it, gotcha, great, hm, hmm, huh,
        i know, i see, indeed, m, mhm, mm, mmm, nice, of course, oh, ok, okay, okey, ooh, perfect, right, sure,
        sure thing, true, uh huh, uhhuh, uhuh, understood, very good, yah, yay, yea, yeah, yep, yes, yup
    """,
    "es": "ajá, claro, claro que sí, de acuerdo, entiendo, exacto, muy bien, perfecto, sí, si, vale, ya, ya veo",
    "fr": "bien, bien sûr, d'accord, entendu, exactement, je vois, oui, ouais, parfait, tout à fait, très bien, voilà",
    "de": "ach so, alles klar, genau, gut, in ordnung, ja, jaja, jawohl, jo, klar, richtig, stimmt, verstehe",
    "it": "capisco, certo, d'accordo, esatto, già, perfetto, sì, va bene",
    "pt": "beleza, certo, claro, entendi, está bem, está bom, isso, pois, pois é, sim, tá, tá bom",
    "nl": "goed, inderdaad, ja, jep, juist, klopt, oké, precies, prima, snap ik, zeker",
}
_PHRASE = "|".join(sorted({phrase.strip() for phrases in PHRASES.values() for phrase in phrases.split(",")}))
_ONLY_PHRASES = re.compile(rf"(?:(?:{_PHRASE})(?:\s+|$))*")


def is_backchannel(text: str) -> bool:
    """
    Whether *text* says no more than "go on"; so does no text at all.

    >>> is_backchannel("Uh-huh, okay."), is_backchannel("Okay, but wait!"), is_backchannel("No.")
    (True, False, False)
    """
    words = re.sub(r"[^\w']+", " ", text.casefold().replace("’", "'")).strip()
    return _ONLY_PHRASES.fullmatch(words) is not None
