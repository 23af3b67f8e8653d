"""Privacy that can be checked: guarantees in words, exact noise, one chain per slider, ledgers, accountant, audits.

Knows no model and no page. What is guaranteed to whom, by which theorem, and what is not protected: docs/privacy.md.
"""
