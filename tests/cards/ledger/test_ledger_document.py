"""The document about the ledger names every invariant that is checked, and no other."""

import re

from app.local.place import CHECKOUT
from cards.ledger.verify import INVARIANTS


def test_the_document_lists_the_invariants_in_their_order():
    words = (CHECKOUT / "docs" / "ledger.md").read_text().split("## Invariants")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", words, re.MULTILINE) == list(INVARIANTS)
