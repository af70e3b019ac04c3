"""Ordinary API traffic, made the same way every time: what people search, write and send that must not be taken for an attack."""

from __future__ import annotations

import json
import random
import urllib.parse
from collections.abc import Iterator

from tests.gateway.client import JSON, request_bytes

TITLES = (
    """
Alien|Amélie|O Brother, Where Art Thou?|Ocean's Eleven|Rosemary's Baby|It's a Wonderful Life|What's Up, Doc?|M*A*S*H|WALL·E|8½
Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb|Who's Afraid of Virginia Woolf?|(500) Days of Summer|50/50
#Alive|$9.99|Se7en|2001: A Space Odyssey|Léon: The Professional|Tom & Jerry: The Movie|Crouching Tiger, Hidden Dragon|Up|If....
千と千尋の神隠し|七人の侍|기생충|卧虎藏龙|Сталкер|Иван Васильевич меняет профессию|الرسالة|פוקסטרוט|मदर इंडिया|Ο Θίασος|Das Boot
L'Avventura|D'Artagnan|L'Année dernière à Marienbad|Les Quatre Cents Coups|¿Qué he hecho yo para merecer esto!!|Não Olhe para Cima
Æon Flux|Fantastic Mr. Fox|Good Night, and Good Luck.|Guess Who's Coming to Dinner|The Good, the Bad and the Ugly
Select Committee|The Union|Drop Dead Fred|Update on the Set|Script Girl|The Order|Table for Three|Die Hard 4.0|Mission: Impossible
And Then There Were None|To Be or Not to Be|Either/Or|The Postman Always Rings Twice; or, Never|Love & Other Drugs|Us & Them|X-Men
Birds of Prey (and the Fantabulous Emancipation of One Harley Quinn)|tick, tick... BOOM!|[REC]|*batteries not included|10 < 20
Kill Bill: Vol. 1|Fahrenheit 9/11|Ferris Bueller's Day Off|Schindler's List|Pan's Labyrinth|Bridget Jones's Diary|Hobson's Choice
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

PEOPLE = (
    """
Conan O'Brien|Peter O'Toole|Sinéad O'Connor|Vincent D'Onofrio|Beverly D'Angelo|Lupita Nyong'o|Zhang Yimou
黒澤 明|봉준호|Андрей Тарковский|Agnès Varda|François Truffaut|Pedro Almodóvar|Krzysztof Kieślowski|João César Monteiro
Alejandro G. Iñárritu|Søren Kragh-Jacobsen|R. W. Fassbinder|Joel & Ethan Coen|The Wachowskis|Lana "Neo" W.|Mr. & Mrs. Smith|Björk
يوسف شاهين|Satyajit Ray|Abbas Kiarostami|Ousmane Sembène|Null|John True|Robert Select|Ana Drop|Marie Union|Dee Table-Smith
""".replace("\n", "|")
    .strip("|")
    .split("|")
)

SENTENCES = r"""
I'd select this film from all the ones I saw where the year was 1999 and the budget was small.
If I had to select two or three from the list, or even one from each decade, this would be it.
The union was great; select scenes are slow, and the order by which they come is odd.
They drop the table, update the set and delete from the script whatever was fun. Insert into that a love story!
"It's 'fine'" -- that's what my mother said; I said: "and what about the cast?"
1 or 2 stars? And 3 of my 10 friends = 30 % would agree.
Rated 5/5 -- would watch again & again; time flies, the cat is lovely, who let the dogs out?
C'est l'un des meilleurs films d'Hitchcock ; j'ai adoré l'acteur, l'histoire et d'autres choses…
Der Film „Das Boot“ ist großartig – wirklich! Nur das Ende: naja … 7/10, oder?
¡Qué película! ¿Quién no lloró? "Todo sobre mi madre" es mejor (8 > 7), pero ésta también.
É um filme d'autor, sem dúvida: 90 % emoção e 10 % de enredo; não percam!
Фильм отличный; "Сталкер" лучше, но и этот – да. 9 из 10!
この映画は素晴らしい！「最高」と言える。5/5。
전반적으로 좋았다; 하지만 '결말'이 아쉽다. 3 < 4.
这部电影很好看；“经典”之作。10/10
فيلم رائع؛ "تحفة" بكل المقاييس. 9/10
סרט נהדר; "יצירת מופת" – 8/10.
My handle is ana.silva+films@example.co.uk, see https://example.org/reviews?id=7&sort=-date#top for more.
The <b>best</b> of 1994, <i>without</i> a doubt.<br>And the music!
<p>Hello &amp; welcome to my review.</p><ul><li>Plot: 4/5</li><li>Cast: 5/5</li></ul>
See <a href="https://en.wikipedia.org/wiki/Alien_(film)">the article</a> and <em>then</em> watch it.
<blockquote class="quote">In space no one can hear you scream.</blockquote> -- the poster
In code: `if (stars > 3 && stars <= 5) { recommend(film); }` and that's it.
for (int i = 0; i < n; i++) { total += stars[i]; } // average = total / n
def average(xs):\n    return sum(xs) / len(xs) if xs else None\n\nprint(average([1, 2, 3]))
The computer in it types SELECT title FROM films WHERE year > 1980 ORDER BY title; as if that were hacking.
The "hacker" runs `ls` and `git status`, then waits; so realistic.
```python\nfor film in films:\n    print(film.title, film.year)\n```
const best = films.filter(f => f.stars >= 4).map(f => f.title);
Use {title} and ${price} as in the template; {{ name }} too. 100% pure, 50% off!
He runs at 5'4" & she's 6'2"; a 12" record and 7" single. '90s music, rock 'n' roll.
I <3 this film :-) ;-) >_< ¯\\_(ツ)_/¯ and a <- b -> c, x = y, 2 + 2 = 4 != 5.
Who? What?? When??? ... / etc. [spoiler] (really) {ok} *wow* _so_ ~good~ #film @friend
From: Berlin\nTo: Paris\nSubject: a road movie\nWe quit our jobs\nand drove.
First paragraph.\r\n\r\nSecond paragraph; it's longer.\r\n- a list\r\n- of things\r\n
| film | stars |\n|------|-------|\n| Alien | 5 |\n| Aliens | 4 |
The script is alert, the window opens, the document burns, the location is Paris: confirm for yourself (prompt delivery!).
on sale = off screen; once = one; onward = on. The class of '92 has no object, no style, no body and no frame.
It has everything: sound, image, video, form, input and output. Base, link, meta -- all of it <3
The system (as such) executes its heroes; eval is evil; they ping each other, curl up and wget nothing.
C:\\Films\\alien.mkv or /home/ana/films/alien.mkv, ../posters/alien.png -- wherever you keep it, keep it.
The password in it is swordfish, the user is admin, the host is root and the shell is a turtle's.
and then; and 1 = 1, as they say, or 'or', or "and", or not (or maybe).
null, undefined, NaN, true, false, None, nil, void: a film about nothing.
Price: 9,99 € / $9.99 / £8.99; rating: 4.5 (±0.5); ratio 2.39:1; 24 fps; 4K@60Hz; H.264/AVC.
""".strip().split("\n")

AGENTS = """
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.3 Safari/605.1.15
Mozilla/5.0 (X11; Linux x86_64; rv:123.0) Gecko/20100101 Firefox/123.0
Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148
Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; WOW64; Trident/4.0; SLCC2; .NET CLR 2.0.50727; Media Center PC 6.0)
curl/8.6.0
python-requests/2.31.0
okhttp/4.12.0
PostmanRuntime/7.36.3
Tornado/6.5
Apache-HttpClient/4.5.14 (Java/17.0.10)
Go-http-client/2.0
films-app/3.2.1 (build 4711; de_DE; release)
""".strip().split("\n")

_WORDS = (
    "slow",
    "brave",
    "tender",
    "loud",
    "quiet",
    "odd",
    "warm",
    "cold",
    "bright",
    "dark",
    "long",
    "short",
    "film",
    "plot",
)


def requests(count: int, *, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield `count` pairs of a sentence that says what the request is, and its bytes on the wire."""
    chance = random.Random(seed)  # noqa: S311 (nothing secret: the same traffic every time)
    kinds = (_search, _browse, _add_film, _write_opinion, _write_opinion, _unknown_search, _form)
    for number in range(count):
        yield kinds[number % len(kinds)](chance)


def _headers(chance: random.Random, **more: str) -> dict[str, str]:
    headers = {
        "User-Agent": chance.choice(AGENTS),
        "Accept": chance.choice(
            ["*/*", "application/json", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
        ),
        "Accept-Language": chance.choice(
            ["en-US,en;q=0.9", "pt-PT,pt;q=0.8,en;q=0.5", "de", "ja-JP,ja;q=0.9"]
        ),
        "X-Forwarded-For": ".".join(str(chance.randrange(1, 250)) for _ in range(4)),
        **more,
    }
    if chance.random() < 0.4:
        headers["Cookie"] = (
            f"session={chance.getrandbits(160):040x}; theme=dark; _ga=GA1.2.{chance.getrandbits(32)}.1708000000"
        )
    if chance.random() < 0.3:
        headers["Referer"] = "https://films.example.org/search?q=" + urllib.parse.quote(chance.choice(TITLES))
    if chance.random() < 0.3:
        headers["If-None-Match"] = f'W/"{chance.getrandbits(64):x}"'
    return headers


def _text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(TITLES)
    if kind < 0.6:
        return chance.choice(PEOPLE)
    if kind < 0.8:
        between = chance.choice(["by", "and", "or", "&", "-", "/", "vs.", "+", ","])
        return f"{chance.choice(TITLES)} {between} {chance.choice(PEOPLE)}"
    return " ".join(chance.choices(_WORDS, k=chance.randrange(1, 6)))


def _search(chance: random.Random) -> tuple[str, bytes]:
    text = _text(chance)
    cursor = f"&cursor={chance.getrandbits(90):x}" if chance.random() < 0.5 else ""
    quote = urllib.parse.quote if chance.random() < 0.5 else urllib.parse.quote_plus
    path = f"/films?title={quote(text)}&limit={chance.randrange(1, 100)}{cursor}"
    return f"search {text!r}", request_bytes(path, headers=_headers(chance))


def _browse(chance: random.Random) -> tuple[str, bytes]:
    path = f"/films/{chance.randrange(1, 10**6)}" + chance.choice(
        ["", "/opinions", "/opinions?limit=20", "?fields=title,year"]
    )
    return f"browse {path}", request_bytes(path, headers=_headers(chance))


def _add_film(chance: random.Random) -> tuple[str, bytes]:
    film = {"title": _text(chance), "year": chance.randrange(1900, 2030), "tags": [chance.choice(_WORDS)]}
    body = json.dumps(film, ensure_ascii=chance.random() < 0.5).encode()
    return f"add {film}", request_bytes("/films", method="POST", headers=_headers(chance, **JSON), body=body)


def _prose(chance: random.Random) -> str:
    sentences = [
        chance.choice(SENTENCES).replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")
        for _ in range(chance.randrange(1, 5))
    ]
    return chance.choice([" ", "\n", "\n\n", " -- "]).join([*sentences, f"({_text(chance)})"])


def _write_opinion(chance: random.Random) -> tuple[str, bytes]:
    text = _prose(chance)
    body = json.dumps({"text": text}, ensure_ascii=chance.random() < 0.5).encode()
    path = f"/films/{chance.randrange(1, 10**6)}/opinions"
    return f"write {text!r}", request_bytes(path, method="POST", headers=_headers(chance, **JSON), body=body)


def _unknown_search(chance: random.Random) -> tuple[str, bytes]:
    text = _text(chance)
    back = urllib.parse.quote(
        f"https://films.example.org/list?page={chance.randrange(9)}&sort=-year", safe=""
    )
    return f"old search {text!r}", request_bytes(
        f"/search?q={urllib.parse.quote(text)}&back={back}", headers=_headers(chance)
    )


def _form(chance: random.Random) -> tuple[str, bytes]:
    secret = f"{chance.getrandbits(200):x}"
    fields = {
        "grant_type": "client_credentials",
        "scope": "films:write opinions:write",
        "client_id": "app",
        "client_secret": secret,
    }
    headers = _headers(chance, **{"Content-Type": "application/x-www-form-urlencoded"})
    return "ask for a token", request_bytes(
        "/oauth/token", method="POST", headers=headers, body=urllib.parse.urlencode(fields).encode()
    )
