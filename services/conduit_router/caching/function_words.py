"""Words that carry no matter of their own, and words that deny."""

from collections.abc import Mapping

_TABLE = """
en a an and are be by can could do does did for from give have how i in is it its me my of on or our
en please shall should tell that the their them there this to us was we were what when where which
en who why will with would you your what's how's i'm
de aber als am an auf aus bei bin bitte da das dein dem den der des die du ein eine einem einen
de einer eines er es für gib hat habe ich ihr im in ist kann können man mein meine mir mit oder sag
de sich sie sind und uns von was wann warum welche wer wie wird wir wo zu zum zur
fr à au aux avec ce cette ces comment d'un d'une dans de des du elle en est et il ils je la le les
fr leur ma mes mon nous ou où par peux pour pourquoi puis-je quand que quel quelle quelles quels qui
fr sa ses son sont sur te tu un une vous
es al con cómo como cuál cuáles cuándo de del dónde el ella en es esta este las la los lo me mi mis
es o para por porque puedo que qué quién se ser son su sus te tu un una y yo
it al alla che chi ci come con cosa da dei del della delle di dove e gli il in io la le lo mi mia
it mio o per perché posso qual quale quali quando questo questa si sono su un una
pt ao as com como da das de do dos e é ela ele em eu meu minha na nos o onde os ou para por
pt porque posso qual quais quando que quem se sua seu um uma você
nl aan bij de dit een en er het hoe ik in is je jij kan mijn met naar of om op te tot uit van voor
nl waar waarom wanneer wat we welke wie wij zijn
"""
_DENYING = """
not no never none neither nor nothing nobody without cannot isnt arent dont doesnt wont except
unless nicht kein keine keinen keiner nie niemals ohne ne pas jamais sans aucun aucune nunca sin
ningún ninguna non mai senza nessun não sem niet geen nooit zonder не нет без никогда
"""


def _by_language(table: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in table.split("\n"):
        language, *words = line.split() or [""]
        found.setdefault(language, set()).update(words)
    return {language: frozenset(words) for language, words in found.items() if words}


FUNCTION_WORDS = _by_language(_TABLE)
NEGATIONS = frozenset(_DENYING.split())
