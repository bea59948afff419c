"""The document about the ledger names every invariant that is checked, and no other; and for every bug elsewhere a test that is there."""

import re

from app.local.place import CHECKOUT
from cards.ledger.verify import INVARIANTS

BUGS = (
    *("Saleor 544", "eventyay 1398", "Shopware 18716", "mall 1003", "Spree 11284", "Medusa loyalty 16347", "Odoo 222372", "OCA pos 185"),
    *("Odoo 257854", "FloCafe 78", "ERPNext 59050", "WooCommerce 67737", "mall 1002", "Voucherify", "Odoo 150833", "Saleor 18563"),
    "SyliusGiftCard 297",
)


def chapter(name):
    return (CHECKOUT / "docs" / "ledger.md").read_text().split(f"## {name}")[1].split("\n## ")[0]


def test_the_document_lists_the_invariants_in_their_order():
    assert re.findall(r"^\| `(\w+)` \|", chapter("Invariants"), re.MULTILINE) == list(INVARIANTS)


def test_every_bug_that_shipped_elsewhere_has_its_test():
    words = chapter("Bugs that shipped elsewhere")
    assert [bug for bug in BUGS if bug not in words] == []
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", words)
    assert len(named) > len(BUGS)
    assert [test for path, test in named if f"def {test}(" not in (CHECKOUT / path).read_text()] == []
