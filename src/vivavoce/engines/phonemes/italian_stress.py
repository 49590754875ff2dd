"""Where the stress of Italian words is, when their spelling does not show it."""

from __future__ import annotations

import re

_ENDINGS = re.compile(
    r"\w+(?:issim[oaie]|[ai]bil[ei]|evol[ei]|log[oai]|loghi|graf[oaie]|ometr[oi]|fon[oi]|esim[oaie]|[tnfc]ic[oaie]"
    r"|[lrsdmbv]ic[oaie]|i?stich?[ei]|[^u]ich[ei]|[pmrctv]id[oaie]|[gdm]in[ei]|s?sim[oaie]|[tn]im[oaie]|[tcm]il[ei]"
    r"|[aei]van[oi]|[aei]rono|[aei]ssero|rebbero|[cgptbv]ol[oaie]|ane[oaie]|dici|nder[ei]|[gv]ere|sc?ere|ttere|rrere"
    r"|edere|udere|idere|pere|lgono|ngono|ttono|dono|gono|scono|cono|vono|ssono|gliono|[tcgnrp]ano|mbin[oaie]|or[ao]no)"
)
_EARLY = (
    "numero numeri albero alberi camera camere lettera lettere opera opere isola isole tavola tavoli tavolo sabato"
    " domenica macchina macchine pagina pagine lampada pecora zucchero polvere genere generi fegato stomaco monaco"
    " codice indice giudice semplice semplici complice subito sintomo sintomi aereo aerei limite ospite ospiti"
    " debito credito merito spirito visita perdita vendita crescita nascita attimo compito uomini giovane giovani"
    " organo napoli genova modena padova bergamo mantova africa america principe principi debole deboli zingaro"
    " passero suocera aquila essere cuocere vivere scrivere ridere libero libera povero povera tenero celebre"
    " lacrima maschera tessera anima anime vittima ultimo femmina femmine origano petalo sandalo scandalo angelo"
    " fragola nuvola favola regola bambola rapido fisica musica medico medici classico pubblico pubblica pratica"
    " fabbrica manica tecnica logica grafica replica critica chimica matematica politica politico unico unica unici"
    " simpatico simpatica antartico atlantico pacifico turistico storico storica carico carica scarico simile simili"
    " facile facili difficile difficili utile utili mobile mobili fragile agile ordine termine immagine origine"
    " margine vergine ordini termini immagini secolo secoli articolo capitolo titolo simbolo popolo piccolo piccola"
    " piccoli piccole angolo singolo veicolo spettacolo miracolo ostacolo tipico tipica comodo comoda metodo metodi"
    " periodo periodi episodio mandorla pentola scatola cantano parlano mangiano trovano arrivano guardano lavorano"
    " abitano chiamano portano aspettano pensano iniziano durano costano amano usano aprono partono sentono dormono"
    " prendono leggono scrivono vivono vogliono possono devono vengono dicono fanno sanno salgono rimangono mettono"
    " chiudono cadono corrono credono perdono rispondono telefono telefoni termometro chilometro chilometri"
    " centimetro centimetri parcheggiano abito abiti sindaco fulmine crimine cenere venere vescovo diacono cattedra"
    " costola edicola vongole cavolo cavoli diavolo asino asini pallido solido liquido timido umido umida acido"
    " stupido splendido valido rigido missile prossimo prossima massimo minimo ottimo ottima pessimo interprete"
    " sintesi analisi crisi ipotesi ipotetico semaforo semafori catalogo dialogo psicologo scivolo vicolo vincolo"
    " calcolo muscolo muscoli ridicolo pericolo cellula formula molecola particella sogliola tegola virgola pergola"
    " gondola mensola fiaccola briciola lucciola ciottolo giocattolo brivido fluido intimo legittimo marittimo"
    " ultima decimo undicesimo risplendere accendere scendere attendere difendere spendere offendere dipendere"
    " chiedere chiudere decidere dividere uccidere perdere mordere leggere reggere correggere proteggere piangere"
    " vincere spingere dipingere aggiungere raggiungere stringere volgere rivolgere crescere conoscere nascere"
    " pascere mettere promettere permettere smettere battere combattere discutere riflettere correre percorrere"
    " rompere interrompere assumere riassumere esprimere imprimere comprimere togliere cogliere scegliere sciogliere"
    " raccogliere accogliere prendere rendere vendere credere cedere succedere procedere concedere possedere"
    " scuotere muovere piovere risolvere assolvere ricevere bevere friggere distruggere fuggire ripetere competere"
    " prevedere"
)
EARLY = frozenset(_EARLY.split())
_LATE = (
    "amico amica nemico nemica antico antica antichi antiche fatica dico fico formica rubrica ortica mendico nido"
    " grido sfida guida guide lido fido solo sola soli sole figliolo ruolo suolo volo scuola scuole parola parole"
    " gola spagnolo spagnola aprile civile gentile gentili fucile stile primo prima cimo mano piano lontano lontana"
    " sano romano umano americano americana africano messicano vulcano vaticano anziano italiano italiana"
    " metropolitano cristiano capitano toscano siciliano napoletano repubblicano avere vedere potere dovere volere"
    " sapere piacere tenere rimanere cadere sedere godere temere rivedere prevedere possedere vero intero sincero"
    " pensiero leggero zero sentiero straniero perdono abbandono dono trono tono nono buono suono vicino vicina"
    " mattino mattina cucina medicina bambino bambini fine confine cugine vicine cartoline dolore mille femminile"
    " maschile sottile mobilia ostile infantile badile domani panino giardino capolino nicola pistola mariuolo sono"
    " uscita salita partita vita gita finita infinita pulita vestito sentito capito finito invito marito appetito"
    " favorito preferito gradito servito fini camini camino destini cammino cammini continua individuo evidente"
    " mucosa saluti saluto minuti minuto aiuto rifiuto avuto venuto perduto caduto seduto voluto potuto dovuto"
    " saputo ricordi città lunedì caffè politiche idea idee pigiama dame dare amare andare parlare persona persone"
    " ottobre trentino giapponese"
)
LATE = frozenset(_LATE.split())


def early(spelling: str) -> bool:
    """Whether the stress is on the last vowel but two."""
    return spelling in EARLY or (spelling not in LATE and _ENDINGS.fullmatch(spelling) is not None)


_PARTED = re.compile(
    r"(?:[^aeiou]{0,3}[iu][aeo]|\w+(?:log|graf|sof|nom|craz|att|pat|iatr)i[ae]|\w+(?<!at)(?<!is)eri[ae])"
)
_HIATUS = (
    "farmacia farmacie poesia poesie polizia energia energie magia bugia bugie allergia allergie compagnia fantasia"
    " gelosia periferia anatomia malinconia economia democrazia autonomia regia scia nostalgia strategia lombardia"
    " turchia romania ungheria lucia maria sofia ferrovia follia pazzia spia trattoria ironia sinfonia armonia"
)
_WHOLE_WORDS = "qua siberia algeria nigeria arteria serie"
_WHOLE = frozenset(_WHOLE_WORDS.split())
_PARTED_WORDS = frozenset(_HIATUS.split())


def parted(spelling: str) -> str:
    """With an accent on the `i` or `u` before the last vowel, where it is a vowel too: "pol-i-zì-a", "mì-o"."""
    if spelling in _WHOLE:
        return spelling
    if spelling in _PARTED_WORDS or _PARTED.fullmatch(spelling):
        return f"{spelling[:-2]}{'ì' if spelling[-2] == 'i' else 'ù'}{spelling[-1]}"
    return spelling
