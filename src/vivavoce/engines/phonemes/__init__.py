"""How texts in languages other than English are said, as the phonemes that Kokoro's voices of those languages know.

Those voices learned from the phonemes of the program espeak-ng, so these are written the way it writes them: with its
allophones, its one letter for a diphthong, and a mark right before each stressed vowel. Nothing of it is in here: the
rules are those of the spelling.
"""
