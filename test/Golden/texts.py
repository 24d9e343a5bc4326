#===----------------------------------------------------------------------===#
#
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===#
"""The texts whose embeddings are stored: every kind of input a user may have.

Hand-written ones first, then seeded ones, so that new texts go at the end of a
list and `make-minilm-golden.py` is run again.
"""
import seeded

PLAIN = """\
The cat sat on the mat.
A dog is chasing a ball in the park.
How do I reset my password?
What is the capital of France?
The quick brown fox jumps over the lazy dog.
Interest rates rose by half a percentage point on Thursday.
She sells sea shells by the sea shore.
The patient was given 5 mg of the drug twice a day.
Quantum computers use qubits instead of bits.
Je voudrais un café et un croissant, s'il vous plaît.
Der schnelle braune Fuchs springt über den faulen Hund.
El niño comió una manzana en el jardín.
Olá, como você está hoje?
Il gatto è sul tavolo.
Zażółć gęślą jaźń.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Árvíztűrő tükörfúrógép.
Быстрая коричневая лиса перепрыгивает через ленивую собаку.
Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.
הארנב המהיר קופץ מעל הכלב העצלן.
القط جالس على السجادة.
आज मौसम बहुत अच्छा है।
今日はとても良い天気ですね。
我喜欢在周末读书和看电影。
東京タワーは三百三十三メートルです。
오늘은 날씨가 정말 좋네요.
สวัสดีครับ วันนี้อากาศดีมาก
Tôi thích ăn phở vào buổi sáng.
Bugün hava çok güzel, değil mi?
İstanbul'da ışıklar söndü.
Straße, groß, Fuß, ẞ.
naïve façade, coöperate, résumé, jalapeño
I ❤️ pizza 🍕 and 🍣!
🎉🎊🥳 Happy birthday!!! 🎂
👨‍👩‍👧‍👦 family, 👩🏽‍🚀 astronaut, 🇫🇷 flag
:-) :( ;) ^_^ ¯\\_(ツ)_/¯
E = mc², ∫₀^∞ e^{-x²} dx = √π/2
a ≤ b ≠ c ⇒ ∀x ∈ ℝ: x² ≥ 0
½ + ¼ = ¾; №5; ™ ® ©
ﬁne ﬂow ﬃx, ＦＵＬＬ　ＷＩＤＴＨ, ①②③
Å and Å and Å; é and é
H̸e̷l̶l̵o̴ with combining marks
zero​width‌joiner‍s and soft­hyphen
non breaking space and　ideographic space
“curly quotes” — em dash – en dash … ellipsis
$1,234.56 and €99.99 or £5 or ¥1000
https://example.com/path?query=value&other=1#anchor
user.name+tag@example.co.uk
2024-02-29T23:59:59.999Z
+1 (555) 010-9999 ext. 42
192.0.2.1 and 2001:db8::1
C:\\Users\\Name\\Documents\\file.txt
#hashtag @mention RT
<html><body class="a">Hello &amp; goodbye</body></html>
{"key": [1, 2.5, null, true], "nested": {"a": "b"}}
SELECT name, COUNT(*) FROM users WHERE age > 30 GROUP BY name;
for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }
def f(x): return x ** 2 if x > 0 else -x
std::vector<std::unique_ptr<Foo>> v{std::move(p)};
git commit -m "fix: off-by-one" && git push
rm -rf build/ # comment
x=1;y=2;z=$((x+y));echo $z
THIS IS ALL CAPS AND VERY LOUD
mIxEd CaSe TeXt WiTh NuMb3r5
antidisestablishmentarianism
pneumonoultramicroscopicsilicovolcanoconiosis
supercalifragilisticexpialidocious!
unbelievableunbelievableunbelievable
don't can't won't it's they're we've I'd
U.S.A. vs. U.K., e.g. Ph.D. etc.
well-known state-of-the-art mother-in-law
yes/no and/or he/she
(parenthesised [nested {deeply}])
***bold*** __underline__ ~~strike~~
one
a
I
.
?!
...
0
42
3.14159265358979
-273.15
1e-12
0xDEADBEEF
[CLS] [SEP] [MASK] [PAD] [UNK]
text with [MASK] in it
[unused1] and ##ing
qwertyuiop asdfghjkl zxcvbnm
lorem ipsum dolor sit amet, consectetur adipiscing elit
buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo
colorless green ideas sleep furiously
the the the the the the the the
Is this the same as that?
Is that the same as this?
The movie was not bad at all.
The movie was not good at all.
He deposited money at the bank.
They sat on the bank of the river.
𝓕𝓪𝓷𝓬𝔂 𝕞𝕒𝕥𝕙 𝗯𝗼𝗹𝗱
𠜎𠜱𠝹𠱓 rare characters
ⅣⅨ roman ⒶⒷ circled
ʎɐqǝ upside ʇxǝʇ
""".splitlines()

SPACED = ["", " ", "\t", "\n", "   leading", "trailing   ", "a\tb\tc",
          "line one\nline two\r\nline three", "  many    inner     spaces  ",
          "\u00a0\u2003\u3000", "\u200b", "\ufeffbyte order mark",
          "bell\x07 and escape\x1b[31m", "\x7fdelete\x80control\x9f",
          "replacement \ufffd character", "tab\tnewline\nboth"]

LONG = ["a" * 99, "a" * 100, "a" * 101, "a" * 1000,
        "é" * 100, "中" * 300, "🙂" * 120, "." * 300,
        "word " * 253, "word " * 254, "word " * 255, "word " * 600,
        "x" * 100 + " " + "y" * 101, "-" * 254 + "z"]

WORDS = """time year people way day man thing woman life child world school
state family student group country problem hand part place case week company
system program question work government number night point home water room
mother area money story fact month lot right study book eye job word business
issue side kind head house service friend father power hour game line end
member law car city community name president team minute idea kid body
information back parent face others level office door health person art war
history party result change morning reason research girl guy moment air
teacher force education running quickly beautiful café naïve Zürich 東京 🙂 don't
rock'n'roll 1984 3.5% A/B e-mail tokenization unhappiness internationalization
""".split()


def paragraph(index, count):
    """`count` seeded words with some punctuation."""
    picks = seeded.words(7, f"text {index}", count)
    out = []
    for pick in picks:
        pick = int(pick >> 8)
        word = WORDS[pick % len(WORDS)]
        if pick // 1000 % 5 == 0:
            word = word.capitalize()
        if pick // 100000 % 7 == 0:
            word += ".,;:!?"[pick // 7000000 % 6]
        out.append(word)
    return " ".join(out)


def all_texts():
    lengths = [1 + i % 40 for i in range(80)] + [60, 90, 120, 150, 180, 200,
                                                 230, 300, 450, 600]
    return PLAIN + SPACED + LONG + [paragraph(i, n)
                                    for i, n in enumerate(lengths)]
