#!/usr/bin/env python3
"""Golden encodings of tests/golden/tokenizer.json by Hugging Face tokenizers.

Trains nothing: tokenizer.json is written by check-tokenizer (PR_UPDATE_GOLDEN=1) from tokenizer-corpus.txt;
this script opens it as a user of transformers would and writes tokenizer-encodings.json.
Needs: tokenizers.
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer

here = pathlib.Path(__file__).parent
STRINGS = [
    "", " ", "  ", "\n", "\r\n", "\t", "a", "A tent.", "Tent for two people", "it's IT'S I'd we'VE they'll don't 'tis 'ſ 'S",
    "naïve café Zürich straße", "nai\u0308ve (decomposed)", "東京屋 これは良い商品です。", "mixed 東京 and English",
    "emoji 😀 family 👨‍👩‍👧‍👦 flag 🇨🇭", "line one\r\nline two\r\n\r\nline four", "trailing spaces   ", "   leading spaces",
    "in   the    middle", "tabs\t\tand \t mixed  \n  spaces \n\n", "1 12 123 1234567890 3.14159 1,000,000 ½ ² Ⅷ ٣",
    "C:\\path\\file_name.txt", "x==y && !z||w", "!!!???...", "$19.99", "https://example.org/a?b=c&d=%20", "<|endoftext|>",
    "a<|endoftext|>b", "a <|endoftext|> b", "<think></think>", "<think> hmm </think>", "x<think>y</think>z",
    "<a_1><a_10><a_100>", "bought<a_1><b_2>, <a_10> <b_20>", "<a_1", "<a_12>", "<a_1>1", "a_1>", "<<a_1>>", "<a_1><a_1><a_1>",
    "\u00a0nbsp\u00a0", "\u3000ideographic\u3000space", "\u180emongolian\u180e separator", "\u2028ls\u2029ps\u0085nel", "\ufeffbom",
    "zero\u200bwidth", "\u0301combining first", "e\u0301\u0323 stacked", "\u1100\u1161\u11a8 jamo", "\u212b angstrom", "ﬁ ligature",
    "\ud7ff\ue000\ufffd\U0010ffff", "\x01\x02\x7f", "a\x0bb\x0cc", "don’t “quote”", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " a  b   c    d", "\n\n\n", " \n \n ", "a\n", "a\r", "\r\r\n", "#\n\n#", "(a)\n\n(b)\r\n", "people's tents'",
]


def main():
    out = {}
    for name, nfc in (("plain", False), ("nfc", True)):
        data = json.loads((here / "tokenizer.json").read_text(encoding="utf-8"))
        if nfc:
            data["normalizer"] = {"type": "NFC"}
        tokenizer = Tokenizer.from_str(json.dumps(data))
        sids = ["<pause>", "<a_1>", "<a_10>", "<a_100>", "<b_2>", "<b_20>", "<a_1><b_2>"]
        tokenizer.add_tokens([AddedToken(s, normalized=False) for s in sids])
        rows = []
        for text in STRINGS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
        out[name] = {"added": sids, "size": tokenizer.get_vocab_size(), "rows": rows}
    text = json.dumps(out, ensure_ascii=True, indent=0, sort_keys=True)
    (here / "tokenizer-encodings.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
